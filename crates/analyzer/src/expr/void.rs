//! Arguments of type VOID that become the literal NULL, constant and so named.
//!
//! Spark gives an argument of no type the type that is expected. Functions that cast implicitly do so by a cast, which
//! is not shown; those that only expect (`ExpectsInputTypes`) get a literal, and are marked by `literal_nulls()` where
//! they are declared. Functions that check their arguments by `FnContext::expect` need no mark; those that have it are
//! more lenient in other ways.

use vonk_expr::{FunctionSpec, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::call::{contains_aggregate, contains_window};

/// The arguments of a call as the function sees them.
pub fn literal_nulls(spec: &FunctionSpec, args: &mut [TypedExpr]) {
    if !spec.literal_nulls {
        return;
    }
    // What makes the query one of groups or windows goes on doing so.
    let plain = |a: &TypedExpr| !contains_aggregate(&a.expr) && !contains_window(&a.expr);
    let void = |a: &TypedExpr| a.data_type == DataType::Null && a.as_literal().is_none() && plain(a);
    for arg in args.iter_mut().filter(|a| void(a)) {
        if let Ok(null) = TypedExpr::literal(&Literal::Null(DataType::Null)) {
            *arg = null.at(arg.origin.clone());
        }
    }
}
