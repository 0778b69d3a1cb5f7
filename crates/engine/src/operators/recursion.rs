//! The physical form of `Recursion`: its part runs anew for each round.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use vonk_analyzer::nodes::recursion::{Recursion, WorkingRows};
use vonk_common::SparkError;
use vonk_expr::exec_err;

use super::no_expressions::no_expressions;
use crate::memory::KEPT_ROWS;

/// How far a recursion may go; any number if negative.
#[derive(Debug, Clone, Copy)]
struct Limits {
    levels: i64,
    rows: i64,
}

#[derive(Debug)]
pub struct RecursionExec {
    anchor: Arc<dyn ExecutionPlan>,
    part: Arc<dyn ExecutionPlan>,
    working: Arc<WorkingRows>,
    limits: Limits,
    properties: Arc<PlanProperties>,
}

impl RecursionExec {
    pub fn new(node: &Recursion, anchor: Arc<dyn ExecutionPlan>, part: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(node.schema.as_arrow().clone())),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let limits = Limits { levels: node.level_limit, rows: node.row_limit };
        let working = Arc::clone(&node.working.0);
        RecursionExec { anchor, part, working, limits, properties: Arc::new(properties) }
    }
}

impl DisplayAs for RecursionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recursion: levels={} rows={}", self.limits.levels, self.limits.rows)
    }
}

impl ExecutionPlan for RecursionExec {
    fn name(&self) -> &str {
        "RecursionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.anchor, &self.part]
    }

    no_expressions!();

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut children = children.into_iter();
        match (children.next(), children.next()) {
            (Some(anchor), Some(part)) => Ok(Arc::new(RecursionExec {
                anchor,
                part,
                working: Arc::clone(&self.working),
                limits: self.limits,
                properties: Arc::clone(&self.properties),
            })),
            _ => Err(DataFusionError::Internal("Recursion has two children".into())),
        }
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition, Distribution::SinglePartition]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rounds = Rounds {
            now: self.anchor.execute(partition, Arc::clone(&context))?,
            part: Arc::clone(&self.part),
            working: Arc::clone(&self.working),
            limits: self.limits,
            schema: self.schema(),
            made: vec![],
            level: 0,
            rows: 0,
            memory: MemoryConsumer::new(KEPT_ROWS).register(context.memory_pool()),
            context,
        };
        let batches = futures::stream::try_unfold(rounds, |mut rounds| async move {
            Ok::<_, DataFusionError>(rounds.next().await?.map(|batch| (batch, rounds)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed())))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// A recursion on its way.
struct Rounds {
    now: SendableRecordBatchStream,
    part: Arc<dyn ExecutionPlan>,
    working: Arc<WorkingRows>,
    limits: Limits,
    schema: SchemaRef,
    /// What the present round has given.
    made: Vec<RecordBatch>,
    /// Rounds begun after the anchor.
    level: i64,
    /// Rows of all rounds.
    rows: i64,
    memory: MemoryReservation,
    context: Arc<TaskContext>,
}

impl Rounds {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.limits.rows >= 0 && self.rows > 0 && self.rows >= self.limits.rows {
                let limit = self.limits.rows;
                return Err(exec_err(SparkError::new("RECURSION_ROW_LIMIT_EXCEEDED").param("rowLimit", limit)));
            }
            match self.now.try_next().await? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => return self.keep(batch).map(Some),
                None if self.made.is_empty() => return Ok(None),
                None => self.begin()?,
            }
        }
    }

    /// The batch under the names of the whole; the next round reads it.
    fn keep(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)?;
        self.memory.try_grow(get_record_batch_memory_size(&batch))?;
        self.rows = self.rows.saturating_add(i64::try_from(batch.num_rows()).unwrap_or(i64::MAX));
        self.made.push(batch.clone());
        Ok(batch)
    }

    /// Begins the next round.
    fn begin(&mut self) -> Result<()> {
        if self.limits.levels >= 0 && self.level >= self.limits.levels {
            let limit = self.limits.levels;
            return Err(exec_err(SparkError::new("RECURSION_LEVEL_LIMIT_EXCEEDED").param("levelLimit", limit)));
        }
        self.level += 1;
        self.memory.free();
        self.working.put(std::mem::take(&mut self.made));
        self.now = reset_plan_states(Arc::clone(&self.part))?.execute(0, Arc::clone(&self.context))?;
        Ok(())
    }
}
