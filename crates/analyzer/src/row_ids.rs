//! Takes `monotonically_increasing_id` out of expressions: one node under the projection numbers the rows.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::SparkResult;
use vonk_expr::kernel::KernelUdf;
use vonk_expr::{TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::nodes::row_id::RowId;
use crate::scope::{ColumnId, column_expr, column_name};

impl Analyzer {
    /// Adds the numbers if an expression needs them, and makes the expressions refer to them.
    pub fn take_row_ids(&self, node: &mut Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        let mut column: Option<ColumnId> = None;
        for e in exprs {
            if !e.expr.exists(|e| Ok(is_row_id(e))).map_err(spark_error)? {
                continue;
            }
            let id = *column.get_or_insert_with(|| self.fresh());
            let taken = std::mem::take(&mut e.expr).transform_down(|e| {
                Ok(match is_row_id(&e) {
                    true => Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump),
                    false => Transformed::no(e),
                })
            });
            e.expr = taken.map_err(spark_error)?.data;
        }
        match column {
            Some(id) => node.keep_all(|plan| RowId::over(plan, column_name(id))),
            None => Ok(()),
        }
    }
}

fn is_row_id(e: &DfExpr) -> bool {
    let DfExpr::ScalarFunction(f) = e else { return false };
    f.func.inner().downcast_ref::<KernelUdf>().is_some_and(|k| vonk_functions::is_row_id(k.call.kernel))
}
