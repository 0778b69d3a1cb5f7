//! Rows at hand in the partitions that Spark has them in, where the number of a partition is looked at.
//!
//! Elsewhere they stay in one partition: many small ones cost more than they give. The analyzer leaves a
//! batch for each partition of Spark's, see `relation::local`.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::DataType as Arrow;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use vonk_analyzer::relation::local::pieces;
use vonk_analyzer::relation::range::{self, Numbers};

use super::place::PlaceExec;
use super::rows::{Choice, ChooseExec};

/// The same rows; each batch of rows at hand is a partition.
pub fn cut(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    cut_into(plan, 1)
}

/// The same, with a small range and the rows of VALUES in so many partitions.
pub fn cut_into(plan: Arc<dyn ExecutionPlan>, parallelism: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let any: &dyn Any = plan.as_ref();
    if let Some(source) = any.downcast_ref::<DataSourceExec>() {
        return Ok(cut_source(source, parallelism)?.unwrap_or(plan));
    }
    if let Some([range]) = range::parts(any).as_deref() {
        let rows = range.rows.end - range.rows.start;
        let parts = i128::try_from(parallelism).unwrap_or(1).min(rows).max(1);
        let at = |n: i128| range.rows.start + n * rows / parts;
        let numbers = |n| Numbers::new(range.start, range.step, at(n)..at(n + 1), range.batch, range.shown);
        return if parts == 1 { Ok(plan) } else { range::exec((0..parts).map(numbers).collect(), range.shown) };
    }
    let passes = any.is::<ProjectionExec>()
        || any.is::<FilterExec>()
        || any.is::<PlaceExec>()
        || any.downcast_ref::<ChooseExec>().is_some_and(|c| matches!(c.choice, Choice::Sample { .. }));
    let child = match (passes, plan.children().as_slice()) {
        (true, [child]) => Arc::clone(child),
        _ => return Ok(plan),
    };
    let done = cut_into(Arc::clone(&child), parallelism)?;
    if Arc::ptr_eq(&child, &done) {
        return Ok(plan);
    }
    plan.replace_children(vec![done], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

/// A sort that is to order each partition by itself, over an input that is cut.
pub fn cut_sorted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let any: &dyn Any = plan.as_ref();
    let Some(sort) = any.downcast_ref::<SortExec>().filter(|s| s.fetch().is_none()) else { return cut(plan) };
    let input = cut(Arc::clone(sort.input()))?;
    Ok(Arc::new(SortExec::new(sort.expr().clone(), input).with_preserve_partitioning(true)))
}

fn cut_source(source: &DataSourceExec, parallelism: usize) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let data: &dyn Any = source.data_source().as_ref();
    let Some(memory) = data.downcast_ref::<MemorySourceConfig>() else { return Ok(None) };
    let [batches] = memory.partitions() else { return Ok(None) };
    let batches = match batches.as_slice() {
        [batch] => pieces(batch, parallelism),
        all => all.to_vec(),
    };
    if batches.len() < 2 {
        return Ok(None);
    }
    let parts: Vec<_> = batches.into_iter().map(|b| vec![b]).collect();
    let exec = MemorySourceConfig::try_new_exec(&parts, memory.original_schema(), memory.projection().clone())?;
    Ok(Some(exec))
}

/// Cuts what is summed up without keys in numbers that are rounded: their last digits depend on which rows
/// are summed first, and Spark sums each partition by itself.
#[derive(Debug)]
pub struct CutSums;

impl PhysicalOptimizerRule for CutSums {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            let Some(aggregate) = any.downcast_ref::<AggregateExec>() else { return Ok(Transformed::no(node)) };
            let rounded = aggregate.aggr_expr().iter().any(|e| *e.field().data_type() == Arrow::Float64);
            if *aggregate.mode() != AggregateMode::Partial || !aggregate.group_expr().is_empty() || !rounded {
                return Ok(Transformed::no(node));
            }
            let input = cut(Arc::clone(aggregate.input()))?;
            if Arc::ptr_eq(&input, aggregate.input()) {
                return Ok(Transformed::no(node));
            }
            let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(Arc::clone(&node).replace_children(vec![input], anew)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "cut_sums"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
