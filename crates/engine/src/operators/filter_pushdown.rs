//! DataFusion's pushing of filters, for plans that have some.
//!
//! The rule compares the columns of projections with each other, which takes time by the square of their number, and
//! does so also where nothing is pushed. A plan has filters where it has an operator that begins with one: a filter,
//! or a join, sort or aggregate that finds one while it runs.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rule; the pushing of filters is left out where there are none.
pub fn where_needed(rule: Rule) -> Rule {
    match rule.name().starts_with("FilterPushdown") {
        true => Arc::new(WhereNeeded(rule)),
        false => rule,
    }
}

#[derive(Debug)]
struct WhereNeeded(Rule);

impl PhysicalOptimizerRule for WhereNeeded {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        match has_filter(&plan) {
            true => self.0.optimize(plan, config),
            false => Ok(plan),
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn has_filter(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = plan.as_ref();
    any.is::<FilterExec>()
        || any.is::<HashJoinExec>()
        || any.downcast_ref::<SortExec>().is_some_and(|sort| sort.fetch().is_some())
        || !plan.dynamic_expressions_produced().is_empty()
        || plan.children().into_iter().any(has_filter)
}
