//! Joins that make many rows of a few give way to other tasks.
//!
//! An operator that is always ready never returns to the runtime, and a task that does not return
//! cannot be ended: who interrupts a query, or vanishes, would leave it running for hours. DataFusion
//! lets sources give way; a product of two small sources asks them far too seldom.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

use super::generate::GenerateExec;

/// Puts DataFusion's operator that gives way over joins and generators.
#[derive(Debug)]
pub struct YieldingJoins;

impl PhysicalOptimizerRule for YieldingJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            let multiplies = any.is::<CrossJoinExec>()
                || any.is::<NestedLoopJoinExec>()
                || any.is::<HashJoinExec>()
                || any.is::<SortMergeJoinExec>()
                || any.is::<GenerateExec>();
            if !multiplies {
                return Ok(Transformed::no(node));
            }
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
        })
        .data()
    }

    fn name(&self) -> &str {
        "yielding_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
