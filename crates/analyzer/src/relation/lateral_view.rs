//! `LATERAL VIEW [OUTER] generator alias AS columns`.

use std::sync::Arc;

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn};

impl Analyzer {
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
            let value = self.expr(&env, generator)?;
            return Err(SparkError::new("UNSUPPORTED_GENERATOR.NOT_GENERATOR")
                .param("functionName", quote_sql(value.sql))
                .param("classCanonicalName", ""));
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
