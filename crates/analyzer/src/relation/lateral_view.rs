//! `LATERAL VIEW [OUTER] generator alias AS columns`.

use std::sync::Arc;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;
use vonk_plan::expr::ExprKind;

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::resolver::SessionFunction;
use crate::scope::{Scope, ScopeColumn};

impl Analyzer {
    /// What is wrong with an expression that is no call of a generator.
    fn no_generator(&self, env: &Env, e: &Expr) -> SparkResult<SparkError> {
        const SQL_FUNCTION: &str = "org.apache.spark.sql.catalyst.analysis.SQLFunctionExpression";
        let ExprKind::Function(call) = &e.kind else {
            return Ok(SparkError::internal("LATERAL VIEW of no call"));
        };
        let (known, scalar) = match self.resolver().function(&call.name)? {
            _ if self.builtin(&call.name).is_some() => (true, false),
            Some(SessionFunction::Sql { columns: None, .. }) => (true, true),
            Some(SessionFunction::Python(_)) => (true, false),
            _ => (false, false),
        };
        if !known {
            let full = self.resolver().function_name(&call.name);
            let parts: Vec<&str> = full.split('.').collect();
            // A function of the session is none of the database.
            let parts = match parts.as_slice() {
                [one] => vec!["default", *one],
                [_, rest @ ..] => rest.to_vec(),
                [] => vec![],
            };
            return Ok(SparkError::new("ROUTINE_NOT_FOUND").param("routineName", quote_id(parts)).at(e.origin.clone()));
        }
        self.expr(env, e)?;
        Ok(SparkError::new("UNSUPPORTED_GENERATOR.NOT_GENERATOR")
            .param("functionName", quote_id([call.name.last().map(|n| n.to_lowercase()).unwrap_or_default()]))
            .param("classCanonicalName", if scalar { SQL_FUNCTION } else { "" }))
    }

    pub fn lateral_view(
        &self,
        mut node: Node,
        generator: &Expr,
        keep: bool,
        alias: Option<&str>,
        names: &[String],
        outer: Outer,
    ) -> SparkResult<Node> {
        let env = Env::of(&node, outer);
        let Some(mut call) = self.generator(&env, generator)? else {
            return Err(self.no_generator(&env, generator)?);
        };
        call.outer |= keep;
        let Item::Generated { mut rows, columns, outer } = self.generated(call, names)? else {
            return Err(SparkError::internal("generator"));
        };
        self.take_plain_subqueries(&mut node, &mut [&mut rows], "Generate")?;
        let qualifier: Arc<[String]> = alias.into_iter().map(String::from).collect::<Vec<_>>().into();
        let columns: Vec<_> = columns.into_iter().map(|c| ScopeColumn { qualifier: qualifier.clone(), ..c }).collect();
        self.generate(&mut node, rows, &columns, outer)?;
        let all = node.scope.columns.iter().cloned().chain(columns).collect();
        let hidden = node.scope.hidden.clone();
        Ok(node.with_scope(Scope::with_hidden(all, hidden)))
    }
}
