//! Intervals as text.

use std::fmt::Write;

use vonk_plan::types::{DayTimeField, YearMonthField};

/// `INTERVAL '1-2' YEAR TO MONTH`.
pub fn write_year_month(out: &mut String, months: i32, start: YearMonthField, end: YearMonthField) {
    use YearMonthField::*;
    let sign = if months < 0 { "-" } else { "" };
    let m = i64::from(months).abs();
    let _ = match (start, end) {
        (Year, Year) => write!(out, "INTERVAL '{sign}{}' YEAR", m / 12),
        (Month, Month) => write!(out, "INTERVAL '{sign}{m}' MONTH"),
        _ => write!(out, "INTERVAL '{sign}{}-{}' YEAR TO MONTH", m / 12, m % 12),
    };
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, with the fields of the type only.
pub fn write_day_time(out: &mut String, micros: i64, start: DayTimeField, end: DayTimeField) {
    use DayTimeField::*;
    let total = i128::from(micros).unsigned_abs();
    let (seconds, fraction) = (total / 1_000_000, total % 1_000_000);
    out.push_str("INTERVAL '");
    if micros < 0 {
        out.push('-');
    }
    let first = |f: DayTimeField| start == f;
    if first(Day) {
        let _ = write!(out, "{}", seconds / 86_400);
        if end > Day {
            out.push(' ');
        }
    }
    let shown = |f: DayTimeField| start <= f && f <= end;
    let two = |out: &mut String, f: DayTimeField, all: u128, part: u128| {
        let n = if first(f) { all } else { part };
        let colon = if first(f) || (f == Hour && start == Day) { "" } else { ":" };
        let _ = write!(out, "{colon}{n:02}");
    };
    if shown(Hour) {
        two(out, Hour, seconds / 3600, seconds / 3600 % 24);
    }
    if shown(Minute) {
        two(out, Minute, seconds / 60, seconds / 60 % 60);
    }
    if shown(Second) {
        two(out, Second, seconds, seconds % 60);
        if fraction != 0 {
            let digits = format!("{fraction:06}");
            out.push('.');
            out.push_str(digits.trim_end_matches('0'));
        }
    }
    let name = |f: DayTimeField| f.to_string().to_uppercase();
    let _ = match start == end {
        true => write!(out, "' {}", name(start)),
        false => write!(out, "' {} TO {}", name(start), name(end)),
    };
}

/// `1 years 2 months 3 days 4 hours 5.5 seconds`; `0 seconds` when empty.
pub fn write_calendar(out: &mut String, months: i32, days: i32, micros: i64) {
    let start = out.len();
    let unit = |out: &mut String, n: i64, name: &str| {
        if n != 0 {
            if out.len() > start {
                out.push(' ');
            }
            let _ = write!(out, "{n} {name}");
        }
    };
    unit(out, i64::from(months / 12), "years");
    unit(out, i64::from(months % 12), "months");
    unit(out, i64::from(days), "days");
    unit(out, micros / 3_600_000_000, "hours");
    unit(out, micros / 60_000_000 % 60, "minutes");
    let rest = micros % 60_000_000;
    if rest != 0 {
        if out.len() > start {
            out.push(' ');
        }
        let sign = if rest < 0 { "-" } else { "" };
        let (seconds, fraction) = (rest.abs() / 1_000_000, rest.abs() % 1_000_000);
        let _ = write!(out, "{sign}{seconds}");
        if fraction != 0 {
            let digits = format!("{fraction:06}");
            out.push('.');
            out.push_str(digits.trim_end_matches('0'));
        }
        out.push_str(" seconds");
    }
    if out.len() == start {
        out.push_str("0 seconds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_every_kind() {
        use DayTimeField::*;
        let dt = |v, a, b| {
            let mut out = String::new();
            write_day_time(&mut out, v, a, b);
            out
        };
        assert_eq!(dt(93_784_500_000, Day, Second), "INTERVAL '1 02:03:04.5' DAY TO SECOND");
        assert_eq!(dt(-1, Second, Second), "INTERVAL '-00.000001' SECOND");
        assert_eq!(dt(0, Day, Day), "INTERVAL '0' DAY");
        assert_eq!(dt(-3_600_000_000, Hour, Hour), "INTERVAL '-01' HOUR");
        assert_eq!(dt(93_784_000_000, Hour, Second), "INTERVAL '26:03:04' HOUR TO SECOND");
        assert_eq!(dt(60_000_000, Minute, Second), "INTERVAL '01:00' MINUTE TO SECOND");
        let mut out = String::new();
        write_year_month(&mut out, -11, YearMonthField::Year, YearMonthField::Month);
        assert_eq!(out, "INTERVAL '-0-11' YEAR TO MONTH");
        out.clear();
        write_calendar(&mut out, 14, -1, 3_500_000);
        assert_eq!(out, "1 years 2 months -1 days 3.5 seconds");
    }
}
