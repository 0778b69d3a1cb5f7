//! Which side of a join is gone through row by row, and so gives its order to the result: the other one than a hint
//! names ([`super::join_hints`]), and of small joins that of Spark.
//!
//! Spark sends the smaller side of an inner join to everyone (the right one of two equal ones), and of an
//! outer, semi or anti join the side that need not be kept; sizes are rows by what a row of such types
//! is taken to need. DataFusion chooses by other sizes. Joins of many rows are left as it wants them.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, PartitionMode};
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use vonk_analyzer::scope::column_id;

use super::hash_order::{Order, OrderExec};
use super::join_hints::{chosen, forgotten, hint};
use super::place::known_rows;

/// Rows of a side that are few.
const FEW: usize = 10_000;

#[derive(Debug)]
pub struct SidesOfJoins;

impl PhysicalOptimizerRule for SidesOfJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        forgotten(seen(chosen(plan)?)?)
    }

    fn name(&self) -> &str {
        "sides_of_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with the joins in order whose order is seen: nothing above sorts or sums up.
fn seen(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let is_join = is_join(&plan);
    let keeps = plan.maintains_input_order();
    let mut children = vec![];
    for (child, keeps) in plan.children().into_iter().zip(keeps) {
        children.push(if is_join || keeps { seen(Arc::clone(child))? } else { Arc::clone(child) });
    }
    let same = plan.children().into_iter().zip(&children).all(|(a, b)| Arc::ptr_eq(a, b));
    let plan = match same {
        true => plan,
        false => plan.replace_children(children, anew())?,
    };
    if !is_join {
        return Ok(plan);
    }
    let plan = swapped(&plan)?.unwrap_or(plan);
    // Over a join whose sides were changed its columns are put in order again.
    if let (false, [join]) = (self::is_join(&plan), plan.children().as_slice()) {
        return match in_sparks_order(join)? {
            Some(join) => Arc::clone(&plan).replace_children(vec![join], anew()),
            None => Ok(Arc::clone(&plan)),
        };
    }
    Ok(in_sparks_order(&plan)?.unwrap_or(plan))
}

fn anew() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = plan.as_ref();
    any.is::<HashJoinExec>() || any.is::<CrossJoinExec>()
}

fn swapped(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let any: &dyn Any = plan.as_ref();
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        return hash_join(join);
    }
    let Some(join) = any.downcast_ref::<CrossJoinExec>() else { return Ok(None) };
    // Its left side leads, as far as the right one is one batch.
    match leads(join.left(), join.right()) {
        Some(false) => join.swap_inputs().map(Some),
        _ => Ok(None),
    }
}

/// The join with its sides changed, if they are to be. Its left side is held, its right side leads.
fn hash_join(join: &HashJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    use JoinType as J;
    let wrong = match join.join_type() {
        // DataFusion has no other way for NOT IN.
        J::LeftAnti if join.null_aware => false,
        _ if hint(join.left()).is_some() || hint(join.right()).is_some() => false,
        J::Left | J::LeftSemi | J::LeftAnti | J::LeftMark => leads(join.left(), join.right()).is_some(),
        J::Inner => leads(join.left(), join.right()) == Some(true),
        _ => false,
    };
    if wrong {
        return join.swap_inputs(PartitionMode::CollectLeft).map(Some);
    }
    Ok(None)
}

/// The join with the rows of the side that is held last first: Spark finds those of a key in that order. Of a
/// join without a key, with the other side as one batch.
fn in_sparks_order(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let any: &dyn Any = node.as_ref();
    if let Some(join) = any.downcast_ref::<CrossJoinExec>() {
        let right: &dyn Any = join.right().as_ref();
        if right.is::<OrderExec>() || leads(join.left(), join.right()).is_none() {
            return Ok(None);
        }
        let right: Arc<dyn ExecutionPlan> = Arc::new(OrderExec::new(Arc::clone(join.right()), Order::AsMet));
        return Arc::clone(node).replace_children(vec![Arc::clone(join.left()), right], anew()).map(Some);
    }
    let Some(join) = any.downcast_ref::<HashJoinExec>() else { return Ok(None) };
    let held: &dyn Any = join.left().as_ref();
    let shows_held = matches!(join.join_type(), JoinType::Inner | JoinType::Right);
    if held.is::<OrderExec>() || !shows_held || leads(join.left(), join.right()).is_none() {
        return Ok(None);
    }
    let left: Arc<dyn ExecutionPlan> = Arc::new(OrderExec::new(Arc::clone(join.left()), Order::Reversed));
    Arc::clone(node).replace_children(vec![left, Arc::clone(join.right())], anew()).map(Some)
}

/// Is it the first side that Spark goes through? None if one is not known to be small.
fn leads(one: &Arc<dyn ExecutionPlan>, other: &Arc<dyn ExecutionPlan>) -> Option<bool> {
    let (a, b) = (bytes(one)?, bytes(other)?);
    // Columns have numbers in the order in which the query names its relations.
    let named = |plan: &Arc<dyn ExecutionPlan>| plan.schema().fields().iter().filter_map(|f| column_id(f.name())).min();
    Some(if a == b { named(one) < named(other) } else { a > b })
}

fn bytes(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let rows = source_rows(plan)?;
    (rows <= FEW).then(|| rows * row_bytes(&plan.schema()))
}

/// Rows as Spark counts them: conditions are not taken to drop any.
fn source_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    match plan.children().as_slice() {
        [] => known_rows(plan),
        [child] => source_rows(child),
        [a, b] => source_rows(a)?.checked_mul(source_rows(b)?),
        _ => None,
    }
}

fn row_bytes(schema: &SchemaRef) -> usize {
    let value = |t: &Arrow| match t {
        Arrow::Null | Arrow::Boolean | Arrow::Int8 => 1,
        Arrow::Int16 => 2,
        Arrow::Int32 | Arrow::Float32 | Arrow::Date32 => 4,
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => 20,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView => 100,
        Arrow::Decimal128(precision, _) if *precision > 18 => 16,
        Arrow::List(_) | Arrow::Map(..) | Arrow::Struct(_) => 40,
        _ => 8,
    };
    8 + schema.fields().iter().map(|f| value(f.data_type())).sum::<usize>()
}
