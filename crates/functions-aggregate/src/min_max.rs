//! `min` and `max` of every type that has an order: DataFusion's own (NaN counts as greatest).

use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{keyed, text, typed};
use crate::extreme_by::EXTREME_BY;
use crate::udaf::AggregateCallData;

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("min", "agg_funcs", Body::Aggregate(|c, a| build(c, a, false)))
        .usage("min(expr) - The least value of a group."),
    &FunctionSpec::new("max", "agg_funcs", Body::Aggregate(|c, a| build(c, a, true)))
        .usage("max(expr) - The greatest value of a group."),
];

/// The error of a value that has no order.
pub fn check_orderable(ctx: &FnContext, sql: &vonk_expr::SqlText, t: &DataType) -> SparkResult<()> {
    if t.is_orderable() {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .param("sqlExpr", quote_sql(sql))
        .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
        .param("dataType", quote_sql(t.sql()))
        .at(ctx.origin.clone()))
}

fn build(ctx: &FnContext, call: AggregateCall, greatest: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first() else { return Err(SparkError::internal("min of one")) };
    check_orderable(ctx, &sql, &arg.data_type)?;
    let ty = arg.data_type.clone();
    if ty.is_collated() || !ty.is_atomic() && ty != DataType::Null {
        // Nested values with Spark's order: NULL elements before all others.
        let which = if greatest { "max" } else { "min" };
        let params = vec![which.into(), "first".into()];
        let data = AggregateCallData::new(ctx, &EXTREME_BY, vec![ty.clone(), ty.clone()], ty).with_params(params);
        let plain = AggregateCall { distinct: false, ..call.clone() };
        return Ok(typed(&plain, data, &[arg.clone(), keyed(arg.clone())], true, sql));
    }
    let function = if greatest { max_udaf() } else { min_udaf() };
    // The least of different values is the least of all.
    let plain = AggregateCall { distinct: false, ignore_nulls: false, within_group: vec![], ..call.clone() };
    let expr = plain.aggregate(function, vec![arg.expr.clone()]);
    Ok(TypedExpr::new(expr, ty, true, sql).at(ctx.origin.clone()))
}
