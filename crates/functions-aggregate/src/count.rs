//! `count` (of rows, of rows without NULL, of different values) and `count_if`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{ColumnarValue, Expr, lit};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{AggregateCall, Body, Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::{DataType, StructField};

use crate::build::{coerced, keyed, text};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("count", "agg_funcs", Body::Aggregate(count))
        .usage("count([DISTINCT] expr, …) - How many rows have no NULL in the given values.")
        .kernels(KERNELS),
    &FunctionSpec::new("count_if", "agg_funcs", Body::Aggregate(count_if))
        .usage("count_if(expr) - For how many rows the condition is true."),
];

const KERNELS: &[&Kernel] = &[&PACK];

/// The arguments as one struct, NULL where any of them is.
static PACK: Kernel = Kernel::new("pack_not_null", pack).eager();

pub fn count(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    if call.args.is_empty() {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITH_SUGGESTION")
            .param("docroot", vonk_common::error::DOCROOT)
            .param("functionName", "`count`")
            .param("expectedNum", " >= 1")
            .param("actualNum", 0)
            .param("legacyNum", 0)
            .param("legacyConfKey", "\"spark.sql.legacy.allowParameterlessCount\"")
            .param("legacyConfValue", "\"true\"")
            .at(ctx.origin.clone()));
    }
    let sql = text(ctx, &call, &call.args);
    let nullable: Vec<&TypedExpr> = call.args.iter().filter(|a| a.nullable).collect();
    let args = match (call.distinct, call.args.as_slice()) {
        (_, [one]) if one.data_type == DataType::Null => vec![lit(ScalarValue::Int64(None))],
        (true, [one]) => vec![keyed(one.clone()).expr],
        (false, [one]) => vec![one.expr.clone()],
        (true, many) => vec![packed(ctx, &many.iter().cloned().map(keyed).collect::<Vec<_>>())],
        (false, _) if nullable.is_empty() => vec![lit(1i64)],
        (false, _) => {
            // Native count takes one column best: a mark that is NULL where any value is.
            let tests = nullable.iter().map(|a| Expr::IsNotNull(Box::new(a.expr.clone())));
            let all = tests.reduce(|a, b| a.and(b)).unwrap_or_else(|| lit(true));
            vec![Expr::Case(Case::new(None, vec![(Box::new(all), Box::new(lit(1i64)))], None))]
        }
    };
    let expr = AggregateCall { ignore_nulls: false, within_group: vec![], ..call }.aggregate(count_udaf(), args);
    Ok(TypedExpr::new(expr, DataType::Long, false, sql).at(ctx.origin.clone()))
}

fn packed(ctx: &FnContext, args: &[TypedExpr]) -> Expr {
    let fields = args.iter().enumerate().map(|(i, a)| StructField::new(format!("c{i}"), a.data_type.clone(), true));
    ctx.call(&PACK, args.to_vec(), DataType::structure(fields), Nullability::Args).expr
}

fn pack(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let columns: Vec<_> = (0..args.len()).map(|i| array_arg(args, i, rows)).collect::<DfResult<_>>()?;
    let nulls = columns.iter().fold(None, |all, c| NullBuffer::union(all.as_ref(), c.logical_nulls().as_ref()));
    let Arrow::Struct(fields) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a struct is due")));
    };
    Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields, columns, nulls)?)))
}

fn count_if(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    let sql = text(ctx, &call, &call.args);
    let args = coerced(ctx, &call, 1, &[Want::BOOLEAN])?;
    let Some(condition) = args.first() else { return Err(SparkError::internal("count_if of one")) };
    let mark = match call.distinct {
        // At most one value counts: TRUE.
        true => Expr::Case(Case::new(None, vec![(Box::new(condition.expr.clone()), Box::new(lit(true)))], None)),
        false => Expr::Case(Case::new(None, vec![(Box::new(condition.expr.clone()), Box::new(lit(1i64)))], None)),
    };
    let expr = call.aggregate(count_udaf(), vec![mark]);
    Ok(TypedExpr::new(expr, DataType::Long, false, sql).at(ctx.origin.clone()))
}
