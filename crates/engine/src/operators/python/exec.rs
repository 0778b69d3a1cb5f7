//! The operator of one input.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::SortOptions;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Result, Statistics};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortRequirement,
};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use vonk_analyzer::nodes::python::PythonKind;
use vonk_common::SparkResult;
use vonk_python::{Frame, Task};

use super::align::{Held, Results, alone, beside, numbered};
use super::groups::{Boundaries, first_rows, whole_groups};
use super::session::PythonSession;
use super::windows;
use crate::operators::one_input::one_input;

/// What the operator does: plain data. Columns are positions in the input.
#[derive(Debug, Clone)]
pub struct Work {
    pub kind: PythonKind,
    pub task: Arc<Task>,
    pub sent: Vec<usize>,
    pub keys: Vec<usize>,
    /// Keys of the order within a group.
    pub order: Vec<(usize, SortOptions)>,
    /// The column with the rows' numbers: the last key of that order.
    pub number: Option<usize>,
    /// All rows are one group.
    pub single: bool,
    /// Names of the result columns.
    pub results: Vec<String>,
}

impl Work {
    /// The input's columns that the results stand beside.
    fn held(&self, input: &Schema) -> Vec<usize> {
        match &self.kind {
            PythonKind::Aggregate => self.keys.clone(),
            kind if kind.has_input_columns() => (0..input.fields().len()).filter(|i| Some(*i) != self.number).collect(),
            _ => vec![],
        }
    }

    /// The columns of the output over an input.
    fn schema(&self, input: &Schema) -> SchemaRef {
        let own = self.held(input);
        let mut fields: Vec<Field> = own.iter().filter_map(|i| input.fields().get(*i)).map(|f| (**f).clone()).collect();
        let new = self.task.output.fields.iter().zip(&self.results);
        fields.extend(new.map(|(f, name)| Field::new(name, vonk_expr::arrow_types::to_arrow(&f.data_type), true)));
        Arc::new(Schema::new(fields))
    }
}

#[derive(Debug)]
pub struct PythonExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub work: Work,
    properties: Arc<PlanProperties>,
}

impl PythonExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, work: Work) -> Self {
        let schema = work.schema(&input.schema());
        let mut equivalences = EquivalenceProperties::new(schema);
        if matches!(work.kind, PythonKind::Scalar)
            && let Some(ordering) = input.output_ordering()
        {
            equivalences.add_ordering(ordering.clone());
        }
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            input.boundedness(),
        );
        PythonExec { input, work, properties: Arc::new(properties) }
    }
}

impl DisplayAs for PythonExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.work.task.functions.iter().map(|f| f.name.as_str()).collect();
        write!(f, "Python: {}, type={}", names.join(", "), self.work.task.eval_type)
    }
}

impl ExecutionPlan for PythonExec {
    one_input!("PythonExec", |this, input| Ok(PythonExec::new(input, this.work.clone())));

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let schema = self.input.schema();
        vec![match (self.work.single, self.work.keys.is_empty()) {
            (true, _) => Distribution::SinglePartition,
            (_, true) => Distribution::UnspecifiedDistribution,
            _ => Distribution::KeyPartitioned(columns(&schema, &self.work.keys)),
        }]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let keys = self.work.keys.iter().map(|k| (*k, SortOptions::default()));
        let number = self.work.number.map(|n| (n, SortOptions::default()));
        vec![ordering(&self.input.schema(), keys.chain(self.work.order.iter().copied()).chain(number))]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![!matches!(self.work.kind, PythonKind::Aggregate | PythonKind::Groups)]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![!self.work.keys.is_empty()]
    }

    fn supports_limit_pushdown(&self) -> bool {
        matches!(self.work.kind, PythonKind::Scalar)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let session = PythonSession::of(context.session_config())?;
        let memory =
            |what: &str| MemoryConsumer::new(format!("Python{what}[{partition}]")).register(context.memory_pool());
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let held = Held::new(memory("Rows"));
        let (work, schema) = (&self.work, self.schema());
        let frames = match &work.kind {
            PythonKind::Window { frames } if frames.iter().any(Option::is_some) => {
                let rows = context.session_config().batch_size();
                let groups = whole_groups(input, work.keys.clone(), rows, memory("Groups"));
                framed(groups, work.clone(), frames.clone(), Arc::clone(&held))
            }
            _ => sent(input, work.clone(), Arc::clone(&held)),
        };
        let functions = work.task.output.len();
        let (pool, task) = (session.pool.clone(), Arc::clone(&work.task));
        let results = match &work.kind {
            PythonKind::Map { .. } => pool.run(task, frames),
            _ => unless_empty(frames, move |frames| pool.run(task, frames)),
        };
        let batches = match &work.kind {
            PythonKind::Scalar | PythonKind::Window { .. } | PythonKind::Aggregate => {
                beside(held, results, Arc::clone(&schema), functions)
            }
            PythonKind::Table { keep, outer } => numbered(held, results, Arc::clone(&schema), functions, *keep, *outer),
            PythonKind::Map { .. } | PythonKind::Groups | PythonKind::CoGroups => {
                alone(held, results, Arc::clone(&schema))
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// Runs the task once there is something to run it on: no function but a map sees an empty partition.
fn unless_empty(mut frames: Frames, run: impl FnOnce(Frames) -> Results + Send + 'static) -> Results {
    let started = async move {
        match frames.next().await {
            Some(first) => run(stream::iter([first]).chain(frames).boxed()),
            None => stream::empty().boxed(),
        }
    };
    stream::once(started).flatten().boxed()
}

type Frames = BoxStream<'static, SparkResult<Frame>>;

/// The columns that are sent, batch by batch; what the results will stand beside is held.
fn sent(input: SendableRecordBatchStream, work: Work, held: Arc<Held>) -> Frames {
    let mut boundaries = Boundaries::new(work.keys.clone());
    let mut is_first = true;
    let columns = work.held(&input.schema());
    let frames = input.filter_map(move |batch| {
        let frame = || -> Result<Option<Frame>> {
            let batch = batch?;
            if batch.num_rows() == 0 {
                return Ok(None);
            }
            let ends = boundaries.ends(&batch)?;
            match &work.kind {
                PythonKind::Aggregate => held.push(first_rows(&batch.project(&columns)?, &ends, is_first)?)?,
                kind if kind.has_input_columns() => held.push(batch.project(&columns)?)?,
                _ => {}
            }
            is_first = false;
            Ok(Some(Frame { left: batch.project(&work.sent)?, ends, right: None }))
        };
        let frame = frame().map_err(|e| held.fail(e)).transpose();
        std::future::ready(frame)
    });
    frames.boxed()
}

/// Whole partitions with the bounds of each row's frames.
fn framed(
    groups: super::groups::WholeGroups,
    work: Work,
    frames: Vec<Option<datafusion::logical_expr::WindowFrame>>,
    held: Arc<Held>,
) -> Frames {
    let made = groups.map(move |piece| {
        let frame = || -> Result<Frame> {
            let (batch, ends) = piece?;
            let mut columns: Vec<ArrayRef> = batch.project(&work.sent)?.columns().to_vec();
            for frame in frames.iter().flatten() {
                columns.extend(windows::bounds(frame, &batch, &ends, &work.order)?);
            }
            let fields =
                columns.iter().enumerate().map(|(i, c)| Field::new(format!("_{i}"), c.data_type().clone(), true));
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            held.push(batch.project(&work.held(&batch.schema()))?)?;
            Ok(Frame { left: RecordBatch::try_new_with_options(schema, columns, &options)?, ends, right: None })
        };
        frame().map_err(|e| held.fail(e))
    });
    made.boxed()
}

pub fn columns(schema: &Schema, positions: &[usize]) -> Vec<Arc<dyn PhysicalExpr>> {
    positions.iter().map(|i| column(schema, *i)).collect()
}

fn column(schema: &Schema, i: usize) -> Arc<dyn PhysicalExpr> {
    let name = schema.fields().get(i).map(|f| f.name().as_str()).unwrap_or_default();
    Arc::new(Column::new(name, i))
}

pub fn ordering(schema: &Schema, keys: impl Iterator<Item = (usize, SortOptions)>) -> Option<OrderingRequirements> {
    let keys = keys.map(|(i, options)| PhysicalSortRequirement::new(column(schema, i), Some(options)));
    LexRequirement::new(keys.collect::<Vec<_>>()).map(OrderingRequirements::from)
}
