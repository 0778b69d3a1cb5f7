//! PARTITION clauses: columns of a table with constant values.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::PartitionSpec;
use vonk_plan::expr::{Expr, ExprKind};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `[PARTITION (a = 1, b)]`.
    pub fn optional_partition(&mut self) -> SparkResult<Option<PartitionSpec>> {
        if self.at("PARTITION") && self.sym_n(1, "(") { self.partition().map(Some) } else { Ok(None) }
    }

    /// `[PARTITION (a = 1, b = 2)]`.
    pub fn optional_partition_values(&mut self) -> SparkResult<Option<PartitionSpec>> {
        if self.at("PARTITION") && self.sym_n(1, "(") { self.partition_values().map(Some) } else { Ok(None) }
    }

    /// A clause in which every column has a value. Error `INVALID_SQL_SYNTAX.EMPTY_PARTITION_VALUE`.
    pub fn partition_values(&mut self) -> SparkResult<PartitionSpec> {
        let start = self.pos;
        let spec = self.partition()?;
        if let Some((name, _)) = spec.iter().find(|(_, value)| value.is_none()) {
            let error = SparkError::new("INVALID_SQL_SYNTAX.EMPTY_PARTITION_VALUE").param("partKey", quote_id([name]));
            self.defer(self.error(error, start));
        }
        Ok(spec)
    }

    /// A clause in which columns may have no value.
    /// Errors `REF_DEFAULT_VALUE_IS_NOT_ALLOWED_IN_PARTITION` and `DUPLICATE_KEY`.
    fn partition(&mut self) -> SparkResult<PartitionSpec> {
        let start = self.pos;
        self.expect("PARTITION")?;
        let spec = self.in_parens(|p| p.comma_list(|p| p.partition_column()))?;
        if spec.iter().flat_map(|(_, value)| value).any(|value| value.kind == ExprKind::Default) {
            self.defer(self.error(SparkError::new("REF_DEFAULT_VALUE_IS_NOT_ALLOWED_IN_PARTITION"), start));
        }
        if let Some(key) = self.repeated_column(&spec) {
            self.defer(self.error(SparkError::new("DUPLICATE_KEY").param("keyColumn", quote_id([key])), start));
        }
        Ok(spec)
    }

    /// The first column that the clause has twice.
    fn repeated_column(&self, spec: &PartitionSpec) -> Option<String> {
        let exact = self.opts.conf.case_sensitive();
        let key = |name: &String| if exact { name.clone() } else { name.to_lowercase() };
        let keys: Vec<String> = spec.iter().map(|(name, _)| key(name)).collect();
        let twice = keys.iter().enumerate().find(|(i, key)| keys.iter().take(*i).any(|before| before == *key));
        twice.map(|(_, key)| key.clone())
    }

    fn partition_column(&mut self) -> SparkResult<(String, Option<Expr>)> {
        let name = self.ident()?;
        if !self.eat_sym("=") && !self.eat_sym("==") {
            return Ok((name, None));
        }
        if self.at("DEFAULT") && self.kind(1) != Kind::String {
            return self.expression_or_default().map(|value| (name, Some(value)));
        }
        Ok((name, Some(self.partition_constant()?)))
    }

    /// A literal or a parameter: nothing that would have to be computed, and no bare word.
    fn partition_constant(&mut self) -> SparkResult<Expr> {
        match self.kind(0) {
            Kind::Number => self.number(),
            Kind::String => self.string_literal(),
            Kind::Symbol if self.sym("-") && self.kind(1) == Kind::Number => self.number(),
            Kind::Symbol if self.sym("?") || self.sym(":") => self.parameter(),
            Kind::Word if self.at_any(&["NULL", "TRUE", "FALSE"]) => self.word_primary(),
            Kind::Word if self.at("INTERVAL") && self.interval_follows() => self.interval(),
            Kind::Word if self.kind(1) == Kind::String => self.typed_literal(),
            // A word begins a typed literal, so that it is its string that is missing.
            Kind::Word | Kind::QuotedName => Err(self.syntax_error(self.pos + 1)),
            Kind::Symbol | Kind::Bad | Kind::End => self.fail(),
        }
    }
}
