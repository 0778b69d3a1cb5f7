//! ORDER BY items: the key with its direction, and its text.

use datafusion::logical_expr::SortExpr;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::order::sort_key;
use vonk_plan::expr::SortOrder;

/// A sort key after analysis.
#[derive(Debug, Clone)]
pub struct SortKey {
    pub value: TypedExpr,
    pub ascending: bool,
    pub nulls_first: bool,
}

impl SortKey {
    pub fn new(value: TypedExpr, order: &SortOrder) -> SparkResult<Self> {
        check_orderable(&value)?;
        Ok(SortKey { value, ascending: order.ascending, nulls_first: order.nulls_first })
    }

    pub fn sort(&self) -> SortExpr {
        SortExpr::new(sort_key(self.value.expr.clone(), &self.value.data_type), self.ascending, self.nulls_first)
    }

    /// `a ASC NULLS FIRST`.
    pub fn text(&self) -> String {
        let direction = if self.ascending { "ASC" } else { "DESC" };
        let nulls = if self.nulls_first { "NULLS FIRST" } else { "NULLS LAST" };
        format!("{} {direction} {nulls}", self.value.sql)
    }
}

fn check_orderable(value: &TypedExpr) -> SparkResult<()> {
    if value.data_type.is_orderable() {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .param("functionName", "`sortorder`")
        .param("dataType", quote_sql(value.data_type.sql()))
        .param("sqlExpr", value.quoted_sql())
        .at(value.origin.clone()))
}
