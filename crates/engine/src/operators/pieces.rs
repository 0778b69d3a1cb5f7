//! Batches of a size that a sort can hold.
//!
//! A sort takes its input batch by batch, and the first one has to fit into its share of the memory
//! pool. Local data and the results of aggregates come in one batch, or in slices of one, each of
//! which holds it all. Under a sort they are copied apart.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};

use super::no_expressions::no_expressions;

/// The operator.
#[derive(Debug)]
pub struct Pieces {
    input: Arc<dyn ExecutionPlan>,
}

impl Pieces {
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Pieces { input }
    }
}

impl DisplayAs for Pieces {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pieces")
    }
}

impl ExecutionPlan for Pieces {
    fn name(&self) -> &str {
        "Pieces"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    no_expressions!();

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Pieces::new(input))),
            _ => Err(DataFusionError::Internal("Pieces has one child".into())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = context.session_config().batch_size();
        let pool = match context.memory_pool().memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            _ => usize::MAX,
        };
        let most = (pool / 64 / context.session_config().target_partitions().max(1)).clamp(256 << 10, 32 << 20);
        let input = self.input.execute(partition, context)?;
        let batches = input
            .map(move |batch| Ok::<_, DataFusionError>(futures::stream::iter(pieces(batch?, rows, most)?).map(Ok)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

/// The batch itself, or copies of its parts where it has more rows or holds more bytes than these.
fn pieces(batch: RecordBatch, rows: usize, most: usize) -> Result<Vec<RecordBatch>> {
    let held = get_record_batch_memory_size(&batch);
    if batch.num_rows() <= rows && held <= most || batch.num_columns() == 0 {
        return Ok(vec![batch]);
    }
    let own: usize = batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or_default()).sum();
    let all = batch.num_rows();
    let length = (all / own.div_ceil(most).max(1)).clamp(1, rows);
    if length >= all && held <= 2 * own {
        return Ok(vec![batch]);
    }
    let starts = (0..all).step_by(length);
    let copies = starts.map(|start| {
        let end = (start + length).min(all);
        let at = UInt32Array::from_iter_values((start..end).filter_map(|i| u32::try_from(i).ok()));
        Ok(take_record_batch(&batch, &at)?)
    });
    copies.collect()
}

/// Puts [`Pieces`] under every sort of all rows.
#[derive(Debug)]
pub struct SortInPieces;

impl PhysicalOptimizerRule for SortInPieces {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn std::any::Any = node.as_ref();
            let Some(sort) = any.downcast_ref::<SortExec>().filter(|s| s.fetch().is_none()) else {
                return Ok(Transformed::no(node));
            };
            let same = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            let input: Arc<dyn ExecutionPlan> = Arc::new(Pieces::new(Arc::clone(sort.input())));
            Ok(Transformed::yes(Arc::clone(&node).replace_children(vec![input], same)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_in_pieces"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn slices_are_copied_apart() -> Result<()> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100_000));
        let batch = RecordBatch::try_from_iter([("n", numbers)])?;
        let parts = pieces(batch.clone(), 30_000, 1 << 20)?;
        assert_eq!(parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [30_000, 30_000, 30_000, 10_000]);
        let parts = pieces(batch.slice(10, 10), 30_000, 1 << 10)?;
        assert!(parts.iter().all(|p| get_record_batch_memory_size(p) < 1 << 10));
        assert_eq!(parts.first(), Some(&batch.slice(10, 10)));
        assert_eq!(pieces(batch.slice(10, 10), 30_000, 1 << 20)?.len(), 1);
        Ok(())
    }
}
