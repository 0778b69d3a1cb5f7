//! What grouping sets and unions must not know of their input.
//!
//! An aggregate takes the partitioning, the orders and the equalities of its input over to its output. With grouping
//! sets (CUBE, ROLLUP) they no longer hold there: columns become NULL, and rows of one group come out of several
//! partitions. DataFusion takes them over all the same, and leaves out the exchange that would bring such
//! groups together. So the input of such an aggregate is handed through an operator that knows nothing.
//!
//! A union takes over the orders that its inputs have in common. Where constants and equalities of one input stand
//! against those of another, DataFusion finds orders that the union has not, and stumbles over them. So of inputs
//! with constants or equalities only the partitioning is known.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};

use super::one_input::one_input;

/// The rows as they come.
#[derive(Debug)]
pub struct Opaque {
    input: Arc<dyn ExecutionPlan>,
    placed: bool,
    properties: Arc<PlanProperties>,
}

impl Opaque {
    /// `placed`: where the rows are is known all the same.
    pub fn new(input: Arc<dyn ExecutionPlan>, placed: bool) -> Self {
        let partitioning = match placed {
            true => input.output_partitioning().clone(),
            false => Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
        };
        let equivalences = EquivalenceProperties::new(input.schema());
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        Opaque { input, placed, properties: Arc::new(properties) }
    }

    pub fn placed(&self) -> bool {
        self.placed
    }
}

impl DisplayAs for Opaque {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque")
    }
}

impl ExecutionPlan for Opaque {
    one_input!("Opaque", |this, input| Ok(Opaque::new(input, this.placed)));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }
}

/// Are there constants, or columns that are equal?
fn knows_values(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let known = plan.equivalence_properties();
    !known.constants().is_empty() || !known.eq_group().is_empty()
}

/// Puts [`Opaque`] under every aggregate with grouping sets, and under unions.
#[derive(Debug)]
pub struct OpaqueInputs;

impl PhysicalOptimizerRule for OpaqueInputs {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            let sets = any.downcast_ref::<AggregateExec>().is_some_and(|a| a.group_expr().has_grouping_set());
            let union = any.is::<UnionExec>() && node.children().into_iter().any(knows_values);
            if !sets && !union {
                return Ok(Transformed::no(node));
            }
            let hidden = |input: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
                match sets || knows_values(input) {
                    true => Arc::new(Opaque::new(Arc::clone(input), !sets)),
                    false => Arc::clone(input),
                }
            };
            let inputs = node.children().into_iter().map(hidden).collect();
            let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(Arc::clone(&node).replace_children(inputs, anew)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "opaque_inputs"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
