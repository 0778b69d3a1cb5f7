//! `CAST(x AS INTERVAL …)`.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::{DataFusionError, Result as DfResult};
use vonk_plan::Literal;
use vonk_plan::types::{DataType as Spark, YearMonthField};

use super::map::{checked, parsed, total};
use super::parse::interval as parse;
use super::to_integral::micros_of;
use super::{Caster, Mode};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    match to {
        Spark::YearMonthInterval(start, end) if from.is_string() => {
            let read = |t: &str| parse::year_month(t, *start, *end).map(Some).map_err(crate::exec_err);
            Ok(Arc::new(parsed::<IntervalYearMonthType>(c, array, read, never)?))
        }
        Spark::DayTimeInterval(start, end) if from.is_string() => {
            let read = |t: &str| parse::day_time(t, *start, *end).map(Some).map_err(crate::exec_err);
            Ok(Arc::new(parsed::<DurationMicrosecondType>(c, array, read, never)?))
        }
        Spark::CalendarInterval if from.is_string() => Ok(calendar(array)),
        Spark::YearMonthInterval(_, end) => {
            let unit = if *end == YearMonthField::Year { 12 } else { 1 };
            match from {
                Spark::YearMonthInterval(..) => {
                    Ok(total::<IntervalYearMonthType, IntervalYearMonthType>(array, |v| v - v % unit))
                }
                from => numbers::<IntervalYearMonthType>(c, array, from, to, i64::from(unit), |v| v.try_into().ok()),
            }
        }
        Spark::DayTimeInterval(_, end) => {
            let unit = micros_of(*end);
            match from {
                Spark::DayTimeInterval(..) => {
                    let unit = if unit == 1_000_000 { 1 } else { unit };
                    Ok(total::<DurationMicrosecondType, DurationMicrosecondType>(array, |v| v - v % unit))
                }
                from => numbers::<DurationMicrosecondType>(c, array, from, to, unit, |v| v.try_into().ok()),
            }
        }
        to => Err(super::no_kernel(from, to)),
    }
}

/// Malformed interval text is never without an error of its own.
fn never(text: &str) -> DataFusionError {
    crate::exec_err(vonk_common::SparkError::internal(format!("interval {text}")))
}

/// Malformed text is NULL in every mode.
fn calendar(array: &ArrayRef) -> ArrayRef {
    let values = array.as_string::<i32>();
    let mut out = IntervalMonthDayNanoBuilder::with_capacity(values.len());
    for text in values.iter() {
        let found = text.and_then(parse::calendar).and_then(|(months, days, micros)| {
            Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
        });
        out.append_option(found);
    }
    Arc::new(out.finish())
}

/// A number of the interval's last field. Overflow is an error in legacy mode too.
fn numbers<T: ArrowPrimitiveType>(
    c: &Caster,
    array: &ArrayRef,
    from: &Spark,
    to: &Spark,
    unit: i64,
    narrow: impl Fn(i128) -> Option<T::Native>,
) -> DfResult<ArrayRef> {
    let mode = if c.mode == Mode::Try { Mode::Try } else { Mode::Ansi };
    let c = &Caster { mode, zone: c.zone, origin: c.origin };
    let over = |v: Literal| c.overflow(&v, from, to);
    let unit = i128::from(unit);
    match from {
        Spark::Byte => checked::<Int8Type, T>(c, array, |v| narrow(i128::from(v) * unit), |v| over(Literal::Byte(v))),
        Spark::Short => {
            checked::<Int16Type, T>(c, array, |v| narrow(i128::from(v) * unit), |v| over(Literal::Short(v)))
        }
        Spark::Int => checked::<Int32Type, T>(c, array, |v| narrow(i128::from(v) * unit), |v| over(Literal::Int(v))),
        Spark::Long => checked::<Int64Type, T>(c, array, |v| narrow(i128::from(v) * unit), |v| over(Literal::Long(v))),
        Spark::Decimal(p, s) => {
            let scale = 10i128.pow(u32::from(s.unsigned_abs()).min(38));
            let convert = |v: i128| {
                let product = v.checked_mul(unit)?;
                let (whole, rest) = (product / scale, product % scale);
                narrow(if rest.abs() >= scale - rest.abs() { whole + product.signum() } else { whole })
            };
            checked::<Decimal128Type, T>(c, array, convert, |v| over(Literal::Decimal(v, *p, *s)))
        }
        from => Err(super::no_kernel(from, to)),
    }
}
