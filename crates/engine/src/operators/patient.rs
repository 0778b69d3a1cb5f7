//! Calls that look no further than a NULL, and searches that look no further than what they find.
//!
//! Spark evaluates the arguments of most functions one after the other and stops at a NULL, row by row: what
//! would fail behind it is never noticed. DataFusion evaluates whole columns of all arguments, and what several
//! expressions share for all of them. So an expression that fails is evaluated once more, patiently: each argument for
//! the rows alone for which all those before it have values, and in its own place. An expression that does not
//! fail costs nothing.
//!
//! To the plan above, an operator that tries again is the operator that it was: what is known of constants, orders and
//! equalities is read off expressions as they are written.

mod in_place;
mod tried;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

use super::no_expressions::no_expressions;
use in_place::InPlaceExec;
use tried::{has_calls, tried};

/// The plan, with projections and filters that try again.
pub fn patient(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match running(&node)? {
            Some(running) => {
                Transformed::yes(Arc::new(PatientExec { written: node, running }) as Arc<dyn ExecutionPlan>)
            }
            None => Transformed::no(node),
        })
    })
    .data()
}

/// An operator, and the one that runs in its place.
#[derive(Debug)]
struct PatientExec {
    written: Arc<dyn ExecutionPlan>,
    running: Arc<dyn ExecutionPlan>,
}

/// What runs in the place of this operator; none if it can run itself.
fn running(written: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let any: &dyn Any = written.as_ref();
    if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
        if !projection.expr().iter().any(|e| has_calls(&e.expr)) {
            return Ok(None);
        }
        let tried = |e: &ProjectionExpr| ProjectionExpr { expr: tried(&e.expr), alias: e.alias.clone() };
        let exprs: Vec<ProjectionExpr> = projection.expr().iter().map(tried).collect();
        let anew = ProjectionExec::try_new(exprs, Arc::clone(projection.input()))?;
        let any: &dyn Any = projection.input().as_ref();
        let below = any.downcast_ref::<PatientExec>().map_or(projection.input(), |below| &below.running);
        return Ok(Some(match InPlaceExec::of(&anew, below)? {
            Some(all) => Arc::new(all),
            None => Arc::new(anew),
        }));
    }
    match any.downcast_ref::<FilterExec>() {
        Some(filter) if has_calls(filter.predicate()) => {
            Ok(Some(Arc::new(FilterExecBuilder::from(filter).with_predicate(tried(filter.predicate())).build()?)))
        }
        _ => Ok(None),
    }
}

impl DisplayAs for PatientExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt_as(t, f)
    }
}

impl ExecutionPlan for PatientExec {
    fn name(&self) -> &str {
        self.written.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.written.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.written.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.written.maintains_input_order()
    }

    no_expressions!();

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        let written = Arc::clone(&self.written).replace_children(children, anew)?;
        match running(&written)? {
            Some(running) => Ok(Arc::new(PatientExec { written, running })),
            None => Err(DataFusionError::Internal("an operator has no calls any more".into())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.running.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.running.metrics()
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.written.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.written.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.written.cardinality_effect()
    }
}
