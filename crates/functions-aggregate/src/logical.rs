//! `bit_and bit_or bit_xor` of integers, and `bool_and bool_or` of conditions: DataFusion's own. Conditions
//! are the least and the greatest of them, which moving windows can compute.

use std::sync::Arc;

use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::AggregateUDF;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::build::{cast_to, coerced, text, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("bit_and", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_and_udaf())))
        .usage("bit_and(expr) - The bitwise AND of a group."),
    &FunctionSpec::new("bit_or", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_or_udaf())))
        .usage("bit_or(expr) - The bitwise OR of a group."),
    &FunctionSpec::new("bit_xor", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_xor_udaf())))
        .usage("bit_xor(expr) - The bitwise exclusive OR of a group."),
    &FunctionSpec::new("bool_and", "agg_funcs", Body::Aggregate(|c, a| conditions(c, a, min_udaf())))
        .aliases(&["every"])
        .usage("bool_and(expr) - True if the condition is true throughout."),
    &FunctionSpec::new("bool_or", "agg_funcs", Body::Aggregate(|c, a| conditions(c, a, max_udaf())))
        .aliases(&["some", "any"])
        .usage("bool_or(expr) - True if the condition is true somewhere."),
];

fn bits(ctx: &FnContext, call: AggregateCall, function: Arc<AggregateUDF>) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("bits of one")) };
    let arg = match &arg.data_type {
        t if t.is_integral() => arg,
        DataType::Null => cast_to(ctx, arg, &DataType::Int)?,
        _ => return Err(unexpected(ctx, &sql, 0, "\"INTEGRAL\"", &arg)),
    };
    let ty = arg.data_type.clone();
    let expr = call.aggregate(function, vec![arg.expr]);
    Ok(TypedExpr::new(expr, ty, true, sql).at(ctx.origin.clone()))
}

fn conditions(ctx: &FnContext, call: AggregateCall, function: Arc<AggregateUDF>) -> SparkResult<TypedExpr> {
    let sql = text(ctx, &call, &call.args);
    let args = coerced(ctx, &call, 1, &[Want::BOOLEAN])?;
    // Equal conditions change nothing.
    let plain = AggregateCall { distinct: false, ..call };
    let expr = plain.aggregate(function, args.into_iter().map(|a| a.expr).collect());
    Ok(TypedExpr::new(expr, DataType::Boolean, true, sql).at(ctx.origin.clone()))
}
