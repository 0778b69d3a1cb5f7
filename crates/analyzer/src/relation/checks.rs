//! What Spark refuses of groupings and of observed metrics before it looks further.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::{Aggregate, Grouping};
use vonk_plan::{Expr, Literal};

use super::Outer;
use super::project::Item;
use super::select::has_aggregate;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::{contains_aggregate, contains_window};
use crate::node::Node;

/// Is the expression a star itself?
pub fn is_star(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Star { .. })
}

fn has_star(e: &Expr) -> bool {
    e.any(is_star)
}

/// Error: a star where there may be none.
pub fn star_in(place: &str) -> SparkError {
    SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX").param("elem", "'*'").param("prettyName", place)
}

/// Error: the operator computes no such expression.
pub fn not_in(operator: &str, shown: String) -> SparkError {
    SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR").param("operator", operator).param("invalidExprSqls", shown)
}

/// Error: a star among the keys of a DataFrame's grouping, or anywhere in a pivot.
pub fn no_star(a: &Aggregate) -> SparkResult<()> {
    match &a.grouping {
        _ if !a.with_grouping_columns => Ok(()),
        Grouping::Pivot { by, .. } if by.iter().chain(&a.aggregates).any(has_star) => Err(star_in("Pivot")),
        Grouping::By(keys) | Grouping::Rollup(keys) | Grouping::Cube(keys) if keys.iter().any(has_star) => {
            Err(star_in("Aggregate"))
        }
        _ => Ok(()),
    }
}

/// An integer among the keys of a DataFrame's grouping.
fn position(e: &Expr) -> Option<i32> {
    match &e.kind {
        ExprKind::Literal(Literal::Int(n)) => Some(*n),
        _ => None,
    }
}

impl Analyzer {
    /// An integer as a key of a DataFrame's grouping is a position in its output: the keys, then the aggregates.
    /// Error: one that is not there, or is an aggregate.
    pub fn check_positions(&self, a: &Aggregate, node: &Node, outer: Outer) -> SparkResult<()> {
        let (Grouping::By(keys) | Grouping::Rollup(keys) | Grouping::Cube(keys)) = &a.grouping else { return Ok(()) };
        let mut positions = keys.iter().filter_map(position).peekable();
        let by_position = a.with_grouping_columns && self.facts().conf.bool("spark.sql.groupByOrdinal");
        if !by_position || positions.peek().is_none() {
            return Ok(());
        }
        if a.aggregates.iter().any(has_star) {
            return Err(SparkError::new("STAR_GROUP_BY_POS"));
        }
        let aggregates = self.items(Env::of(node, outer), &a.aggregates)?;
        let size = keys.len() + aggregates.len();
        for n in positions {
            let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < size);
            let Some(at) = at else {
                return Err(SparkError::new("GROUP_BY_POS_OUT_OF_RANGE").param("index", n).param("size", size));
            };
            let meant = at.checked_sub(keys.len()).and_then(|at| aggregates.get(at));
            if let Some(value) = meant.filter(|item| has_aggregate(item)).and_then(Item::typed) {
                return Err(SparkError::new("GROUP_BY_POS_AGGREGATE")
                    .param("index", n)
                    .param("aggExpr", aliased(&value)));
            }
        }
        Ok(())
    }

    /// Error: metrics that `observe` cannot have.
    pub fn check_metrics(&self, node: &Node, metrics: &[Expr], outer: Outer) -> SparkResult<()> {
        let env = Env::of(node, outer);
        for metric in metrics {
            for value in self.items(env.clone(), std::slice::from_ref(metric))?.iter().filter_map(Item::typed) {
                if let Some(fault) = fault_of_metric(metric, &value) {
                    return Err(
                        SparkError::new(format!("INVALID_OBSERVED_METRICS.{fault}")).param("expr", value.quoted_sql())
                    );
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with a metric, as the sub-class of the error.
fn fault_of_metric(metric: &Expr, value: &TypedExpr) -> Option<&'static str> {
    let of_call = |fits: &dyn Fn(&vonk_plan::expr::FunctionCall) -> bool| {
        metric.any(|part| matches!(&part.kind, ExprKind::Function(call) if fits(call)))
    };
    if contains_window(&value.expr) {
        return Some("WINDOW_EXPRESSIONS_UNSUPPORTED");
    }
    if of_call(&|call| call.distinct) {
        return Some("AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED");
    }
    if of_call(&|call| call.filter.is_some()) {
        return Some("AGGREGATE_EXPRESSION_WITH_FILTER_UNSUPPORTED");
    }
    if column_outside(&value.expr) {
        return Some("NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE");
    }
    (!value.deterministic && !contains_aggregate(&value.expr)).then_some("NON_AGGREGATE_FUNC_ARG_IS_NON_DETERMINISTIC")
}

/// Is there a column outside of aggregates?
fn column_outside(e: &DfExpr) -> bool {
    let mut found = false;
    // The visitor never fails.
    let _ = e.apply(|e| {
        Ok(match e {
            DfExpr::AggregateFunction(_) => TreeNodeRecursion::Jump,
            DfExpr::Column(_) => {
                found = true;
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    });
    found
}

/// The text of an aggregate as an output column.
fn aliased(value: &TypedExpr) -> String {
    let (text, name) = (value.sql.to_string(), vonk_plan::types::quote_if_needed(&value.output_name()));
    let end = format!(" AS {name}");
    if text.ends_with(&end) { text } else { text + &end }
}
