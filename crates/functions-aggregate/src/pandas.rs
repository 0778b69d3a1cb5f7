//! Aggregates that only the client's own code calls, for pandas on Spark: `pandas_product`, `pandas_mode`,
//! and over ordered windows `ewm` (exponentially weighted mean) and `null_index` (NULLs in a row so far).
//!
//! The other internal functions are said by those that SQL has (`analyzer/src/expr/internal.rs`).

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Float64Type, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use hashbrown::HashMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, INTERNAL, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::build::{coerced, text, typed};
use crate::gather::{Gather, list, state_types};
use crate::sum::ANSI_KEY;
use crate::udaf::{Aggregate, AggregateCallData};

macro_rules! specs {
    ($($spec:ident $name:literal $build:ident $usage:literal;)*) => {
        $(static $spec: FunctionSpec = FunctionSpec::new($name, INTERNAL, Body::Aggregate($build)).usage($usage);)*
        pub const SPECS: &[&FunctionSpec] = &[$(&$spec),*];
    };
}

specs! {
    PRODUCT_SPEC "pandas_product" product "pandas_product(expr, ignore) - The product; NULL where one is NULL.";
    MODE_SPEC "pandas_mode" mode "pandas_mode(expr, ignore) - All of the most frequent values.";
    EWM_SPEC "ewm" ewm "ewm(expr, alpha, ignore) - The exponentially weighted mean of the rows so far.";
    NULL_INDEX_SPEC "null_index" null_index "null_index(expr) - How many NULLs in a row end here.";
}

pub static PRODUCT: Aggregate = Aggregate {
    name: "pandas_product",
    state: |c| vec![c.arrow_return_type(), Arrow::Boolean],
    accumulator: |c| Ok(Box::new(Product::new(c))),
    groups: None,
};

/// Parameter: whether NULLs are left out.
pub static MODE: Aggregate = Aggregate {
    name: "pandas_mode",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, c.param(0) == "true", most_frequent, none)),
    groups: None,
};

/// Parameters: alpha, and whether NULLs weigh nothing.
pub static EWM: Aggregate = Aggregate {
    name: "pandas_ewm",
    state: |_| vec![Arrow::Float64; 3],
    accumulator: |c| Ok(Box::new(Ewm::new(c))),
    groups: None,
};

pub static NULL_INDEX: Aggregate = Aggregate {
    name: "pandas_null_index",
    state: |_| vec![Arrow::Int32],
    accumulator: |_| Ok(Box::new(NullIndex(0))),
    groups: None,
};

/// The text of a constant argument.
fn constant(arg: Option<&TypedExpr>) -> SparkResult<String> {
    let value = arg.map(TypedExpr::constant).transpose()?.flatten();
    Ok(value.map(|v| v.to_string()).unwrap_or_default())
}

fn product(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=2)?;
    let sql = text(ctx, &call, &call.args);
    let integral = call.args.first().is_some_and(|a| a.data_type.is_integral());
    let ty = if integral { DataType::Long } else { DataType::Double };
    let ignore = constant(call.args.get(1))?;
    let args = coerced(ctx, &call, 1, &[Want::Type(ty.clone()), Want::Type(DataType::Boolean)])?;
    let args = args.into_iter().take(1).collect::<Vec<_>>();
    let data = AggregateCallData::new(ctx, &PRODUCT, vec![ty.clone()], ty).with_params(vec![ignore]);
    Ok(typed(&call, data, &args, true, sql))
}

fn mode(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=2)?;
    let sql = text(ctx, &call, &call.args);
    let ignore = constant(call.args.get(1))?;
    let args: Vec<TypedExpr> = call.args.iter().take(1).cloned().collect();
    let ty = args.first().map_or(DataType::Null, |a| a.data_type.clone());
    let data = AggregateCallData::new(ctx, &MODE, vec![ty.clone()], DataType::array(ty, true));
    Ok(typed(&call, data.with_params(vec![ignore]), &args, false, sql))
}

fn ewm(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 3..=3)?;
    let sql = text(ctx, &call, &call.args);
    let params = vec![constant(call.args.get(1))?, constant(call.args.get(2))?];
    let wants = [Want::DOUBLE, Want::DOUBLE, Want::Type(DataType::Boolean)];
    let args: Vec<_> = coerced(ctx, &call, 1, &wants)?.into_iter().take(1).collect();
    let data = AggregateCallData::new(ctx, &EWM, vec![DataType::Double], DataType::Double).with_params(params);
    Ok(typed(&call, data, &args, true, sql))
}

fn null_index(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let types = call.args.iter().map(|a| a.data_type.clone()).collect();
    let data = AggregateCallData::new(ctx, &NULL_INDEX, types, DataType::Int);
    Ok(typed(&call, data, &call.args, false, sql))
}

fn only(values: &[ArrayRef]) -> DfResult<&ArrayRef> {
    values.first().ok_or_else(|| DataFusionError::Internal("an aggregate of nothing".into()))
}

/// These are for ordered windows, where nothing is merged.
fn unmerged() -> DataFusionError {
    DataFusionError::Internal("parts of an ordered window are not merged".into())
}

#[derive(Debug)]
struct Product {
    call: AggregateCallData,
    long: i64,
    double: f64,
    has_null: bool,
}

impl Product {
    fn new(call: &AggregateCallData) -> Self {
        Product { call: call.clone(), long: 1, double: 1.0, has_null: false }
    }

    fn is_long(&self) -> bool {
        self.call.return_type == DataType::Long
    }

    fn value(&self) -> ScalarValue {
        match self.is_long() {
            true => ScalarValue::Int64(Some(self.long)),
            false => ScalarValue::Float64(Some(self.double)),
        }
    }
}

impl Accumulator for Product {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = only(values)?;
        self.has_null |= values.null_count() > 0;
        if !self.is_long() {
            let values = cast(values, &Arrow::Float64)?;
            self.double = values.as_primitive::<Float64Type>().iter().flatten().fold(self.double, |a, b| a * b);
            return Ok(());
        }
        for v in cast(values, &Arrow::Int64)?.as_primitive::<Int64Type>().iter().flatten() {
            self.long = match (self.long.checked_mul(v), self.call.ansi) {
                (Some(product), _) => product,
                (None, false) => self.long.wrapping_mul(v),
                (None, true) => {
                    let error = SparkError::new("ARITHMETIC_OVERFLOW").param("message", "long overflow");
                    return Err(self.call.error(error.param("alternative", "").param("config", ANSI_KEY)));
                }
            };
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let nulls = states.get(1).and_then(|s| s.as_boolean_opt());
        self.has_null |= nulls.is_some_and(|n| n.iter().any(|v| v == Some(true)));
        self.update_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.value(), ScalarValue::Boolean(Some(self.has_null))])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        match self.has_null && self.call.param(0) != "true" {
            true => ScalarValue::try_from(&self.call.arrow_return_type()),
            false => Ok(self.value()),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

fn none(call: &AggregateCallData) -> DfResult<ScalarValue> {
    list(call, datafusion::arrow::array::new_empty_array(&call.arrow_arg(0)))
}

fn most_frequent(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let values = only(columns)?;
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(values))?;
    let mut counts: HashMap<&[u8], (usize, u32)> = HashMap::new();
    for i in 0..values.len() {
        counts.entry(rows.row(i).data()).or_insert((0, i as u32)).0 += 1;
    }
    let most = counts.values().map(|c| c.0).max().unwrap_or(0);
    let mut best: Vec<u32> = counts.values().filter(|c| c.0 == most).map(|c| c.1).collect();
    best.sort_unstable_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
    let picked = datafusion::arrow::array::UInt32Array::from(best);
    list(call, datafusion::arrow::compute::take(values, &picked, None)?)
}

#[derive(Debug)]
struct Ewm {
    beta: f64,
    ignore: bool,
    sum: f64,
    weight: f64,
    mean: Option<f64>,
}

impl Ewm {
    fn new(call: &AggregateCallData) -> Self {
        let alpha: f64 = call.param(0).parse().unwrap_or(1.0);
        Ewm { beta: 1.0 - alpha, ignore: call.param(1) == "true", sum: 0.0, weight: 0.0, mean: None }
    }
}

impl Accumulator for Ewm {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for v in cast(only(values)?, &Arrow::Float64)?.as_primitive::<Float64Type>() {
            if v.is_some() || !self.ignore {
                self.sum *= self.beta;
                self.weight *= self.beta;
            }
            if let Some(v) = v {
                self.sum += v;
                self.weight += 1.0;
                self.mean = Some(self.sum / self.weight);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> DfResult<()> {
        Err(unmerged())
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![Some(self.sum), Some(self.weight), self.mean].into_iter().map(ScalarValue::Float64).collect())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.mean))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug)]
struct NullIndex(i32);

impl Accumulator for NullIndex {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = only(values)?;
        let nulls = values.logical_nulls();
        for i in 0..values.len() {
            let is_null = nulls.as_ref().is_some_and(|n| n.is_null(i));
            self.0 = if is_null { self.0.saturating_add(1) } else { 0 };
        }
        Ok(())
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> DfResult<()> {
        Err(unmerged())
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int32(Some(self.0))])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Int32(Some(self.0)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
