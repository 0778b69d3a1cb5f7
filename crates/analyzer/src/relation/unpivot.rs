//! UNPIVOT: columns become rows. Made of a union of one projection per value column, or rather of
//! a generator over an array of structs, so that the input is read once.

use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_expr::coercion::common_type;
use vonk_plan::Literal;
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::{Unpivot, UnpivotValue};
use vonk_plan::types::{DataType, StructField};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::Named;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn};

impl Analyzer {
    pub fn unpivot(&self, u: &Unpivot, outer: Outer) -> SparkResult<Node> {
        let mut node = self.relation(&u.input, outer)?;
        let env = Env::of(&node, outer);
        let columns_of = |exprs: &[vonk_plan::Expr]| -> SparkResult<Vec<ScopeColumn>> {
            let mut out = vec![];
            for e in exprs {
                if matches!(e.kind, ExprKind::Star { .. }) {
                    let all = self.expand_star(&env, e)?;
                    out.extend(all.into_iter().filter_map(|n| if let Named::Column(c) = n { Some(c) } else { None }));
                    continue;
                }
                match &e.kind {
                    ExprKind::Attribute { name, plan_id, .. } => {
                        match self.name(&env, name, *plan_id, e.origin.as_ref())? {
                            Named::Column(c) => out.push(c),
                            Named::Value(_) => {
                                return Err(SparkError::new("UNPIVOT_REQUIRES_ATTRIBUTES")
                                    .param("given", "value")
                                    .param("empty", "id")
                                    .param("expressions", ""));
                            }
                        }
                    }
                    _ => {
                        return Err(SparkError::new("UNPIVOT_REQUIRES_ATTRIBUTES")
                            .param("given", "value")
                            .param("empty", "id")
                            .param("expressions", self.expr(&env, e)?.quoted_sql()));
                    }
                }
            }
            Ok(out)
        };
        let mut ids = u.ids.as_deref().map(columns_of).transpose()?;
        let mut groups: Vec<(Vec<ScopeColumn>, Option<String>)> = vec![];
        match &u.values {
            Some(values) => {
                for UnpivotValue { columns, alias } in values {
                    let found = columns_of(columns)?;
                    if found.len() > 1 && columns.len() == 1 {
                        groups.extend(found.into_iter().map(|c| (vec![c], alias.clone())));
                    } else {
                        groups.push((found, alias.clone()));
                    }
                }
            }
            None => {
                let own = ids.clone().unwrap_or_default();
                let rest = node.scope.columns.iter().filter(|c| !own.iter().any(|i| i.id == c.id));
                groups.extend(rest.map(|c| (vec![c.clone()], None)));
            }
        }
        if ids.is_none() {
            let used = |c: &ScopeColumn| groups.iter().any(|(g, _)| g.iter().any(|x| x.id == c.id));
            ids = Some(node.scope.columns.iter().filter(|c| !used(c)).cloned().collect());
        }
        let ids = ids.unwrap_or_default();
        let width = u.value_names.len();
        if groups.is_empty() {
            return Err(SparkError::new("UNPIVOT_REQUIRES_VALUE_COLUMNS"));
        }
        if groups.iter().any(|(g, _)| g.len() != width) {
            return Err(SparkError::new("UNPIVOT_VALUE_SIZE_MISMATCH").param("names", width));
        }
        // The common type of each value column.
        let mut types: Vec<(DataType, bool)> = vec![];
        for i in 0..width {
            let mut of_column = groups.iter().filter_map(|(g, _)| g.get(i));
            let Some(first) = of_column.next() else { continue };
            let (mut t, mut null) = (first.data_type.clone(), first.nullable);
            for c in of_column {
                null |= c.nullable;
                let both =
                    t.is_string() == c.data_type.is_string() || t == DataType::Null || c.data_type == DataType::Null;
                t = common_type(&t, &c.data_type, self.ansi()).filter(|_| both).ok_or_else(|| {
                    let all: Vec<_> = groups
                        .iter()
                        .filter_map(|(g, _)| g.get(i))
                        .map(|c| {
                            format!(
                                "{} ({})",
                                vonk_common::error::quote_sql(c.data_type.sql()),
                                vonk_common::error::quote_id([&*c.name])
                            )
                        })
                        .collect();
                    SparkError::new("UNPIVOT_VALUE_DATA_TYPE_MISMATCH").param("types", format!("[{}]", all.join(", ")))
                })?;
            }
            types.push((t, null));
        }
        let mut fields = vec![StructField::new(&u.variable, DataType::STRING, false)];
        for (name, (t, null)) in u.value_names.iter().zip(&types) {
            fields.push(StructField::new(name, t.clone(), *null));
        }
        let mut structs = vec![];
        for (group, alias) in &groups {
            let label =
                alias.clone().unwrap_or_else(|| group.iter().map(|c| c.name.to_string()).collect::<Vec<_>>().join("_"));
            let mut values = vec![TypedExpr::literal(&Literal::string(label))?];
            for (c, (t, _)) in group.iter().zip(&types) {
                let value = c.typed();
                values.push(if value.data_type.same_type(t) { value } else { cast(self.facts(), value, t)? });
            }
            structs.push(values);
        }
        let rows = vonk_expr::extract::rows(self.facts(), fields.clone(), structs)?;
        let columns: Vec<ScopeColumn> = fields
            .iter()
            .map(|f| ScopeColumn::new(self.fresh(), f.name.as_str(), f.data_type.clone(), f.nullable))
            .collect();
        self.generate(&mut node, rows, &columns, false)?;
        let values: Vec<_> = columns.iter().skip(1).cloned().collect();
        let shown: Vec<_> = ids.into_iter().chain(columns).collect();
        let mut node = node.with_scope(Scope::new(shown));
        if !u.include_nulls {
            let some = values
                .iter()
                .map(|c| crate::scope::column_expr(c.slot).is_not_null())
                .reduce(datafusion::logical_expr::or);
            if let Some(some) = some {
                node.over(|plan| {
                    Ok(datafusion::logical_expr::LogicalPlan::Filter(datafusion::logical_expr::Filter::try_new(
                        some,
                        Arc::clone(&plan),
                    )?))
                })?;
            }
        }
        Ok(node.sealed())
    }
}
