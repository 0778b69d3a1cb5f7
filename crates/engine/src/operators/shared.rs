//! Rows that several places of a plan read and one computes.
//!
//! [`Shared`] is the logical node, a leaf that is planned by itself; all places hold one [`Share`]. Its
//! operator computes a partition when a reader first asks for it, to its end: readers go at their own
//! pace, and one may wait for another's last row. Rows stay in memory as long as the pool has room, the
//! rest in a file, until all readers have them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchemaRef, DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SpillManager,
};
use futures::future::{BoxFuture, Shared as Future};
use futures::{FutureExt, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use vonk_common::wanted::Wanted;

use super::leaf::leaf;
use super::stoppable::stoppable;
use crate::memory::KEPT_ROWS;

/// A plan that several places read.
#[derive(Debug)]
pub struct Share {
    pub plan: LogicalPlan,
    /// How many places.
    pub readers: usize,
    /// Its operator, once it is planned.
    pub planned: OnceCell<Arc<SharedExec>>,
}

impl Share {
    pub fn new(plan: LogicalPlan, readers: usize) -> Self {
        Share { plan, readers, planned: OnceCell::new() }
    }
}

/// One of the places. Equal to the others of its share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub share: Arc<Share>,
}

impl Shared {
    pub fn node(share: &Arc<Share>) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Shared { share: Arc::clone(share) }) })
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.share, &other.share)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.share).hash(state);
    }
}

impl PartialOrd for Shared {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Shared {
    fn name(&self) -> &str {
        "Shared"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.share.plan.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Shared")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// The rows of a partition, all there.
struct Rows {
    batches: Vec<RecordBatch>,
    file: Option<Arc<dyn SpillFile>>,
    _memory: MemoryReservation,
}

type Computed = Future<BoxFuture<'static, Result<Arc<Rows>, Arc<DataFusionError>>>>;

/// A partition's rows on their way, and how many readers have not asked for them.
#[derive(Default)]
struct Slot {
    rows: Option<Computed>,
    left: usize,
}

/// The operator, a leaf: what is below it was planned for all readers.
pub struct SharedExec {
    pub input: Arc<dyn ExecutionPlan>,
    /// The input as it runs, one for all partitions.
    running: OnceLock<Arc<dyn ExecutionPlan>>,
    wanted: OnceLock<Arc<Wanted>>,
    readers: usize,
    slots: Mutex<Vec<Slot>>,
    metrics: ExecutionPlanMetricsSet,
}

impl fmt::Debug for SharedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedExec({:?})", self.input)
    }
}

impl SharedExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, readers: usize) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let slots = (0..partitions).map(|_| Slot::default()).collect();
        let (running, wanted) = (OnceLock::new(), OnceLock::new());
        let metrics = ExecutionPlanMetricsSet::new();
        SharedExec { input, running, wanted, readers, slots: Mutex::new(slots), metrics }
    }

    /// What is below stops with the query that it is part of.
    pub fn stop_with(&self, wanted: &Arc<Wanted>) {
        let _ = self.wanted.set(Arc::clone(wanted));
    }

    fn running(&self) -> Result<&Arc<dyn ExecutionPlan>> {
        if let Some(running) = self.running.get() {
            return Ok(running);
        }
        let input = Arc::clone(&self.input);
        let running = match self.wanted.get() {
            Some(wanted) => stoppable(input, wanted)?,
            None => input,
        };
        Ok(self.running.get_or_init(|| running))
    }

    fn manager(&self, context: &TaskContext) -> SpillManager {
        SpillManager::new(context.runtime_env(), SpillMetrics::new(&self.metrics, 0), self.schema())
    }

    fn rows(&self, partition: usize, context: &Arc<TaskContext>) -> Result<Computed> {
        let mut slots = self.slots.lock();
        let slot = slots.get_mut(partition).ok_or_else(|| DataFusionError::Internal("no such partition".into()))?;
        let rows = match slot.rows.take() {
            Some(rows) => rows,
            None => {
                slot.left = self.readers;
                let input = self.running()?.execute(partition, Arc::clone(context))?;
                let memory = MemoryConsumer::new(KEPT_ROWS).register(context.memory_pool());
                let manager = self.manager(context);
                compute(input, memory, manager).map(|r| r.map(Arc::new).map_err(Arc::new)).boxed().shared()
            }
        };
        slot.left = slot.left.saturating_sub(1);
        if slot.left > 0 {
            slot.rows = Some(rows.clone());
        }
        Ok(rows)
    }
}

async fn compute(
    mut input: SendableRecordBatchStream,
    memory: MemoryReservation,
    manager: SpillManager,
) -> Result<Rows> {
    let mut batches = vec![];
    let mut file = None;
    while let Some(batch) = input.try_next().await? {
        if file.is_none() && memory.try_grow(get_record_batch_memory_size(&batch)).is_ok() {
            batches.push(batch);
            continue;
        }
        let file = match &mut file {
            Some(file) => file,
            none => none.insert(manager.create_in_progress_file("shared rows")?),
        };
        file.append_batch(&batch)?;
    }
    let file = match file {
        Some(mut file) => file.finish()?,
        None => None,
    };
    Ok(Rows { batches, file, _memory: memory })
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedExec: readers={}", self.readers)
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &str {
        "SharedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.rows(partition, &context)?;
        let manager = self.manager(&context);
        let batches = futures::stream::once(async move {
            let rows = rows.await.map_err(DataFusionError::Shared)?;
            let spilled = match &rows.file {
                Some(file) => manager.read_spill_as_stream(Arc::clone(file), None)?.boxed(),
                None => futures::stream::empty().boxed(),
            };
            let kept = rows.batches.clone().into_iter().map(move |batch| {
                // Their memory is accounted for as long as they are read.
                let _held = &rows;
                Ok(batch)
            });
            Ok::<_, DataFusionError>(futures::stream::iter(kept).chain(spilled))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.try_flatten())))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        StatisticsContext::new().compute(self.input.as_ref(), &StatisticsArgs::new().with_partition(partition))
    }
}
