//! A number of JSON text as Java's `BigInteger` and `BigDecimal` write it: every digit is kept.

use std::fmt::Write;

/// Writes the number; `false` if its exponent is beyond what `BigDecimal` holds.
pub fn write_big_number(text: &str, out: &mut String) -> bool {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match magnitude.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => match exponent.parse::<i64>() {
            Ok(exponent) => (mantissa, exponent),
            Err(_) => return false,
        },
        None => (magnitude, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = format!("{whole}{fraction}");
    let digits = match written.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let Some(scale) = (fraction.len() as i64).checked_sub(exponent).filter(|s| i32::try_from(*s).is_ok()) else {
        return false;
    };
    if negative && digits != "0" {
        out.push('-');
    }
    write_digits(digits, scale, out);
    true
}

/// `digits` × 10^-`scale`.
fn write_digits(digits: &str, scale: i64, out: &mut String) {
    let exponent = digits.len() as i64 - 1 - scale;
    if scale < 0 || exponent < -6 {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        if exponent != 0 {
            let _ = write!(out, "E{exponent:+}");
        }
        return;
    }
    if scale == 0 {
        return out.push_str(digits);
    }
    match digits.len().checked_sub(scale as usize) {
        Some(whole) if whole > 0 => {
            let (whole, fraction) = digits.split_at(whole);
            let _ = write!(out, "{whole}.{fraction}");
        }
        _ => {
            let _ = write!(out, "0.{digits:0>width$}", width = scale as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_java_writes_them() {
        for (text, want) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("1.50", "1.50"),
            ("1e2", "1E+2"),
            ("1E400", "1E+400"),
            ("0e5", "0E+5"),
            ("0.00e-3", "0.00000"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("123.456e3", "123456"),
            ("123.456e-9", "1.23456E-7"),
            ("-1.5E+3", "-1.5E+3"),
            ("12e-1", "1.2"),
            ("1e2147483647", "1E+2147483647"),
            ("123456789012345678901234567890.1230", "123456789012345678901234567890.1230"),
        ] {
            let mut out = String::new();
            assert!(write_big_number(text, &mut out), "{text}");
            assert_eq!(out, want, "{text}");
        }
        for beyond in ["1e99999999999", "1.5e-2147483647", "1e99999999999999999999"] {
            assert!(!write_big_number(beyond, &mut String::new()), "{beyond}");
        }
    }
}
