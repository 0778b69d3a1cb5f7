//! What an expression starts with: literals, names, calls, parentheses, sub-queries, lambdas.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind, SubqueryExpr, SubqueryKind, SubqueryPlan};
use vonk_plan::literal::Literal;
use vonk_plan::types::DataType;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// A primary and everything that may follow it.
    pub fn primary(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let first = match self.kind(0) {
            Kind::Number => self.number()?,
            Kind::String => {
                let text = self.string_literal()?;
                match &self.collation {
                    Some(name) => Expr::call("$collated", vec![text, Expr::literal(Literal::string(name.as_str()))]),
                    None => text,
                }
            }
            Kind::QuotedName => self.name_or_call()?,
            Kind::Word => self.word_primary()?,
            Kind::Symbol => self.symbol_primary()?,
            Kind::Bad | Kind::End => return self.fail(),
        };
        self.postfix(first, start)
    }

    fn symbol_primary(&mut self) -> SparkResult<Expr> {
        match self.word(0) {
            "(" => self.parenthesised(),
            "*" => self.star(),
            "-" if self.kind(1) == Kind::Number => self.number(),
            "?" | ":" => self.parameter(),
            _ => self.fail(),
        }
    }

    pub fn word_primary(&mut self) -> SparkResult<Expr> {
        // A keyword before `)`, `,` or the end is a name.
        if self.ends_n(1) && !self.at_any(&["NULL", "TRUE", "FALSE"]) {
            return self.name_or_call();
        }
        let paren = self.sym_n(1, "(");
        let string = self.kind(1) == Kind::String;
        match self.word(0).to_ascii_uppercase().as_str() {
            "NULL" => self.constant(Literal::Null(DataType::Null)),
            "TRUE" => self.constant(Literal::Boolean(true)),
            "FALSE" => self.constant(Literal::Boolean(false)),
            "CASE" if !self.sym_n(1, ".") && !self.sym_n(1, "=") && !self.any_n(1, &["END", "FROM"]) => self.case(),
            "EXISTS" if paren && self.parens.is_query(self.pos + 1) => self.exists(),
            "INTERVAL" if self.interval_follows() => self.interval(),
            "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIME" | "X" | "INTERVAL" if string => {
                self.typed_literal()
            }
            "CAST" | "TRY_CAST" if paren && self.keyword_inside(self.pos + 1, "AS") => self.cast(),
            _ if paren => match self.special_call()? {
                Some(call) => Ok(call),
                None => self.name_or_call(),
            },
            _ if string => self.typed_literal(),
            _ => self.name_or_call(),
        }
    }

    fn constant(&mut self, value: Literal) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        Ok(self.make(ExprKind::Literal(value), start))
    }

    /// `(expr)`, `(a, b)` as a row, `(query)`, `(x, y) -> body`.
    fn parenthesised(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        if self.parens.is_query(start) && !self.row_of_values(start) {
            let plan = self.in_parens(|p| p.nested(|p| p.query()))?;
            return Ok(self.subquery(plan, SubqueryKind::Scalar, start));
        }
        if self.parens.close(start).is_some_and(|c| self.sym_n(c + 1 - self.pos, "->")) {
            let parameters = self.ident_list()?;
            if parameters.len() < 2 {
                return self.fail();
            }
            return self.lambda(parameters, start);
        }
        self.next();
        let first = self.named_expression()?;
        if self.eat_sym(")") {
            return match first.kind {
                // `(a AS b)` alone is no expression.
                ExprKind::Alias { .. } => Err(self.syntax_error(self.pos - 2)),
                _ => Ok(first),
            };
        }
        if !self.sym(",") {
            return self.fail();
        }
        let mut items = vec![first];
        while self.eat_sym(",") {
            items.push(self.named_expression()?);
        }
        self.expect_sym(")")?;
        self.grow()?;
        Ok(self.operator("struct", items, start))
    }

    /// `(VALUES (1), (2))`: as an expression, a row that begins with a call.
    fn row_of_values(&self, start: usize) -> bool {
        self.at_n(1, "VALUES")
            && self.sym_n(2, "(")
            && self.parens.close(start + 2).is_some_and(|c| self.sym_n(c + 1 - self.pos, ","))
    }

    pub fn subquery(&mut self, plan: vonk_plan::relation::Relation, kind: SubqueryKind, start: usize) -> Expr {
        let sub = SubqueryExpr { plan: SubqueryPlan::Inline(plan), kind };
        self.make(ExprKind::Subquery(Box::new(sub)), start)
    }

    fn exists(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        let plan = self.in_parens(|p| p.nested(|p| p.query()))?;
        if self.kind(0) == Kind::Symbol && !self.ends_n(0) && !self.sym(".") {
            // EXISTS is a condition, no operand.
            return self.fail();
        }
        Ok(self.subquery(plan, SubqueryKind::Exists, start))
    }

    pub fn lambda(&mut self, parameters: Vec<String>, start: usize) -> SparkResult<Expr> {
        self.expect_sym("->")?;
        self.lambdas.push(parameters);
        let body = self.expression();
        let parameters = self.lambdas.pop().unwrap_or_default();
        let body = Box::new(body?);
        self.grow()?;
        Ok(self.make(ExprKind::Lambda { parameters, body }, start))
    }

    pub fn parameter(&mut self) -> SparkResult<Expr> {
        use vonk_plan::expr::Parameter;
        let start = self.pos;
        let (parameter, bound) = if self.eat_sym("?") {
            let index = self.positional;
            self.positional += 1;
            // Nameless parameters are told of by their place in the text.
            (Parameter::Positional(self.token(start).char_start), self.opts.positional.get(index))
        } else {
            self.expect_sym(":")?;
            let name = self.ident()?;
            self.named_parameters = true;
            let bound = self.opts.named.get(&name);
            (Parameter::Named(name), bound)
        };
        if self.named_parameters && self.positional > 0 {
            self.defer(self.error(SparkError::new("INVALID_QUERY_MIXED_QUERY_PARAMETERS"), start));
        }
        match bound {
            Some(value) => Ok(value.clone()),
            None => Ok(self.make(ExprKind::Parameter(parameter), start)),
        }
    }

    /// `*` or, with the name before it taken, `t.*`.
    pub fn star(&mut self) -> SparkResult<Expr> {
        self.star_of(None, self.pos)
    }

    pub fn star_of(&mut self, target: Option<Vec<String>>, start: usize) -> SparkResult<Expr> {
        self.expect_sym("*")?;
        let mut except = vec![];
        if self.at("EXCEPT") && self.sym_n(1, "(") && !self.parens.is_query(self.pos + 1) {
            self.next();
            except = self.in_parens(|p| p.comma_list(|p| p.multipart()))?;
        }
        Ok(self.make(ExprKind::Star { target, plan_id: None, except }, start))
    }
}
