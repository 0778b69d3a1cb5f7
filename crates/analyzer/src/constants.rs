//! Constants that fail: `WHERE day >= 'abc'`.
//!
//! Spark computes constants when it plans, so that such a query fails though no row should ever ask. In the
//! branches of CASE and `coalesce` they wait, beside a NULL nothing is computed, and what is over VALUES alone is computed
//! even earlier, row by row. Conditions are looked at here, what other clauses hold once the plan is optimised. (Spark's
//! `ConstantFolding`.)

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::datasource::{MemTable, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::in_set::InSet;
use vonk_expr::kernel::KernelUdf;
use vonk_expr::sealed::Sealed;
use vonk_expr::spark_error;
use vonk_expr::typed::evaluate;

use crate::subqueries::contains_subquery;

/// Error: that of the first constant in the expression that fails.
pub fn no_failing_constants(e: &Expr) -> SparkResult<()> {
    let mut failed = None;
    if visit(e, &mut failed) == Known::Constant {
        compute(e, &mut failed);
    }
    match failed {
        Some(failed) => Err(failed),
        None => prepare(e),
    }
}

/// Patterns of dates and names of zones are read before there are rows, those in branches as well.
fn prepare(e: &Expr) -> SparkResult<()> {
    let mut failed = None;
    let seen = e.apply(|e| {
        if let Expr::ScalarFunction(call) = e
            && let Some(kernel) = call.func.inner().downcast_ref::<KernelUdf>()
            && let Some(prepare) = kernel.call.kernel.prepare
            && let Some(Expr::Literal(ScalarValue::Utf8(Some(text)), _)) = call.args.get(1)
            && let Err(error) = prepare(&kernel.call, text)
        {
            failed = Some(error.at(kernel.call.origin.clone()));
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    seen.map_err(spark_error)?;
    failed.map_or(Ok(()), Err)
}

/// Is the expression NULL for every row, by what is written?
pub fn is_written_null(e: &Expr) -> bool {
    let constant = !e.any_column_refs() && !e.is_volatile() && !contains_subquery(e);
    constant && evaluate(e).is_ok_and(|v| v.is_null())
}

/// VALUES, and what is computed of them row by row.
pub fn is_local(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::TableScan(scan) => source_as_provider(&scan.source).is_ok_and(|p| p.is::<MemTable>()),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.inputs().into_iter().all(is_local)
        }
        _ => false,
    }
}

/// What is known of an expression before there is a row.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Nothing,
    Constant,
    /// NULL by what is written, whatever stands beside that.
    Null,
    /// The same, and what stands beside it is not constant.
    NullBesideRows,
}

impl Known {
    fn is_null(self) -> bool {
        matches!(self, Known::Null | Known::NullBesideRows)
    }
}

/// What is known of the expression? The constants of one that is not itself constant are computed on the way.
fn visit(e: &Expr, failed: &mut Option<SparkError>) -> Known {
    let parts = match e {
        Expr::Literal(value, _) if value.is_null() => return Known::Null,
        Expr::Literal(..) => return Known::Constant,
        Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Placeholder(_) => return Known::Nothing,
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => return Known::Nothing,
        Expr::ScalarFunction(call) if call.func.inner().downcast_ref::<Sealed>().is_some() => return Known::Nothing,
        _ if e.is_volatile_node() => return Known::Nothing,
        _ => children(e),
    };
    let waits = is_conditional(e);
    let mut below = None;
    let known: Vec<Known> = parts.iter().map(|child| visit(child, &mut below)).collect();
    let whole = known.iter().all(|k| matches!(k, Known::Constant | Known::Null)) && folds(e) && !parts.is_empty();
    if known.iter().take(stops_at_null(e)).any(|k| k.is_null()) {
        return if whole { Known::Null } else { Known::NullBesideRows };
    }
    if !waits && failed.is_none() {
        *failed = below;
    }
    if whole {
        return Known::Constant;
    }
    let computed = parts.iter().zip(known).take(if waits { first_of_coalesce(e) } else { usize::MAX });
    computed.filter(|(_, k)| *k == Known::Constant).for_each(|(child, _)| compute(child, failed));
    Known::Nothing
}

/// How many parts, from the first one on, make the expression NULL when they are.
fn stops_at_null(e: &Expr) -> usize {
    match e {
        Expr::BinaryExpr(binary) if binary.op.returns_null_on_null() => 2,
        Expr::Alias(_) | Expr::Not(_) | Expr::Negative(_) | Expr::Cast(_) | Expr::TryCast(_) | Expr::InList(_) => 1,
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<KernelUdf>() {
            Some(kernel) => kernel.call.kernel.stops_at_null_of(),
            None => 0,
        },
        _ => 0,
    }
}

/// Do the parts wait until a row asks, if they are not all constant? (Spark's `ConditionalExpression`.)
fn is_conditional(e: &Expr) -> bool {
    match e {
        // An operand of AND or OR behind one that decides: Spark looks at both.
        Expr::Case(case) => {
            !matches!(case.when_then_expr.as_slice(), [(when, _)] if matches!(**when, Expr::IsNotFalse(_) | Expr::IsNotTrue(_)))
        }
        Expr::ScalarFunction(call) => matches!(call.name(), "coalesce" | "nanvl"),
        _ => false,
    }
}

/// What `coalesce` begins with, also where the optimizer has made a CASE of it, is all there is of it if it is never NULL.
fn first_of_coalesce(e: &Expr) -> usize {
    usize::from(match e {
        Expr::ScalarFunction(call) => call.name() == "coalesce",
        Expr::Case(case) => matches!(
            case.when_then_expr.as_slice(),
            [(when, then)] if matches!(&**when, Expr::IsNotNull(first) if first == then)
        ),
        _ => false,
    })
}

/// Does Spark compute the expression when it plans, if all parts of it are constant?
fn folds(e: &Expr) -> bool {
    match e {
        Expr::AggregateFunction(_) | Expr::WindowFunction(_) => false,
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<KernelUdf>() {
            Some(kernel) => kernel.call.kernel.folds,
            None => call.func.inner().is::<InSet>() || call.name() == "coalesce",
        },
        _ => true,
    }
}

fn children(e: &Expr) -> Vec<&Expr> {
    let mut out = vec![];
    let found: DfResult<_> = e.apply_children(|child| {
        out.push(child);
        Ok(TreeNodeRecursion::Continue)
    });
    match found {
        Ok(_) => out,
        Err(_) => vec![],
    }
}

fn compute(e: &Expr, failed: &mut Option<SparkError>) {
    let raises = |e: &Expr| match e {
        Expr::ScalarFunction(call) => {
            call.func.inner().downcast_ref::<KernelUdf>().is_some_and(|k| !k.call.kernel.total)
        }
        _ => false,
    };
    if failed.is_none() && e.exists(|e| Ok(raises(e))).unwrap_or(false) {
        *failed = evaluate(e).err();
    }
}
