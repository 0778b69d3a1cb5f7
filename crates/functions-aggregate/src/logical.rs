//! `bit_and bit_or bit_xor` of integers, and `bool_and bool_or` of conditions: DataFusion's own. Conditions
//! are the least and the greatest of them, which moving windows can compute.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Int64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::build::{cast_to, coerced, text, typed, unexpected};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("bit_and", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_and_udaf())))
        .usage("bit_and(expr) - The bitwise AND of a group.")
        .literal_nulls(),
    &FunctionSpec::new("bit_or", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_or_udaf())))
        .usage("bit_or(expr) - The bitwise OR of a group.")
        .literal_nulls(),
    &FunctionSpec::new("bit_xor", "agg_funcs", Body::Aggregate(|c, a| bits(c, a, bit_xor_udaf())))
        .usage("bit_xor(expr) - The bitwise exclusive OR of a group.")
        .literal_nulls(),
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
    // Equal bits change nothing, but for the exclusive OR, whose DISTINCT is of our own making.
    let xor = function.name() == bit_xor_udaf().name();
    if call.distinct && xor {
        let data = AggregateCallData::new(ctx, &DISTINCT_XOR, vec![ty.clone()], ty);
        return Ok(typed(&call, data, &[arg], true, sql));
    }
    let plain = AggregateCall { distinct: false, ..call };
    let expr = plain.aggregate(function, vec![arg.expr]);
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

pub static DISTINCT_XOR: Aggregate = Aggregate {
    name: "spark_bit_xor",
    state: |c| vec![c.arrow_return_type()],
    accumulator: |c| Ok(Box::new(Xor { call: c.clone(), bits: None })),
    groups: None,
};

/// The exclusive OR of the values it is given, each of them once.
#[derive(Debug)]
struct Xor {
    call: AggregateCallData,
    bits: Option<i64>,
}

impl Accumulator for Xor {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for column in values {
            let longs = cast(column, &Arrow::Int64)?;
            let own = longs.as_primitive::<Int64Type>().iter().flatten().reduce(|a, b| a ^ b);
            self.bits = self.bits.into_iter().chain(own).reduce(|a, b| a ^ b);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        ScalarValue::Int64(self.bits).cast_to(&self.call.arrow_return_type())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }
}
