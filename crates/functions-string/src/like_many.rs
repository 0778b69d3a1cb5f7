//! `LIKE ANY (…)`, `LIKE ALL (…)` and their negations over constant patterns: chains of [`like`]
//! in the form of a balanced tree. Not names of Spark's: the SQL parser's operators.

use datafusion::logical_expr::{Expr, and, not, or};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{FnContext, FunctionSpec, INTERNAL, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use crate::like;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("likeany", INTERNAL, |c, a| build(c, a, false, or)),
    FunctionSpec::scalar("likeall", INTERNAL, |c, a| build(c, a, false, and)),
    FunctionSpec::scalar("notlikeany", INTERNAL, |c, a| build(c, a, true, or)),
    FunctionSpec::scalar("notlikeall", INTERNAL, |c, a| build(c, a, true, and)),
];

fn build(ctx: &FnContext, args: Vec<TypedExpr>, negated: bool, join: fn(Expr, Expr) -> Expr) -> SparkResult<TypedExpr> {
    let mut args = args.into_iter();
    let Some(text) = args.next() else { return Err(SparkError::internal("LIKE ANY of nothing")) };
    let mut tests = Vec::with_capacity(args.len());
    let mut parts = vec![text.clone()];
    for pattern in args {
        let one = like::build(ctx, vec![text.clone(), pattern], false)?;
        tests.push(if negated { not(one.expr.clone()) } else { one.expr.clone() });
        parts.push(one);
    }
    let Some(expr) = balanced(tests, join) else { return Err(SparkError::internal("LIKE ANY of no pattern")) };
    let out = TypedExpr::new(expr, DataType::Boolean, true, SqlText::call(&ctx.name, [text.sql]));
    Ok(out.derived_from(&parts).at(ctx.origin.clone()))
}

/// Joins neighbours until one is left: the depth is logarithmic.
fn balanced(mut level: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while level.len() > 1 {
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        let mut items = level.into_iter();
        while let Some(left) = items.next() {
            next.push(match items.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        level = next;
    }
    level.pop()
}
