//! Rows numbered from 0 in a last column: so that a sort keeps the order of rows with equal keys.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::exec::columns;
use crate::operators::one_input::one_input;

/// Name of the column.
const NUMBER: &str = "#number";

#[derive(Debug)]
pub struct NumberExec {
    pub input: Arc<dyn ExecutionPlan>,
    /// Rows with equal values in these columns are in one partition; all rows, where there are none.
    pub keys: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl NumberExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<usize>) -> Self {
        let own = input.schema();
        let mut fields: Vec<_> = own.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(NUMBER, Arrow::UInt64, true)));
        let schema = Arc::new(Schema::new(fields));
        let number: Arc<dyn PhysicalExpr> = Arc::new(Column::new(NUMBER, own.fields().len()));
        let mut equivalences = EquivalenceProperties::new(schema);
        equivalences.add_ordering([PhysicalSortExpr::new(number, SortOptions::default())]);
        let partitioning = match input.output_partitioning() {
            Partitioning::Hash(exprs, n) => Partitioning::Hash(exprs.clone(), *n),
            other => Partitioning::UnknownPartitioning(other.partition_count()),
        };
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        NumberExec { input, keys, properties: Arc::new(properties) }
    }
}

impl DisplayAs for NumberExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number")
    }
}

impl ExecutionPlan for NumberExec {
    one_input!("NumberExec", |this, input| Ok(NumberExec::new(input, this.keys.clone())));

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![match self.keys.is_empty() {
            true => Distribution::SinglePartition,
            false => Distribution::KeyPartitioned(columns(&self.input.schema(), &self.keys)),
        }]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, schema) = (self.input.execute(partition, context)?, self.schema());
        let to = Arc::clone(&schema);
        let mut next = 0u64;
        let batches = input.map(move |batch| {
            let batch = batch?;
            let end = next + batch.num_rows() as u64;
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(UInt64Array::from_iter_values(next..end)));
            next = end;
            Ok(RecordBatch::try_new(Arc::clone(&to), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed())))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}
