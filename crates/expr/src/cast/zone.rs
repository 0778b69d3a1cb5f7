//! Time zones: Spark's names for them, and offsets as `java.time` finds them.
//!
//! In a gap the wall clock moves forward by the gap's length, in an overlap the earlier offset
//! counts.

use std::cell::Cell;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};

/// A zone, with a small cache of offsets. Make one per batch.
#[derive(Debug, Clone)]
pub struct Zone {
    rules: Rules,
    /// Day numbers and their offsets, where the offset is the same all day.
    cached: [Cell<(i64, i32)>; SLOTS],
}

const SLOTS: usize = 64;
const fn empty() -> [Cell<(i64, i32)>; SLOTS] {
    [const { Cell::new((i64::MIN, 0)) }; SLOTS]
}

#[derive(Debug, Clone, Copy)]
enum Rules {
    Fixed(i32),
    Region(Tz),
}

/// Last year that the zone tables hold; later years have the offsets of a like year.
const LAST_YEAR: i64 = 2099;
const SECONDS_PER_DAY: i64 = 86_400;
/// First second of the year 2100.
const TABLE_END: i64 = 4_102_444_800;
/// Before any zone had rules.
const TABLE_START: i64 = -5_000_000_000;

impl Zone {
    pub fn utc() -> Zone {
        Zone::fixed(0)
    }

    /// Its offsets are never looked up, so that the cache in it is never written.
    #[allow(clippy::declare_interior_mutable_const)]
    pub const UTC: Zone = Zone { rules: Rules::Fixed(0), cached: empty() };

    pub fn fixed(seconds: i32) -> Zone {
        Zone { rules: Rules::Fixed(seconds), cached: empty() }
    }

    /// Reads a zone name: `UTC`, `Z`, `+01:00`, `GMT+2`, `Europe/Berlin`, and the old short names.
    pub fn parse(name: &str) -> Option<Zone> {
        let rules = match name {
            "Z" | "UTC" | "GMT" | "UT" => Rules::Fixed(0),
            _ => {
                let tail = ["UTC", "GMT", "UT"].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(name);
                match tail.strip_prefix(['+', '-']) {
                    Some(digits) => {
                        Rules::Fixed(if tail.starts_with('-') { -offset(digits)? } else { offset(digits)? })
                    }
                    None => region(name)?,
                }
            }
        };
        Some(Zone { rules, cached: empty() })
    }

    /// A zone the session or a function names. Error: `INVALID_TIMEZONE`.
    pub fn named(name: &str) -> SparkResult<Zone> {
        Zone::parse(name).ok_or_else(|| SparkError::new("INVALID_TIMEZONE").param("timeZone", quote_sql(name)))
    }

    /// Seconds east of UTC at a moment (seconds since the epoch).
    pub fn offset_at(&self, second: i64) -> i32 {
        let tz = match self.rules {
            Rules::Fixed(offset) => return offset,
            Rules::Region(tz) => tz,
        };
        let day = second.div_euclid(SECONDS_PER_DAY);
        let slot = &self.cached[(day as usize) % SLOTS];
        let (cached, offset) = slot.get();
        if cached == day {
            return offset;
        }
        let start = lookup(tz, day * SECONDS_PER_DAY);
        if start == lookup(tz, day * SECONDS_PER_DAY + SECONDS_PER_DAY - 1) {
            slot.set((day, start));
            return start;
        }
        lookup(tz, second)
    }

    /// The moment at which the wall clock shows `local` (both in seconds).
    pub fn to_utc(&self, local: i64) -> i64 {
        if let Rules::Fixed(offset) = self.rules {
            return local - i64::from(offset);
        }
        let before = i64::from(self.offset_at(local - SECONDS_PER_DAY));
        let after = i64::from(self.offset_at(local + SECONDS_PER_DAY));
        if before == after || i64::from(self.offset_at(local - before)) == before {
            return local - before;
        }
        if i64::from(self.offset_at(local - after)) == after { local - after } else { local - before }
    }

    /// Microseconds of a wall clock as microseconds since the epoch; `None` on overflow.
    pub fn micros_to_utc(&self, local: i64) -> Option<i64> {
        let second = local.div_euclid(1_000_000);
        self.to_utc(second).checked_mul(1_000_000)?.checked_add(local.rem_euclid(1_000_000))
    }

    /// Microseconds since the epoch as microseconds of the wall clock.
    pub fn micros_to_local(&self, utc: i64) -> Option<i64> {
        utc.checked_add(i64::from(self.offset_at(utc.div_euclid(1_000_000))) * 1_000_000)
    }
}

fn lookup(tz: Tz, second: i64) -> i32 {
    let second = if second >= TABLE_END {
        // Same weekdays and leap years 400 years later; inside a century every 28 years.
        let (year, month, day) = crate::cast::text::datetime::civil(second.div_euclid(SECONDS_PER_DAY));
        let like = LAST_YEAR - 27 + (0..28).find(|k| alike(LAST_YEAR - 27 + k, year)).unwrap_or(0);
        let same = crate::cast::text::datetime::days_from_civil(like, month, day).unwrap_or(0);
        same * SECONDS_PER_DAY + second.rem_euclid(SECONDS_PER_DAY)
    } else {
        second.max(TABLE_START)
    };
    DateTime::from_timestamp(second, 0)
        .map(|t| tz.offset_from_utc_datetime(&t.naive_utc()).fix().local_minus_utc())
        .unwrap_or(0)
}

/// Two years with the same calendar.
fn alike(a: i64, b: i64) -> bool {
    use crate::cast::text::datetime::{days_from_civil, month_length};
    let weekday = |y| days_from_civil(y, 1, 1).map(|d| d.rem_euclid(7));
    month_length(a, 2) == month_length(b, 2) && weekday(a) == weekday(b)
}

/// `1`, `01`, `1:30`, `01:30`, `0130`, `01:30:15`, `013015` as seconds; at most 18 hours.
fn offset(text: &str) -> Option<i32> {
    let number =
        |s: &str| if s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit()) { s.parse::<i32>().ok() } else { None };
    let parts: Vec<i32> = match text.contains(':') {
        true => text.split(':').map(number).collect::<Option<_>>()?,
        false if text.len() <= 2 => vec![number(text)?],
        false if text.len().is_multiple_of(2) && text.is_ascii() => {
            text.as_bytes().chunks(2).map(|c| number(std::str::from_utf8(c).ok()?)).collect::<Option<_>>()?
        }
        false => return None,
    };
    let (h, m, s) = match parts.as_slice() {
        [h] => (*h, 0, 0),
        [h, m] => (*h, *m, 0),
        [h, m, s] => (*h, *m, *s),
        _ => return None,
    };
    let total = h * 3600 + m * 60 + s;
    (m < 60 && s < 60 && total <= 18 * 3600).then_some(total)
}

/// A region of the tz database, or one of the three-letter names that Java keeps alive.
fn region(name: &str) -> Option<Rules> {
    let long = match name {
        "EST" => return Some(Rules::Fixed(-5 * 3600)),
        "MST" => return Some(Rules::Fixed(-7 * 3600)),
        "HST" => return Some(Rules::Fixed(-10 * 3600)),
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        other => other,
    };
    long.parse::<Tz>().ok().map(Rules::Region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_overlaps_and_far_years() {
        let la = Zone::parse("America/Los_Angeles").unwrap_or(Zone::UTC);
        // 2021-03-14 02:30 does not exist: 10:30Z.
        assert_eq!(la.to_utc(1_615_689_000), 1_615_717_800);
        // 2021-11-07 01:30 exists twice: the first, 08:30Z.
        assert_eq!(la.to_utc(1_636_248_600), 1_636_273_800);
        // 0001-01-01 in local mean time.
        assert_eq!(la.offset_at(-62_135_596_800), -28_378);
        // 2500-07-01 is summer.
        assert_eq!(la.offset_at(16_741_080_000), -25_200);
        assert_eq!(Zone::parse("GMT+2").map(|z| z.offset_at(0)), Some(7200));
        assert_eq!(Zone::parse("-0130").map(|z| z.offset_at(0)), Some(-5400));
        assert!(Zone::parse("Nowhere/None").is_none() && Zone::parse("+19:00").is_none());
    }
}
