//! Spark's type lattice: implicit casts of arguments, and the common type of several values.

use vonk_plan::types::DataType;

use crate::signature::Want;

/// The type an argument of type `from` is cast to when `want` is expected and `from` does not fit.
pub fn implicit_cast_target(from: &DataType, want: &Want, ansi: bool) -> Option<DataType> {
    let default = |w: &Want| -> Option<DataType> {
        Some(match w {
            Want::Any => from.clone(),
            Want::Type(t) => t.clone(),
            Want::Str => DataType::STRING,
            Want::Numeric | Want::Fractional => DataType::Double,
            Want::Integral => DataType::Long,
            Want::Decimal => DataType::SYSTEM_DEFAULT_DECIMAL,
            Want::AnyTimestamp => DataType::Timestamp,
            Want::YearMonthInterval => DataType::YEAR_MONTH,
            Want::DayTimeInterval => DataType::DAY_TIME,
            _ => return None,
        })
    };
    let _ = ansi;
    match (from, want) {
        (_, Want::OneOf(all)) => all.iter().find_map(|w| implicit_cast_target(from, w, ansi)),
        (DataType::Null, w) => default(w),
        (f, Want::Type(t)) if f.is_numeric() && t.is_numeric() => Some(t.clone()),
        (DataType::String(_), w) => default(w),
        (f, Want::Str | Want::Type(DataType::String(_))) if f.is_atomic() => Some(DataType::STRING),
        (DataType::Date | DataType::Timestamp | DataType::TimestampNtz, Want::Type(t)) if t.is_datetime() => {
            Some(t.clone())
        }
        (DataType::Date, Want::AnyTimestamp) => Some(DataType::Timestamp),
        (f, Want::Decimal) if f.is_integral() => Some(DataType::SYSTEM_DEFAULT_DECIMAL),
        _ => None,
    }
}

/// The type both values can be given without loss, as operators, CASE, IN, UNION and array
/// constructors need it; `None` if there is none.
pub fn common_type(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    let _ = ansi;
    match (a, b) {
        (a, b) if a.same_type(b) => Some(a.clone()),
        (DataType::Null, t) | (t, DataType::Null) => Some(t.clone()),
        _ => None,
    }
}
