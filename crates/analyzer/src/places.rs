//! Where Spark looks at a conjunct: as far below as its columns reach (`PushPredicateThroughJoin`,
//! `PushPredicateThroughNonJoin`).
//!
//! A conjunct of one side of a join is looked at there, whatever stands before it. Which places there are is all that
//! is asked here; DataFusion moves the conjuncts.

use std::collections::HashSet;

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::expr::call::contains_window;
use crate::node::columns_of;
use crate::scope::{ColumnId, column_id};

/// The way down from a condition.
pub type Place = Vec<Step>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Left,
    Right,
    /// Below an aggregate.
    Below,
}

type Columns = HashSet<ColumnId>;

/// The place of what asks for the columns in a filter over the plan.
pub fn below(plan: &LogicalPlan, columns: Columns) -> Place {
    let (mut plan, mut columns, mut place) = (plan, columns, vec![]);
    loop {
        plan = match plan {
            LogicalPlan::Filter(f) => &f.input,
            LogicalPlan::SubqueryAlias(a) => &a.input,
            LogicalPlan::Projection(p) => {
                let named = p.schema.fields().iter().map(|f| column_id(f.name()));
                let computed = p.expr.iter().zip(named).filter(|(_, id)| id.is_some_and(|id| columns.contains(&id)));
                let mut of = Columns::new();
                for (e, _) in computed {
                    if e.is_volatile() || contains_window(e) {
                        return place;
                    }
                    columns_of(e, &mut of);
                }
                columns = of;
                &p.input
            }
            LogicalPlan::Aggregate(a) => {
                let groups: Columns = a.group_expr.iter().filter_map(column_of).collect();
                if !groups.is_empty() && columns.is_subset(&groups) {
                    place.push(Step::Below);
                }
                return place;
            }
            LogicalPlan::Join(join) => {
                let (left, right) = match join.join_type {
                    JoinType::Inner => (true, true),
                    JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
                    JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
                    JoinType::Full => (false, false),
                };
                match side(&columns, left.then_some(&*join.left), right.then_some(&*join.right)) {
                    Some((step, input)) => {
                        place.push(step);
                        input
                    }
                    None => return place,
                }
            }
            _ => return place,
        };
    }
}

/// The place of what asks for the columns in the condition of a join.
pub fn of_join(join: JoinType, left: &LogicalPlan, right: &LogicalPlan, columns: Columns) -> Place {
    let (to_left, to_right) = match join {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
        JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => (false, true),
        JoinType::Right | JoinType::RightAnti | JoinType::RightMark => (true, false),
        JoinType::Full => (false, false),
    };
    match side(&columns, to_left.then_some(left), to_right.then_some(right)) {
        Some((step, input)) => [step].into_iter().chain(below(input, columns)).collect(),
        None => vec![],
    }
}

fn side<'p>(
    columns: &Columns,
    left: Option<&'p LogicalPlan>,
    right: Option<&'p LogicalPlan>,
) -> Option<(Step, &'p LogicalPlan)> {
    let has = |plan: &LogicalPlan| {
        let own: Columns = plan.schema().fields().iter().filter_map(|f| column_id(f.name())).collect();
        columns.is_subset(&own)
    };
    let sides = [(Step::Left, left), (Step::Right, right)];
    sides.into_iter().filter_map(|(step, plan)| Some((step, plan?))).find(|(_, plan)| has(plan))
}

fn column_of(e: &Expr) -> Option<ColumnId> {
    match e {
        Expr::Column(c) => column_id(&c.name),
        Expr::Alias(a) => column_id(&a.name),
        _ => None,
    }
}
