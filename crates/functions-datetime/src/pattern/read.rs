//! Reading a date and time by a pattern, strictly, as `java.time` does.
//!
//! Fields that the text does not give are those of 1970-01-01 00:00.

use vonk_expr::cast::text::datetime::{MICROS_PER_DAY, days_from_civil};
use vonk_expr::cast::zone::Zone;

use super::names::{DAYS, ERAS, HALVES, MONTHS, QUARTERS, SHORT_ERAS, SHORT_QUARTERS, read_zone};
use super::{Field, Item, OffsetStyle, Pattern, Sign};
use crate::make::day_number;

/// What the text says.
pub struct Reading {
    /// Wall clock in microseconds since 1970.
    pub local: i64,
    /// Nanoseconds below them.
    pub nanos: i64,
    pub zone: Option<Zone>,
}

impl Reading {
    /// Microseconds since the epoch, in the zone of the text or else the given one.
    pub fn moment(&self, session: &Zone) -> Option<i64> {
        self.zone.as_ref().unwrap_or(session).micros_to_utc(self.local)
    }
}

#[derive(Clone, Default)]
struct State {
    at: usize,
    fields: [Option<i64>; FIELDS.len()],
    zone: Option<Zone>,
}

const FIELDS: [Field; 17] = [
    Field::Year,
    Field::YearOfEra,
    Field::Era,
    Field::Quarter,
    Field::Month,
    Field::Day,
    Field::DayOfYear,
    Field::DayOfWeek,
    Field::AlignedDay,
    Field::AmPm,
    Field::HourOfDay,
    Field::ClockHourOfDay,
    Field::HourOfAmPm,
    Field::ClockHourOfAmPm,
    Field::Minute,
    Field::Second,
    Field::Nano,
];

impl State {
    fn get(&self, field: Field) -> Option<i64> {
        self.fields[field as usize]
    }

    /// Keeps the value; a second one for the same field must be equal.
    fn set(&mut self, field: Field, value: i64, start: usize, end: usize) -> Result<(), usize> {
        match self.fields[field as usize] {
            Some(old) if old != value => Err(start),
            _ => {
                self.fields[field as usize] = Some(value);
                self.at = end;
                Ok(())
            }
        }
    }
}

impl Pattern {
    /// Reads the whole text. The error is Java's message.
    pub fn read(&self, text: &str) -> Result<Reading, String> {
        let shown = || {
            if text.encode_utf16().count() > 64 {
                format!("{}...", text.chars().take(64).collect::<String>())
            } else {
                text.to_string()
            }
        };
        let index = |at: usize| text.get(..at).map_or(at, |t| t.encode_utf16().count());
        let mut state = State::default();
        let mut saved: Vec<State> = vec![];
        let mut i = 0;
        while let Some(item) = self.items.get(i) {
            match item {
                Item::OptionalStart => saved.push(state.clone()),
                Item::OptionalEnd => {
                    saved.pop();
                }
                item => {
                    if let Err(at) = self.read_item(item, text, &mut state) {
                        let Some(before) = saved.pop() else {
                            return Err(format!("Text '{}' could not be parsed at index {}", shown(), index(at)));
                        };
                        state = before;
                        i = self.section_end(i);
                    }
                }
            }
            i += 1;
        }
        if state.at < text.len() && !self.lenient {
            return Err(format!(
                "Text '{}' could not be parsed, unparsed text found at index {}",
                shown(),
                index(state.at)
            ));
        }
        resolve(&state).map_err(|e| format!("Text '{}' could not be parsed: {e}", shown()))
    }

    /// The end of the optional section that holds item `i`.
    fn section_end(&self, mut i: usize) -> usize {
        let mut depth = 0;
        while let Some(item) = self.items.get(i) {
            match item {
                Item::OptionalStart => depth += 1,
                Item::OptionalEnd if depth == 0 => return i,
                Item::OptionalEnd => depth -= 1,
                _ => {}
            }
            i += 1;
        }
        i
    }

    /// The error is the position in bytes.
    fn read_item(&self, item: &Item, text: &str, state: &mut State) -> Result<(), usize> {
        let start = state.at;
        let rest = text.get(start..).unwrap_or_default();
        match item {
            Item::Literal(want) => {
                let end = start + matched(rest, want).ok_or(start)?;
                state.at = end;
                Ok(())
            }
            Item::Number { field, min, max, sign, following } => {
                let fixed = *following == -1 || (*following > 0 && min == max && *sign == Sign::Never);
                let (min, max) = match self.lenient {
                    true if !fixed => (1, 19),
                    _ => (*min, *max),
                };
                let (value, end) = digits(rest, start, min, max, *sign, *following, self.lenient)?;
                state.set(*field, value, start, end)
            }
            Item::TwoDigitYear { field, following } => {
                let max = if self.lenient && *following == 0 { 19 } else { 2 };
                let (value, end) =
                    digits(rest, start, if self.lenient { 1 } else { 2 }, max, Sign::Never, *following, false)?;
                let year = if end - start == 2 { 2000 + value } else { value };
                state.set(*field, year, start, end)
            }
            Item::Fraction { min, max } => {
                let n = rest.bytes().take(*max).take_while(u8::is_ascii_digit).count();
                if n < *min {
                    return Err(start);
                }
                let value = rest[..n].parse::<i64>().map_err(|_| start)? * 10i64.pow(9 - n as u32);
                state.set(Field::Nano, value, start, start + n)
            }
            Item::Text { field, full } => {
                let (value, length) = read_text(rest, *field, *full, self.lenient).ok_or(start)?;
                state.set(*field, value, start, start + length)
            }
            Item::ZoneId | Item::ZoneName { .. } => {
                let names = matches!(item, Item::ZoneName { .. });
                let (zone, length) = read_zone(rest, names).ok_or(start)?;
                state.zone = Some(zone);
                state.at = start + length;
                Ok(())
            }
            Item::Offset { style, zero } => {
                let (seconds, length) = match matched(rest, zero) {
                    Some(length) if *zero == "Z" => (0, length),
                    _ => read_offset(rest, *style).ok_or(start)?,
                };
                state.zone = Some(Zone::fixed(seconds));
                state.at = start + length;
                Ok(())
            }
            Item::LocalizedOffset { full } => {
                let length = matched(rest, "GMT").ok_or(start)?;
                let (seconds, more) = read_localized(&rest[length..], *full).ok_or(start)?;
                state.zone = Some(Zone::fixed(seconds));
                state.at = start + length + more;
                Ok(())
            }
            Item::OptionalStart | Item::OptionalEnd => Ok(()),
        }
    }
}

/// Length of `want` at the start of the text, without regard to case.
fn matched(text: &str, want: &str) -> Option<usize> {
    let mut have = text.chars();
    for w in want.chars() {
        let h = have.next()?;
        if h != w && !h.to_lowercase().eq(w.to_lowercase()) {
            return None;
        }
    }
    Some(text.len() - have.as_str().len())
}

fn digits(
    rest: &str,
    start: usize,
    min: usize,
    max: usize,
    sign: Sign,
    following: i32,
    lenient: bool,
) -> Result<(i64, usize), usize> {
    let bytes = rest.as_bytes();
    let (negative, positive) = (bytes.first() == Some(&b'-'), bytes.first() == Some(&b'+'));
    let signed = match sign {
        Sign::Normal => negative,
        Sign::ExceedsPad => negative || positive,
        Sign::Never => false,
    };
    if (negative || positive) && !signed {
        return Err(start);
    }
    let from = usize::from(signed);
    let max = if following == -1 { min.max(1) } else { max };
    let limit = max + following.max(0) as usize;
    let mut count = bytes[from..].iter().take(limit).take_while(|b| b.is_ascii_digit()).count();
    if count < min {
        return Err(start);
    }
    if following > 0 {
        count = min.max(count.saturating_sub(following as usize));
    }
    let value = rest[from..from + count].parse::<i64>().map_err(|_| start)?;
    if negative && value == 0 {
        return Err(start);
    }
    if sign == Sign::ExceedsPad && !negative && !lenient {
        // A plus sign stands exactly when there are more digits than the minimum.
        if positive && count <= min {
            return Err(start);
        }
        if !positive && count > min {
            return Err(start);
        }
    }
    Ok((if negative { -value } else { value }, start + from + count))
}

fn read_text(rest: &str, field: Field, full: bool, lenient: bool) -> Option<(i64, usize)> {
    let (long, short, base): (&[&str], &[&str], i64) = match field {
        Field::Month => (&MONTHS, &[], 1),
        Field::DayOfWeek => (&DAYS, &[], 1),
        Field::Quarter => (&QUARTERS, &SHORT_QUARTERS, 1),
        Field::Era => (&ERAS, &SHORT_ERAS, 0),
        _ => (&HALVES, &HALVES, 0),
    };
    let names = |full: bool| -> Option<(i64, usize)> {
        (0..long.len()).find_map(|i| {
            let name = match (full, short.get(i)) {
                (true, _) => long[i],
                (false, Some(s)) => s,
                (false, None) => &long[i][..3],
            };
            matched(rest, name).map(|n| (i as i64 + base, n))
        })
    };
    match lenient {
        true => names(true).or_else(|| names(false)),
        false => names(full),
    }
}

fn two(bytes: &[u8]) -> Option<i32> {
    match bytes {
        [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => Some(i32::from((a - b'0') * 10 + (b - b'0'))),
        _ => None,
    }
}

fn signed(bytes: &[u8]) -> Option<i32> {
    match bytes.first() {
        Some(b'+') => Some(1),
        Some(b'-') => Some(-1),
        _ => None,
    }
}

/// Seconds and length of an offset.
fn read_offset(rest: &str, style: OffsetStyle) -> Option<(i32, usize)> {
    let bytes = rest.as_bytes();
    let sign = signed(bytes)?;
    let hours = two(bytes.get(1..)?)?;
    let colon = matches!(style, OffsetStyle::HourColonMinute | OffsetStyle::HourColonMinuteMaybeSecond);
    let part = |at: usize| -> Option<(i32, usize)> {
        let at = match (colon, bytes.get(at)) {
            (true, Some(b':')) => at + 1,
            (true, _) => return None,
            (false, _) => at,
        };
        two(bytes.get(at..)?).filter(|v| *v < 60).map(|v| (v, at + 2))
    };
    let (minutes, end) = match (part(3), style) {
        (Some(found), _) => found,
        (None, OffsetStyle::HourMaybeMinute) => (0, 3),
        _ => return None,
    };
    let maybe = matches!(style, OffsetStyle::HourMinuteMaybeSecond | OffsetStyle::HourColonMinuteMaybeSecond);
    let (seconds, end) = if maybe { part(end).unwrap_or((0, end)) } else { (0, end) };
    let total = hours * 3600 + minutes * 60 + seconds;
    (total <= 18 * 3600).then_some((sign * total, end))
}

/// What may stand behind `GMT`.
fn read_localized(rest: &str, full: bool) -> Option<(i32, usize)> {
    let bytes = rest.as_bytes();
    let Some(sign) = signed(bytes) else { return Some((0, 0)) };
    if full {
        let (seconds, n) = read_offset(rest, OffsetStyle::HourColonMinuteMaybeSecond)?;
        return Some((seconds, n));
    }
    let digits = bytes[1..].iter().take(2).take_while(|b| b.is_ascii_digit()).count();
    let hours: i32 = rest.get(1..1 + digits)?.parse().ok()?;
    let mut at = 1 + digits;
    let mut minutes = 0;
    if bytes.get(at) == Some(&b':') {
        minutes = two(bytes.get(at + 1..)?)?;
        at += 3;
    }
    Some((sign * (hours * 3600 + minutes * 60), at))
}

fn bounded(field: &str, low: i64, high: i64, value: i64) -> Result<i64, String> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(format!("Invalid value for {field} (valid values {low} - {high}): {value}"))
    }
}

fn resolve(state: &State) -> Result<Reading, String> {
    let get = |f| state.get(f);
    let year = match (get(Field::Year), get(Field::YearOfEra), get(Field::Era)) {
        (Some(y), ..) => Some(y),
        (None, Some(y), Some(0)) => Some(1 - y),
        (None, y, _) => y,
    };
    let message = |e: vonk_common::SparkError| {
        e.params().iter().find(|(k, _)| k == "rangeMessage").map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let days = match (get(Field::DayOfYear), get(Field::Month), get(Field::Day)) {
        (Some(n), None, None) => {
            let year = year.unwrap_or(1970);
            bounded("DayOfYear", 1, 366, n)?;
            let first = day_number(year, 1, 1).map_err(message)?;
            if n == 366 && days_from_civil(year, 2, 29).is_none() {
                return Err(format!("Invalid date 'DayOfYear 366' as '{year}' is not a leap year"));
            }
            first + n - 1
        }
        (n, month, day) => {
            let days = day_number(year.unwrap_or(1970), month.unwrap_or(1), day.unwrap_or(1)).map_err(message)?;
            if n.is_some_and(|n| n != i64::from(crate::fields::day_of_year(days))) {
                return Err("Conflict found: the day of the year is of another date".to_string());
            }
            days
        }
    };
    let half = get(Field::AmPm);
    let hour = match (
        get(Field::HourOfDay),
        get(Field::ClockHourOfDay),
        get(Field::HourOfAmPm),
        get(Field::ClockHourOfAmPm),
    ) {
        (Some(h), ..) => bounded("HourOfDay", 0, 23, h)?,
        (_, Some(h), ..) => bounded("ClockHourOfDay", 1, 24, h)? % 24,
        (_, _, Some(h), _) => bounded("HourOfAmPm", 0, 11, h)? + 12 * half.unwrap_or(0),
        (.., Some(h)) => bounded("ClockHourOfAmPm", 1, 12, h)? % 12 + 12 * half.unwrap_or(0),
        _ => 12 * half.unwrap_or(0),
    };
    if half.is_some_and(|half| half != hour / 12) {
        return Err(format!(
            "Conflict found: Field AmPmOfDay {} differs from AmPmOfDay {} derived from {hour:02}:00",
            hour / 12,
            half.unwrap_or(0)
        ));
    }
    let minute = bounded("MinuteOfHour", 0, 59, get(Field::Minute).unwrap_or(0))?;
    let second = bounded("SecondOfMinute", 0, 59, get(Field::Second).unwrap_or(0))?;
    let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + get(Field::Nano).unwrap_or(0) / 1000;
    let local = days.checked_mul(MICROS_PER_DAY).and_then(|d| d.checked_add(micros));
    let nanos = get(Field::Nano).unwrap_or(0) % 1000;
    Ok(Reading { local: local.ok_or("long overflow")?, nanos, zone: state.zone.clone() })
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;

    #[test]
    fn texts_read_as_in_java() {
        // Text, pattern, seconds since the epoch at UTC or the end of Java's message.
        for (text, pattern, want) in [
            ("2020-01-02", "yyyy-MM-dd", Ok(1_577_923_200)),
            ("2020-1-2", "yyyy-MM-dd", Err("at index 5")),
            ("02/01/1999", "dd/MM/yy", Err("unparsed text found at index 8")),
            ("20200102030405", "yyyyMMddHHmmss", Ok(1_577_934_245)),
            ("2020-01-02T03:04:05+0100", "yyyy-MM-dd'T'HH:mm:ssXX", Ok(1_577_930_645)),
            ("2020-01-02 03:04:05 PST", "yyyy-MM-dd HH:mm:ss z", Ok(1_577_963_045)),
            ("2020-01-02 03:04:05 Europe/Berlin", "yyyy-MM-dd HH:mm:ss VV", Ok(1_577_930_645)),
            ("2020-01-02 03:04:05 GMT+01:00", "yyyy-MM-dd HH:mm:ss OOOO", Ok(1_577_930_645)),
            ("2020-01-02", "yyyy-MM-dd[ HH:mm:ss]", Ok(1_577_923_200)),
            ("03:04 PM", "hh:mm a", Ok(54_240)),
            ("12:00 AM", "hh:mm a", Ok(0)),
            ("13:00 PM", "hh:mm a", Err("ClockHourOfAmPm (valid values 1 - 12): 13")),
            ("jan 2, 2020", "MMM d, yyyy", Ok(1_577_923_200)),
            ("2020 366", "yyyy DDD", Ok(1_609_372_800)),
            ("2019 366", "yyyy DDD", Err("as '2019' is not a leap year")),
            ("+10000-01-01", "yyyyy-MM-dd", Err("at index 0")),
            ("2020-02-30", "yyyy-MM-dd", Err("Invalid date 'FEBRUARY 30'")),
            ("2020-01-02 24:00:00", "yyyy-MM-dd kk:mm:ss", Ok(1_577_923_200)),
            ("1577934245", "X", Err("at index 0")),
            ("99", "yy", Ok(4_070_908_800)),
        ] {
            let read = Pattern::new(pattern, Purpose::Read).map(|p| p.read(text));
            let got = match read {
                Ok(Ok(r)) => Ok(r.moment(&Zone::UTC).unwrap_or(0) / 1_000_000),
                Ok(Err(e)) => Err(e),
                Err(e) => Err(e.to_string()),
            };
            match (got, want) {
                (Ok(a), Ok(b)) => assert_eq!(a, b, "{text} {pattern}"),
                (Err(a), Err(b)) => assert!(a.ends_with(b), "{text} {pattern}: {a}"),
                (got, want) => panic!("{text} {pattern}: {got:?} {want:?}"),
            }
        }
    }
}
