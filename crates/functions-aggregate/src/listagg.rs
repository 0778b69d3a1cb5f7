//! `listagg` / `string_agg`: the values of a group joined, in an order if one is given.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{cast_to, text_named, typed, unexpected, with_filter};
use crate::gather::{Gather, null, state_types};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("listagg", "agg_funcs", Body::Aggregate(build))
    .aliases(&["string_agg"])
    .usage("listagg(expr[, delimiter]) [WITHIN GROUP (ORDER BY key, …)] - The values joined.")];

/// Parameter: the delimiter in hexadecimal. The arguments after the first are the sort keys.
pub static LISTAGG: Aggregate = Aggregate {
    name: "spark_listagg",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, true, finish, null)),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let delimiter = match call.args.get(1) {
        Some(d) => d.clone(),
        None => TypedExpr::null(DataType::Null)?,
    };
    let Some(value) = call.args.first().cloned() else { return Err(SparkError::internal("listagg of one")) };
    let shown = [value.clone(), delimiter.clone()];
    let plain = AggregateCall { filter: None, ..call.clone() };
    let sql = match call.within_group.is_empty() {
        true => text_named(&ctx.name, &plain, &shown),
        false => {
            let keys: Vec<String> = call
                .within_group
                .iter()
                .map(|(k, s)| {
                    let nulls = if s.nulls_first { "FIRST" } else { "LAST" };
                    format!("{} {} NULLS {nulls}", k.sql, if s.asc { "ASC" } else { "DESC" })
                })
                .collect();
            let order = format!(" WITHIN GROUP (ORDER BY {})", keys.join(", "));
            SqlText::concat([text_named("listagg", &plain, &shown), order.into()])
        }
    };
    let sql = with_filter(&call, sql);
    if call.distinct
        && let Some((key, _)) = call.within_group.iter().find(|(k, _)| k.expr != value.expr)
    {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT")
            .param("funcName", quote_id([&*ctx.name]))
            .param("funcArg", value.quoted_sql())
            .param("orderingExpr", key.quoted_sql())
            .at(ctx.origin.clone()));
    }
    let ty = match &value.data_type {
        DataType::Binary => DataType::Binary,
        t @ DataType::String(_) => t.clone(),
        _ => DataType::STRING,
    };
    if ty.is_collated() && delimiter.data_type.is_string() && delimiter.data_type != ty {
        let types = [&ty, &delimiter.data_type].map(|t| quote_sql(t.sql()));
        return Err(SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .param("sqlExpr", quote_sql(&sql))
            .param("functionName", quote_id([&*ctx.name]))
            .param("dataType", format!("({})", types.join(" or ")))
            .at(ctx.origin.clone()));
    }
    let value = match &value.data_type {
        t if t.is_string() || *t == DataType::Binary => value,
        t if t.is_atomic() || *t == DataType::Null => cast_to(ctx, value, &DataType::STRING)?,
        _ => return Err(unexpected(ctx, &sql, 0, "(\"STRING\" or \"BINARY\")", &value)),
    };
    if !delimiter.data_type.is_atomic() && delimiter.data_type != DataType::Null {
        return Err(unexpected(ctx, &sql, 1, "(\"STRING\" or \"BINARY\" or \"VOID\")", &delimiter));
    }
    if !delimiter.foldable {
        return Err(ctx.non_foldable(&sql, "delimiter", quote_sql(delimiter.data_type.sql()), &delimiter));
    }
    let between = match cast_to(ctx, delimiter, &ty)?.constant()? {
        Some(ScalarValue::Utf8(Some(s))) => s.into_bytes(),
        Some(ScalarValue::Binary(Some(b))) => b,
        _ => vec![],
    };
    let digits: String = between.iter().map(|b| format!("{b:02x}")).collect();
    let mut args = vec![value];
    args.extend(call.within_group.iter().map(|(k, _)| k.clone()));
    let types = args.iter().map(|a| a.data_type.clone()).collect();
    let mut data = AggregateCallData::new(ctx, &LISTAGG, types, ty).with_params(vec![digits]);
    data.sort = call.within_group.iter().map(|(_, s)| (!s.asc, s.nulls_first)).collect();
    Ok(typed(&call, data, &args, true, sql))
}

fn finish(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(values) = columns.first() else { return null(call) };
    let keys: Vec<SortColumn> = columns
        .iter()
        .zip(&*call.arg_types)
        .skip(1)
        .zip(call.sort.iter())
        .map(|((c, t), (descending, nulls_first))| {
            let options = Some(SortOptions { descending: *descending, nulls_first: *nulls_first });
            let keys = vonk_expr::order::normal(&vonk_expr::collation::key_array(c, t)?)?;
            Ok(SortColumn { values: keys, options })
        })
        .collect::<DfResult<_>>()?;
    let sorted = match keys.is_empty() {
        true => values.clone(),
        false => take(values, &lexsort_to_indices(&keys, None)?, None)?,
    };
    let digits = call.param(0).as_bytes();
    let between: Vec<u8> = digits
        .chunks(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect();
    let mut out: Vec<u8> = vec![];
    for i in 0..sorted.len() {
        if i > 0 {
            out.extend_from_slice(&between);
        }
        match sorted.data_type() {
            Arrow::Binary => out.extend_from_slice(sorted.as_binary::<i32>().value(i)),
            _ => out.extend_from_slice(sorted.as_string::<i32>().value(i).as_bytes()),
        }
    }
    Ok(match call.return_type {
        DataType::Binary => ScalarValue::Binary(Some(out)),
        _ => ScalarValue::Utf8(Some(String::from_utf8_lossy(&out).into_owned())),
    })
}
