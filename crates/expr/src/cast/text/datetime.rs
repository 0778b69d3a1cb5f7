//! Dates, times and timestamps as text.

use std::fmt::Write;

use crate::cast::zone::Zone;

pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Year, month and day of a day number (days since 1970-01-01, proleptic Gregorian).
pub fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// The day number of a date; `None` when there is no such day.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > month_length(year, month) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    Some(era * 146_097 + doe - 719_468)
}

pub fn month_length(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `2020-01-02`; years beyond four digits get a sign.
pub fn write_date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    let _ = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        y if y > 0 => write!(out, "+{y}-{month:02}-{day:02}"),
        y => write!(out, "-{:04}-{month:02}-{day:02}", -y),
    };
}

/// `2020-01-02 03:04:05.6`: the fraction without trailing zeros.
pub fn write_timestamp_ntz(out: &mut String, micros: i64) {
    write_local(out, micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) * 1000);
}

/// In seconds and nanos apart, so that the ends of the range can be moved by an offset.
fn write_local(out: &mut String, seconds: i64, nanos: i64) {
    write_date(out, seconds.div_euclid(86_400));
    out.push(' ');
    write_clock(out, seconds.rem_euclid(86_400) * 1_000_000_000 + nanos);
}

/// A moment of nanoseconds in a zone: with so many digits of a second, or as many as are not zero.
pub fn write_nanos(out: &mut String, nanos: i128, zone: &Zone, digits: Option<u8>) {
    let second = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default();
    let local = second + i64::from(zone.offset_at(second));
    let fraction = nanos.rem_euclid(1_000_000_000) as i64;
    match digits {
        None => write_local(out, local, fraction),
        Some(digits) => {
            write_local(out, local, 0);
            let fraction = format!("{fraction:09}");
            let _ = write!(out, ".{}", fraction.get(..usize::from(digits)).unwrap_or(&fraction));
        }
    }
}

pub fn write_timestamp(out: &mut String, micros: i64, zone: &Zone) {
    let second = micros.div_euclid(1_000_000);
    write_local(out, second + i64::from(zone.offset_at(second)), micros.rem_euclid(1_000_000) * 1000);
}

/// `03:04:05.6` of nanoseconds since midnight.
pub fn write_clock(out: &mut String, nanos: i64) {
    let seconds = nanos / 1_000_000_000;
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = nanos % 1_000_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_round_trip() {
        for days in [-1_000_000, -719_528, -1, 0, 59, 18_262, 2_932_896, 106_751_991] {
            let (y, m, d) = civil(days);
            assert_eq!(days_from_civil(y, m, d), Some(days));
        }
        let mut out = String::new();
        write_timestamp_ntz(&mut out, -1);
        assert_eq!(out, "1969-12-31 23:59:59.999999");
        out.clear();
        write_date(&mut out, 2_932_897);
        assert_eq!(out, "+10000-01-01");
        assert_eq!(days_from_civil(2021, 2, 29), None);
    }
}
