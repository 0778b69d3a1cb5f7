//! `CAST(x AS TINYINT | SMALLINT | INT | BIGINT)`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::Literal;
use vonk_plan::types::{DataType as Spark, DayTimeField, YearMonthField};

use super::map::{checked, parsed, total};
use super::{Caster, Mode, parse};

/// What an integral type must be able to do here.
trait Integral: ArrowPrimitiveType {
    fn exact(v: i128) -> Option<Self::Native>;
    fn wrap(v: i64) -> Self::Native;
    /// Java's narrowing of a double: saturating at INT (or BIGINT), then wrapping.
    fn saturate(v: f64) -> Self::Native;
}

macro_rules! integral {
    ($arrow:ty, $native:ty, $middle:ty) => {
        impl Integral for $arrow {
            fn exact(v: i128) -> Option<$native> {
                <$native>::try_from(v).ok()
            }
            fn wrap(v: i64) -> $native {
                v as $native
            }
            fn saturate(v: f64) -> $native {
                (v as $middle) as $native
            }
        }
    };
}

integral!(Int8Type, i8, i32);
integral!(Int16Type, i16, i32);
integral!(Int32Type, i32, i32);
integral!(Int64Type, i64, i64);

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    match to {
        Spark::Byte => into::<Int8Type>(c, array, from, to),
        Spark::Short => into::<Int16Type>(c, array, from, to),
        Spark::Int => into::<Int32Type>(c, array, from, to),
        _ => into::<Int64Type>(c, array, from, to),
    }
}

fn into<T: Integral>(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    let over = |value: Literal| c.overflow(&value, from, to);
    match from {
        Spark::Boolean => {
            let one = T::wrap(1);
            let zero = T::wrap(0);
            let values = array.as_boolean();
            let out = datafusion::arrow::array::PrimitiveArray::<T>::from_iter(
                values.iter().map(|v| v.map(|b| if b { one } else { zero })),
            );
            Ok(std::sync::Arc::new(out))
        }
        Spark::Byte => whole::<Int8Type, T>(c, array, i64::from, |v| over(Literal::Byte(v))),
        Spark::Short => whole::<Int16Type, T>(c, array, i64::from, |v| over(Literal::Short(v))),
        Spark::Int => whole::<Int32Type, T>(c, array, i64::from, |v| over(Literal::Int(v))),
        Spark::Long => whole::<Int64Type, T>(c, array, |v| v, |v| over(Literal::Long(v))),
        Spark::Float => match c.mode {
            Mode::Legacy => Ok(total::<Float32Type, T>(array, |v| T::saturate(f64::from(v)))),
            _ => checked::<Float32Type, T>(c, array, |v| from_float::<T>(f64::from(v)), |v| over(Literal::Float(v))),
        },
        Spark::Double => match c.mode {
            Mode::Legacy => Ok(total::<Float64Type, T>(array, T::saturate)),
            _ => checked::<Float64Type, T>(c, array, from_float::<T>, |v| over(Literal::Double(v))),
        },
        Spark::Decimal(p, s) => {
            let unit = 10i128.pow(u32::from(s.unsigned_abs()));
            let cut = move |v: i128| if *s >= 0 { v / unit } else { v.saturating_mul(unit) };
            match c.mode {
                Mode::Legacy => Ok(total::<Decimal128Type, T>(array, |v| T::wrap(cut(v) as i64))),
                _ => {
                    checked::<Decimal128Type, T>(c, array, |v| T::exact(cut(v)), |v| over(Literal::Decimal(v, *p, *s)))
                }
            }
        }
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            let fraction = c.mode == Mode::Legacy;
            let read = |t: &str| Ok(parse::number::integer(t, fraction).and_then(|v| T::exact(v.into())));
            let out = parsed::<T>(c, array, read, |t| c.invalid_input(&Literal::string(t), &Spark::STRING, to))?;
            Ok(std::sync::Arc::new(out))
        }
        Spark::Date => Ok(datafusion::arrow::array::new_null_array(&T::DATA_TYPE, array.len())),
        Spark::Timestamp => {
            let seconds = |v: i64| T::exact(v.div_euclid(1_000_000).into());
            checked::<TimestampMicrosecondType, T>(c, array, seconds, |v| over(Literal::Timestamp(v)))
        }
        Spark::Time(p) => {
            let error = |v| over(Literal::Time(v, *p));
            match c.mode {
                Mode::Legacy => {
                    checked::<Time64NanosecondType, T>(c, array, |v| T::exact((v / 1_000_000_000).into()), error)
                }
                _ => whole::<Time64NanosecondType, T>(c, array, |v| v / 1_000_000_000, error),
            }
        }
        Spark::YearMonthInterval(a, b) => {
            let unit = if *b == YearMonthField::Year { 12 } else { 1 };
            let error = |v| over(Literal::YearMonthInterval(v, *a, *b));
            strict::<IntervalYearMonthType, T>(c, array, |v| i64::from(v / unit), error)
        }
        Spark::DayTimeInterval(a, b) => {
            let unit = micros_of(*b);
            strict::<DurationMicrosecondType, T>(c, array, |v| v / unit, |v| over(Literal::DayTimeInterval(v, *a, *b)))
        }
        from => Err(super::no_kernel(from, to)),
    }
}

/// Microseconds of the last field of a day-time interval.
pub fn micros_of(field: DayTimeField) -> i64 {
    match field {
        DayTimeField::Day => 86_400_000_000,
        DayTimeField::Hour => 3_600_000_000,
        DayTimeField::Minute => 60_000_000,
        DayTimeField::Second => 1_000_000,
    }
}

/// Wraps around in legacy mode.
fn whole<A: ArrowPrimitiveType, T: Integral>(
    c: &Caster,
    array: &ArrayRef,
    value: impl Fn(A::Native) -> i64,
    error: impl Fn(A::Native) -> datafusion::common::DataFusionError,
) -> DfResult<ArrayRef> {
    match c.mode {
        Mode::Legacy => Ok(total::<A, T>(array, |v| T::wrap(value(v)))),
        _ => checked::<A, T>(c, array, |v| T::exact(value(v).into()), error),
    }
}

/// An error in legacy mode too: intervals never wrap.
fn strict<A: ArrowPrimitiveType, T: Integral>(
    c: &Caster,
    array: &ArrayRef,
    value: impl Fn(A::Native) -> i64,
    error: impl Fn(A::Native) -> datafusion::common::DataFusionError,
) -> DfResult<ArrayRef> {
    let mode = if c.mode == Mode::Try { Mode::Try } else { Mode::Ansi };
    let c = Caster { mode, zone: c.zone, origin: c.origin };
    checked::<A, T>(&c, array, |v| T::exact(value(v).into()), error)
}

/// A double whose whole part fits the type.
fn from_float<T: Integral>(v: f64) -> Option<T::Native> {
    if v.is_nan() || v.abs() > 1e19 {
        return None;
    }
    // 2^63 itself passes Spark's check and becomes the largest BIGINT.
    let whole = if v == 9_223_372_036_854_775_808.0 { i128::from(i64::MAX) } else { v.trunc() as i128 };
    T::exact(whole)
}
