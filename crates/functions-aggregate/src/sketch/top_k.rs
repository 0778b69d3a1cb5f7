//! `approx_top_k`: the most frequent values with their counts; `approx_top_k_accumulate` and
//! `approx_top_k_combine`: the sketch that it is read from, as a struct. [`super::top_k_state`] reads it.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Int32Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use super::frequent::Frequent;
use super::items;
use super::top_k_state::{Part, checked_state, merged, state_type, state_value};
use crate::build::{text, typed, unexpected};
use crate::gather::list;
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("approx_top_k", "agg_funcs", Body::Aggregate(build))
        .usage("approx_top_k(expr[, k[, maxItemsTracked]]) - The k most frequent values with their counts."),
    &FunctionSpec::new("approx_top_k_accumulate", "agg_funcs", Body::Aggregate(accumulate))
        .usage("approx_top_k_accumulate(expr[, maxItemsTracked]) - A sketch of the most frequent values."),
    &FunctionSpec::new("approx_top_k_combine", "agg_funcs", Body::Aggregate(combine))
        .usage("approx_top_k_combine(state[, maxItemsTracked]) - Sketches of the most frequent values as one."),
];

/// Parameters: what is made (`top`, `state`, `combine`), items tracked (-1: as in the states), and k
/// or the type of the items.
pub static TOP_K: Aggregate = Aggregate {
    name: "spark_approx_top_k",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Box::new(Counting { call: c.clone(), part: None, merged: false })),
    groups: None,
};

pub const TRACKED: i64 = 10_000;
const MOST: i64 = 1_000_000;

/// The constant of the argument at `index`, which is there and positive.
pub fn positive(
    ctx: &FnContext,
    sql: &SqlText,
    (index, arg): (usize, &TypedExpr),
    name: &str,
    meaning: &str,
) -> SparkResult<i64> {
    let fits = arg.data_type.is_numeric() || arg.data_type.is_string() || arg.data_type == DataType::Null;
    if !fits {
        return Err(unexpected(ctx, sql, index, "\"INT\"", arg));
    }
    if !arg.foldable {
        return Err(failed_check(ctx, sql, format!("{meaning} must be a constant literal")));
    }
    let number = ctx.coerce(vec![arg.clone()], 1, &[Want::INT])?;
    let value = number.first().map(|n| n.constant_i64(&ctx.name, name)).transpose()?.flatten();
    let name = vonk_common::error::quote_id([name]);
    match value {
        None => Err(SparkError::new("APPROX_TOP_K_NULL_ARG").param("argName", name).at(ctx.origin.clone())),
        Some(v) if v <= 0 => Err(SparkError::new("APPROX_TOP_K_NON_POSITIVE_ARG")
            .param("argName", name)
            .param("argValue", v)
            .at(ctx.origin.clone())),
        Some(v) => Ok(v),
    }
}

pub fn failed_check(ctx: &FnContext, sql: &SqlText, message: String) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
        .param("sqlExpr", quote_sql(sql))
        .param("msg", message)
        .param("hint", "")
        .at(ctx.origin.clone())
}

pub fn less_than_k(tracked: i64, k: i64) -> SparkError {
    SparkError::new("APPROX_TOP_K_MAX_ITEMS_TRACKED_LESS_THAN_K").param("maxItemsTracked", tracked).param("k", k)
}

fn items_tracked(ctx: &FnContext, sql: &SqlText, arg: (usize, &TypedExpr)) -> SparkResult<i64> {
    let tracked = positive(ctx, sql, arg, "maxItemsTracked", "Number of items tracked")?;
    if tracked > MOST {
        return Err(SparkError::new("APPROX_TOP_K_MAX_ITEMS_TRACKED_EXCEEDS_LIMIT")
            .param("maxItemsTracked", tracked)
            .param("limit", MOST)
            .at(ctx.origin.clone()));
    }
    Ok(tracked)
}

/// The arguments with the defaults of those left out.
pub fn with_defaults(args: &[TypedExpr], defaults: &[i64]) -> SparkResult<Vec<TypedExpr>> {
    let mut out = args.to_vec();
    for default in defaults.iter().skip(args.len().saturating_sub(1)) {
        out.push(TypedExpr::literal(&Literal::Int(*default as i32))?);
    }
    Ok(out)
}

/// `ARRAY<STRUCT<item, count>>`.
pub fn counts_type(item: &DataType) -> DataType {
    let fields = [StructField::new("item", item.clone(), true), StructField::new("count", DataType::Long, false)];
    DataType::array(DataType::structure(fields), false)
}

fn countable(ctx: &FnContext, sql: &SqlText, value: &TypedExpr) -> SparkResult<()> {
    match items::unsupported(&value.data_type) {
        Some(name) => Err(failed_check(ctx, sql, format!("{name} columns are not supported"))),
        None => Ok(()),
    }
}

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=3)?;
    let shown = with_defaults(&call.args, &[5, TRACKED])?;
    let sql = text(ctx, &call, &shown);
    let [value, k, tracked] = shown.as_slice() else { return Err(SparkError::internal("a value is due")) };
    countable(ctx, &sql, value)?;
    let k = positive(ctx, &sql, (1, k), "k", "K")?;
    let tracked = items_tracked(ctx, &sql, (2, tracked))?;
    if tracked < k {
        return Err(less_than_k(tracked, k).at(ctx.origin.clone()));
    }
    let data = AggregateCallData::new(ctx, &TOP_K, vec![value.data_type.clone()], counts_type(&value.data_type))
        .with_params(vec!["top".into(), tracked.to_string(), k.to_string()]);
    Ok(typed(&call, data, std::slice::from_ref(value), false, sql))
}

fn accumulate(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let shown = with_defaults(&call.args, &[TRACKED])?;
    let sql = text(ctx, &call, &shown);
    let [value, tracked] = shown.as_slice() else { return Err(SparkError::internal("a value is due")) };
    countable(ctx, &sql, value)?;
    let tracked = items_tracked(ctx, &sql, (1, tracked))?;
    let data = AggregateCallData::new(ctx, &TOP_K, vec![value.data_type.clone()], state_type(&value.data_type))
        .with_params(vec!["state".into(), tracked.to_string(), items::ddl(&value.data_type)]);
    Ok(typed(&call, data, std::slice::from_ref(value), false, sql))
}

fn combine(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let shown = with_defaults(&call.args, &[-1])?;
    let sql = text(ctx, &call, &shown);
    let [state, tracked] = shown.as_slice() else { return Err(SparkError::internal("a state is due")) };
    let item = checked_state(ctx, &sql, state)?;
    let tracked = if call.args.len() < 2 { -1 } else { items_tracked(ctx, &sql, (1, tracked))? };
    let data = AggregateCallData::new(ctx, &TOP_K, vec![state.data_type.clone()], state_type(&item)).with_params(vec![
        "combine".into(),
        tracked.to_string(),
        items::ddl(&item),
    ]);
    Ok(typed(&call, data, std::slice::from_ref(state), false, sql))
}

struct Counting {
    call: AggregateCallData,
    /// Nothing until something has been counted.
    part: Option<Part>,
    merged: bool,
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.call)
    }
}

impl Counting {
    fn fresh(&self) -> Part {
        let tracked = self.call.param(1).parse().unwrap_or(TRACKED);
        let ddl = if self.call.param(0) == "top" { "" } else { self.call.param(2) };
        let room = if tracked < 0 { MOST } else { tracked };
        Part { sketch: Frequent::new(room), tracked: if tracked < 0 { TRACKED } else { tracked }, ddl: ddl.into() }
    }

    fn count(&mut self, values: &ArrayRef) -> DfResult<()> {
        let plain = cast(values, &self.call.arrow_arg(0))?;
        let mut part = self.part.take().unwrap_or_else(|| self.fresh());
        let nulls = items::each(&plain, |item, hash| part.sketch.add(item, hash, 1));
        let nulls = nulls.ok_or_else(|| self.call.error(SparkError::internal("items of that type")))?;
        part.sketch.nulls += nulls;
        self.part = Some(part);
        Ok(())
    }

    fn combine(&mut self, states: &StructArray) -> DfResult<()> {
        let call = self.call.clone();
        let unreadable = || call.error(SparkError::internal("a state of approx_top_k"));
        let [sketches, tracked, _, ddls] = states.columns() else { return Err(unreadable()) };
        let sketches: BinaryArray = column(std::slice::from_ref(sketches), 0)?;
        let tracked = tracked.as_primitive_opt::<Int32Type>().ok_or_else(unreadable)?;
        let ddls = ddls.as_string_opt::<i32>().ok_or_else(unreadable)?;
        for i in (0..states.len()).filter(|i| states.is_valid(*i)) {
            let sketch = Frequent::from_bytes(sketches.value(i)).ok_or_else(unreadable)?;
            let part = Part { sketch, tracked: i64::from(tracked.value(i)), ddl: ddls.value(i).into() };
            self.take(part)?;
        }
        Ok(())
    }

    fn take(&mut self, other: Part) -> DfResult<()> {
        let given: i64 = self.call.param(1).parse().unwrap_or(TRACKED);
        let own = match self.part.take() {
            Some(own) => own,
            None => Part { sketch: self.fresh().sketch, tracked: other.tracked, ddl: other.ddl.clone() },
        };
        self.part = Some(merged(own, other, given < 0).map_err(|e| self.call.error(e))?);
        Ok(())
    }
}

impl Accumulator for Counting {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first() else { return Ok(()) };
        match (self.call.param(0), values.as_struct_opt()) {
            ("combine", Some(states)) => self.combine(states),
            ("combine", None) => Err(self.call.error(SparkError::internal("a state of approx_top_k"))),
            _ => self.count(values),
        }
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        // Spark reads every sketch back into another: that has a say in the order of equal counts.
        if !self.merged
            && let Some(part) = self.part.take()
        {
            self.take(part)?;
        }
        let given: i64 = self.call.param(1).parse().unwrap_or(TRACKED);
        let mut part = self.part.take().unwrap_or_else(|| self.fresh());
        if given > 0 {
            part.tracked = given;
        }
        let value = match self.call.param(0) {
            "top" => counts(&self.call, &part.sketch),
            _ => state_value(&self.call, &part),
        };
        self.part = Some(part);
        self.merged = true;
        value
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.part.as_ref().map_or(0, |p| p.sketch.size())
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(self.part.as_ref().map(Part::to_bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let all: BinaryArray = column(states, 0)?;
        for bytes in all.iter().flatten() {
            let part = Part::from_bytes(bytes);
            let part = part.ok_or_else(|| self.call.error(SparkError::internal("a state of approx_top_k")))?;
            self.take(part)?;
            self.merged = true;
        }
        Ok(())
    }
}

fn counts(call: &AggregateCallData, sketch: &Frequent) -> DfResult<ScalarValue> {
    let k = call.param(2).parse().unwrap_or(5);
    let Arrow::List(item) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a list is due")));
    };
    let rows = rows_of(&sketch.top(k), item.data_type());
    list(call, Arc::new(rows.map_err(|e| call.error(e))?))
}

/// Items with their counts as structs.
pub fn rows_of(top: &[(Option<&[u8]>, i64)], ty: &Arrow) -> SparkResult<StructArray> {
    let (Arrow::Struct(fields), found) = (ty, top.iter().map(|t| t.0).collect::<Vec<_>>()) else {
        return Err(SparkError::internal("items are due"));
    };
    let items = fields.first().and_then(|f| items::column(&found, f.data_type()));
    let items = items.ok_or_else(|| SparkError::internal("the items of a sketch of approx_top_k"))?;
    let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(top.iter().map(|t| t.1)));
    StructArray::try_new(fields.clone(), vec![items, counts], None).map_err(SparkError::internal)
}
