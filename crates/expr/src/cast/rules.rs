//! Which casts there are, and when a cast can give NULL for a value.

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::DataType;

use super::Mode;
use crate::coercion::{can_up_cast, decimal_for};
use crate::sql_text::SqlText;

/// Whether a cast between the types exists in this mode.
pub fn can_cast(from: &DataType, to: &DataType, mode: Mode) -> bool {
    use DataType as T;
    let legacy = mode == Mode::Legacy;
    // Within arrays, maps and structs Spark's TRY_CAST takes what casts without ANSI take.
    let within = if mode == Mode::Try { Mode::Legacy } else { mode };
    match (from, to) {
        (a, b) if a == b => true,
        (T::Null, _) => true,
        (T::Udt(a), T::Udt(b)) => a.sql_type.same_type(&b.sql_type),
        (T::Udt(a), t) => !matches!(t, T::Udt(_)) && can_cast(&a.sql_type, t, mode),
        (_, T::Udt(_)) => false,
        (_, T::Null) => false,
        (T::Variant, t) => variant_reaches(t),
        (t, T::Variant) => reaches_variant(t),
        (_, t) if t.is_string() => true,
        (f, T::Binary) => f.is_string() || (legacy && f.is_integral()),
        (T::Array(a, n), T::Array(b, m)) => can_cast(a, b, within) && keeps_nulls(*n, *m, a, b, mode),
        (T::Map(ak, av, n), T::Map(bk, bv, m)) => {
            can_cast(ak, bk, within)
                && !(can_null(ak, bk) && mode != Mode::Ansi)
                && can_cast(av, bv, within)
                && keeps_nulls(*n, *m, av, bv, mode)
        }
        (T::Struct(a), T::Struct(b)) => {
            a.len() == b.len()
                && a.fields.iter().zip(b.fields.iter()).all(|(x, y)| {
                    can_cast(&x.data_type, &y.data_type, within)
                        && keeps_nulls(x.nullable, y.nullable, &x.data_type, &y.data_type, mode)
                })
        }
        (f, t) if !f.is_atomic() || !t.is_atomic() => false,
        (f, t) if f.is_string() => !matches!(t, T::Geometry(_) | T::Geography(_)),
        (f, T::Boolean) => f.is_numeric() || (legacy && matches!(f, T::Timestamp | T::Date)),
        (T::Boolean, t) => t.is_numeric() || (legacy && *t == T::Timestamp),
        (f, t) if f.is_numeric() && t.is_numeric() => true,
        (f, T::Timestamp) if f.is_numeric() => true,
        (T::Timestamp, t) if t.is_numeric() => true,
        (T::Date, t) if t.is_numeric() => legacy,
        (f, t) if f.is_datetime() && t.is_datetime() => true,
        (f, t) if f.is_nanos() || t.is_nanos() => is_moment_or_time(f) && is_moment_or_time(t),
        (T::Time(_), T::Time(_) | T::Timestamp | T::TimestampNtz | T::Decimal(..)) => true,
        (T::Timestamp | T::TimestampNtz, T::Time(_)) => true,
        (T::Time(_), t) => t.is_integral(),
        (f, t) if t.is_ansi_interval() && (f.is_integral() || matches!(f, T::Decimal(..))) => true,
        (f, t) if f.is_ansi_interval() && (t.is_integral() || matches!(t, T::Decimal(..))) => true,
        (T::YearMonthInterval(..), T::YearMonthInterval(..)) => true,
        (T::DayTimeInterval(..), T::DayTimeInterval(..)) => true,
        _ => false,
    }
}

/// What timestamps of nanoseconds are cast from and to, beside text.
fn is_moment_or_time(t: &DataType) -> bool {
    t.is_moment() || matches!(t, DataType::Time(_))
}

/// Null elements, and elements that may turn NULL, need room for them.
fn keeps_nulls(from: bool, to: bool, a: &DataType, b: &DataType, mode: Mode) -> bool {
    to || !(from || (mode != Mode::Ansi && can_null(a, b)))
}

fn variant_reaches(to: &DataType) -> bool {
    use DataType as T;
    match to {
        T::Array(e, _) => variant_reaches(e),
        T::Map(k, v, _) => k.is_string() && variant_reaches(v),
        T::Struct(s) => s.fields.iter().all(|f| variant_reaches(&f.data_type)),
        T::Variant | T::Null => true,
        t => t.is_atomic() && !t.is_ansi_interval() && !matches!(t, T::CalendarInterval),
    }
}

fn reaches_variant(from: &DataType) -> bool {
    use DataType as T;
    match from {
        T::Array(e, _) => reaches_variant(e),
        T::Map(..) | T::Struct(_) | T::CalendarInterval | T::Udt(_) => false,
        T::Variant => true,
        t => t.is_atomic() && !t.is_ansi_interval(),
    }
}

/// A value of type `from` can become NULL by the cast.
pub fn can_null(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        // NULL itself is nullable already; an empty array or map has nothing in it.
        (T::Null, _) => false,
        (a, b) if a == b => false,
        (f, T::Binary) if f.is_string() => false,
        (f, t) if f.is_string() && t.is_string() => false,
        (f, _) if f.is_string() => true,
        (T::Variant, _) => true,
        (_, t) if t.is_string() => false,
        (T::Timestamp | T::Time(_), T::Byte | T::Short) | (T::Timestamp, T::Int) => true,
        (T::Float | T::Double, T::Timestamp) => true,
        (T::Timestamp, T::Date) => false,
        (f, t) if f.is_nanos() || t.is_nanos() => false,
        (_, T::Date) => true,
        (T::Date, T::Timestamp) => false,
        (T::Date, _) => true,
        (_, T::CalendarInterval) => true,
        (f, T::Decimal(p, s)) => !holds(f, *p, *s),
        (f, t) if f.is_fractional() && t.is_integral() => true,
        _ => false,
    }
}

/// Every value fits the decimal, but for digits after the point.
fn holds(from: &DataType, p: u8, s: i8) -> bool {
    let whole = i32::from(p) - i32::from(s);
    match from {
        DataType::Boolean => whole >= 1,
        DataType::Decimal(fp, fs) => {
            let from_whole = i32::from(*fp) - i32::from(*fs);
            whole > from_whole || (whole == from_whole && s >= *fs)
        }
        f if f.is_integral() => decimal_for(f).is_some_and(|(fp, _)| whole >= i32::from(fp)),
        _ => false,
    }
}

/// Whether `CAST` of a value can be NULL.
pub fn nullable(child: bool, from: &DataType, to: &DataType, mode: Mode) -> bool {
    let binary = from.is_string() && *to == DataType::Binary;
    match mode {
        Mode::Try => child || !(can_up_cast(from, to) || binary),
        _ => child || can_null(from, to),
    }
}

/// `DATATYPE_MISMATCH.CAST_*` for a cast that there is not.
pub fn check(from: &DataType, to: &DataType, mode: Mode, sql: &SqlText) -> SparkResult<()> {
    if can_cast(from, to, mode) {
        return Ok(());
    }
    let function = match (from, to) {
        (f, DataType::Date) if f.is_numeric() && mode != Mode::Legacy => Some("DATE_FROM_UNIX_DATE"),
        (DataType::Date, t) if t.is_numeric() && mode != Mode::Legacy => Some("UNIX_DATE"),
        (DataType::Array(..) | DataType::Map(..) | DataType::Struct(_), _)
            if mode == Mode::Ansi && can_cast(from, to, Mode::Legacy) =>
        {
            Some("try_cast")
        }
        _ => None,
    };
    let with_types = |class: &'static str| {
        SparkError::new(class)
            .param("sqlExpr", quote_sql(sql))
            .param("srcType", quote_sql(from.sql()))
            .param("targetType", quote_sql(to.sql()))
    };
    Err(match function {
        Some(name) => {
            with_types("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION").param("functionNames", quote_id([name]))
        }
        None if mode == Mode::Ansi && can_cast(from, to, Mode::Legacy) => {
            with_types("DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION")
                .param("config", quote_sql("spark.sql.ansi.enabled"))
                .param("configVal", "'false'")
        }
        None => with_types("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"),
    })
}
