//! Deep expressions, out of the optimizer's sight.
//!
//! DataFusion looks from each level of an expression at all the levels below (types, names), so that
//! time grows with the square or the cube of the depth. An expression that is too deep becomes one
//! call, of a function of the columns it uses: [`Sealed`] holds the expression. Nothing in it is
//! simplified or pushed down any more.
//!
//! An expression that may fail is held in the same way ([`forgiving`]), so that its failures can be NULLs.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use vonk_common::limits::{MAX_OPEN_DEPTH, MAX_OPEN_NODES};

use crate::arrow_types::to_arrow;
use crate::inner::InnerExpr;
use crate::kernel::any_arguments;
use crate::typed::{TypedExpr, is_plain};
use crate::{exec_err, spark_error};

/// Errors that other values would not make good.
const NOT_OF_THE_VALUES: [&str; 3] = ["INTERNAL_ERROR", "UNABLE_TO_ACQUIRE_MEMORY", "OPERATION_CANCELED"];

/// The function's name in plans.
pub const NAME: &str = "sealed";

/// A function of columns that computes one expression.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub body: InnerExpr,
    /// The body's names of the arguments.
    pub columns: Vec<String>,
    pub return_type: Arrow,
    /// Where the expression fails it is NULL.
    pub forgiving: bool,
    signature: Signature,
}

impl Sealed {
    pub fn new(body: Expr, columns: Vec<String>, return_type: Arrow) -> Self {
        let signature = any_arguments(Volatility::Immutable);
        Sealed { body: InnerExpr::new(body), columns, return_type, forgiving: false, signature }
    }

    pub fn forgiving(self) -> Self {
        Sealed { forgiving: true, ..self }
    }

    /// The values of these rows. What fails for many is tried for half of them at a time.
    fn forgiven(&self, columns: &[ArrayRef], from: usize, rows: usize) -> DfResult<ArrayRef> {
        let part = columns.iter().map(|c| c.slice(from, rows));
        let named = self.columns.iter().map(String::as_str).zip(part).collect();
        let failed = match self.body.evaluate(named, rows).and_then(|v| v.into_array(rows)) {
            Ok(done) => return Ok(done),
            Err(e) => spark_error(e),
        };
        if NOT_OF_THE_VALUES.contains(&failed.class()) {
            return Err(exec_err(failed));
        }
        if rows <= 1 {
            return Ok(new_null_array(&self.return_type, rows));
        }
        let half = rows / 2;
        let first = self.forgiven(columns, from, half)?;
        Ok(concat(&[&first, &self.forgiven(columns, from + half, rows - half)?])?)
    }
}

/// Seals the expression if it is deeper or larger than the limits, and can be.
pub fn seal(e: &mut TypedExpr) {
    let mut measure = Measure::default();
    let measured = e.expr.visit(&mut measure);
    let large = measure.deepest > MAX_OPEN_DEPTH || measure.nodes > MAX_OPEN_NODES;
    if measured.is_err() || !large || e.expr.exists(|e| Ok(!can_be_inside(e))).unwrap_or(true) {
        return;
    }
    put_inside(e, |sealed| sealed);
}

/// The expression that is NULL where it fails, in its arguments too: Spark's `TryEval`.
pub fn forgiving(mut e: TypedExpr) -> TypedExpr {
    let arguments = match &e.expr {
        Expr::ScalarFunction(call) => call.args.as_slice(),
        _ => &[],
    };
    let can_fail = !arguments.iter().all(is_plain) && !e.expr.exists(|e| Ok(!can_be_inside(e))).unwrap_or(true);
    if can_fail {
        put_inside(&mut e, Sealed::forgiving);
        e.nullable = true;
    }
    e
}

fn put_inside(e: &mut TypedExpr, change: impl Fn(Sealed) -> Sealed) {
    let mut columns: Vec<Column> = e.expr.column_refs().into_iter().cloned().collect();
    columns.sort();
    let names = columns.iter().map(|c| c.name.clone()).collect();
    let sealed = Sealed::new(std::mem::take(&mut e.expr), names, to_arrow(&e.data_type));
    e.expr = ScalarUDF::from(change(sealed)).call(columns.into_iter().map(Expr::Column).collect());
}

/// What is taken out of expressions later must stay in sight.
fn can_be_inside(e: &Expr) -> bool {
    let taken = matches!(
        e,
        Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::GroupingSet(_)
            | Expr::Placeholder(_)
    );
    !taken && !e.is_volatile_node()
}

/// Depth and size, counted no further than the limits.
#[derive(Default)]
struct Measure {
    depth: usize,
    deepest: usize,
    nodes: usize,
}

impl TreeNodeVisitor<'_> for Measure {
    type Node = Expr;

    fn f_down(&mut self, _: &Expr) -> DfResult<TreeNodeRecursion> {
        self.depth += 1;
        self.nodes += 1;
        self.deepest = self.deepest.max(self.depth);
        let stop = self.deepest > MAX_OPEN_DEPTH || self.nodes > MAX_OPEN_NODES;
        Ok(if stop { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    }

    fn f_up(&mut self, _: &Expr) -> DfResult<TreeNodeRecursion> {
        self.depth -= 1;
        Ok(TreeNodeRecursion::Continue)
    }
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.forgiving == other.forgiving
            && self.body == other.body
            && self.columns == other.columns
            && self.return_type == other.return_type
    }
}

impl Eq for Sealed {}

impl Hash for Sealed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.body.hash(state);
    }
}

impl ScalarUDFImpl for Sealed {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(self.return_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(NAME, self.return_type.clone(), true)))
    }

    fn coerce_types(&self, types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let value = match self.forgiving {
            true => ColumnarValue::Array(self.forgiven(&arrays, 0, rows)?),
            false => self.body.evaluate(self.columns.iter().map(String::as_str).zip(arrays).collect(), rows)?,
        };
        match value {
            ColumnarValue::Array(a) if constant => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&a, 0)?)),
            value => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::logical_expr::{col, lit};
    use vonk_common::limits::PLANNER_STACK_BYTES;
    use vonk_plan::types::DataType;

    use super::*;

    /// As deep as a query's own threads can go, which have more stack than a test's.
    #[test]
    fn a_deep_sum_is_one_call_with_the_same_value() -> std::io::Result<()> {
        let sum = std::thread::Builder::new().stack_size(PLANNER_STACK_BYTES).spawn(deep_sum)?;
        let sums = sum.join().expect("the sum is computed").map_err(std::io::Error::other)?;
        assert_eq!(sums.as_ref(), &Int64Array::from(vec![1005, 1007]));
        Ok(())
    }

    fn deep_sum() -> DfResult<ArrayRef> {
        let mut e = TypedExpr::new(col("#1"), DataType::Long, true, "x");
        for _ in 0..1000 {
            e.expr = std::mem::take(&mut e.expr) + lit(1i64);
            seal(&mut e);
        }
        let mut measure = Measure::default();
        e.expr.visit(&mut measure)?;
        assert!(measure.deepest <= MAX_OPEN_DEPTH);
        let numbers = Arc::new(Int64Array::from(vec![5, 7]));
        InnerExpr::new(e.expr).evaluate(vec![("#1", numbers)], 2)?.into_array(2)
    }
}
