//! Interval strings between two units: `'1-2' YEAR TO MONTH`, `'1 02:03:04' DAY TO SECOND`.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DayTimeField, YearMonthField};

/// A unit's place in an ANSI interval type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    YearMonth(YearMonthField),
    DayTime(DayTimeField),
}

impl Field {
    pub fn named(unit: &str) -> Option<Field> {
        let lower = unit.to_ascii_lowercase();
        Some(match lower.strip_suffix('s').unwrap_or(&lower) {
            "year" => Field::YearMonth(YearMonthField::Year),
            "month" => Field::YearMonth(YearMonthField::Month),
            "week" | "day" => Field::DayTime(DayTimeField::Day),
            "hour" => Field::DayTime(DayTimeField::Hour),
            "minute" => Field::DayTime(DayTimeField::Minute),
            "second" | "millisecond" | "microsecond" | "nanosecond" => Field::DayTime(DayTimeField::Second),
            _ => return None,
        })
    }
}

fn signed(text: &str) -> (i64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn digits(text: &str) -> Option<(i64, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..len)?.parse().ok()?, text.get(len..)?))
}

/// Months of `[+-]y-m`.
pub(crate) fn year_month(input: &str) -> SparkResult<i32> {
    let (sign, rest) = signed(input.trim());
    let parts = digits(rest)
        .and_then(|(y, rest)| Some((y, digits(rest.strip_prefix('-')?)?)))
        .filter(|(_, (_, rest))| rest.is_empty());
    let Some((years, (months, _))) = parts else {
        return Err(SparkError::new("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING")
            .param("input", input)
            .param("intervalStr", "year-month")
            .param("typeName", "interval year to month")
            .param("supportedFormat", "`[+|-]y-m`, `INTERVAL [+|-]'[+|-]y-m' YEAR TO MONTH`"));
    };
    let total = years.checked_mul(12).and_then(|y| y.checked_add(months)).map(|t| t * sign);
    match total.and_then(|t| i32::try_from(t).ok()) {
        Some(total) if months < 12 => Ok(total),
        _ => Err(SparkError::new("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING")
            .param("input", input)
            .param("interval", "year-month")),
    }
}

const NAMES: [&str; 4] = ["day", "hour", "minute", "second"];
const FORMS: [&str; 4] = ["d", "h", "m", "s"];

/// Days and microseconds of the day of `[+-]d h:m:s.n` from one field to a smaller one.
pub(crate) fn day_time(input: &str, from: DayTimeField, to: DayTimeField) -> SparkResult<(i32, i64)> {
    let text = input.trim();
    let (sign, rest) = signed(text);
    let unmatched = || {
        let name = format!("interval {from} to {to}");
        let range = FORMS.get(from as usize..=to as usize).unwrap_or_default();
        let mut form = range.join(":").replacen("d:", "d ", 1);
        if to == DayTimeField::Second {
            form.push_str(".n");
        }
        let upper = format!("{from} to {to}").to_uppercase();
        SparkError::new("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE")
            .param("input", input)
            .param("intervalStr", "day-time")
            .param("typeName", name)
            .param("supportedFormat", format!("`[+|-]{form}`, `INTERVAL [+|-]'[+|-]{form}' {upper}`"))
    };
    let mut values = [0i64; 4];
    let mut rest = rest;
    let mut fraction = 0;
    for i in from as usize..=to as usize {
        if i > from as usize {
            let separator = if i == 1 { ' ' } else { ':' };
            rest = rest.strip_prefix(separator).ok_or_else(unmatched)?;
        }
        let before = rest.len();
        let (value, tail) = digits(rest).ok_or_else(unmatched)?;
        if i > from as usize && before - tail.len() > 2 {
            return Err(unmatched());
        }
        if let Some(slot) = values.get_mut(i) {
            *slot = value;
        }
        rest = tail;
    }
    if to == DayTimeField::Second
        && let Some(tail) = rest.strip_prefix('.')
    {
        if tail.is_empty() || tail.len() > 9 || !tail.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unmatched());
        }
        let six: String = tail.chars().chain("000000".chars()).take(6).collect();
        fraction = six.parse().unwrap_or_default();
        rest = "";
    }
    if !rest.is_empty() {
        return Err(unmatched());
    }
    for (i, max) in [(1, 23), (2, 59), (3, 59)] {
        let value = values.get(i).copied().unwrap_or_default();
        if i > from as usize && value > max {
            let name = NAMES.get(i).copied().unwrap_or_default();
            let message = format!("requirement failed: {name} {value} outside range [0, {max}]");
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_0063").param("msg", message));
        }
    }
    let [days, hours, minutes, seconds] = values.map(i128::from);
    let of_day = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + i128::from(fraction);
    let overflow = || {
        SparkError::new("INVALID_INTERVAL_FORMAT.DAY_TIME_PARSING").param("input", input).param("interval", "day-time")
    };
    let days = i32::try_from(days * i128::from(sign)).map_err(|_| overflow())?;
    let of_day = i64::try_from(of_day * i128::from(sign)).map_err(|_| overflow())?;
    Ok((days, of_day))
}
