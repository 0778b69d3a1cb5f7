//! Parts of conditions that are never TRUE: `x NOT IN (a, NULL)`.
//!
//! Spark computes none of them, so that an `a` that is no number fails no query.
//! (`ReplaceNullWithFalseInPredicate`; what DataFusion finds by itself is not here.)

use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};
use vonk_functions::is_in_list;

use crate::constants::is_written_null;

/// The condition with FALSE for such parts.
pub fn without_hopeless(condition: Expr) -> Expr {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let part = |e: Box<Expr>| Box::new(without_hopeless(*e));
            Expr::BinaryExpr(BinaryExpr { left: part(left), op, right: part(right) })
        }
        Expr::Not(inner) if lists_null(&inner) => lit(false),
        other => other,
    }
}

/// `x IN (…)` with a NULL that is written.
fn lists_null(e: &Expr) -> bool {
    matches!(e, Expr::ScalarFunction(call)
        if is_in_list(&call.func) && call.args.iter().skip(1).any(is_written_null))
}
