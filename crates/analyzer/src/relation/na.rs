//! `na.fill`, `na.drop`, `na.replace`.

use datafusion::logical_expr::{Case, Expr as DfExpr, Operator, binary_expr, lit};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, column_expr};

impl Analyzer {
    /// The columns of those names, or all of them.
    fn chosen(&self, node: &Node, names: &[String]) -> SparkResult<Vec<ScopeColumn>> {
        if names.is_empty() {
            return Ok(node.scope.columns.clone());
        }
        let case = self.case_sensitive();
        let mut out = vec![];
        for name in names {
            let before = out.len();
            out.extend(node.scope.named(name, case).filter(|(hidden, _)| !hidden).map(|(_, c)| c.clone()));
            if out.len() == before {
                return Err(self.unresolved_column(&node.scope, std::slice::from_ref(name), None));
            }
        }
        Ok(out)
    }

    /// New values for some columns, under their names and in their places.
    fn replaced(&self, mut node: Node, new: Vec<(ScopeColumn, TypedExpr)>) -> SparkResult<Node> {
        let mut columns = node.scope.columns.clone();
        let mut computed = vec![];
        for (old, value) in new {
            let id = self.fresh();
            for c in columns.iter_mut().filter(|c| c.id == old.id) {
                *c = ScopeColumn {
                    id,
                    slot: id,
                    data_type: value.data_type.clone(),
                    nullable: value.nullable,
                    ..c.clone()
                };
            }
            computed.push((id, value.expr, value.data_type));
        }
        node.compute(computed)?;
        let hidden = node.scope.hidden.clone();
        Ok(node.projected(Scope::with_hidden(columns, hidden)))
    }

    pub fn fill_na(&self, node: Node, names: &[String], values: &[Literal]) -> SparkResult<Node> {
        let columns = self.chosen(&node, names)?;
        let mut new = vec![];
        for (i, c) in columns.iter().enumerate() {
            let value = if values.len() > 1 { values.get(i) } else { values.first() };
            let Some(value) = value else { continue };
            let fits = match value {
                Literal::String(_) => c.data_type.is_string(),
                Literal::Boolean(_) => c.data_type == DataType::Boolean,
                v if v.data_type().is_numeric() => c.data_type.is_numeric(),
                _ => false,
            };
            if !fits {
                continue;
            }
            let fill = cast(self.facts(), TypedExpr::literal(value)?, &c.data_type)?;
            let own = column_expr(c.slot);
            let mut test = own.clone().is_not_null();
            if matches!(c.data_type, DataType::Float | DataType::Double) {
                let nan = match c.data_type {
                    DataType::Float => lit(f32::NAN),
                    _ => lit(f64::NAN),
                };
                test = test.and(binary_expr(own.clone(), Operator::NotEq, nan));
            }
            let e = Case::new(None, vec![(Box::new(test), Box::new(own))], Some(Box::new(fill.expr.clone())));
            new.push((c.clone(), TypedExpr::new(DfExpr::Case(e), c.data_type.clone(), fill.nullable, "")));
        }
        self.replaced(node, new)
    }

    /// Keeps rows with at least `min` values that are neither NULL nor NaN; all of them if none is
    /// given.
    pub fn drop_na(&self, mut node: Node, names: &[String], min: Option<i32>) -> SparkResult<Node> {
        let columns = self.chosen(&node, names)?;
        let present = columns.iter().map(|c| {
            let own = column_expr(c.slot);
            match c.data_type {
                DataType::Float => own.clone().is_not_null().and(binary_expr(own, Operator::NotEq, lit(f32::NAN))),
                DataType::Double => own.clone().is_not_null().and(binary_expr(own, Operator::NotEq, lit(f64::NAN))),
                _ => own.is_not_null(),
            }
        });
        let min = min.unwrap_or_else(|| i32::try_from(columns.len()).unwrap_or(i32::MAX));
        let condition = if usize::try_from(min).is_ok_and(|m| m == columns.len()) {
            present.reduce(DfExpr::and)
        } else {
            let counted = present.map(|p| {
                DfExpr::Case(Case::new(None, vec![(Box::new(p), Box::new(lit(1i32)))], Some(Box::new(lit(0i32)))))
            });
            counted.reduce(|a, b| binary_expr(a, Operator::Plus, b)).map(|n| n.gt_eq(lit(min)))
        };
        if let Some(condition) = condition {
            node = self.keep(node, TypedExpr::new(condition, DataType::Boolean, false, ""))?;
        }
        Ok(node)
    }

    pub fn replace(&self, node: Node, names: &[String], pairs: &[(Literal, Literal)]) -> SparkResult<Node> {
        let columns = self.chosen(&node, names)?;
        let Some((first, _)) = pairs.iter().find(|(from, _)| !from.is_null()) else { return Ok(node) };
        let fits = |t: &DataType| match first {
            Literal::String(_) => t.is_string(),
            Literal::Boolean(_) => *t == DataType::Boolean,
            v => v.data_type().is_numeric() && t.is_numeric(),
        };
        let mut new = vec![];
        for c in columns.iter().filter(|c| fits(&c.data_type)) {
            let own = column_expr(c.slot);
            let mut arms = vec![];
            let mut nullable = c.nullable;
            for (from, to) in pairs {
                let to = match to {
                    Literal::Null(_) => TypedExpr::null(c.data_type.clone())?,
                    to => cast(self.facts(), TypedExpr::literal(to)?, &c.data_type)?,
                };
                nullable |= to.nullable;
                let from = cast(self.facts(), TypedExpr::literal(from)?, &c.data_type)?;
                arms.push((Box::new(own.clone().eq(from.expr)), Box::new(to.expr)));
            }
            let e = DfExpr::Case(Case::new(None, arms, Some(Box::new(own))));
            new.push((c.clone(), TypedExpr::new(e, c.data_type.clone(), nullable, "")));
        }
        if new.iter().any(|(c, _)| c.name.is_empty()) {
            return Err(SparkError::internal("replace"));
        }
        self.replaced(node, new)
    }
}
