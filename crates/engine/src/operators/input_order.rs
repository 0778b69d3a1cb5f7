//! The order in which rows come to an operator, where it matters which come first though nothing above asks for an
//! order: without being asked for, DataFusion leaves out the sort below.

use std::sync::Arc;

use datafusion::physical_expr::{Distribution, LexOrdering, OrderingRequirements};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

#[derive(Debug, Clone, Default)]
pub struct InputOrder {
    ordering: Option<LexOrdering>,
    /// The order is one of all rows.
    single: bool,
}

impl InputOrder {
    /// The order that the input has when the query is planned.
    pub fn of(input: &Arc<dyn ExecutionPlan>) -> Self {
        let ordering = input.output_ordering().cloned();
        let single = ordering.is_some() && input.output_partitioning().partition_count() == 1;
        InputOrder { ordering, single }
    }

    /// `required_input_ordering` of an operator of one input.
    pub fn required_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.ordering.clone().map(OrderingRequirements::from)]
    }

    /// `required_input_distribution` of such an operator.
    pub fn required_distribution(&self) -> Vec<Distribution> {
        vec![if self.single { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }]
    }
}
