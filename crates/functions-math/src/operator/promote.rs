//! The types that the two sides of a binary operator are brought to.

use vonk_plan::types::DataType;

/// Digits that hold every value of an integral type.
pub fn integral_decimal(t: &DataType) -> Option<(u8, i8)> {
    match t {
        DataType::Byte => Some((3, 0)),
        DataType::Short => Some((5, 0)),
        DataType::Int => Some((10, 0)),
        DataType::Long => Some((20, 0)),
        DataType::Decimal(p, s) => Some((*p, *s)),
        _ => None,
    }
}

fn rank(t: &DataType) -> Option<u8> {
    Some(match t {
        DataType::Byte => 0,
        DataType::Short => 1,
        DataType::Int => 2,
        DataType::Long => 3,
        DataType::Float => 4,
        DataType::Double => 5,
        _ => return None,
    })
}

/// The type of an arithmetic operation over two numbers that are not both decimal or integral with
/// decimal (those keep their own precision). `None` where Spark finds none.
pub fn numeric(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    match (a, b) {
        (DataType::Null, DataType::Null) => Some(DataType::Double),
        (DataType::Null, t) | (t, DataType::Null) if t.is_numeric() => Some(t.clone()),
        (s, t) | (t, s) if s.is_string() && (t.is_numeric() || t.is_string() || *t == DataType::Null) => {
            Some(if ansi && t.is_integral() { DataType::Long } else { DataType::Double })
        }
        (DataType::Decimal(..), DataType::Float | DataType::Double)
        | (DataType::Float | DataType::Double, DataType::Decimal(..)) => Some(DataType::Double),
        (x, y) => {
            let (rx, ry) = (rank(x)?, rank(y)?);
            let wider = if rx >= ry { x } else { y };
            let mixed = matches!((x, y), (DataType::Float, t) | (t, DataType::Float) if t.is_integral());
            Some(if ansi && mixed && matches!(wider, DataType::Float) { DataType::Double } else { wider.clone() })
        }
    }
}

/// Both sides go into decimal arithmetic.
pub fn both_decimal(a: &DataType, b: &DataType) -> bool {
    let decimal = |t: &DataType| matches!(t, DataType::Decimal(..));
    (decimal(a) || decimal(b)) && integral_decimal(a).is_some() && integral_decimal(b).is_some()
}

/// The type two compared or chosen values have in common.
pub fn common(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    if let Some(t) = vonk_expr::coercion::common_type(a, b, ansi) {
        return Some(t);
    }
    if both_decimal(a, b) {
        let ((p1, s1), (p2, s2)) = (integral_decimal(a)?, integral_decimal(b)?);
        let scale = s1.max(s2);
        let whole = (i32::from(p1) - i32::from(s1)).max(i32::from(p2) - i32::from(s2));
        let (p, s) = super::decimal::adjust(whole + i32::from(scale), i32::from(scale));
        return Some(DataType::Decimal(p as u8, s as i8));
    }
    if a.is_string() && b.is_string() {
        return Some(DataType::STRING);
    }
    match (a, b) {
        (s, t) | (t, s) if s.is_string() && (t.is_datetime() || *t == DataType::Boolean || *t == DataType::Binary) => {
            Some(t.clone())
        }
        (DataType::Date, t) | (t, DataType::Date) if t.is_datetime() => Some(t.clone()),
        (DataType::Timestamp, DataType::TimestampNtz) | (DataType::TimestampNtz, DataType::Timestamp) => {
            Some(DataType::Timestamp)
        }
        (DataType::YearMonthInterval(a1, a2), DataType::YearMonthInterval(b1, b2)) => {
            Some(DataType::YearMonthInterval(*a1.min(b1), *a2.max(b2)))
        }
        (DataType::DayTimeInterval(a1, a2), DataType::DayTimeInterval(b1, b2)) => {
            Some(DataType::DayTimeInterval(*a1.min(b1), *a2.max(b2)))
        }
        _ => numeric(a, b, ansi),
    }
}

/// The type that all values have in common; `None` if there is none.
pub fn common_all<'a>(types: impl IntoIterator<Item = &'a DataType>, ansi: bool) -> Option<DataType> {
    let mut out = DataType::Null;
    // Strings last: with them everything else meets by its own common type.
    let (strings, others): (Vec<_>, Vec<_>) = types.into_iter().partition(|t| t.is_string());
    for t in others.into_iter().chain(strings) {
        out = common(&out, t, ansi)?;
    }
    Some(out)
}
