//! Expressions that are evaluated once more, argument by argument, when they have failed.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{and, is_not_null};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use vonk_expr::kernel::{KernelUdf, Looks};
use vonk_functions_collection::lambda::udf::LambdaUdf;

use crate::operators::as_its_inner::as_its_inner;

/// Is there anything in it that could be evaluated for fewer rows?
pub fn has_calls(e: &Arc<dyn PhysicalExpr>) -> bool {
    e.exists(|e| Ok(looks(e) != Looks::AtAll && e.children().len() > 1)).unwrap_or(false)
}

pub fn tried(e: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    if has_calls(e) { Arc::new(Tried { inner: Arc::clone(e) }) } else { Arc::clone(e) }
}

/// How far Spark's form of the call looks.
fn looks(e: &Arc<dyn PhysicalExpr>) -> Looks {
    let any: &dyn Any = e.as_ref();
    if let Some(call) = any.downcast_ref::<ScalarFunctionExpr>() {
        let function = call.fun().inner();
        if let Some(lambda) = function.downcast_ref::<LambdaUdf>() {
            return Looks::UntilNullOf(lambda.function.until_null_of);
        }
        return function.downcast_ref::<KernelUdf>().map_or(Looks::AtAll, |udf| udf.call.kernel.looks);
    }
    match any.downcast_ref::<BinaryExpr>().map(BinaryExpr::op) {
        None | Some(Operator::And | Operator::Or | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) => {
            Looks::AtAll
        }
        Some(_) => Looks::UntilNull,
    }
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
            Ok(match looks(&e) {
                Looks::AtAll => Transformed::no(e),
                _ if e.children().len() < 2 => Transformed::no(e),
                _ => Transformed::yes(Arc::new(Slow { inner: e }) as Arc<dyn PhysicalExpr>),
            })
        });
        slow.data()?.evaluate(batch)
    }
}

/// Columns of arguments that have been evaluated.
#[derive(Default)]
struct Given {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Given {
    fn add(&mut self, array: ArrayRef) -> Arc<dyn PhysicalExpr> {
        let column = Column::new(&format!("a{}", self.columns.len()), self.columns.len());
        self.fields.push(Field::new(column.name(), array.data_type().clone(), true));
        self.columns.push(array);
        Arc::new(column)
    }

    fn batch(&self, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(Schema::new(self.fields.clone()));
        Ok(RecordBatch::try_new_with_options(schema, self.columns.clone(), &options)?)
    }
}

fn evaluated(e: &dyn PhysicalExpr, batch: &RecordBatch, wanted: Option<&BooleanArray>) -> Result<ArrayRef> {
    let value = match wanted {
        Some(rows) => e.evaluate_selection(batch, rows)?,
        None => e.evaluate(batch)?,
    };
    value.into_array(batch.num_rows())
}

fn both(before: Option<BooleanArray>, and_these: BooleanArray) -> Result<Option<BooleanArray>> {
    Ok(Some(match before {
        Some(before) => and(&before, &and_these)?,
        None => and_these,
    }))
}

impl Slow {
    fn value(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match looks(&self.inner) {
            Looks::UntilEqual => self.until_equal(batch),
            looks => self.until_null(batch, looks),
        }
    }

    fn until_null(&self, batch: &RecordBatch, looks: Looks) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let (mut wanted, mut given) = (None, Given::default());
        let mut children: Vec<Arc<dyn PhysicalExpr>> = self.inner.children().into_iter().map(Arc::clone).collect();
        let counted = match looks {
            Looks::UntilNullOf(first) => 0..first,
            Looks::UntilNullOfLast => children.len().saturating_sub(1)..children.len(),
            _ => 0..children.len(),
        };
        let mut order: Vec<_> = children.iter_mut().enumerate().collect();
        let last = order.len().saturating_sub(1);
        if matches!(looks, Looks::UntilNullFromRight | Looks::UntilZeroFromRight | Looks::UntilNullOfLast) {
            order.reverse();
        }
        for (i, child) in order {
            let any: &dyn Any = child.as_ref();
            let divides = i == last && looks == Looks::UntilZeroFromRight;
            if let Some(literal) = any.downcast_ref::<Literal>() {
                let value = literal.value();
                let decides = value.is_null() || divides && *value == ScalarValue::new_zero(&value.data_type())?;
                if decides && counted.contains(&i) {
                    wanted = Some(BooleanArray::from(vec![false; rows]));
                }
                continue;
            }
            let array = evaluated(child.as_ref(), batch, wanted.as_ref())?;
            if array.null_count() > 0 && counted.contains(&i) {
                wanted = both(wanted, is_not_null(&array)?)?;
            }
            if divides {
                let zero = ScalarValue::new_zero(array.data_type())?.to_scalar()?;
                wanted = both(wanted, eq(&array, &zero)?.iter().map(|is| Some(is != Some(true))).collect())?;
            }
            *child = given.add(array);
        }
        let call = Arc::clone(&self.inner).with_new_children(children)?;
        let given = given.batch(rows)?;
        match &wanted {
            Some(rows) => call.evaluate_selection(&given, rows),
            None => call.evaluate(&given),
        }
    }

    /// Each of the others is evaluated for the rows alone that have found no equal among those before it.
    fn until_equal(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let (mut wanted, mut given) = (None, Given::default());
        let mut children: Vec<Arc<dyn PhysicalExpr>> = vec![];
        for child in self.inner.children() {
            let array = evaluated(child.as_ref(), batch, wanted.as_ref())?;
            let present = is_not_null(&array)?;
            children.push(given.add(array));
            wanted = match children.as_slice() {
                [first, .., last] => {
                    let pair = vec![Arc::clone(first), Arc::clone(last)];
                    let equal = Arc::clone(&self.inner).with_new_children(pair)?;
                    let equal = equal.evaluate(&given.batch(rows)?)?.into_array(rows)?;
                    let missed = equal.as_boolean().iter().map(|is| Some(is != Some(true))).collect();
                    both(wanted, missed)?
                }
                _ => Some(present),
            };
        }
        Arc::clone(&self.inner).with_new_children(children)?.evaluate(&given.batch(rows)?)
    }
}

as_its_inner!(Tried {}, |this, batch| match this.inner.evaluate(batch) {
    // What fails all the same fails as it did.
    Err(error) => this.slowly(batch).map_err(|_| error),
    value => value,
});
as_its_inner!(Slow {}, |this, batch| this.value(batch));
