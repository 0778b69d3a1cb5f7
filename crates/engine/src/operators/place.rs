//! Rows put into the partitions that Spark puts them into (see the analyzer's `Place`).
//!
//! DataFusion's exchange moves the rows: it spills and pushes back. It sends a row where the hash of a number
//! says, so each row gets a number whose hash is the partition wanted. A small input is gathered first, so
//! that the rows of a partition keep their order.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use vonk_analyzer::nodes::place::How;
use vonk_analyzer::relation::range;

use super::gather::{Gather, parts_in_order};
use super::input_order::InputOrder;
use super::row_id::RowIdExec;
use super::targets::Targets;
use crate::operators::one_input::one_input;

/// Inputs of at most so many rows keep their order.
pub const SMALL_ROWS: usize = 100_000;

/// What the operator does, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placing {
    #[serde(with = "HowMessage")]
    pub how: How,
    pub keys: Vec<Key>,
    pub partitions: usize,
    /// Partitions that come out: fewer if the number was not asked for.
    pub shown: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "How")]
enum HowMessage {
    Coalesce,
    ByNumber,
    InTurns,
    ByRange,
}

/// A column by its number, and its order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub column: usize,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug)]
pub struct PlaceExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub placing: Placing,
    order: InputOrder,
    /// The exchange; its last column is to be dropped. None where the input's partitions only come together.
    exchange: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl PlaceExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, placing: Placing) -> Result<Self> {
        let order = InputOrder::of(&input);
        PlaceExec::ordered(input, placing, order)
    }

    fn ordered(input: Arc<dyn ExecutionPlan>, placing: Placing, order: InputOrder) -> Result<Self> {
        let has = input.output_partitioning().partition_count();
        let exchange = match placing.how {
            How::Coalesce => None,
            _ => Some(exchange(&input, &placing)?),
        };
        let shown = match placing.how {
            How::Coalesce => placing.shown.min(has).max(1),
            _ => placing.shown,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(shown),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(PlaceExec { input, placing, order, exchange, properties: Arc::new(properties) })
    }
}

type Batches = BoxStream<'static, Result<RecordBatch>>;

/// The rows in batches of the usual size: a partition is made of many small ones.
fn merged(input: Batches, schema: SchemaRef, rows: usize) -> Batches {
    let state = (Some(input), BatchCoalescer::new(schema, rows));
    let batches = futures::stream::try_unfold(state, |(mut input, mut pieces)| async move {
        loop {
            if let Some(whole) = pieces.next_completed_batch() {
                return Ok(Some((whole, (input, pieces))));
            }
            let Some(open) = input.as_mut() else { return Ok(None) };
            match open.try_next().await? {
                Some(piece) => pieces.push_batch(piece)?,
                None => {
                    pieces.finish_buffered_batch()?;
                    input = None;
                }
            }
        }
    });
    batches.boxed()
}

/// Is the operator known to give few rows?
pub fn is_small(plan: &Arc<dyn ExecutionPlan>, most: usize) -> bool {
    known_rows(plan).is_some_and(|rows| rows <= most)
}

/// The rows that the operator gives, as far as they are known, or at most gives.
pub fn known_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let any: &dyn Any = plan.as_ref();
    if let Some(parts) = range::parts(any) {
        return usize::try_from(parts.iter().map(|p| p.rows.end - p.rows.start).sum::<i128>()).ok();
    }
    let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok();
    let known = known.and_then(|s| s.num_rows.get_value().copied());
    let passes = matches!(plan.cardinality_effect(), CardinalityEffect::Equal | CardinalityEffect::LowerEqual)
        || any.is::<RowIdExec>()
        || any.is::<PlaceExec>();
    match (known, passes, plan.children().as_slice()) {
        (None, true, [child]) => known_rows(child),
        _ => known,
    }
}

fn exchange(input: &Arc<dyn ExecutionPlan>, placing: &Placing) -> Result<Arc<dyn ExecutionPlan>> {
    let one = input.output_partitioning().partition_count() == 1;
    let gathered = !one && (placing.how == How::ByRange || is_small(input, SMALL_ROWS));
    let input = if gathered { Arc::new(Gather::new(Arc::clone(input), None)) } else { Arc::clone(input) };
    let targets = Arc::new(Targets::new(input, placing.clone())?);
    if placing.partitions == 1 {
        return Ok(Arc::new(Gather::new(targets, None)));
    }
    let last = targets.schema().fields().len() - 1;
    let number: Arc<dyn PhysicalExpr> = Arc::new(Column::new(super::targets::COLUMN, last));
    Ok(Arc::new(RepartitionExec::try_new(targets, Partitioning::Hash(vec![number], placing.partitions))?))
}

impl DisplayAs for PlaceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place: {:?} {}", self.placing.how, self.placing.partitions)
    }
}

impl ExecutionPlan for PlaceExec {
    one_input!("PlaceExec", |this, input| PlaceExec::ordered(input, this.placing.clone(), this.order.clone()));

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.order.required_ordering()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.order.required_distribution()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let source = self.exchange.as_ref().unwrap_or(&self.input);
        let (has, shown) =
            (source.output_partitioning().partition_count(), self.properties.partitioning.partition_count());
        let parts = partition * has / shown..(partition + 1) * has / shown;
        let rows = parts_in_order(source, parts, &context)?;
        let schema: SchemaRef = self.schema();
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let rows = rows.map(move |batch| Ok(batch?.project(&columns)?)).boxed();
        let rows = match schema.fields().is_empty() {
            true => rows,
            false => merged(rows, Arc::clone(&schema), context.session_config().batch_size()),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().cloned().unwrap_or_else(|| Arc::new(Statistics::new_unknown(&self.schema()))))
    }
}
