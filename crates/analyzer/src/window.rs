//! Takes window calls out of expressions and computes them under the projection.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Window};
use indexmap::IndexMap;
use vonk_common::SparkResult;
use vonk_expr::{TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::expr::call::contains_window;
use crate::node::Node;
use crate::scope::{ColumnId, column_expr, column_name};

impl Analyzer {
    /// Adds the window operators that the expressions need, and makes the expressions refer to them.
    pub fn take_windows(&self, node: &mut Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        let mut calls: IndexMap<DfExpr, ColumnId> = IndexMap::new();
        for e in exprs.iter_mut() {
            if !contains_window(&e.expr) {
                continue;
            }
            let taken = std::mem::take(&mut e.expr).transform_down(|e| {
                Ok(match e {
                    DfExpr::WindowFunction(_) => {
                        let id = *calls.entry(e).or_insert_with(|| self.fresh());
                        Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump)
                    }
                    other => Transformed::no(other),
                })
            });
            e.expr = taken.map_err(spark_error)?.data;
        }
        // Calls over the same rows in the same order share an operator.
        let mut groups: IndexMap<String, Vec<DfExpr>> = IndexMap::new();
        for (call, id) in calls {
            let key = match &call {
                DfExpr::WindowFunction(f) => format!("{:?} {:?}", f.params.partition_by, f.params.order_by),
                _ => String::new(),
            };
            groups.entry(key).or_default().push(call.alias(column_name(id)));
        }
        for (_, calls) in groups {
            node.keep_all(|plan| Ok(LogicalPlan::Window(Window::try_new(calls, Arc::clone(&plan))?)))?;
        }
        Ok(())
    }
}
