//! Numbers as Java prints them.

use std::fmt::Write;

/// `Double.toString`: shortest digits that read back the same, `1.0E10` outside 10⁻³..10⁷.
pub fn write_f64(out: &mut String, v: f64) {
    match v {
        v if v.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("Infinity"),
        f64::NEG_INFINITY => out.push_str("-Infinity"),
        v if v.abs() >= 1e7 && v.abs() < 9_223_372_036_854_775_808.0 && v.fract() == 0.0 => {
            write_integer(out, v < 0.0, v.abs() as u64, 53);
        }
        v => {
            write_finite(out, v.is_sign_negative(), v == 0.0, v.abs() >= 1e-3 && v.abs() < 1e7, |digits, two| match two
            {
                true => write!(digits, "{:.1e}", v.abs()),
                false if may_tie(v.abs()) => digits.write_str(&to_even(v.abs())),
                false => write!(digits, "{:e}", v.abs()),
            })
        }
    }
}

/// Large numbers with few bits of a fraction may stand right between two numbers of the fewest digits that
/// read back the same.
fn may_tie(v: f64) -> bool {
    const LEAST: f64 = (1u64 << 33) as f64;
    const FEW_BITS: f64 = 4096.0;
    v >= LEAST && (v * FEW_BITS).fract() == 0.0
}

/// The shortest digits; of two that are as near, those that end even.
fn to_even(v: f64) -> String {
    let shortest = format!("{v:e}");
    let exact = format!("{v:.24e}");
    let (Some((mantissa, exponent)), Some((all, _))) = (shortest.split_once('e'), exact.split_once('e')) else {
        return shortest;
    };
    let (kept, rest) = all.split_at(mantissa.len().min(all.len()));
    let tie = rest.strip_prefix('5').is_some_and(|zeros| zeros.bytes().all(|b| b == b'0'));
    let even = kept.ends_with(['0', '2', '4', '6', '8']);
    if tie && even { format!("{kept}e{exponent}") } else { shortest }
}

/// `Float.toString`.
pub fn write_f32(out: &mut String, v: f32) {
    match v {
        v if v.is_nan() => out.push_str("NaN"),
        f32::INFINITY => out.push_str("Infinity"),
        f32::NEG_INFINITY => out.push_str("-Infinity"),
        v if v.abs() >= 1e7 && v.abs() < 9_223_372_036_854_775_808.0 && v.fract() == 0.0 => {
            write_integer(out, v < 0.0, v.abs() as u64, 24);
        }
        v => {
            write_finite(out, v.is_sign_negative(), v == 0.0, v.abs() >= 1e-3 && v.abs() < 1e7, |digits, two| match two
            {
                true => write!(digits, "{:.1e}", v.abs()),
                false => write!(digits, "{:e}", v.abs()),
            })
        }
    }
}

/// A whole number from ten million on: all its digits, but for those below the precision of a
/// mantissa of `bits`. Java 17 does not look for the shortest digits here.
fn write_integer(out: &mut String, negative: bool, v: u64, bits: u32) {
    let excess = v.ilog2().saturating_sub(bits + 1);
    let dropped = if v.ilog2() > bits && excess > 1 { (1u64 << excess).ilog10() } else { 0 };
    let unit = 10u64.pow(dropped);
    let kept = v / unit + u64::from(v % unit >= unit.div_ceil(2) && dropped > 0);
    let digits = kept.to_string();
    let exponent = digits.len() as u32 - 1 + dropped;
    let (first, rest) = digits.split_at(1);
    let rest = rest.trim_end_matches('0');
    let sign = if negative { "-" } else { "" };
    let _ = write!(out, "{sign}{first}.{}E{exponent}", if rest.is_empty() { "0" } else { rest });
}

/// `render` writes `d.ddde±x`, with two digits when asked for (Java never prints fewer).
fn write_finite(
    out: &mut String,
    negative: bool,
    zero: bool,
    plain: bool,
    render: impl Fn(&mut Stack, bool) -> std::fmt::Result,
) {
    if negative {
        out.push('-');
    }
    if zero {
        out.push_str("0.0");
        return;
    }
    let mut text = Stack::default();
    let _ = render(&mut text, false);
    if text.as_str().split('e').next().is_some_and(|d| d.len() == 1) {
        text = Stack::default();
        let _ = render(&mut text, true);
    }
    let (mantissa, exponent) = text.as_str().split_once('e').unwrap_or((text.as_str(), "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !plain {
        out.push_str(whole);
        out.push('.');
        out.push_str(if fraction.is_empty() { "0" } else { fraction });
        let _ = write!(out, "E{exponent}");
    } else if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.push_str(whole);
        out.push_str(fraction.trim_end_matches('0'));
    } else {
        let fraction = fraction.trim_end_matches('0');
        let split = (exponent as usize).min(fraction.len());
        let (head, tail) = fraction.split_at(split);
        out.push_str(whole);
        out.push_str(head);
        (head.len()..exponent as usize).for_each(|_| out.push('0'));
        out.push('.');
        out.push_str(if tail.is_empty() { "0" } else { tail });
    }
}

/// A small text buffer without allocation: no number needs more.
#[derive(Default)]
struct Stack {
    bytes: [u8; 32],
    len: usize,
}

impl Stack {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl Write for Stack {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let end = self.len + s.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A decimal with all its digits: `0.00000010`.
pub fn write_decimal(out: &mut String, unscaled: i128, scale: i8) {
    if unscaled < 0 {
        out.push('-');
    }
    let value = unscaled.unsigned_abs();
    if scale <= 0 {
        let _ = write!(out, "{value}");
        if value != 0 {
            (scale..0).for_each(|_| out.push('0'));
        }
        return;
    }
    let scale = scale as usize;
    match 10u128.checked_pow(scale as u32) {
        Some(unit) => {
            let _ = write!(out, "{}.{:0scale$}", value / unit, value % unit);
        }
        None => {
            let _ = write!(out, "0.{value:0scale$}");
        }
    }
}

/// `BigDecimal.toString`: like [`write_decimal`], but scientific below 10⁻⁶ and for negative scales.
pub fn write_decimal_scientific(out: &mut String, unscaled: i128, scale: i8) {
    let digits = unscaled.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - i32::from(scale);
    if scale >= 0 && exponent >= -6 {
        return write_decimal(out, unscaled, scale);
    }
    if unscaled < 0 {
        out.push('-');
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let _ = write!(out, "E{exponent:+}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_java_prints_them() {
        for (v, want) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (123_456_789_012.5, "1.234567890125E11"),
            (5e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (12.25, "12.25"),
            (0.0123, "0.0123"),
        ] {
            let mut out = String::new();
            write_f64(&mut out, v);
            assert_eq!(out, want);
        }
        for (v, want) in [
            (1e-45, "1.4E-45"),
            (2_147_483_648.0, "2.14748365E9"),
            (1_615_715_968.0, "1.61571597E9"),
            (16_777_216.0, "1.6777216E7"),
            (67_108_872.0, "6.7108872E7"),
        ] {
            let mut out = String::new();
            write_f32(&mut out, v);
            assert_eq!(out, want);
        }
    }

    #[test]
    fn decimals() {
        for (v, s, plain, java) in [
            (10, 8, "0.00000010", "1.0E-7"),
            (-1, 2, "-0.01", "-0.01"),
            (15, 0, "15", "15"),
            (0, 6, "0.000000", "0.000000"),
        ] {
            let (mut a, mut b) = (String::new(), String::new());
            write_decimal(&mut a, v, s);
            write_decimal_scientific(&mut b, v, s);
            assert_eq!((a.as_str(), b.as_str()), (plain, java));
        }
    }
}
