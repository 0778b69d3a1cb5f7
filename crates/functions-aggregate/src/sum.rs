//! `sum` and `try_sum`: of integers as BIGINT, of decimals with ten more digits, of floats as
//! DOUBLE, of intervals; overflow raises under ANSI, else wraps (integers) or is NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, IntervalYearMonthType,
};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{cast_to, text, typed, unexpected};
use crate::groups::{column, each, primitive, valid_rows};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("sum", "agg_funcs", Body::Aggregate(|c, a| build(c, a, false)))
        .usage("sum(expr) - The sum over a group."),
    &FunctionSpec::new("try_sum", "agg_funcs", Body::Aggregate(|c, a| build(c, a, true)))
        .usage("try_sum(expr) - The sum over a group, NULL on overflow."),
];

pub static SUM: Aggregate = Aggregate {
    name: "spark_sum",
    state: |c| vec![c.arrow_return_type(), Arrow::Boolean],
    accumulator,
    groups: Some(groups),
};

pub const NUMERIC_OR_INTERVAL: &str = "\"NUMERIC\" or \"ANSI INTERVAL\"";
pub const ANSI_KEY: &str = "\"spark.sql.ansi.enabled\"";

fn build(ctx: &FnContext, call: AggregateCall, try_it: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("sum of one")) };
    let (input, ty) = match &arg.data_type {
        t if t.is_integral() => (DataType::Long, DataType::Long),
        DataType::Decimal(p, s) => (arg.data_type.clone(), DataType::Decimal((*p + 10).min(38), *s)),
        DataType::Float | DataType::Double | DataType::String(_) | DataType::Timestamp | DataType::Null => {
            (DataType::Double, DataType::Double)
        }
        t if t.is_ansi_interval() => (t.clone(), t.clone()),
        _ => return Err(unexpected(ctx, &sql, 0, NUMERIC_OR_INTERVAL, &arg)),
    };
    let arg = cast_to(ctx, arg, &input)?;
    let mode = if try_it { "try" } else { "" };
    let data = AggregateCallData::new(ctx, &SUM, vec![input], ty).with_params(vec![mode.into()]);
    Ok(typed(&call, data, &[arg], true, sql))
}

/// What happens on overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOverflow {
    Raise,
    Wrap,
    Null,
}

pub fn policy(call: &AggregateCallData) -> OnOverflow {
    match (&call.return_type, call.param(0), call.ansi) {
        (_, "try", _) => OnOverflow::Null,
        (DataType::YearMonthInterval(..) | DataType::DayTimeInterval(..), ..) => OnOverflow::Raise,
        (_, _, true) => OnOverflow::Raise,
        (DataType::Decimal(..), ..) => OnOverflow::Null,
        _ => OnOverflow::Wrap,
    }
}

pub fn overflow_error(call: &AggregateCallData, try_name: &str) -> DataFusionError {
    let (message, function) = match call.return_type {
        DataType::Decimal(..) => ("Overflow in sum of decimals", try_name),
        DataType::YearMonthInterval(..) | DataType::DayTimeInterval(..) => {
            return call.error(
                SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION").param("functionName", "`try_add`"),
            );
        }
        _ => ("overflow", "try_add"),
    };
    call.error(
        SparkError::new("ARITHMETIC_OVERFLOW")
            .param("message", message)
            .param("alternative", format!(" Use '{function}' to tolerate overflow and return NULL instead."))
            .param("config", ANSI_KEY),
    )
}

/// Numbers that are summed with a check.
pub trait Summand: ArrowPrimitiveType + std::fmt::Debug {
    fn add(a: Self::Native, b: Self::Native) -> (Self::Native, bool);
    /// The sum is in the range of the result type.
    fn fits(_: Self::Native, _: &DataType) -> bool {
        true
    }
}

macro_rules! summands {
    ($($t:ty),*) => {$(impl Summand for $t {
        fn add(a: Self::Native, b: Self::Native) -> (Self::Native, bool) {
            a.overflowing_add(b)
        }
    })*};
}

summands!(Int64Type, IntervalYearMonthType, DurationMicrosecondType);

impl Summand for Float64Type {
    fn add(a: f64, b: f64) -> (f64, bool) {
        (a + b, false)
    }
}

impl Summand for Decimal128Type {
    fn add(a: i128, b: i128) -> (i128, bool) {
        a.overflowing_add(b)
    }

    fn fits(v: i128, ty: &DataType) -> bool {
        let DataType::Decimal(p, _) = ty else { return true };
        v.unsigned_abs() < 10u128.checked_pow(u32::from(*p)).unwrap_or(u128::MAX)
    }
}

macro_rules! by_type {
    ($call:expr, $make:ident) => {
        match $call.arrow_return_type() {
            Arrow::Int64 => Ok(Box::new($make::<Int64Type>::new($call))),
            Arrow::Float64 => Ok(Box::new($make::<Float64Type>::new($call))),
            Arrow::Decimal128(..) => Ok(Box::new($make::<Decimal128Type>::new($call))),
            Arrow::Duration(_) => Ok(Box::new($make::<DurationMicrosecondType>::new($call))),
            Arrow::Interval(_) => Ok(Box::new($make::<IntervalYearMonthType>::new($call))),
            other => Err($call.error(SparkError::internal(format!("no sum of {other}")))),
        }
    };
}

fn accumulator(call: &AggregateCallData) -> DfResult<Box<dyn Accumulator>> {
    by_type!(call, OneSum)
}

fn groups(call: &AggregateCallData) -> DfResult<Box<dyn GroupsAccumulator>> {
    by_type!(call, Sums)
}

/// The sum of one group.
#[derive(Debug)]
struct OneSum<T: Summand> {
    call: AggregateCallData,
    policy: OnOverflow,
    sum: T::Native,
    any: bool,
    overflow: bool,
}

impl<T: Summand> OneSum<T> {
    fn new(call: &AggregateCallData) -> Self {
        OneSum { call: call.clone(), policy: policy(call), sum: T::Native::default(), any: false, overflow: false }
    }

    fn add(&mut self, v: T::Native) -> DfResult<()> {
        let (sum, over) = T::add(self.sum, v);
        self.sum = sum;
        self.any = true;
        if over {
            match self.policy {
                OnOverflow::Raise => return Err(overflow_error(&self.call, "try_sum")),
                OnOverflow::Null => self.overflow = true,
                OnOverflow::Wrap => {}
            }
        }
        Ok(())
    }

    fn scalar(&self, valid: bool) -> DfResult<ScalarValue> {
        let array = primitive::<T>(vec![self.sum], [valid], &self.call.arrow_return_type());
        ScalarValue::try_from_array(&array, 0)
    }
}

impl<T: Summand> Accumulator for OneSum<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first().and_then(|v| v.as_primitive_opt::<T>()) else {
            return Err(self.call.error(SparkError::internal("sum of another type")));
        };
        if values.null_count() == 0 {
            for v in values.values() {
                self.add(*v)?;
            }
        } else {
            for v in values.iter().flatten() {
                self.add(v)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let fits = !self.overflow && T::fits(self.sum, &self.call.return_type);
        if !fits && self.policy == OnOverflow::Raise {
            return Err(overflow_error(&self.call, "try_sum"));
        }
        self.scalar(self.any && fits)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.scalar(self.any)?, ScalarValue::Boolean(Some(self.overflow))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states.get(..1).unwrap_or_default())?;
        let flags: BooleanArray = column(states, 1)?;
        self.overflow |= flags.iter().any(|f| f == Some(true));
        Ok(())
    }
}

const EMPTY: u8 = 0;
const SET: u8 = 1;
const OVERFLOW: u8 = 2;

/// The sums of many groups.
struct Sums<T: Summand> {
    call: AggregateCallData,
    policy: OnOverflow,
    sums: Vec<T::Native>,
    marks: Vec<u8>,
}

impl<T: Summand> Sums<T> {
    fn new(call: &AggregateCallData) -> Self {
        Sums { call: call.clone(), policy: policy(call), sums: vec![], marks: vec![] }
    }

    fn add(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> DfResult<()> {
        self.sums.resize(total, T::Native::default());
        self.marks.resize(total, EMPTY);
        let Some(values) = values.as_primitive_opt::<T>() else {
            return Err(self.call.error(SparkError::internal("sum of another type")));
        };
        let (sums, marks, policy, call) = (&mut self.sums, &mut self.marks, self.policy, &self.call);
        each(values, groups, filter, |g, v| {
            let (Some(sum), Some(mark)) = (sums.get_mut(g), marks.get_mut(g)) else { return Ok(()) };
            let (added, over) = T::add(*sum, v);
            *sum = added;
            *mark |= SET;
            if over {
                match policy {
                    OnOverflow::Raise => return Err(overflow_error(call, "try_sum")),
                    OnOverflow::Null => *mark |= OVERFLOW,
                    OnOverflow::Wrap => {}
                }
            }
            Ok(())
        })
    }
}

impl<T: Summand> GroupsAccumulator for Sums<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> DfResult<()> {
        match values.first() {
            Some(v) => self.add(v, groups, filter, total),
            None => Ok(()),
        }
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        let (sums, marks) = (emit.take_needed(&mut self.sums), emit.take_needed(&mut self.marks));
        let mut valid = Vec::with_capacity(sums.len());
        for (sum, mark) in sums.iter().zip(&marks) {
            let fits = mark & OVERFLOW == 0 && T::fits(*sum, &self.call.return_type);
            if !fits && self.policy == OnOverflow::Raise {
                return Err(overflow_error(&self.call, "try_sum"));
            }
            valid.push(fits && *mark != EMPTY);
        }
        Ok(primitive::<T>(sums, valid, &self.call.arrow_return_type()))
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        let (sums, marks) = (emit.take_needed(&mut self.sums), emit.take_needed(&mut self.marks));
        let flags: BooleanArray = marks.iter().map(|m| Some(m & OVERFLOW != 0)).collect();
        let valid: Vec<bool> = marks.iter().map(|m| *m != EMPTY).collect();
        Ok(vec![primitive::<T>(sums, valid, &self.call.arrow_return_type()), Arc::new(flags)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        if let Some(v) = states.first() {
            self.add(v, groups, None, total)?;
        }
        let flags: BooleanArray = column(states, 1)?;
        for (g, flag) in groups.iter().zip(flags.iter()) {
            if let (Some(true), Some(mark)) = (flag, self.marks.get_mut(*g)) {
                *mark |= OVERFLOW | SET;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let Some(values) = values.first() else { return Ok(vec![]) };
        let Some(typed) = values.as_primitive_opt::<T>() else {
            return Err(self.call.error(SparkError::internal("sum of another type")));
        };
        let nulls = valid_rows(typed, filter);
        let valid = (0..typed.len()).map(|i| nulls.as_ref().is_none_or(|n| n.is_valid(i)));
        let out = primitive::<T>(typed.values().to_vec(), valid, &self.call.arrow_return_type());
        Ok(vec![out, Arc::new(BooleanArray::from(vec![false; typed.len()]))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.marks.capacity()
    }
}
