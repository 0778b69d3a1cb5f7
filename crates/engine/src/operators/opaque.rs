//! What grouping sets must not know of their input.
//!
//! An aggregate takes the partitioning, the orders and the equalities of its input over to its output. With grouping
//! sets (CUBE, ROLLUP) they no longer hold there: columns become NULL, and rows of one group come out of several
//! partitions. DataFusion takes them over all the same, and leaves out the exchange that would bring such
//! groups together. So the input of such an aggregate is handed through an operator that knows nothing.

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
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};

use super::one_input::one_input;

/// The rows as they come.
#[derive(Debug)]
pub struct Opaque {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Opaque {
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Opaque { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Opaque {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque")
    }
}

impl ExecutionPlan for Opaque {
    one_input!("Opaque", |_this, input| Ok(Opaque::new(input)));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }
}

/// Puts [`Opaque`] under every aggregate with grouping sets.
#[derive(Debug)]
pub struct OpaqueGroupingSets;

impl PhysicalOptimizerRule for OpaqueGroupingSets {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            let sets = any.downcast_ref::<AggregateExec>().filter(|a| a.group_expr().has_grouping_set());
            let Some(input) = sets.map(AggregateExec::input) else { return Ok(Transformed::no(node)) };
            let input: Arc<dyn ExecutionPlan> = Arc::new(Opaque::new(Arc::clone(input)));
            let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(Arc::clone(&node).replace_children(vec![input], anew)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "opaque_grouping_sets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
