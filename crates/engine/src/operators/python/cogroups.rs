//! The operator of two inputs: groups of the same key, side by side.
//!
//! Both inputs are partitioned and sorted by their keys, and merged: a group that the other side does
//! not have stands beside none of its rows.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{SortOptions, concat_batches};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use vonk_common::SparkResult;
use vonk_expr::arrow_types::to_arrow;
use vonk_python::{Frame, Task};

use super::align::{Held, alone};
use super::exec::{columns, ordering};
use super::groups::{WholeGroups, ranges, whole_groups};
use super::session::PythonSession;
use crate::operators::no_expressions::no_expressions;

/// One side: positions of its columns.
#[derive(Debug, Clone)]
pub struct SideColumns {
    pub sent: Vec<usize>,
    pub keys: Vec<usize>,
    pub order: Vec<(usize, SortOptions)>,
    /// The column with the rows' numbers: the last key of that order.
    pub number: Option<usize>,
}

#[derive(Debug)]
pub struct CoGroupsExec {
    pub inputs: [Arc<dyn ExecutionPlan>; 2],
    pub sides: [SideColumns; 2],
    pub task: Arc<Task>,
    /// Names of the result columns.
    pub results: Vec<String>,
    properties: Arc<PlanProperties>,
}

impl CoGroupsExec {
    pub fn new(
        inputs: [Arc<dyn ExecutionPlan>; 2],
        sides: [SideColumns; 2],
        task: Arc<Task>,
        results: Vec<String>,
    ) -> Self {
        let fields = task.output.fields.iter().zip(&results);
        let fields: Vec<Field> = fields.map(|(f, n)| Field::new(n, to_arrow(&f.data_type), true)).collect();
        let [left, _] = &inputs;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(Schema::new(fields))),
            Partitioning::UnknownPartitioning(left.output_partitioning().partition_count()),
            EmissionType::Incremental,
            left.boundedness(),
        );
        CoGroupsExec { inputs, sides, task, results, properties: Arc::new(properties) }
    }
}

impl DisplayAs for CoGroupsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CoGroups: type={}", self.task.eval_type)
    }
}

impl ExecutionPlan for CoGroupsExec {
    fn name(&self) -> &str {
        "CoGroupsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let sides = self.inputs.iter().zip(&self.sides);
        sides
            .map(|(input, side)| match side.keys.is_empty() {
                true => Distribution::SinglePartition,
                false => Distribution::KeyPartitioned(columns(&input.schema(), &side.keys)),
            })
            .collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let sides = self.inputs.iter().zip(&self.sides);
        sides
            .map(|(input, side)| {
                let keys = side.keys.iter().map(|k| (*k, SortOptions::default()));
                let number = side.number.map(|n| (n, SortOptions::default()));
                ordering(&input.schema(), keys.chain(side.order.iter().copied()).chain(number))
            })
            .collect()
    }

    no_expressions!();

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let inputs: [Arc<dyn ExecutionPlan>; 2] =
            children.try_into().map_err(|_| DataFusionError::Internal("CoGroups has two children".into()))?;
        Ok(Arc::new(CoGroupsExec::new(inputs, self.sides.clone(), Arc::clone(&self.task), self.results.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let session = PythonSession::of(context.session_config())?;
        let rows = context.session_config().batch_size();
        let memory =
            |what: &str| MemoryConsumer::new(format!("Python{what}[{partition}]")).register(context.memory_pool());
        let schema = self.schema();
        let held = Held::new(memory("Rows"));
        let mut sides = Vec::with_capacity(2);
        for (input, side) in self.inputs.iter().zip(&self.sides) {
            let stream = input.execute(partition, Arc::clone(&context))?;
            sides.push(Side::new(
                input.schema(),
                whole_groups(stream, side.keys.clone(), rows, memory("Groups")),
                side,
            )?);
        }
        let (Some(right), Some(left)) = (sides.pop(), sides.pop()) else {
            return Err(DataFusionError::Internal("CoGroups has two inputs".into()));
        };
        let frames = merged(left, right, rows, Arc::clone(&held));
        let results = session.pool.run(Arc::clone(&self.task), frames);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), alone(held, results, schema))))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// One input on its way: its next groups, with their keys in a form that compares.
struct Side {
    input: WholeGroups,
    schema: SchemaRef,
    columns: SideColumns,
    converter: RowConverter,
    /// Without keys all rows are one group.
    next: VecDeque<(Option<OwnedRow>, RecordBatch)>,
    ended: bool,
}

impl Side {
    fn new(schema: SchemaRef, input: WholeGroups, columns: &SideColumns) -> Result<Self> {
        let fields = columns.keys.iter().filter_map(|k| schema.fields().get(*k));
        let converter = RowConverter::new(fields.map(|f| SortField::new(f.data_type().clone())).collect())?;
        let sent = Arc::new(schema.project(&columns.sent)?);
        Ok(Side { input, schema: sent, columns: columns.clone(), converter, next: VecDeque::new(), ended: false })
    }

    /// Makes the next group ready, if there is one.
    async fn look(&mut self) -> Result<()> {
        while self.next.is_empty() && !self.ended {
            let Some(piece) = self.input.next().await else {
                self.ended = true;
                break;
            };
            let (batch, ends) = piece?;
            let keys = batch.project(&self.columns.keys)?;
            let rows = match keys.num_columns() {
                0 => None,
                _ => Some(self.converter.convert_columns(keys.columns())?),
            };
            let sent = batch.project(&self.columns.sent)?;
            for range in ranges(&ends) {
                let key = rows.as_ref().map(|rows| rows.row(range.start).owned());
                self.next.push_back((key, sent.slice(range.start, range.len())));
            }
        }
        Ok(())
    }
}

/// Some groups of both sides in one frame.
struct Merge {
    left: Side,
    right: Side,
    rows: usize,
}

impl Merge {
    async fn next(&mut self) -> Result<Option<Frame>> {
        let (mut lefts, mut rights) = (vec![], vec![]);
        let (mut left_ends, mut right_ends) = (vec![], vec![]);
        let (mut l, mut r) = (0u32, 0u32);
        while ((l + r) as usize) < self.rows || left_ends.is_empty() {
            self.left.look().await?;
            self.right.look().await?;
            let order = match (self.left.next.front(), self.right.next.front()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            if order != Ordering::Greater
                && let Some((_, batch)) = self.left.next.pop_front()
            {
                l += batch.num_rows() as u32;
                lefts.push(batch);
            }
            if order != Ordering::Less
                && let Some((_, batch)) = self.right.next.pop_front()
            {
                r += batch.num_rows() as u32;
                rights.push(batch);
            }
            left_ends.push(l);
            right_ends.push(r);
        }
        if left_ends.is_empty() {
            return Ok(None);
        }
        let left = concat_batches(&self.left.schema, &lefts)?;
        let right = concat_batches(&self.right.schema, &rights)?;
        Ok(Some(Frame { left, ends: left_ends, right: Some((right, right_ends)) }))
    }
}

fn merged(left: Side, right: Side, rows: usize, held: Arc<Held>) -> BoxStream<'static, SparkResult<Frame>> {
    let merge = Merge { left, right, rows };
    stream::unfold((merge, held), |(mut merge, held)| async move {
        let frame = merge.next().await.map_err(|e| held.fail(e)).transpose()?;
        Some((frame, (merge, held)))
    })
    .boxed()
}
