//! The inner half of `Place`: rows with a last column, a number whose hash sends the row to its partition.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType as Arrow, Field, Int64Type, Schema, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use vonk_analyzer::nodes::place::How;
use vonk_expr::random::{Bits, XorShift};

use super::place::{Placing, SMALL_ROWS};
use crate::operators::one_input::one_input;

pub const COLUMN: &str = "placed";
/// Bits of a row's number in its partition, see `RowId`.
const ROW_BITS: u32 = 33;

#[derive(Debug)]
pub struct Targets {
    input: Arc<dyn ExecutionPlan>,
    placing: Placing,
    numbers: Arc<Vec<i64>>,
    properties: Arc<PlanProperties>,
}

impl Targets {
    pub fn new(input: Arc<dyn ExecutionPlan>, placing: Placing) -> Result<Self> {
        let mut fields: Vec<_> = input.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(COLUMN, Arrow::Int64, false)));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(Schema::new(fields))),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let numbers = Arc::new(numbers(placing.partitions)?);
        Ok(Targets { input, placing, numbers, properties: Arc::new(properties) })
    }
}

/// For each partition a number that the exchange sends to it.
fn numbers(partitions: usize) -> Result<Vec<i64>> {
    let schema = Arc::new(Schema::new(vec![Field::new(COLUMN, Arrow::Int64, false)]));
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(COLUMN, 0));
    let mut partitioner = BatchPartitioner::new_hash_partitioner(vec![column], partitions, Time::new())?;
    let mut found: Vec<Option<i64>> = vec![None; partitions];
    let (mut missing, mut next) = (partitions, 0i64);
    while missing > 0 {
        let end = next + 4 * partitions as i64;
        let tried: ArrayRef = Arc::new(Int64Array::from_iter_values(next..end));
        next = end;
        partitioner.partition(RecordBatch::try_new(Arc::clone(&schema), vec![tried])?, |partition, batch| {
            let first = batch.column(0).as_primitive::<Int64Type>().values().first().copied();
            if let Some(slot @ None) = found.get_mut(partition) {
                *slot = first;
                missing -= usize::from(first.is_some());
            }
            Ok(())
        })?;
    }
    Ok(found.into_iter().flatten().collect())
}

impl DisplayAs for Targets {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets: {:?}", self.placing.how)
    }
}

impl ExecutionPlan for Targets {
    one_input!("Targets", |this, input| Targets::new(input, this.placing.clone()));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (schema, placing, numbers) = (self.schema(), self.placing.clone(), Arc::clone(&self.numbers));
        let rows: BoxStream<'static, Result<RecordBatch>> = match placing.how {
            How::ByRange => {
                let schema = Arc::clone(&schema);
                futures::stream::once(by_range(input, placing, numbers, schema)).try_flatten().boxed()
            }
            _ => {
                let to = Arc::clone(&schema);
                input
                    .map(move |batch| {
                        let batch = batch?;
                        let partitions = partitions(&batch, &placing)?;
                        with_numbers(&batch, partitions, &numbers, &to)
                    })
                    .boxed()
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

fn with_numbers(
    batch: &RecordBatch,
    partitions: impl Iterator<Item = usize>,
    numbers: &[i64],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let last = Int64Array::from_iter_values(partitions.map(|p| numbers.get(p).copied().unwrap_or_default()));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(last));
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?)
}

/// The partition of each row, from the column that says it.
fn partitions(batch: &RecordBatch, placing: &Placing) -> Result<impl Iterator<Item = usize>> {
    let column = placing.keys.first().map_or(0, |k| k.column);
    let key = cast(batch.column(column), &Arrow::Int64)?;
    let (n, in_turns) = (placing.partitions as i64, placing.how == How::InTurns);
    let mut start = (-1, 0);
    let keys = key.as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    Ok(keys.into_iter().map(move |key| {
        let key = key.unwrap_or(0);
        if !in_turns {
            return key.rem_euclid(n) as usize;
        }
        // Each partition of the input begins at a place of its own.
        let from = key >> ROW_BITS;
        if start.0 != from {
            start = (from, i64::from(XorShift::new(from).next_below(n as i32)));
        }
        ((start.1 + 1 + (key & ((1 << ROW_BITS) - 1))) % n) as usize
    }))
}

/// Reads enough rows to know the bounds, then numbers all of them.
async fn by_range(
    mut input: SendableRecordBatchStream,
    placing: Placing,
    numbers: Arc<Vec<i64>>,
    schema: SchemaRef,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let fields = placing.keys.iter().map(|k| {
        let options = SortOptions { descending: k.descending, nulls_first: k.nulls_first };
        SortField::new_with_options(input.schema().field(k.column).data_type().clone(), options)
    });
    let converter = RowConverter::new(fields.collect())?;
    let columns: Vec<usize> = placing.keys.iter().map(|k| k.column).collect();
    let mut held = vec![];
    let mut keys: Vec<OwnedRow> = vec![];
    while keys.len() < SMALL_ROWS {
        let Some(batch) = input.next().await else { break };
        let batch = batch?;
        let rows = converter.convert_columns(batch.project(&columns)?.columns())?;
        keys.extend(rows.iter().map(|r| r.owned()));
        held.push(Ok(batch));
    }
    let bounds = bounds(keys, placing.partitions);
    let all = futures::stream::iter(held).chain(input);
    Ok(all
        .map(move |batch| {
            let batch = batch?;
            let rows = converter.convert_columns(batch.project(&columns)?.columns())?;
            let partitions = rows.iter().map(|row| bounds.partition_point(|bound| bound.row() < row));
            with_numbers(&batch, partitions.collect::<Vec<_>>().into_iter(), &numbers, &schema)
        })
        .boxed())
}

/// The last key of each partition but the last: as even as keys that are equal allow.
fn bounds(mut keys: Vec<OwnedRow>, partitions: usize) -> Vec<OwnedRow> {
    keys.sort_unstable();
    let step = keys.len() as f64 / partitions as f64;
    let mut out: Vec<OwnedRow> = vec![];
    let mut target = step;
    for (i, key) in keys.into_iter().enumerate() {
        if out.len() + 1 >= partitions {
            break;
        }
        if (i + 1) as f64 >= target && out.last().is_none_or(|last| *last < key) {
            out.push(key);
            target += step;
        }
    }
    out
}
