//! Functions with a syntax of their own: CAST, EXTRACT, TRIM, SUBSTRING, OVERLAY, POSITION,
//! TIMESTAMPADD and TIMESTAMPDIFF with a unit.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{CastMode, Expr, ExprKind};
use vonk_plan::literal::Literal;

use crate::parser::Parser;

const UNITS: &[&str] =
    &["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DAYOFYEAR", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"];

impl Parser<'_> {
    /// The call at the current word, when it is written in a form that is not the common one.
    pub fn special_call(&mut self) -> SparkResult<Option<Expr>> {
        let start = self.pos;
        let has = |p: &Self, word: &str| p.keyword_inside(start + 1, word);
        let call = match self.word(0).to_ascii_uppercase().as_str() {
            "EXTRACT" if has(self, "FROM") => self.extract()?,
            "TRIM" if has(self, "FROM") => self.trim()?,
            "SUBSTRING" | "SUBSTR" if has(self, "FROM") => self.substring()?,
            "OVERLAY" if has(self, "PLACING") => self.overlay()?,
            "POSITION" if has(self, "IN") => self.position()?,
            "TIMESTAMPADD" | "DATEADD" | "DATE_ADD" if self.unit_follows() => self.with_unit("timestampadd")?,
            "TIMESTAMPDIFF" | "DATEDIFF" | "DATE_DIFF" | "TIMEDIFF" if self.unit_follows() => {
                self.with_unit("timestampdiff")?
            }
            _ => return Ok(None),
        };
        self.grow()?;
        Ok(Some(call))
    }

    /// A keyword stands directly inside the parenthesis, not deeper, and something follows it.
    pub fn keyword_inside(&self, open: usize, word: &str) -> bool {
        let close = self.parens.close(open).unwrap_or(usize::MAX);
        let mut i = open + 1;
        while i < close {
            if let Some(inner) = self.parens.close(i) {
                i = inner;
            } else if self.at_n(i - self.pos, word) {
                return true;
            } else if self.kind(i - self.pos) == crate::tokens::Kind::End {
                return false;
            }
            i += 1;
        }
        false
    }

    pub fn cast(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let mode = if self.at("TRY_CAST") { CastMode::Try } else { CastMode::Session };
        self.next();
        self.expect_sym("(")?;
        let child = Box::new(self.expression()?);
        self.expect("AS")?;
        let to = self.cast_type()?;
        self.expect_sym(")")?;
        self.grow()?;
        Ok(self.make(ExprKind::Cast { child, to, mode }, start))
    }

    fn extract(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        self.expect_sym("(")?;
        let at = self.pos;
        let field = self.ident()?;
        let field = self.make(ExprKind::Literal(Literal::string(field)), at);
        self.expect("FROM")?;
        let source = self.nested(|p| p.value())?;
        self.expect_sym(")")?;
        Ok(self.operator("extract", vec![field, source], start))
    }

    /// `TRIM([BOTH | LEADING | TRAILING] [characters] FROM text)`: `btrim`, `ltrim`, `rtrim` with the
    /// text first, or `trim` where nothing more is said.
    fn trim(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        self.expect_sym("(")?;
        let side = self.at_any(&["BOTH", "LEADING", "TRAILING"]) && !self.ends_n(1);
        let name = match self.word(0).to_ascii_uppercase().as_str() {
            "LEADING" if side => "ltrim",
            "TRAILING" if side => "rtrim",
            _ => "trim",
        };
        if side {
            self.next();
        }
        let characters = if self.at("FROM") { None } else { Some(self.expression()?) };
        self.expect("FROM")?;
        let text = self.nested(|p| p.value())?;
        self.expect_sym(")")?;
        let args = characters.into_iter().chain([text]).collect();
        Ok(self.operator(name, args, start))
    }

    fn substring(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        self.expect_sym("(")?;
        let mut args = vec![self.nested(|p| p.value())?];
        self.expect("FROM")?;
        args.push(self.nested(|p| p.value())?);
        if self.eat("FOR") {
            args.push(self.nested(|p| p.value())?);
        }
        self.expect_sym(")")?;
        Ok(self.call("substring", args, start))
    }

    fn overlay(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        self.expect_sym("(")?;
        let mut args = vec![self.nested(|p| p.value())?];
        self.expect("PLACING")?;
        args.push(self.nested(|p| p.value())?);
        self.expect("FROM")?;
        args.push(self.nested(|p| p.value())?);
        if self.eat("FOR") {
            args.push(self.nested(|p| p.value())?);
        }
        self.expect_sym(")")?;
        Ok(self.call("overlay", args, start))
    }

    fn position(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        self.expect_sym("(")?;
        let part = self.nested(|p| p.value())?;
        self.expect("IN")?;
        let text = self.nested(|p| p.value())?;
        self.expect_sym(")")?;
        Ok(self.call("locate", vec![part, text], start))
    }

    /// `f(UNIT, …` or `f('UNIT', …`, the latter only to be refused.
    fn unit_follows(&self) -> bool {
        let unit = self.any_n(2, UNITS) || self.kind(2) == crate::tokens::Kind::String;
        unit && self.sym_n(3, ",") && {
            let close = self.parens.close(self.pos + 1).unwrap_or(self.pos);
            self.commas_inside(self.pos + 1, close) == 2
        }
    }

    fn commas_inside(&self, open: usize, close: usize) -> usize {
        let mut commas = 0;
        let mut i = open + 1;
        while i < close {
            match self.parens.close(i) {
                Some(inner) => i = inner,
                None => commas += usize::from(self.sym_n(i - self.pos, ",")),
            }
            i += 1;
        }
        commas
    }

    fn with_unit(&mut self, name: &str) -> SparkResult<Expr> {
        let start = self.pos;
        let written = self.word(0).to_string();
        self.next();
        self.expect_sym("(")?;
        let at = self.pos;
        let unit = self.word(0).to_string();
        self.next();
        if unit.starts_with(['\'', '"']) {
            let error = SparkError::new("INVALID_PARAMETER_VALUE.DATETIME_UNIT")
                .param("functionName", format!("`{written}`"))
                .param("parameter", "`unit`")
                .param("invalidValue", unit);
            return Err(self.error(error, start));
        }
        let unit = self.make(ExprKind::Literal(Literal::string(unit.to_ascii_uppercase())), at);
        self.expect_sym(",")?;
        let first = self.expression()?;
        self.expect_sym(",")?;
        let second = self.expression()?;
        self.expect_sym(")")?;
        Ok(self.operator(name, vec![unit, first, second], start))
    }
}
