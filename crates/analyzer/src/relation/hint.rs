//! Hints: they change no rows. Those of the join and partitioning kinds are checked, unknown ones
//! passed over, as Spark does.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::{Expr, Literal};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;

impl Analyzer {
    /// Checks a hint over the node.
    pub fn hint(&self, node: &Node, name: &str, parameters: &[Expr]) -> SparkResult<()> {
        let name = name.to_uppercase();
        if !matches!(name.as_str(), "COALESCE" | "REPARTITION" | "REPARTITION_BY_RANGE" | "REBALANCE") {
            return Ok(());
        }
        let number =
            |e: &Expr| matches!(e.kind, ExprKind::Literal(Literal::Byte(_) | Literal::Short(_) | Literal::Int(_)));
        if name == "COALESCE" && !matches!(parameters, [n] if number(n)) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1048").param("hintName", &name));
        }
        let columns = match parameters {
            [first, rest @ ..] if number(first) => rest,
            all => all,
        };
        let env = Env::of(node, None);
        for column in columns {
            match &column.kind {
                ExprKind::Attribute { name, .. } => self.name(&env, name, None, column.origin.as_ref()).map(|_| ())?,
                ExprKind::Literal(Literal::String(value)) => {
                    self.name(&env, &[value.to_string()], None, column.origin.as_ref()).map(|_| ())?
                }
                ExprKind::Literal(_) => {
                    return Err(SparkError::new("_LEGACY_ERROR_TEMP_1047")
                        .param("hintName", &name)
                        .param("invalidParams", ""));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
