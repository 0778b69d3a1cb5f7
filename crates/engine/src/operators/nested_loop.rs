//! Outer joins without equal keys, whose left side may not fit in memory.
//!
//! DataFusion's nested loop join reads such a left side in parts, in each partition of the right side
//! by itself, and each would give the left rows that met nothing in *its* partition. So where left
//! rows count by themselves and are not known to be few, the right side is made one partition.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::gather::Gather;

/// Makes the right side of such joins one partition.
#[derive(Debug)]
pub struct OneRightSide {
    /// A left side of so many bytes fits in memory for sure.
    pub small: usize,
}

impl OneRightSide {
    fn applies(&self, join: &NestedLoopJoinExec) -> Result<bool> {
        use JoinType as J;
        if !matches!(join.join_type(), J::Left | J::LeftSemi | J::LeftAnti | J::LeftMark | J::Full)
            || join.right().output_partitioning().partition_count() < 2
        {
            return Ok(false);
        }
        let left = StatisticsContext::new().compute(join.left().as_ref(), &StatisticsArgs::new())?;
        Ok(left.total_byte_size.get_value().is_none_or(|bytes| *bytes > self.small))
    }
}

impl PhysicalOptimizerRule for OneRightSide {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            let Some(join) = any.downcast_ref::<NestedLoopJoinExec>() else { return Ok(Transformed::no(node)) };
            if !self.applies(join)? {
                return Ok(Transformed::no(node));
            }
            let right: Arc<dyn ExecutionPlan> = Arc::new(Gather::new(Arc::clone(join.right()), None));
            let children = vec![Arc::clone(join.left()), right];
            let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(Arc::clone(&node).replace_children(children, anew)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "one_right_side"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
