//! Window functions over whole frames, a few partitions at a time.
//!
//! DataFusion's operator holds all its input before it gives the first row, and tells the memory
//! pool nothing about it. Its input is sorted by the partition columns, so that here only the rows
//! of partitions that have not ended are held: one partition has to fit in memory, all of them need
//! not. Windows without PARTITION BY are one partition.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, concat_batches, partition, take_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::no_expressions::no_expressions;

/// The operator. Its child is DataFusion's, which says what is to be computed but does not run.
#[derive(Debug)]
pub struct WindowByPartition {
    window: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

fn window_of(node: &Arc<dyn ExecutionPlan>) -> Option<&WindowAggExec> {
    let any: &dyn Any = node.as_ref();
    any.downcast_ref()
}

impl WindowByPartition {
    /// Over a `WindowAggExec`.
    pub fn new(window: Arc<dyn ExecutionPlan>) -> Result<Self> {
        match window_of(&window) {
            Some(_) => Ok(WindowByPartition { window, metrics: ExecutionPlanMetricsSet::new() }),
            None => Err(DataFusionError::Internal("a window is due".into())),
        }
    }
}

impl DisplayAs for WindowByPartition {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowByPartition")
    }
}

impl ExecutionPlan for WindowByPartition {
    fn name(&self) -> &str {
        "WindowByPartition"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.window]
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
            (Some(window), true) => Ok(Arc::new(WindowByPartition::new(window)?)),
            _ => Err(DataFusionError::Internal("WindowByPartition has one child".into())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(window) = window_of(&self.window) else {
            return Err(DataFusionError::Internal("a window is due".into()));
        };
        let memory = MemoryConsumer::new(format!("Window[{partition}]")).register(context.memory_pool());
        let rows = context.session_config().batch_size();
        let run = Run {
            input: window.input().execute(partition, Arc::clone(&context))?,
            open: Open { by: window.partition_by_sort_keys()?, batches: vec![], last_key: vec![], ended_rows: 0 },
            exprs: window.window_expr().to_vec(),
            schema: window.schema(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            memory,
            rows,
            ready: VecDeque::new(),
            ended: false,
        };
        let schema = self.schema();
        let chunks = futures::stream::try_unfold(run, |mut run| async move { Ok(run.next().await?.map(|b| (b, run))) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, chunks)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition of the plan on its way.
struct Run {
    input: SendableRecordBatchStream,
    open: Open,
    exprs: Vec<Arc<dyn WindowExpr>>,
    schema: SchemaRef,
    metrics: BaselineMetrics,
    memory: MemoryReservation,
    /// Rows of a batch.
    rows: usize,
    ready: VecDeque<RecordBatch>,
    ended: bool,
}

impl Run {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.ended {
                return Ok(None);
            }
            let chunk = match self.input.next().await.transpose()? {
                Some(batch) => {
                    // Once as it came, once joined with others for the functions to see.
                    self.memory.try_grow(2 * get_record_batch_memory_size(&batch))?;
                    self.open.push(batch)?;
                    if self.open.ended_rows < self.rows {
                        continue;
                    }
                    self.open.take_ended()
                }
                None => {
                    self.ended = true;
                    std::mem::take(&mut self.open.batches)
                }
            };
            self.compute(&chunk)?;
            drop(chunk);
            let left = self.open.batches.iter().map(get_record_batch_memory_size).sum::<usize>();
            self.memory.try_resize(2 * left)?;
        }
    }

    /// The rows of whole partitions with the functions' values, in batches of the usual size.
    fn compute(&mut self, chunk: &[RecordBatch]) -> Result<()> {
        let timer = self.metrics.elapsed_compute().timer();
        let rows = concat_batches(&self.input.schema(), chunk)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let keys = self.open.keys(&rows)?;
        let ranges = match keys.is_empty() {
            true => std::iter::once(0..rows.num_rows()).collect(),
            false => partition(&keys)?.ranges(),
        };
        let mut columns = rows.columns().to_vec();
        for expr in &self.exprs {
            let values = ranges.iter().map(|r| expr.evaluate(&rows.slice(r.start, r.len())));
            let values = values.collect::<Result<Vec<_>>>()?;
            columns.push(concat(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>())?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        timer.done();
        let all = batch.num_rows();
        self.metrics.record_output(all);
        if all <= 2 * self.rows {
            self.ready.push_back(batch);
            return Ok(());
        }
        // Copied, so that who holds one of them does not hold them all.
        for start in (0..all).step_by(self.rows) {
            let end = (start + self.rows).min(all);
            let at = UInt32Array::from_iter_values((start..end).filter_map(|i| u32::try_from(i).ok()));
            self.ready.push_back(take_record_batch(&batch, &at)?);
        }
        Ok(())
    }
}

/// Rows that came, the last of them perhaps of a partition that goes on.
struct Open {
    by: Vec<PhysicalSortExpr>,
    batches: Vec<RecordBatch>,
    /// The partition columns of the last row.
    last_key: Vec<ArrayRef>,
    /// How many of the rows belong to partitions that have ended.
    ended_rows: usize,
}

impl Open {
    /// The partition columns of rows.
    fn keys(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.by.iter().map(|by| by.expr.evaluate(rows)?.into_array(rows.num_rows())).collect()
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let held: usize = self.batches.iter().map(RecordBatch::num_rows).sum();
        let mut keys = self.keys(&batch)?;
        self.batches.push(batch);
        if keys.is_empty() {
            return Ok(());
        }
        let new_key = keys.iter().map(|k| k.slice(rows - 1, 1)).collect();
        let before = usize::from(!self.last_key.is_empty());
        if before == 1 {
            let joined = self.last_key.iter().zip(&keys).map(|(last, keys)| concat(&[last.as_ref(), keys.as_ref()]));
            keys = joined.collect::<std::result::Result<_, _>>()?;
        }
        self.last_key = new_key;
        let start = partition(&keys)?.ranges().last().map_or(0, |r| r.start);
        if start > 0 {
            self.ended_rows = held + start - before;
        }
        Ok(())
    }

    /// Takes the rows of the partitions that have ended.
    fn take_ended(&mut self) -> Vec<RecordBatch> {
        let mut left = std::mem::take(&mut self.ended_rows);
        let mut out = vec![];
        let mut rest = vec![];
        for batch in std::mem::take(&mut self.batches) {
            let rows = batch.num_rows();
            let taken = rows.min(left);
            left -= taken;
            if taken > 0 {
                out.push(batch.slice(0, taken));
            }
            if taken < rows {
                rest.push(batch.slice(taken, rows - taken));
            }
        }
        self.batches = rest;
        out
    }
}

/// Puts [`WindowByPartition`] over every window that DataFusion would hold whole.
#[derive(Debug)]
pub struct WindowsByPartition;

impl PhysicalOptimizerRule for WindowsByPartition {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match window_of(&node) {
            Some(_) => Ok(Transformed::yes(Arc::new(WindowByPartition::new(node)?) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "windows_by_partition"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
