//! Numbers from text.

use super::trim;

/// A whole number. `fraction` lets `1.9` through as 1, as legacy mode does.
pub fn integer(text: &str, fraction: bool) -> Option<i64> {
    let text = trim(text);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let (whole, rest) = match digits.split_once('.') {
        Some((whole, rest)) if fraction => (whole, rest),
        Some(_) => return None,
        None => (digits, ""),
    };
    if !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut value: i64 = 0;
    for b in whole.bytes() {
        if !b.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(b - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A DOUBLE: as Java reads it (`1.5f`, `0x1p3`), and `inf`, `infinity`, `nan` in any case.
pub fn double(text: &str) -> Option<f64> {
    float_with(text, |t| t.parse::<f64>().ok(), f64::INFINITY, f64::NAN, |v| v)
}

/// A FLOAT.
pub fn float(text: &str) -> Option<f32> {
    float_with(text, |t| t.parse::<f32>().ok(), f32::INFINITY, f32::NAN, |v| v as f32)
}

fn float_with<F: std::ops::Neg<Output = F> + Copy>(
    text: &str,
    parse: impl Fn(&str) -> Option<F>,
    infinity: F,
    nan: F,
    narrow: impl Fn(f64) -> F,
) -> Option<F> {
    let text = trim(text);
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    let signed = |v: F| if sign == "-" { -v } else { v };
    match body.as_bytes().first()? {
        b'0' if body.len() > 2 && body[1..].starts_with(['x', 'X']) => hex(&body[2..]).map(|v| signed(narrow(v))),
        b'0'..=b'9' | b'.' => parse(body.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(body)).map(signed),
        _ if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") => Some(signed(infinity)),
        _ if body.eq_ignore_ascii_case("nan") && (sign.is_empty() || body == "NaN") => Some(nan),
        _ => None,
    }
}

/// `1.8p3` of a hexadecimal float.
fn hex(text: &str) -> Option<f64> {
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).filter(|t| t.contains(['p', 'P'])).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    Some(value * 2f64.powi(exponent.checked_sub(fraction.len() as i32 * 4)?))
}

/// The digits of a decimal number: sign, digits without leading zeros, and the power of ten of the
/// last one.
#[derive(Debug, PartialEq, Eq)]
pub struct Digits {
    pub negative: bool,
    pub digits: Vec<u8>,
    pub exponent: i64,
}

impl Digits {
    /// Reads `1`, `-1.50`, `.5`, `5.`, `1e-3`.
    pub fn read(text: &str) -> Option<Digits> {
        let text = trim(text);
        let (negative, body) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match body.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().ok()?),
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if (whole.is_empty() && fraction.is_empty()) || !all().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits: Vec<u8> = all().map(|b| b - b'0').skip_while(|d| *d == 0).collect();
        Some(Digits { negative, digits, exponent: i64::from(exponent) - fraction.len() as i64 })
    }

    /// Number of digits before the point.
    pub fn whole_digits(&self) -> i64 {
        if self.digits.is_empty() { 0 } else { (self.digits.len() as i64 + self.exponent).max(0) }
    }

    /// The unscaled value at a scale, rounded half up; `None` beyond `precision` digits.
    pub fn at_scale(&self, precision: u8, scale: i8) -> Option<i128> {
        let shift = self.exponent + i64::from(scale);
        let keep = self.digits.len() as i64 + shift;
        if self.digits.is_empty() || keep < 0 {
            return Some(0);
        }
        if keep > 39 {
            return None;
        }
        let mut value: i128 = 0;
        for i in 0..keep as usize {
            let digit = self.digits.get(i).copied().unwrap_or(0);
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
        if self.digits.get(keep as usize).is_some_and(|d| *d >= 5) {
            value += 1;
        }
        (value < 10i128.checked_pow(u32::from(precision))?).then_some(if self.negative { -value } else { value })
    }

    /// The number in plain digits, for messages.
    pub fn plain(&self) -> String {
        let mut out = String::from(if self.negative && !self.digits.is_empty() { "-" } else { "" });
        let digits: String = self.digits.iter().map(|d| char::from(b'0' + d)).collect();
        match self.exponent {
            e if e >= 0 => {
                out.push_str(if digits.is_empty() { "0" } else { &digits });
                if !digits.is_empty() {
                    out.extend(std::iter::repeat_n('0', e.min(400) as usize));
                }
            }
            e => {
                let places = e.unsigned_abs().min(400) as usize;
                let padded = format!("{digits:0>width$}", width = places + 1);
                let (whole, fraction) = padded.split_at(padded.len() - places);
                out.push_str(whole);
                out.push('.');
                out.push_str(fraction);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        for (text, ansi, legacy) in [
            (" 12 ", Some(12), Some(12)),
            ("+5", Some(5), Some(5)),
            ("-1.9", None, Some(-1)),
            (".5", None, Some(0)),
            ("5.", None, Some(5)),
            (".", None, Some(0)),
            ("+", None, None),
            ("", None, None),
            ("1e3", None, None),
            ("9223372036854775808", None, None),
            ("-9223372036854775808", Some(i64::MIN), Some(i64::MIN)),
            ("\t7\n", Some(7), Some(7)),
            ("１２", None, None),
        ] {
            assert_eq!((integer(text, false), integer(text, true)), (ansi, legacy), "{text:?}");
        }
    }

    #[test]
    fn floats() {
        for (text, want) in [
            ("1e3", Some(1000.0)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            (" 1.5 ", Some(1.5)),
            ("1.5f", Some(1.5)),
            ("1e400", Some(f64::INFINITY)),
            ("0x1p3", Some(8.0)),
            ("5.", Some(5.0)),
            ("1,5", None),
            ("infinit", None),
            ("1e", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(double(text), want, "{text:?}");
        }
        assert!(double("nan").is_some_and(f64::is_nan));
    }

    #[test]
    fn decimals_round_half_up() {
        let at = |t: &str, p, s| Digits::read(t).and_then(|d| d.at_scale(p, s));
        assert_eq!(at("1.005", 10, 2), Some(101));
        assert_eq!(at("-1.004", 10, 2), Some(-100));
        assert_eq!(at("1e3", 10, 2), Some(100_000));
        assert_eq!(at("1e-400", 10, 2), Some(0));
        assert_eq!(at("99999999.995", 10, 2), None);
        assert_eq!(Digits::read("1.50e1").map(|d| d.plain()), Some("15.0".into()));
        assert_eq!(Digits::read("x"), None);
    }
}
