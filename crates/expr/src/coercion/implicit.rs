//! The implicit cast of one function argument to what the function wants.

use vonk_plan::types::DataType;

use super::decimal::decimal_for;
use super::store::can_ansi_store_assign;
use crate::cast::can_null;
use crate::signature::Want;

/// The type an argument of type `from` is cast to when `want` is expected; `from` itself when it
/// fits, `None` when no implicit cast leads there.
pub fn implicit_cast_target(from: &DataType, want: &Want, ansi: bool) -> Option<DataType> {
    use DataType as T;
    if want.accepts(from) {
        return Some(from.clone());
    }
    match (from, want) {
        (_, Want::OneOf(all)) if *from != T::Null => all.iter().find_map(|w| implicit_cast_target(from, w, ansi)),
        (T::Null, w) => default_type(w),
        (T::Char(_) | T::VarChar(_), w) => implicit_cast_target(&T::STRING, w, ansi),
        (n, Want::Decimal) if n.is_numeric() => decimal_for(n).map(|(p, s)| T::Decimal(p, s)),
        (T::String(_), Want::Searched | Want::Plain) => None,
        (t, Want::Searched | Want::Plain) => implicit_cast_target(t, &Want::Str, ansi),
        (T::String(_), Want::Numeric) => Some(T::Double),
        (T::String(_), Want::Decimal) => Some(T::SYSTEM_DEFAULT_DECIMAL),
        (T::String(_) | T::Date, Want::AnyTimestamp) => Some(T::Timestamp),
        (T::Timestamp | T::TimestampNtz, Want::AnyTimestamp) => Some(from.clone()),
        (f, Want::AnyTimestamp) if f.is_nanos() && !ansi => Some(T::Timestamp),
        (T::CalendarInterval, Want::Str | Want::Type(T::String(_))) if !ansi => None,
        (t, Want::Str | Want::Type(T::String(_))) => (t.is_atomic() || *t == T::Variant).then_some(T::STRING),
        (from, Want::Type(to)) => {
            if ansi {
                ansi_type(from, to)
            } else {
                legacy_type(from, to)
            }
        }
        (T::Array(e, n), Want::ArrayOf(w)) => {
            let item = implicit_cast_target(e, w, ansi)?;
            let null = *n || can_null(e, &item);
            Some(T::array(item, null))
        }
        _ => None,
    }
}

fn ansi_type(from: &DataType, to: &DataType) -> Option<DataType> {
    let fits = match from {
        DataType::String(_) => to.is_atomic() && !matches!(to, DataType::CalendarInterval),
        _ => can_ansi_store_assign(from, to),
    };
    fits.then(|| to.clone())
}

fn legacy_type(from: &DataType, to: &DataType) -> Option<DataType> {
    use DataType as T;
    match (from, to) {
        (f, t) if f.is_numeric() && t.is_numeric() => Some(t.clone()),
        (f, t) if f.is_moment() && t.is_moment() => Some(t.clone()),
        (T::String(_), t) if t.is_numeric() || t.is_moment() || matches!(t, T::Binary | T::Time(_)) => Some(t.clone()),
        (T::Array(_, true), T::Array(_, false)) => None,
        (T::Array(a, _), T::Array(b, m)) => {
            let item = implicit_cast_target(a, &Want::Type((**b).clone()), false)?;
            (*m || !can_null(a, b)).then(|| T::array(item, *m))
        }
        (T::Map(_, _, true), T::Map(_, _, false)) => None,
        (T::Map(ak, av, _), T::Map(bk, bv, m)) => {
            let key = implicit_cast_target(ak, &Want::Type((**bk).clone()), false)?;
            let value = implicit_cast_target(av, &Want::Type((**bv).clone()), false)?;
            (!can_null(ak, bk) && (*m || !can_null(av, bv))).then(|| T::map(key, value, *m))
        }
        _ => None,
    }
}

/// What an untyped NULL becomes.
fn default_type(want: &Want) -> Option<DataType> {
    Some(match want {
        Want::Any => DataType::Null,
        Want::Type(t) => t.clone(),
        Want::Str | Want::Searched | Want::Plain => DataType::STRING,
        Want::Numeric | Want::Fractional => DataType::Double,
        Want::Integral => DataType::Int,
        Want::Decimal => DataType::SYSTEM_DEFAULT_DECIMAL,
        Want::AnyTimestamp => DataType::Timestamp,
        Want::AnyTime => DataType::Time(6),
        Want::YearMonthInterval => DataType::YEAR_MONTH,
        Want::DayTimeInterval => DataType::DAY_TIME,
        Want::AnyArray => DataType::array(DataType::Null, true),
        Want::AnyMap => DataType::map(DataType::Null, DataType::Null, true),
        Want::AnyStruct => DataType::structure([]),
        Want::ArrayOf(w) => DataType::array(default_type(w)?, true),
        Want::OneOf(all) => return all.first().and_then(default_type),
    })
}
