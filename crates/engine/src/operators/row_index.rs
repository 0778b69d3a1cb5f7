//! Where rows stand in their Parquet file: put into the `_metadata` column of a scan.
//!
//! Partitions of the scan are whole files, one after the other, that nothing is left out of: filters stay above this
//! operator, which says nothing about them. So a row stands where it comes. A batch is of one file.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StructArray};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::leaf::leaf;
use crate::source::metadata::{FILE_PATH, ROW_INDEX};

/// The operator: a leaf, so that nothing comes between it and the scan.
#[derive(Debug)]
pub struct RowIndexExec {
    pub scan: Arc<dyn ExecutionPlan>,
    /// Where the `_metadata` column stands.
    pub column: usize,
}

impl RowIndexExec {
    pub fn new(scan: Arc<dyn ExecutionPlan>, column: usize) -> Self {
        RowIndexExec { scan, column }
    }
}

impl DisplayAs for RowIndexExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt_as(t, f)
    }
}

impl ExecutionPlan for RowIndexExec {
    fn name(&self) -> &str {
        "RowIndexExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.scan.execute(partition, context)?;
        let (schema, column) = (input.schema(), self.column);
        let mut place = Place::default();
        let numbered = input.map(move |batch| place.numbered(batch?, column));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, numbered)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.scan.metrics()
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.scan.statistics_from_inputs(inputs, args)
    }
}

/// How far the rows of a partition have come.
#[derive(Default)]
struct Place {
    file: Option<String>,
    next: i64,
}

impl Place {
    /// The batch with the numbers of its rows.
    fn numbered(&mut self, batch: RecordBatch, column: usize) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        let missing = || DataFusionError::Internal("no column about files".into());
        let about = columns.get_mut(column).ok_or_else(missing)?;
        let fields = about.as_struct_opt().ok_or_else(missing)?;
        let paths = fields.column_by_name(FILE_PATH).and_then(|p| p.as_string_opt::<i32>()).ok_or_else(missing)?;
        let Some(path) = paths.iter().next().flatten() else { return Ok(batch) };
        if self.file.as_deref() != Some(path) {
            *self = Place { file: Some(path.to_string()), next: 0 };
        }
        let end = self.next + i64::try_from(batch.num_rows()).unwrap_or_default();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(self.next..end));
        self.next = end;
        let parts = fields.fields().iter().zip(fields.columns()).map(|(field, part)| match field.name().as_str() {
            ROW_INDEX => Arc::clone(&numbers),
            _ => Arc::clone(part),
        });
        *about = Arc::new(StructArray::try_new(fields.fields().clone(), parts.collect(), fields.nulls().cloned())?);
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }
}
