//! `mode`: the most frequent value. Without an order, which of several is as in Spark's hash map
//! for the types whose hash is known here; else the first met.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result as DfResult, ScalarValue};
use hashbrown::HashMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::key_array;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_functions_math::hash::murmur3;
use vonk_plan::types::DataType;

use crate::build::{text, typed, with_filter};
use crate::gather::{Gather, null, state_types};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("mode", "agg_funcs", Body::Aggregate(build))
    .usage("mode(col[, deterministic]) - The most frequent value.")];

/// Parameter: `asc` or `desc` for which of several values, empty for any.
pub static MODE: Aggregate = Aggregate {
    name: "spark_mode",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, true, finish, null)),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    let ordered = |value: &TypedExpr, ascending: bool| {
        // Spark shows the order the other way round.
        let order = if ascending { " DESC)" } else { ")" };
        let sql = SqlText::wrap("mode() WITHIN GROUP (ORDER BY ", value.sql.clone(), order);
        (value.clone(), if ascending { "asc" } else { "desc" }, with_filter(&call, sql))
    };
    let (value, order, sql) = match (call.within_group.as_slice(), call.args.as_slice()) {
        ([(key, sort)], []) => ordered(key, sort.asc),
        ([], [value]) => (value.clone(), "", text(ctx, &call, &call.args)),
        ([], [_, flag]) if !flag.foldable => {
            return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
                .param("funcName", "`mode`")
                .param("paramName", "`deterministic`")
                .param("paramType", "\"BOOLEAN\"")
                .at(ctx.origin.clone()));
        }
        ([], [value, flag]) => {
            if flag.data_type != DataType::Boolean {
                return Err(SparkError::new("UNEXPECTED_INPUT_TYPE")
                    .param("functionName", "`mode`")
                    .param("paramIndex", "second")
                    .param("inputSql", flag.quoted_sql())
                    .param("inputType", vonk_common::error::quote_sql(flag.data_type.sql()))
                    .param("requiredType", "\"BOOLEAN\"")
                    .at(ctx.origin.clone()));
            }
            match flag.constant()? {
                Some(ScalarValue::Boolean(Some(true))) => ordered(value, true),
                _ => (value.clone(), "", text(ctx, &call, std::slice::from_ref(value))),
            }
        }
        _ => {
            ctx.arity(&call.args, 0..=2)?;
            return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING")
                .param("funcName", "`mode`")
                .at(ctx.origin.clone()));
        }
    };
    let ty = value.data_type.clone();
    let data = AggregateCallData::new(ctx, &MODE, vec![ty.clone()], ty).with_params(vec![order.into()]);
    Ok(typed(&call, data, &[value], true, sql))
}

fn finish(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(values) = columns.first() else { return null(call) };
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let keys = match call.arg_types.first() {
        Some(t) => key_array(values, t)?,
        None => values.clone(),
    };
    let rows = converter.convert_columns(&[keys])?;
    // Count and first row of each value.
    let mut counts: HashMap<&[u8], (usize, usize)> = HashMap::new();
    for i in 0..values.len() {
        counts.entry(rows.row(i).data()).or_insert((0, i)).0 += 1;
    }
    let most = counts.values().map(|c| c.0).max().unwrap_or(0);
    let mut best: Vec<usize> = counts.values().filter(|c| c.0 == most).map(|c| c.1).collect();
    best.sort_unstable();
    let chosen = match call.param(0) {
        "asc" => best.into_iter().min_by(|a, b| rows.row(*a).cmp(&rows.row(*b))),
        "desc" => best.into_iter().max_by(|a, b| rows.row(*a).cmp(&rows.row(*b))),
        _ => {
            let capacity = (counts.len() as f64 / 0.7).ceil().max(64.0) as u32;
            let mask = capacity.next_power_of_two() - 1;
            best.into_iter().min_by_key(|i| slot(values, *i).map_or(u32::MAX, |h| h & mask))
        }
    };
    match chosen {
        Some(i) => ScalarValue::try_from_array(values, i),
        None => null(call),
    }
}

/// The hash that Spark's map places the value by.
fn slot(values: &ArrayRef, i: usize) -> Option<u32> {
    let code = match values.data_type() {
        Arrow::Int8 => i32::from(values.as_primitive::<Int8Type>().value(i)),
        Arrow::Int16 => i32::from(values.as_primitive::<Int16Type>().value(i)),
        Arrow::Int32 => values.as_primitive::<Int32Type>().value(i),
        Arrow::Date32 => values.as_primitive::<Date32Type>().value(i),
        Arrow::Int64 => {
            let v = values.as_primitive::<Int64Type>().value(i);
            (v ^ ((v as u64) >> 32) as i64) as i32
        }
        Arrow::Boolean => {
            if values.as_boolean().value(i) {
                1231
            } else {
                1237
            }
        }
        Arrow::Utf8 => murmur3::bytes(values.as_string::<i32>().value(i).as_bytes(), 42),
        _ => return None,
    };
    Some(murmur3::int(code, 0) as u32)
}
