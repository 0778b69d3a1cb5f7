//! Any aggregate over a moving window frame: keeps the rows of the frame and computes anew where an
//! aggregate cannot take rows back.

use std::collections::VecDeque;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;

use crate::gather::held_bytes;
use crate::udaf::AggregateCallData;

#[derive(Debug)]
pub struct Sliding {
    call: AggregateCallData,
    /// Columns of the arguments, oldest first.
    batches: VecDeque<Vec<ArrayRef>>,
}

impl Sliding {
    pub fn new(call: AggregateCallData) -> Self {
        Sliding { call, batches: VecDeque::new() }
    }
}

fn rows(batch: &[ArrayRef]) -> usize {
    batch.first().map_or(0, |a| a.len())
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        if rows(values) > 0 {
            self.batches.push_back(values.to_vec());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let mut left = rows(values);
        while left > 0 {
            let Some(mut front) = self.batches.pop_front() else { break };
            let have = rows(&front);
            if have > left {
                for column in &mut front {
                    *column = column.slice(left, have - left);
                }
                self.batches.push_front(front);
                break;
            }
            left -= have;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut fresh = (self.call.aggregate.accumulator)(&self.call)?;
        for batch in &self.batches {
            fresh.update_batch(batch)?;
        }
        fresh.evaluate()
    }

    fn size(&self) -> usize {
        self.batches.iter().map(|b| held_bytes(b)).sum()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let mut fresh = (self.call.aggregate.accumulator)(&self.call)?;
        for batch in &self.batches {
            fresh.update_batch(batch)?;
        }
        fresh.state()
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> DfResult<()> {
        Err(self.call.error(vonk_common::SparkError::internal("a window does not merge")))
    }
}
