//! Hints of partitions: `REPARTITION`, `REPARTITION_BY_RANGE`, `COALESCE` and `REBALANCE` do what the operators of
//! these names do. A hint of a join says how the relation is to be joined ([`super::join_hint`]). Others are passed
//! over.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{ExprKind, SortOrder};
use vonk_plan::{Expr, Literal};

use super::Outer;
use super::repartition::positive;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::nodes::hinted::Strategy;

impl Analyzer {
    /// The node with the hint over it.
    pub fn hint(&self, mut node: Node, name: &str, parameters: &[Expr], outer: Outer) -> SparkResult<Node> {
        let name = name.to_uppercase();
        if let (Some(strategy), []) = (Strategy::of(&name), parameters) {
            node.hint = Some(strategy);
            return Ok(node);
        }
        if !matches!(name.as_str(), "COALESCE" | "REPARTITION" | "REPARTITION_BY_RANGE" | "REBALANCE") {
            return Ok(node);
        }
        let (partitions, columns) = self.checked_hint(&node, &name, parameters)?;
        match (name.as_str(), partitions) {
            ("COALESCE", Some(n)) => self.repartition(node, n, false),
            ("REPARTITION", Some(n)) if columns.is_empty() => self.repartition(node, n, true),
            ("REPARTITION_BY_RANGE", _) => {
                let sorted =
                    |e: Expr| Expr { origin: e.origin.clone(), kind: ExprKind::Sort(Box::new(SortOrder::asc(e))) };
                let keys: Vec<Expr> = columns.into_iter().map(sorted).collect();
                self.repartition_by(node, &keys, partitions, outer)
            }
            // How many partitions there are in the end is not the hint's to say.
            ("REBALANCE", _) => {
                partitions.map(positive).transpose()?;
                self.repartition_by(node, &columns, None, outer)
            }
            _ => self.repartition_by(node, &columns, partitions, outer),
        }
    }

    /// The number of partitions and the columns of a hint.
    fn checked_hint(&self, node: &Node, name: &str, parameters: &[Expr]) -> SparkResult<(Option<i32>, Vec<Expr>)> {
        let number = |e: &Expr| matches!(&e.kind, ExprKind::Literal(n) if whole(n).is_some());
        if name == "COALESCE" && !matches!(parameters, [n] if number(n)) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1048").param("hintName", name));
        }
        let (partitions, columns) = match parameters {
            [Expr { kind: ExprKind::Literal(n), .. }, rest @ ..] if whole(n).is_some() => (whole(n), rest),
            all => (None, all),
        };
        let env = Env::of(node, None);
        let mut found = Vec::with_capacity(columns.len());
        for column in columns {
            let name = match &column.kind {
                ExprKind::Attribute { name, .. } => name.clone(),
                ExprKind::Literal(Literal::String(name)) => vec![name.to_string()],
                ExprKind::Literal(_) => {
                    return Err(SparkError::new("_LEGACY_ERROR_TEMP_1047")
                        .param("hintName", name)
                        .param("invalidParams", ""));
                }
                _ => {
                    found.push(column.clone());
                    continue;
                }
            };
            self.name(&env, &name, None, column.origin.as_ref())?;
            let kind = ExprKind::Attribute { name, plan_id: None, metadata_column: false };
            found.push(Expr { kind, origin: column.origin.clone() });
        }
        Ok((partitions, found))
    }
}

/// A number of partitions as hints write it.
fn whole(value: &Literal) -> Option<i32> {
    match value {
        Literal::Byte(n) => Some(i32::from(*n)),
        Literal::Short(n) => Some(i32::from(*n)),
        Literal::Int(n) => Some(*n),
        _ => None,
    }
}
