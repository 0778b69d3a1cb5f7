//! Dates, timestamps and times of day from text: full forms and the shorter ones Spark allows.

use super::trim;
use crate::cast::text::datetime::{MICROS_PER_DAY, days_from_civil};
use crate::cast::zone::Zone;

/// `2020`, `2020-1`, `2020-01-02`, and the same with `T…` or ` …` behind a full date. Days since
/// the epoch.
pub fn date(text: &str) -> Option<i32> {
    let text = trim(text);
    let (sign, body) = signed(text);
    let mut parts = [1i64, 1, 1];
    let (mut at, mut digits, mut value) = (0usize, 0usize, 0i64);
    let valid = |at: usize, digits: usize| match at {
        0 => (4..=7).contains(&digits),
        _ => (1..=2).contains(&digits),
    };
    let bytes = body.as_bytes();
    let mut i = 0;
    while at < 3 && i < bytes.len() && !(at == 2 && matches!(bytes[i], b' ' | b'T')) {
        match bytes[i] {
            b'-' if at < 2 => {
                if !valid(at, digits) {
                    return None;
                }
                parts[at] = value;
                (value, digits) = (0, 0);
                at += 1;
            }
            b @ b'0'..=b'9' if digits < 8 => {
                value = value * 10 + i64::from(b - b'0');
                digits += 1;
            }
            _ => return None,
        }
        i += 1;
    }
    if !valid(at, digits) {
        return None;
    }
    parts[at] = value;
    let days = days_from_civil(sign * parts[0], parts[1] as u32, parts[2] as u32)?;
    i32::try_from(days).ok()
}

fn signed(text: &str) -> (i64, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    }
}

/// The parts of a timestamp: year, month, day, hour, minute, second, microseconds.
pub struct Parts<'a> {
    pub fields: [i64; 7],
    /// Nanoseconds below the microseconds.
    pub nanos: i64,
    /// The zone's text, if there is one.
    pub zone: Option<&'a str>,
    /// Only a time of day: `10:30` or `T10`.
    pub just_time: bool,
}

/// Takes a timestamp's text apart.
pub fn parts(text: &str) -> Option<Parts<'_>> {
    let text = trim(text);
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    let valid = |at: usize, digits: usize| match at {
        6 => true,
        0 => (4..=6).contains(&digits),
        7 => digits <= 2,
        _ => (1..=2).contains(&digits),
    };
    let signed_year = matches!(bytes[0], b'-' | b'+');
    let sign = if bytes[0] == b'-' { -1 } else { 1 };
    let mut fields = [1i64, 1, 1, 0, 0, 0, 0, 0, 0];
    let (mut at, mut digits, mut value, mut fraction) = (0usize, 0usize, 0i64, 0u32);
    let (mut zone, mut just_time) = (None, false);
    let mut i = usize::from(signed_year);
    while i < bytes.len() {
        let b = bytes[i];
        if b.is_ascii_digit() {
            if at == 6 {
                fraction += 1;
            }
            if at != 6 || digits < 9 {
                value = value.checked_mul(10)?.checked_add(i64::from(b - b'0'))?;
            }
            digits += 1;
            i += 1;
            continue;
        }
        let next = match (at, b) {
            (0, b'T') if i == 0 => {
                just_time = true;
                at = 3;
                i += 1;
                continue;
            }
            (0 | 1, b'-') => at + 1,
            (0, b':') if !signed_year => {
                just_time = true;
                at = 3;
                4
            }
            (2, b' ' | b'T') => 3,
            (3 | 4, b':') => at + 1,
            (5, b'.') => 6,
            (5 | 6, _) => {
                zone = Some(text.get(i..)?);
                7
            }
            _ => return None,
        };
        if !valid(at, digits) {
            return None;
        }
        fields[at] = value;
        (value, digits) = (0, 0);
        at = next;
        if zone.is_some() {
            break;
        }
        i += 1;
    }
    if !valid(at, digits) {
        return None;
    }
    if zone.is_none() {
        fields[at] = value;
    }
    (fraction..9).for_each(|_| fields[6] *= 10);
    let nanos = fields[6] % 1000;
    fields[6] /= 1000;
    fields[0] *= sign;
    let [a, b, c, d, e, f, g, ..] = fields;
    Some(Parts { fields: [a, b, c, d, e, f, g], nanos, zone, just_time })
}

impl Parts<'_> {
    /// Microseconds since midnight.
    pub fn clock(&self) -> Option<i64> {
        let [_, _, _, h, m, s, us] = self.fields;
        (h < 24 && m < 60 && s < 60).then_some(((h * 60 + m) * 60 + s) * 1_000_000 + us)
    }

    /// Microseconds of the wall clock since 1970-01-01 00:00.
    fn local(&self, today: impl FnOnce() -> i64) -> Option<i64> {
        let [year, month, day, ..] = self.fields;
        let days = match self.just_time {
            true => today(),
            false => days_from_civil(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?,
        };
        days.checked_mul(MICROS_PER_DAY)?.checked_add(self.clock()?)
    }
}

/// A timestamp: microseconds since the epoch. Without a zone in the text, `zone` counts.
pub fn timestamp(text: &str, zone: &Zone) -> Option<i64> {
    instant(&parts(text)?, zone)
}

/// Nanoseconds since the epoch, of the wall clock if `ntz`.
pub fn nanos(text: &str, zone: &Zone, ntz: bool) -> Option<i128> {
    let parts = parts(text)?;
    let micros = if ntz { wall_clock(&parts) } else { instant(&parts, zone) }?;
    Some(i128::from(micros) * 1000 + i128::from(parts.nanos))
}

fn instant(parts: &Parts<'_>, zone: &Zone) -> Option<i64> {
    let own = match parts.zone {
        Some(name) => Some(Zone::parse(name.trim())?),
        None => None,
    };
    let zone = own.as_ref().unwrap_or(zone);
    zone.micros_to_utc(parts.local(|| today(zone))?)
}

/// A timestamp without zone; one in the text is checked and left out.
pub fn timestamp_ntz(text: &str) -> Option<i64> {
    wall_clock(&parts(text)?)
}

fn wall_clock(parts: &Parts<'_>) -> Option<i64> {
    if parts.just_time || parts.zone.is_some_and(|name| Zone::parse(name.trim()).is_none()) {
        return None;
    }
    parts.local(|| 0)
}

/// A time of day in nanoseconds, with `AM` or `PM` behind it perhaps.
pub fn time(text: &str) -> Option<i64> {
    let text = trim(text);
    let tail = text.len().checked_sub(2).and_then(|n| text.get(n..)).unwrap_or_default();
    let half = ["AM", "PM"].iter().position(|h| tail.eq_ignore_ascii_case(h));
    let body = if half.is_some() { text.get(..text.len() - 2)?.trim_end() } else { text };
    let mut parts = parts(body)?;
    if !parts.just_time || parts.zone.is_some() {
        return None;
    }
    if let Some(half) = half {
        let hour = parts.fields[3];
        if !(1..=12).contains(&hour) {
            return None;
        }
        parts.fields[3] = hour % 12 + if half == 1 { 12 } else { 0 };
    }
    parts.clock().map(|us| us * 1000 + parts.nanos)
}

/// Today in a zone, as days since the epoch.
pub fn today(zone: &Zone) -> i64 {
    let now = chrono::Utc::now().timestamp();
    (now + i64::from(zone.offset_at(now))).div_euclid(86_400)
}

/// `epoch`, `now`, `today`, `tomorrow`, `yesterday`, which Spark reads in constant text only. Gives
/// microseconds since the epoch; `now` is when the query began.
pub fn special(text: &str, now: i64, zone: &Zone) -> Option<i64> {
    let text = trim(text);
    let (word, zone_name) = match text.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((word, name)) => (word, Some(name.trim())),
        None => (text, None),
    };
    let days = match word.to_ascii_lowercase().as_str() {
        "epoch" if zone_name.is_none() => return Some(0),
        "now" if zone_name.is_none() => return Some(now),
        "today" => 0,
        "tomorrow" => 1,
        "yesterday" => -1,
        _ => return None,
    };
    let own = match zone_name {
        Some(name) => Some(Zone::parse(name)?),
        None => None,
    };
    let zone = own.as_ref().unwrap_or(zone);
    let day = zone.micros_to_local(now)?.div_euclid(MICROS_PER_DAY) + days;
    zone.micros_to_utc(day.checked_mul(MICROS_PER_DAY)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, want) in [
            ("2020-01", Some(18_262)),
            ("2020-1-2", Some(18_263)),
            (" 2020-01-02 ", Some(18_263)),
            ("2020-01-02Tabc", Some(18_263)),
            ("+10000-01-01", Some(2_932_897)),
            ("5881580-07-12", None),
            ("99-01-01", None),
            ("2020-13-01", None),
            ("2021-02-29", None),
            ("2020-01-02x", None),
            ("epoch", None),
            ("", None),
        ] {
            assert_eq!(date(text), want, "{text:?}");
        }
    }

    #[test]
    fn timestamps() {
        for (text, want) in [
            ("1970", Some(0)),
            ("1970-01-01T03", Some(10_800_000_000)),
            ("1970-01-01 00:04", Some(240_000_000)),
            ("1970-01-01 00:00:05.1", Some(5_100_000)),
            ("1970-01-01 00:00:05.123456789", Some(5_123_456)),
            ("1970-01-01 00:00:05+0130", Some(-5_395_000_000)),
            ("1970-01-01 00:00:05 GMT+2", Some(-7_195_000_000)),
            ("1970-01-01 00:00:05.5Europe/Berlin", Some(-3_594_500_000)),
            ("1970-01-01 00:04Z", None),
            ("1970-01-01 23:60:00", None),
            ("1970-01-01 03:04:05 AM", None),
            ("+294248-01-01", None),
            ("", None),
        ] {
            assert_eq!(timestamp(text, &Zone::UTC), want, "{text:?}");
        }
        assert_eq!(timestamp_ntz("1970-01-01 00:00:05-18:00"), Some(5_000_000));
        assert_eq!(timestamp_ntz("T03:04:05"), None);
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("01:02", Some(3_720)),
            ("T01:02:03", Some(3_723)),
            ("01:02:03 PM", Some(46_923)),
            ("12:00:00 AM", Some(0)),
            ("24:00:00", None),
            ("01:02:03Z", None),
            ("1", None),
        ] {
            assert_eq!(time(text), want.map(|s: i64| s * 1_000_000_000), "{text:?}");
        }
    }
}
