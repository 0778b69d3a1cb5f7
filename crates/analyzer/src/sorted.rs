//! Sorts below operators that give no order of their own, but to which it matters which rows come first.

use datafusion::logical_expr::LogicalPlan;
use vonk_common::SparkResult;

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::nodes::row_id::RowId;
use crate::scope::column_name;

impl Analyzer {
    /// Keeps the order of the rows, if the query asks for one: the sort is not to be taken for one that nobody sees.
    pub fn keep_order(&self, node: &mut Node) -> SparkResult<()> {
        if is_sorted(node.plan()?.as_ref()) {
            let id = column_name(self.fresh());
            node.over(|plan| RowId::over(plan, id))?;
        }
        Ok(())
    }
}

/// Are the rows in an order that the query asks for?
fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(p) => is_sorted(&p.input),
        LogicalPlan::Filter(f) => is_sorted(&f.input),
        LogicalPlan::SubqueryAlias(a) => is_sorted(&a.input),
        LogicalPlan::Limit(l) => is_sorted(&l.input),
        _ => false,
    }
}
