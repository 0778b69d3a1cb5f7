//! Intervals from text: `1-2`, `1 02:03:04.5`, the same as `INTERVAL '…' YEAR TO MONTH` literals,
//! and the words of calendar intervals (`1 day -2 hours`).

use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, DayTimeField, YearMonthField};

use super::trim;
use crate::cast::to_integral::micros_of;

/// Months of a year-month interval.
pub fn year_month(text: &str, start: YearMonthField, end: YearMonthField) -> SparkResult<i32> {
    use YearMonthField::*;
    let (form, units) = match (start, end) {
        (Year, Year) => ("y", "YEAR"),
        (Month, Month) => ("m", "MONTH"),
        _ => ("y-m", "YEAR TO MONTH"),
    };
    let ty = DataType::YearMonthInterval(start, end);
    let unmatched = || unmatched("UNMATCHED_FORMAT_STRING", "year-month", form, units, text, &ty);
    let (negative, body) = take_apart(text, units).ok_or_else(unmatched)?;
    let number = |s: &str| (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok());
    let failed = || {
        SparkError::new("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING").param("input", text).param("interval", "year-month")
    };
    let months = match (form, body.split_once('-')) {
        ("y-m", Some((y, m))) => {
            let (y, m) = (number(y).ok_or_else(unmatched)?, number(m).ok_or_else(unmatched)?);
            let (y, m) = (y.ok_or_else(failed)?, m.filter(|m| *m < 12).ok_or_else(failed)?);
            y.checked_mul(12).and_then(|y| y.checked_add(m))
        }
        ("y", None) => number(body).ok_or_else(unmatched)?.and_then(|y| y.checked_mul(12)),
        ("m", None) => number(body).ok_or_else(unmatched)?,
        _ => return Err(unmatched()),
    };
    let months = months.map(|m| if negative { -m } else { m });
    months.and_then(|m| i32::try_from(m).ok()).ok_or_else(failed)
}

/// Microseconds of a day-time interval.
pub fn day_time(text: &str, start: DayTimeField, end: DayTimeField) -> SparkResult<i64> {
    use DayTimeField::*;
    let (form, units) = match (start, end) {
        (Day, Day) => ("d", "DAY"),
        (Day, Hour) => ("d h", "DAY TO HOUR"),
        (Day, Minute) => ("d h:m", "DAY TO MINUTE"),
        (Day, Second) => ("d h:m:s.n", "DAY TO SECOND"),
        (Hour, Hour) => ("h", "HOUR"),
        (Hour, Minute) => ("h:m", "HOUR TO MINUTE"),
        (Hour, Second) => ("h:m:s.n", "HOUR TO SECOND"),
        (Minute, Minute) => ("m", "MINUTE"),
        (Minute, Second) => ("m:s.n", "MINUTE TO SECOND"),
        _ => ("s.n", "SECOND"),
    };
    let ty = DataType::DayTimeInterval(start, end);
    let unmatched = || unmatched("UNMATCHED_FORMAT_STRING_WITH_NOTICE", "day-time", form, units, text, &ty);
    let (negative, body) = take_apart(text, units).ok_or_else(unmatched)?;
    let mut rest = body;
    let mut total: i128 = 0;
    let mut field = start;
    loop {
        let stop = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(stop);
        let longest = if field == start { if field == Day { 9 } else { 19 } } else { 2 };
        if digits.is_empty() || digits.len() > longest {
            return Err(unmatched());
        }
        let n: i128 = digits.parse().map_err(|_| unmatched())?;
        let limit = if field == Hour { 23 } else { 59 };
        if field != start && n > limit {
            return Err(out_of_range(field, n, limit));
        }
        total += n * i128::from(micros_of(field));
        rest = tail;
        if field == end {
            break;
        }
        let separator = if field == Day { ' ' } else { ':' };
        rest = rest.strip_prefix(separator).ok_or_else(unmatched)?;
        field = match field {
            Day => Hour,
            Hour => Minute,
            _ => Second,
        };
    }
    if end == Second && !rest.is_empty() {
        let digits = rest.strip_prefix('.').filter(|d| (1..=9).contains(&d.len())).ok_or_else(unmatched)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unmatched());
        }
        let micros: i128 = format!("{digits:0<6}").get(..6).and_then(|d| d.parse().ok()).unwrap_or(0);
        total += micros;
        rest = "";
    }
    if !rest.is_empty() {
        return Err(unmatched());
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).map_err(|_| {
        SparkError::new("INVALID_INTERVAL_FORMAT.DAY_TIME_PARSING").param("input", text).param("msg", "long overflow")
    })
}

fn out_of_range(field: DayTimeField, n: i128, limit: i128) -> SparkError {
    SparkError::new("INVALID_INTERVAL_FORMAT.DAY_TIME_PARSING")
        .param("msg", format!("requirement failed: {field} {n} outside range [0, {limit}]"))
        .param("input", n)
}

fn unmatched(class: &str, family: &str, form: &str, units: &str, text: &str, ty: &DataType) -> SparkError {
    SparkError::new(format!("INVALID_INTERVAL_FORMAT.{class}"))
        .param("intervalStr", family)
        .param("supportedFormat", format!("`[+|-]{form}`, `INTERVAL [+|-]'[+|-]{form}' {units}`"))
        .param("typeName", ty)
        .param("input", text)
}

/// Sign and body of `[+|-]body` or of `INTERVAL [+|-]'[+|-]body' units`.
fn take_apart<'a>(text: &'a str, units: &str) -> Option<(bool, &'a str)> {
    let sign = |s: &'a str| match s.as_bytes().first() {
        Some(b'-') => (true, &s[1..]),
        Some(b'+') => (false, &s[1..]),
        _ => (false, s),
    };
    let text = trim(text);
    let Some(rest) = strip_word(text, "INTERVAL") else { return Some(sign(text)) };
    let (outer, rest) = sign(rest.trim_start());
    let (body, tail) = rest.strip_prefix('\'')?.split_once('\'')?;
    let (inner, body) = sign(body);
    let mut words = tail.split_ascii_whitespace();
    let same = units.split(' ').all(|u| words.next().is_some_and(|w| w.eq_ignore_ascii_case(u)));
    let spaced = tail.starts_with(|c: char| c.is_ascii_whitespace());
    (same && spaced && words.next().is_none()).then_some((outer != inner, body))
}

/// The text behind a word and white space, in any case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let tail = text.get(word.len()..)?;
    (head.eq_ignore_ascii_case(word) && tail.starts_with(|c: char| c.is_ascii_whitespace())).then_some(tail)
}

/// Months, days and microseconds of a calendar interval such as `1 year -2 days 3.5 seconds`.
pub fn calendar(text: &str) -> Option<(i32, i32, i64)> {
    let text = trim(text);
    let mut rest = strip_word(text, "INTERVAL").unwrap_or(text).trim_start();
    if rest.is_empty() {
        return None;
    }
    let (mut months, mut days, mut micros) = (0i32, 0i32, 0i64);
    while !rest.is_empty() {
        let negative = rest.starts_with('-');
        rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
        let stop = rest.find(|c: char| !c.is_ascii_digit())?;
        let (whole, tail) = rest.split_at(stop);
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(t) => {
                let stop = t.find(|c: char| !c.is_ascii_digit())?;
                (Some(t.get(..stop)?), t.get(stop..)?)
            }
            None => (None, tail),
        };
        if whole.is_empty() && fraction.is_none_or(str::is_empty) {
            return None;
        }
        if !tail.starts_with(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let tail = tail.trim_start();
        let stop = tail.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(stop);
        rest = after.trim_start();
        let n: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let n = if negative { -n } else { n };
        let unit = unit.to_ascii_lowercase();
        let unit = unit.strip_suffix('s').unwrap_or(&unit);
        if fraction.is_some() && unit != "second" {
            return None;
        }
        let add32 = |sum: i32, by: i64| i32::try_from(n.checked_mul(by)?).ok()?.checked_add(sum);
        let add64 = |sum: i64, by: i64| n.checked_mul(by)?.checked_add(sum);
        match unit {
            "year" => months = add32(months, 12)?,
            "month" => months = add32(months, 1)?,
            "week" => days = add32(days, 7)?,
            "day" => days = add32(days, 1)?,
            "hour" => micros = add64(micros, 3_600_000_000)?,
            "minute" => micros = add64(micros, 60_000_000)?,
            "second" => {
                micros = add64(micros, 1_000_000)?;
                let digits = fraction.unwrap_or("");
                if digits.len() > 9 {
                    return None;
                }
                let part: i64 = format!("{digits:0<6}").get(..6)?.parse().ok()?;
                micros = micros.checked_add(if negative { -part } else { part })?;
            }
            "millisecond" => micros = add64(micros, 1_000)?,
            "microsecond" => micros = add64(micros, 1)?,
            _ => return None,
        }
    }
    Some((months, days, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn year_month_forms() {
        use YearMonthField::*;
        assert_eq!(year_month(" 1-2 ", Year, Month), Ok(14));
        assert_eq!(year_month("interval -'1-2' year to month", Year, Month), Ok(-14));
        assert_eq!(year_month("-7", Year, Year), Ok(-84));
        let class = |t: &str| year_month(t, Year, Month).err().map(|e| e.class().to_string());
        assert_eq!(class("7").as_deref(), Some("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING"));
        assert_eq!(class("1-13").as_deref(), Some("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING"));
    }

    #[test]
    fn day_time_forms() {
        use DayTimeField::*;
        assert_eq!(day_time("+1 2:3:4.5", Day, Second), Ok(93_784_500_000));
        assert_eq!(day_time("INTERVAL '1 02:03:04' DAY TO SECOND", Day, Second), Ok(93_784_000_000));
        assert_eq!(day_time("-5", Hour, Hour), Ok(-18_000_000_000));
        assert!(day_time("1 day", Day, Second).is_err());
        assert!(day_time("1 25:00:00", Day, Second).is_err());
        assert!(day_time("99999999999999 01:00:00", Day, Second).is_err());
    }

    #[test]
    fn calendar_words() {
        assert_eq!(calendar("interval 1 year 2 months"), Some((14, 0, 0)));
        assert_eq!(calendar("- 1 day"), Some((0, -1, 0)));
        assert_eq!(calendar("1 days 1.123456789 seconds"), Some((0, 1, 1_123_456)));
        assert_eq!(calendar("-.5 second"), Some((0, 0, -500_000)));
        assert_eq!(calendar("1. second"), Some((0, 0, 1_000_000)));
        for bad in ["1day", "1 day 2", "1-2", "", "1.5 days", "interval"] {
            assert_eq!(calendar(bad), None, "{bad:?}");
        }
    }
}
