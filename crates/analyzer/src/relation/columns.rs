//! `toDF`, `withColumnRenamed`, `withColumns`, `drop`: changes to some columns of a relation.

use std::collections::HashSet;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::names::Named;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, fold, same_name};

impl Analyzer {
    pub fn to_df(&self, node: Node, names: &[String]) -> SparkResult<Node> {
        if names.len() != node.scope.columns.len() {
            return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
                .param("numExpr", names.len())
                .param("numTarget", node.scope.columns.len()));
        }
        let scope = self.renamed(&node.scope, names)?;
        Ok(node.projected(scope))
    }

    /// Renames in order; names that are not there are passed over.
    pub fn rename_columns(&self, node: Node, renames: &[(String, String)]) -> SparkResult<Node> {
        let case = self.case_sensitive();
        let mut columns = node.scope.columns.clone();
        for (old, new) in renames {
            for c in columns.iter_mut().filter(|c| same_name(&c.name, old, case)) {
                c.id = self.fresh();
                c.name = new.as_str().into();
            }
        }
        let hidden = node.scope.hidden.clone();
        Ok(node.projected(Scope::with_hidden(columns, hidden)))
    }

    /// Adds columns, or puts them in the place of those of the same name.
    pub fn with_columns(&self, node: Node, exprs: &[Expr], outer: Outer) -> SparkResult<Node> {
        let env = Env::of(&node, outer);
        let items = self.items(env.clone(), exprs)?;
        env.settle(self.put_columns(node, items))
    }

    pub fn put_columns(&self, mut node: Node, items: Vec<Item>) -> SparkResult<Node> {
        let case = self.case_sensitive();
        let key = |name: &str| if case { name.to_string() } else { fold(name) };
        let new: Vec<ScopeColumn> = items.iter().flat_map(Item::columns).collect();
        let mut names = HashSet::new();
        for c in &new {
            if !names.insert(key(&c.name)) {
                return Err(SparkError::new("COLUMN_ALREADY_EXISTS").param("columnName", quote_id([key(&c.name)])));
            }
        }
        let mut placed = HashSet::new();
        let mut columns = Vec::with_capacity(node.scope.columns.len() + new.len());
        for c in &node.scope.columns {
            if !names.contains(&key(&c.name)) {
                columns.push(c.clone());
                continue;
            }
            placed.insert(key(&c.name));
            columns.extend(new.iter().find(|n| key(&n.name) == key(&c.name)).cloned());
        }
        columns.extend(new.into_iter().filter(|n| !placed.contains(&key(&n.name))));
        let hidden = node.scope.hidden.clone();
        self.compute(&mut node, items)?;
        Ok(node.projected(Scope::with_hidden(columns, hidden)))
    }

    /// Drops columns by name and by reference; what is not there is passed over.
    pub fn drop_columns(&self, node: Node, columns: &[Expr], names: &[String]) -> SparkResult<Node> {
        let case = self.case_sensitive();
        let env = Env::of(&node, None);
        let mut gone = HashSet::new();
        for e in columns {
            if let vonk_plan::ExprKind::Attribute { name, plan_id, .. } = &e.kind {
                match self.name(&env, name, *plan_id, e.origin.as_ref()) {
                    Ok(Named::Column(c)) => {
                        gone.insert(c.id);
                    }
                    Err(err) if err.class().starts_with("AMBIGUOUS") => return Err(err),
                    _ => {}
                }
            }
        }
        let kept = node
            .scope
            .columns
            .iter()
            .filter(|c| !gone.contains(&c.id) && !names.iter().any(|n| same_name(n, &c.name, case)));
        let kept = kept.cloned().collect();
        let hidden = node.scope.hidden.clone();
        Ok(node.projected(Scope::with_hidden(kept, hidden)))
    }
}
