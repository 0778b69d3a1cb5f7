//! Up-casts: casts that lose nothing, as `Dataset.as`, `TRY_CAST` nullability and STRICT inserts
//! see them.

use vonk_plan::types::DataType;

use super::decimal::decimal_for;

pub fn can_up_cast(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let keeps_null = |from: bool, to: bool| !from || to;
    match (from, to) {
        (a, b) if a == b => true,
        (T::Null, _) => true,
        (T::Decimal(p, s), i) if i.is_integral() => {
            decimal_for(i).is_some_and(|(ip, _)| *s <= 0 && i32::from(*p) - i32::from(*s) <= i32::from(ip))
        }
        (f, T::Decimal(p, s)) if f.is_numeric() => decimal_for(f).is_some_and(|(fp, fs)| {
            i32::from(*p) - i32::from(*s) >= i32::from(fp) - i32::from(fs)
                && *s >= fs
                && !matches!(f, T::Float | T::Double)
        }),
        (f, t) if number(f).zip(number(t)).is_some_and(|(a, b)| a <= b) => true,
        (T::Date, T::Timestamp | T::TimestampNtz) => true,
        (T::TimestampNtz, T::Timestamp) | (T::Timestamp, T::TimestampNtz) => true,
        (T::Date | T::Timestamp | T::TimestampNtz, t) if t.is_nanos() => true,
        (f, t) if f.nanos().zip(t.nanos()).is_some_and(|((a, _), (b, _))| a <= b) => true,
        (T::Long, T::Timestamp) | (T::Timestamp, T::Long) => true,
        (T::Time(a), T::Time(b)) => a <= b,
        (f, t) if f.is_atomic() && t.is_string() => true,
        (T::DayTimeInterval(..), T::DayTimeInterval(..)) => true,
        (T::YearMonthInterval(..), T::YearMonthInterval(..)) => true,
        (T::Array(a, n), T::Array(b, m)) => keeps_null(*n, *m) && can_up_cast(a, b),
        (T::Map(ak, av, n), T::Map(bk, bv, m)) => keeps_null(*n, *m) && can_up_cast(ak, bk) && can_up_cast(av, bv),
        (T::Struct(a), T::Struct(b)) => {
            a.len() == b.len()
                && a.fields
                    .iter()
                    .zip(b.fields.iter())
                    .all(|(x, y)| keeps_null(x.nullable, y.nullable) && can_up_cast(&x.data_type, &y.data_type))
        }
        (T::Udt(a), T::Udt(b)) => a.sql_type.same_type(&b.sql_type),
        _ => false,
    }
}

fn number(t: &DataType) -> Option<u8> {
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
