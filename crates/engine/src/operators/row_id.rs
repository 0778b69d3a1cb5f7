//! Rows numbered in a last column, as `monotonically_increasing_id` does: the partition's number in the
//! upper bits, the row's below. One of the few operators that look at the index of their partition.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::input_order::InputOrder;
use crate::operators::one_input::one_input;
use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

/// Bits of the row's number in its partition.
const ROW_BITS: u32 = 33;

#[derive(Debug)]
pub struct RowIdExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub column: String,
    /// The order that the rows are numbered in.
    order: InputOrder,
    properties: Arc<PlanProperties>,
}

impl RowIdExec {
    /// Numbers the rows in the order that the input has.
    pub fn new(input: Arc<dyn ExecutionPlan>, column: String) -> Self {
        let order = InputOrder::of(&input);
        RowIdExec::ordered(input, column, order)
    }

    fn ordered(input: Arc<dyn ExecutionPlan>, column: String, order: InputOrder) -> Self {
        let own = input.schema();
        let mut fields: Vec<_> = own.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(&column, Arrow::Int64, true)));
        let number: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&column, own.fields().len()));
        let mut equivalences = EquivalenceProperties::new(Arc::new(Schema::new(fields)));
        if let Some(ordering) = input.output_ordering() {
            equivalences.add_ordering(ordering.clone());
        }
        equivalences.add_ordering([PhysicalSortExpr::new(number, SortOptions::default())]);
        let partitioning = match input.output_partitioning() {
            Partitioning::Hash(exprs, n) => Partitioning::Hash(exprs.clone(), *n),
            other => Partitioning::UnknownPartitioning(other.partition_count()),
        };
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        RowIdExec { input, column, order, properties: Arc::new(properties) }
    }
}

/// The rows with their numbers in a last column. Where a projection drops what its input is sorted by, they are
/// numbered below it: above it nothing tells that they are sorted.
pub fn numbered(input: Arc<dyn ExecutionPlan>, column: String) -> Result<Arc<dyn ExecutionPlan>> {
    let any: &dyn Any = input.as_ref();
    let Some(projection) = any.downcast_ref::<ProjectionExec>().filter(|p| drops_order(p)) else {
        return Ok(Arc::new(RowIdExec::new(input, column)));
    };
    let below = numbered(Arc::clone(projection.input()), column.clone())?;
    let last = below.schema().fields().len().saturating_sub(1);
    let number = ProjectionExpr { expr: Arc::new(Column::new(&column, last)), alias: column };
    let exprs: Vec<ProjectionExpr> = projection.expr().iter().cloned().chain([number]).collect();
    Ok(Arc::new(ProjectionExec::try_new(exprs, below)?))
}

fn drops_order(projection: &ProjectionExec) -> bool {
    let input: &dyn Any = projection.input().as_ref();
    projection.properties().output_ordering().is_none()
        && (projection.input().output_ordering().is_some()
            || input.downcast_ref::<ProjectionExec>().is_some_and(drops_order))
}

impl DisplayAs for RowIdExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowId: {}", self.column)
    }
}

impl ExecutionPlan for RowIdExec {
    one_input!("RowIdExec", |this, input| Ok(RowIdExec::ordered(input, this.column.clone(), this.order.clone())));

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.order.required_distribution()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.order.required_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, schema) = (self.input.execute(partition, context)?, self.schema());
        let to = Arc::clone(&schema);
        let mut next = (partition as i64) << ROW_BITS;
        let batches = input.map(move |batch| {
            let batch = batch?;
            let end = next + batch.num_rows() as i64;
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(Int64Array::from_iter_values(next..end)));
            next = end;
            Ok(RecordBatch::try_new(Arc::clone(&to), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed())))
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let num_rows = inputs.first().map_or(Precision::Absent, |s| s.num_rows);
        Ok(Arc::new(Statistics { num_rows, ..Statistics::new_unknown(&self.schema()) }))
    }
}
