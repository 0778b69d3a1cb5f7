//! Decimal numbers, which travel as text.

use proto::expression::literal as p;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;

/// A decimal number as text, with at least the precision and scale that its digits need.
pub(super) fn from_proto(message: &p::Decimal) -> SparkResult<Literal> {
    let invalid = || crate::convert::broken(&format!("{} is no decimal number", message.value));
    let (unscaled, scale) = parse_decimal(&message.value).ok_or_else(invalid)?;
    let scale = scale.max(message.scale.unwrap_or(0));
    let unscaled =
        rescale(unscaled, scale - parse_decimal(&message.value).map_or(scale, |(_, s)| s)).ok_or_else(invalid)?;
    let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1) as i32;
    let precision = digits.max(scale).max(message.precision.unwrap_or(0));
    if precision > 38 {
        return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
            .param("precision", precision)
            .param("maxPrecision", 38));
    }
    Ok(Literal::Decimal(unscaled, precision as u8, scale as i8))
}

/// Digits and scale (never negative) of `-12.30`, `1E+3`, `.5`.
fn parse_decimal(text: &str) -> Option<(i128, i32)> {
    let text = text.trim();
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let value: i128 = digits.parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if scale < 0 { Some((rescale(value, scale.checked_neg()?)?, 0)) } else { Some((value, scale)) }
}

fn rescale(value: i128, by: i32) -> Option<i128> {
    value.checked_mul(10i128.checked_pow(u32::try_from(by).ok()?)?)
}

/// The digits with the point where the scale puts it.
pub(super) fn text(unscaled: i128, scale: i32) -> String {
    let Ok(scale @ 1..) = usize::try_from(scale) else { return unscaled.to_string() };
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        let read = |value: &str, precision, scale| from_proto(&p::Decimal { value: value.into(), precision, scale });
        assert_eq!(read("-12.30", None, None), Ok(Literal::Decimal(-1230, 4, 2)));
        assert_eq!(read("1E+3", None, None), Ok(Literal::Decimal(1000, 4, 0)));
        assert_eq!(read("0.05", Some(10), Some(4)), Ok(Literal::Decimal(500, 10, 4)));
        assert!(read("x", None, None).is_err());
        assert!(read("1E+99", None, None).is_err());
        assert_eq!(text(-5, 3), "-0.005");
        assert_eq!(text(120, 0), "120");
    }
}
