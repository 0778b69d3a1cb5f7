//! Rows with equal keys next to each other, the groups in the order of their keys.
//!
//! What a sort by the keys would give, in linear time ([`super::regroup`]) as long as the partition fits
//! into memory; when it does not, the rows are numbered and sorted, and the sort spills.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::exec::columns;
use super::number::NumberExec;
use super::regroup::Rows;
use crate::operators::one_input::one_input;

#[derive(Debug)]
pub struct ClusterExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub keys: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl ClusterExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<usize>) -> Self {
        let mut equivalences = EquivalenceProperties::new(input.schema());
        equivalences.add_ordering(by(&input.schema(), &keys));
        let properties = PlanProperties::new(
            equivalences,
            input.output_partitioning().clone(),
            EmissionType::Final,
            input.boundedness(),
        );
        ClusterExec { input, keys, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ClusterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = columns(&self.input.schema(), &self.keys).iter().map(ToString::to_string).collect();
        write!(f, "Cluster: [{}]", keys.join(", "))
    }
}

impl ExecutionPlan for ClusterExec {
    one_input!("ClusterExec", |this, input| Ok(ClusterExec::new(input, this.keys.clone())));

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::KeyPartitioned(columns(&self.input.schema(), &self.keys))]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let memory = MemoryConsumer::new(format!("Cluster[{partition}]")).register(context.memory_pool());
        let rows = Rows::new(&schema, self.keys.clone(), memory)?;
        let made = clustered(input, rows, self.keys.clone(), context);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(made).try_flatten())))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

fn by(schema: &SchemaRef, keys: &[usize]) -> impl Iterator<Item = PhysicalSortExpr> {
    columns(schema, keys).into_iter().map(|key| PhysicalSortExpr::new(key, SortOptions::default()))
}

async fn clustered(
    mut input: SendableRecordBatchStream,
    mut rows: Rows,
    keys: Vec<usize>,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = input.schema();
    while let Some(batch) = input.next().await {
        match rows.add(batch?) {
            Ok(()) => {}
            Err(DataFusionError::ResourcesExhausted(_)) => {
                let so_far = stream::iter(rows.into_batches().into_iter().map(Ok));
                return sorted(Box::pin(RecordBatchStreamAdapter::new(schema, so_far.chain(input))), &keys, context);
            }
            Err(e) => return Err(e),
        }
    }
    let size = context.session_config().batch_size();
    let pieces = stream::iter(rows.finish()?);
    let batches = pieces.map_ok(move |piece| stream::iter(cut(&piece, size).map(Ok).collect::<Vec<_>>())).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

/// The batch in slices of so many rows.
fn cut(batch: &RecordBatch, size: usize) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(size.max(1)).map(move |at| batch.slice(at, size.min(rows - at)))
}

/// The rows sorted by their keys and as they came.
fn sorted(
    input: SendableRecordBatchStream,
    keys: &[usize],
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = input.schema();
    let rest = Arc::new(Rest { schema: Arc::clone(&schema), stream: Mutex::new(Some(input)) });
    let rest = StreamingTableExec::try_new(Arc::clone(&schema), vec![rest], None, None::<LexOrdering>, false, None)?;
    let numbered = Arc::new(NumberExec::new(Arc::new(rest), vec![]));
    let number = schema.fields().len();
    let all: Vec<usize> = keys.iter().copied().chain([number]).collect();
    let order = LexOrdering::new(by(&numbered.schema(), &all))
        .ok_or_else(|| DataFusionError::Internal("rows are clustered by at least one key".into()))?;
    let sorted = SortExec::new(order, numbered);
    let own = columns(&schema, &(0..number).collect::<Vec<_>>());
    let own = own.into_iter().zip(schema.fields().iter().map(|f| f.name().clone()));
    ProjectionExec::try_new(own.collect::<Vec<_>>(), Arc::new(sorted))?.execute(0, context)
}

/// Rows that are already on their way.
struct Rest {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl PartitionStream for Rest {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let none = || Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::empty()));
        self.stream.lock().take().unwrap_or_else(|| none())
    }
}
