//! Writing a date and time by a pattern.

use std::fmt::Write;

use vonk_expr::cast::text::datetime::{MICROS_PER_DAY, civil};

use super::names::{DAYS, ERAS, HALVES, MONTHS, QUARTERS, SHORT_ERAS, SHORT_QUARTERS, offset_id, zone_id, zone_name};
use super::{Field, Item, OffsetStyle, Pattern, Sign};
use crate::fields::day_of_year;

/// A moment as it is to be written.
pub struct Moment<'a> {
    /// Wall clock in microseconds since 1970.
    pub local: i64,
    /// Nanoseconds below them.
    pub nanos: i64,
    /// Seconds east of UTC.
    pub offset: i32,
    /// The zone's name in the session.
    pub zone: &'a str,
}

impl Pattern {
    /// Appends the moment; an error is a field that does not fit its width.
    pub fn write(&self, moment: &Moment<'_>, out: &mut String) -> Result<(), String> {
        let days = moment.local.div_euclid(MICROS_PER_DAY);
        let date = civil(days);
        let micros = moment.local.rem_euclid(MICROS_PER_DAY);
        for item in &self.items {
            match item {
                Item::Literal(text) => out.push_str(text),
                Item::OptionalStart | Item::OptionalEnd => {}
                Item::Number { field, min, max, sign, .. } => {
                    number(out, value(*field, days, date, micros), *min, *max, *sign)?;
                }
                Item::TwoDigitYear { field, .. } => {
                    let _ = write!(out, "{:02}", value(*field, days, date, micros).abs() % 100);
                }
                Item::Fraction { max, .. } => {
                    let digits = format!("{:09}", micros % 1_000_000 * 1000 + moment.nanos);
                    out.push_str(digits.get(..*max).unwrap_or(&digits));
                }
                Item::Text { field, full } => out.push_str(text(*field, *full, days, date, micros)),
                Item::ZoneId => out.push_str(&zone_id(moment.zone)),
                Item::ZoneName { full } => {
                    let second = moment.local.div_euclid(1_000_000) - i64::from(moment.offset);
                    out.push_str(&zone_name(&zone_id(moment.zone), second, *full));
                }
                Item::Offset { style, zero } => offset(out, moment.offset, *style, zero),
                Item::LocalizedOffset { full } => localized(out, moment.offset, *full),
            }
        }
        Ok(())
    }
}

fn value(field: Field, days: i64, (year, month, day): (i64, u32, u32), micros: i64) -> i64 {
    let hour = micros / 3_600_000_000;
    match field {
        Field::Year => year,
        Field::YearOfEra => {
            if year > 0 {
                year
            } else {
                1 - year
            }
        }
        Field::Era => i64::from(year > 0),
        Field::Quarter => i64::from((month - 1) / 3 + 1),
        Field::Month => i64::from(month),
        Field::Day => i64::from(day),
        Field::DayOfYear => i64::from(day_of_year(days)),
        Field::DayOfWeek => (days + 3).rem_euclid(7) + 1,
        Field::AlignedDay => i64::from((day - 1) % 7 + 1),
        Field::AmPm => hour / 12,
        Field::HourOfDay => hour,
        Field::ClockHourOfDay => {
            if hour == 0 {
                24
            } else {
                hour
            }
        }
        Field::HourOfAmPm => hour % 12,
        Field::ClockHourOfAmPm => {
            if hour % 12 == 0 {
                12
            } else {
                hour % 12
            }
        }
        Field::Minute => micros / 60_000_000 % 60,
        Field::Second => micros / 1_000_000 % 60,
        Field::Nano => micros % 1_000_000 * 1000,
    }
}

fn number(out: &mut String, value: i64, min: usize, max: usize, sign: Sign) -> Result<(), String> {
    let digits = value.unsigned_abs().to_string();
    if digits.len() > max {
        return Err(format!("Field cannot be printed as the value {value} exceeds the maximum print width of {max}"));
    }
    if value < 0 {
        out.push('-');
    } else if sign == Sign::ExceedsPad && digits.len() > min {
        out.push('+');
    }
    (digits.len()..min).for_each(|_| out.push('0'));
    out.push_str(&digits);
    Ok(())
}

fn text(field: Field, full: bool, days: i64, date: (i64, u32, u32), micros: i64) -> &'static str {
    let v = value(field, days, date, micros);
    let pick = |names: &[&'static str], at: i64| names.get(at as usize).copied().unwrap_or_default();
    match (field, full) {
        (Field::Era, true) => pick(&ERAS, v),
        (Field::Era, false) => pick(&SHORT_ERAS, v),
        (Field::Quarter, true) => pick(&QUARTERS, v - 1),
        (Field::Quarter, false) => pick(&SHORT_QUARTERS, v - 1),
        (Field::Month, true) => pick(&MONTHS, v - 1),
        (Field::Month, false) => &pick(&MONTHS, v - 1)[..3],
        (Field::DayOfWeek, true) => pick(&DAYS, v - 1),
        (Field::DayOfWeek, false) => &pick(&DAYS, v - 1)[..3],
        _ => pick(&HALVES, v),
    }
}

fn offset(out: &mut String, seconds: i32, style: OffsetStyle, zero: &str) {
    if seconds == 0 {
        out.push_str(zero);
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    let _ = match style {
        OffsetStyle::HourMaybeMinute if m == 0 => write!(out, "{sign}{h:02}"),
        OffsetStyle::HourMaybeMinute | OffsetStyle::HourMinute => write!(out, "{sign}{h:02}{m:02}"),
        OffsetStyle::HourMinuteMaybeSecond if s == 0 => write!(out, "{sign}{h:02}{m:02}"),
        OffsetStyle::HourMinuteMaybeSecond => write!(out, "{sign}{h:02}{m:02}{s:02}"),
        OffsetStyle::HourColonMinute => write!(out, "{sign}{h:02}:{m:02}"),
        OffsetStyle::HourColonMinuteMaybeSecond => write!(out, "{}", offset_id(seconds)),
    };
}

fn localized(out: &mut String, seconds: i32, full: bool) {
    out.push_str("GMT");
    if seconds == 0 {
        return;
    }
    if full {
        out.push_str(&offset_id(seconds));
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    let _ = match (m, s) {
        (0, 0) => write!(out, "{sign}{h}"),
        (m, 0) => write!(out, "{sign}{h}:{m:02}"),
        (m, s) => write!(out, "{sign}{h}:{m:02}:{s:02}"),
    };
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;

    #[test]
    fn moments_print_as_in_java() {
        // 2020-07-04 01:02:03 in Los Angeles.
        let moment = Moment { local: 1_593_824_523_123_456, nanos: 0, offset: -25_200, zone: "America/Los_Angeles" };
        for (pattern, want) in [
            ("EEEE d MMMM yyyy G", "Saturday 4 July 2020 AD"),
            ("QQQ QQQQ h a K k", "Q3 3rd quarter 1 AM 1 1"),
            ("z zzzz O OOOO", "PDT Pacific Daylight Time GMT-7 GMT-07:00"),
            ("x xx xxx X XX XXX Z ZZZZ ZZZZZ", "-07 -0700 -07:00 -07 -0700 -07:00 -0700 GMT-07:00 -07:00"),
            ("VV F D", "America/Los_Angeles 4 186"),
            ("yy yyyyy SS SSSSSSSSS", "20 02020 12 123456000"),
            ("'at' HH''mm", "at 01'02"),
        ] {
            let mut out = String::new();
            let done = Pattern::new(pattern, Purpose::Print).map(|p| p.write(&moment, &mut out));
            assert!(matches!(done, Ok(Ok(()))), "{pattern}");
            assert_eq!(out, want, "{pattern}");
        }
    }
}
