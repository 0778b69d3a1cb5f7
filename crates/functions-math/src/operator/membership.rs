//! `in` and `between`: native, so that they are pushed down to files.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, Operator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use super::{comparison, promote};
use crate::support::{cast_to, data_diff_types, infix, native};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("in", "predicate_funcs", is_in)
        .usage("expr1 in(expr2, …) - True if expr1 equals any of the others."),
    &FunctionSpec::scalar("between", "predicate_funcs", between)
        .usage("expr1 between expr2 and expr3 - True if expr1 is neither less than expr2 nor greater than expr3."),
];

fn is_in(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=usize::MAX)?;
    let mut texts = args.iter().map(|a| a.sql.clone());
    let value = texts.next().unwrap_or_else(|| "".into());
    let sql = SqlText::concat([SqlText::new("("), value, SqlText::call(" IN ", texts), SqlText::new(")")]);
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let common = promote::common_all(types.iter().copied(), ctx.ansi());
    let Some(ty) = common.or_else(|| promote::one_shape(&types)) else {
        return Err(data_diff_types(ctx, &sql, "in", &types));
    };
    if !comparison::orderable(&ty) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("functionName", "`in`")
            .param("dataType", vonk_common::error::quote_sql(ty.sql()))
            .at(ctx.origin.clone()));
    }
    let mut cast = Vec::with_capacity(args.len());
    for (i, arg) in args.into_iter().enumerate() {
        let constant = arg.as_literal().is_some() || (i > 0 && arg.foldable);
        let arg = comparison::computed(cast_to(ctx, arg, &ty)?, constant);
        cast.push(arg);
    }
    let nullable = cast.iter().any(|a| a.nullable);
    let mut exprs = cast.iter().map(|a| a.expr.clone());
    let expr = match exprs.next() {
        _ if ty == DataType::Null => Expr::Literal(ScalarValue::Boolean(None), None),
        Some(value) => Expr::InList(InList::new(Box::new(value), exprs.collect(), false)),
        None => return Err(SparkError::internal("IN without a value")),
    };
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&cast).at(ctx.origin.clone()))
}

fn between(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let sql = SqlText::call("between", args.iter().map(|a| a.sql.clone()));
    let [value, lower, upper] = args.as_slice() else { return Err(SparkError::internal("between of three")) };
    let bound = |limit: &TypedExpr, op: Operator, symbol: &str| {
        let (v, limit) = comparison::whole_bound(value.clone(), limit.clone(), op)?;
        let sql = infix(&v, symbol, &limit);
        comparison::comparison(ctx, v, limit, op, sql)
    };
    let above = bound(lower, Operator::GtEq, ">=")?;
    let below = bound(upper, Operator::LtEq, "<=")?;
    let nullable = above.nullable || below.nullable;
    let expr = native(above.expr, Operator::And, below.expr);
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&args).at(ctx.origin.clone()))
}
