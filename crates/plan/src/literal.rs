//! Constant values of every Spark type.

use std::sync::Arc;

use crate::expr::Expr;
use crate::types::{DataType, DayTimeField, StructField, YearMonthField};

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL of a type (`DataType::Null` when nothing is known).
    Null(DataType),
    Boolean(bool),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// Unscaled value, precision, scale.
    Decimal(i128, u8, i8),
    String(Arc<str>),
    Binary(Arc<[u8]>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since the epoch.
    Timestamp(i64),
    TimestampNtz(i64),
    /// Nanoseconds since the epoch, precision.
    TimestampLtzNanos(i128, u8),
    TimestampNtzNanos(i128, u8),
    /// Nanoseconds since midnight, precision.
    Time(i64, u8),
    CalendarInterval {
        months: i32,
        days: i32,
        microseconds: i64,
    },
    /// Months.
    YearMonthInterval(i32, YearMonthField, YearMonthField),
    /// Microseconds.
    DayTimeInterval(i64, DayTimeField, DayTimeField),
    /// Element type and elements.
    Array(DataType, Vec<Literal>),
    Map {
        key_type: DataType,
        value_type: DataType,
        keys: Vec<Literal>,
        values: Vec<Literal>,
    },
    Struct(Vec<StructField>, Vec<Literal>),
    /// A value of a user-defined type: the type and its storage value.
    Udt(DataType, Box<Literal>),
}

impl Literal {
    pub fn string(s: impl Into<Arc<str>>) -> Self {
        Literal::String(s.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Literal::Null(_))
    }

    /// The expression that the value's SQL text spells: what becomes of the value of a parameter.
    pub fn written(self) -> Expr {
        let all = |items: Vec<Literal>| items.into_iter().map(Literal::written);
        match self {
            Literal::Null(t) if t != DataType::Null => Expr::literal(Literal::Null(DataType::Null)).cast(t),
            Literal::Float(v) => Expr::string(format!("{v:?}")).cast(DataType::Float),
            Literal::Decimal(v, _, scale) => Expr::literal(Literal::Decimal(v, digits(v, scale), scale)),
            Literal::Array(_, items) => Expr::call("array", all(items).collect()),
            Literal::Map { keys, values, .. } => {
                Expr::call("map", all(keys).zip(all(values)).flat_map(|(k, v)| [k, v]).collect())
            }
            Literal::Struct(fields, items) => {
                let names = fields.into_iter().map(|f| Expr::string(f.name));
                Expr::call("named_struct", names.zip(all(items)).flat_map(|(n, v)| [n, v]).collect())
            }
            other => Expr::literal(other),
        }
    }

    /// The Spark type of the value.
    pub fn data_type(&self) -> DataType {
        match self {
            Literal::Null(t) => t.clone(),
            Literal::Boolean(_) => DataType::Boolean,
            Literal::Byte(_) => DataType::Byte,
            Literal::Short(_) => DataType::Short,
            Literal::Int(_) => DataType::Int,
            Literal::Long(_) => DataType::Long,
            Literal::Float(_) => DataType::Float,
            Literal::Double(_) => DataType::Double,
            Literal::Decimal(_, p, s) => DataType::Decimal(*p, *s),
            Literal::String(_) => DataType::STRING,
            Literal::Binary(_) => DataType::Binary,
            Literal::Date(_) => DataType::Date,
            Literal::Timestamp(_) => DataType::Timestamp,
            Literal::TimestampNtz(_) => DataType::TimestampNtz,
            Literal::TimestampLtzNanos(_, p) => DataType::TimestampLtzNanos(*p),
            Literal::TimestampNtzNanos(_, p) => DataType::TimestampNtzNanos(*p),
            Literal::Time(_, p) => DataType::Time(*p),
            Literal::CalendarInterval { .. } => DataType::CalendarInterval,
            Literal::YearMonthInterval(_, a, b) => DataType::YearMonthInterval(*a, *b),
            Literal::DayTimeInterval(_, a, b) => DataType::DayTimeInterval(*a, *b),
            Literal::Array(t, items) => DataType::array(t.clone(), items.iter().any(Literal::is_null)),
            Literal::Map { key_type, value_type, values, .. } => {
                DataType::map(key_type.clone(), value_type.clone(), values.iter().any(Literal::is_null))
            }
            Literal::Struct(fields, _) => DataType::structure(fields.iter().cloned()),
            Literal::Udt(t, _) => t.clone(),
        }
    }
}

/// How many digits a decimal is written with.
fn digits(unscaled: i128, scale: i8) -> u8 {
    let written = unscaled.unsigned_abs().to_string().len();
    u8::try_from(written).unwrap_or(u8::MAX).max(u8::try_from(scale).unwrap_or_default()).max(1)
}
