//! Queries: WITH, and the tree of set operations and pipes.

mod from;
mod group_by;
mod hints;
mod joins;
mod json_table;
mod organization;
mod pipe;
mod pivot;
mod sample;
mod select;
mod table_function;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::{Cte, Relation, RelationKind, SetKind, SetOperation};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn query(&mut self) -> SparkResult<Relation> {
        self.nested(|p| p.query_here())
    }

    fn query_here(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        if self.at("WITH") {
            let (ctes, recursive) = self.ctes()?;
            let body = Box::new(self.query_without_ctes()?);
            return Ok(self.relation(RelationKind::With { ctes, recursive, body }, start));
        }
        self.query_without_ctes()
    }

    pub fn query_without_ctes(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let windows = self.named_windows;
        let term = self.query_term()?;
        self.organization(term, start, windows)
    }

    pub fn relation(&mut self, kind: RelationKind, start: usize) -> Relation {
        self.nodes += 1;
        Relation::new(kind).at(self.origin(start))
    }

    /// `WITH [RECURSIVE] name [(columns)] [MAX RECURSION LEVEL n] AS (query), …`.
    pub fn ctes(&mut self) -> SparkResult<(Vec<Cte>, bool)> {
        let start = self.pos;
        self.expect("WITH")?;
        let recursive = self.at("RECURSIVE") && self.is_name_n(1) && !self.at_n(1, "AS") && {
            self.next();
            true
        };
        let ctes = self.comma_list(|p| p.cte())?;
        let mut seen = std::collections::HashSet::new();
        let twice: Vec<_> =
            ctes.iter().filter(|c| !seen.insert(c.name.to_lowercase())).map(|c| quote_id([&c.name])).collect();
        if !twice.is_empty() {
            let error = SparkError::new("DUPLICATED_CTE_NAMES").param("duplicateNames", twice.join(", "));
            return Err(self.error(error, start));
        }
        Ok((ctes, recursive))
    }

    fn cte(&mut self) -> SparkResult<Cte> {
        let name = self.strict_ident()?;
        let columns = if self.sym("(") && !self.parens.is_query(self.pos) { self.ident_list()? } else { vec![] };
        let mut max_recursion = None;
        if self.eat_all(&["MAX", "RECURSION", "LEVEL"]) {
            max_recursion = Some(self.integer()?);
        }
        self.eat("AS");
        let query = self.in_parens(|p| p.query())?;
        Ok(Cte { name, columns, query, max_recursion })
    }

    /// UNION, EXCEPT and MINUS, from the left; `|>` binds as loosely.
    fn query_term(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let mut left = self.intersect_term()?;
        loop {
            if self.sym("|>") || self.sym("|") {
                self.next();
                left = self.pipe_operator(left, start)?;
                self.grow()?;
            } else if let Some(kind) = self.set_kind() {
                let all = self.set_quantifier();
                let right = self.beside(|p| p.intersect_term())?;
                left = self.combine(kind, all, left, right, start)?;
            } else {
                return Ok(left);
            }
        }
    }

    /// INTERSECT binds tighter than the others.
    fn intersect_term(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let mut left = self.query_primary()?;
        while self.at("INTERSECT") {
            let all = self.set_quantifier();
            let right = self.beside(|p| p.query_primary())?;
            left = self.combine(SetKind::Intersect, all, left, right, start)?;
        }
        Ok(left)
    }

    fn set_kind(&self) -> Option<SetKind> {
        if self.at("UNION") {
            Some(SetKind::Union)
        } else if self.at_any(&["EXCEPT", "MINUS"]) {
            Some(SetKind::Except)
        } else {
            None
        }
    }

    /// Takes the operator with its ALL or DISTINCT.
    fn set_quantifier(&mut self) -> bool {
        self.next();
        let all = self.eat("ALL");
        if !all {
            self.eat("DISTINCT");
        }
        all
    }

    /// Chains of one kind stay one node.
    pub fn combine(
        &mut self,
        kind: SetKind,
        all: bool,
        mut left: Relation,
        right: Relation,
        start: usize,
    ) -> SparkResult<Relation> {
        if let RelationKind::SetOperation(op) = &mut left.kind
            && (op.kind, op.all) == (kind, all)
            && !self.starts_closed(start)
        {
            op.inputs.push(right);
            left.origin = self.origin(start);
            return Ok(left);
        }
        self.grow()?;
        let op = SetOperation { kind, inputs: vec![left, right], all, by_name: false, allow_missing_columns: false };
        Ok(self.relation(RelationKind::SetOperation(op), start))
    }

    /// The chain begins with a query in parentheses: it may be that query which `left` is.
    fn starts_closed(&self, start: usize) -> bool {
        self.parens.close(start).is_some()
    }

    fn query_primary(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        if self.sym("(") {
            return self.in_parens(|p| p.query());
        }
        match self.word(0).to_ascii_uppercase().as_str() {
            "SELECT" => self.select(None),
            "FROM" => self.query_with_from_first(),
            "VALUES" => self.inline_table(),
            "MAP" | "REDUCE" if self.is_name_n(1) => self.transform(start),
            "TABLE" => {
                self.next();
                let name = self.name()?;
                Ok(self.relation(Relation::table(name).kind, start))
            }
            _ => self.fail(),
        }
    }
}
