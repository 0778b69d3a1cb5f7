//! `approx_top_k`: the most frequent values with their counts. Counts are exact here.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StructArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result as DfResult, ScalarValue};
use hashbrown::HashMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use super::constant_number;
use crate::build::{text, typed};
use crate::gather::{Gather, list, state_types};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("approx_top_k", "agg_funcs", Body::Aggregate(build))
    .usage("approx_top_k(expr[, k[, maxItemsTracked]]) - The k most frequent values with their counts.")];

/// Parameter: k.
pub static TOP_K: Aggregate = Aggregate {
    name: "spark_approx_top_k",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, false, finish, |c| answer(c, vec![], None))),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=3)?;
    let mut shown = call.args.clone();
    for default in [5, 10_000].iter().skip(shown.len() - 1) {
        shown.push(TypedExpr::literal(&Literal::Int(*default))?);
    }
    let sql = text(ctx, &call, &shown);
    let (k, tracked) = (constant_number(shown.get(1), 5)?, constant_number(shown.get(2), 10_000)?);
    if k <= 0 {
        return Err(SparkError::new("APPROX_TOP_K_NON_POSITIVE_ARG")
            .param("argName", "`k`")
            .param("argValue", k)
            .at(ctx.origin.clone()));
    }
    if tracked < k {
        return Err(SparkError::new("APPROX_TOP_K_MAX_ITEMS_TRACKED_LESS_THAN_K")
            .param("maxItemsTracked", tracked)
            .param("k", k)
            .at(ctx.origin.clone()));
    }
    let Some(value) = call.args.first().cloned() else { return Err(SparkError::internal("a value is due")) };
    let item = DataType::structure([
        StructField::new("item", value.data_type.clone(), true),
        StructField::new("count", DataType::Long, false),
    ]);
    let data = AggregateCallData::new(ctx, &TOP_K, vec![value.data_type.clone()], DataType::array(item, false))
        .with_params(vec![k.to_string()]);
    Ok(typed(&call, data, &[value], false, sql))
}

fn finish(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(values) = columns.first() else { return answer(call, vec![], None) };
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(values))?;
    let mut counts: HashMap<&[u8], (u32, i64)> = HashMap::new();
    for i in 0..values.len() {
        counts.entry(rows.row(i).data()).or_insert((i as u32, 0)).1 += 1;
    }
    let mut best: Vec<(u32, i64)> = counts.into_values().collect();
    best.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    best.truncate(call.param(0).parse().unwrap_or(5));
    answer(call, best, Some(values))
}

fn answer(call: &AggregateCallData, best: Vec<(u32, i64)>, values: Option<&ArrayRef>) -> DfResult<ScalarValue> {
    let Arrow::List(item) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a list is due")));
    };
    let Arrow::Struct(fields) = item.data_type() else {
        return Err(call.error(SparkError::internal("items are due")));
    };
    let items = match values {
        Some(v) => take(v, &UInt32Array::from_iter_values(best.iter().map(|b| b.0)), None)?,
        None => datafusion::arrow::array::new_empty_array(&call.arrow_arg(0)),
    };
    let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(best.iter().map(|b| b.1)));
    list(call, Arc::new(StructArray::try_new(fields.clone(), vec![items, counts], None)?))
}
