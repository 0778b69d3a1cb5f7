//! Constants that fail, wherever they stand: `SELECT 1 / 0 FROM t` fails over an empty `t`, too.
//!
//! The planner asks once DataFusion has dropped the columns that nobody asks for and computed the constants that
//! can be. (Spark's `ConstantFolding`; what stands in conditions the analyzer looked at, before parts of it can go.)

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use vonk_analyzer::constants::{is_local, no_failing_constants};
use vonk_expr::exec_err;

/// Error: that of a constant of the plan that fails.
pub fn no_failing_constants_in(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let seen_earlier = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        if !seen_earlier && !node.inputs().into_iter().all(is_local) {
            node.apply_expressions(|e| {
                no_failing_constants(e).map_err(exec_err)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
