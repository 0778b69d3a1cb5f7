//! `|>` operators that no other node says: EXTEND, SET, DROP, AGGREGATE.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::{Grouping, PipeOperator};
use vonk_plan::{Expr, Relation};

use super::Outer;
use super::select::{Clauses, has_aggregate};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::scope::{Scope, same_name};

impl Analyzer {
    pub fn pipe(&self, input: &Relation, operator: &PipeOperator, outer: Outer) -> SparkResult<Node> {
        let node = self.relation(input, outer)?;
        match operator {
            PipeOperator::Extend(exprs) => {
                let all: Vec<Expr> = std::iter::once(Expr::star()).chain(exprs.iter().cloned()).collect();
                let items = self.items(Env::of(&node, outer), &all)?;
                if let Some(bad) = items.iter().find(|i| has_aggregate(i)).and_then(|i| i.typed()) {
                    return Err(SparkError::new("PIPE_OPERATOR_CONTAINS_AGGREGATE_FUNCTION")
                        .param("expr", bad.sql.to_string())
                        .param("clause", "EXTEND"));
                }
                self.place(node, items)
            }
            PipeOperator::Set(pairs) => pairs.iter().try_fold(node, |node, (name, e)| {
                let case = self.case_sensitive();
                if !node.scope.columns.iter().any(|c| same_name(&c.name, name, case)) {
                    return Err(self.unresolved_column(&node.scope, std::slice::from_ref(name), e.origin.as_ref()));
                }
                self.with_columns(node, &[e.clone().alias(name.clone())], outer)
            }),
            PipeOperator::Drop(names) => {
                let case = self.case_sensitive();
                for name in names {
                    if !node.scope.columns.iter().any(|c| same_name(&c.name, name, case)) {
                        return Err(self.unresolved_column(&node.scope, std::slice::from_ref(name), None));
                    }
                }
                let kept = node.scope.columns.iter().filter(|c| !names.iter().any(|n| same_name(n, &c.name, case)));
                let kept = kept.cloned().collect();
                Ok(node.projected(Scope::new(kept)))
            }
            PipeOperator::Aggregate { aggregates, grouping } => {
                let env = Env::of(&node, outer);
                let mut items = self.items(env.clone(), grouping)?;
                let keys = self.keys(&env, &items, &Grouping::By(grouping.iter().map(bare).collect()))?;
                let own = self.items(env.clone(), aggregates)?;
                if let Some(bad) = own.iter().find(|i| !has_aggregate(i)).and_then(|i| i.typed()) {
                    return Err(SparkError::new("PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION")
                        .param("expr", quote_id([bad.sql.to_string()])));
                }
                items.extend(own);
                self.finish(node, &env, Some(keys), items, Clauses::default())
            }
        }
    }
}

/// The expression under its alias.
fn bare(e: &Expr) -> Expr {
    match &e.kind {
        vonk_plan::ExprKind::Alias { child, .. } => (**child).clone(),
        _ => e.clone(),
    }
}
