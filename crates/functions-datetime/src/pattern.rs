//! Date and time patterns: the letters of `java.time.format.DateTimeFormatter` with the restrictions
//! that Spark puts on them.
//!
//! A pattern is compiled once to [`Item`]s, which [`print`] writes and [`read`] reads. A pattern that
//! Java's older `SimpleDateFormat` would take gets the error that says so.

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};

pub mod names;
pub mod print;
pub mod read;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Year,
    YearOfEra,
    Era,
    Quarter,
    Month,
    Day,
    DayOfYear,
    DayOfWeek,
    /// Which seven days of the month, from 1: the letter F.
    AlignedDay,
    AmPm,
    HourOfDay,
    ClockHourOfDay,
    HourOfAmPm,
    ClockHourOfAmPm,
    Minute,
    Second,
    Nano,
}

/// When a number may have a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `-` for negative numbers.
    Normal,
    /// No sign at all.
    Never,
    /// `-`, and `+` when there are more digits than the minimum.
    ExceedsPad,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Literal(String),
    /// `following` digits belong to the numbers that stand directly behind; -1: exactly `min` digits.
    Number {
        field: Field,
        min: usize,
        max: usize,
        sign: Sign,
        following: i32,
    },
    /// A year of the century from 2000 in two digits.
    TwoDigitYear {
        field: Field,
        following: i32,
    },
    Fraction {
        min: usize,
        max: usize,
    },
    Text {
        field: Field,
        full: bool,
    },
    ZoneId,
    ZoneName {
        full: bool,
    },
    /// `zero`: what stands for no offset.
    Offset {
        style: OffsetStyle,
        zero: &'static str,
    },
    LocalizedOffset {
        full: bool,
    },
    OptionalStart,
    OptionalEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetStyle {
    /// `+08`, `+0830`.
    HourMaybeMinute,
    /// `+0800`.
    HourMinute,
    /// `+08:00`.
    HourColonMinute,
    /// `+0800`, `+080015`.
    HourMinuteMaybeSecond,
    /// `+08:00`, `+08:00:15`.
    HourColonMinuteMaybeSecond,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub items: Vec<Item>,
    /// Read as `SimpleDateFormat` would: any number of digits, text behind the end is left alone.
    pub lenient: bool,
}

/// What a pattern is for: some letters print but do not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Print,
    Read,
    /// Reads TIMESTAMP_NTZ, where every fault has one error.
    ReadLocal,
}

enum Fault {
    WeekBased(char),
    Illegal(char),
    /// Too many of one letter.
    Length(String),
    /// Java's builder refuses it.
    Java,
}

impl Pattern {
    pub fn new(pattern: &str, purpose: Purpose) -> SparkResult<Pattern> {
        let checked = match check_letters(pattern, purpose != Purpose::Print) {
            Ok(()) => Builder::build(pattern, purpose != Purpose::Print, false).map_err(|()| Fault::Java),
            Err(fault) => Err(fault),
        };
        checked.map_err(|fault| {
            if purpose != Purpose::ReadLocal && simple_date_format_takes(pattern) {
                return SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION")
                    .param("pattern", quoted(pattern))
                    .param("config", quote_sql("spark.sql.legacy.timeParserPolicy"))
                    .param("docroot", vonk_common::error::DOCROOT);
            }
            match fault {
                Fault::WeekBased(c) if purpose != Purpose::ReadLocal => {
                    SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN").param("c", c)
                }
                Fault::Illegal(c) if purpose != Purpose::ReadLocal => {
                    SparkError::new("INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER")
                        .param("c", c)
                        .param("pattern", pattern)
                }
                Fault::Length(letters) if purpose != Purpose::ReadLocal => {
                    SparkError::new("INVALID_DATETIME_PATTERN.LENGTH").param("pattern", letters)
                }
                _ => SparkError::new("INVALID_DATETIME_PATTERN.WITH_SUGGESTION")
                    .param("pattern", quoted(pattern))
                    .param("docroot", vonk_common::error::DOCROOT),
            }
        })
    }

    /// As Spark's LEGACY policy reads and writes. `None`: not a pattern for it.
    pub fn lenient(pattern: &str) -> Option<Pattern> {
        if !simple_date_format_takes(pattern) {
            return None;
        }
        Builder::build(pattern, true, true).ok()
    }
}

/// The pattern in single quotes with escapes, as Spark shows it.
fn quoted(pattern: &str) -> String {
    format!("'{}'", pattern.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Letters that Spark refuses before Java sees the pattern.
fn check_letters(pattern: &str, reading: bool) -> Result<(), Fault> {
    for part in pattern.split('\'').step_by(2) {
        if let Some(c) = part.chars().find(|c| "YWwuec".contains(*c)) {
            return Err(Fault::WeekBased(c));
        }
        let refused = |c: &char| "ABnNp".contains(*c) || (reading && "EFqQ".contains(*c));
        if let Some(c) = part.chars().find(refused) {
            return Err(Fault::Illegal(c));
        }
        for c in ['G', 'M', 'L', 'E', 'Q', 'q'] {
            if part.contains(&c.to_string().repeat(5)) {
                return Err(Fault::Length(c.to_string().repeat(5)));
            }
        }
        if part.contains("yyyyyyy") {
            return Err(Fault::Length("yyyyyyy".into()));
        }
    }
    Ok(())
}

/// Whether `java.text.SimpleDateFormat` takes the pattern.
fn simple_date_format_takes(pattern: &str) -> bool {
    let known = |c: char| !c.is_ascii_alphabetic() || "GyYMLwWDdFEuaHkKhmsSzZX".contains(c);
    pattern.matches('\'').count().is_multiple_of(2)
        && pattern.split('\'').step_by(2).all(|part| part.chars().all(known) && !part.contains("XXXX"))
}

struct Builder {
    items: Vec<Item>,
    /// The number that takes digits away from numbers right behind it.
    number: Option<usize>,
    lenient: bool,
}

impl Builder {
    fn build(pattern: &str, reading: bool, lenient: bool) -> Result<Pattern, ()> {
        let era = pattern.split('\'').step_by(2).any(|part| part.contains('G'));
        let mut b = Builder { items: vec![], number: None, lenient };
        let mut open = 0;
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            let count = chars[at..].iter().take_while(|d| **d == c).count();
            match c {
                c if c.is_ascii_alphabetic() => {
                    b.letter(c, count, era, reading)?;
                    at += count;
                    continue;
                }
                '\'' => {
                    let mut text = String::new();
                    at += 1;
                    if chars.get(at) == Some(&'\'') {
                        text.push('\'');
                    } else {
                        loop {
                            match (chars.get(at), chars.get(at + 1)) {
                                (Some('\''), Some('\'')) => {
                                    text.push('\'');
                                    at += 2;
                                }
                                (Some('\''), _) => break,
                                (Some(c), _) => {
                                    text.push(*c);
                                    at += 1;
                                }
                                (None, _) => return Err(()),
                            }
                        }
                    }
                    b.push(Item::Literal(text));
                }
                '[' if !lenient => {
                    open += 1;
                    b.push(Item::OptionalStart);
                }
                ']' if !lenient => {
                    if open == 0 {
                        return Err(());
                    }
                    open -= 1;
                    b.push(Item::OptionalEnd);
                }
                '{' | '}' | '#' if !lenient => return Err(()),
                c => b.push(Item::Literal(c.to_string())),
            }
            at += 1;
        }
        (0..open).for_each(|_| b.push(Item::OptionalEnd));
        Ok(Pattern { items: b.items, lenient })
    }

    fn push(&mut self, item: Item) {
        self.number = None;
        self.items.push(item);
    }

    /// A number: one of fixed width behind another takes its digits away from that one's.
    fn push_number(&mut self, item: Item) {
        let (fixed, width) = match &item {
            Item::Number { min, max, sign, .. } => (min == max && *sign == Sign::Never, *max),
            Item::TwoDigitYear { .. } => (true, 2),
            _ => (false, 0),
        };
        let index = self.items.len();
        self.items.push(item);
        let first = self.number;
        match first {
            Some(n) if fixed => {
                self.follow(n, width as i32);
                self.follow(index, -1);
            }
            Some(n) => {
                if let Some(Item::Number { following, .. }) = self.items.get_mut(n)
                    && *following == 0
                {
                    *following = -1;
                }
                self.number = Some(index);
            }
            None => self.number = Some(index),
        }
    }

    fn follow(&mut self, index: usize, width: i32) {
        if let Some(Item::Number { following, .. } | Item::TwoDigitYear { following, .. }) = self.items.get_mut(index) {
            *following = if width < 0 { -1 } else { *following + width };
        }
    }

    fn number(&mut self, field: Field, min: usize, max: usize, sign: Sign) {
        self.push_number(Item::Number { field, min, max, sign, following: 0 });
    }

    /// One or two digits.
    fn small(&mut self, field: Field, count: usize) -> Result<(), ()> {
        match count {
            1 => self.number(field, 1, 19, Sign::Normal),
            2 => self.number(field, 2, 2, Sign::Never),
            n if self.lenient => self.number(field, n, n, Sign::Never),
            _ => return Err(()),
        }
        Ok(())
    }

    fn letter(&mut self, c: char, count: usize, era: bool, reading: bool) -> Result<(), ()> {
        match c {
            'y' | 'u' => {
                let field = if c == 'y' && era { Field::YearOfEra } else { Field::Year };
                match count {
                    2 => self.push_number(Item::TwoDigitYear { field, following: 0 }),
                    1 | 3 => self.number(field, count, 19, Sign::Normal),
                    n => self.number(field, n, 19, Sign::ExceedsPad),
                }
            }
            'G' => self.push(Item::Text { field: Field::Era, full: count == 4 }),
            'M' | 'L' | 'Q' | 'q' => {
                let field = if matches!(c, 'M' | 'L') { Field::Month } else { Field::Quarter };
                match count {
                    1 | 2 => self.small(field, count)?,
                    3 | 4 => self.push(Item::Text { field, full: count == 4 }),
                    _ if self.lenient => self.push(Item::Text { field, full: true }),
                    _ => return Err(()),
                }
            }
            'E' if count <= 4 || self.lenient => {
                self.push(Item::Text { field: Field::DayOfWeek, full: count >= 4 });
            }
            'a' if count == 1 || self.lenient => self.push(Item::Text { field: Field::AmPm, full: false }),
            'd' => self.small(Field::Day, count)?,
            'H' => self.small(Field::HourOfDay, count)?,
            'k' => self.small(Field::ClockHourOfDay, count)?,
            'K' => self.small(Field::HourOfAmPm, count)?,
            'h' => self.small(Field::ClockHourOfAmPm, count)?,
            'm' => self.small(Field::Minute, count)?,
            's' => self.small(Field::Second, count)?,
            'D' => match count {
                1 => self.number(Field::DayOfYear, 1, 19, Sign::Normal),
                2 | 3 => self.number(Field::DayOfYear, count, 3, Sign::Never),
                _ => return Err(()),
            },
            'F' if count == 1 => self.number(Field::AlignedDay, 1, 19, Sign::Normal),
            'S' if count <= 9 => {
                let min = if reading { 1 } else { count };
                self.push(Item::Fraction { min, max: count });
            }
            'V' if count == 2 => self.push(Item::ZoneId),
            'z' if count <= 4 => self.push(Item::ZoneName { full: count == 4 }),
            'v' if count == 1 || count == 4 => self.push(Item::ZoneName { full: count == 4 }),
            'O' if count == 1 || count == 4 => self.push(Item::LocalizedOffset { full: count == 4 }),
            'X' | 'x' if count <= 5 => {
                let style = match count {
                    1 => OffsetStyle::HourMaybeMinute,
                    2 => OffsetStyle::HourMinute,
                    3 => OffsetStyle::HourColonMinute,
                    4 => OffsetStyle::HourMinuteMaybeSecond,
                    _ => OffsetStyle::HourColonMinuteMaybeSecond,
                };
                let zero = match (c, count) {
                    ('X', _) => "Z",
                    (_, 1) => "+00",
                    (_, 2 | 4) => "+0000",
                    _ => "+00:00",
                };
                self.push(Item::Offset { style, zero });
            }
            'Z' => match count {
                1..=3 => self.push(Item::Offset { style: OffsetStyle::HourMinute, zero: "+0000" }),
                4 => self.push(Item::LocalizedOffset { full: true }),
                5 => self.push(Item::Offset { style: OffsetStyle::HourColonMinuteMaybeSecond, zero: "Z" }),
                _ => return Err(()),
            },
            _ => return Err(()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_refused_with_sparks_errors() {
        for (pattern, purpose, want) in [
            ("YY", Purpose::Print, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
            ("e", Purpose::Print, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"),
            ("A", Purpose::Print, "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"),
            ("VVV", Purpose::Print, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
            ("ddd", Purpose::Print, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
            ("#", Purpose::Print, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
            ("'", Purpose::Print, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
            ("EEE", Purpose::Read, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
            ("Q", Purpose::Read, "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"),
            ("Q", Purpose::ReadLocal, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
        ] {
            let got = Pattern::new(pattern, purpose).err().map(|e| e.class().to_string());
            assert_eq!(got.as_deref(), Some(want), "{pattern}");
        }
    }
}
