//! Which columns can be NULL above ROLLUP, CUBE and GROUPING SETS: those that some grouping set leaves out.

use std::collections::HashSet;

use vonk_plan::Expr;
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::Grouping;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::Named;
use crate::relation::aggregate::is_tuple;
use crate::scope::{ColumnId, Scope, ScopeColumn};

/// The columns among the keys of a grouping, and those that every grouping set has.
#[derive(Default)]
struct KeyColumns {
    all: HashSet<ColumnId>,
    always: HashSet<ColumnId>,
}

impl Analyzer {
    /// The scope in which columns that a grouping set may leave out can be NULL.
    pub fn with_nullable_keys(&self, env: Env, grouping: Option<&Grouping>) -> Env {
        let Some(grouping) = grouping else { return env };
        let keys = self.grouping_columns(&env, grouping);
        let ids: HashSet<ColumnId> = keys.all.difference(&keys.always).copied().collect();
        if ids.is_empty() {
            return env;
        }
        let nullable = |c: &ScopeColumn| ScopeColumn { nullable: c.nullable || ids.contains(&c.id), ..c.clone() };
        let columns = env.scope.columns.iter().map(nullable).collect();
        let hidden = env.scope.hidden.iter().map(nullable).collect();
        Env { scope: std::sync::Arc::new(Scope::with_hidden(columns, hidden)), ..env }
    }

    fn grouping_columns(&self, env: &Env, grouping: &Grouping) -> KeyColumns {
        match grouping {
            Grouping::All | Grouping::Pivot { .. } => KeyColumns::default(),
            Grouping::By(exprs) => {
                let all = self.columns_of(env, exprs);
                KeyColumns { always: all.clone(), all }
            }
            Grouping::Rollup(exprs) | Grouping::Cube(exprs) => {
                KeyColumns { all: self.columns_of(env, exprs), always: HashSet::new() }
            }
            Grouping::Sets { exprs, sets } => {
                let mut all = self.columns_of(env, exprs);
                let sets: Vec<HashSet<ColumnId>> = sets.iter().map(|set| self.columns_of(env, set)).collect();
                all.extend(sets.iter().flatten());
                let always = all.iter().filter(|id| sets.iter().all(|set| set.contains(id))).copied().collect();
                KeyColumns { all, always }
            }
            Grouping::Mixed(parts) => {
                let mut out = KeyColumns::default();
                for part in parts {
                    let part = self.grouping_columns(env, part);
                    out.all.extend(part.all);
                    out.always.extend(part.always);
                }
                out
            }
        }
    }

    /// The columns that the expressions are, also in tuples.
    fn columns_of(&self, env: &Env, exprs: &[Expr]) -> HashSet<ColumnId> {
        let mut ids = HashSet::new();
        let mut rest: Vec<&Expr> = exprs.iter().collect();
        while let Some(e) = rest.pop() {
            match &e.kind {
                ExprKind::Attribute { name, plan_id, .. } => {
                    if let Ok(Named::Column(c)) = self.name(env, name, *plan_id, None) {
                        ids.insert(c.id);
                    }
                }
                ExprKind::Function(call) if is_tuple(call) => rest.extend(&call.args),
                _ => {}
            }
        }
        ids
    }
}
