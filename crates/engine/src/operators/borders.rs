//! Operators that no sort goes below, since to them it matters which rows come first: limits and offsets, numbers of
//! rows, and Python functions that see rows one after the other.
//!
//! DataFusion puts a sort as far down as the columns it sorts by are there, also below these. So while it does that,
//! a filter that keeps everything stands over each of them: below a filter it never puts a sort.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::expressions::{Literal, lit};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};

use super::python::exec::PythonExec;
use super::python::number::NumberExec;
use super::row_id::RowIdExec;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;
type Plan = Arc<dyn ExecutionPlan>;

/// The rule; the one that moves sorts respects the borders.
pub fn respecting(rule: Rule) -> Rule {
    match rule.name() {
        "EnsureRequirements" => Arc::new(Respecting(rule)),
        _ => rule,
    }
}

#[derive(Debug)]
struct Respecting(Rule);

impl PhysicalOptimizerRule for Respecting {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        let bordered = plan.transform_up(|node| match is_border(&node) {
            true => FilterExec::try_new(lit(true), node).map(|filter| Transformed::yes(Arc::new(filter) as Plan)),
            false => Ok(Transformed::no(node)),
        });
        let plan = self.0.optimize(bordered.data()?, config)?;
        let plain = plan.transform_up(|node| {
            let any: &dyn Any = node.as_ref();
            Ok(match any.downcast_ref::<FilterExec>().filter(|filter| keeps_all(filter)) {
                Some(filter) => Transformed::yes(Arc::clone(filter.input())),
                None => Transformed::no(node),
            })
        });
        plain.data()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn is_border(plan: &Plan) -> bool {
    let any: &dyn Any = plan.as_ref();
    any.is::<GlobalLimitExec>()
        || any.is::<LocalLimitExec>()
        || any.is::<RowIdExec>()
        || any.is::<NumberExec>()
        || any.is::<PythonExec>()
}

fn keeps_all(filter: &FilterExec) -> bool {
    let predicate: &dyn Any = filter.predicate().as_ref();
    let written = predicate.downcast_ref::<Literal>().map(Literal::value);
    filter.projection().is_none() && matches!(written, Some(ScalarValue::Boolean(Some(true))))
}
