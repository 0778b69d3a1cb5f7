//! Spark types as Arrow types.
//!
//! Inside the engine an Arrow type follows from the Spark type alone: all fields nullable (map
//! keys excepted), fixed names for nested fields. Kernels build their results with these fields.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType};

/// Name of the item field of lists.
pub const ELEMENT: &str = "element";
/// Name of the entries field of maps, and of its two fields.
pub const ENTRIES: &str = "entries";
pub const KEY: &str = "key";
pub const VALUE: &str = "value";
/// The zone that `TIMESTAMP` columns carry in Arrow.
pub const UTC: &str = "UTC";

/// The Arrow type that values of a Spark type have inside the engine.
pub fn to_arrow(t: &DataType) -> Arrow {
    match t {
        DataType::Null => Arrow::Null,
        DataType::Boolean => Arrow::Boolean,
        DataType::Byte => Arrow::Int8,
        DataType::Short => Arrow::Int16,
        DataType::Int => Arrow::Int32,
        DataType::Long => Arrow::Int64,
        DataType::Float => Arrow::Float32,
        DataType::Double => Arrow::Float64,
        // Arrow knows no DECIMAL(0, 0), whose only value is 0.
        DataType::Decimal(p, s) => Arrow::Decimal128((*p).max(1), *s),
        DataType::String(_) | DataType::Char(_) | DataType::VarChar(_) => Arrow::Utf8,
        DataType::Binary | DataType::Geometry(_) | DataType::Geography(_) => Arrow::Binary,
        DataType::Date => Arrow::Date32,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        DataType::TimestampNtz => Arrow::Timestamp(TimeUnit::Microsecond, None),
        DataType::TimestampLtzNanos(_) => Arrow::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        DataType::TimestampNtzNanos(_) => Arrow::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Time(_) => Arrow::Time64(TimeUnit::Nanosecond),
        DataType::CalendarInterval => Arrow::Interval(IntervalUnit::MonthDayNano),
        DataType::YearMonthInterval(..) => Arrow::Interval(IntervalUnit::YearMonth),
        DataType::DayTimeInterval(..) => Arrow::Duration(TimeUnit::Microsecond),
        DataType::Array(e, _) => Arrow::List(element_field(e)),
        DataType::Map(k, v, _) => Arrow::Map(entries_field(k, v), false),
        DataType::Struct(s) => Arrow::Struct(struct_fields(s)),
        DataType::Variant => Arrow::Struct(Fields::from(vec![
            Field::new("value", Arrow::Binary, true),
            Field::new("metadata", Arrow::Binary, true),
        ])),
        DataType::Udt(u) => to_arrow(&u.sql_type),
    }
}

/// The item field of a list of `element`.
pub fn element_field(element: &DataType) -> FieldRef {
    Arc::new(Field::new(ELEMENT, to_arrow(element), true))
}

/// The entries field of a map.
pub fn entries_field(key: &DataType, value: &DataType) -> FieldRef {
    let fields = vec![Field::new(KEY, to_arrow(key), false), Field::new(VALUE, to_arrow(value), true)];
    Arc::new(Field::new(ENTRIES, Arrow::Struct(Fields::from(fields)), false))
}

pub fn struct_fields(s: &StructType) -> Fields {
    s.fields.iter().map(|f| Field::new(&f.name, to_arrow(&f.data_type), true)).collect()
}

pub fn to_arrow_schema(s: &StructType) -> Schema {
    Schema::new(struct_fields(s))
}

/// The Arrow type with Spark's nullability at every level, for results that leave the engine.
pub fn to_arrow_exact(t: &DataType) -> Arrow {
    match t {
        DataType::Array(e, null) => Arrow::List(Arc::new(Field::new(ELEMENT, to_arrow_exact(e), *null))),
        DataType::Map(k, v, null) => {
            let fields = vec![Field::new(KEY, to_arrow_exact(k), false), Field::new(VALUE, to_arrow_exact(v), *null)];
            Arrow::Map(Arc::new(Field::new(ENTRIES, Arrow::Struct(Fields::from(fields)), false)), false)
        }
        DataType::Struct(s) => Arrow::Struct(
            s.fields.iter().map(|f| Field::new(&f.name, to_arrow_exact(&f.data_type), f.nullable)).collect(),
        ),
        DataType::Variant => Arrow::Struct(Fields::from(vec![
            Field::new("value", Arrow::Binary, false),
            Field::new("metadata", Arrow::Binary, false),
        ])),
        DataType::Udt(u) => to_arrow_exact(&u.sql_type),
        other => to_arrow(other),
    }
}

/// The Spark type of an Arrow type that comes from outside (files, client data).
pub fn from_arrow(t: &Arrow) -> SparkResult<DataType> {
    Ok(match t {
        Arrow::Null => DataType::Null,
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 => DataType::Byte,
        Arrow::Int16 | Arrow::UInt8 => DataType::Short,
        Arrow::Int32 | Arrow::UInt16 => DataType::Int,
        Arrow::Int64 | Arrow::UInt32 => DataType::Long,
        Arrow::UInt64 => DataType::Decimal(20, 0),
        Arrow::Float16 | Arrow::Float32 => DataType::Float,
        Arrow::Float64 => DataType::Double,
        Arrow::Decimal32(p, s) | Arrow::Decimal64(p, s) | Arrow::Decimal128(p, s) | Arrow::Decimal256(p, s)
            if *p <= 38 =>
        {
            DataType::Decimal(*p, *s)
        }
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::STRING,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => DataType::Binary,
        Arrow::Date32 | Arrow::Date64 => DataType::Date,
        Arrow::Timestamp(_, Some(_)) => DataType::Timestamp,
        Arrow::Timestamp(_, None) => DataType::TimestampNtz,
        Arrow::Time32(_) | Arrow::Time64(_) => DataType::Time(6),
        Arrow::Interval(IntervalUnit::YearMonth) => DataType::YEAR_MONTH,
        Arrow::Interval(IntervalUnit::MonthDayNano) => DataType::CalendarInterval,
        Arrow::Interval(IntervalUnit::DayTime) | Arrow::Duration(_) => DataType::DAY_TIME,
        Arrow::List(f)
        | Arrow::LargeList(f)
        | Arrow::FixedSizeList(f, _)
        | Arrow::ListView(f)
        | Arrow::LargeListView(f) => DataType::array(from_arrow(f.data_type())?, f.is_nullable()),
        Arrow::Map(entries, _) => match entries.data_type() {
            Arrow::Struct(kv) if kv.len() == 2 => {
                DataType::map(from_arrow(kv[0].data_type())?, from_arrow(kv[1].data_type())?, kv[1].is_nullable())
            }
            other => return Err(unsupported(other)),
        },
        Arrow::Struct(fields) => {
            let fields: SparkResult<Vec<_>> = fields.iter().map(|f| from_arrow_field(f)).collect();
            DataType::structure(fields?)
        }
        Arrow::Dictionary(_, v) => from_arrow(v)?,
        Arrow::RunEndEncoded(_, v) => from_arrow(v.data_type())?,
        other => return Err(unsupported(other)),
    })
}

pub fn from_arrow_field(f: &Field) -> SparkResult<StructField> {
    Ok(StructField::new(f.name(), from_arrow(f.data_type())?, f.is_nullable()))
}

fn unsupported(t: &Arrow) -> SparkError {
    SparkError::new("UNSUPPORTED_ARROWTYPE").param("typeName", t)
}
