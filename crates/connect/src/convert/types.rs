//! Data types to and from their messages.

use spark_connect_proto as proto;
use spark_connect_proto::data_type::Kind;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::collation::INDETERMINATE;
use vonk_plan::types::{DayTimeField, UTF8_BINARY, UserDefinedType, YearMonthField};
use vonk_plan::{DataType, StructField, StructType};

use super::not_set;
use crate::text::TextReader;

mod ml;

/// Deepest nesting of a type that is read: types go back to clients, from threads with small stacks.
const MAX_DEPTH: usize = 500;

/// The type a message names.
pub fn from_proto(message: &proto::DataType, text: &TextReader) -> SparkResult<DataType> {
    Reader { text, depth: 0 }.data_type(message)
}

/// Where the reading of a type has come to.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t TextReader,
    depth: usize,
}

impl Reader<'_> {
    fn data_type(self, message: &proto::DataType) -> SparkResult<DataType> {
        let Some(kind) = &message.kind else { return Err(not_set("DataType", "KIND_NOT_SET")) };
        Ok(match kind {
            Kind::Null(_) => DataType::Null,
            Kind::Binary(_) => DataType::Binary,
            Kind::Boolean(_) => DataType::Boolean,
            Kind::Byte(_) => DataType::Byte,
            Kind::Short(_) => DataType::Short,
            Kind::Integer(_) => DataType::Int,
            Kind::Long(_) => DataType::Long,
            Kind::Float(_) => DataType::Float,
            Kind::Double(_) => DataType::Double,
            Kind::Decimal(d) => {
                let (precision, scale) = (d.precision.unwrap_or(10), d.scale.unwrap_or(0));
                DataType::Decimal(small(precision)?, small(scale)?)
            }
            Kind::String(s) if s.collation.is_empty() || s.collation == UTF8_BINARY => DataType::STRING,
            Kind::String(s) if s.collation == INDETERMINATE => DataType::String(Some(INDETERMINATE.into())),
            Kind::String(s) => vonk_plan::types::collation::string_type(&s.collation)?,
            Kind::Char(c) => DataType::Char(small(c.length)?),
            Kind::VarChar(c) => DataType::VarChar(small(c.length)?),
            Kind::Date(_) => DataType::Date,
            Kind::Timestamp(_) => DataType::Timestamp,
            Kind::TimestampNtz(_) => DataType::TimestampNtz,
            Kind::Time(t) => DataType::Time(small(t.precision.unwrap_or(6))?),
            Kind::CalendarInterval(_) => DataType::CalendarInterval,
            Kind::YearMonthInterval(i) => {
                let start = year_month(i.start_field.unwrap_or(0))?;
                let end = i
                    .end_field
                    .map_or(Ok(if i.start_field.is_some() { start } else { YearMonthField::Month }), year_month)?;
                DataType::YearMonthInterval(start, end)
            }
            Kind::DayTimeInterval(i) => {
                let start = day_time(i.start_field.unwrap_or(0))?;
                let end = i
                    .end_field
                    .map_or(Ok(if i.start_field.is_some() { start } else { DayTimeField::Second }), day_time)?;
                DataType::DayTimeInterval(start, end)
            }
            Kind::Array(a) => DataType::array(self.child(a.element_type.as_deref())?, a.contains_null),
            Kind::Map(m) => DataType::map(
                self.child(m.key_type.as_deref())?,
                self.child(m.value_type.as_deref())?,
                m.value_contains_null,
            ),
            Kind::Struct(s) => DataType::Struct(self.structure(s)?),
            Kind::Variant(_) => DataType::Variant,
            Kind::Geometry(g) => DataType::Geometry(g.srid),
            Kind::Geography(g) => DataType::Geography(g.srid),
            Kind::Udt(u) => self.udt(u)?,
            Kind::Unparsed(u) => {
                // A type, or the columns of one: `a int, b: string`.
                let text = u.data_type_string.trim();
                let columns = |e| self.text.data_type(&format!("struct<{text}>")).map_err(|_| e);
                self.text.data_type(text).or_else(columns)?
            }
            Kind::TimestampLtzNanos(t) => DataType::timestamp(nano_digits(t.precision, false)?, false),
            Kind::TimestampNtzNanos(t) => DataType::timestamp(nano_digits(t.precision, true)?, true),
        })
    }

    fn child(self, message: Option<&proto::DataType>) -> SparkResult<DataType> {
        if self.depth >= MAX_DEPTH {
            return Err(super::broken(&format!("a type nests deeper than {MAX_DEPTH} levels")));
        }
        let inner = Reader { depth: self.depth + 1, ..self };
        message.map_or_else(|| Err(not_set("DataType", "KIND_NOT_SET")), |m| inner.data_type(m))
    }

    fn structure(self, s: &proto::data_type::Struct) -> SparkResult<StructType> {
        let fields: SparkResult<Vec<_>> = s
            .fields
            .iter()
            .map(|f| {
                Ok(StructField {
                    name: f.name.clone(),
                    data_type: self.child(f.data_type.as_ref())?,
                    nullable: f.nullable,
                    metadata: f.metadata.as_deref().filter(|m| !matches!(m.trim(), "" | "{}")).map(Into::into),
                })
            })
            .collect();
        Ok(StructType::new(fields?))
    }

    fn udt(self, u: &proto::data_type::Udt) -> SparkResult<DataType> {
        Ok(DataType::Udt(Box::new(UserDefinedType {
            jvm_class: u.jvm_class.clone(),
            python_class: u.python_class.clone(),
            serialized_python_class: u.serialized_python_class.clone(),
            sql_type: match u.sql_type.as_deref() {
                Some(t) => self.child(Some(t))?,
                None => ml::storage(u.jvm_class.as_deref())
                    .ok_or_else(|| SparkError::new("CONNECT_INVALID_PLAN.PYTHON_UDT_MISSING_FIELDS"))?,
            },
        })))
    }
}

/// A schema: a struct, or text that names the columns.
pub fn schema_from_proto(message: &proto::DataType, text: &TextReader) -> SparkResult<StructType> {
    if let Some(Kind::Unparsed(u)) = &message.kind {
        return text.schema(&u.data_type_string);
    }
    match from_proto(message, text)? {
        DataType::Struct(s) => Ok(s),
        other => Err(SparkError::new("CONNECT_INVALID_PLAN.INVALID_SCHEMA_NON_STRUCT_TYPE")
            .param("inputSchema", vonk_common::error::quote_sql(other.sql()))
            .param("dataType", vonk_common::error::quote_sql(other.sql()))),
    }
}

fn small<T: TryFrom<i32>>(value: i32) -> SparkResult<T> {
    T::try_from(value).map_err(|_| SparkError::internal(format!("type parameter {value} is out of range")))
}

/// Digits of a second of a timestamp of nanoseconds.
pub fn nano_digits(precision: Option<i32>, ntz: bool) -> SparkResult<u8> {
    let precision = precision.unwrap_or(9);
    u8::try_from(precision).ok().filter(|p| (7..=9).contains(p)).ok_or_else(|| {
        let name = if ntz { "TIMESTAMP_NTZ" } else { "TIMESTAMP_LTZ" };
        SparkError::new("INVALID_TIMESTAMP_PRECISION").param("precision", precision).param("type", name)
    })
}

fn year_month(field: i32) -> SparkResult<YearMonthField> {
    match field {
        0 => Ok(YearMonthField::Year),
        1 => Ok(YearMonthField::Month),
        other => Err(SparkError::internal(format!("interval field {other}"))),
    }
}

fn day_time(field: i32) -> SparkResult<DayTimeField> {
    match field {
        0 => Ok(DayTimeField::Day),
        1 => Ok(DayTimeField::Hour),
        2 => Ok(DayTimeField::Minute),
        3 => Ok(DayTimeField::Second),
        other => Err(SparkError::internal(format!("interval field {other}"))),
    }
}

/// The message of a type.
pub fn to_proto(t: &DataType) -> proto::DataType {
    use proto::data_type as p;
    let kind = match t {
        DataType::Null => Kind::Null(p::Null::default()),
        DataType::Boolean => Kind::Boolean(p::Boolean::default()),
        DataType::Byte => Kind::Byte(p::Byte::default()),
        DataType::Short => Kind::Short(p::Short::default()),
        DataType::Int => Kind::Integer(p::Integer::default()),
        DataType::Long => Kind::Long(p::Long::default()),
        DataType::Float => Kind::Float(p::Float::default()),
        DataType::Double => Kind::Double(p::Double::default()),
        DataType::Decimal(precision, scale) => Kind::Decimal(p::Decimal {
            precision: Some((*precision).into()),
            scale: Some((*scale).into()),
            ..Default::default()
        }),
        DataType::String(c) => {
            Kind::String(p::String { collation: c.as_deref().unwrap_or(UTF8_BINARY).to_string(), ..Default::default() })
        }
        DataType::Char(n) => {
            Kind::Char(p::Char { length: i32::try_from(*n).unwrap_or(i32::MAX), ..Default::default() })
        }
        DataType::VarChar(n) => {
            Kind::VarChar(p::VarChar { length: i32::try_from(*n).unwrap_or(i32::MAX), ..Default::default() })
        }
        DataType::Binary => Kind::Binary(p::Binary::default()),
        DataType::Date => Kind::Date(p::Date::default()),
        DataType::Timestamp => Kind::Timestamp(p::Timestamp::default()),
        DataType::TimestampNtz => Kind::TimestampNtz(p::TimestampNtz::default()),
        DataType::TimestampLtzNanos(n) => {
            Kind::TimestampLtzNanos(p::TimestampLtzNanos { precision: Some((*n).into()), ..Default::default() })
        }
        DataType::TimestampNtzNanos(n) => {
            Kind::TimestampNtzNanos(p::TimestampNtzNanos { precision: Some((*n).into()), ..Default::default() })
        }
        DataType::Time(n) => Kind::Time(p::Time { precision: Some((*n).into()), ..Default::default() }),
        DataType::CalendarInterval => Kind::CalendarInterval(p::CalendarInterval::default()),
        DataType::YearMonthInterval(a, b) => Kind::YearMonthInterval(p::YearMonthInterval {
            start_field: Some(*a as i32),
            end_field: Some(*b as i32),
            ..Default::default()
        }),
        DataType::DayTimeInterval(a, b) => Kind::DayTimeInterval(p::DayTimeInterval {
            start_field: Some(*a as i32),
            end_field: Some(*b as i32),
            ..Default::default()
        }),
        DataType::Array(e, contains_null) => Kind::Array(Box::new(p::Array {
            element_type: Some(Box::new(to_proto(e))),
            contains_null: *contains_null,
            ..Default::default()
        })),
        DataType::Map(k, v, contains_null) => Kind::Map(Box::new(p::Map {
            key_type: Some(Box::new(to_proto(k))),
            value_type: Some(Box::new(to_proto(v))),
            value_contains_null: *contains_null,
            ..Default::default()
        })),
        DataType::Struct(s) => Kind::Struct(struct_to_proto(s)),
        DataType::Variant => Kind::Variant(p::Variant::default()),
        DataType::Geometry(srid) => Kind::Geometry(p::Geometry { srid: *srid, ..Default::default() }),
        DataType::Geography(srid) => Kind::Geography(p::Geography { srid: *srid, ..Default::default() }),
        DataType::Udt(u) => Kind::Udt(Box::new(p::Udt {
            r#type: "udt".into(),
            jvm_class: u.jvm_class.clone(),
            python_class: u.python_class.clone(),
            serialized_python_class: u.serialized_python_class.clone(),
            sql_type: Some(Box::new(to_proto(&u.sql_type))),
        })),
    };
    proto::DataType { kind: Some(kind) }
}

/// The message of a schema.
pub fn schema_to_proto(s: &StructType) -> proto::DataType {
    proto::DataType { kind: Some(Kind::Struct(struct_to_proto(s))) }
}

fn struct_to_proto(s: &StructType) -> proto::data_type::Struct {
    let fields = s.fields.iter().map(|f| proto::data_type::StructField {
        name: f.name.clone(),
        data_type: Some(to_proto(&f.data_type)),
        nullable: f.nullable,
        metadata: f.metadata.as_deref().map(str::to_string),
    });
    proto::data_type::Struct { fields: fields.collect(), type_variation_reference: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bottomless_types_are_refused() {
        let deep = (0..600).fold(DataType::Int, |t, _| DataType::array(t, true));
        assert!(crate::convert::test_converter().data_type(&to_proto(&deep)).is_err());
    }

    #[test]
    fn digits_of_nanoseconds_are_seven_to_nine() {
        assert_eq!(nano_digits(None, true), Ok(9));
        assert!(nano_digits(Some(6), false).is_err_and(|e| e.class() == "INVALID_TIMESTAMP_PRECISION"));
    }

    #[test]
    fn types_survive_the_round_trip() {
        let inner = DataType::structure([
            StructField::new("d", DataType::Decimal(12, 2), false),
            StructField::new("i", DataType::DayTimeInterval(DayTimeField::Hour, DayTimeField::Second), true),
            StructField::new("c", DataType::String(Some("UNICODE".into())), true),
            StructField::new("t", DataType::Time(3), true),
            StructField::new("l", DataType::TimestampLtzNanos(7), true),
            StructField::new("n", DataType::TimestampNtzNanos(9), true),
        ]);
        let t = DataType::map(DataType::STRING, DataType::array(inner, true), false);
        let converter = crate::convert::test_converter();
        assert_eq!(converter.data_type(&to_proto(&t)), Ok(t));
    }
}
