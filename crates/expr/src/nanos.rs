//! Timestamps of nanoseconds: `TIMESTAMP_LTZ(p)` and `TIMESTAMP_NTZ(p)`, p from 7 to 9.
//!
//! They are Arrow's timestamps of nanoseconds, whatever p is: digits beyond p are cut off where values come in. Arrow
//! counts them in 64 bits, from 1677 to 2262. Spark calculates beyond that and fails when it sends such a value; here
//! nothing beyond can come to be, and the error is the same. Kernels that need no more than microseconds take
//! [`micros`] of the values.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, TimestampNanosecondArray};
use datafusion::arrow::datatypes::{DataType as Arrow, TimestampMicrosecondType, TimestampNanosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::DataType;

use crate::arrow_types::UTC;
use crate::cast::text::datetime::write_date;
use crate::kernel::{Call, array_arg};

/// The value as it is stored. Error: `DATETIME_OVERFLOW`.
pub fn stored(nanos: i128, ntz: bool) -> SparkResult<i64> {
    // Spark multiplies the microseconds first, which must fit.
    let fits = i64::try_from(nanos.div_euclid(1000) * 1000).and(i64::try_from(nanos));
    fits.map_err(|_| {
        let operation = format!(
            "write the timestamp value {} as Arrow INT64 epoch-nanoseconds (supported range: \
             1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z)",
            iso(nanos, ntz)
        );
        SparkError::new("DATETIME_OVERFLOW").param("operation", operation)
    })
}

/// As Java prints a `LocalDateTime` or an `Instant`: the fraction in groups of three digits.
fn iso(nanos: i128, ntz: bool) -> String {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default();
    let fraction = nanos.rem_euclid(1_000_000_000) as u32;
    let mut out = String::new();
    write_date(&mut out, seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    out.push_str(&format!("T{:02}:{:02}", of_day / 3600, of_day / 60 % 60));
    if !ntz || of_day % 60 != 0 || fraction != 0 {
        out.push_str(&format!(":{:02}", of_day % 60));
    }
    let digits = format!("{fraction:09}");
    let shown = match fraction {
        0 => 0,
        f if f % 1_000_000 == 0 => 3,
        f if f % 1000 == 0 => 6,
        _ => 9,
    };
    if shown > 0 {
        out.push('.');
        out.push_str(digits.get(..shown).unwrap_or_default());
    }
    out.push_str(if ntz { "" } else { "Z" });
    out
}

/// Without the digits that a precision does not have.
pub fn truncated(nanos: i128, precision: u8) -> i128 {
    let unit = 10_i128.pow(9 - u32::from(precision.min(9)));
    nanos.div_euclid(unit) * unit
}

/// The type of microseconds beside a type of nanoseconds; other types as they are.
pub fn base(t: &DataType) -> DataType {
    t.nanos().map_or_else(|| t.clone(), |(_, ntz)| DataType::timestamp(6, ntz))
}

/// The values in microseconds, what is below them cut off; other columns as they are.
pub fn micros(array: &ArrayRef) -> ArrayRef {
    match (array.data_type(), array.as_primitive_opt::<TimestampNanosecondType>()) {
        (Arrow::Timestamp(_, zone), Some(nanos)) => {
            let micros: TimestampMicrosecondArray = nanos.unary::<_, TimestampMicrosecondType>(|n| n.div_euclid(1000));
            Arc::new(micros.with_timezone_opt(zone.clone()))
        }
        _ => Arc::clone(array),
    }
}

/// Each value in microseconds and the nanoseconds below it.
pub fn split(nanos: i64) -> (i64, i64) {
    (nanos.div_euclid(1000), nanos.rem_euclid(1000))
}

/// As Java prints what Spark stores.
pub fn java_text(nanos: i64) -> String {
    let (micros, below) = split(nanos);
    format!("TimestampNanosVal({micros}, {below})")
}

/// The values in nanoseconds, from microseconds and the nanoseconds below them, which come from `below` row by row.
pub fn joined(micros: &ArrayRef, below: impl Fn(usize) -> i64, ntz: bool) -> DfResult<ArrayRef> {
    let micros = micros.as_primitive::<TimestampMicrosecondType>();
    let rows = micros.iter().enumerate().map(|(i, v)| {
        let nanos = v.map(|v| stored(i128::from(v) * 1000 + i128::from(below(i)), ntz)).transpose();
        nanos.map_err(crate::exec_err)
    });
    Ok(with_zone(rows.collect::<DfResult<TimestampNanosecondArray>>()?, ntz))
}

/// A kernel that moves timestamps, which are its first argument and its result, over those of nanoseconds: it moves
/// the microseconds and what is below them stays. Other calls as they are.
pub fn moved(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    kernel: impl Fn(&Call, &[ColumnarValue], usize) -> DfResult<ColumnarValue>,
) -> DfResult<ColumnarValue> {
    let Some((_, ntz)) = call.arg_types.first().and_then(DataType::nanos) else { return kernel(call, args, rows) };
    let array = array_arg(args, 0, rows)?;
    let below = array.as_primitive::<TimestampNanosecondType>().clone();
    let inner = Call {
        arg_types: call.arg_types.iter().map(base).collect(),
        return_type: base(&call.return_type),
        ..call.clone()
    };
    let mut args = args.to_vec();
    if let Some(first) = args.first_mut() {
        *first = ColumnarValue::Array(micros(&array));
    }
    let out = kernel(&inner, &args, rows)?.into_array(rows)?;
    let below = |i: usize| if below.is_null(i) { 0 } else { split(below.value(i)).1 };
    Ok(ColumnarValue::Array(joined(&out, below, ntz)?))
}

/// With the zone that columns of the type carry in Arrow.
pub fn with_zone(array: TimestampNanosecondArray, ntz: bool) -> ArrayRef {
    Arc::new(if ntz { array } else { array.with_timezone(UTC) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_arrows_are_named_as_java_names_them() {
        for (nanos, ntz, want) in [
            (253_388_952_000_123_456_700, true, "9999-07-30T12:00:00.123456700"),
            (253_388_952_000_000_000_000, true, "9999-07-30T12:00"),
            (253_388_952_000_120_000_000, false, "9999-07-30T12:00:00.120Z"),
            (-1, false, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(iso(nanos, ntz), want);
        }
        assert!(stored(i128::from(i64::MAX), true).is_ok());
        assert!(stored(i128::from(i64::MIN), true).is_err());
        assert_eq!(truncated(-1, 7), -100);
    }
}
