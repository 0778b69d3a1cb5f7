//! PIVOT and UNPIVOT.

use vonk_common::SparkResult;
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::relation::{Pivot, Relation, RelationKind, Unpivot, UnpivotValue};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn pivot_follows(&self) -> bool {
        (self.at("PIVOT") && self.sym_n(1, "("))
            || (self.at("UNPIVOT") && (self.sym_n(1, "(") || self.any_n(1, &["INCLUDE", "EXCLUDE"])))
    }

    pub fn pivots(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let mut out = input;
        while self.pivot_follows() {
            out = if self.at("PIVOT") { self.pivot(out, start)? } else { self.unpivot(out, start)? };
            self.grow()?;
            out = self.aliased(out, start)?;
        }
        Ok(out)
    }

    /// `PIVOT (aggregates FOR column IN (values))`.
    pub fn pivot(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        self.expect("PIVOT")?;
        self.expect_sym("(")?;
        let aggregates = self.named_expressions()?;
        self.expect("FOR")?;
        let columns =
            if self.sym("(") { self.in_parens(|p| p.comma_list(|p| p.column()))? } else { vec![self.column()?] };
        self.expect("IN")?;
        let values = self.in_parens(|p| p.named_expressions())?;
        self.expect_sym(")")?;
        let pivot = Pivot { input, aggregates, columns, values };
        Ok(self.relation(RelationKind::Pivot(Box::new(pivot)), start))
    }

    fn column(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        let name = self.multipart()?;
        Ok(self.make(ExprKind::Attribute { name, plan_id: None, metadata_column: false }, start))
    }

    /// `UNPIVOT [INCLUDE NULLS] (value FOR name IN (columns))`, or with several values at a time.
    pub fn unpivot(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        self.expect("UNPIVOT")?;
        let include_nulls = self.eat_all(&["INCLUDE", "NULLS"]);
        if !include_nulls {
            self.eat_all(&["EXCLUDE", "NULLS"]);
        }
        self.expect_sym("(")?;
        let several = self.sym("(");
        let value_names = if several { self.ident_list()? } else { vec![self.strict_ident()?] };
        self.expect("FOR")?;
        let variable = self.strict_ident()?;
        self.expect("IN")?;
        let values = self.in_parens(|p| p.comma_list(|p| p.unpivot_value(several)))?;
        self.expect_sym(")")?;
        let unpivot = Unpivot { input, ids: None, values: Some(values), variable, value_names, include_nulls };
        Ok(self.relation(RelationKind::Unpivot(Box::new(unpivot)), start))
    }

    fn unpivot_value(&mut self, several: bool) -> SparkResult<UnpivotValue> {
        let columns = if several { self.in_parens(|p| p.comma_list(|p| p.column()))? } else { vec![self.column()?] };
        let alias = self.column_alias()?;
        Ok(UnpivotValue { columns, alias })
    }
}
