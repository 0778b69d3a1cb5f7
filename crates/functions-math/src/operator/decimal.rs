//! Decimal arithmetic: exact columnar kernels.
//!
//! Results are rounded half up to the scale of the result type; what does not fit its precision
//! raises under ANSI and is NULL otherwise. Rows that fit 128 bits never touch 256-bit numbers.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, Decimal128Array, Int64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{Decimal128Type, Int64Type, i256};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkError;
use vonk_expr::Call;
use vonk_expr::kernel::typed_arg;
use vonk_plan::types::DataType;

use super::numbers::{QuotientOp, RingOp, divisor_nulls};
use crate::support::{ANSI_KEY, Mode, overflow, zip_optional};

/// Greatest precision of a decimal.
pub const MAX: i32 = 38;

fn shape(t: &DataType) -> (u8, i8) {
    match t {
        DataType::Decimal(p, s) => (*p, *s),
        _ => (38, 0),
    }
}

/// 10^k, for k up to 76.
pub fn pow10(k: u32) -> i256 {
    i256::from_i128(10).wrapping_pow(k)
}

/// `v / d` rounded half up (away from zero).
pub fn round_div(v: i256, d: i256) -> i256 {
    let (q, r) = (v.wrapping_div(d), v.wrapping_rem(d));
    let twice = r.wrapping_abs().wrapping_mul(i256::from_i128(2));
    if twice < d.wrapping_abs() {
        q
    } else if v.is_negative() != d.is_negative() {
        q.wrapping_sub(i256::ONE)
    } else {
        q.wrapping_add(i256::ONE)
    }
}

/// `v` with `from` fractional digits brought to `to` digits.
fn rescale(v: i256, from: i32, to: i32) -> Option<i256> {
    if to >= from { v.checked_mul(pow10((to - from) as u32)) } else { Some(round_div(v, pow10((from - to) as u32))) }
}

/// The value if it has at most `precision` digits.
pub fn fit(v: i256, precision: u8) -> Option<i128> {
    let v = v.to_i128()?;
    let limit = 10u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    (v.unsigned_abs() < limit).then_some(v)
}

/// `NUMERIC_VALUE_OUT_OF_RANGE`: `v` has `scale` fractional digits and does not fit the type.
pub fn out_of_range(call: &Call, v: i256, scale: i32, to: (u8, i8)) -> datafusion::common::DataFusionError {
    call.error(
        SparkError::new("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION")
            .param("value", text(v, scale))
            .param("precision", to.0)
            .param("scale", to.1)
            .param("config", ANSI_KEY),
    )
}

/// The number with the other sign. Spark's has at most 34 digits then, those of Java's `DECIMAL128`.
pub fn negated(call: &Call, v: i128, (precision, scale): (u8, i8)) -> DfResult<i128> {
    const DIGITS: u32 = 34;
    let most = 10i128.pow(DIGITS);
    if v.unsigned_abs() < most.unsigned_abs() {
        return Ok(-v);
    }
    let unit = 10i128.pow(v.unsigned_abs().ilog10() + 1 - DIGITS);
    let (kept, rest) = (v / unit, (v % unit).abs());
    let up = match (2 * rest).cmp(&unit) {
        Ordering::Greater => true,
        Ordering::Equal => kept % 2 != 0,
        Ordering::Less => false,
    };
    let rounded = i256::from_i128(kept + if up { v.signum() } else { 0 }).wrapping_mul(i256::from_i128(-unit));
    fit(rounded, precision).ok_or_else(|| {
        let more = rounded.to_i128().map_or(0, |r| r.unsigned_abs().ilog10() + 1 - DIGITS);
        let cut = rounded.wrapping_div(i256::from_i128(10i128.pow(more)));
        call.error(
            SparkError::new("NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION")
                .param("roundedValue", text(rounded, scale.into()))
                .param("originalValue", text(cut, i32::from(scale) - more as i32))
                .param("precision", precision)
                .param("scale", scale),
        )
    })
}

/// Plain decimal text.
pub fn text(v: i256, scale: i32) -> String {
    let digits = v.wrapping_abs().to_string();
    let sign = if v.is_negative() { "-" } else { "" };
    if scale <= 0 {
        return format!("{sign}{digits}");
    }
    let scale = scale as usize;
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// `+`, `-`, `*` of decimals.
pub fn ring(call: &Call, args: &[ColumnarValue], rows: usize, op: RingOp) -> DfResult<ColumnarValue> {
    let (a, b) = (typed_arg::<Decimal128Array>(args, 0, rows)?, typed_arg::<Decimal128Array>(args, 1, rows)?);
    let (s1, s2) = (i32::from(a.scale()), i32::from(b.scale()));
    let to = shape(&call.return_type);
    let scale = match op {
        RingOp::Multiply => s1 + s2,
        _ => s1.max(s2),
    };
    if i32::from(to.1) == scale
        && let Some(values) = plain_ring(&a, &b, op, ((scale - s1) as u32, (scale - s2) as u32), to.0)
    {
        let out = Decimal128Array::new(values.into(), NullBuffer::union(a.nulls(), b.nulls()));
        return Ok(ColumnarValue::Array(Arc::new(out.with_precision_and_scale(to.0, to.1)?)));
    }
    let wide = |x: i128, y: i128| -> i256 {
        let (x, y) = (i256::from_i128(x), i256::from_i128(y));
        match op {
            RingOp::Multiply => x.wrapping_mul(y),
            _ => {
                let x = x.wrapping_mul(pow10((scale - s1) as u32));
                let y = y.wrapping_mul(pow10((scale - s2) as u32));
                if op == RingOp::Add { x.wrapping_add(y) } else { x.wrapping_sub(y) }
            }
        }
    };
    let mode = Mode::from_name(call.param(0));
    let out = zip_optional::<_, _, Decimal128Type>(&a, &b, |x, y| {
        let exact = wide(x, y);
        match rescale(exact, scale, i32::from(to.1)).and_then(|v| fit(v, to.0)) {
            None if mode == Mode::Ansi => Err(out_of_range(call, exact, scale, to)),
            value => Ok(value),
        }
    })?;
    Ok(ColumnarValue::Array(Arc::new(out.with_precision_and_scale(to.0, to.1)?)))
}

/// All rows in 128 bits; `None` if one of them does not fit the precision.
fn plain_ring(
    a: &Decimal128Array,
    b: &Decimal128Array,
    op: RingOp,
    shifts: (u32, u32),
    precision: u8,
) -> Option<Vec<i128>> {
    let limit = 10u128.checked_pow(u32::from(precision))?;
    let mut fits = true;
    let mut check = |(v, over): (i128, bool)| {
        fits &= !over && v.unsigned_abs() < limit;
        v
    };
    let pairs = a.values().iter().zip(b.values());
    let out = match op {
        RingOp::Multiply => pairs
            .map(|(x, y)| {
                check(match (i64::try_from(*x), i64::try_from(*y)) {
                    (Ok(x), Ok(y)) => (i128::from(x) * i128::from(y), false),
                    _ => x.overflowing_mul(*y),
                })
            })
            .collect(),
        _ => {
            let (m, n) = (10i128.checked_pow(shifts.0)?, 10i128.checked_pow(shifts.1)?);
            pairs
                .map(|(x, y)| {
                    let ((x, over_x), (y, over_y)) = (x.overflowing_mul(m), y.overflowing_mul(n));
                    let (v, over) = if op == RingOp::Add { x.overflowing_add(y) } else { x.overflowing_sub(y) };
                    check((v, over || over_x || over_y))
                })
                .collect()
        }
    };
    fits.then_some(out)
}

/// `/`, `%`, `pmod` and `div` of decimals.
pub fn quotient(call: &Call, args: &[ColumnarValue], rows: usize, op: QuotientOp) -> DfResult<ColumnarValue> {
    let (a, b) = (typed_arg::<Decimal128Array>(args, 0, rows)?, typed_arg::<Decimal128Array>(args, 1, rows)?);
    let (s1, s2) = (i32::from(a.scale()), i32::from(b.scale()));
    // Zero divisors become NULL here, or have raised.
    let nulls = divisor_nulls(call, op, a.nulls(), &b, |v: i128| v == 0)?;
    let b = Decimal128Array::new(b.values().clone(), nulls).with_precision_and_scale(b.precision(), b.scale())?;
    let mode = Mode::from_name(call.param(0));
    if op == QuotientOp::IntegralDivide {
        let out: Int64Array = zip_optional::<_, _, Int64Type>(&a, &b, |x, y| {
            match truncated(x, s1, y, s2).to_i128().and_then(|v| i64::try_from(v).ok()) {
                None if mode == Mode::Ansi => Err(overflow(call, "Overflow in integral divide", "try_divide")),
                None if mode == Mode::Legacy => Ok(truncated(x, s1, y, s2).to_i128().map(|v| v as i64)),
                value => Ok(value),
            }
        })?;
        return Ok(ColumnarValue::Array(Arc::new(out)));
    }
    let to = shape(&call.return_type);
    let scale = i32::from(to.1);
    let out = zip_optional::<_, _, Decimal128Type>(&a, &b, |x, y| {
        let (value, of_scale) = match op {
            QuotientOp::Divide => (divided(x, y, scale + s2 - s1), scale),
            _ => (remainder(x, s1, y, s2, op), s1.max(s2)),
        };
        match rescale(value, of_scale, scale).and_then(|v| fit(v, to.0)) {
            None if mode == Mode::Ansi => Err(out_of_range(call, value, of_scale, to)),
            value => Ok(value),
        }
    })?;
    Ok(ColumnarValue::Array(Arc::new(out.with_precision_and_scale(to.0, to.1)?)))
}

/// `x * 10^shift / y`, rounded half up.
fn divided(x: i128, y: i128, shift: i32) -> i256 {
    if shift < 0 {
        return round_div(i256::from_i128(x), i256::from_i128(y).wrapping_mul(pow10(shift.unsigned_abs())));
    }
    if let Some(scaled) = 10i128.checked_pow(shift as u32).and_then(|m| x.checked_mul(m)) {
        let (q, r) = (scaled / y, scaled % y);
        let up = r.unsigned_abs() >= y.unsigned_abs() - r.unsigned_abs();
        let step = if (x < 0) != (y < 0) { -1 } else { 1 };
        return i256::from_i128(if up && r != 0 { q + step } else { q });
    }
    let y = i256::from_i128(y);
    match i256::from_i128(x).checked_mul(pow10(shift as u32)) {
        Some(scaled) => round_div(scaled, y),
        None => long_division(i256::from_i128(x), y, shift),
    }
}

/// Digit by digit, for numerators beyond 256 bits; the quotient itself saturates.
fn long_division(x: i256, y: i256, digits: i32) -> i256 {
    let ten = i256::from_i128(10);
    let (mut q, mut r) = (x.wrapping_div(y), x.wrapping_rem(y));
    for _ in 0..digits {
        r = r.wrapping_mul(ten);
        q = match q.checked_mul(ten) {
            Some(v) => v.wrapping_add(r.wrapping_div(y)),
            None => return i256::MAX,
        };
        r = r.wrapping_rem(y);
    }
    q.wrapping_add(round_div(r, y))
}

fn aligned(x: i128, s1: i32, y: i128, s2: i32) -> (i256, i256) {
    let scale = s1.max(s2);
    let x = i256::from_i128(x).wrapping_mul(pow10((scale - s1) as u32));
    (x, i256::from_i128(y).wrapping_mul(pow10((scale - s2) as u32)))
}

fn truncated(x: i128, s1: i32, y: i128, s2: i32) -> i256 {
    let (x, y) = aligned(x, s1, y, s2);
    x.wrapping_div(y)
}

fn remainder(x: i128, s1: i32, y: i128, s2: i32, op: QuotientOp) -> i256 {
    let (x, y) = aligned(x, s1, y, s2);
    let r = x.wrapping_rem(y);
    match op {
        QuotientOp::Pmod if r.is_negative() => r.wrapping_add(y).wrapping_rem(y),
        _ => r,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_up() {
        assert_eq!(divided(1, 3, 6).to_i128(), Some(333_333));
        assert_eq!(divided(-2, 3, 2).to_i128(), Some(-67));
        assert_eq!(divided(1, 8, 2).to_i128(), Some(13));
        assert_eq!(text(i256::from_i128(-5), 2), "-0.05");
    }
}
