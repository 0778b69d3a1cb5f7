//! Aggregates in QUALIFY: above a grouping there are none but those of the list.

use vonk_common::{SparkError, SparkResult};
use vonk_expr::{Body, TypedExpr};
use vonk_plan::Expr;
use vonk_plan::expr::{ExprKind, WindowExpr};
use vonk_plan::types::quote_if_needed;

use super::project::Item;
use super::select::{alias_of, with_output};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::edit_distance;
use crate::scope::{ScopeColumn, column_id};

/// The name with its qualifier, quoted where it must be.
fn qualified_name(c: &ScopeColumn) -> String {
    c.full_name().iter().map(|part| quote_if_needed(part)).collect::<Vec<_>>().join(".")
}

/// An aggregate that is written in a condition, and whether it is within a window.
type Written<'e> = (&'e Expr, bool);

impl Analyzer {
    /// Error: the condition of QUALIFY has an aggregate that is not a window.
    pub fn check_qualify(&self, env: &Env, grouped: bool, items: &[Item], condition: &Expr) -> SparkResult<()> {
        let mut written = vec![];
        self.aggregates_in(condition, false, &mut written);
        if written.is_empty() {
            return Ok(());
        }
        let shown: Vec<ScopeColumn> = items.iter().flat_map(Item::columns).collect();
        let seen = with_output(env, shown.iter().map(|c| alias_of(c.typed())).collect());
        let mut outside = None;
        for (call, in_window) in written {
            let value = self.expr(&seen, call)?;
            if grouped {
                Self::only_shown(env, &shown, &value)?;
            }
            if !in_window {
                outside.get_or_insert(value);
            }
        }
        match outside {
            Some(value) => Err(SparkError::new("QUALIFY_AGGREGATE_NOT_ALLOWED")
                .param("aggregateExpr", value.quoted_sql())
                .at(value.origin.clone())),
            None if grouped => Err(SparkError::new("MISSING_GROUP_BY")),
            None => Ok(()),
        }
    }

    /// Error: the value is made of a column that is not shown.
    fn only_shown(env: &Env, shown: &[ScopeColumn], value: &TypedExpr) -> SparkResult<()> {
        let slots: Vec<_> = value.expr.column_refs().iter().filter_map(|c| column_id(&c.name)).collect();
        let all = env.scope.columns.iter().chain(&env.scope.hidden);
        let mut used = all.filter(|c| slots.contains(&c.slot));
        match used.find(|c| !shown.iter().any(|s| s.slot == c.slot)) {
            Some(other) => {
                let wanted = qualified_name(other);
                let mut near: Vec<String> = shown.iter().map(qualified_name).collect();
                near.sort_by_key(|name| edit_distance(&wanted, name));
                near.truncate(5);
                Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
                    .param("objectName", wanted)
                    .param("proposal", near.join(", "))
                    .at(value.origin.clone()))
            }
            None => Ok(()),
        }
    }

    fn aggregates_in<'e>(&self, e: &'e Expr, in_window: bool, out: &mut Vec<Written<'e>>) {
        match &e.kind {
            ExprKind::Function(call) => match self.builtin(&call.name).map(|spec| spec.body) {
                Some(Body::Aggregate(_)) => out.push((e, in_window)),
                _ => {
                    for arg in &call.args {
                        self.aggregates_in(arg, in_window, out);
                    }
                }
            },
            ExprKind::Alias { child, .. } | ExprKind::Cast { child, .. } => self.aggregates_in(child, in_window, out),
            ExprKind::Window(window) => self.aggregates_in_window(window, out),
            _ => {}
        }
    }

    /// The function over the window is none of them, but its arguments and the window's keys may be.
    fn aggregates_in_window<'e>(&self, window: &'e WindowExpr, out: &mut Vec<Written<'e>>) {
        let args = match &window.function.kind {
            ExprKind::Function(call) => call.args.as_slice(),
            _ => &[],
        };
        for e in args.iter().chain(&window.partition_by).chain(window.order_by.iter().map(|o| &o.child)) {
            self.aggregates_in(e, true, out);
        }
    }
}
