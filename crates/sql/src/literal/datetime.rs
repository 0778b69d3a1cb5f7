//! Text of DATE, TIMESTAMP and TIME literals to values, by Spark's lenient forms:
//! `[+-]yyyy[-m[m][-d[d]]]`, then after a blank or `T` the time `h[h]:m[m][:s[s][.fraction]]` and a
//! zone. Words such as `today` and `now` are read too.

use chrono::Utc;

use crate::literal::zone::{is_zone, offset_at_local, offset_at_utc};

const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn valid_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days(year, month, day))
}

/// Reads `min` to `max` digits.
pub(crate) fn digits(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    if len < min || len > max {
        return None;
    }
    Some((text.get(..len)?.parse().ok()?, text.get(len..)?))
}

/// The date at the start of `text` and what follows it.
fn date_prefix(text: &str) -> Option<(i64, &str)> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let (year, rest) = digits(rest, 4, 7)?;
    let mut parts = [1, 1];
    let mut rest = rest;
    for part in &mut parts {
        let Some(next) = rest.strip_prefix('-') else { break };
        let (n, tail) = digits(next, 1, 2)?;
        *part = n;
        rest = tail;
    }
    let [month, day] = parts;
    Some((valid_days(sign * year, month, day)?, rest))
}

/// Days since the epoch.
pub(crate) fn parse_date(text: &str, zone: &str) -> Option<i32> {
    let text = trim(text);
    if let Some(now) = special(text, zone) {
        return i32::try_from(now.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY)).ok();
    }
    let (days, rest) = date_prefix(text)?;
    let whole_date = text.get(..text.len() - rest.len())?.trim_start_matches(['+', '-']).matches('-').count() == 2;
    // After a whole date anything may follow a blank or `T`.
    (rest.is_empty() || (whole_date && rest.starts_with([' ', 'T']))).then(|| i32::try_from(days).ok())?
}

/// A moment as it is written.
struct Written<'a> {
    /// Microseconds of the wall clock.
    local: i64,
    /// Nanoseconds below them.
    nanos: i64,
    zone: Option<&'a str>,
    just_time: bool,
}

fn parse_local(text: &str) -> Option<Written<'_>> {
    let (day, rest) = match date_prefix(text) {
        Some((day, rest)) => (Some(day), rest),
        None => (None, text.strip_prefix('T').unwrap_or(text)),
    };
    let time = match day {
        Some(_) if rest.is_empty() => {
            return Some(Written { local: micros(day?, 0)?, nanos: 0, zone: None, just_time: false });
        }
        Some(_) => rest.strip_prefix([' ', 'T'])?,
        None => rest,
    };
    let (hour, mut rest) = digits(time, 1, 2)?;
    let (mut minute, mut second, mut fraction) = (0, 0, 0_i64);
    if let Some(tail) = rest.strip_prefix(':') {
        (minute, rest) = digits(tail, 1, 2)?;
    } else if day.is_none() || !rest.is_empty() {
        return None;
    }
    if let Some(tail) = rest.strip_prefix(':') {
        (second, rest) = digits(tail, 1, 2)?;
        if let Some(tail) = rest.strip_prefix('.') {
            let len = tail.bytes().take_while(u8::is_ascii_digit).count();
            let nine: String = tail.get(..len)?.chars().chain("000000000".chars()).take(9).collect();
            fraction = nine.parse().ok()?;
            rest = tail.get(len..)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let zone = rest.trim();
    let day_number = match day {
        Some(day) => day,
        None => Utc::now().timestamp().div_euclid(SECONDS_PER_DAY),
    };
    let of_day = (hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + fraction / 1000;
    Some(Written {
        local: micros(day_number, of_day)?,
        nanos: fraction % 1000,
        zone: (!zone.is_empty()).then_some(zone),
        just_time: day.is_none(),
    })
}

fn micros(days: i64, of_day: i64) -> Option<i64> {
    days.checked_mul(SECONDS_PER_DAY * MICROS_PER_SECOND)?.checked_add(of_day)
}

/// Microseconds since the epoch; without a zone in the text, `zone` is the zone.
pub(crate) fn parse_timestamp(text: &str, zone: &str) -> Option<i64> {
    let text = trim(text);
    if let Some(now) = special(text, zone) {
        return to_instant(now, zone, special_is_local(text));
    }
    let written = parse_local(text)?;
    to_instant(written.local, written.zone.unwrap_or(zone), true)
}

/// Nanoseconds since the epoch, of the wall clock if `ntz`.
pub(crate) fn parse_nanos(text: &str, zone: &str, ntz: bool) -> Option<i128> {
    let written = parse_local(trim(text)).filter(|w| !(ntz && w.just_time))?;
    let instant = to_instant(written.local, written.zone.unwrap_or(zone), true)?;
    let micros = if ntz { written.local } else { instant };
    Some(i128::from(micros) * 1000 + i128::from(written.nanos))
}

/// Microseconds of the wall clock; a zone in the text is left out of account.
pub(crate) fn parse_timestamp_ntz(text: &str, zone: &str) -> Option<i64> {
    let text = trim(text);
    if let Some(now) = special(text, zone) {
        return Some(now);
    }
    parse_local(text).filter(|w| !w.just_time).and_then(|Written { local, zone, .. }| match zone {
        Some(z) => to_instant(local, z, true).map(|_| local),
        None => Some(local),
    })
}

/// The text names a zone.
pub(crate) fn has_zone(text: &str) -> bool {
    parse_local(trim(text)).is_some_and(|written| written.zone.is_some())
}

/// Nanoseconds since midnight of `hh:mm[:ss[.fraction]]`, and the digits of the fraction.
pub(crate) fn parse_time(text: &str) -> Option<(i64, u8)> {
    let text = trim(text);
    let (clock, shift) = match (strip_suffix(text, "AM"), strip_suffix(text, "PM")) {
        (Some(t), _) => (t.trim_end(), Some(0)),
        (_, Some(t)) => (t.trim_end(), Some(12)),
        _ => (text.strip_prefix('T').unwrap_or(text), None),
    };
    let (mut hour, rest) = digits(clock, 1, 2)?;
    if let Some(shift) = shift {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + shift;
    }
    let (minute, rest) = digits(rest.strip_prefix(':')?, 1, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(tail) => digits(tail, 1, 2)?,
        None => (0, rest),
    };
    let mut nanos = 0;
    let mut precision = 0;
    if let Some(tail) = rest.strip_prefix('.') {
        let len = tail.len();
        if len > 9 || !tail.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        nanos = format!("{tail:0<9}").parse().ok()?;
        precision = len as u8;
    } else if !rest.is_empty() {
        return None;
    }
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(((hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanos, precision))
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..)?.eq_ignore_ascii_case(suffix).then(|| text.get(..at)).flatten()
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// `epoch`, `now`, `today`, `tomorrow`, `yesterday`: microseconds of the wall clock in `zone`
/// (`epoch`: of UTC).
fn special(text: &str, zone: &str) -> Option<i64> {
    let (word, zone) = match text.split_once(' ') {
        Some((word, written)) if !word.eq_ignore_ascii_case("now") && is_zone(written) => (word, written),
        _ => (text, zone),
    };
    let word = word.to_ascii_lowercase();
    if word == "epoch" {
        return Some(0);
    }
    let shift = match word.as_str() {
        "now" | "today" => 0,
        "tomorrow" => 1,
        "yesterday" => -1,
        _ => return None,
    };
    let now = Utc::now().timestamp_micros();
    let local = now + offset_at_utc(now.div_euclid(MICROS_PER_SECOND), zone)? * MICROS_PER_SECOND;
    let day = SECONDS_PER_DAY * MICROS_PER_SECOND;
    Some(if word == "now" { local } else { (local.div_euclid(day) + shift) * day })
}

fn special_is_local(text: &str) -> bool {
    !text.split(' ').next().is_some_and(|w| w.eq_ignore_ascii_case("epoch"))
}

fn to_instant(local: i64, zone: &str, is_local: bool) -> Option<i64> {
    if !is_local {
        return Some(local);
    }
    let seconds = local.div_euclid(MICROS_PER_SECOND);
    local.checked_sub(offset_at_local(seconds, zone)? * MICROS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parse_date("2020-1-2", "UTC"), Some(18263));
        assert_eq!(parse_date("2020", "UTC"), Some(18262));
        assert_eq!(parse_date("2020-02-30", "UTC"), None);
        assert_eq!(parse_timestamp("1970-01-01 00:00:01.5", "+01:00"), Some(-3_598_500_000));
        assert_eq!(
            parse_timestamp("2020-07-01T00:00:00 Europe/Berlin", "UTC"),
            parse_timestamp("2020-06-30 22:00", "Z")
        );
        assert_eq!(parse_time("10:11:12.5"), Some((36_672_500_000_000, 1)));
    }
}
