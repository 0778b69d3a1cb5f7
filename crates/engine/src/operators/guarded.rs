//! DataFusion's rules, kept from plans whose answers they would change.
//!
//! - Filters stay above what depends on which rows are there: random numbers with a seed are other numbers for
//!   other rows (Spark moves no filter below a projection that has some), and an aggregate without groups has a
//!   row in any case, also under a condition that asks none of its columns.
//! - A join in which NULL equals NULL gets no keys of `=` beside those of `<=>`.
//! - Rules that ask for keys are not shown those that are none ([`super::dependencies`]).
//!
//! `optimize_projections`, the dearest of them where there are many columns, is not asked again about the plan
//! that it made in the round before.

use std::cell::Cell;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::dependencies::{distinct_in_doubt, in_doubt, put_right};

/// A rule that some plans are kept from.
pub struct Guarded {
    rule: Arc<dyn OptimizerRule + Send + Sync>,
    guard: Guard,
}

enum Guard {
    /// Plans that the rule leaves as they are.
    Leaves(fn(&LogicalPlan) -> bool),
    /// The plan as the rule is shown it.
    Shows(fn(LogicalPlan) -> Result<LogicalPlan>),
    /// The same; and what the rule made last is left as it is.
    ShowsOnce(fn(LogicalPlan) -> Result<LogicalPlan>),
    /// What becomes of a plan instead, if the rule is not asked.
    Instead(fn(&LogicalPlan) -> Result<Option<LogicalPlan>>),
}

/// The rule with its guard, if it needs one.
pub fn guarded(rule: Arc<dyn OptimizerRule + Send + Sync>) -> Arc<dyn OptimizerRule + Send + Sync> {
    let guard = match rule.name() {
        "push_down_filter" => Guard::Leaves(stays_above),
        "extract_equijoin_predicate" => Guard::Leaves(equals_nulls_by_keys),
        "eliminate_cross_join" => Guard::Leaves(mixes_equalities),
        "eliminate_duplicated_expr" => Guard::Leaves(sorts_in_doubt),
        "eliminate_join" => Guard::Shows(put_right),
        "optimize_projections" => Guard::ShowsOnce(put_right),
        "replace_distinct_aggregate" => Guard::Instead(distinct_in_doubt),
        _ => return rule,
    };
    Arc::new(Guarded { rule, guard })
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.rule.name()).finish()
    }
}

impl OptimizerRule for Guarded {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let plan = match self.guard {
            Guard::Leaves(leaves) if leaves(&plan) => return Ok(Transformed::no(plan)),
            Guard::Leaves(_) => plan,
            Guard::Shows(shows) => shows(plan)?,
            Guard::ShowsOnce(shows) => {
                if MADE.get() == Some(hash(&plan)) {
                    return Ok(Transformed::no(plan));
                }
                let made = self.rule.rewrite(shows(plan)?, config)?;
                MADE.set(Some(hash(&made.data)));
                return Ok(made);
            }
            Guard::Instead(instead) => match instead(&plan)? {
                Some(other) => return Ok(Transformed::yes(other)),
                None => plan,
            },
        };
        self.rule.rewrite(plan, config)
    }
}

thread_local! {
    /// The hash of the plan that a [`Guard::ShowsOnce`] made last. A plan is optimized by one thread.
    static MADE: Cell<Option<u64>> = const { Cell::new(None) };
}

fn hash(plan: &LogicalPlan) -> u64 {
    let mut hasher = DefaultHasher::new();
    plan.hash(&mut hasher);
    hasher.finish()
}

/// An order by columns of which some may seem to follow from others.
fn sorts_in_doubt(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Sort(sort) if sort.expr.len() > 1 && in_doubt(&sort.input))
}

/// A filter, or several, right above a projection with volatile expressions or an aggregate without groups.
fn stays_above(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Filter(filter) = plan else { return false };
    let mut below = &filter.input;
    while let LogicalPlan::Filter(filter) = below.as_ref() {
        below = &filter.input;
    }
    match below.as_ref() {
        LogicalPlan::Projection(p) => p.expr.iter().any(|e| e.is_volatile()),
        LogicalPlan::Aggregate(a) => a.group_expr.is_empty(),
        _ => false,
    }
}

fn equals_nulls_by_keys(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(join) if equals_nulls(join) && !join.on.is_empty())
}

fn equals_nulls(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull
}

/// An inner join in which NULL equals NULL, that would be taken apart together with what is around it.
fn mixes_equalities(plan: &LogicalPlan) -> bool {
    let inner = |p: &LogicalPlan| matches!(p, LogicalPlan::Join(j) if j.join_type == JoinType::Inner);
    let mixed = |p: &LogicalPlan| match p {
        LogicalPlan::Join(join) if inner(p) => {
            let inputs = [join.left.as_ref(), join.right.as_ref()];
            let inside = inputs.iter().any(|i| matches!(i, LogicalPlan::Join(j) if inner(i) && equals_nulls(j)));
            inside || equals_nulls(join) && inputs.iter().any(|i| inner(i))
        }
        LogicalPlan::Filter(filter) => {
            matches!(filter.input.as_ref(), LogicalPlan::Join(j) if inner(&filter.input) && equals_nulls(j))
        }
        _ => false,
    };
    plan.exists(|p| Ok(mixed(p))).unwrap_or(true)
}
