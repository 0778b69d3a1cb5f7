//! `regr_count`, `regr_avgx` and `regr_avgy`: counts and means of the pairs without NULL.

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Case;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{cast_to, text, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("regr_count", "agg_funcs", Body::Aggregate(regr_count))
        .usage("regr_count(y, x) - How many pairs have no NULL."),
    &FunctionSpec::new("regr_avgx", "agg_funcs", Body::Aggregate(|c, a| mean_of(c, a, 1)))
        .usage("regr_avgx(y, x) - The mean of x over the pairs without NULL."),
    &FunctionSpec::new("regr_avgy", "agg_funcs", Body::Aggregate(|c, a| mean_of(c, a, 0)))
        .usage("regr_avgy(y, x) - The mean of y over the pairs without NULL."),
];

fn checked(ctx: &FnContext, call: &AggregateCall) -> SparkResult<Vec<TypedExpr>> {
    ctx.arity(&call.args, 2..=2)?;
    let sql = text(ctx, call, &call.args);
    let mut out = vec![];
    for (i, arg) in call.args.iter().enumerate() {
        out.push(match &arg.data_type {
            t if t.is_numeric() => arg.clone(),
            t if t.is_string() || *t == DataType::Null => cast_to(ctx, arg.clone(), &DataType::Double)?,
            _ => return Err(unexpected(ctx, &sql, i, "\"NUMERIC\"", arg)),
        });
    }
    Ok(out)
}

fn regr_count(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    let sql = text(ctx, &call, &call.args);
    let args = checked(ctx, &call)?;
    let mut out = crate::count::count(ctx, AggregateCall { args, ..call })?;
    out.sql = sql;
    Ok(out)
}

fn mean_of(ctx: &FnContext, call: AggregateCall, which: usize) -> SparkResult<TypedExpr> {
    let sql = text(ctx, &call, &call.args);
    let args = checked(ctx, &call)?;
    let (Some(value), Some(other)) = (args.get(which), args.get(1 - which)) else {
        return Err(SparkError::internal("a pair is due"));
    };
    let present = Expr::IsNotNull(Box::new(other.expr.clone()));
    let mut kept = value.clone();
    kept.expr = Expr::Case(Case::new(None, vec![(Box::new(present), Box::new(value.expr.clone()))], None));
    kept.nullable = true;
    let mut out = crate::avg::build(ctx, AggregateCall { args: vec![kept], ..call }, false)?;
    out.sql = sql;
    Ok(out)
}
