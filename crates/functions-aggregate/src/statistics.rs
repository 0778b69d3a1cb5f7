//! Statistics of one or two columns of numbers: moments, covariance, correlation, regression.
//!
//! Each keeps a few doubles per group ([`State`]), updated and merged by the formulas that Spark
//! uses, in the same order of operations, so that the last digits agree.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use vonk_common::SparkResult;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::build::{coerced, text, typed};
use crate::groups::{column, passed};
use crate::udaf::{Aggregate, AggregateCallData};

mod formulas;
use formulas::{Correlation, Covariance, Moments, Regression};

macro_rules! statistics {
    ($($spec:ident $name:literal [$($alias:literal),*] $inputs:literal $aggregate:ident, $usage:literal;)*) => {
        $(static $spec: FunctionSpec = FunctionSpec::new(
            $name,
            "agg_funcs",
            Body::Aggregate(|c, a| build(c, a, &$aggregate, $inputs, $name)),
        )
        .aliases(&[$($alias),*])
        .usage($usage);)*
        pub const SPECS: &[&FunctionSpec] = &[$(&$spec),*];
    };
}

statistics! {
    STDDEV_SAMP "stddev_samp" ["stddev", "std"] 1 MOMENTS, "stddev_samp(expr) - The sample standard deviation.";
    STDDEV_POP "stddev_pop" [] 1 MOMENTS, "stddev_pop(expr) - The population standard deviation.";
    VAR_SAMP "var_samp" ["variance"] 1 MOMENTS, "var_samp(expr) - The sample variance.";
    VAR_POP "var_pop" [] 1 MOMENTS, "var_pop(expr) - The population variance.";
    SKEWNESS "skewness" [] 1 MOMENTS, "skewness(expr) - The skewness.";
    KURTOSIS "kurtosis" [] 1 MOMENTS, "kurtosis(expr) - The excess kurtosis.";
    COVAR_POP "covar_pop" [] 2 COVARIANCE, "covar_pop(expr1, expr2) - The population covariance.";
    COVAR_SAMP "covar_samp" [] 2 COVARIANCE, "covar_samp(expr1, expr2) - The sample covariance.";
    REGR_SXY "regr_sxy" [] 2 COVARIANCE, "regr_sxy(y, x) - The sum of products of deviations.";
    CORR "corr" [] 2 CORRELATION, "corr(expr1, expr2) - Pearson's correlation.";
    REGR_R2 "regr_r2" [] 2 CORRELATION, "regr_r2(y, x) - The coefficient of determination.";
    REGR_SXX "regr_sxx" [] 2 CORRELATION, "regr_sxx(y, x) - The sum of squared deviations of x.";
    REGR_SYY "regr_syy" [] 2 CORRELATION, "regr_syy(y, x) - The sum of squared deviations of y.";
    REGR_SLOPE "regr_slope" [] 2 REGRESSION, "regr_slope(y, x) - The slope of the regression line.";
    REGR_INTERCEPT "regr_intercept" [] 2 REGRESSION, "regr_intercept(y, x) - Where the regression line meets x = 0.";
}

macro_rules! aggregates {
    ($($id:ident $name:literal $state:ident;)*) => {
        $(static $id: Aggregate = Aggregate {
            name: $name,
            state: |_| vec![Arrow::Float64; $state::LEN],
            accumulator: |c| Ok(Box::new(One::<$state>::new(c))),
            groups: Some(|c| Ok(Box::new(Many::<$state>::new(c)))),
        };)*
        pub const AGGREGATES: &[&Aggregate] = &[$(&$id),*];
    };
}

aggregates! {
    MOMENTS "spark_moments" Moments;
    COVARIANCE "spark_covariance" Covariance;
    CORRELATION "spark_correlation" Correlation;
    REGRESSION "spark_regression" Regression;
}

fn build(
    ctx: &FnContext,
    call: AggregateCall,
    aggregate: &'static Aggregate,
    inputs: usize,
    what: &str,
) -> SparkResult<TypedExpr> {
    let sql = text(ctx, &call, &call.args);
    let args = coerced(ctx, &call, inputs, &vec![Want::DOUBLE; inputs])?;
    let data = AggregateCallData::new(ctx, aggregate, vec![DataType::Double; inputs], DataType::Double)
        .with_params(vec![what.into()]);
    Ok(typed(&call, data, &args, true, sql))
}

/// The doubles of one group.
pub trait State: Copy + Default + Send + Sync + 'static {
    const LEN: usize;
    fn update(&mut self, x: f64, y: f64);
    fn merge(&mut self, other: &Self);
    /// Takes another part in. What has seen no row yet becomes that part, to the last digit: Spark merges no part
    /// that is the only one.
    fn join(&mut self, other: &Self) {
        match self.get(0) == 0.0 {
            true => *self = *other,
            false => self.merge(other),
        }
    }
    /// The statistic of that name; `None` is NULL.
    fn finish(&self, what: &str) -> Option<f64>;
    fn get(&self, i: usize) -> f64;
    fn set(&mut self, i: usize, v: f64);
}

fn clean(v: Option<f64>) -> Option<f64> {
    v.map(|v| if v.is_nan() { f64::NAN } else { v })
}

/// Columns of the arguments; the second is the first again where there is one only.
fn inputs(values: &[ArrayRef]) -> DfResult<(Float64Array, Float64Array, Option<NullBuffer>)> {
    let x: Float64Array = column(values, 0)?;
    let y: Float64Array = if values.len() > 1 { column(values, 1)? } else { x.clone() };
    let nulls = NullBuffer::union(x.nulls(), y.nulls());
    Ok((x, y, nulls))
}

fn states<S: State>(columns: &[ArrayRef]) -> DfResult<Vec<S>> {
    let mut out = vec![S::default(); columns.first().map_or(0, |c| c.len())];
    for i in 0..S::LEN {
        let c: Float64Array = column(columns, i)?;
        for (s, v) in out.iter_mut().zip(c.values()) {
            s.set(i, *v);
        }
    }
    Ok(out)
}

fn columns<S: State>(states: &[S]) -> Vec<ArrayRef> {
    (0..S::LEN).map(|i| Arc::new(Float64Array::from_iter_values(states.iter().map(|s| s.get(i)))) as ArrayRef).collect()
}

struct One<S: State> {
    call: AggregateCallData,
    state: S,
}

impl<S: State> One<S> {
    fn new(call: &AggregateCallData) -> Self {
        One { call: call.clone(), state: S::default() }
    }
}

impl<S: State> fmt::Debug for One<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl<S: State> Accumulator for One<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let (x, y, nulls) = inputs(values)?;
        for (i, (x, y)) in x.values().iter().zip(y.values()).enumerate() {
            if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
                self.state.update(*x, *y);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Float64(clean(self.state.finish(self.call.param(0)))))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok((0..S::LEN).map(|i| ScalarValue::Float64(Some(self.state.get(i)))).collect())
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> DfResult<()> {
        for part in states::<S>(parts)? {
            self.state.join(&part);
        }
        Ok(())
    }
}

struct Many<S: State> {
    call: AggregateCallData,
    states: Vec<S>,
}

impl<S: State> Many<S> {
    fn new(call: &AggregateCallData) -> Self {
        Many { call: call.clone(), states: vec![] }
    }
}

impl<S: State> GroupsAccumulator for Many<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> DfResult<()> {
        self.states.resize(total, S::default());
        let (x, y, nulls) = inputs(values)?;
        let nulls = NullBuffer::union(nulls.as_ref(), passed(filter).as_ref());
        for (i, ((g, x), y)) in groups.iter().zip(x.values()).zip(y.values()).enumerate() {
            if nulls.as_ref().is_none_or(|n| n.is_valid(i))
                && let Some(state) = self.states.get_mut(*g)
            {
                state.update(*x, *y);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        let states = emit.take_needed(&mut self.states);
        let out: Float64Array = states.iter().map(|s| clean(s.finish(self.call.param(0)))).collect();
        Ok(Arc::new(out))
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        Ok(columns(&emit.take_needed(&mut self.states)))
    }

    fn merge_batch(&mut self, parts: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        self.states.resize(total, S::default());
        for (g, part) in groups.iter().zip(states::<S>(parts)?) {
            if let Some(state) = self.states.get_mut(*g) {
                state.join(&part);
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let (x, y, nulls) = inputs(values)?;
        let nulls = NullBuffer::union(nulls.as_ref(), passed(filter).as_ref());
        let rows: Vec<S> = (0..x.len())
            .map(|i| {
                let mut s = S::default();
                if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
                    s.update(x.value(i), y.value(i));
                }
                s
            })
            .collect();
        Ok(columns(&rows))
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<S>()
    }
}
