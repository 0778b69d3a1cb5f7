//! Projections whose common expressions fall back to where they stand.
//!
//! What occurs several times is computed once, for all rows, by a projection that DataFusion puts below; a COALESCE
//! alone makes its arguments occur twice. Spark computes an expression where it stands: perhaps for fewer rows,
//! perhaps never. So these projections run as one operator, and a batch that fails is projected once more with every
//! expression in its place. A batch that does not fail costs nothing. Filters and aggregates over common expressions
//! are left as they are.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::tried::tried;
use crate::operators::one_input::one_input;

/// How DataFusion's `CommonSubexprEliminate` begins the names of its columns.
const COMMON: &str = "__common_expr_";
/// Most projections of one operator: in its place an expression stands once for each of its uses, all the way down.
const MOST_STEPS: usize = 4;

#[derive(Debug)]
pub struct InPlaceExec {
    input: Arc<dyn ExecutionPlan>,
    /// From the input up: at least two.
    steps: Vec<Projector>,
    properties: Arc<PlanProperties>,
}

impl InPlaceExec {
    /// One operator of a projection and those below it that have its common expressions; `below` is its input.
    pub fn of(upper: &ProjectionExec, below: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if !below.schema().fields().iter().any(|f| f.name().starts_with(COMMON)) {
            return Ok(None);
        }
        let plan: &dyn Any = below.as_ref();
        let (input, mut steps) = match (plan.downcast_ref::<ProjectionExec>(), plan.downcast_ref::<InPlaceExec>()) {
            (Some(lower), _) => (lower.input(), vec![projector(lower)?]),
            (_, Some(lower)) if lower.steps.len() < MOST_STEPS => (&lower.input, lower.steps.clone()),
            _ => return Ok(None),
        };
        steps.push(projector(upper)?);
        Ok(Some(InPlaceExec { input: Arc::clone(input), steps, properties: Arc::clone(upper.properties()) }))
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let mut plan = Arc::clone(&input);
        for step in &self.steps {
            plan = Arc::new(ProjectionExec::try_new(step.projection().iter().cloned(), plan)?);
        }
        Ok(InPlaceExec { input, steps: self.steps.clone(), properties: Arc::clone(plan.properties()) })
    }
}

fn projector(of: &ProjectionExec) -> Result<Projector> {
    of.projection_expr().make_projector(&of.input().schema())
}

impl DisplayAs for InPlaceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Projection: ")?;
        for (i, step) in self.steps.iter().rev().enumerate() {
            write!(f, "{}{}", if i > 0 { " over " } else { "" }, step.projection())?;
        }
        Ok(())
    }
}

impl ExecutionPlan for InPlaceExec {
    one_input!("InPlaceExec", |this, input| this.over(input));

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let steps = self.steps.clone();
        let projected = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let at_once = steps.iter().try_fold(batch.clone(), |batch, step| step.project_batch(&batch));
            // What fails in its place as well fails as it did.
            at_once.or_else(|error| in_place(&steps, &batch).map_err(|_| error))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), projected)))
    }
}

/// The batch projected by expressions without common parts.
fn in_place(steps: &[Projector], batch: &RecordBatch) -> Result<RecordBatch> {
    let mut whole = ProjectionExprs::from_indices(&(0..batch.num_columns()).collect::<Vec<_>>(), &batch.schema());
    for step in steps {
        whole = whole.try_merge(step.projection())?;
    }
    whole.try_map_exprs(|e| Ok(tried(&e)))?.make_projector(&batch.schema())?.project_batch(batch)
}
