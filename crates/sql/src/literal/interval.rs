//! INTERVAL literals: `INTERVAL 1 DAY 2 HOURS`, `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '1 day'`.
//!
//! Units of one family give an ANSI interval of the units from the largest to the smallest that is
//! named; `spark.sql.legacy.interval.enabled` makes all of them calendar intervals.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::literal::Literal;
use vonk_plan::types::{DayTimeField, YearMonthField};

use crate::literal::interval_text::{CalendarInterval, parse_interval_text};
use crate::literal::interval_units::{Field, day_time, year_month};
use crate::names::constant_string;
use crate::parser::Parser;
use crate::tokens::Kind;

const UNITS: &[&str] = &[
    "YEAR",
    "YEARS",
    "MONTH",
    "MONTHS",
    "WEEK",
    "WEEKS",
    "DAY",
    "DAYS",
    "HOUR",
    "HOURS",
    "MINUTE",
    "MINUTES",
    "SECOND",
    "SECONDS",
    "MILLISECOND",
    "MILLISECONDS",
    "MICROSECOND",
    "MICROSECONDS",
    "NANOSECOND",
    "NANOSECONDS",
];

impl Parser<'_> {
    /// `INTERVAL` stands before a value and not for a name. `INTERVAL 'text'` without a unit is a
    /// typed literal.
    pub fn interval_follows(&self) -> bool {
        let ahead = if self.sym_n(1, "-") || self.sym_n(1, "+") { 2 } else { 1 };
        match self.kind(ahead) {
            Kind::Number => ahead == 1 || self.any_n(ahead + 1, UNITS),
            Kind::String => self.any_n(ahead + 1, UNITS),
            Kind::Symbol => self.sym_n(ahead, ":") || self.sym_n(ahead, "?"),
            _ => false,
        }
    }

    pub fn interval(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        match self.interval_value(start) {
            Err(e) if e.class().starts_with("PARSE_") => Err(e),
            literal => Ok(self.literal_or_defer(literal, start)),
        }
    }

    fn interval_value(&mut self, start: usize) -> SparkResult<Literal> {
        let at = self.pos;
        let (mut text, mut fields) = (String::new(), vec![]);
        loop {
            let (value, is_string) = self.interval_number()?;
            let unit = self.interval_unit()?;
            if fields.is_empty() && self.eat("TO") {
                let to = self.interval_unit()?;
                return self.unit_to_unit(&value, is_string, &unit, &to, at);
            }
            if is_string && value.chars().any(char::is_alphabetic) {
                self.defer(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0026").param("value", &value), at));
            }
            text.push_str(&format!(" {value} {unit}"));
            fields.push(unit);
            if !self.interval_continues() {
                break;
            }
        }
        let interval = parse_interval_text(&text).map_err(|e| self.error(e, at))?;
        self.ansi_interval(interval, &fields, start)
    }

    /// Another `value unit` pair: not the operand of a minus behind the literal.
    fn interval_continues(&self) -> bool {
        let ahead = usize::from(self.sym("-") || self.sym("+"));
        matches!(self.kind(ahead), Kind::Number | Kind::String) && self.any_n(ahead + 1, UNITS)
    }

    /// The value with its sign, and whether it was a string.
    fn interval_number(&mut self) -> SparkResult<(String, bool)> {
        let negative = self.sym("-");
        if negative || self.sym("+") {
            self.next();
        }
        let (value, is_string) = match self.kind(0) {
            Kind::Number => {
                let word = self.word(0);
                let plain = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                if !plain {
                    return self.fail();
                }
                self.next();
                (word.to_string(), false)
            }
            Kind::String => (self.string_constant()?, true),
            _ => {
                let at = self.pos;
                let value = self.primary()?;
                match (&value.kind, constant_string(&value)) {
                    (_, Some(text)) => (text, true),
                    (ExprKind::Literal(Literal::Int(n)), _) => (n.to_string(), false),
                    (ExprKind::Literal(Literal::Long(n)), _) => (n.to_string(), false),
                    _ => return Err(self.syntax_error(at)),
                }
            }
        };
        if !negative {
            return Ok((value, is_string));
        }
        let value = match (value.strip_prefix('-'), value.strip_prefix('+')) {
            (Some(rest), _) => rest.to_string(),
            (_, Some(rest)) => format!("-{rest}"),
            _ => format!("-{value}"),
        };
        Ok((value, is_string))
    }

    /// A unit as written.
    fn interval_unit(&mut self) -> SparkResult<String> {
        if !self.at_any(UNITS) {
            return self.fail();
        }
        let unit = self.word(0).to_string();
        self.next();
        Ok(unit)
    }

    fn unit_to_unit(&mut self, value: &str, is_string: bool, from: &str, to: &str, at: usize) -> SparkResult<Literal> {
        if !is_string {
            return Err(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0027"), at));
        }
        let legacy = self.opts.legacy_interval;
        let literal = match (Field::named(from), Field::named(to)) {
            (Some(Field::YearMonth(YearMonthField::Year)), Some(Field::YearMonth(YearMonthField::Month))) => {
                let months = year_month(value).map_err(|e| self.error(e, at))?;
                if legacy {
                    Literal::CalendarInterval { months, days: 0, microseconds: 0 }
                } else {
                    Literal::YearMonthInterval(months, YearMonthField::Year, YearMonthField::Month)
                }
            }
            (Some(Field::DayTime(a)), Some(Field::DayTime(b))) if a < b => {
                let (days, of_day) = day_time(value, a, b).map_err(|e| self.error(e, at))?;
                if legacy {
                    Literal::CalendarInterval { months: 0, days, microseconds: of_day }
                } else {
                    Literal::DayTimeInterval(total(days, of_day)?, a, b)
                }
            }
            _ => {
                let error = SparkError::new("INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION")
                    .param("input", value)
                    .param("from", from.to_ascii_lowercase())
                    .param("to", to.to_ascii_lowercase());
                return Err(self.error(error, at));
            }
        };
        Ok(literal)
    }

    /// The interval as a literal of the narrowest type that holds the named units.
    pub fn ansi_interval(&self, interval: CalendarInterval, units: &[String], start: usize) -> SparkResult<Literal> {
        let CalendarInterval { months, days, microseconds } = interval;
        if self.opts.legacy_interval {
            return Ok(Literal::CalendarInterval { months, days, microseconds });
        }
        let mut year_month: Vec<YearMonthField> = vec![];
        let mut day_time: Vec<DayTimeField> = vec![];
        for unit in units {
            match Field::named(unit) {
                Some(Field::YearMonth(f)) => year_month.push(f),
                Some(Field::DayTime(f)) => day_time.push(f),
                None => {}
            }
        }
        match (year_month.iter().min(), day_time.iter().min()) {
            (Some(_), Some(_)) => {
                let error = SparkError::new("_LEGACY_ERROR_TEMP_0029").param("literal", self.text_since(start));
                Err(self.error(error, start))
            }
            (Some(from), None) => {
                Ok(Literal::YearMonthInterval(months, *from, year_month.iter().max().copied().unwrap_or(*from)))
            }
            (None, from) => {
                let from = from.copied().unwrap_or(DayTimeField::Day);
                let to = day_time.iter().max().copied().unwrap_or(DayTimeField::Second);
                Ok(Literal::DayTimeInterval(total(days, microseconds)?, from, to))
            }
        }
    }
}

fn total(days: i32, microseconds: i64) -> SparkResult<i64> {
    let all = i128::from(days) * 86_400_000_000 + i128::from(microseconds);
    i64::try_from(all).map_err(|_| SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION"))
}
