//! A planned query and its run.
//!
//! A join that builds a hash table cannot spill. When memory runs out before rows went out, the query
//! is planned again with joins that sort (they spill), and runs once more.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::runtime::Handle;
use tokio::time::Instant;
use vonk_common::planner::{self, Deep};
use vonk_common::{SparkError, SparkResult, wanted};
use vonk_expr::spark_error;
use vonk_plan::types::StructType;

use crate::codec;
use crate::exact;
use crate::memory::is_out_of_memory;
use crate::operators::gather::in_order;
use crate::operators::patient::patient;
use crate::operators::shared::SharedExec;
use crate::operators::stoppable::stoppable;
use crate::progress::Progress;
use crate::session::Session;
use crate::state;

/// A query that is planned and can run.
pub struct Prepared {
    pub schema: StructType,
    pub plan: Arc<dyn ExecutionPlan>,
    pub progress: Arc<Progress>,
    pub session: Arc<Session>,
    logical: Arc<Deep<LogicalPlan>>,
    state: Arc<SessionState>,
}

/// The rows of a query: batches with exactly the Arrow form of `schema`.
pub struct ResultStream {
    pub schema: StructType,
    pub arrow_schema: SchemaRef,
    pub progress: Arc<Progress>,
    pub batches: BoxStream<'static, SparkResult<RecordBatch>>,
}

impl ResultStream {
    /// All batches, for small results.
    pub async fn collect(self) -> SparkResult<Vec<RecordBatch>> {
        self.batches.try_collect().await
    }
}

/// Optimises and plans on a planner thread.
pub async fn physical_plan(
    state: Arc<SessionState>,
    logical: Arc<Deep<LogicalPlan>>,
) -> SparkResult<Arc<dyn ExecutionPlan>> {
    let runtime = Handle::current();
    let work = planner::run(move || {
        let plan = logical.get().ok_or_else(|| SparkError::internal("the plan is gone"))?;
        let large = state::is_large(plan).then(|| Arc::new(state::for_large_plans(&state)));
        let state = large.unwrap_or(state);
        let planned = async { state.create_physical_plan(plan).await.map_err(spark_error) };
        runtime.block_on(wanted::while_wanted(planned))
    });
    work.await?
}

/// The plan as it runs here: it looks no further than a NULL, and stops when nobody wants what this task is doing.
pub fn running(plan: Arc<dyn ExecutionPlan>) -> SparkResult<Arc<dyn ExecutionPlan>> {
    let plan = patient(plan).map_err(spark_error)?;
    match wanted::current() {
        Some(wanted) => stoppable(plan, &wanted).map_err(spark_error),
        None => Ok(plan),
    }
}

impl Prepared {
    pub(crate) async fn plan(session: Arc<Session>, plan: LogicalPlan, schema: StructType) -> SparkResult<Self> {
        let state = session.state();
        let logical = Arc::new(Deep::new(plan));
        let plan = physical_plan(Arc::clone(&state), Arc::clone(&logical)).await?;
        let plan = match session.server.recode_plans {
            true => {
                let conf = session.conf();
                let fresh =
                    state::build(&session.server, &conf, &session.id, session.python_environment(&conf)).task_ctx();
                planner::run(move || codec::recode(plan, &fresh)).await??
            }
            false => plan,
        };
        let plan = running(plan)?;
        Ok(Prepared { schema, plan, progress: Arc::default(), session, logical, state })
    }

    /// DataFusion's logical plan, before optimisation.
    pub fn logical(&self) -> Option<&LogicalPlan> {
        self.logical.get()
    }

    pub fn state(&self) -> &Arc<SessionState> {
        &self.state
    }

    /// A context for running plans of this query.
    pub fn task_context(&self) -> Arc<TaskContext> {
        self.state.task_ctx()
    }

    /// The rows of each partition by itself, as the engine has them inside.
    pub fn run_partitions(&self) -> SparkResult<Vec<SendableRecordBatchStream>> {
        self.progress.started(&self.plan);
        let context = self.task_context();
        let partitions = self.plan.properties().output_partitioning().partition_count();
        (0..partitions).map(|p| self.plan.execute(p, Arc::clone(&context)).map_err(spark_error)).collect()
    }

    /// The rows as the engine has them inside: no exact schema, no re-planning.
    pub fn run_raw(&self) -> SparkResult<SendableRecordBatchStream> {
        self.progress.started(&self.plan);
        in_order(&self.plan, &self.task_context()).map_err(spark_error)
    }

    /// Starts the query.
    pub fn run(self) -> SparkResult<ResultStream> {
        let schema = self.schema.clone();
        let progress = Arc::clone(&self.progress);
        let arrow_schema = exact::exact_schema(&schema);
        let first = self.run_raw()?;
        let exact_schema = Arc::clone(&arrow_schema);
        let counters = Arc::clone(&progress);
        let spark = schema.clone();
        let batches = futures::stream::once(with_second_chance(self, first)).try_flatten();
        let batches = batches
            .map(move |batch| {
                let batch = batch?;
                let exact = exact::exact_batch(&batch, &spark, &exact_schema);
                let pieces = exact::split(exact.map_err(|e| spark_error(e.into()))?);
                for piece in &pieces {
                    counters.put_out(piece.num_rows(), piece.get_array_memory_size());
                }
                Ok::<_, SparkError>(futures::stream::iter(pieces.into_iter().map(Ok)))
            })
            .try_flatten();
        let counters = Arc::clone(&progress);
        let end = futures::stream::poll_fn(move |_| {
            counters.finished();
            std::task::Poll::Ready(None)
        });
        Ok(ResultStream { schema, arrow_schema, progress, batches: batches.chain(end).boxed() })
    }
}

/// How much of a result is held back, and for how long, as long as a hash table may still fail to be
/// built by another partition.
const HELD_BYTES: usize = 8 << 20;
const HELD_FOR: Duration = Duration::from_secs(1);

/// The stream, or that of a second plan when the first runs out of memory before its rows went out.
async fn with_second_chance(
    query: Prepared,
    mut first: SendableRecordBatchStream,
) -> SparkResult<BoxStream<'static, SparkResult<RecordBatch>>> {
    if !has_hash_join(&query.plan) {
        return Ok(first.map_err(spark_error).boxed());
    }
    let mut held = vec![];
    let mut bytes = 0;
    let mut until = None;
    while bytes < HELD_BYTES {
        let next = match until {
            None => first.next().await,
            Some(until) => match tokio::time::timeout_at(until, first.next()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        match next {
            Some(Err(e)) if is_out_of_memory(&e) => {
                drop((held, first));
                memory_settles(&query.state).await;
                log::info!("a hash join does not fit in memory, planning again with sort-merge joins: {e}");
                let state = Arc::new(state::without_hash_joins(&query.state));
                let plan = running(physical_plan(Arc::clone(&state), Arc::clone(&query.logical)).await?)?;
                query.progress.started(&plan);
                let second = in_order(&plan, &state.task_ctx()).map_err(spark_error)?;
                return Ok(second.map_err(spark_error).boxed());
            }
            Some(batch) => {
                bytes += batch.as_ref().map_or(HELD_BYTES, RecordBatch::get_array_memory_size);
                until.get_or_insert_with(|| Instant::now() + HELD_FOR);
                held.push(batch);
            }
            None => break,
        }
    }
    Ok(futures::stream::iter(held).chain(first).map_err(spark_error).boxed())
}

/// Waits, a second at most, until the tasks of a query that was dropped have given their memory back:
/// they end at their next await, not at once.
async fn memory_settles(state: &SessionState) {
    const PAUSE: Duration = Duration::from_millis(20);
    let pool = &state.runtime_env().memory_pool;
    let (mut last, mut same) = (pool.reserved(), 0);
    for _ in 0..50 {
        tokio::time::sleep(PAUSE).await;
        let now = pool.reserved();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if now == 0 || same >= 10 {
            break;
        }
    }
}

fn has_hash_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = plan.as_ref();
    let shared = any.downcast_ref::<SharedExec>().is_some_and(|s| has_hash_join(&s.input));
    shared || plan.name() == "HashJoinExec" || plan.children().into_iter().any(has_hash_join)
}
