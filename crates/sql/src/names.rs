//! Names: identifiers, names in parts, `IDENTIFIER(…)`, and which word may be an alias.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::literal::Literal;

use crate::keywords::{is_reserved, is_table_alias};
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// The token `ahead` may be a name.
    pub fn is_name_n(&self, ahead: usize) -> bool {
        match self.kind(ahead) {
            Kind::Word => !(self.opts.enforce_reserved && is_reserved(self.word(ahead))),
            Kind::QuotedName => true,
            _ => false,
        }
    }

    /// The token `ahead` begins `IDENTIFIER('…')` of a plain string or a parameter, which may stand for any name.
    pub fn is_spelled_n(&self, ahead: usize) -> bool {
        let text = self.kind(ahead + 2) == Kind::String || self.sym_n(ahead + 2, ":") || self.sym_n(ahead + 2, "?");
        text && self.at_n(ahead, "IDENTIFIER") && self.sym_n(ahead + 1, "(")
    }

    /// How many tokens the name at `ahead` is made of.
    pub fn name_width(&self, ahead: usize) -> usize {
        match self.is_spelled_n(ahead) {
            true => self.parens.close(self.pos + ahead + 1).map_or(1, |close| close + 1 - self.pos - ahead),
            false => 1,
        }
    }

    /// The parts of the name in `IDENTIFIER('…')`.
    fn spelled(&mut self) -> SparkResult<Vec<String>> {
        self.next();
        let text = self.in_parens(|p| p.string_constant())?;
        crate::parse_identifier_with(&text, self.opts)
    }

    /// One name, which `IDENTIFIER('…')` may spell.
    pub fn ident(&mut self) -> SparkResult<String> {
        if !self.is_spelled_n(0) {
            return self.plain_ident();
        }
        let start = self.pos;
        let mut parts = self.spelled()?;
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            last => {
                parts.extend(last);
                let error = SparkError::new("IDENTIFIER_TOO_MANY_NAME_PARTS")
                    .param("identifier", quote_id(parts))
                    .param("limit", 1);
                Err(self.error(error, start))
            }
        }
    }

    /// One name as it is written.
    pub fn plain_ident(&mut self) -> SparkResult<String> {
        if !self.is_name_n(0) {
            return self.fail();
        }
        let word = self.word(0);
        let name = match self.kind(0) {
            Kind::QuotedName => unquote(word),
            _ => {
                self.check_ascii(word)?;
                word.to_string()
            }
        };
        self.next();
        Ok(name)
    }

    fn check_ascii(&self, word: &str) -> SparkResult<()> {
        let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || word.contains("://");
        if plain { Ok(()) } else { Err(self.invalid_identifier(word)) }
    }

    fn invalid_identifier(&self, word: &str) -> SparkError {
        self.error(SparkError::new("INVALID_IDENTIFIER").param("ident", word), self.pos)
    }

    /// A name where no operator can follow: `a-b` is refused with a hint to quote it.
    pub fn strict_ident(&mut self) -> SparkResult<String> {
        let start = self.pos;
        let name = self.ident()?;
        if self.sym("-") && matches!(self.kind(1), Kind::Word | Kind::Number) {
            while self.sym("-") && matches!(self.kind(1), Kind::Word | Kind::Number) {
                self.skip(2);
            }
            let text = self.text_since(start);
            return Err(self.error(SparkError::new("INVALID_IDENTIFIER").param("ident", text), start));
        }
        Ok(name)
    }

    /// `a.b.c`.
    pub fn multipart(&mut self) -> SparkResult<Vec<String>> {
        let mut parts = self.name_parts()?;
        while self.eat_sym(".") {
            parts.extend(self.name_parts()?);
        }
        Ok(parts)
    }

    /// A part of a name, or the parts that `IDENTIFIER('…')` spells.
    fn name_parts(&mut self) -> SparkResult<Vec<String>> {
        if self.is_spelled_n(0) { self.spelled() } else { Ok(vec![self.strict_ident()?]) }
    }

    /// `a.b.c` or `IDENTIFIER('a.b.c')`.
    pub fn name(&mut self) -> SparkResult<Vec<String>> {
        if !self.at_identifier_clause() {
            return self.multipart();
        }
        let start = self.pos;
        let expr = self.identifier_clause()?;
        let mut parts = self.constant_name(&expr, start)?;
        while self.eat_sym(".") {
            parts.push(self.strict_ident()?);
        }
        Ok(parts)
    }

    pub fn at_identifier_clause(&self) -> bool {
        self.at("IDENTIFIER") && self.sym_n(1, "(")
    }

    /// The expression inside `IDENTIFIER(…)`.
    pub fn identifier_clause(&mut self) -> SparkResult<Expr> {
        self.next();
        self.in_parens(|p| p.expression())
    }

    /// The name that a constant expression spells.
    pub fn constant_name(&self, expr: &Expr, start: usize) -> SparkResult<Vec<String>> {
        match constant_string(expr) {
            Some(text) => crate::parse_identifier_with(&text, self.opts),
            None => {
                let error = SparkError::new("NOT_A_CONSTANT_STRING.NOT_CONSTANT")
                    .param("name", "IDENTIFIER")
                    .param("expr", self.text_since(start));
                Err(self.error(error, start))
            }
        }
    }

    pub fn ident_list(&mut self) -> SparkResult<Vec<String>> {
        self.in_parens(|p| p.comma_list(|p| p.strict_ident()))
    }

    /// The current word is an alias of a table, not the start of what follows.
    pub fn at_table_alias(&self) -> bool {
        match self.kind(0) {
            Kind::QuotedName => true,
            Kind::Word => {
                let w = self.word(0);
                is_table_alias(w) && self.is_name_n(0) && !self.clause_starts()
            }
            _ => false,
        }
    }

    /// The current word is an alias of a column, not the start of what follows.
    pub fn at_column_alias(&self) -> bool {
        match self.kind(0) {
            Kind::QuotedName => true,
            Kind::Word => self.is_name_n(0) && !self.clause_starts() && !self.analytics_follow(),
            _ => false,
        }
    }

    /// `WITH ROLLUP` or `WITH CUBE`?
    fn analytics_follow(&self) -> bool {
        self.at("WITH") && self.any_n(1, &["ROLLUP", "CUBE"])
    }

    /// The current word starts a clause. Every such word may also be a name: it is one where the
    /// clause could not go on.
    fn clause_starts(&self) -> bool {
        let by = self.at_n(1, "BY");
        let paren = self.sym_n(1, "(");
        match self.word(0).to_ascii_uppercase().as_str() {
            "GROUP" | "ORDER" | "SORT" | "CLUSTER" | "DISTRIBUTE" | "PARTITION" => by && !self.ends_n(2),
            "WINDOW" => self.is_name_n(1) && self.at_n(1 + self.name_width(1), "AS"),
            "FROM" | "WHERE" | "HAVING" | "QUALIFY" | "LIMIT" | "OFFSET" | "UNION" | "EXCEPT" | "INTERSECT"
            | "MINUS" | "SELECT" | "ON" | "JOIN" | "CROSS" | "USING" | "LATERAL" | "INTO" | "DO" | "THEN" | "ELSE" => {
                !self.ends_n(1)
            }
            "SET" | "VALUES" | "WHEN" | "INSERT" => !self.ends_n(1) && !self.at_n(1, "WHERE"),
            "END" => false,
            "PIVOT" => paren,
            "UNPIVOT" => paren || self.any_n(1, &["INCLUDE", "EXCLUDE"]),
            "TABLESAMPLE" => paren || self.any_n(1, &["SYSTEM", "BERNOULLI"]),
            "VERSION" | "SYSTEM_VERSION" | "TIMESTAMP" | "SYSTEM_TIME" => self.at_n(1, "AS") && self.at_n(2, "OF"),
            "FOR" => paren || !self.ends_n(1),
            "INNER" | "LEFT" | "RIGHT" | "FULL" | "SEMI" | "ANTI" | "NATURAL" => {
                self.any_n(1, &["JOIN", "OUTER", "SEMI", "ANTI", "INNER", "LEFT", "RIGHT", "FULL", "CROSS"])
            }
            "MATCH_RECOGNIZE" => false,
            _ => false,
        }
    }

    /// `[AS] name`, where a column may have one.
    pub fn column_alias(&mut self) -> SparkResult<Option<String>> {
        if self.at("AS") && !self.ends_n(1) {
            self.next();
            return self.strict_ident().map(Some);
        }
        if self.at_column_alias() { self.strict_ident().map(Some) } else { Ok(None) }
    }

    /// `[AS] name`, where a table may have one.
    pub fn table_alias(&mut self) -> SparkResult<Option<String>> {
        if self.at("AS") && self.is_name_n(1) && is_table_alias(self.word(1)) {
            self.next();
            return self.strict_ident().map(Some);
        }
        if self.at_table_alias() && !self.at("AS") { self.strict_ident().map(Some) } else { Ok(None) }
    }
}

/// The name inside back quotes or double quotes.
pub(crate) fn unquote(word: &str) -> String {
    let Some(quote) = word.chars().next() else { return String::new() };
    let inner = word.get(1..word.len() - 1).unwrap_or_default();
    let doubled: String = [quote, quote].iter().collect();
    inner.replace(&doubled, &quote.to_string())
}

/// The value of an expression made of string literals only.
pub(crate) fn constant_string(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(Literal::String(s)) => Some(s.to_string()),
        ExprKind::Function(call) => {
            let concat = matches!(call.name.as_slice(), [n] if n == "||" || n.eq_ignore_ascii_case("concat"));
            concat.then(|| call.args.iter().map(constant_string).collect::<Option<String>>()).flatten()
        }
        _ => None,
    }
}
