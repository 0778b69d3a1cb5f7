//! All partitions as one, in order: partition 0 to its end, then partition 1, and so on.
//!
//! DataFusion's own operator takes batches as they come, so that the row order of a plain read or of
//! `range` would change from run to run. Here all partitions run at one time, each ahead of its turn
//! by at most [`AHEAD_BYTES`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::no_expressions::no_expressions;
use crate::memory::is_out_of_memory;

/// How many bytes of a partition wait for their turn.
const AHEAD_BYTES: usize = 32 << 20;

/// The operator.
#[derive(Debug, Clone)]
pub struct Gather {
    input: Arc<dyn ExecutionPlan>,
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl Gather {
    pub fn new(input: Arc<dyn ExecutionPlan>, fetch: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Gather { input, fetch, properties: Arc::new(properties) }
    }

    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for Gather {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather")?;
        self.fetch.map_or(Ok(()), |n| write!(f, ": fetch={n}"))
    }
}

impl ExecutionPlan for Gather {
    fn name(&self) -> &str {
        "Gather"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    no_expressions!();

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Gather::new(input, self.fetch))),
            _ => Err(DataFusionError::Internal("Gather has one child".into())),
        }
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let stream = in_order(&self.input, &context)?;
        Ok(match self.fetch {
            Some(n) => limited(stream, n),
            None => stream,
        })
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }
}

/// The rows of all partitions in order, as one stream. Dropping it stops the work.
pub fn in_order(plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    parts_in_order(plan, 0..plan.output_partitioning().partition_count(), context)
}

/// The same of some of the partitions. They run at one time, since those of a join wait for each other.
pub fn parts_in_order(
    plan: &Arc<dyn ExecutionPlan>,
    parts: Range<usize>,
    context: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    if parts.is_empty() {
        return Ok(adapt(plan, futures::stream::empty().boxed()));
    }
    if parts.len() == 1 {
        return plan.execute(parts.start, Arc::clone(context));
    }
    let mut tasks = JoinSet::new();
    let mut receivers = Vec::with_capacity(parts.len());
    let (refuse, refused) = mpsc::unbounded_channel();
    for partition in parts {
        let (send, receive) = mpsc::unbounded_channel();
        let input = plan.execute(partition, Arc::clone(context))?;
        tasks.spawn(run_ahead(input, send, refuse.clone()));
        receivers.push(receive);
    }
    drop(refuse);
    let state = Turns { rest: receivers.into_iter(), current: None, refused, tasks };
    let batches = futures::stream::unfold(state, |mut state| async move { Some((state.next().await?, state)) });
    Ok(adapt(plan, batches.boxed()))
}

/// The partitions whose turn is now and later.
struct Turns {
    rest: std::vec::IntoIter<mpsc::UnboundedReceiver<Ahead>>,
    current: Option<mpsc::UnboundedReceiver<Ahead>>,
    /// Refusals of the memory pool, in any partition. They do not wait for their turn: the sooner
    /// they are known, the fewer rows have gone out that a second plan would repeat.
    refused: mpsc::UnboundedReceiver<DataFusionError>,
    tasks: JoinSet<()>,
}

impl Turns {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let Some(receiver) = self.current.as_mut() else {
                self.current = Some(self.rest.next()?);
                continue;
            };
            let ahead = tokio::select! {
                biased;
                Some(error) = self.refused.recv() => return Some(Err(error)),
                ahead = receiver.recv() => ahead,
            };
            match ahead {
                Some((batch, _turn)) => return Some(batch),
                None => match failed(&mut self.tasks) {
                    Some(error) => return Some(Err(error)),
                    None => self.current = None,
                },
            }
        }
    }
}

type Ahead = (Result<RecordBatch>, Option<OwnedSemaphorePermit>);

/// Runs one partition, with at most [`AHEAD_BYTES`] waiting in the channel.
async fn run_ahead(
    mut input: SendableRecordBatchStream,
    send: mpsc::UnboundedSender<Ahead>,
    refuse: mpsc::UnboundedSender<DataFusionError>,
) {
    const KIB: usize = 1024;
    let room = Arc::new(Semaphore::new(AHEAD_BYTES / KIB));
    while let Some(batch) = input.next().await {
        let batch = match batch {
            Err(e) if is_out_of_memory(&e) => {
                let _ = refuse.send(e);
                // The partition has not ended: what it would have given is not to be taken for all.
                return std::future::pending().await;
            }
            batch => batch,
        };
        let size = batch.as_ref().map_or(0, RecordBatch::get_array_memory_size).div_ceil(KIB);
        let permits = u32::try_from(size.clamp(1, AHEAD_BYTES / KIB)).unwrap_or(1);
        let permit = Arc::clone(&room).acquire_many_owned(permits).await.ok();
        let ended = batch.is_err();
        if send.send((batch, permit)).is_err() || ended {
            return;
        }
    }
}

/// The error of a task that panicked.
fn failed(tasks: &mut JoinSet<()>) -> Option<DataFusionError> {
    while let Some(ended) = tasks.try_join_next() {
        if let Err(e) = ended
            && let Ok(panic) = e.try_into_panic()
        {
            let text = vonk_common::planner::panic_message(panic.as_ref());
            return Some(vonk_expr::exec_err(vonk_common::SparkError::internal(text)));
        }
    }
    None
}

fn limited(input: SendableRecordBatchStream, rows: usize) -> SendableRecordBatchStream {
    let schema = input.schema();
    let batches = futures::stream::unfold((input, rows), |(mut input, left)| async move {
        if left == 0 {
            return None;
        }
        match input.next().await? {
            Ok(batch) => {
                let take = batch.num_rows().min(left);
                Some((Ok(batch.slice(0, take)), (input, left - take)))
            }
            Err(e) => Some((Err(e), (input, 0))),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed()))
}

fn adapt(plan: &Arc<dyn ExecutionPlan>, batches: BoxStream<'static, Result<RecordBatch>>) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(plan.schema(), batches))
}

/// Puts [`Gather`] in the place of DataFusion's operator.
#[derive(Debug)]
pub struct GatherInOrder;

/// Sequences (`rand(seed)`, row numbers) go over the rows of all partitions, in order: a projection
/// with one takes its rows gathered.
fn numbered_in_order(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let any: &dyn std::any::Any = node.as_ref();
    let Some(projection) = any.downcast_ref::<ProjectionExec>() else { return Ok(Transformed::no(node)) };
    let many = projection.input().output_partitioning().partition_count() > 1;
    if !many || !projection.expr().iter().any(|e| is_sequence(&e.expr)) {
        return Ok(Transformed::no(node));
    }
    let input = Arc::clone(projection.input());
    let one: Arc<dyn ExecutionPlan> = match input.output_ordering() {
        Some(order) => Arc::new(SortPreservingMergeExec::new(order.clone(), Arc::clone(&input))),
        None => Arc::new(Gather::new(input, None)),
    };
    let partitioning = node.output_partitioning().clone();
    let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    let numbered = node.replace_children(vec![one], anew)?;
    // What stands above may count on the partitioning.
    Ok(Transformed::yes(match partitioning {
        Partitioning::Hash(..) => Arc::new(RepartitionExec::try_new(numbered, partitioning)?),
        _ => numbered,
    }))
}

fn is_sequence(e: &Arc<dyn PhysicalExpr>) -> bool {
    let any: &dyn std::any::Any = e.as_ref();
    let volatile = |f: &ScalarFunctionExpr| f.fun().signature().volatility == Volatility::Volatile;
    any.downcast_ref::<ScalarFunctionExpr>().is_some_and(volatile) || e.children().into_iter().any(is_sequence)
}

impl PhysicalOptimizerRule for GatherInOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn std::any::Any = node.as_ref();
            let Some(coalesce) = any.downcast_ref::<CoalescePartitionsExec>() else {
                return numbered_in_order(node);
            };
            let gather = Gather::new(Arc::clone(coalesce.input()), coalesce.fetch());
            Ok(Transformed::yes(Arc::new(gather)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "gather_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
