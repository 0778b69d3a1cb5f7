//! `count(DISTINCT a)` as a count over groups.
//!
//! The set of values that an aggregate collects by itself has to fit in memory, and is built by one
//! thread where nothing is grouped by. Grouping by the value first spills and runs in parallel.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// What the value is called between the two.
const VALUE: &str = "counted";

/// The rule.
#[derive(Debug, Default)]
pub struct CountDistinctByGroups;

fn unaliased(e: &Expr) -> &Expr {
    match e {
        Expr::Alias(alias) => &alias.expr,
        other => other,
    }
}

/// The value that all aggregates count the different ones of.
fn counted(aggregate: &Aggregate) -> Option<&Expr> {
    let mut values = aggregate.aggr_expr.iter().map(|e| match unaliased(e) {
        Expr::AggregateFunction(AggregateFunction {
            func,
            params: AggregateFunctionParams { args, distinct: true, filter: None, order_by, .. },
        }) if *func == count_udaf() && order_by.is_empty() && args.len() == 1 => args.first(),
        _ => None,
    });
    let first = values.next()??;
    values.all(|v| v == Some(first)).then_some(first)
}

impl OptimizerRule for CountDistinctByGroups {
    fn name(&self) -> &str {
        "count_distinct_by_groups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(value) = counted(aggregate) else { return Ok(Transformed::no(plan)) };
        // Groups of numbers with a point, and of nested values, are made by other rules than sets are.
        let kind = value.get_type(aggregate.input.schema())?;
        if kind.is_floating() || kind.is_nested() || kind == DataType::Null {
            return Ok(Transformed::no(plan));
        }
        if !aggregate.group_expr.iter().all(|e| matches!(e, Expr::Column(_))) {
            return Ok(Transformed::no(plan));
        }
        let mut groups = aggregate.group_expr.clone();
        groups.push(value.clone().alias(VALUE));
        let inner = LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(&aggregate.input), groups, vec![])?);
        let count = |e: &Expr| {
            let value = Expr::Column(Column::from_name(VALUE));
            let count = AggregateFunction::new_udf(count_udaf(), vec![value], false, None, vec![], None);
            let count = Expr::AggregateFunction(count);
            match e {
                Expr::Alias(alias) => count.alias_qualified(alias.relation.clone(), &alias.name),
                other => count.alias(other.schema_name().to_string()),
            }
        };
        let counts = aggregate.aggr_expr.iter().map(count).collect();
        let outer = Aggregate::try_new(Arc::new(inner), aggregate.group_expr.clone(), counts)?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(outer)))
    }
}
