//! `WITH`: each reference to a common table expression is a fresh analysis of its query. And
//! `WithRelations`: relations that sub-queries of the DataFrame API refer to.

use std::rc::Rc;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::Cte;
use vonk_plan::{Relation, RelationKind};

use super::Outer;
use super::recursion::WorkingTable;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::same_name;

/// A common table expression in sight, and how many of those before it are in sight of it.
pub struct Visible {
    pub cte: Cte,
    pub before: usize,
    pub recursive: bool,
    /// Set while the recursive part of the query itself is analysed.
    pub working: Option<WorkingTable>,
}

impl Analyzer {
    pub fn with(&self, ctes: &[Cte], recursive: bool, body: &Relation, outer: Outer) -> SparkResult<Node> {
        let depth = self.ctes().borrow().len();
        for (i, cte) in ctes.iter().enumerate() {
            if ctes.iter().take(i).any(|c| same_name(&c.name, &cte.name, self.case_sensitive())) {
                self.ctes().borrow_mut().truncate(depth);
                return Err(SparkError::new("DUPLICATED_CTE_NAMES").param("duplicateNames", quote_id([&cte.name])));
            }
            let before = self.ctes().borrow().len();
            self.ctes().borrow_mut().push(Rc::new(Visible { cte: cte.clone(), before, recursive, working: None }));
        }
        // Queries that nothing refers to are checked all the same.
        let out = self.relation(body, outer);
        self.ctes().borrow_mut().truncate(depth);
        out
    }

    /// The table of that name, if it is a common table expression.
    pub fn cte(&self, name: &str, outer: Outer) -> SparkResult<Option<Node>> {
        let case = self.case_sensitive();
        let hit = self.ctes().borrow().iter().rev().find(|v| same_name(&v.cte.name, name, case)).cloned();
        let Some(visible) = hit else { return Ok(None) };
        if let Some(working) = &visible.working {
            return self.working_rows(&visible, working).map(Some);
        }
        // Its query sees what came before it only.
        let later = self.ctes().borrow_mut().split_off(visible.before);
        let node = match visible.recursive {
            true => self.recursive(&visible, outer),
            false => self.relation(&visible.cte.query, outer),
        };
        self.ctes().borrow_mut().truncate(visible.before);
        self.ctes().borrow_mut().extend(later);
        self.alias(node?, &visible.cte.name, &[], &visible.cte.columns).map(Some)
    }

    pub fn with_relations(&self, root: &Relation, references: &[Relation], outer: Outer) -> SparkResult<Node> {
        let depth = self.ctes().borrow().len();
        for r in references {
            if let Some(id) = r.plan_id {
                self.add_reference(id, r.clone());
            }
            // DataFrames that SQL text refers to by name.
            if let RelationKind::Alias { input, alias, columns, .. } = &r.kind {
                let (name, columns) = (alias.clone(), columns.clone());
                let cte = Cte { name, columns, query: (**input).clone(), max_recursion: None };
                let visible = Visible { cte, before: depth, recursive: false, working: None };
                self.ctes().borrow_mut().push(Rc::new(visible));
            }
        }
        let out = self.relation(root, outer);
        self.ctes().borrow_mut().truncate(depth);
        out
    }
}
