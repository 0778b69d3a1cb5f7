//! Aggregates that need all values of a group at once: they are gathered, and finished at the end.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{concat, filter};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef, Fields};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::SparkError;

use crate::udaf::AggregateCallData;

/// The value of a group from the columns of its arguments; not called for groups without rows.
pub type Finish = fn(&AggregateCallData, &[ArrayRef]) -> DfResult<ScalarValue>;
/// The value of a group without rows.
pub type Empty = fn(&AggregateCallData) -> DfResult<ScalarValue>;

pub struct Gather {
    call: AggregateCallData,
    batches: Vec<Vec<ArrayRef>>,
    rows: usize,
    bytes: usize,
    /// Rows whose first argument is NULL are left out.
    drop_nulls: bool,
    finish: Finish,
    empty: Empty,
}

impl fmt::Debug for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} rows", self.call, self.rows)
    }
}

fn fields(call: &AggregateCallData) -> Fields {
    (0..call.arg_types.len()).map(|i| Field::new(format!("c{i}"), call.arrow_arg(i), true)).collect()
}

fn item(call: &AggregateCallData) -> FieldRef {
    Arc::new(Field::new("item", Arrow::Struct(fields(call)), true))
}

/// The state of a gathering aggregate: a list of argument rows.
pub fn state_types(call: &AggregateCallData) -> Vec<Arrow> {
    vec![Arrow::List(item(call))]
}

pub fn null(call: &AggregateCallData) -> DfResult<ScalarValue> {
    ScalarValue::try_from(&call.arrow_return_type())
}

/// One list value.
pub fn list(call: &AggregateCallData, items: ArrayRef) -> DfResult<ScalarValue> {
    let Arrow::List(field) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a list is due")));
    };
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(field, offsets, items, None)?)))
}

/// What columns occupy. Of the buffers that slices share, each counts its part: the other parts are
/// held by other groups.
pub fn held_bytes(columns: &[ArrayRef]) -> usize {
    const ARRAY: usize = 160;
    let of = |a: &ArrayRef| match a.data_type() {
        // Short of the texts that views point to.
        Arrow::Utf8View | Arrow::BinaryView => a.get_array_memory_size(),
        _ => ARRAY + a.to_data().get_slice_memory_size().unwrap_or_else(|_| a.get_array_memory_size()),
    };
    columns.iter().map(of).sum()
}

impl Gather {
    pub fn boxed(call: &AggregateCallData, drop_nulls: bool, finish: Finish, empty: Empty) -> Box<dyn Accumulator> {
        Box::new(Gather { call: call.clone(), batches: vec![], rows: 0, bytes: 0, drop_nulls, finish, empty })
    }

    fn columns(&self) -> DfResult<Vec<ArrayRef>> {
        (0..self.call.arg_types.len())
            .map(|i| {
                let parts: Vec<&dyn Array> = self.batches.iter().filter_map(|b| b.get(i)).map(|a| a.as_ref()).collect();
                Ok(concat(&parts)?)
            })
            .collect()
    }

    fn push(&mut self, batch: Vec<ArrayRef>) -> DfResult<()> {
        let rows = batch.first().map_or(0, |a| a.len());
        if rows == 0 {
            return Ok(());
        }
        self.rows += rows;
        self.bytes += held_bytes(&batch);
        self.batches.push(batch);
        // Many small batches are slow to join later.
        if self.batches.len() > 256 {
            let all = self.columns()?;
            self.bytes = held_bytes(&all);
            self.batches = vec![all];
        }
        Ok(())
    }
}

impl Accumulator for Gather {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let nulls = if self.drop_nulls { values.first().and_then(|v| v.logical_nulls()) } else { None };
        match nulls.filter(|n| n.null_count() > 0) {
            Some(nulls) => {
                let keep = BooleanArray::new(nulls.into_inner(), None);
                let kept: Result<Vec<_>, _> = values.iter().map(|v| filter(v, &keep)).collect();
                self.push(kept?)
            }
            None => self.push(values.to_vec()),
        }
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        if self.rows == 0 {
            return (self.empty)(&self.call);
        }
        (self.finish)(&self.call, &self.columns()?)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let structs = match self.rows {
            0 => StructArray::new_null(fields(&self.call), 0),
            _ => StructArray::try_new(fields(&self.call), self.columns()?, None)?,
        };
        let offsets = OffsetBuffer::from_lengths([structs.len()]);
        Ok(vec![ScalarValue::List(Arc::new(ListArray::try_new(item(&self.call), offsets, Arc::new(structs), None)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let Some(lists) = states.first().and_then(|s| s.as_list_opt::<i32>()) else {
            return Err(self.call.error(SparkError::internal("state of gathered rows")));
        };
        for part in lists.iter().flatten() {
            match part.as_struct_opt() {
                Some(s) => self.push(s.columns().to_vec())?,
                None => return Err(self.call.error(SparkError::internal("state of gathered rows"))),
            }
        }
        Ok(())
    }
}
