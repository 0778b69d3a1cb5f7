//! Casts to and from timestamps of nanoseconds: those of microseconds, with what is below them carried along.

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::map::{parsed, total};
use super::parse::datetime as parse;
use super::text::datetime::MICROS_PER_DAY;
use super::{Caster, Mode};
use crate::nanos::{base, joined, micros, split, stored, truncated, with_zone};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    match (to.nanos(), to) {
        (Some((precision, ntz)), _) => to_nanos(c, array, from, to, precision, ntz),
        (None, Spark::Time(precision)) => Ok(to_time(c, array, from, *precision)),
        (None, _) => super::convert(c, &micros(array), &base(from), to),
    }
}

fn to_nanos(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark, precision: u8, ntz: bool) -> DfResult<ArrayRef> {
    if from.is_string() {
        let malformed = super::to_datetime::malformed(c, to);
        let read = |text: &str| {
            let nanos = parse::nanos(text, c.zone, ntz).map(|n| stored(truncated(n, precision), ntz));
            nanos.transpose().map_err(crate::exec_err)
        };
        // A moment that Arrow cannot count is an error for TRY_CAST too.
        let mode = if c.mode == Mode::Try { Mode::Legacy } else { c.mode };
        let c = &Caster { mode, ..*c };
        return Ok(with_zone(parsed::<TimestampNanosecondType>(c, array, read, malformed)?, ntz));
    }
    let cut = |nanos: i64| truncated(nanos.into(), precision) as i64;
    let moved = super::convert(c, &micros(array), &base(from), &base(to))?;
    match from {
        _ if from.nanos().is_some_and(|(_, local)| local == ntz) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>();
            let nanos = nanos.try_unary::<_, TimestampNanosecondType, _>(|n| {
                stored(truncated(n.into(), precision), ntz).map_err(crate::exec_err)
            })?;
            Ok(with_zone(nanos, ntz))
        }
        _ if from.is_nanos() => {
            let nanos = array.as_primitive::<TimestampNanosecondType>();
            joined(&moved, |i| cut(split(nanos.value(i)).1), ntz)
        }
        Spark::Time(_) => {
            let times = array.as_primitive::<Time64NanosecondType>();
            joined(&moved, |i| cut(times.value(i) % 1000), ntz)
        }
        _ => joined(&moved, |_| 0, ntz),
    }
}

fn to_time(c: &Caster, array: &ArrayRef, from: &Spark, precision: u8) -> ArrayRef {
    let ntz = from.nanos().is_some_and(|(_, ntz)| ntz);
    total::<TimestampNanosecondType, Time64NanosecondType>(array, |nanos| {
        let (micros, below) = split(nanos);
        let local = if ntz { micros } else { c.zone.micros_to_local(micros).unwrap_or(micros) };
        truncated(i128::from(local.rem_euclid(MICROS_PER_DAY) * 1000 + below), precision) as i64
    })
}
