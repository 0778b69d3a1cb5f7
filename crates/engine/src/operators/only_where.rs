//! Physical rules of DataFusion's that run for some plans only.
//!
//! Filter pushdown compares the columns of projections with each other, which takes time by the square of their
//! number, also where nothing is pushed: it runs where an operator begins with a filter, or finds one while it runs.
//! The rule that keeps only the groups of the greatest or least values while it groups takes NaN for neither
//! greatest nor equal to itself: it runs where nothing that is compared is a floating-point number.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;
type Plan = Arc<dyn ExecutionPlan>;

/// The rule, if need be with the condition that it runs on.
pub fn only_where(rule: Rule) -> Rule {
    let runs = match rule.name() {
        "FilterPushdown" | "FilterPushdown(Post)" => has_filter,
        "LimitAggregation" => compares_no_floats,
        _ => return rule,
    };
    Arc::new(OnlyWhere { rule, runs })
}

#[derive(Debug)]
struct OnlyWhere {
    rule: Rule,
    runs: fn(&Plan) -> bool,
}

impl PhysicalOptimizerRule for OnlyWhere {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        match (self.runs)(&plan) {
            true => self.rule.optimize(plan, config),
            false => Ok(plan),
        }
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

fn has_filter(plan: &Plan) -> bool {
    let any: &dyn Any = plan.as_ref();
    any.is::<FilterExec>()
        || any.is::<HashJoinExec>()
        || any.downcast_ref::<SortExec>().is_some_and(|sort| sort.fetch().is_some())
        || !plan.dynamic_expressions_produced().is_empty()
        || plan.children().into_iter().any(has_filter)
}

fn compares_no_floats(plan: &Plan) -> bool {
    let any: &dyn Any = plan.as_ref();
    let floats = any.is::<AggregateExec>() && plan.schema().fields().iter().any(|f| f.data_type().is_floating());
    !floats && plan.children().into_iter().all(compares_no_floats)
}
