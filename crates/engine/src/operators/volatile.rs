//! Conditions stay above what depends on which rows are there: random numbers with a seed are other numbers
//! for other rows, and Spark moves no filter below a projection that has some.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// DataFusion's rule that moves filters down, where it may.
#[derive(Debug)]
pub struct AboveVolatile(pub Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for AboveVolatile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match is_over_volatile(&plan) {
            true => Ok(Transformed::no(plan)),
            false => self.0.rewrite(plan, config),
        }
    }
}

/// A filter, or several, right above a projection with volatile expressions.
fn is_over_volatile(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Filter(filter) = plan else { return false };
    let mut below = &filter.input;
    while let LogicalPlan::Filter(filter) = below.as_ref() {
        below = &filter.input;
    }
    matches!(below.as_ref(), LogicalPlan::Projection(p) if p.expr.iter().any(|e| e.is_volatile()))
}
