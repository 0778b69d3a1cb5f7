//! Calls that look no further than a NULL.
//!
//! Spark evaluates the arguments of most functions one after the other and stops at a NULL, row by row: what
//! would fail behind it is never noticed. DataFusion evaluates whole columns of all arguments. So an
//! expression that fails is evaluated once more, patiently: each argument for the rows alone for which all
//! those before it have values. An expression that does not fail costs nothing.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{and, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::sort_properties::ExprProperties;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use vonk_expr::kernel::KernelUdf;

/// The plan, with projections and filters that try again.
pub fn patient(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let any: &dyn Any = node.as_ref();
        let anew: Arc<dyn ExecutionPlan> = if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
            if !projection.expr().iter().any(|e| has_calls(&e.expr)) {
                return Ok(Transformed::no(node));
            }
            let tried = |e: &ProjectionExpr| ProjectionExpr { expr: tried(&e.expr), alias: e.alias.clone() };
            let exprs: Vec<ProjectionExpr> = projection.expr().iter().map(tried).collect();
            Arc::new(ProjectionExec::try_new(exprs, Arc::clone(projection.input()))?)
        } else if let Some(filter) = any.downcast_ref::<FilterExec>()
            && has_calls(filter.predicate())
        {
            Arc::new(FilterExecBuilder::from(filter).with_predicate(tried(filter.predicate())).build()?)
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(anew))
    })
    .data()
}

/// Is there anything in it that could be evaluated for fewer rows?
fn has_calls(e: &Arc<dyn PhysicalExpr>) -> bool {
    e.exists(|e| Ok(stops_at_null(e) && e.children().len() > 1)).unwrap_or(false)
}

fn tried(e: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    if has_calls(e) { Arc::new(Tried { inner: Arc::clone(e) }) } else { Arc::clone(e) }
}

/// Spark's form of the call gives NULL for a NULL argument and does not look at those behind it.
fn stops_at_null(e: &Arc<dyn PhysicalExpr>) -> bool {
    let any: &dyn Any = e.as_ref();
    if let Some(call) = any.downcast_ref::<ScalarFunctionExpr>() {
        return call.fun().inner().downcast_ref::<KernelUdf>().is_some_and(|udf| udf.call.kernel.stops_at_null);
    }
    let Some(binary) = any.downcast_ref::<BinaryExpr>() else { return false };
    !matches!(binary.op(), Operator::And | Operator::Or | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

fn right_first(e: &Arc<dyn PhysicalExpr>) -> bool {
    let any: &dyn Any = e.as_ref();
    let udf = any.downcast_ref::<ScalarFunctionExpr>().and_then(|c| c.fun().inner().downcast_ref::<KernelUdf>());
    udf.is_some_and(|udf| udf.call.kernel.right_first)
}

/// An expression that is evaluated patiently after it has failed.
#[derive(Debug, Clone)]
struct Tried {
    inner: Arc<dyn PhysicalExpr>,
}

/// A call whose arguments are evaluated one after the other.
#[derive(Debug, Clone)]
struct Slow {
    inner: Arc<dyn PhysicalExpr>,
}

impl Tried {
    fn slowly(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let slow = Arc::clone(&self.inner).transform_up(|e| {
            Ok(match stops_at_null(&e) && e.children().len() > 1 {
                true => Transformed::yes(Arc::new(Slow { inner: e }) as Arc<dyn PhysicalExpr>),
                false => Transformed::no(e),
            })
        });
        slow.data()?.evaluate(batch)
    }
}

impl Slow {
    fn value(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let mut wanted: Option<BooleanArray> = None;
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
        let mut children: Vec<Arc<dyn PhysicalExpr>> = self.inner.children().into_iter().map(Arc::clone).collect();
        let mut order: Vec<_> = children.iter_mut().collect();
        if right_first(&self.inner) {
            order.reverse();
        }
        for child in order {
            let any: &dyn Any = child.as_ref();
            if any.is::<Literal>() {
                if let ColumnarValue::Scalar(v) = child.evaluate(batch)?
                    && v.is_null()
                {
                    wanted = Some(BooleanArray::from(vec![false; rows]));
                }
                continue;
            }
            let value = match &wanted {
                Some(rows) => child.evaluate_selection(batch, rows)?,
                None => child.evaluate(batch)?,
            };
            let array = value.into_array(rows)?;
            if array.null_count() > 0 {
                let present = is_not_null(&array)?;
                wanted = Some(match wanted {
                    Some(before) => and(&before, &present)?,
                    None => present,
                });
            }
            let name = format!("a{}", columns.len());
            *child = Arc::new(Column::new(&name, columns.len()));
            fields.push(Field::new(name, array.data_type().clone(), true));
            columns.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let given = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
        let call = Arc::clone(&self.inner).with_new_children(children)?;
        match &wanted {
            Some(rows) => call.evaluate_selection(&given, rows),
            None => call.evaluate(&given),
        }
    }
}

macro_rules! as_its_inner {
    ($wrapper:ident, |$this:ident, $batch:ident| $evaluate:expr) => {
        impl fmt::Display for $wrapper {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }

        impl PartialEq for $wrapper {
            fn eq(&self, other: &Self) -> bool {
                self.inner.eq(&other.inner)
            }
        }

        impl Eq for $wrapper {}

        impl Hash for $wrapper {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.inner.hash(state);
            }
        }

        impl PhysicalExpr for $wrapper {
            fn data_type(&self, schema: &Schema) -> Result<DataType> {
                self.inner.data_type(schema)
            }

            fn nullable(&self, schema: &Schema) -> Result<bool> {
                self.inner.nullable(schema)
            }

            fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
                self.inner.return_field(schema)
            }

            fn evaluate(&self, $batch: &RecordBatch) -> Result<ColumnarValue> {
                let $this = self;
                $evaluate
            }

            fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
                vec![&self.inner]
            }

            fn with_new_children(
                self: Arc<Self>,
                mut children: Vec<Arc<dyn PhysicalExpr>>,
            ) -> Result<Arc<dyn PhysicalExpr>> {
                Ok(match children.pop() {
                    Some(inner) => Arc::new($wrapper { inner }),
                    None => self,
                })
            }

            fn get_properties(&self, children: &[ExprProperties]) -> Result<ExprProperties> {
                Ok(children.first().cloned().unwrap_or_else(ExprProperties::new_unknown))
            }

            fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt_sql(f)
            }
        }
    };
}

as_its_inner!(Tried, |this, batch| match this.inner.evaluate(batch) {
    // What fails all the same fails as it did.
    Err(error) => this.slowly(batch).map_err(|_| error),
    value => value,
});
as_its_inner!(Slow, |this, batch| this.value(batch));
