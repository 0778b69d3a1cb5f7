//! Window functions: ranks, `ntile`, `lag`, `lead`, `nth_value`. DataFusion's own, with Spark's
//! types, texts and checks around them.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::functions_window::cume_dist::cume_dist_udwf;
use datafusion::functions_window::lead_lag::{lag_udwf, lead_udwf};
use datafusion::functions_window::nth_value::nth_value_udwf;
use datafusion::functions_window::ntile::ntile_udwf;
use datafusion::functions_window::rank::{dense_rank_udwf, percent_rank_udwf, rank_udwf};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, WindowUDF, cast as df_cast};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::build::{cast_to, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &window("row_number", |c, a| rank(c, a, row_number_udwf(), "row_number", DataType::Int))
        .usage("row_number() - The number of the row in its window partition, from 1."),
    &window("rank", |c, a| rank(c, a, rank_udwf(), "RANK", DataType::Int))
        .usage("rank() - One more than the number of rows before the row's peers."),
    &window("dense_rank", |c, a| rank(c, a, dense_rank_udwf(), "DENSE_RANK", DataType::Int))
        .usage("dense_rank() - The rank without gaps."),
    &window("percent_rank", |c, a| rank(c, a, percent_rank_udwf(), "PERCENT_RANK", DataType::Double))
        .usage("percent_rank() - The rank as a share of the partition."),
    &window("cume_dist", |c, a| rank(c, a, cume_dist_udwf(), "cume_dist", DataType::Double))
        .usage("cume_dist() - The share of rows that do not come after the row."),
    &window("ntile", ntile).usage("ntile(n) - The number of the bucket of n about equal ones."),
    &window("lag", |c, a| shift(c, a, lag_udwf()))
        .usage("lag(input[, offset[, default]]) - The value some rows before."),
    &window("lead", |c, a| shift(c, a, lead_udwf()))
        .usage("lead(input[, offset[, default]]) - The value some rows after."),
    &window("counter_diff", crate::counter::build)
        .usage("counter_diff(value[, start_time]) - By how much a counter has grown since the row before; NULL where it was reset.")
        .parameters(&["value", "start_time"])
        .kernels(crate::counter::KERNELS),
    &window("nth_value", nth_value).usage("nth_value(input[, offset]) - The value of the n-th row of the frame."),
];

const fn window(name: &'static str, build: fn(&FnContext, AggregateCall) -> SparkResult<TypedExpr>) -> FunctionSpec {
    FunctionSpec::new(name, "window_funcs", Body::Window(build))
}

/// The call of a window function of DataFusion's.
pub fn function(udwf: Arc<WindowUDF>, args: Vec<Expr>, call: &AggregateCall) -> Expr {
    let mut f = WindowFunction::new(udwf, args);
    f.params.filter = call.filter.as_ref().map(|e| Box::new(e.expr.clone()));
    f.params.null_treatment = call.ignore_nulls.then_some(NullTreatment::IgnoreNulls);
    Expr::WindowFunction(Box::new(f))
}

fn rank(
    ctx: &FnContext,
    call: AggregateCall,
    udwf: Arc<WindowUDF>,
    name: &str,
    ty: DataType,
) -> SparkResult<TypedExpr> {
    // The ranks may be given the values they rank by; those of ORDER BY count.
    let most = if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') { usize::MAX } else { 0 };
    ctx.arity(&call.args, 0..=most)?;
    let expr = function(udwf, vec![], &call);
    let expr = if ty == DataType::Int { df_cast(expr, to_arrow(&ty)) } else { expr };
    Ok(TypedExpr::new(expr, ty, false, SqlText::call(name, [])).at(ctx.origin.clone()))
}

fn value_out_of_range(ctx: &FnContext, sql: &SqlText, name: &str, range: &str, value: String) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
        .param("sqlExpr", quote_sql(sql))
        .param("exprName", name)
        .param("valueRange", range)
        .param("currentValue", value)
        .at(ctx.origin.clone())
}

/// The value of a constant integer argument.
fn constant(ctx: &FnContext, sql: &SqlText, name: &str, index: usize, arg: &TypedExpr) -> SparkResult<i64> {
    if !arg.data_type.is_integral() {
        return Err(unexpected(ctx, sql, index, "\"INT\"", arg));
    }
    let Some(value) = arg.constant()? else {
        return Err(ctx.non_foldable(sql, name, quote_sql(arg.data_type.sql()), arg));
    };
    Ok(value.to_string().parse().unwrap_or_default())
}

fn ntile(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 0..=1)?;
    let buckets = match call.args.first() {
        Some(b) => b.clone(),
        None => TypedExpr::literal(&Literal::Int(1))?,
    };
    let sql = SqlText::call("ntile", [buckets.sql.clone()]);
    if !buckets.foldable {
        return Err(ctx.non_foldable(&sql, "buckets", quote_sql(buckets.data_type.sql()), &buckets));
    }
    if buckets.data_type != DataType::Int {
        return Err(unexpected(ctx, &sql, 0, "\"INT\"", &buckets));
    }
    let n = constant(ctx, &sql, "buckets", 0, &buckets)?;
    if n <= 0 {
        return Err(value_out_of_range(ctx, &sql, "buckets", "(0, 2147483647]", n.to_string()));
    }
    let arg = Expr::Literal(ScalarValue::UInt64(Some(n.unsigned_abs())), None);
    let expr = df_cast(function(ntile_udwf(), vec![arg], &call), to_arrow(&DataType::Int));
    Ok(TypedExpr::new(expr, DataType::Int, false, sql).at(ctx.origin.clone()))
}

/// The flag behind the other arguments: TRUE or FALSE as it is written.
fn ignores_nulls(ctx: &FnContext, flag: Option<&TypedExpr>) -> SparkResult<bool> {
    let Some(flag) = flag else { return Ok(false) };
    match flag.as_literal() {
        Some(ScalarValue::Boolean(Some(ignores))) => Ok(*ignores),
        _ => Err(SparkError::new("INVALID_PARAMETER_VALUE.BOOLEAN")
            .param("parameter", quote_id(["ignoreNulls"]))
            .param("functionName", quote_id([&*ctx.name]))
            .param("invalidValue", flag.quoted_sql())
            .at(ctx.origin.clone())),
    }
}

fn shift(ctx: &FnContext, call: AggregateCall, udwf: Arc<WindowUDF>) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 0..=4)?;
    let mut call = call;
    call.ignore_nulls |= ignores_nulls(ctx, call.args.get(3))?;
    let mut args = call.args.clone().into_iter();
    let input = match args.next() {
        Some(i) => i,
        None => TypedExpr::null(DataType::Null)?,
    };
    let offset = match args.next() {
        Some(o) => o,
        None => TypedExpr::literal(&Literal::Int(1))?,
    };
    let default = match args.next() {
        Some(d) => d,
        None => TypedExpr::null(DataType::Null)?,
    };
    let sql = SqlText::call(&ctx.name, [input.sql.clone(), offset.sql.clone(), default.sql.clone()]);
    if offset.data_type.is_string() && !offset.foldable {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1035").param("prettyName", &*ctx.name).at(ctx.origin.clone()));
    }
    let n = constant(ctx, &sql, "offset", 1, &offset)?;
    let ty = input.data_type.clone();
    if default.data_type != DataType::Null && !default.data_type.same_type(&ty) {
        let common = vonk_expr::coercion::common_type(&ty, &default.data_type, ctx.ansi());
        if common.is_none_or(|c| !c.same_type(&ty)) && !(default.data_type.is_numeric() && ty.is_numeric()) {
            return Err(SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
                .param("sqlExpr", quote_sql(&sql))
                .param("functionName", quote_id([&*ctx.name]))
                .param("dataType", format!("({} or {})", quote_sql(ty.sql()), quote_sql(default.data_type.sql())))
                .at(ctx.origin.clone()));
        }
    }
    let nullable = input.nullable || default.nullable;
    let default = cast_to(ctx, default, &ty)?;
    let default_value = default.constant()?;
    let offset_arg = Expr::Literal(ScalarValue::Int64(Some(n)), None);
    let mut exprs = vec![input.expr.clone(), offset_arg];
    let expr = match default_value {
        Some(v) => {
            exprs.push(Expr::Literal(v, None));
            function(udwf, exprs, &call)
        }
        // A default of the row itself: where the shifted row is missing, a mark says so.
        None => {
            let mark = Expr::Literal(ScalarValue::Boolean(Some(true)), None);
            let missing = Expr::Literal(ScalarValue::Boolean(Some(false)), None);
            let has_row = function(udwf.clone(), vec![mark, exprs.get(1).cloned().unwrap_or_default(), missing], &call);
            let value = function(udwf, exprs, &call);
            Expr::Case(datafusion::logical_expr::expr::Case::new(
                None,
                vec![(Box::new(has_row), Box::new(value))],
                Some(Box::new(default.expr.clone())),
            ))
        }
    };
    Ok(TypedExpr::new(expr, ty, nullable, sql).at(ctx.origin.clone()))
}

fn nth_value(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=3)?;
    let [input, offset, flag @ ..] = call.args.as_slice() else { return Err(SparkError::internal("nth_value of two")) };
    let mut call = call.clone();
    call.ignore_nulls |= ignores_nulls(ctx, flag.first())?;
    let mut sql = SqlText::call("nth_value", [input.sql.clone(), offset.sql.clone()]);
    if offset.data_type.is_string() && !offset.foldable {
        return Err(ctx.non_foldable(&sql, "offset", "\"INT\"", offset));
    }
    let n = constant(ctx, &sql, "offset", 1, offset)?;
    if n <= 0 {
        return Err(value_out_of_range(ctx, &sql, "offset", "(0, 9223372036854775807]", format!("{n}L")));
    }
    if call.ignore_nulls {
        sql = SqlText::wrap("", sql, " ignore nulls");
    }
    let arg = Expr::Literal(ScalarValue::Int64(Some(n)), None);
    let expr = function(nth_value_udwf(), vec![input.expr.clone(), arg], &call);
    Ok(TypedExpr::new(expr, input.data_type.clone(), true, sql).at(ctx.origin.clone()))
}
