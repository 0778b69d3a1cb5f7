//! Constants to and from their messages.

use std::sync::Arc;

use proto::expression::Literal as Message;
use proto::expression::literal::{self as p, LiteralType, specialized_array::ValueType};
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::{DataType, Literal};

use super::{not_set, types};
use crate::text::TextReader;

mod decimal;

/// The value a message carries.
#[allow(deprecated)] // Clients up to 4.0 say the types of nested values in the deprecated fields.
pub fn from_proto(message: Message, text: &TextReader) -> SparkResult<Literal> {
    let Message { data_type, literal_type } = message;
    let declared = data_type.as_ref().map(|t| types::from_proto(t, text)).transpose()?;
    let Some(value) = literal_type else {
        // A type alone is a NULL of that type.
        return declared.map(Literal::Null).ok_or_else(|| not_set("Expression.Literal", "LITERALTYPE_NOT_SET"));
    };
    Ok(match value {
        LiteralType::Null(t) => Literal::Null(match declared {
            Some(t) => t,
            None if t.kind.is_none() => DataType::Null,
            None => types::from_proto(&t, text)?,
        }),
        LiteralType::Binary(b) => Literal::Binary(Arc::from(&b[..])),
        LiteralType::Boolean(b) => Literal::Boolean(b),
        // Wider integers on the wire wrap as a cast of Java does.
        LiteralType::Byte(i) => Literal::Byte(i as i8),
        LiteralType::Short(i) => Literal::Short(i as i16),
        LiteralType::Integer(i) => Literal::Int(i),
        LiteralType::Long(i) => Literal::Long(i),
        LiteralType::Float(f) => Literal::Float(f),
        LiteralType::Double(f) => Literal::Double(f),
        LiteralType::Decimal(d) => decimal::from_proto(&d)?,
        LiteralType::String(s) => Literal::string(s),
        LiteralType::Date(d) => Literal::Date(d),
        LiteralType::Timestamp(t) => Literal::Timestamp(t),
        LiteralType::TimestampNtz(t) => Literal::TimestampNtz(t),
        LiteralType::Time(t) => Literal::Time(t.nano, u8::try_from(t.precision.unwrap_or(6)).unwrap_or(6)),
        LiteralType::CalendarInterval(i) => {
            Literal::CalendarInterval { months: i.months, days: i.days, microseconds: i.microseconds }
        }
        LiteralType::YearMonthInterval(months) => {
            let (a, b) = match declared {
                Some(DataType::YearMonthInterval(a, b)) => (a, b),
                _ => (vonk_plan::types::YearMonthField::Year, vonk_plan::types::YearMonthField::Month),
            };
            Literal::YearMonthInterval(months, a, b)
        }
        LiteralType::DayTimeInterval(micros) => {
            let (a, b) = match declared {
                Some(DataType::DayTimeInterval(a, b)) => (a, b),
                _ => (vonk_plan::types::DayTimeField::Day, vonk_plan::types::DayTimeField::Second),
            };
            Literal::DayTimeInterval(micros, a, b)
        }
        LiteralType::Array(a) => {
            let declared = match (declared, a.element_type) {
                (Some(DataType::Array(e, _)), _) => Some(*e),
                (_, Some(e)) => Some(types::from_proto(&e, text)?),
                _ => None,
            };
            let items = list(a.elements, declared.as_ref(), text)?;
            Literal::Array(declared.unwrap_or_else(|| common(&items)), items)
        }
        LiteralType::Map(m) => {
            let (key, value) = match declared {
                Some(DataType::Map(k, v, _)) => (Some(*k), Some(*v)),
                _ => (
                    m.key_type.as_ref().map(|t| types::from_proto(t, text)).transpose()?,
                    m.value_type.as_ref().map(|t| types::from_proto(t, text)).transpose()?,
                ),
            };
            let (keys, values) = (list(m.keys, key.as_ref(), text)?, list(m.values, value.as_ref(), text)?);
            Literal::Map {
                key_type: key.unwrap_or_else(|| common(&keys)),
                value_type: value.unwrap_or_else(|| common(&values)),
                keys,
                values,
            }
        }
        LiteralType::Struct(s) => {
            let declared = match declared {
                Some(t) => t,
                None => match &s.struct_type {
                    Some(t) => types::from_proto(t, text)?,
                    None => return Err(SparkError::new("CONNECT_INVALID_PLAN.STRUCT_LITERAL_MISSING_DATA_TYPE")),
                },
            };
            structure(s.elements, declared, text)?
        }
        LiteralType::SpecializedArray(a) => match a.value_type {
            Some(ValueType::Bools(v)) => array(DataType::Boolean, v.values, Literal::Boolean),
            Some(ValueType::Ints(v)) => array(DataType::Int, v.values, Literal::Int),
            Some(ValueType::Longs(v)) => array(DataType::Long, v.values, Literal::Long),
            Some(ValueType::Floats(v)) => array(DataType::Float, v.values, Literal::Float),
            Some(ValueType::Doubles(v)) => array(DataType::Double, v.values, Literal::Double),
            Some(ValueType::Strings(v)) => array(DataType::STRING, v.values, Literal::string),
            None => return Err(not_set("Expression.Literal.SpecializedArray", "VALUETYPE_NOT_SET")),
        },
        LiteralType::TimestampLtzNanos(t) => Literal::TimestampLtzNanos(
            i128::from(t.epoch_micros) * 1000 + i128::from(t.nanos_within_micro),
            types::nano_digits(t.precision, false)?,
        ),
        LiteralType::TimestampNtzNanos(t) => Literal::TimestampNtzNanos(
            i128::from(t.epoch_micros) * 1000 + i128::from(t.nanos_within_micro),
            types::nano_digits(t.precision, true)?,
        ),
    })
}

fn array<T>(t: DataType, values: Vec<T>, f: impl Fn(T) -> Literal) -> Literal {
    Literal::Array(t, values.into_iter().map(f).collect())
}

/// Nested values, which leave their type to the type around them.
fn list(items: Vec<Message>, declared: Option<&DataType>, text: &TextReader) -> SparkResult<Vec<Literal>> {
    items.into_iter().map(|item| element(item, declared, text)).collect()
}

fn element(mut item: Message, declared: Option<&DataType>, text: &TextReader) -> SparkResult<Literal> {
    if item.data_type.is_none() {
        item.data_type = declared.map(types::to_proto);
    }
    from_proto(item, text)
}

fn structure(elements: Vec<Message>, declared: DataType, text: &TextReader) -> SparkResult<Literal> {
    let DataType::Struct(s) = declared.storage() else {
        return Err(SparkError::new("CONNECT_INVALID_PLAN.STRUCT_LITERAL_MISSING_DATA_TYPE"));
    };
    let fields = s.fields.to_vec();
    if fields.len() != elements.len() {
        return Err(super::broken("a struct literal has as many elements as its type has fields"));
    }
    let values: SparkResult<Vec<_>> =
        elements.into_iter().zip(&fields).map(|(e, f)| element(e, Some(&f.data_type), text)).collect();
    let value = Literal::Struct(fields, values?);
    Ok(if matches!(declared, DataType::Udt(_)) { Literal::Udt(declared, Box::new(value)) } else { value })
}

/// The type of the first element that has one.
fn common(items: &[Literal]) -> DataType {
    items.iter().map(Literal::data_type).find(|t| *t != DataType::Null).unwrap_or(DataType::Null)
}

/// The message of a value. Types of nested values go into the fields that PySpark reads.
#[allow(deprecated)]
pub fn to_proto(value: &Literal) -> Message {
    let kind = match value {
        Literal::Null(t) => LiteralType::Null(types::to_proto(t)),
        Literal::Boolean(b) => LiteralType::Boolean(*b),
        Literal::Byte(i) => LiteralType::Byte((*i).into()),
        Literal::Short(i) => LiteralType::Short((*i).into()),
        Literal::Int(i) => LiteralType::Integer(*i),
        Literal::Long(i) => LiteralType::Long(*i),
        Literal::Float(f) => LiteralType::Float(*f),
        Literal::Double(f) => LiteralType::Double(*f),
        Literal::Decimal(unscaled, precision, scale) => LiteralType::Decimal(p::Decimal {
            value: decimal::text(*unscaled, (*scale).into()),
            precision: Some((*precision).into()),
            scale: Some((*scale).into()),
        }),
        Literal::String(s) => LiteralType::String(s.to_string()),
        Literal::Binary(b) => LiteralType::Binary(b.to_vec().into()),
        Literal::Date(d) => LiteralType::Date(*d),
        Literal::Timestamp(t) => LiteralType::Timestamp(*t),
        Literal::TimestampNtz(t) => LiteralType::TimestampNtz(*t),
        Literal::TimestampLtzNanos(nanos, precision) => LiteralType::TimestampLtzNanos(p::TimestampLtzNanos {
            epoch_micros: i64::try_from(nanos.div_euclid(1000)).unwrap_or_default(),
            nanos_within_micro: nanos.rem_euclid(1000) as i32,
            precision: Some((*precision).into()),
        }),
        Literal::TimestampNtzNanos(nanos, precision) => LiteralType::TimestampNtzNanos(p::TimestampNtzNanos {
            epoch_micros: i64::try_from(nanos.div_euclid(1000)).unwrap_or_default(),
            nanos_within_micro: nanos.rem_euclid(1000) as i32,
            precision: Some((*precision).into()),
        }),
        Literal::Time(nano, precision) => {
            LiteralType::Time(p::Time { nano: *nano, precision: Some((*precision).into()) })
        }
        Literal::CalendarInterval { months, days, microseconds } => {
            LiteralType::CalendarInterval(p::CalendarInterval {
                months: *months,
                days: *days,
                microseconds: *microseconds,
            })
        }
        Literal::YearMonthInterval(months, ..) => LiteralType::YearMonthInterval(*months),
        Literal::DayTimeInterval(micros, ..) => LiteralType::DayTimeInterval(*micros),
        Literal::Array(t, items) => LiteralType::Array(p::Array {
            element_type: Some(types::to_proto(t)),
            elements: items.iter().map(to_proto).collect(),
        }),
        Literal::Map { key_type, value_type, keys, values } => LiteralType::Map(p::Map {
            key_type: Some(types::to_proto(key_type)),
            value_type: Some(types::to_proto(value_type)),
            keys: keys.iter().map(to_proto).collect(),
            values: values.iter().map(to_proto).collect(),
        }),
        Literal::Struct(fields, values) => LiteralType::Struct(p::Struct {
            struct_type: Some(types::to_proto(&DataType::structure(fields.iter().cloned()))),
            elements: values.iter().map(to_proto).collect(),
        }),
        Literal::Udt(t, inner) => match &**inner {
            // Vectors and matrices: their arrays travel packed.
            Literal::Struct(_, values) => LiteralType::Struct(p::Struct {
                struct_type: Some(types::to_proto(t)),
                elements: values.iter().map(packed).collect(),
            }),
            other => return to_proto(other),
        },
    };
    Message { data_type: None, literal_type: Some(kind) }
}

fn packed(value: &Literal) -> Message {
    let Literal::Array(t, items) = value else { return to_proto(value) };
    let values = match t {
        DataType::Int => ValueType::Ints(proto::Ints {
            values: items.iter().filter_map(|i| if let Literal::Int(i) = i { Some(*i) } else { None }).collect(),
        }),
        DataType::Double => ValueType::Doubles(proto::Doubles {
            values: items.iter().filter_map(|i| if let Literal::Double(f) = i { Some(*f) } else { None }).collect(),
        }),
        _ => return to_proto(value),
    };
    Message {
        data_type: None,
        literal_type: Some(LiteralType::SpecializedArray(p::SpecializedArray { value_type: Some(values) })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_survive_the_round_trip() {
        let map = Literal::Map {
            key_type: DataType::STRING,
            value_type: DataType::Long,
            keys: vec![Literal::string("a")],
            values: vec![Literal::Null(DataType::Long)],
        };
        let value = Literal::Array(map.data_type(), vec![map]);
        assert_eq!(crate::convert::test_converter().literal(to_proto(&value)), Ok(value));
    }

    #[test]
    fn nanoseconds_before_1970_survive_the_round_trip() {
        for value in [Literal::TimestampNtzNanos(-1, 9), Literal::TimestampLtzNanos(-100, 7)] {
            assert_eq!(crate::convert::test_converter().literal(to_proto(&value)), Ok(value));
        }
    }
}
