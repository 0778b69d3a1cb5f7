//! `max_by` and `min_by`: the value that stands beside the greatest or least key, or beside the n
//! greatest or least keys. Of equal keys the last counts.

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{as_int, keyed, text, typed, unexpected};
use crate::gather::{Gather, list, null, state_types};
use crate::min_max::check_orderable;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("max_by", "agg_funcs", Body::Aggregate(|c, a| build(c, a, "max")))
        .usage("max_by(x, y[, n]) - The value of x beside the greatest y."),
    &FunctionSpec::new("min_by", "agg_funcs", Body::Aggregate(|c, a| build(c, a, "min")))
        .usage("min_by(x, y[, n]) - The value of x beside the least y."),
];

pub static EXTREME_BY: Aggregate = Aggregate {
    name: "spark_extreme_by",
    state: |c| vec![c.arrow_arg(0), c.arrow_arg(1), Arrow::Boolean],
    accumulator: |c| Ok(Box::new(Beside::new(c)?)),
    groups: None,
};
/// Parameters: max or min, n.
pub static EXTREMES_BY: Aggregate = Aggregate {
    name: "spark_extremes_by",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, false, several, null)),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall, which: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=3)?;
    let sql = text(ctx, &call, &call.args);
    let [value, key, ..] = call.args.as_slice() else { return Err(SparkError::internal("max_by of two")) };
    check_orderable(ctx, &sql, &key.data_type)?;
    let types = vec![value.data_type.clone(), key.data_type.clone()];
    let args = [value.clone(), keyed(key.clone())];
    let Some(count) = call.args.get(2) else {
        let data = AggregateCallData::new(ctx, &EXTREME_BY, types, value.data_type.clone());
        return Ok(typed(&call, data.with_params(vec![which.into()]), &args, true, sql));
    };
    let Some(count) = as_int(ctx, count)? else {
        return Err(unexpected(ctx, &sql, 2, "\"INT\"", count));
    };
    let Some(n) = count.constant()?.and_then(|v| v.to_string().parse::<i64>().ok()) else {
        return Err(ctx.non_foldable(&sql, "k", "\"INT\"", &count));
    };
    if n <= 0 || n > 100_000 {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("exprName", "k")
            .param("valueRange", "[1, 100000]")
            .param("currentValue", n)
            .at(ctx.origin.clone()));
    }
    let ty = DataType::array(value.data_type.clone(), true);
    let data = AggregateCallData::new(ctx, &EXTREMES_BY, types, ty).with_params(vec![which.into(), n.to_string()]);
    Ok(typed(&call, data, &args, true, sql))
}

fn greatest(call: &AggregateCallData) -> bool {
    call.param(0) == "max"
}

struct Beside {
    call: AggregateCallData,
    converter: RowConverter,
    key: Option<OwnedRow>,
    value: ScalarValue,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.call.fmt(f)
    }
}

impl Beside {
    fn new(call: &AggregateCallData) -> DfResult<Self> {
        let converter = RowConverter::new(vec![SortField::new(call.arrow_arg(1))])?;
        Ok(Beside { call: call.clone(), converter, key: None, value: ScalarValue::try_from(&call.arrow_arg(0))? })
    }
}

impl Accumulator for Beside {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let [value, key, ..] = values else { return Ok(()) };
        let rows = self.converter.convert_columns(std::slice::from_ref(key))?;
        let nulls = key.logical_nulls();
        let mut best: Option<usize> = None;
        let max = greatest(&self.call);
        let first = self.call.param(1) == "first";
        for i in 0..key.len() {
            if nulls.as_ref().is_some_and(|n| n.is_null(i)) {
                continue;
            }
            let row = rows.row(i);
            let old = match (best, &self.key) {
                (Some(b), _) => Some(rows.row(b)),
                (None, Some(k)) => Some(k.row()),
                (None, None) => None,
            };
            let wins = match old {
                None => true,
                Some(old) if first && row == old => false,
                Some(old) if max => row >= old,
                Some(old) => row <= old,
            };
            if wins {
                best = Some(i);
            }
        }
        if let Some(b) = best {
            self.key = Some(rows.row(b).owned());
            self.value = ScalarValue::try_from_array(value, b)?;
            self.value.compact();
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let key = match &self.key {
            Some(k) => {
                let columns = self.converter.convert_rows([k.row()])?;
                match columns.first() {
                    Some(c) => ScalarValue::try_from_array(c, 0)?,
                    None => return Err(self.call.error(SparkError::internal("key of max_by"))),
                }
            }
            None => ScalarValue::try_from(&self.call.arrow_arg(1))?,
        };
        Ok(vec![self.value.clone(), key, ScalarValue::Boolean(Some(self.key.is_some()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states.get(..2).unwrap_or_default())
    }
}

fn several(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let [values, keys, ..] = columns else { return null(call) };
    let n: usize = call.param(1).parse().unwrap_or(1);
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(keys))?;
    let nulls = keys.logical_nulls();
    let mut order: Vec<u32> =
        (0..keys.len() as u32).filter(|i| nulls.as_ref().is_none_or(|n| n.is_valid(*i as usize))).collect();
    let max = greatest(call);
    order.sort_by(|a, b| {
        let by = rows.row(*a as usize).cmp(&rows.row(*b as usize));
        if max { by.reverse() } else { by }
    });
    order.truncate(n);
    if order.is_empty() {
        return list(call, new_empty_array(values.data_type()));
    }
    list(call, take(values, &UInt32Array::from(order), None)?)
}
