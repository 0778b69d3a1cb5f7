//! Time zones of literals: fixed offsets and regions.

use std::str::FromStr;

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

use crate::literal::datetime::{SECONDS_PER_DAY, digits};

/// A fixed offset in seconds: `Z`, `UTC`, `+1`, `+01:30`, `GMT-08:00`.
fn fixed_offset(zone: &str) -> Option<i64> {
    let bare = ["UTC", "GMT", "UT"].iter().find_map(|p| zone.strip_prefix(p)).unwrap_or(zone);
    if bare.is_empty() || zone == "Z" || zone == "z" {
        return Some(0);
    }
    let (sign, rest) = match bare.as_bytes().first()? {
        b'+' => (1, bare.get(1..)?),
        b'-' => (-1, bare.get(1..)?),
        _ => return None,
    };
    let mut parts = [0i64; 3];
    if rest.contains(':') || rest.len() <= 2 {
        for (i, part) in rest.split(':').enumerate() {
            *parts.get_mut(i)? = digits(part, 1, 2).filter(|(_, tail)| tail.is_empty())?.0;
        }
    } else {
        for (i, at) in (0..rest.len()).step_by(2).enumerate() {
            *parts.get_mut(i)? = rest.get(at..at + 2)?.parse().ok()?;
        }
    }
    let [h, m, s] = parts;
    let seconds = h * 3600 + m * 60 + s;
    (m < 60 && s < 60 && seconds <= 18 * 3600).then_some(sign * seconds)
}

fn region(zone: &str) -> Option<Tz> {
    let full = match zone {
        "PST" => "America/Los_Angeles",
        "EST" => "America/New_York",
        "MST" => "America/Denver",
        "CST" => "America/Chicago",
        "JST" => "Asia/Tokyo",
        "IST" => "Asia/Kolkata",
        "CET" => "Europe/Paris",
        other => other,
    };
    Tz::from_str(full).ok()
}

pub(crate) fn is_zone(zone: &str) -> bool {
    fixed_offset(zone).is_some() || region(zone).is_some()
}

/// The offset at an instant, in seconds.
pub(crate) fn offset_at_utc(seconds: i64, zone: &str) -> Option<i64> {
    if let Some(fixed) = fixed_offset(zone) {
        return Some(fixed);
    }
    let at = chrono::DateTime::from_timestamp(clamp(seconds), 0)?.naive_utc();
    Some(i64::from(region(zone)?.offset_from_utc_datetime(&at).fix().local_minus_utc()))
}

/// The offset at a wall clock, in seconds. In a gap the offset before it, in an overlap the earlier instant.
pub(crate) fn offset_at_local(seconds: i64, zone: &str) -> Option<i64> {
    if let Some(fixed) = fixed_offset(zone) {
        return Some(fixed);
    }
    let tz = region(zone)?;
    let at = chrono::DateTime::from_timestamp(clamp(seconds), 0)?.naive_utc();
    match tz.offset_from_local_datetime(&at).earliest() {
        Some(offset) => Some(i64::from(offset.fix().local_minus_utc())),
        None => offset_at_utc(seconds - SECONDS_PER_DAY, zone),
    }
}

/// Far from today no zone changes any more: the last known rule holds.
fn clamp(seconds: i64) -> i64 {
    const YEAR: i64 = 31_556_952;
    seconds.clamp(-200_000 * YEAR, 200_000 * YEAR)
}
