//! The order in which Spark gives the groups of a small aggregate.
//!
//! Spark sums up each partition of the input by itself and sends the groups to others by the hash of their
//! keys, as many as `spark.sql.shuffle.partitions` says. Small ones are read together: for each partition of
//! the input, its groups by the number of the partition they were sent to, those of one in the order in which
//! they were met. Users see that order where nothing above sorts. It is made here for aggregates of few rows,
//! whose cost it does not change; many groups come as they are.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType as Arrow, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use vonk_functions::murmur_rows;

use super::cuts::cut_into;
use super::gather::in_order;
use super::place::{PlaceExec, is_small};
use super::rows::take_rows;
use crate::operators::one_input::one_input;

/// Rows of an aggregate's input that are few.
const FEW: usize = 10_000;

/// What orders the rows of each partition of the input; the partitions come one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// The number of the partition that the hash of the first columns sends a row to.
    Hash { keys: usize, partitions: i32 },
    /// The number in that column.
    Number { column: usize },
    /// The last row first, of all partitions.
    Reversed,
    /// As they come: what changes is that they are one batch.
    AsMet,
}

#[derive(Debug)]
pub struct OrderExec {
    pub input: Arc<dyn ExecutionPlan>,
    pub order: Order,
    properties: Arc<PlanProperties>,
}

impl OrderExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, order: Order) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            input.boundedness(),
        );
        OrderExec { input, order, properties: Arc::new(properties) }
    }
}

fn ordered(batch: &RecordBatch, order: Order) -> Result<RecordBatch> {
    let places: Vec<i64> = match order {
        Order::Hash { keys, partitions } => {
            // Keys that have no hash stay in the order in which they were met.
            let own = batch.columns().get(..keys).unwrap_or_default();
            let hashes = murmur_rows(own, batch.num_rows()).unwrap_or_else(|_| vec![0; batch.num_rows()]);
            hashes.iter().map(|h| i64::from(h.rem_euclid(partitions))).collect()
        }
        Order::Number { column } => {
            let numbers = cast(batch.column(column), &Arrow::Int64)?;
            numbers.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect()
        }
        Order::Reversed => (0..batch.num_rows() as i64).rev().collect(),
        Order::AsMet => return Ok(batch.clone()),
    };
    let mut rows: Vec<(i64, u32)> = places.into_iter().zip(0..).collect();
    rows.sort_unstable();
    take_rows(batch, &UInt32Array::from_iter_values(rows.into_iter().map(|(_, row)| row)))
}

impl DisplayAs for OrderExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order: {:?}", self.order)
    }
}

impl ExecutionPlan for OrderExec {
    one_input!("OrderExec", |this, input| Ok(OrderExec::new(input, this.order)));

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (schema, order) = (self.schema(), self.order);
        let parts = match order {
            Order::Reversed | Order::AsMet => vec![in_order(&self.input, &context)?],
            _ => {
                let parts = 0..self.input.output_partitioning().partition_count();
                parts.map(|p| self.input.execute(p, Arc::clone(&context))).collect::<Result<_>>()?
            }
        };
        // All at one time: those of a join wait for each other before they give a row.
        let (of, at_once) = (Arc::clone(&schema), parts.len().max(1));
        let rows = futures::stream::iter(parts).map(move |part| {
            let of = Arc::clone(&of);
            async move {
                let batches: Vec<RecordBatch> = part.try_collect().await?;
                ordered(&concat_batches(&of, &batches)?, order)
            }
        });
        let rows = rows.buffered(at_once);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().cloned().unwrap_or_else(|| Arc::new(Statistics::new_unknown(&self.schema()))))
    }
}

/// Puts [`OrderExec`] into small aggregates whose order is seen.
#[derive(Debug)]
pub struct OrderOfGroups {
    pub partitions: i32,
    pub parallelism: usize,
}

impl OrderOfGroups {
    fn seen(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let any: &dyn Any = plan.as_ref();
        if let Some(aggregate) = any.downcast_ref::<AggregateExec>() {
            return Ok(self.aggregate(aggregate)?.unwrap_or(plan));
        }
        let keeps = plan.maintains_input_order();
        let mut changed = false;
        let mut children = vec![];
        for (child, keeps) in plan.children().into_iter().zip(keeps) {
            let done = if keeps { self.seen(Arc::clone(child))? } else { Arc::clone(child) };
            changed |= !Arc::ptr_eq(child, &done);
            children.push(done);
        }
        if !changed {
            return Ok(plan);
        }
        plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// The last half of an aggregate, with the groups of the first half in order.
    fn aggregate(&self, last: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let any: &dyn Any = last.input().as_ref();
        let Some(first) = any.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let keys = last.group_expr().expr().len();
        let halves = matches!(last.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned)
            && *first.mode() == AggregateMode::Partial;
        let plain = keys > 0
            && first.group_expr().is_single()
            && last.group_expr().is_single()
            && last.limit_options().is_none();
        if !halves || !plain || !is_small(first.input(), FEW) {
            return Ok(None);
        }
        // Rows that are in one partition already are not sent to others.
        let (input, order) = match is_exchanged(first.input()) {
            true => {
                let order = Order::Hash { keys, partitions: self.partitions };
                (cut_into(Arc::clone(first.input()), self.parallelism)?, order)
            }
            false => (Arc::clone(first.input()), Order::AsMet),
        };
        let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        let first = Arc::clone(last.input()).replace_children(vec![input], anew)?;
        let ordered = Arc::new(OrderExec::new(first, order));
        let (groups, calls) = (last.group_expr().clone(), last.aggr_expr().to_vec());
        let filters = last.filter_expr().to_vec();
        let last = AggregateExec::try_new(AggregateMode::Final, groups, calls, filters, ordered, last.input_schema())?;
        Ok(Some(Arc::new(last)))
    }
}

/// Does Spark send the rows of this input to other partitions for an aggregate? Not if they are in one.
fn is_exchanged(input: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = input.as_ref();
    if any.is::<GlobalLimitExec>() || any.is::<CoalescePartitionsExec>() {
        return false;
    }
    if let Some(place) = any.downcast_ref::<PlaceExec>() {
        return place.placing.partitions > 1;
    }
    match input.children().as_slice() {
        [child] => is_exchanged(child),
        _ => true,
    }
}

impl PhysicalOptimizerRule for OrderOfGroups {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        self.seen(plan)
    }

    fn name(&self) -> &str {
        "order_of_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
