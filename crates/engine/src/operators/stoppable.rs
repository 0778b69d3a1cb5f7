//! Joins that stop when their query is not wanted any more.
//!
//! A join with a condition that hardly any pair of rows meets computes for minutes before it gives a row,
//! and never returns to the runtime in between. What it does do, for each few thousand pairs, is to
//! evaluate the condition: there the question stands whether the query is wanted.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use vonk_common::wanted::Wanted;
use vonk_expr::exec_err;

use super::as_its_inner::as_its_inner;
use super::shared::SharedExec;

/// The plan, with joins that ask.
pub fn stoppable(plan: Arc<dyn ExecutionPlan>, wanted: &Arc<Wanted>) -> Result<Arc<dyn ExecutionPlan>> {
    let asking = |filter: &JoinFilter| {
        let inner = Arc::clone(filter.expression());
        let condition = Arc::new(Condition { inner, wanted: Arc::clone(wanted) });
        JoinFilter::new(condition, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    };
    plan.transform_up(|node| {
        let any: &dyn Any = node.as_ref();
        let anew: Arc<dyn ExecutionPlan> = if let Some(join) = any.downcast_ref::<NestedLoopJoinExec>()
            && let Some(filter) = join.filter()
        {
            let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
            let anew = NestedLoopJoinExecBuilder::new(left, right, *join.join_type());
            let anew = anew.with_filter(Some(asking(filter))).with_projection_ref(join.projection().clone());
            Arc::new(anew.build()?)
        } else if let Some(join) = any.downcast_ref::<HashJoinExec>()
            && let Some(filter) = join.filter()
        {
            join.builder().with_filter(Some(asking(filter))).build_exec()?
        } else {
            if let Some(shared) = any.downcast_ref::<SharedExec>() {
                shared.stop_with(wanted);
            }
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(anew))
    })
    .data()
}

/// A join's condition, which fails once its query is not wanted.
#[derive(Debug)]
struct Condition {
    inner: Arc<dyn PhysicalExpr>,
    wanted: Arc<Wanted>,
}

as_its_inner!(Condition { wanted }, |this, batch| {
    this.wanted.check().map_err(exec_err)?;
    this.inner.evaluate(batch)
});
