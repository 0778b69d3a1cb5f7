//! `WITH`: each reference to a common table expression is a fresh analysis of its query. And
//! `WithRelations`: relations that sub-queries of the DataFrame API refer to.

use std::cell::Cell;
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
    pub itself: Itself,
    /// Something refers to it.
    pub used: Cell<bool>,
}

/// What a table is where its own query is analysed.
pub enum Itself {
    /// It is not analysed: other queries refer to it.
    Elsewhere,
    /// No part of a recursion may refer to it there.
    Refused,
    Working(WorkingTable),
}

impl Itself {
    pub fn working(&self) -> Option<&WorkingTable> {
        match self {
            Itself::Working(working) => Some(working),
            Itself::Elsewhere | Itself::Refused => None,
        }
    }
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
            let (itself, used) = (Itself::Elsewhere, Cell::new(false));
            self.ctes().borrow_mut().push(Rc::new(Visible { cte: cte.clone(), before, recursive, itself, used }));
        }
        let mut out = self.relation(body, outer);
        // Queries that nothing refers to are checked all the same: the first fault counts. Where one refers to
        // those before it, they are checked with it.
        for cte in ctes.iter().rev() {
            if self.cte_in_sight(&cte.name).is_some_and(|v| !v.used.get())
                && let Err(fault) = self.cte(&cte.name, outer)
            {
                out = Err(fault);
            }
        }
        self.ctes().borrow_mut().truncate(depth);
        out
    }

    fn cte_in_sight(&self, name: &str) -> Option<Rc<Visible>> {
        let case = self.case_sensitive();
        self.ctes().borrow().iter().rev().find(|v| same_name(&v.cte.name, name, case)).cloned()
    }

    /// The table of that name, if it is a common table expression.
    pub fn cte(&self, name: &str, outer: Outer) -> SparkResult<Option<Node>> {
        let Some(visible) = self.cte_in_sight(name) else { return Ok(None) };
        visible.used.set(true);
        match &visible.itself {
            Itself::Elsewhere => {}
            Itself::Refused => return Err(SparkError::new("INVALID_RECURSIVE_CTE")),
            Itself::Working(working) => return self.working_rows(&visible, working).map(Some),
        }
        // Its query sees what came before it only.
        let later = self.ctes().borrow_mut().split_off(visible.before);
        let node = match visible.recursive {
            true => self.recursive(&visible, outer),
            false => self.relation(&visible.cte.query, outer),
        };
        self.ctes().borrow_mut().truncate(visible.before);
        self.ctes().borrow_mut().extend(later);
        let node = node?;
        let scope = node.scope.without_file_metadata();
        self.alias(node.with_scope(scope), &visible.cte.name, &[], &visible.cte.columns).map(Some)
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
                let visible =
                    Visible { cte, before: depth, recursive: false, itself: Itself::Elsewhere, used: Cell::new(true) };
                self.ctes().borrow_mut().push(Rc::new(visible));
            }
        }
        let out = self.relation(root, outer);
        self.ctes().borrow_mut().truncate(depth);
        out
    }
}
