//! Planning that nobody waits for any more stops between two rules.
//!
//! Optimising a large plan takes seconds, on a thread that cannot be ended from outside. So a rule that
//! changes nothing stands after each other one, and asks whether the plan is still wanted.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use vonk_common::wanted;
use vonk_expr::exec_err;

/// The rule that asks; it fails with `OPERATION_CANCELED`.
#[derive(Debug)]
struct StillWanted;

impl OptimizerRule for StillWanted {
    fn name(&self) -> &str {
        "still_wanted"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        wanted::check().map_err(exec_err)?;
        Ok(Transformed::no(plan))
    }
}

impl PhysicalOptimizerRule for StillWanted {
    fn name(&self) -> &str {
        "still_wanted"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        wanted::check().map_err(exec_err)?;
        Ok(plan)
    }

    fn schema_check(&self) -> bool {
        false
    }
}

/// The logical rules with a question after each.
pub fn asking(
    rules: impl IntoIterator<Item = Arc<dyn OptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    rules.into_iter().flat_map(|rule| [rule, Arc::new(StillWanted)]).collect()
}

/// The same for physical rules.
pub fn asking_physical(
    rules: impl IntoIterator<Item = Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    rules.into_iter().flat_map(|rule| [rule, Arc::new(StillWanted)]).collect()
}
