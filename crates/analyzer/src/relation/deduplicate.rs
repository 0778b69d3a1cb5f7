//! DISTINCT and `dropDuplicates`.

use std::sync::Arc;

use datafusion::logical_expr::{Distinct, DistinctOn, LogicalPlan};
use vonk_common::{SparkError, SparkResult};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, column_expr};

impl Analyzer {
    pub fn distinct(&self, mut node: Node) -> SparkResult<Node> {
        let plan = node.exact(&|| self.fresh())?;
        self.check_comparable(&node.scope.columns)?;
        let scope = node.scope.clone();
        if scope.columns.is_empty() {
            return Ok(node);
        }
        let plan = distinct_rows(plan, &scope.columns)?;
        Ok(Node::new(plan, Scope::new(scope.columns.clone())))
    }

    /// The first row of each group of rows that agree in the columns; all columns if none are named.
    pub fn deduplicate(&self, mut node: Node, columns: Option<&[String]>) -> SparkResult<Node> {
        let Some(names) = columns else { return self.distinct(node) };
        let case = self.case_sensitive();
        let mut by: Vec<ScopeColumn> = vec![];
        for name in names {
            let mut found = node.scope.named(name, case).filter(|(hidden, _)| !hidden).map(|(_, c)| c).peekable();
            if found.peek().is_none() {
                return Err(not_among_fields(name, &node.scope));
            }
            for c in found {
                if !by.iter().any(|known| known.slot == c.slot) {
                    by.push(c.clone());
                }
            }
        }
        self.check_comparable(&by)?;
        let on = by.iter().map(ScopeColumn::key).collect();
        self.keep_order(&mut node)?;
        let plan = node.exact(&|| self.fresh())?;
        let select = node.scope.columns.iter().map(|c| column_expr(c.slot)).collect();
        let distinct = DistinctOn::try_new(on, select, None, Arc::clone(&plan)).map_err(vonk_expr::spark_error)?;
        let scope = Scope::new(node.scope.columns.clone());
        Ok(Node::new(LogicalPlan::Distinct(Distinct::On(distinct)), scope))
    }
}

/// Error: the relation has no column of that name.
pub fn not_among_fields(name: &str, scope: &Scope) -> SparkError {
    let fields: Vec<&str> = scope.columns.iter().map(|c| &*c.name).collect();
    SparkError::new("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES").param("colName", name).param("fieldNames", fields.join(", "))
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
