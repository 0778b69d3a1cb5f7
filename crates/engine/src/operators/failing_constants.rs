//! Constants that fail, wherever they stand: `SELECT 1 / 0 FROM t` fails over an empty `t`, too.
//!
//! Comes after DataFusion has dropped the columns that nobody asks for and computed the constants that can be.
//! (Spark's `ConstantFolding`; what stands in conditions the analyzer looked at, before parts of it can go.)

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use vonk_analyzer::constants::{is_local, no_failing_constants};
use vonk_expr::exec_err;

/// The rule. It changes no plan.
#[derive(Debug, Default)]
pub struct FailingConstants;

impl OptimizerRule for FailingConstants {
    fn name(&self) -> &str {
        "failing_constants"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let seen_earlier = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        if !seen_earlier && !plan.inputs().into_iter().all(is_local) {
            plan.apply_expressions(|e| {
                no_failing_constants(e).map_err(exec_err)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(Transformed::no(plan))
    }
}
