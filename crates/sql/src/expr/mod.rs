//! Expressions, by precedence: OR, AND, NOT, predicates, then the operators of values
//! ([`operators`]), then primaries with what may follow them ([`primary`], [`postfix`]).

mod calls;
mod case;
mod operators;
mod postfix;
mod predicate;
mod primary;
mod special;
mod windows;

pub(crate) use windows::{WindowSpec, Windows};

use vonk_common::SparkResult;
use vonk_plan::expr::{Expr, ExprKind, SortOrder};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn expression(&mut self) -> SparkResult<Expr> {
        self.nested(|p| p.or())
    }

    fn or(&mut self) -> SparkResult<Expr> {
        self.chain("OR", "or", |p| p.chain("AND", "and", |p| p.not()))
    }

    /// `a OR b OR c` as one call.
    fn chain(
        &mut self,
        keyword: &str,
        operator: &str,
        operand: impl Fn(&mut Self) -> SparkResult<Expr>,
    ) -> SparkResult<Expr> {
        let start = self.pos;
        let first = operand(self)?;
        if !self.at(keyword) || self.ends_n(1) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.at(keyword) && !self.ends_n(1) {
            self.next();
            operands.push(self.beside(&operand)?);
        }
        self.grow()?;
        Ok(self.operator(operator, operands, start))
    }

    fn not(&mut self) -> SparkResult<Expr> {
        let is_not = self.sym("!") || (self.at("NOT") && !self.ends_n(1) && !self.at_n(1, "AS"));
        if !is_not {
            return self.predicate();
        }
        let start = self.pos;
        self.next();
        let child = self.nested(|p| p.not())?;
        self.grow()?;
        Ok(self.operator("not", vec![child], start))
    }

    /// `expr [[AS] name | AS (names)]`.
    pub fn named_expression(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let child = self.expression()?;
        let names = if self.at("AS") && self.sym_n(1, "(") {
            self.next();
            self.ident_list()?
        } else if self.sym("(") && self.is_name_n(1) {
            self.ident_list()?
        } else {
            match self.column_alias()? {
                Some(name) => vec![name],
                None => return Ok(child),
            }
        };
        self.grow()?;
        Ok(self.make(ExprKind::Alias { child: Box::new(child), names, metadata: None }, start))
    }

    pub fn expressions(&mut self) -> SparkResult<Vec<Expr>> {
        self.comma_list(|p| p.expression())
    }

    pub fn named_expressions(&mut self) -> SparkResult<Vec<Expr>> {
        self.comma_list(|p| p.named_expression())
    }

    /// `expr [ASC | DESC] [NULLS FIRST | NULLS LAST]`.
    pub fn sort_item(&mut self) -> SparkResult<SortOrder> {
        let child = self.expression()?;
        let (ascending, nulls_first) = self.sort_direction()?;
        Ok(SortOrder { child, ascending, nulls_first })
    }

    pub fn sort_direction(&mut self) -> SparkResult<(bool, bool)> {
        let ascending = !self.eat("DESC");
        if ascending {
            self.eat("ASC");
        }
        let nulls_first = if self.eat_all(&["NULLS", "FIRST"]) {
            true
        } else if self.at_all(&["NULLS", "LAST"]) {
            self.skip(2);
            false
        } else {
            ascending
        };
        Ok((ascending, nulls_first))
    }

    pub fn sort_items(&mut self) -> SparkResult<Vec<SortOrder>> {
        self.comma_list(|p| p.sort_item())
    }
}
