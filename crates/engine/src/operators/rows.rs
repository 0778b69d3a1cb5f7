//! Operators that choose whole rows by position or chance: `Tail` and `Sample`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, OrderingRequirements};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use vonk_expr::poisson::Poisson;
use vonk_expr::random::{Bits, JavaRandom, XorShift};

use super::gather::in_order;
use super::input_order::InputOrder;
use crate::operators::one_input::one_input;

/// Which rows stay.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Choice {
    /// The last rows of all partitions.
    Tail(usize),
    /// Those whose random number falls into the range.
    /// `sorted`: the order of each partition's rows is to be kept.
    Sample { lower: f64, upper: f64, with_replacement: bool, seed: i64, sorted: bool },
}

#[derive(Debug)]
pub struct ChooseExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub choice: Choice,
    order: InputOrder,
    properties: Arc<PlanProperties>,
}

impl ChooseExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, choice: Choice) -> Self {
        let order = InputOrder::of(&input);
        ChooseExec::ordered(input, choice, order)
    }

    fn ordered(input: Arc<dyn ExecutionPlan>, choice: Choice, order: InputOrder) -> Self {
        let partitions = match choice {
            Choice::Tail(_) => 1,
            Choice::Sample { .. } => input.output_partitioning().partition_count(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(partitions),
            if partitions == 1 { EmissionType::Final } else { EmissionType::Incremental },
            input.boundedness(),
        );
        ChooseExec { input, choice, order, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ChooseExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.choice)
    }
}

impl ExecutionPlan for ChooseExec {
    one_input!("ChooseExec", |this, input| Ok(ChooseExec::ordered(input, this.choice, this.order.clone())));

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.order.required_ordering()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.order.required_distribution()
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let batches = match self.choice {
            Choice::Tail(rows) => {
                let input = in_order(&self.input, &context)?;
                let last = futures::stream::once(last_rows(input, rows));
                last.flat_map(|all| match all {
                    Ok(batches) => futures::stream::iter(batches.into_iter().map(Ok).collect::<Vec<_>>()),
                    Err(e) => futures::stream::iter(vec![Err(e)]),
                })
                .boxed()
            }
            Choice::Sample { lower, upper, with_replacement, seed, .. } => {
                let input = self.input.execute(partition, context)?;
                let mut random = XorShift::new(seed.wrapping_add(partition as i64));
                let mut seeds = JavaRandom::new(seed);
                let own = (0..=partition).fold(0, |_, _| seeds.next_long());
                let mut counts = Poisson::new(upper - lower, own);
                input
                    .map(move |batch| {
                        let batch = batch?;
                        Ok(if with_replacement {
                            let rows =
                                (0..batch.num_rows() as u32).flat_map(|row| std::iter::repeat_n(row, counts.sample()));
                            take_rows(&batch, &rows.collect::<UInt32Array>())?
                        } else {
                            let keep = (0..batch.num_rows()).map(|_| {
                                let x = random.next_double();
                                Some(lower <= x && x < upper)
                            });
                            filter_record_batch(&batch, &keep.collect::<BooleanArray>())?
                        })
                    })
                    .boxed()
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// The rows of these numbers, also of a batch without columns.
pub fn take_rows(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch> {
    if batch.num_columns() > 0 {
        return Ok(take_record_batch(batch, rows)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), vec![], &options)?)
}

/// The last rows of a stream, holding no more batches than they are in.
async fn last_rows(mut input: SendableRecordBatchStream, rows: usize) -> Result<Vec<RecordBatch>> {
    let mut held: VecDeque<RecordBatch> = VecDeque::new();
    let mut count = 0;
    while let Some(batch) = input.next().await {
        let batch = batch?;
        count += batch.num_rows();
        held.push_back(batch);
        while held.front().is_some_and(|first| count - first.num_rows() >= rows) {
            count -= held.pop_front().map_or(0, |b| b.num_rows());
        }
    }
    if let Some(first) = held.front_mut() {
        let extra = count.saturating_sub(rows);
        *first = first.slice(extra, first.num_rows() - extra);
    }
    Ok(held.into())
}
