//! The physical form of `Generate`: each input row once per element of an array of structs.
//!
//! Output batches have at most the session's batch size, however many elements a row has.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, RecordBatch, StructArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

#[derive(Debug)]
pub struct GenerateExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub rows: Arc<dyn PhysicalExpr>,
    pub outer: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GenerateExec {
    /// `schema`: the input's columns, then those of the structs.
    pub fn new(input: Arc<dyn ExecutionPlan>, rows: Arc<dyn PhysicalExpr>, outer: bool, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            input.boundedness(),
        );
        GenerateExec { input, rows, outer, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for GenerateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generate: {}, outer={}", self.rows, self.outer)
    }
}

impl ExecutionPlan for GenerateExec {
    fn name(&self) -> &str {
        "GenerateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.rows)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Arc::new(GenerateExec::new(input, Arc::clone(&self.rows), self.outer, self.schema()))),
            None => Err(DataFusionError::Internal("Generate has one child".into())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch_rows = context.session_config().batch_size();
        let input = self.input.execute(partition, context)?;
        let (rows, outer, schema) = (Arc::clone(&self.rows), self.outer, self.schema());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let to = Arc::clone(&schema);
        let batches = input.flat_map(move |batch| {
            let started = batch.and_then(|b| Expansion::new(b, &rows, outer, Arc::clone(&to), batch_rows));
            let metrics = metrics.clone();
            let expansion: Box<dyn Iterator<Item = Result<RecordBatch>> + Send> = match started {
                Ok(expansion) => Box::new(expansion),
                Err(e) => Box::new(std::iter::once(Err(e))),
            };
            futures::stream::iter(expansion.inspect(move |b| {
                if let Ok(b) = b {
                    metrics.record_output(b.num_rows());
                }
            }))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// One input batch on its way to its output batches.
struct Expansion {
    batch: RecordBatch,
    lists: ListArray,
    outer: bool,
    schema: SchemaRef,
    batch_rows: usize,
    /// The next row, and how many of its elements are done.
    row: usize,
    element: usize,
}

impl Expansion {
    fn new(
        batch: RecordBatch,
        rows: &Arc<dyn PhysicalExpr>,
        outer: bool,
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Result<Self> {
        let lists = rows.evaluate(&batch)?.into_array(batch.num_rows())?;
        let lists = lists.as_any().downcast_ref::<ListArray>().cloned();
        let lists = lists.ok_or_else(|| DataFusionError::Internal("a generator gave no list".into()))?;
        Ok(Expansion { batch, lists, outer, schema, batch_rows: batch_rows.max(1), row: 0, element: 0 })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut rows, mut elements) = (vec![], vec![]);
        let offsets = self.lists.value_offsets();
        while self.row < self.batch.num_rows() && rows.len() < self.batch_rows {
            let at = |i: usize| offsets.get(i).copied().unwrap_or(0) as u32;
            let start = at(self.row);
            let length = if self.lists.is_null(self.row) { 0 } else { at(self.row + 1) - start };
            if length == 0 && self.outer {
                rows.push(self.row as u32);
                elements.push(None);
            }
            let left = length as usize - self.element.min(length as usize);
            let now = left.min(self.batch_rows - rows.len().min(self.batch_rows));
            let from = start + self.element as u32;
            rows.extend(std::iter::repeat_n(self.row as u32, now));
            elements.extend((from..from + now as u32).map(Some));
            if now < left {
                self.element += now;
                break;
            }
            self.row += 1;
            self.element = 0;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let rows = UInt32Array::from(rows);
        let elements = UInt32Array::from(elements);
        let columns = self.batch.columns().iter().map(|c| take(c, &rows, None));
        let mut columns: Vec<ArrayRef> = columns.collect::<std::result::Result<_, _>>()?;
        let structs = take(self.lists.values(), &elements, None)?;
        let structs = structs.as_any().downcast_ref::<StructArray>();
        let structs = structs.ok_or_else(|| DataFusionError::Internal("a generator gave no structs".into()))?;
        for column in structs.columns() {
            columns.push(match structs.nulls() {
                None => Arc::clone(column),
                Some(outer) => {
                    let nulls = arrow::buffer::NullBuffer::union(Some(outer), column.nulls());
                    let data = column.to_data().into_builder().nulls(nulls);
                    match column.data_type() {
                        arrow::datatypes::DataType::Null => Arc::clone(column),
                        _ => arrow::array::make_array(data.build()?),
                    }
                }
            });
        }
        let columns = columns.iter().zip(self.schema.fields());
        let columns = columns.map(|(c, f)| crate::exact::retype(c, f.data_type()));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}

impl Iterator for Expansion {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
