//! Conditions with sub-queries, in the order in which Spark looks at their parts.
//!
//! - NOT goes inwards past AND and OR, to the IN that is below: `NOT (a IN q AND b)` asks for `a NOT IN q`, which knows of
//!   NULLs what IN by itself has forgotten (Spark's `BooleanSimplification`).
//! - Conjuncts that look at the row alone come before those that are joined to it, the correlated ones: they wait for
//!   none of these, and fail for rows that these would have left out (`RewritePredicateSubquery`,
//!   `PullupCorrelatedPredicates`, `RewriteCorrelatedScalarSubquery`).
//! - A conjunct of one side of a join is looked at there, and waits for none that needs the other side ([`crate::places`]).

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};
use vonk_common::SparkResult;
use vonk_expr::spark_error;
use vonk_expr::waiting::Waiting;

use crate::node::columns_of;
use crate::places::Place;
use crate::scope::ColumnId;
use crate::unnest::outer_slots;

/// The condition of a filter as filters that stand one above the other: what looks at the row alone, then the rest.
pub fn filters(condition: Expr, place: impl Fn(HashSet<ColumnId>) -> Place) -> Vec<Expr> {
    if !is_joined(&condition) {
        return vec![with_fewer_waits(condition, place)];
    }
    let (joined, alone) = unguarded_parts(condition, &place).partition::<Vec<_>, _>(is_joined);
    [conjunction(alone), conjunction(joined)].into_iter().flatten().collect()
}

/// The condition, its conjuncts waiting only for those that Spark looks at before them.
pub fn with_fewer_waits(condition: Expr, place: impl Fn(HashSet<ColumnId>) -> Place) -> Expr {
    if !split_conjunction(&condition).into_iter().any(|c| Waiting::of(c).is_some()) {
        return condition;
    }
    conjunction(unguarded_parts(condition, &place)).unwrap_or_else(|| lit(true))
}

fn unguarded_parts(condition: Expr, place: &impl Fn(HashSet<ColumnId>) -> Place) -> impl Iterator<Item = Expr> {
    split_conjunction_owned(condition).into_iter().map(move |conjunct| unguarded(conjunct, place))
}

/// The conjunct without what it waits for in vain: what is joined, or looked at further above.
fn unguarded(conjunct: Expr, place: &impl Fn(HashSet<ColumnId>) -> Place) -> Expr {
    let Some(waiting) = Waiting::of(&conjunct).filter(|w| w.op == Operator::And && !is_joined(&w.operand)) else {
        return conjunct;
    };
    let of = |e: &Expr| {
        let mut columns = HashSet::new();
        columns_of(e, &mut columns);
        match e.is_volatile() {
            true => vec![],
            false => place(columns),
        }
    };
    let own = of(&waiting.operand);
    let comes_before = |e: &Expr| !is_joined(e) && (!e.any_column_refs() || of(e).starts_with(&own));
    let before = split_conjunction_owned(waiting.before).into_iter().filter(comes_before);
    match conjunction(before) {
        Some(before) => Waiting { before, ..waiting }.expr(),
        None => waiting.operand,
    }
}

/// Does it ask for other rows by values of this one, or for those of an outer query?
fn is_joined(e: &Expr) -> bool {
    let joins = |e: &Expr| match e {
        Expr::InSubquery(_) | Expr::OuterReferenceColumn(..) => true,
        Expr::Exists(x) => !outer_slots(&x.subquery.subquery).is_empty(),
        Expr::ScalarSubquery(q) => !outer_slots(&q.subquery).is_empty(),
        _ => false,
    };
    e.exists(|e| Ok(joins(e))).unwrap_or(true)
}

/// The expression with each NOT as far inside as an IN asks for.
pub fn with_not_inside(e: Expr) -> SparkResult<Expr> {
    if !asks_in(&e) {
        return Ok(e);
    }
    let inside = e.transform_down(|e| {
        Ok(match e {
            Expr::Not(inner) if asks_in(&inner) => match negated(*inner) {
                Expr::Not(inner) => Transformed::no(Expr::Not(inner)),
                pushed => Transformed::yes(pushed),
            },
            other => Transformed::no(other),
        })
    });
    Ok(inside.map_err(spark_error)?.data)
}

fn asks_in(e: &Expr) -> bool {
    e.exists(|e| Ok(matches!(e, Expr::InSubquery(_)))).unwrap_or(false)
}

/// NOT of the expression, one step further inside where that is possible.
fn negated(e: Expr) -> Expr {
    if let Some(Waiting { op, before, operand }) = Waiting::of(&e) {
        return Waiting { op: dual(op), before: negated(before), operand: negated(operand) }.expr();
    }
    match e {
        Expr::Not(inner) => *inner,
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (Box::new(negated(*left)), Box::new(negated(*right)));
            Expr::BinaryExpr(BinaryExpr { left, op: dual(op), right })
        }
        other => Expr::Not(Box::new(other)),
    }
}

fn dual(op: Operator) -> Operator {
    if op == Operator::And { Operator::Or } else { Operator::And }
}
