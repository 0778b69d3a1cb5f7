//! LIMIT, OFFSET and `tail`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as DfExpr, Limit, LogicalPlan};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::{Expr, Relation, RelationKind};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::nodes::choose::{Choose, Rows};

impl Analyzer {
    pub fn limit(&self, mut node: Node, limit: &Expr) -> SparkResult<Node> {
        let n = self.row_count("limit", limit)?;
        node.over(|input| {
            Ok(LogicalPlan::Limit(Limit { skip: None, fetch: Some(literal(n)), input: Arc::clone(&input) }))
        })?;
        Ok(node)
    }

    pub fn offset(&self, mut node: Node, offset: &Expr) -> SparkResult<Node> {
        let n = self.row_count("offset", offset)?;
        node.over(|input| {
            Ok(LogicalPlan::Limit(Limit { skip: Some(literal(n)), fetch: None, input: Arc::clone(&input) }))
        })?;
        Ok(node)
    }

    /// Error: a limit over an offset, which together are more than can be counted.
    pub fn check_limit_over_offset(&self, input: &Relation, limit: &Expr) -> SparkResult<()> {
        let RelationKind::Offset { offset, .. } = &input.kind else { return Ok(()) };
        let (limit, offset) = (self.row_count("limit", limit)?, self.row_count("offset", offset)?);
        match limit.saturating_add(offset) > i64::from(i32::MAX) {
            true => Err(SparkError::new("SUM_OF_LIMIT_AND_OFFSET_EXCEEDS_MAX_INT")
                .param("limit", limit)
                .param("offset", offset)),
            false => Ok(()),
        }
    }

    /// The last rows.
    pub fn tail(&self, mut node: Node, n: i64) -> SparkResult<Node> {
        if n < 0 {
            return Err(SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE")
                .param("name", "tail")
                .param("expr", quote_sql(n))
                .param("v", n));
        }
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        self.keep_order(&mut node)?;
        node.over(|input| Ok(Choose::over(input, Rows::Last(n))))?;
        Ok(node)
    }

    fn row_count(&self, name: &str, e: &Expr) -> SparkResult<i64> {
        let clause = if name == "limit" { "GlobalLimit" } else { "Offset" };
        let value = self.expr(&Env::default().without_functions(clause), e).map_err(|err| {
            match err.class().starts_with("UNRESOLVED_COLUMN") {
                true => self.not_foldable(name, "expression").at(e.origin.clone()),
                false => err,
            }
        })?;
        let bad = |class: &str| {
            SparkError::new(format!("INVALID_LIMIT_LIKE_EXPRESSION.{class}"))
                .param("name", name)
                .param("expr", value.quoted_sql())
                .at(e.origin.clone())
        };
        if !value.foldable {
            return Err(bad("IS_UNFOLDABLE"));
        }
        if !value.data_type.is_integral() || value.data_type == vonk_plan::types::DataType::Long {
            return Err(bad("DATA_TYPE").param("dataType", quote_sql(value.data_type.sql())));
        }
        match value.constant_i64(name, "rows")? {
            None => Err(bad("IS_NULL")),
            Some(n) if n < 0 => Err(bad("IS_NEGATIVE").param("v", n)),
            Some(n) => Ok(n),
        }
    }

    fn not_foldable(&self, name: &str, text: &str) -> SparkError {
        SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE")
            .param("name", name)
            .param("expr", quote_sql(text))
    }
}

fn literal(n: i64) -> Box<DfExpr> {
    Box::new(DfExpr::Literal(ScalarValue::Int64(Some(n)), None))
}
