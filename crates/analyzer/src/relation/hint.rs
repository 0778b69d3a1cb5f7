//! Hints: they change no rows. Those of the join and partitioning kinds are checked, unknown ones
//! passed over, as Spark does.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::{Expr, Literal};

use crate::analyzer::Analyzer;

impl Analyzer {
    pub fn hint(&self, name: &str, parameters: &[Expr]) -> SparkResult<()> {
        let name = name.to_uppercase();
        if !matches!(name.as_str(), "COALESCE" | "REPARTITION" | "REPARTITION_BY_RANGE" | "REBALANCE") {
            return Ok(());
        }
        let number = |e: &Expr| matches!(e.kind, ExprKind::Literal(Literal::Int(_)));
        let column = |e: &Expr| matches!(e.kind, ExprKind::Attribute { .. });
        if name == "COALESCE" && !matches!(parameters, [n] if number(n)) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1048").param("hintName", &name));
        }
        let columns = match parameters {
            [first, rest @ ..] if number(first) => rest,
            all => all,
        };
        match columns.iter().find(|e| !column(e)) {
            Some(_) if name == "REPARTITION" && columns.len() == parameters.len() && columns.len() == 1 => {
                Err(SparkError::new("INVALID_HINT_PARAMETER").param("hintName", quote_id([&name])))
            }
            _ => Ok(()),
        }
    }
}
