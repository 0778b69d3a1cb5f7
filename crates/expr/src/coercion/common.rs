//! The common type of values that meet in CASE, coalesce, IN, UNION, arrays and operators.

use vonk_plan::types::{DataType, StructField, StructType};

use super::decimal::{decimal_for, wider_decimal};
use crate::cast::can_null;

/// The type both values can be given, as operators, CASE, IN, UNION and array constructors need
/// it; `None` if there is none.
pub fn common_type(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    tightest_common_type(a, b, ansi)
        .or_else(|| common_decimal(a, b))
        .or_else(|| if ansi { ansi_string(a, b) } else { legacy_string(a, b) })
        .or_else(|| nested(a, b, ansi, |x, y| common_type(x, y, ansi)))
}

/// The common type of all; strings come last in the old rules' search and first in ANSI's.
pub fn common_type_of(types: &[DataType], ansi: bool) -> Option<DataType> {
    let (strings, others): (Vec<_>, Vec<_>) = types.iter().partition(|t| has_string(t));
    let mut found = DataType::Null;
    let mut all = strings.into_iter().chain(others);
    all.try_for_each(|t| {
        found = common_type(&found, t, ansi)?;
        Some(())
    })?;
    Some(found)
}

fn has_string(t: &DataType) -> bool {
    match t {
        DataType::String(_) => true,
        DataType::Array(e, _) => has_string(e),
        _ => false,
    }
}

/// The common type without any loss and without strings becoming something else.
pub fn tightest_common_type(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    use DataType as T;
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (T::Null, t) | (t, T::Null) => Some(t.clone()),
        (T::Char(_) | T::VarChar(_), T::String(c)) | (T::String(c), T::Char(_) | T::VarChar(_)) => {
            Some(T::String(c.clone()))
        }
        (T::Char(_) | T::VarChar(_), T::Char(_) | T::VarChar(_)) => Some(T::STRING),
        // Collations are brought together before types are.
        (T::String(_), T::String(_)) => None,
        (T::Decimal(p, s), i) | (i, T::Decimal(p, s)) if i.is_integral() => {
            let (ip, is) = decimal_for(i)?;
            let wide = i32::from(*p) - i32::from(*s) >= i32::from(ip) - i32::from(is) && *s >= is;
            wide.then_some(T::Decimal(*p, *s))
        }
        (T::Decimal(..), _) | (_, T::Decimal(..)) => None,
        (x, y) if x.is_numeric() && y.is_numeric() => {
            let wider = if rank(x) >= rank(y) { x } else { y };
            match wider {
                T::Float if ansi => Some(T::Double),
                other => Some(other.clone()),
            }
        }
        (x, y) if x.is_datetime() && y.is_datetime() => Some(match (x, y) {
            (T::Timestamp, _) | (_, T::Timestamp) => T::Timestamp,
            _ => T::TimestampNtz,
        }),
        (x, y) if x.is_moment() && y.is_moment() => {
            let precision = [x, y].iter().filter_map(|t| t.nanos()).map(|(p, _)| p).max()?;
            Some(T::timestamp(precision, !is_instant(x) && !is_instant(y)))
        }
        (T::Time(x), T::Time(y)) => Some(T::Time(*x.max(y))),
        (T::DayTimeInterval(a1, b1), T::DayTimeInterval(a2, b2)) => Some(T::DayTimeInterval(*a1.min(a2), *b1.max(b2))),
        (T::YearMonthInterval(a1, b1), T::YearMonthInterval(a2, b2)) => {
            Some(T::YearMonthInterval(*a1.min(a2), *b1.max(b2)))
        }
        (a, b) => nested(a, b, ansi, |x, y| tightest_common_type(x, y, ansi)),
    }
}

fn is_instant(t: &DataType) -> bool {
    matches!(t, DataType::Timestamp | DataType::TimestampLtzNanos(_))
}

/// The common type of numbers with some loss, strings never becoming anything else: what a search
/// in a collection brings its value and the elements to.
pub fn wider_type_without_strings(a: &DataType, b: &DataType, ansi: bool) -> Option<DataType> {
    tightest_common_type(a, b, ansi)
        .or_else(|| common_decimal(a, b))
        .or_else(|| nested(a, b, ansi, |x, y| wider_type_without_strings(x, y, ansi)))
}

fn rank(t: &DataType) -> u8 {
    match t {
        DataType::Byte => 0,
        DataType::Short => 1,
        DataType::Int => 2,
        DataType::Long => 3,
        DataType::Float => 4,
        _ => 5,
    }
}

fn common_decimal(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    match (a, b) {
        (T::Decimal(..), T::Float | T::Double) | (T::Float | T::Double, T::Decimal(..)) => Some(T::Double),
        (T::Decimal(..), other) | (other, T::Decimal(..)) if other.is_numeric() => {
            Some(wider_decimal(decimal_for(a)?, decimal_for(b)?))
        }
        _ => None,
    }
}

/// ANSI: the string becomes what the other is.
fn ansi_string(a: &DataType, b: &DataType) -> Option<DataType> {
    let other = match (a, b) {
        (DataType::String(_), DataType::String(_)) => return None,
        (DataType::String(_), t) | (t, DataType::String(_)) => t,
        _ => return None,
    };
    match other {
        DataType::CalendarInterval => None,
        t if t.is_integral() => Some(DataType::Long),
        t if t.is_numeric() => Some(DataType::Double),
        t if t.is_ansi_interval() => None,
        t if t.is_atomic() => Some(t.clone()),
        DataType::Variant => Some(DataType::Variant),
        _ => None,
    }
}

/// Legacy: the other becomes a string.
fn legacy_string(a: &DataType, b: &DataType) -> Option<DataType> {
    let (string, other) = match (a, b) {
        (DataType::String(_), DataType::String(_)) => return None,
        (s @ DataType::String(_), t) | (t, s @ DataType::String(_)) => (s, t),
        _ => return None,
    };
    match other {
        DataType::Binary | DataType::Boolean | DataType::CalendarInterval => None,
        t if t.is_atomic() || *t == DataType::Variant => Some(string.clone()),
        _ => None,
    }
}

/// Arrays, maps and structs part by part. A part whose cast can give NULL becomes nullable; a map
/// key must not.
fn nested(
    a: &DataType,
    b: &DataType,
    ansi: bool,
    common: impl Fn(&DataType, &DataType) -> Option<DataType>,
) -> Option<DataType> {
    use DataType as T;
    let forced = |to: &DataType, from: [&DataType; 2]| from.iter().any(|f| can_null(f, to));
    match (a, b) {
        (T::Array(x, n), T::Array(y, m)) => {
            let e = common(x, y)?;
            let null = *n || *m || forced(&e, [x, y]);
            Some(T::array(e, null))
        }
        (T::Map(k1, v1, n), T::Map(k2, v2, m)) => {
            let k = common(k1, k2)?;
            if forced(&k, [k1, k2]) {
                return None;
            }
            let v = common(v1, v2)?;
            let null = *n || *m || forced(&v, [v1, v2]);
            Some(T::map(k, v, null))
        }
        (T::Struct(x), T::Struct(y)) if x.len() == y.len() => {
            let _ = ansi;
            let fields: Option<Vec<_>> = x
                .fields
                .iter()
                .zip(y.fields.iter())
                .map(|(f, g)| {
                    if !f.name.eq_ignore_ascii_case(&g.name) {
                        return None;
                    }
                    let t = common(&f.data_type, &g.data_type)?;
                    let null = f.nullable || g.nullable || forced(&t, [&f.data_type, &g.data_type]);
                    Some(StructField::new(&f.name, t, null))
                })
                .collect();
            Some(T::Struct(StructType::new(fields?)))
        }
        _ => None,
    }
}
