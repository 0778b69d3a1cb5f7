//! `collect_list` / `array_agg` and `collect_set`: the values of a group as an array, without NULLs;
//! `collect_union`: the elements of its arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_empty_array};
use datafusion::arrow::compute::{filter, is_not_null, take};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result as DfResult, ScalarValue};
use hashbrown::HashSet;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::order::normal;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{text_named, typed, unexpected};
use crate::gather::{Gather, list, state_types};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("collect_list", "agg_funcs", Body::Aggregate(|c, a| build(c, a, &COLLECT_LIST)))
        .aliases(&["array_agg"])
        .usage("collect_list(expr) - The values of a group as an array."),
    &FunctionSpec::new("collect_set", "agg_funcs", Body::Aggregate(|c, a| build(c, a, &COLLECT_SET)))
        .usage("collect_set(expr) - The different values of a group as an array."),
    &FunctionSpec::new("collect_union", "agg_funcs", Body::Aggregate(|c, a| build(c, a, &COLLECT_UNION)))
        .usage("collect_union(array) - The different elements of the arrays of a group as an array."),
];

pub static COLLECT_LIST: Aggregate = Aggregate {
    name: "spark_collect_list",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, c.param(0) != "nulls", first_as_list, empty)),
    groups: None,
};
pub static COLLECT_SET: Aggregate = Aggregate {
    name: "spark_collect_set",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, c.param(0) != "nulls", different, empty)),
    groups: None,
};
pub static COLLECT_UNION: Aggregate = Aggregate {
    name: "spark_collect_union",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, true, elements, empty_union)),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall, which: &'static Aggregate) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text_named(if &*ctx.name == "array_agg" { "collect_list" } else { &ctx.name }, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("collect of one")) };
    let union = which.name == COLLECT_UNION.name;
    let element = match &arg.data_type {
        DataType::Array(e, _) if union => (**e).clone(),
        _ if union => return Err(unexpected(ctx, &sql, 0, "\"ARRAY\"", &arg)),
        other => other.clone(),
    };
    if which.name != COLLECT_LIST.name && has_map(&arg.data_type) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
            .param("dataType", "\"MAP\" or \"COLLATED STRING\"")
            .at(ctx.origin.clone()));
    }
    let ty = DataType::array(element, false);
    let data = AggregateCallData::new(ctx, which, vec![arg.data_type.clone()], ty);
    Ok(typed(&call, data, &[arg], false, sql))
}

fn has_map(t: &DataType) -> bool {
    match t {
        DataType::Map(..) | DataType::String(Some(_)) => true,
        DataType::Array(e, _) => has_map(e),
        DataType::Struct(s) => s.fields.iter().any(|f| has_map(&f.data_type)),
        _ => false,
    }
}

fn empty(call: &AggregateCallData) -> DfResult<ScalarValue> {
    list(call, new_empty_array(&call.arrow_arg(0)))
}

fn first_as_list(call: &AggregateCallData, values: &[ArrayRef]) -> DfResult<ScalarValue> {
    match values.first() {
        Some(v) => list(call, Arc::clone(v)),
        None => empty(call),
    }
}

/// Rows of the column without those that stood before.
pub fn distinct_rows(values: &ArrayRef) -> DfResult<UInt32Array> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(values))?;
    let mut seen = HashSet::with_capacity(rows.num_rows());
    Ok((0..values.len() as u32).filter(|i| seen.insert(rows.row(*i as usize).data().to_vec())).collect())
}

fn different(call: &AggregateCallData, values: &[ArrayRef]) -> DfResult<ScalarValue> {
    match values.first() {
        Some(v) => {
            let v = normal(v)?;
            list(call, take(&v, &distinct_rows(&v)?, None)?)
        }
        None => empty(call),
    }
}

fn empty_union(call: &AggregateCallData) -> DfResult<ScalarValue> {
    match call.arrow_return_type() {
        Arrow::List(field) => list(call, new_empty_array(field.data_type())),
        _ => Err(call.error(SparkError::internal("a list is due"))),
    }
}

fn elements(call: &AggregateCallData, values: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(lists) = values.first().and_then(|v| v.as_list_opt::<i32>()) else { return empty_union(call) };
    let (Some(first), Some(last)) = (lists.value_offsets().first(), lists.value_offsets().last()) else {
        return empty_union(call);
    };
    let all = lists.values().slice(*first as usize, (last - first) as usize);
    different(call, &[filter(&all, &is_not_null(&all)?)?])
}
