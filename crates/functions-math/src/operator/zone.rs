//! Time zones for timestamp arithmetic: wall clock to instant and back, with Java's rules in gaps
//! (move forward by the gap) and overlaps (the earlier offset, or the one that was in force).

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

pub const MICROS_PER_DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone, Copy)]
pub enum Zone {
    /// Microseconds east of UTC.
    Fixed(i64),
    Region(Tz),
}

impl Zone {
    /// The zone of that name; UTC if there is none (the session has checked the name).
    pub fn parse(name: &str) -> Self {
        if let Ok(tz) = name.parse::<Tz>() {
            return if tz == Tz::UTC { Zone::Fixed(0) } else { Zone::Region(tz) };
        }
        let text = name.trim_start_matches("UTC").trim_start_matches("GMT").trim_start_matches("UT");
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.trim_start_matches('+')),
        };
        let parts: Vec<i64> = rest.split(':').filter_map(|p| p.parse().ok()).collect();
        let seconds = parts.iter().zip([3600, 60, 1]).map(|(v, unit)| v * unit).sum::<i64>();
        Zone::Fixed(sign * seconds * 1_000_000)
    }

    /// Microseconds east of UTC at an instant.
    pub fn offset_at(&self, micros: i64) -> i64 {
        match self {
            Zone::Fixed(offset) => *offset,
            Zone::Region(tz) => match chrono::DateTime::from_timestamp(micros.div_euclid(1_000_000), 0) {
                Some(t) => i64::from(tz.offset_from_utc_datetime(&t.naive_utc()).fix().local_minus_utc()) * 1_000_000,
                None => 0,
            },
        }
    }

    pub fn to_local(&self, micros: i64) -> i64 {
        micros.saturating_add(self.offset_at(micros))
    }

    /// The instant of a wall clock; `preferred` is the offset to keep in an overlap.
    pub fn to_utc(&self, local: i64, preferred: Option<i64>) -> i64 {
        if let Zone::Fixed(offset) = self {
            return local.saturating_sub(*offset);
        }
        let before = self.offset_at(local.saturating_sub(MICROS_PER_DAY));
        let after = self.offset_at(local.saturating_add(MICROS_PER_DAY));
        let fits = |offset: i64| self.offset_at(local.saturating_sub(offset)) == offset;
        if let Some(p) = preferred.filter(|p| fits(*p)) {
            return local.saturating_sub(p);
        }
        let offset = if fits(before) || !fits(after) { before } else { after };
        local.saturating_sub(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_move_forward_and_overlaps_keep_the_earlier_offset() {
        let la = Zone::parse("America/Los_Angeles");
        let hour = 3_600_000_000;
        // 2020-03-08 02:30 does not exist: 03:30 at -07:00.
        let local = 1_583_634_600_000_000;
        assert_eq!(la.to_utc(local, None), local + 8 * hour);
        assert_eq!(la.to_local(local + 8 * hour), local + hour);
        // 2020-11-01 01:30 exists twice.
        let local = 1_604_194_200_000_000;
        assert_eq!(la.to_utc(local, None), local + 7 * hour);
        assert_eq!(la.to_utc(local, Some(-8 * hour)), local + 8 * hour);
    }
}
