//! Takes window calls out of expressions and computes them under the projection.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Window};
use indexmap::IndexMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::expr::call::contains_window;
use crate::node::Node;
use crate::relation::checks::not_in;
use crate::scope::{ColumnId, column_expr, column_name};

/// Error: there is a window in the expression, and the operator computes none.
pub fn no_window_in(operator: &str, e: &TypedExpr) -> SparkResult<()> {
    match contains_window(&e.expr) {
        true => Err(not_in(operator, e.quoted_sql()).at(e.origin.clone())),
        false => Ok(()),
    }
}

/// Error: an aggregate is given what a window gives.
pub fn no_window_in_aggregates(e: &TypedExpr) -> SparkResult<()> {
    let given = |x: &DfExpr| matches!(x, DfExpr::AggregateFunction(_)) && contains_window(x);
    match e.expr.exists(|x| Ok(given(x))).unwrap_or(false) {
        true => Err(SparkError::new("_LEGACY_ERROR_TEMP_1031").at(e.origin.clone())),
        false => Ok(()),
    }
}

impl Analyzer {
    /// Adds the window operators that the expressions need, and makes the expressions refer to them.
    pub fn take_windows(&self, node: &mut Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        self.windows_below(node, exprs.iter_mut().map(|e| &mut e.expr).collect())
    }

    fn windows_below(&self, node: &mut Node, exprs: Vec<&mut DfExpr>) -> SparkResult<()> {
        let mut calls: IndexMap<DfExpr, ColumnId> = IndexMap::new();
        for e in exprs {
            if !contains_window(e) {
                continue;
            }
            let taken = std::mem::take(e).transform_down(|e| {
                Ok(match e {
                    DfExpr::WindowFunction(_) => {
                        let id = *calls.entry(e).or_insert_with(|| self.fresh());
                        Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump)
                    }
                    other => Transformed::no(other),
                })
            });
            *e = taken.map_err(spark_error)?.data;
        }
        let (mut calls, ids): (Vec<DfExpr>, Vec<ColumnId>) = calls.into_iter().unzip();
        // Windows in what a call is given are computed below it.
        let inner: Vec<&mut DfExpr> = calls.iter_mut().flat_map(given).filter(|e| contains_window(e)).collect();
        if !inner.is_empty() {
            self.windows_below(node, inner)?;
        }
        // Calls over the same rows in the same order share an operator.
        let mut groups: IndexMap<String, Vec<DfExpr>> = IndexMap::new();
        for (call, id) in calls.into_iter().zip(ids) {
            let key = match &call {
                DfExpr::WindowFunction(f) => format!("{:?} {:?}", f.params.partition_by, f.params.order_by),
                _ => String::new(),
            };
            groups.entry(key).or_default().push(call.alias(column_name(id)));
        }
        self.keep_order(node)?;
        for (_, calls) in groups {
            node.keep_all(|plan| Ok(LogicalPlan::Window(Window::try_new(calls, Arc::clone(&plan))?)))?;
        }
        Ok(())
    }
}

/// The arguments, keys and condition of a window call.
fn given(call: &mut DfExpr) -> Vec<&mut DfExpr> {
    let DfExpr::WindowFunction(f) = call else { return vec![] };
    let params = &mut f.params;
    let keys = params.order_by.iter_mut().map(|sort| &mut sort.expr);
    let condition = params.filter.as_mut().map(|f| f.as_mut());
    params.args.iter_mut().chain(&mut params.partition_by).chain(keys).chain(condition).collect()
}
