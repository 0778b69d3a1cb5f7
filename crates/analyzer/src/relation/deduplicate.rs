//! DISTINCT and `dropDuplicates`.

use std::sync::Arc;

use datafusion::logical_expr::{Distinct, DistinctOn, LogicalPlan};
use vonk_common::SparkResult;

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{ScopeColumn, column_expr};

impl Analyzer {
    pub fn distinct(&self, mut node: Node) -> SparkResult<Node> {
        let plan = node.exact(&|| self.fresh())?;
        self.check_comparable(&node.scope.columns)?;
        let scope = node.scope.clone();
        if scope.columns.is_empty() {
            return Ok(node);
        }
        let plan = distinct_rows(plan, &scope.columns)?;
        Ok(Node::new(plan, crate::scope::Scope::new(scope.columns.clone())))
    }

    /// The first row of each group of rows that agree in the columns; all columns if none are named.
    pub fn deduplicate(&self, mut node: Node, columns: Option<&[String]>) -> SparkResult<Node> {
        let Some(names) = columns else { return self.distinct(node) };
        let case = self.case_sensitive();
        let mut on = vec![];
        for name in names {
            let before = on.len();
            on.extend(node.scope.named(name, case).filter(|(hidden, _)| !hidden).map(|(_, c)| c.key()));
            if on.len() == before {
                return Err(self.unresolved_column(&node.scope, std::slice::from_ref(name), None));
            }
        }
        self.keep_order(&mut node)?;
        let plan = node.exact(&|| self.fresh())?;
        let select = node.scope.columns.iter().map(|c| column_expr(c.slot)).collect();
        let distinct = DistinctOn::try_new(on, select, None, Arc::clone(&plan)).map_err(vonk_expr::spark_error)?;
        let scope = crate::scope::Scope::new(node.scope.columns.clone());
        Ok(Node::new(LogicalPlan::Distinct(Distinct::On(distinct)), scope))
    }
}

/// The different rows of a plan with exactly these columns: the first of those that are equal.
pub fn distinct_rows(plan: Arc<LogicalPlan>, columns: &[ScopeColumn]) -> SparkResult<LogicalPlan> {
    if !columns.iter().any(|c| c.data_type.is_collated()) {
        return Ok(LogicalPlan::Distinct(Distinct::All(plan)));
    }
    let on = columns.iter().map(ScopeColumn::key).collect();
    let select = columns.iter().map(|c| column_expr(c.slot)).collect();
    let distinct = DistinctOn::try_new(on, select, None, plan).map_err(vonk_expr::spark_error)?;
    Ok(LogicalPlan::Distinct(Distinct::On(distinct)))
}
