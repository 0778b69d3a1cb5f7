//! `when` (CASE) and `if`: native CASE, which computes each branch for its own rows only.

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Case;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collating;
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use super::logic::lazy_case;
use super::promote;
use crate::support::{cast_to, data_diff_types, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("when", "conditional_funcs", when)
        .usage("CASE WHEN cond THEN value … ELSE value END - The value of the first condition that is true.")
        .collating(Collating::BRANCHES),
    &FunctionSpec::scalar("if", "conditional_funcs", if_else)
        .usage("if(cond, a, b) - a if cond is true, else b.")
        .collating(Collating::AFTER_FIRST),
];

fn when(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    let mut parts: Vec<SqlText> = vec!["CASE".into()];
    for pair in args.chunks(2) {
        match pair {
            [c, v] => parts.extend([" WHEN ".into(), c.sql.clone(), " THEN ".into(), v.sql.clone()]),
            rest => parts.extend(rest.iter().flat_map(|e| [" ELSE ".into(), e.sql.clone()])),
        }
    }
    parts.push(" END".into());
    let sql = SqlText::concat(parts);
    let otherwise = if args.len() % 2 == 1 { args.last().cloned() } else { None };
    let pairs: Vec<_> = args.chunks_exact(2).filter_map(|p| Some((p.first()?.clone(), p.get(1)?.clone()))).collect();
    choose(ctx, pairs, otherwise, sql, "casewhen")
}

fn if_else(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let sql = SqlText::wrap("(", SqlText::call("IF", args.iter().map(|a| a.sql.clone())), ")");
    let [c, a, b] = args.as_slice() else { return Err(SparkError::internal("if of three")) };
    choose(ctx, vec![(c.clone(), a.clone())], Some(b.clone()), sql, "if")
}

/// A CASE of conditions and values in their common type.
pub fn choose(
    ctx: &FnContext,
    pairs: Vec<(TypedExpr, TypedExpr)>,
    otherwise: Option<TypedExpr>,
    sql: SqlText,
    function: &str,
) -> SparkResult<TypedExpr> {
    // Of `if` the condition is looked at first.
    if function == "if"
        && let Some((condition, _)) = pairs.first()
        && !matches!(condition.data_type, DataType::Boolean | DataType::Null)
    {
        return Err(unexpected(ctx, &sql, 0, "\"BOOLEAN\"", condition));
    }
    let types: Vec<_> = pairs.iter().map(|(_, v)| &v.data_type).chain(otherwise.iter().map(|e| &e.data_type)).collect();
    let Some(ty) = promote::common_all(types.iter().copied(), ctx.ansi()) else {
        return Err(data_diff_types(ctx, &sql, function, &types));
    };
    let mut parts = vec![];
    let mut branches = Vec::with_capacity(pairs.len());
    for (i, (condition, value)) in pairs.into_iter().enumerate() {
        let condition = match &condition.data_type {
            DataType::Boolean => condition,
            DataType::Null if function == "if" => cast_to(ctx, condition, &DataType::Boolean)?,
            _ => return Err(unexpected(ctx, &sql, 2 * i, "\"BOOLEAN\"", &condition)),
        };
        let value = cast_to(ctx, value, &ty)?;
        branches.push((Box::new(condition.expr.clone()), Box::new(value.expr.clone())));
        parts.extend([condition, value]);
    }
    let otherwise = match otherwise {
        Some(e) => Some(cast_to(ctx, e, &ty)?),
        None => None,
    };
    let mut values = parts.iter().skip(1).step_by(2).chain(otherwise.iter());
    let nullable = otherwise.is_none() || values.any(|v| v.nullable);
    let else_expr = otherwise.as_ref().map(|e| Box::new(e.expr.clone()));
    parts.extend(otherwise);
    let nullable = nullable && (function == "if" || !always_decided(&parts));
    let expr = match ty {
        DataType::Boolean => lazy_case(branches, else_expr),
        _ => Expr::Case(Case::new(None, branches, else_expr)),
    };
    Ok(TypedExpr::new(expr, ty, nullable, sql).derived_from(&parts).at(ctx.origin.clone()))
}

/// Some condition is the literal TRUE and every value up to it can not be NULL.
fn always_decided(parts: &[TypedExpr]) -> bool {
    for pair in parts.chunks_exact(2) {
        let [condition, value] = pair else { return false };
        if value.nullable {
            return false;
        }
        if matches!(condition.as_literal(), Some(datafusion::common::ScalarValue::Boolean(Some(true)))) {
            return true;
        }
    }
    false
}
