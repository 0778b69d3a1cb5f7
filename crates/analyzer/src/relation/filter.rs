//! WHERE and `DataFrame.filter`.

use std::sync::Arc;

use datafusion::logical_expr::{Filter, LogicalPlan};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::Expr;

use super::Outer;
use crate::analyzer::Analyzer;
use crate::conjuncts::{filters, with_not_inside};
use crate::constants::no_failing_constants;
use crate::env::Env;
use crate::expr::call::{contains_aggregate, contains_window};
use crate::hopeless::without_hopeless;
use crate::node::Node;
use crate::places;

impl Analyzer {
    pub fn filter(&self, node: Node, condition: &Expr, outer: Outer) -> SparkResult<Node> {
        let env = Env::of(&node, outer).reaching(&node);
        let condition = self.condition(&env, condition)?;
        if contains_aggregate(&condition.expr) || contains_window(&condition.expr) {
            if contains_window(&condition.expr) {
                return Err(no_window("WHERE", &condition));
            }
            return Err(SparkError::new("INVALID_WHERE_CONDITION")
                .param("condition", condition.quoted_sql())
                .param("expressionList", condition.sql.to_string())
                .at(condition.origin.clone()));
        }
        self.keep(node, condition)
    }

    /// Keeps the rows for which the typed condition holds.
    pub fn keep(&self, mut node: Node, mut condition: TypedExpr) -> SparkResult<Node> {
        crate::aggregate::no_grouping(&condition)?;
        if let Err(failed) = no_failing_constants(&condition.expr)
            && !node.is_local()
        {
            return Err(failed);
        }
        condition.expr = without_hopeless(condition.expr);
        self.take_row_ids(&mut node, &mut [&mut condition])?;
        let plan = node.plan()?;
        for part in filters(with_not_inside(condition.expr)?, |columns| places::below(&plan, columns)) {
            let predicate = self.take_subqueries_of_filter(&mut node, part)?;
            node.over(|plan| Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::clone(&plan))?)))?;
        }
        Ok(node)
    }
}

/// The clause is done before windows are.
pub fn no_window(clause: &str, e: &TypedExpr) -> SparkError {
    SparkError::new("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE").param("clauseName", clause).at(e.origin.clone())
}
