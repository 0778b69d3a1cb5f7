//! `CAST(x AS DATE | TIMESTAMP | TIMESTAMP_NTZ | TIME)`.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::{DataFusionError, Result as DfResult};
use vonk_common::SparkError;
use vonk_plan::Literal;
use vonk_plan::types::DataType as Spark;

use super::map::{checked, parsed, total};
use super::parse::datetime as parse;
use super::text::datetime::MICROS_PER_DAY;
use super::{Caster, Mode};
use crate::arrow_types::UTC;

type Micros = TimestampMicrosecondType;

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    if to.is_nanos() || from.is_nanos() {
        return super::to_nanos::convert(c, array, from, to);
    }
    match to {
        Spark::Date => to_date(c, array, from, to),
        Spark::Timestamp => Ok(with_zone(to_timestamp(c, array, from, to)?)),
        Spark::Time(p) => to_time(c, array, from, to, *p),
        _ => to_timestamp_ntz(c, array, from, to),
    }
}

fn with_zone(array: ArrayRef) -> ArrayRef {
    Arc::new(array.as_primitive::<Micros>().clone().with_timezone(UTC))
}

pub(super) fn malformed<'a>(c: &'a Caster, to: &'a Spark) -> impl Fn(&str) -> DataFusionError + 'a {
    move |text| c.invalid_input(&Literal::string(text), &Spark::STRING, to)
}

fn day_of(local: i64) -> i32 {
    local.div_euclid(MICROS_PER_DAY) as i32
}

fn to_date(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    Ok(match from {
        from if from.is_string() => Arc::new(parsed::<Date32Type>(c, array, |t| Ok(parse::date(t)), malformed(c, to))?),
        Spark::Timestamp => total::<Micros, Date32Type>(array, |v| day_of(c.zone.micros_to_local(v).unwrap_or(v))),
        Spark::TimestampNtz => total::<Micros, Date32Type>(array, day_of),
        from => return Err(super::no_kernel(from, to)),
    })
}

fn to_timestamp(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    let seconds = |v: i64| v.saturating_mul(1_000_000);
    Ok(match from {
        from if from.is_string() => {
            Arc::new(parsed::<Micros>(c, array, |t| Ok(parse::timestamp(t, c.zone)), malformed(c, to))?)
        }
        Spark::Boolean => {
            let values = array.as_boolean().iter().map(|v| v.map(i64::from));
            Arc::new(TimestampMicrosecondArray::from_iter(values))
        }
        Spark::Byte => total::<Int8Type, Micros>(array, |v| seconds(v.into())),
        Spark::Short => total::<Int16Type, Micros>(array, |v| seconds(v.into())),
        Spark::Int => total::<Int32Type, Micros>(array, |v| seconds(v.into())),
        Spark::Long => total::<Int64Type, Micros>(array, seconds),
        Spark::Float => checked::<Float32Type, Micros>(
            c,
            array,
            |v| of_double(c, f64::from(v)),
            |v| bad_double(c, f64::from(v), to),
        )?,
        Spark::Double => checked::<Float64Type, Micros>(c, array, |v| of_double(c, v), |v| bad_double(c, v, to))?,
        Spark::Decimal(_, s) => {
            let shift = 6 - i32::from(*s);
            let unit = 10i128.pow(shift.unsigned_abs().min(38));
            total::<Decimal128Type, Micros>(array, move |v| match shift >= 0 {
                true => to_34_digits(v).wrapping_mul(unit) as i64,
                false => (to_34_digits(v) / unit) as i64,
            })
        }
        Spark::Date => checked::<Date32Type, Micros>(
            c,
            array,
            |v| c.zone.to_utc(i64::from(v) * 86_400).checked_mul(1_000_000),
            |_| long_overflow(),
        )?,
        Spark::TimestampNtz => checked::<Micros, Micros>(c, array, |v| c.zone.micros_to_utc(v), |_| long_overflow())?,
        Spark::Time(_) => {
            let today = parse::today(c.zone) * MICROS_PER_DAY;
            checked::<Time64NanosecondType, Micros>(
                c,
                array,
                |v| c.zone.micros_to_utc(today + v / 1000),
                |_| long_overflow(),
            )?
        }
        from => return Err(super::no_kernel(from, to)),
    })
}

fn to_timestamp_ntz(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    Ok(match from {
        from if from.is_string() => {
            Arc::new(parsed::<Micros>(c, array, |t| Ok(parse::timestamp_ntz(t)), malformed(c, to))?)
        }
        Spark::Timestamp => {
            let values = array.as_primitive::<Micros>().clone().with_timezone_opt(None::<Arc<str>>);
            let array: ArrayRef = Arc::new(values);
            checked::<Micros, Micros>(c, &array, |v| c.zone.micros_to_local(v), |_| long_overflow())?
        }
        Spark::Date => {
            checked::<Date32Type, Micros>(c, array, |v| i64::from(v).checked_mul(MICROS_PER_DAY), |_| long_overflow())?
        }
        Spark::Time(_) => {
            let today = parse::today(c.zone) * MICROS_PER_DAY;
            total::<Time64NanosecondType, Micros>(array, |v| today + v / 1000)
        }
        from => return Err(super::no_kernel(from, to)),
    })
}

fn to_time(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark, precision: u8) -> DfResult<ArrayRef> {
    let unit = 10i64.pow(9 - u32::from(precision.min(9)));
    let cut = move |nanos: i64| nanos - nanos % unit;
    let of_local = move |v: i64| cut(v.rem_euclid(MICROS_PER_DAY) * 1000);
    Ok(match from {
        from if from.is_string() => {
            Arc::new(parsed::<Time64NanosecondType>(c, array, |t| Ok(parse::time(t).map(cut)), malformed(c, to))?)
        }
        Spark::Timestamp => {
            total::<Micros, Time64NanosecondType>(array, |v| of_local(c.zone.micros_to_local(v).unwrap_or(v)))
        }
        Spark::TimestampNtz => total::<Micros, Time64NanosecondType>(array, of_local),
        Spark::Time(_) => total::<Time64NanosecondType, Time64NanosecondType>(array, cut),
        from => return Err(super::no_kernel(from, to)),
    })
}

/// Seconds with a fraction. Out of range: the nearest moment in legacy mode (and TRY), an error
/// under ANSI. NaN and infinities have no moment.
fn of_double(c: &Caster, v: f64) -> Option<i64> {
    let micros = v * 1e6;
    let fits = micros.abs() <= 9_223_372_036_854_775_807.0;
    match c.mode {
        _ if !v.is_finite() => None,
        Mode::Legacy => Some(micros as i64),
        _ => fits.then_some(micros as i64),
    }
}

fn bad_double(c: &Caster, v: f64, to: &Spark) -> DataFusionError {
    match v.is_finite() {
        true => c.overflow(&Literal::Double(v * 1e6), &Spark::Double, &Spark::Long),
        false => c.invalid_input(&Literal::Double(v), &Spark::Double, to),
    }
}

fn long_overflow() -> DataFusionError {
    crate::exec_err(
        SparkError::new("ARITHMETIC_OVERFLOW")
            .param("message", "long overflow")
            .param("alternative", "")
            .param("config", "\"spark.sql.ansi.enabled\""),
    )
}

/// Half even: Scala multiplies decimals with so many digits (`MathContext.DECIMAL128`).
fn to_34_digits(v: i128) -> i128 {
    let over = v.unsigned_abs().checked_ilog10().unwrap_or(0).saturating_sub(33);
    if over == 0 {
        return v;
    }
    let unit = 10i128.pow(over);
    let (whole, rest) = (v / unit, (v % unit).abs());
    let up = rest > unit / 2 || (rest == unit / 2 && whole % 2 != 0);
    (whole + if up { v.signum() } else { 0 }) * unit
}
