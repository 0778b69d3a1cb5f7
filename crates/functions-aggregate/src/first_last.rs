//! `first`, `last` and `any_value`: the first or last value met, NULLs passed over if asked.
//!
//! Many groups keep row numbers into the batches they came from; batches are compacted when most of
//! their rows are no longer of use. That works for every type alike.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{text, typed};
use crate::groups::{column, passed};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("first", "agg_funcs", Body::Aggregate(|c, a| build(c, a, &FIRST)))
        .aliases(&["first_value", "any_value"])
        .usage("first(expr[, ignoreNulls]) - The first value of a group."),
    &FunctionSpec::new("last", "agg_funcs", Body::Aggregate(|c, a| build(c, a, &LAST)))
        .aliases(&["last_value"])
        .usage("last(expr[, ignoreNulls]) - The last value of a group."),
];

pub static FIRST: Aggregate = Aggregate {
    name: "spark_first",
    state,
    accumulator: |c| Ok(Box::new(End::new(c, false)?)),
    groups: Some(first_groups),
};
pub static LAST: Aggregate = Aggregate {
    name: "spark_last",
    state,
    accumulator: |c| Ok(Box::new(End::new(c, true)?)),
    groups: Some(last_groups),
};

fn first_groups(call: &AggregateCallData) -> DfResult<Box<dyn GroupsAccumulator>> {
    Ok(Box::new(Ends::new(call, false)))
}

fn last_groups(call: &AggregateCallData) -> DfResult<Box<dyn GroupsAccumulator>> {
    Ok(Box::new(Ends::new(call, true)))
}

fn state(call: &AggregateCallData) -> Vec<Arrow> {
    vec![call.arrow_return_type(), Arrow::Boolean]
}

fn build(ctx: &FnContext, call: AggregateCall, which: &'static Aggregate) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("first of one")) };
    // IGNORE NULLS behind the call makes Spark forget the alias.
    let renamed = match &*ctx.name {
        "first_value" if call.ignore_nulls => Some("first"),
        "last_value" if call.ignore_nulls => Some("last"),
        _ => None,
    };
    let shown = renamed.map(|name| FnContext { name: name.into(), ..ctx.clone() });
    let sql = text(shown.as_ref().unwrap_or(ctx), &call, std::slice::from_ref(&arg));
    let mut ignore = call.ignore_nulls;
    if let Some(flag) = call.args.get(1) {
        match (&flag.data_type, flag.constant()?) {
            (DataType::Boolean, Some(v)) => ignore |= v == ScalarValue::Boolean(Some(true)),
            _ => {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1210")
                    .param("funcName", &*ctx.name)
                    .at(ctx.origin.clone()));
            }
        }
    }
    let ty = arg.data_type.clone();
    let params = vec![if ignore { "ignore nulls" } else { "" }.to_string()];
    let data = AggregateCallData::new(ctx, which, vec![ty.clone()], ty).with_params(params);
    Ok(typed(&call, data, &[arg], true, sql))
}

fn ignores(call: &AggregateCallData) -> bool {
    call.param(0) == "ignore nulls"
}

#[derive(Debug)]
struct End {
    last: bool,
    ignore: bool,
    value: ScalarValue,
    set: bool,
}

impl End {
    fn new(call: &AggregateCallData, last: bool) -> DfResult<Self> {
        let value = ScalarValue::try_from(&call.arrow_return_type())?;
        Ok(End { last, ignore: ignores(call), value, set: false })
    }

    fn take(&mut self, values: &ArrayRef, usable: impl Fn(usize) -> bool) -> DfResult<()> {
        if self.set && !self.last {
            return Ok(());
        }
        let mut rows = 0..values.len();
        let found = if self.last { rows.rfind(|i| usable(*i)) } else { rows.find(|i| usable(*i)) };
        if let Some(i) = found {
            self.value = ScalarValue::try_from_array(values, i)?;
            self.value.compact();
            self.set = true;
        }
        Ok(())
    }
}

impl Accumulator for End {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let nulls = if self.ignore { values.logical_nulls() } else { None };
        self.take(values, |i| nulls.as_ref().is_none_or(|n| n.is_valid(i)))
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::Boolean(Some(self.set))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = states.first() else { return Ok(()) };
        let set: BooleanArray = column(states, 1)?;
        self.take(values, |i| set.is_valid(i) && set.value(i))
    }
}

/// Row 0 of batch 0 is a NULL: the value of groups without one.
struct Ends {
    call: AggregateCallData,
    last: bool,
    ignore: bool,
    batches: Vec<ArrayRef>,
    rows: usize,
    /// Batch and row of each group's value; batch 0 while there is none.
    at: Vec<(usize, usize)>,
}

const COMPACT_FROM: usize = 65_536;

impl Ends {
    fn new(call: &AggregateCallData, last: bool) -> Self {
        let null = new_null_array(&call.arrow_return_type(), 1);
        Ends { call: call.clone(), last, ignore: ignores(call), batches: vec![null], rows: 1, at: vec![] }
    }

    fn take(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        total: usize,
        usable: impl Fn(usize) -> bool,
    ) -> DfResult<()> {
        self.at.resize(total, (0, 0));
        let batch = self.batches.len();
        let mut used = false;
        for (row, g) in groups.iter().enumerate() {
            if !usable(row) {
                continue;
            }
            if let Some(at) = self.at.get_mut(*g)
                && (self.last || at.0 == 0)
            {
                *at = (batch, row);
                used = true;
            }
        }
        if used {
            self.batches.push(values.clone());
            self.rows += values.len();
            if self.rows > COMPACT_FROM + 3 * self.at.len() {
                self.compact()?;
            }
        }
        Ok(())
    }

    fn compact(&mut self) -> DfResult<()> {
        let values = self.values(&self.at)?;
        let null = new_null_array(&self.call.arrow_return_type(), 1);
        self.rows = values.len() + 1;
        self.batches = vec![null, values];
        for (i, at) in self.at.iter_mut().enumerate() {
            if at.0 != 0 {
                *at = (1, i);
            }
        }
        Ok(())
    }

    fn values(&self, at: &[(usize, usize)]) -> DfResult<ArrayRef> {
        if at.is_empty() {
            return Ok(new_null_array(&self.call.arrow_return_type(), 0));
        }
        let batches: Vec<&dyn Array> = self.batches.iter().map(|b| b.as_ref()).collect();
        Ok(interleave(&batches, at)?)
    }

    fn emit(&mut self, emit: EmitTo) -> DfResult<(ArrayRef, Vec<(usize, usize)>)> {
        let at = emit.take_needed(&mut self.at);
        let values = self.values(&at)?;
        if self.at.is_empty() {
            self.batches.truncate(1);
            self.rows = 1;
        }
        Ok((values, at))
    }
}

impl GroupsAccumulator for Ends {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> DfResult<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let nulls = if self.ignore { values.logical_nulls() } else { None };
        let filter = passed(filter);
        self.take(values, groups, total, |i| {
            nulls.as_ref().is_none_or(|n| n.is_valid(i)) && filter.as_ref().is_none_or(|n| n.is_valid(i))
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        Ok(self.emit(emit)?.0)
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        let (values, at) = self.emit(emit)?;
        let set: BooleanArray = at.iter().map(|a| Some(a.0 != 0)).collect();
        Ok(vec![values, Arc::new(set)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        let Some(values) = states.first() else { return Ok(()) };
        let set: BooleanArray = column(states, 1)?;
        self.take(values, groups, total, |i| set.is_valid(i) && set.value(i))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let Some(values) = values.first() else { return Ok(vec![]) };
        let filter = passed(filter);
        let nulls = if self.ignore { values.logical_nulls() } else { None };
        let set: BooleanArray = (0..values.len())
            .map(|i| {
                Some(filter.as_ref().is_none_or(|n| n.is_valid(i)) && nulls.as_ref().is_none_or(|n| n.is_valid(i)))
            })
            .collect();
        Ok(vec![values.clone(), Arc::new(set)])
    }

    fn size(&self) -> usize {
        self.batches.iter().map(|b| b.get_array_memory_size()).sum::<usize>() + self.at.capacity() * 16
    }
}
