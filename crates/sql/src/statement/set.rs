//! SET and RESET: configuration by the raw text, time zone, catalog, variables.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Command;
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::literal::Literal;

use crate::names::unquote;
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn set(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        self.next();
        if self.at("CATALOG") && !self.ends_n(1) && !self.sym_n(1, "=") {
            self.next();
            let name = if self.kind(0) == Kind::String { self.string_constant()? } else { self.strict_ident()? };
            return Ok(Command::UseCatalog(name));
        }
        if self.at_any(&["VAR", "VARIABLE"]) && !self.ends_n(1) && !self.sym_n(1, "=") && !self.sym_n(1, ".") {
            self.next();
            return self.set_variable_or_key(start);
        }
        if self.at_all(&["TIME", "ZONE"]) {
            self.skip(2);
            return self.set_time_zone(start);
        }
        if self.at("ROLE") {
            self.skip_to_end();
            let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", "SET ROLE");
            return Err(self.error(error, start));
        }
        if self.at("COLLATION") && self.is_name_n(1) {
            self.skip_to_end();
            return Err(self.error(SparkError::new("INVALID_SET_SYNTAX"), start));
        }
        self.set_configuration(start)
    }

    /// `SET`, `SET -v`, `SET key`, `SET key=value`: what follows SET is taken as it is written.
    fn set_configuration(&mut self, start: usize) -> SparkResult<Command> {
        let quoted_key = self.kind(0) == Kind::QuotedName && (self.sym_n(1, "=") || self.ends_n(1));
        let quoted = quoted_key.then(|| unquote(self.word(0)));
        if quoted.is_some() {
            self.next();
            if !self.sym("=") {
                return Ok(Command::Set { key: quoted, value: None });
            }
        }
        let text = self.rest().trim();
        self.skip_to_end();
        let invalid = || SparkError::new("INVALID_SET_SYNTAX");
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim_end(), Some(value)),
            None => (text.trim_end_matches(';').trim_end(), None),
        };
        let value = match value {
            Some(v) => Some(config_value(v).ok_or_else(|| self.error(invalid(), start))?),
            None => None,
        };
        if quoted.is_some() {
            return Ok(Command::Set { key: quoted, value });
        }
        match (key, &value) {
            ("", None) => Ok(Command::Set { key: None, value: None }),
            ("-v", None) => Ok(Command::SetVerbose),
            _ if is_config_key(key) => Ok(Command::Set { key: Some(key.to_string()), value }),
            _ => Err(self.error(invalid(), start)),
        }
    }

    pub fn skip_to_end(&mut self) {
        while !self.at_end() {
            self.next();
        }
    }

    fn set_time_zone(&mut self, start: usize) -> SparkResult<Command> {
        let at = self.pos;
        if self.at("LOCAL") {
            self.next();
            return Ok(Command::SetTimeZone(Expr::string("LOCAL")));
        }
        if self.at("INTERVAL") && self.interval_follows() {
            let interval = self.interval()?;
            return Ok(Command::SetTimeZone(interval));
        }
        if self.at("INTERVAL") && self.kind(1) == Kind::String {
            return Ok(Command::SetTimeZone(self.typed_literal()?));
        }
        if self.kind(0) == Kind::String {
            let zone = self.string_constant()?;
            let zone = self.make(ExprKind::Literal(Literal::string(zone)), at);
            return Ok(Command::SetTimeZone(zone));
        }
        self.skip_to_end();
        Err(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0045"), start))
    }

    pub fn reset(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        self.next();
        if self.kind(0) == Kind::QuotedName && self.ends_n(1) {
            let key = unquote(self.word(0));
            self.next();
            return Ok(Command::Reset { key: Some(key) });
        }
        let key = self.rest().trim().trim_end_matches(';').trim_end();
        self.skip_to_end();
        if key.is_empty() {
            return Ok(Command::Reset { key: None });
        }
        if is_config_key(key) {
            return Ok(Command::Reset { key: Some(key.to_string()) });
        }
        Err(self.error(SparkError::new("INVALID_RESET_COMMAND_FORMAT"), start))
    }
}

/// The value up to the semicolons at the end; one inside is refused.
fn config_value(text: &str) -> Option<String> {
    let value = text.trim().trim_end_matches(';').trim();
    let quoted = value.len() > 1 && value.starts_with('`') && value.ends_with('`');
    if quoted {
        return Some(unquote(value));
    }
    (!value.contains(';')).then(|| value.to_string())
}

fn is_config_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'\\'))
}
