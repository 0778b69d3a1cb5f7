//! Names and function calls: `a.b.c`, `t.*`, `f(x)`, `f(DISTINCT x) FILTER (WHERE …) OVER w`,
//! `x -> body`, named arguments, `IDENTIFIER(…)`.

use vonk_common::SparkResult;
use vonk_plan::expr::{CallSyntax, Expr, ExprKind, FunctionCall};

use crate::names::constant_string;
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// Something that starts with a name.
    pub fn name_or_call(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        if self.at_identifier_clause() {
            return self.identifier_expression();
        }
        if self.is_name_n(0) && self.sym_n(1, "->") {
            let parameter = self.ident()?;
            return self.lambda(vec![parameter], start);
        }
        if self.opts.enforce_reserved && self.at_current_like() {
            let word = self.word(0).to_string();
            self.next();
            return Ok(self.call(&word, vec![], start));
        }
        let mut parts = vec![if self.sym_n(1, "(") { self.function_name()? } else { self.plain_ident()? }];
        self.name_tail(&mut parts, start)
    }

    /// What follows the first part of a name: further parts, `.*`, or arguments.
    fn name_tail(&mut self, parts: &mut Vec<String>, start: usize) -> SparkResult<Expr> {
        while self.sym(".") {
            if self.sym_n(1, "*") {
                self.next();
                return self.star_of(Some(std::mem::take(parts)), start);
            }
            if !matches!(self.kind(1), Kind::Word | Kind::QuotedName) {
                self.next();
                return self.fail();
            }
            self.next();
            parts.push(self.plain_ident()?);
        }
        let parts = std::mem::take(parts);
        if self.sym("(") {
            return self.call_tail(parts, start);
        }
        let kind = match parts.first() {
            Some(first) if self.is_lambda_parameter(first) => ExprKind::LambdaVariable { name: parts },
            _ => ExprKind::Attribute { name: parts, plan_id: None, metadata_column: false },
        };
        Ok(self.make(kind, start))
    }

    /// Reserved words may still name functions: `left(…)`, `user()`, `any(…)`.
    fn function_name(&mut self) -> SparkResult<String> {
        if self.kind(0) == Kind::Word && !self.is_name_n(0) {
            let word = self.word(0).to_string();
            self.next();
            return Ok(word);
        }
        self.plain_ident()
    }

    fn at_current_like(&self) -> bool {
        let words = ["CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURRENT_TIME", "USER", "SESSION_USER"];
        self.at_any(&words) && !self.sym_n(1, "(")
    }

    fn is_lambda_parameter(&self, name: &str) -> bool {
        let same = |p: &String| if self.opts.conf.case_sensitive() { p == name } else { p.eq_ignore_ascii_case(name) };
        self.lambdas.iter().any(|parameters| parameters.iter().any(same))
    }

    /// `IDENTIFIER('a.b')`, which may also name a function or the parameter of a lambda. As a value it is
    /// whole: what follows a dot is a field of it.
    fn identifier_expression(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let expr = self.identifier_clause()?;
        if self.sym("(") {
            let name = self.constant_name(&expr, start)?;
            return self.call_tail(name, start);
        }
        if self.sym("->") {
            let parameters = self.constant_name(&expr, start)?;
            return self.lambda(parameters, start);
        }
        if self.sym(".") && self.sym_n(1, "*") {
            let target = self.text_since(start).to_string();
            self.next();
            return self.star_of(Some(vec![target]), start);
        }
        if !self.sym(".") && constant_string(&expr).is_some() {
            let mut parts = self.constant_name(&expr, start)?;
            if parts.len() == 1 {
                return self.name_tail(&mut parts, start);
            }
        }
        Ok(self.make(ExprKind::Identifier(Box::new(expr)), start))
    }

    /// The arguments of a call and the clauses behind them.
    pub fn call_tail(&mut self, name: Vec<String>, start: usize) -> SparkResult<Expr> {
        let mut call = FunctionCall { syntax: CallSyntax::Text, ..FunctionCall::new(name, vec![]) };
        self.expect_sym("(")?;
        if !self.sym(")") {
            if self.at("DISTINCT") && !self.ends_n(1) {
                self.next();
                call.distinct = true;
            } else if self.at("ALL") && !self.ends_n(1) && !self.sym_n(1, "(") {
                self.next();
            }
            let named = call.name.last().is_some_and(|n| n.eq_ignore_ascii_case("struct"));
            call.args = self.comma_list(|p| if named { p.named_expression() } else { p.argument() })?;
        }
        call.ignore_nulls = self.nulls_treatment();
        self.expect_sym(")")?;
        self.call_clauses(call, start)
    }

    /// `FILTER`, `WITHIN GROUP`, `IGNORE NULLS`, `OVER` after the closing parenthesis.
    pub fn call_clauses(&mut self, mut call: FunctionCall, start: usize) -> SparkResult<Expr> {
        self.grow()?;
        if self.at_all(&["WITHIN", "GROUP"]) {
            self.skip(2);
            call.within_group = self.in_parens(|p| {
                p.expect_all(&["ORDER", "BY"])?;
                p.sort_items()
            })?;
        }
        if self.at("FILTER") && self.sym_n(1, "(") {
            self.next();
            let condition = self.in_parens(|p| {
                p.expect("WHERE")?;
                p.expression()
            })?;
            call.filter = Some(Box::new(condition));
        }
        if let Some(ignore) = self.nulls_treatment() {
            call.ignore_nulls = Some(ignore);
        }
        let function = self.make(ExprKind::Function(call), start);
        if self.at("OVER") && (self.sym_n(1, "(") || matches!(self.kind(1), Kind::Word | Kind::QuotedName)) {
            return self.over(function, start);
        }
        Ok(function)
    }

    pub fn nulls_treatment(&mut self) -> Option<bool> {
        if !self.at_n(1, "NULLS") || !self.at_any(&["IGNORE", "RESPECT"]) {
            return None;
        }
        let ignore = self.at("IGNORE");
        self.skip(2);
        Some(ignore)
    }

    /// `name => value`, a table argument of a function in FROM, or an expression.
    pub fn argument(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        if self.is_name_n(0) && self.sym_n(1, "=>") {
            let name = self.ident()?;
            self.next();
            let value = Box::new(match self.table_argument()? {
                Some(table) => table,
                None => self.expression()?,
            });
            return Ok(self.make(ExprKind::NamedArgument { name, value }, start));
        }
        match self.table_argument()? {
            Some(table) => Ok(table),
            None => self.expression(),
        }
    }
}
