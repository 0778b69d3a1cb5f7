//! Constants that fail, wherever they stand: `SELECT 1 / 0 FROM t` fails over an empty `t`, too.
//!
//! Looked for twice. [`FailingConstants`] comes once, before the rules that drop parts without rows, as in Spark; it does not count
//! what stands in columns that nobody asks for, which Spark has dropped by then. The planner asks again for what the
//! rules have brought together. What DataFusion computes once for several places is looked at in each of them: it may wait
//! there for a row that asks. (Spark's `ConstantFolding`; what stands in conditions the analyzer looked at.)

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerContext};
use vonk_analyzer::constants::{is_local, no_failing_constants};
use vonk_expr::exec_err;

use super::guarded::guarded;

/// Names that DataFusion gives to what it computes once (`CommonSubexprEliminate`).
const COMMON: &str = "__common_expr_";

/// The rule that comes first. It changes no plan.
#[derive(Debug, Default)]
pub struct FailingConstants;

impl AnalyzerRule for FailingConstants {
    fn name(&self) -> &str {
        "failing_constants"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if no_failing_constants_in(&plan).is_err()
            && let Ok(asked_for) = pruned(plan.clone())
        {
            no_failing_constants_in(&asked_for)?;
        }
        Ok(plan)
    }
}

/// The plan without the columns that nobody asks for.
fn pruned(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (rule, config) = (guarded(Arc::new(OptimizeProjections::new())), OptimizerContext::new());
    let order = rule.apply_order();
    let rewrite = |node: LogicalPlan| rule.rewrite(node, &config);
    let rewritten = match order {
        Some(ApplyOrder::TopDown) => plan.transform_down_with_subqueries(rewrite),
        Some(ApplyOrder::BottomUp) => plan.transform_up_with_subqueries(rewrite),
        None => rewrite(plan),
    };
    rewritten.map(|plan| plan.data)
}

/// Error: that of a constant of the plan that fails.
pub fn no_failing_constants_in(plan: &LogicalPlan) -> Result<()> {
    let mut common: HashMap<String, Expr> = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Projection(p) = node {
            let named = p.expr.iter().filter_map(|e| match e {
                Expr::Alias(a) if a.name.starts_with(COMMON) => Some((a.name.clone(), a.expr.as_ref().clone())),
                _ => None,
            });
            common.extend(named);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node
            && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0))))
        {
            return Ok(TreeNodeRecursion::Jump);
        }
        let seen_earlier = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        if !seen_earlier && !node.inputs().into_iter().all(is_local) {
            node.apply_expressions(|e| {
                if !matches!(e, Expr::Alias(a) if common.contains_key(&a.name)) {
                    no_failing_constants(in_its_places(e, &common)?.as_ref()).map_err(exec_err)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The expression with what is computed for it below.
fn in_its_places<'a>(e: &'a Expr, common: &HashMap<String, Expr>) -> Result<Cow<'a, Expr>> {
    let is_common = |e: &Expr| matches!(e, Expr::Column(c) if common.contains_key(&c.name));
    if common.is_empty() || !e.exists(|e| Ok(is_common(e)))? {
        return Ok(Cow::Borrowed(e));
    }
    let whole = e.clone().transform_down(|e| {
        Ok(match &e {
            Expr::Column(c) => match common.get(&c.name) {
                Some(computed) => Transformed::yes(computed.clone()),
                None => Transformed::no(e),
            },
            _ => Transformed::no(e),
        })
    })?;
    Ok(Cow::Owned(whole.data))
}
