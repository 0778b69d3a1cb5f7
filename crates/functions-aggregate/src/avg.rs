//! `avg`, `mean` and `try_avg`: of decimals with four more digits, of intervals, else as DOUBLE.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, IntervalYearMonthType, i256,
};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{cast_to, text, typed, unexpected};
use crate::groups::{column, each, primitive, valid_rows};
use crate::sum::{NUMERIC_OR_INTERVAL, Summand, overflow_error};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("avg", "agg_funcs", Body::Aggregate(|c, a| build(c, a, false)))
        .aliases(&["mean"])
        .usage("avg(expr) - The mean over a group."),
    &FunctionSpec::new("try_avg", "agg_funcs", Body::Aggregate(|c, a| build(c, a, true)))
        .usage("try_avg(expr) - The mean over a group, NULL on overflow."),
];

pub static AVG: Aggregate =
    Aggregate { name: "spark_avg", state: |c| vec![sum_type(c), Arrow::Int64], accumulator, groups: Some(groups) };

pub fn build(ctx: &FnContext, call: AggregateCall, try_it: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("avg of one")) };
    let (input, ty) = match &arg.data_type {
        DataType::Decimal(p, s) => (arg.data_type.clone(), DataType::Decimal((*p + 4).min(38), (*s + 4).min(38))),
        DataType::String(_) | DataType::Timestamp | DataType::Null => (DataType::Double, DataType::Double),
        t if t.is_numeric() => (DataType::Double, DataType::Double),
        DataType::YearMonthInterval(..) => (arg.data_type.clone(), DataType::YEAR_MONTH),
        DataType::DayTimeInterval(..) => (arg.data_type.clone(), DataType::DAY_TIME),
        _ => return Err(unexpected(ctx, &sql, 0, NUMERIC_OR_INTERVAL, &arg)),
    };
    let arg = cast_to(ctx, arg, &input)?;
    let mode = if try_it { "try" } else { "" };
    let data = AggregateCallData::new(ctx, &AVG, vec![input], ty).with_params(vec![mode.into()]);
    Ok(typed(&call, data, &[arg], true, sql))
}

/// The type the sum is kept in.
fn sum_type(call: &AggregateCallData) -> Arrow {
    match call.arg_types.first() {
        Some(DataType::Decimal(p, s)) => Arrow::Decimal128((p + 10).min(38), *s),
        _ => call.arrow_arg(0),
    }
}

/// How the mean comes from sum and count; `None` on overflow.
pub trait Mean: Summand {
    fn mean(sum: Self::Native, count: i64, call: &AggregateCallData) -> Option<Self::Native>;
}

impl Mean for Float64Type {
    fn mean(sum: f64, count: i64, _: &AggregateCallData) -> Option<f64> {
        let mean = sum / count as f64;
        Some(if mean.is_nan() { f64::NAN } else { mean })
    }
}

fn rounded(sum: i128, by: i128) -> Option<i128> {
    let (q, r) = (sum.checked_div(by)?, sum.checked_rem(by)?);
    let up = r.unsigned_abs() >= by.unsigned_abs() - r.unsigned_abs();
    Some(if up { q + if sum < 0 { -1 } else { 1 } } else { q })
}

impl Mean for DurationMicrosecondType {
    fn mean(sum: i64, count: i64, _: &AggregateCallData) -> Option<i64> {
        i64::try_from(rounded(i128::from(sum), i128::from(count))?).ok()
    }
}

impl Mean for IntervalYearMonthType {
    fn mean(sum: i32, count: i64, _: &AggregateCallData) -> Option<i32> {
        i32::try_from(rounded(i128::from(sum), i128::from(count))?).ok()
    }
}

impl Mean for Decimal128Type {
    fn mean(sum: i128, count: i64, call: &AggregateCallData) -> Option<i128> {
        let (Some(DataType::Decimal(p, s)), DataType::Decimal(_, to)) = (call.arg_types.first(), &call.return_type)
        else {
            return None;
        };
        if !Decimal128Type::fits(sum, &DataType::Decimal((p + 10).min(38), *s)) {
            return None;
        }
        let unit = 10i128.checked_pow(u32::from((to - s).unsigned_abs()))?;
        let mean = match sum.checked_mul(unit) {
            Some(scaled) => rounded(scaled, i128::from(count))?,
            None => {
                let wide = i256::from_i128(sum).wrapping_mul(i256::from_i128(unit));
                let count = i256::from_i128(i128::from(count));
                let (q, r) = (wide.wrapping_div(count), wide.wrapping_rem(count));
                let up = r.wrapping_abs() >= count.wrapping_sub(r.wrapping_abs());
                let step = if !up {
                    0
                } else if sum < 0 {
                    -1
                } else {
                    1
                };
                q.to_i128()? + step
            }
        };
        Decimal128Type::fits(mean, &call.return_type).then_some(mean)
    }
}

macro_rules! by_type {
    ($call:expr, $make:ident) => {
        match $call.arrow_arg(0) {
            Arrow::Float64 => Ok(Box::new($make::<Float64Type>::new($call))),
            Arrow::Decimal128(..) => Ok(Box::new($make::<Decimal128Type>::new($call))),
            Arrow::Duration(_) => Ok(Box::new($make::<DurationMicrosecondType>::new($call))),
            Arrow::Interval(_) => Ok(Box::new($make::<IntervalYearMonthType>::new($call))),
            other => Err($call.error(SparkError::internal(format!("no mean of {other}")))),
        }
    };
}

fn accumulator(call: &AggregateCallData) -> DfResult<Box<dyn Accumulator>> {
    by_type!(call, OneMean)
}

fn groups(call: &AggregateCallData) -> DfResult<Box<dyn GroupsAccumulator>> {
    by_type!(call, Means)
}

/// NULL on overflow, or the error.
fn finish<T: Mean>(call: &AggregateCallData, sum: T::Native, count: i64) -> DfResult<Option<T::Native>> {
    if count == 0 {
        return Ok(None);
    }
    // A negative count marks a sum that has overflowed.
    let mean = if count < 0 { None } else { T::mean(sum, count, call) };
    match mean {
        None if call.param(0) != "try" && (call.ansi || !matches!(call.return_type, DataType::Decimal(..))) => {
            Err(overflow_error(call, "try_avg"))
        }
        v => Ok(v),
    }
}

const OVERFLOWN: i64 = i64::MIN / 2;

#[derive(Debug)]
struct OneMean<T: Mean> {
    call: AggregateCallData,
    sum: T::Native,
    count: i64,
}

impl<T: Mean> OneMean<T> {
    fn new(call: &AggregateCallData) -> Self {
        OneMean { call: call.clone(), sum: T::Native::default(), count: 0 }
    }

    fn add(&mut self, v: T::Native, n: i64) {
        let (sum, over) = T::add(self.sum, v);
        self.sum = sum;
        self.count = if over { OVERFLOWN } else { self.count.saturating_add(n) };
    }
}

impl<T: Mean> Accumulator for OneMean<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("mean of another type")));
        };
        values.iter().flatten().for_each(|v| self.add(v, 1));
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mean = finish::<T>(&self.call, self.sum, self.count)?;
        let array = primitive::<T>(vec![mean.unwrap_or_default()], [mean.is_some()], &self.call.arrow_return_type());
        ScalarValue::try_from_array(&array, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let sum = primitive::<T>(vec![self.sum], [self.count != 0], &sum_type(&self.call));
        Ok(vec![ScalarValue::try_from_array(&sum, 0)?, ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let Some(sums) = states.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("mean of another type")));
        };
        let counts: Int64Array = column(states, 1)?;
        for (sum, count) in sums.iter().zip(counts.iter()) {
            if let (Some(sum), Some(count)) = (sum, count) {
                self.add(sum, count);
            }
        }
        Ok(())
    }
}

struct Means<T: Mean> {
    call: AggregateCallData,
    sums: Vec<T::Native>,
    counts: Vec<i64>,
}

impl<T: Mean> Means<T> {
    fn new(call: &AggregateCallData) -> Self {
        Means { call: call.clone(), sums: vec![], counts: vec![] }
    }

    fn grow(&mut self, total: usize) {
        self.sums.resize(total, T::Native::default());
        self.counts.resize(total, 0);
    }

    fn add(&mut self, g: usize, v: T::Native, n: i64) {
        if let (Some(sum), Some(count)) = (self.sums.get_mut(g), self.counts.get_mut(g)) {
            let (added, over) = T::add(*sum, v);
            *sum = added;
            *count = if over { OVERFLOWN } else { count.saturating_add(n) };
        }
    }
}

impl<T: Mean> GroupsAccumulator for Means<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> DfResult<()> {
        self.grow(total);
        let Some(values) = values.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("mean of another type")));
        };
        each(values, groups, filter, |g, v| {
            self.add(g, v, 1);
            Ok(())
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        let (mut sums, counts) = (emit.take_needed(&mut self.sums), emit.take_needed(&mut self.counts));
        let mut valid = Vec::with_capacity(sums.len());
        for (sum, count) in sums.iter_mut().zip(counts) {
            let mean = finish::<T>(&self.call, *sum, count)?;
            *sum = mean.unwrap_or_default();
            valid.push(mean.is_some());
        }
        Ok(primitive::<T>(sums, valid, &self.call.arrow_return_type()))
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        let (sums, counts) = (emit.take_needed(&mut self.sums), emit.take_needed(&mut self.counts));
        let valid: Vec<bool> = counts.iter().map(|c| *c != 0).collect();
        Ok(vec![primitive::<T>(sums, valid, &sum_type(&self.call)), Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        self.grow(total);
        let Some(sums) = states.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("mean of another type")));
        };
        let counts: Int64Array = column(states, 1)?;
        for ((g, sum), count) in groups.iter().zip(sums.iter()).zip(counts.iter()) {
            if let (Some(sum), Some(count)) = (sum, count) {
                self.add(*g, sum, count);
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let Some(values) = values.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("mean of another type")));
        };
        let nulls = valid_rows(values, filter);
        let valid: Vec<bool> = (0..values.len()).map(|i| nulls.as_ref().is_none_or(|n| n.is_valid(i))).collect();
        let counts = Int64Array::from_iter_values(valid.iter().map(|v| i64::from(*v)));
        let sums = primitive::<T>(values.values().to_vec(), valid, &sum_type(&self.call));
        Ok(vec![sums, Arc::new(counts)])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.counts.capacity() * size_of::<Int64Type>().max(8)
    }
}
