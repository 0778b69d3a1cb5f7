//! Typed literals: `DATE '…'`, `TIMESTAMP '…'`, `TIME '…'`, `INTERVAL '…'`, `X'…'`.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::Expr;
use vonk_plan::literal::Literal;

use crate::literal::datetime::{has_zone, parse_date, parse_nanos, parse_time, parse_timestamp, parse_timestamp_ntz};
use crate::literal::interval_text::parse_interval_text;
use crate::parser::Parser;

impl Parser<'_> {
    pub fn typed_literal(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let name = self.word(0).to_ascii_uppercase();
        self.next();
        let value = self.one_string()?;
        if let Some(nanos) = self.nanos_literal(&name, &value, start) {
            return Ok(self.literal_or_defer(nanos, start));
        }
        let literal = match name.as_str() {
            "INTERVAL" => match self.interval_of_text(&value, start) {
                Ok(literal) => literal,
                Err(e) => return Ok(self.literal_or_defer(Err(e), start)),
            },
            "X" => binary(&value),
            "DATE" => parse_date(&value, self.zone()).map(Literal::Date),
            "TIME" => parse_time(&value).map(|(nanos, precision)| Literal::Time(nanos, precision.max(6))),
            "TIMESTAMP_NTZ" => parse_timestamp_ntz(&value, self.zone()).map(Literal::TimestampNtz),
            "TIMESTAMP_LTZ" => parse_timestamp(&value, self.zone()).map(Literal::Timestamp),
            "TIMESTAMP" if self.opts.conf.get("spark.sql.timestampType") == Some("TIMESTAMP_NTZ") => {
                if has_zone(&value) {
                    parse_timestamp(&value, self.zone()).map(Literal::Timestamp)
                } else {
                    parse_timestamp_ntz(&value, self.zone()).map(Literal::TimestampNtz)
                }
            }
            "TIMESTAMP" => parse_timestamp(&value, self.zone()).map(Literal::Timestamp),
            _ => {
                let error = self.unsupported_typed_literal(&name, start);
                return Ok(self.literal_or_defer(Err(error), start));
            }
        };
        let literal = literal.ok_or_else(|| self.invalid_typed_literal(&name, &value, start));
        Ok(self.literal_or_defer(literal, start))
    }

    /// A timestamp with 7 to 9 digits of a second, where there are such types.
    fn nanos_literal(&self, name: &str, value: &str, start: usize) -> Option<SparkResult<Literal>> {
        let ntz = match name {
            "TIMESTAMP_NTZ" => true,
            "TIMESTAMP_LTZ" => false,
            "TIMESTAMP" => self.opts.conf.get("spark.sql.timestampType") == Some("TIMESTAMP_NTZ") && !has_zone(value),
            _ => return None,
        };
        if !self.opts.conf.timestamp_nanos() {
            return None;
        }
        let fraction = value.split_once('.').map_or("", |(_, tail)| tail);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 9 {
            let error = SparkError::new("INVALID_TIMESTAMP_LITERAL_PRECISION").param("value", format!("'{value}'"));
            return Some(Err(self.error(error, start)));
        }
        let precision = u8::try_from(digits).ok().filter(|p| *p > 6)?;
        let nanos = parse_nanos(value, self.zone(), ntz)?;
        Some(Ok(match ntz {
            true => Literal::TimestampNtzNanos(nanos, precision),
            false => Literal::TimestampLtzNanos(nanos, precision),
        }))
    }

    fn zone(&self) -> &str {
        self.opts.conf.time_zone()
    }

    fn interval_of_text(&self, value: &str, start: usize) -> SparkResult<Option<Literal>> {
        let Ok(interval) = parse_interval_text(value) else { return Ok(None) };
        let units: Vec<String> = value
            .split_whitespace()
            .filter(|w| !w.eq_ignore_ascii_case("interval") && w.bytes().all(|b| b.is_ascii_alphabetic()))
            .map(str::to_string)
            .collect();
        self.ansi_interval(interval, &units, start).map(Some)
    }

    fn invalid_typed_literal(&self, name: &str, value: &str, start: usize) -> SparkError {
        let error = SparkError::new("INVALID_TYPED_LITERAL")
            .param("valueType", format!("\"{name}\""))
            .param("value", format!("'{value}'"));
        self.error(error, start)
    }

    fn unsupported_typed_literal(&self, name: &str, start: usize) -> SparkError {
        let supported = r#""DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP", "INTERVAL", "X", "TIME""#;
        let error = SparkError::new("UNSUPPORTED_TYPED_LITERAL")
            .param("unsupportedType", format!("\"{name}\""))
            .param("supportedTypes", supported);
        self.error(error, start)
    }
}

/// Hex digits; an odd number of them has a zero before it.
fn binary(text: &str) -> Option<Literal> {
    let padded = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_string() };
    let bytes = (0..padded.len())
        .step_by(2)
        .map(|i| padded.get(i..i + 2).and_then(|h| u8::from_str_radix(h, 16).ok()))
        .collect::<Option<Vec<u8>>>()?;
    Some(Literal::Binary(bytes.into()))
}
