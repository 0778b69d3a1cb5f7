//! Joins that stop when their query is not wanted any more.
//!
//! A join with a condition that hardly any pair of rows meets computes for minutes before it gives a row,
//! and never returns to the runtime in between. What it does do, for each few thousand pairs, is to
//! evaluate the condition: there the question stands whether the query is wanted.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use vonk_common::wanted::Wanted;
use vonk_expr::exec_err;

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

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl PhysicalExpr for Condition {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.wanted.check().map_err(exec_err)?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Condition { inner, wanted: Arc::clone(&self.wanted) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
