//! UNPIVOT: columns become rows. Made of a union of one projection per value column, or rather of
//! a generator over an array of structs, so that the input is read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_expr::coercion::common_type;
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::{Unpivot, UnpivotValue};
use vonk_plan::types::{DataType, StructField, quote_if_needed};
use vonk_plan::{Expr, Literal};

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
        // What is no column is computed, where both lists are given.
        let mut computed: Vec<Computed> = vec![];
        let mut ids = u.ids.as_deref().map(|exprs| self.unpivot_columns(&env, exprs, &mut computed)).transpose()?;
        let of_ids = computed.len();
        let mut groups: Vec<Group> = vec![];
        match &u.values {
            Some(values) => {
                for UnpivotValue { columns, alias } in values {
                    let found = self.unpivot_columns(&env, columns, &mut computed)?;
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
        check_attributes(u, &computed, of_ids)?;
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
        let types = self.unpivot_types(&groups, width)?;
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
        node.compute(computed.into_iter().map(|(c, value)| (c.id, value.expr, value.data_type)).collect())?;
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

    /// The columns that expressions stand for; what is computed for them is put to the rest.
    fn unpivot_columns(
        &self,
        env: &Env,
        exprs: &[Expr],
        computed: &mut Vec<Computed>,
    ) -> SparkResult<Vec<ScopeColumn>> {
        let mut out = vec![];
        for e in exprs {
            let named = match &e.kind {
                ExprKind::Star { .. } => self.expand_star(env, e)?,
                ExprKind::Attribute { name, plan_id, .. } => {
                    vec![self.name(env, name, *plan_id, e.origin.as_ref())?]
                }
                _ => vec![Named::Value(self.expr(env, e)?)],
            };
            for named in named {
                out.push(match named {
                    Named::Column(c) => c,
                    Named::Value(value) => {
                        let c = ScopeColumn::of(self.fresh(), &value);
                        computed.push((c.clone(), value));
                        c
                    }
                });
            }
        }
        Ok(out)
    }

    /// The common type of each value column, and whether it may be NULL.
    fn unpivot_types(&self, groups: &[Group], width: usize) -> SparkResult<Vec<(DataType, bool)>> {
        let mut types = vec![];
        for i in 0..width {
            let all: Vec<&ScopeColumn> = groups.iter().filter_map(|(g, _)| g.get(i)).collect();
            let Some((first, others)) = all.split_first() else { continue };
            let (mut t, mut null) = (first.data_type.clone(), first.nullable);
            for c in others {
                null |= c.nullable;
                let both =
                    t.is_string() == c.data_type.is_string() || t == DataType::Null || c.data_type == DataType::Null;
                t = common_type(&t, &c.data_type, self.ansi()).filter(|_| both).ok_or_else(|| no_common_type(&all))?;
            }
            types.push((t, null));
        }
        Ok(types)
    }
}

/// The columns of one row to be, and what they are called together.
type Group = (Vec<ScopeColumn>, Option<String>);

/// A column, and the value that it is to hold.
type Computed = (ScopeColumn, TypedExpr);

/// Error: computed values, where one of the lists is not given and thus is all other columns.
fn check_attributes(u: &Unpivot, computed: &[Computed], of_ids: usize) -> SparkResult<()> {
    let (given, empty, values) = match (&u.ids, &u.values) {
        (Some(_), None) => ("id", "value", computed.get(..of_ids)),
        (None, Some(_)) => ("value", "id", computed.get(of_ids..)),
        _ => return Ok(()),
    };
    let named = |(c, value): &Computed| match value.sql.to_string() {
        text if text.ends_with(&format!(" AS {}", quote_if_needed(&c.name))) => quote_sql(text),
        text => quote_sql(format!("{text} AS {}", quote_if_needed(&c.name))),
    };
    match values.unwrap_or_default() {
        [] => Ok(()),
        values => {
            let values: Vec<String> = values.iter().map(named).collect();
            Err(SparkError::new("UNPIVOT_REQUIRES_ATTRIBUTES")
                .param("given", given)
                .param("empty", empty)
                .param("expressions", values.join(", ")))
        }
    }
}

/// The columns of each type, types in order.
fn no_common_type(columns: &[&ScopeColumn]) -> SparkError {
    let mut of_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for c in columns {
        of_type.entry(quote_sql(c.data_type.sql())).or_default().push(quote_id([&*c.name]));
    }
    let all: Vec<String> = of_type.iter().map(|(t, names)| format!("{t} ({})", names.join(", "))).collect();
    SparkError::new("UNPIVOT_VALUE_DATA_TYPE_MISMATCH").param("types", all.join(", "))
}
