//! Reads the partitions of a data source written in Python.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;
use vonk_common::SparkResult;
use vonk_expr::arrow_types::to_arrow_schema;
use vonk_python::{Frame, Task};

use super::align::{Held, alone};
use super::session::PythonSession;
use crate::operators::leaf::leaf;

#[derive(Debug)]
pub struct PythonScan {
    pub task: Arc<Task>,
    /// The pickled partitions that each of ours reads.
    pub runs: Vec<Vec<Arc<[u8]>>>,
    pub projection: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl PythonScan {
    pub fn new(task: Arc<Task>, runs: Vec<Vec<Arc<[u8]>>>, projection: Vec<usize>) -> Result<Self> {
        let schema = Arc::new(to_arrow_schema(&task.output).project(&projection)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(runs.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(PythonScan { task, runs, projection, properties: Arc::new(properties) })
    }
}

impl DisplayAs for PythonScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.task.functions.first().map(|f| f.name.as_str()).unwrap_or_default();
        write!(f, "PythonScan: {name}, partitions={}", self.runs.iter().map(Vec::len).sum::<usize>())
    }
}

impl ExecutionPlan for PythonScan {
    fn name(&self) -> &str {
        "PythonScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let session = PythonSession::of(context.session_config())?;
        let run = self.runs.get(partition).cloned().unwrap_or_default();
        let memory = MemoryConsumer::new(format!("PythonScan[{partition}]")).register(context.memory_pool());
        let held = Held::new(memory);
        // A frame a partition: workers may be stopped between them.
        let frames = futures::stream::iter(run).map(|part| -> SparkResult<Frame> {
            let column: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&part]));
            let schema = Arc::new(Schema::new(vec![Field::new("partition", Arrow::Binary, true)]));
            let batch = RecordBatch::try_new(schema, vec![column]);
            batch.map(Frame::rows).map_err(|e| vonk_expr::spark_error(e.into()))
        });
        let results = session.pool.run(Arc::clone(&self.task), frames.boxed());
        let full = Arc::new(to_arrow_schema(&self.task.output));
        let (projection, schema) =
            (self.projection.clone(), Arc::clone(self.properties.equivalence_properties().schema()));
        let to = Arc::clone(&schema);
        let batches = alone(held, results, full).map(move |batch| {
            let batch = batch?;
            let columns = projection.iter().map(|i| Arc::clone(batch.column(*i))).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&to), columns, &options).map_err(DataFusionError::from)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed())))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}
