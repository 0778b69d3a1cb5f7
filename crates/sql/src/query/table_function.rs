//! Functions in FROM and their table arguments.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind, FunctionCall, SubqueryKind};
use vonk_plan::literal::Literal;
use vonk_plan::relation::{Relation, RelationKind};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn table_function(&mut self, name: Vec<String>, start: usize) -> SparkResult<Relation> {
        let mut call = FunctionCall::new(name, vec![]);
        self.expect_sym("(")?;
        if !self.sym(")") {
            call.args = self.comma_list(|p| p.argument())?;
        }
        self.expect_sym(")")?;
        if self.at_all(&["WITH", "ORDINALITY"]) {
            let at = self.pos;
            self.skip(2);
            let value = Box::new(self.make(ExprKind::Literal(Literal::Boolean(true)), at));
            call.args.push(self.make(ExprKind::NamedArgument { name: "with ordinality".into(), value }, at));
        }
        self.function_relation(RelationKind::TableFunction(call), start)
    }

    /// A relation that reads as a call, with the alias behind it.
    pub fn function_relation(&mut self, kind: RelationKind, start: usize) -> SparkResult<Relation> {
        self.grow()?;
        let table = self.relation(kind, start);
        let mut out = self.aliased(table, start)?;
        // A function's place includes its alias.
        if let RelationKind::Alias { input, .. } = &mut out.kind {
            input.origin = out.origin.clone();
        }
        Ok(out)
    }

    /// `TABLE(t)`, `TABLE t`, `TABLE (query)` with its partitioning, as an argument.
    pub fn table_argument(&mut self) -> SparkResult<Option<Expr>> {
        let table = self.at("TABLE") && (self.sym_n(1, "(") || (self.is_name_n(1) && !self.ends_n(1)));
        if !table {
            return Ok(None);
        }
        let start = self.pos;
        self.next();
        let plan = if self.parens.is_query(self.pos) {
            self.in_parens(|p| p.query())?
        } else {
            let parens = self.eat_sym("(");
            let at = self.pos;
            let name = self.name()?;
            if parens {
                self.expect_sym(")")?;
            } else {
                let class = "INVALID_SQL_SYNTAX.INVALID_TABLE_FUNCTION_IDENTIFIER_ARGUMENT_MISSING_PARENTHESES";
                let error = SparkError::new(class).param("argumentName", quote_id(&name));
                self.defer(self.error(error, at));
            }
            self.relation(Relation::table(name).kind, at)
        };
        let mut single_partition = false;
        let (mut partition_by, mut order_by) = (vec![], vec![]);
        let before = self.pos;
        if self.eat_all(&["WITH", "SINGLE", "PARTITION"]) {
            single_partition = true;
        } else if self.eat_all(&["PARTITION", "BY"]) || self.eat_all(&["DISTRIBUTE", "BY"]) {
            partition_by = if self.sym("(") && self.closes_list() {
                self.in_parens(|p| p.expressions())?
            } else {
                vec![self.expression()?]
            };
            while self.eat_sym(",") {
                partition_by.push(self.expression()?);
            }
        }
        if self.pos > before && (self.eat_all(&["ORDER", "BY"]) || self.eat_all(&["SORT", "BY"])) {
            order_by = if self.sym("(") && self.closes_list() {
                self.in_parens(|p| p.sort_items())?
            } else {
                vec![self.sort_item()?]
            };
        }
        Ok(Some(self.subquery(plan, SubqueryKind::Table { partition_by, order_by, single_partition }, start)))
    }

    /// The parenthesis here holds the whole of a list, not the start of an expression.
    fn closes_list(&self) -> bool {
        self.parens.close(self.pos).is_some_and(|c| {
            let after = c + 1 - self.pos;
            self.ends_n(after) || self.any_n(after, &["ORDER", "SORT"])
        })
    }
}
