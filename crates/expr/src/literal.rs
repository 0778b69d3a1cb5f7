//! Literals as Arrow scalars, and as SQL text.
//!
//! The SQL text of a literal in a column name is its value as `CAST(… AS STRING)` would give it for
//! strings and numbers (`md5(Spark)`), and typed for dates and intervals (`DATE '2020-01-01'`).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StructArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType as Arrow, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use crate::arrow_types::{UTC, element_field, entries_field, struct_fields, to_arrow};
use crate::cast::variant::Variant;
use crate::cast::variant::json::to_json;
use crate::cast::zone::Zone;
use crate::sql_text::SqlText;

/// The literal as a scalar of type `to_arrow(&literal.data_type())`.
pub fn to_scalar(value: &Literal) -> SparkResult<ScalarValue> {
    Ok(match value {
        Literal::Null(t) => ScalarValue::try_from(&to_arrow(t)).map_err(crate::spark_error)?,
        Literal::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Literal::Byte(v) => ScalarValue::Int8(Some(*v)),
        Literal::Short(v) => ScalarValue::Int16(Some(*v)),
        Literal::Int(v) => ScalarValue::Int32(Some(*v)),
        Literal::Long(v) => ScalarValue::Int64(Some(*v)),
        Literal::Float(v) => ScalarValue::Float32(Some(*v)),
        Literal::Double(v) => ScalarValue::Float64(Some(*v)),
        Literal::Decimal(v, p, s) => ScalarValue::Decimal128(Some(*v), *p, *s),
        Literal::String(v) => ScalarValue::Utf8(Some(v.to_string())),
        Literal::Binary(v) => ScalarValue::Binary(Some(v.to_vec())),
        Literal::Date(v) => ScalarValue::Date32(Some(*v)),
        Literal::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some(UTC.into())),
        Literal::TimestampNtz(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        Literal::TimestampLtzNanos(v, _) => {
            ScalarValue::TimestampNanosecond(Some(crate::nanos::stored(*v, false)?), Some(UTC.into()))
        }
        Literal::TimestampNtzNanos(v, _) => {
            ScalarValue::TimestampNanosecond(Some(crate::nanos::stored(*v, true)?), None)
        }
        Literal::Time(v, _) => ScalarValue::Time64Nanosecond(Some(*v)),
        Literal::CalendarInterval { months, days, microseconds } => {
            let nanos = microseconds.checked_mul(1000).ok_or_else(|| {
                SparkError::new("ARITHMETIC_OVERFLOW")
                    .param("message", "interval out of range")
                    .param("alternative", "")
                    .param("config", "")
            })?;
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(*months, *days, nanos)))
        }
        Literal::YearMonthInterval(v, ..) => ScalarValue::IntervalYearMonth(Some(*v)),
        Literal::DayTimeInterval(v, ..) => ScalarValue::DurationMicrosecond(Some(*v)),
        Literal::Array(t, items) => {
            let values = array_of(t, items)?;
            let offsets = OffsetBuffer::from_lengths([items.len()]);
            ScalarValue::List(Arc::new(ListArray::try_new(element_field(t), offsets, values, None).map_err(arrow)?))
        }
        Literal::Map { key_type, value_type, keys, values } => {
            let field = entries_field(key_type, value_type);
            let Arrow::Struct(fields) = field.data_type() else { return Err(SparkError::internal("map entries")) };
            let columns = vec![array_of(key_type, keys)?, array_of(value_type, values)?];
            let entries = StructArray::try_new(fields.clone(), columns, None).map_err(arrow)?;
            let offsets = OffsetBuffer::from_lengths([keys.len()]);
            ScalarValue::Map(Arc::new(MapArray::try_new(field.clone(), offsets, entries, None, false).map_err(arrow)?))
        }
        Literal::Struct(fields, items) => {
            let DataType::Struct(ty) = DataType::structure(fields.iter().cloned()) else {
                return Err(SparkError::internal("struct literal"));
            };
            let columns: SparkResult<Vec<_>> =
                fields.iter().zip(items).map(|(f, v)| array_of(&f.data_type, std::slice::from_ref(v))).collect();
            let array = match fields.is_empty() {
                true => StructArray::new_empty_fields(1, None),
                false => StructArray::try_new(struct_fields(&ty), columns?, None).map_err(arrow)?,
            };
            ScalarValue::Struct(Arc::new(array))
        }
        Literal::Udt(_, inner) => to_scalar(inner)?,
    })
}

/// The literals as one array of type `to_arrow(t)`.
pub fn array_of(t: &DataType, items: &[Literal]) -> SparkResult<ArrayRef> {
    let target = to_arrow(t);
    if items.is_empty() {
        return Ok(new_empty_array(&target));
    }
    let scalars: SparkResult<Vec<_>> = items
        .iter()
        .map(|v| match v {
            Literal::Null(_) => ScalarValue::try_from(&target).map_err(crate::spark_error),
            v => {
                let scalar = to_scalar(v)?;
                if scalar.data_type() == target {
                    Ok(scalar)
                } else {
                    scalar.cast_to(&target).map_err(crate::spark_error)
                }
            }
        })
        .collect();
    ScalarValue::iter_to_array(scalars?).map_err(crate::spark_error)
}

fn arrow(e: datafusion::arrow::error::ArrowError) -> SparkError {
    crate::spark_error(e.into())
}

/// A scalar of the engine as a literal of the given Spark type.
pub fn from_scalar(value: &ScalarValue, t: &DataType) -> SparkResult<Literal> {
    if value.is_null() {
        return Ok(Literal::Null(t.clone()));
    }
    let list = |array: &dyn Array, t: &DataType| -> SparkResult<Vec<Literal>> {
        (0..array.len())
            .map(|i| from_scalar(&ScalarValue::try_from_array(array, i).map_err(crate::spark_error)?, t))
            .collect()
    };
    Ok(match (value, t) {
        (ScalarValue::Boolean(Some(v)), _) => Literal::Boolean(*v),
        (ScalarValue::Int8(Some(v)), _) => Literal::Byte(*v),
        (ScalarValue::Int16(Some(v)), _) => Literal::Short(*v),
        (ScalarValue::Int32(Some(v)), _) => Literal::Int(*v),
        (ScalarValue::Int64(Some(v)), _) => Literal::Long(*v),
        (ScalarValue::Float32(Some(v)), _) => Literal::Float(*v),
        (ScalarValue::Float64(Some(v)), _) => Literal::Double(*v),
        (ScalarValue::Decimal128(Some(v), p, s), _) => Literal::Decimal(*v, *p, *s),
        (ScalarValue::Utf8(Some(v)) | ScalarValue::LargeUtf8(Some(v)) | ScalarValue::Utf8View(Some(v)), _) => {
            Literal::string(v.as_str())
        }
        (ScalarValue::Binary(Some(v)) | ScalarValue::LargeBinary(Some(v)), _) => Literal::Binary(v.as_slice().into()),
        (ScalarValue::Date32(Some(v)), _) => Literal::Date(*v),
        (ScalarValue::TimestampMicrosecond(Some(v), Some(_)), _) => Literal::Timestamp(*v),
        (ScalarValue::TimestampMicrosecond(Some(v), None), _) => Literal::TimestampNtz(*v),
        (ScalarValue::TimestampNanosecond(Some(v), _), DataType::TimestampLtzNanos(p)) => {
            Literal::TimestampLtzNanos((*v).into(), *p)
        }
        (ScalarValue::TimestampNanosecond(Some(v), _), DataType::TimestampNtzNanos(p)) => {
            Literal::TimestampNtzNanos((*v).into(), *p)
        }
        (ScalarValue::Time64Nanosecond(Some(v)), DataType::Time(p)) => Literal::Time(*v, *p),
        (ScalarValue::IntervalMonthDayNano(Some(v)), _) => {
            Literal::CalendarInterval { months: v.months, days: v.days, microseconds: v.nanoseconds / 1000 }
        }
        (ScalarValue::IntervalYearMonth(Some(v)), DataType::YearMonthInterval(a, b)) => {
            Literal::YearMonthInterval(*v, *a, *b)
        }
        (ScalarValue::DurationMicrosecond(Some(v)), DataType::DayTimeInterval(a, b)) => {
            Literal::DayTimeInterval(*v, *a, *b)
        }
        (ScalarValue::List(array), DataType::Array(e, _)) => Literal::Array((**e).clone(), list(&array.value(0), e)?),
        (ScalarValue::Map(array), DataType::Map(k, v, _)) => {
            let entries = array.value(0);
            Literal::Map {
                key_type: (**k).clone(),
                value_type: (**v).clone(),
                keys: list(entries.column(0), k)?,
                values: list(entries.column(1), v)?,
            }
        }
        (ScalarValue::Struct(array), DataType::Struct(s)) => {
            let items: SparkResult<Vec<_>> = s
                .fields
                .iter()
                .zip(array.columns())
                .map(|(f, c)| {
                    from_scalar(&ScalarValue::try_from_array(c, 0).map_err(crate::spark_error)?, &f.data_type)
                })
                .collect();
            Literal::Struct(s.fields.to_vec(), items?)
        }
        (ScalarValue::Struct(array), DataType::Variant) => variant(array)?,
        (value, DataType::Udt(u)) => Literal::Udt(t.clone(), Box::new(from_scalar(value, &u.sql_type)?)),
        (value, t) => return Err(SparkError::internal(format!("{value:?} is not a {t}"))),
    })
}

/// A variant as a literal: its parts, under the name of its type.
fn variant(array: &StructArray) -> SparkResult<Literal> {
    let part = |name: &str| -> SparkResult<Literal> {
        let column = array.column_by_name(name).ok_or_else(|| SparkError::internal("a variant without its parts"))?;
        from_scalar(&ScalarValue::try_from_array(column, 0).map_err(crate::spark_error)?, &DataType::Binary)
    };
    let fields = ["value", "metadata"].map(|name| StructField::new(name, DataType::Binary, true));
    let parts = vec![part("value")?, part("metadata")?];
    Ok(Literal::Udt(DataType::Variant, Box::new(Literal::Struct(fields.to_vec(), parts))))
}

/// The JSON text of a literal that is a variant.
pub fn variant_json(value: &Literal, zone: &Zone) -> Option<String> {
    let Literal::Udt(DataType::Variant, inner) = value else { return None };
    let Literal::Struct(_, parts) = &**inner else { return None };
    let [Literal::Binary(value), Literal::Binary(metadata)] = parts.as_slice() else { return None };
    Some(to_json(&Variant { value, metadata }, zone))
}

/// The text of a literal in an automatic column name.
pub fn literal_sql(value: &Literal) -> SqlText {
    crate::cast::text::literal_name(value).into()
}
