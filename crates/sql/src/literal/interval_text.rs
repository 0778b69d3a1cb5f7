//! Text such as `interval 1 year -2 days 3.5 seconds` to months, days and microseconds.

use vonk_common::{SparkError, SparkResult};

/// A calendar interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CalendarInterval {
    pub months: i32,
    pub days: i32,
    pub microseconds: i64,
}

const SECOND: i64 = 1_000_000;

fn invalid(reason: &'static str, input: &str) -> SparkError {
    SparkError::new(format!("INVALID_INTERVAL_FORMAT.{reason}")).param("input", input)
}

/// `number unit` pairs, each with its own sign, with or without the word `interval` before them.
pub fn parse_interval_text(input: &str) -> SparkResult<CalendarInterval> {
    let text = input.trim();
    if text.is_empty() {
        return Err(invalid("INPUT_IS_EMPTY", input));
    }
    let mut rest = text;
    if text.get(..8).is_some_and(|w| w.eq_ignore_ascii_case("interval")) {
        rest = text.get(8..).unwrap_or_default();
        if !rest.starts_with(char::is_whitespace) && !rest.is_empty() {
            return Err(
                invalid("INVALID_PREFIX", input).param("prefix", text.split_whitespace().next().unwrap_or_default())
            );
        }
        rest = rest.trim_start();
        if rest.is_empty() {
            return Err(invalid("INPUT_IS_EMPTY", input));
        }
    }
    let mut out = CalendarInterval::default();
    while !rest.is_empty() {
        rest = pair(rest, input, &mut out)?.trim_start();
    }
    Ok(out)
}

/// Reads one `number unit` and adds it.
fn pair<'a>(text: &'a str, input: &str, out: &mut CalendarInterval) -> SparkResult<&'a str> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default().trim_start()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default().trim_start()),
        _ => (false, text),
    };
    let word = |t: &str| t.split_whitespace().next().unwrap_or_default().to_string();
    let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, tail) = rest.split_at(whole_len);
    let (fraction, tail) = match tail.strip_prefix('.') {
        Some(t) => {
            let (f, t) = t.split_at(t.bytes().take_while(u8::is_ascii_digit).count());
            (Some(f), t)
        }
        None => (None, tail),
    };
    if whole.is_empty() && fraction.is_none() && rest.len() < text.len() && !rest.is_empty() {
        // A sign, and no number behind it.
        return Err(invalid("INVALID_VALUE", input).param("value", word(rest)));
    }
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        let found = word(rest);
        let reason = if found.is_empty() { "MISSING_NUMBER" } else { "UNRECOGNIZED_NUMBER" };
        return Err(invalid(reason, input).param("number", found.to_lowercase()).param("word", word(text)));
    }
    if !tail.starts_with(char::is_whitespace) {
        if tail.is_empty() {
            return Err(invalid("MISSING_UNIT", input).param("word", word(rest)));
        }
        return Err(invalid("INVALID_VALUE", input).param("value", word(rest)));
    }
    let tail = tail.trim_start();
    let unit_len = tail.find(char::is_whitespace).unwrap_or(tail.len());
    let (unit, tail) = tail.split_at(unit_len);
    if unit.is_empty() {
        return Err(invalid("MISSING_UNIT", input).param("word", word(rest)));
    }
    let lower = unit.to_ascii_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    if fraction.is_some() && singular != "second" {
        return Err(invalid("INVALID_FRACTION", input).param("unit", unit));
    }
    let overflow = || invalid("ARITHMETIC_EXCEPTION", input);
    let magnitude: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| overflow())? };
    let n = if negative { -magnitude } else { magnitude };
    let add = |slot: i64, factor: i64| n.checked_mul(factor).and_then(|v| slot.checked_add(v)).ok_or_else(overflow);
    let small = |v: i64| i32::try_from(v).map_err(|_| overflow());
    match singular {
        "year" => out.months = small(add(i64::from(out.months), 12)?)?,
        "month" => out.months = small(add(i64::from(out.months), 1)?)?,
        "week" => out.days = small(add(i64::from(out.days), 7)?)?,
        "day" => out.days = small(add(i64::from(out.days), 1)?)?,
        "hour" => out.microseconds = add(out.microseconds, 3600 * SECOND)?,
        "minute" => out.microseconds = add(out.microseconds, 60 * SECOND)?,
        "second" => {
            out.microseconds = add(out.microseconds, SECOND)?;
            let six: String = fraction.unwrap_or_default().chars().chain("000000".chars()).take(6).collect();
            let part: i64 = six.parse().unwrap_or_default();
            let part = if negative { -part } else { part };
            out.microseconds = out.microseconds.checked_add(part).ok_or_else(overflow)?;
        }
        "millisecond" => out.microseconds = add(out.microseconds, 1000)?,
        "microsecond" => out.microseconds = add(out.microseconds, 1)?,
        _ => return Err(invalid("INVALID_UNIT", input).param("unit", unit)),
    }
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_add_up() {
        let got = parse_interval_text("INTERVAL 1 year -2 days 3.5 seconds").unwrap_or_default();
        assert_eq!(got, CalendarInterval { months: 12, days: -2, microseconds: 3_500_000 });
        let class = parse_interval_text("1 foo").map_err(|e| e.class().to_string());
        assert_eq!(class, Err("INVALID_INTERVAL_FORMAT.INVALID_UNIT".into()));
    }
}
