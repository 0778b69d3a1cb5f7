//! `AS t`, `AS t(a, b)` and `DataFrame.alias`: new qualifiers and names, nothing else.

use vonk_common::{SparkError, SparkResult};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::row_ids::INPUT_FILE;
use crate::scope::{Scope, ScopeColumn};

impl Analyzer {
    pub fn alias(&self, node: Node, alias: &str, qualifier: &[String], columns: &[String]) -> SparkResult<Node> {
        let mut scope = node.scope.qualified(qualifier.iter().cloned().chain([alias.to_string()]).collect::<Vec<_>>());
        if !columns.is_empty() {
            scope = self.renamed(&scope, columns)?;
        }
        Ok(node.with_scope(scope).sealed())
    }

    /// The columns under new names, one for each.
    pub fn renamed(&self, scope: &Scope, names: &[String]) -> SparkResult<Scope> {
        if names.len() != scope.columns.len() {
            return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
                .param("numExpr", names.len())
                .param("numTarget", scope.columns.len()));
        }
        let columns = scope.columns.iter().zip(names).map(|(c, name)| ScopeColumn {
            id: self.fresh(),
            name: name.as_str().into(),
            ..c.clone()
        });
        // What a source says of its rows has its name still.
        let of_source = |c: &&ScopeColumn| &*c.name == INPUT_FILE || c.is_file_metadata();
        Ok(Scope::with_hidden(columns.collect(), scope.hidden.iter().filter(of_source).cloned().collect()))
    }
}
