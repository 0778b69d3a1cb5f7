//! Queries: WITH, the tree of set operations, and the clauses that come last
//! (ORDER BY and its kin, WINDOW, LIMIT, OFFSET).

mod from;
mod group_by;
mod hints;
mod joins;
mod pipe;
mod pivot;
mod sample;
mod select;
mod table_function;

use std::collections::HashMap;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::SortOrder;
use vonk_plan::relation::{Cte, Relation, RelationKind, SetKind, SetOperation};

use crate::expr::{WindowSpec, Windows};
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

    /// The clauses at the end of a query. They apply to all of what `WITH` or parentheses enclose.
    pub fn organization(&mut self, query: Relation, start: usize, windows_before: usize) -> SparkResult<Relation> {
        let mut out = query;
        if self.at_all(&["ORDER", "BY"]) {
            self.skip(2);
            out = self.order_by(out, start)?;
            self.no_further_order(&["CLUSTER", "DISTRIBUTE", "SORT"])?;
        } else if self.at_all(&["CLUSTER", "BY"]) {
            self.skip(2);
            let exprs = self.expressions()?;
            let order = exprs.iter().cloned().map(SortOrder::asc).collect();
            let input = self.distributed(out, exprs, start)?;
            out = self.sorted(input, order, false, start)?;
            self.no_further_order(&["DISTRIBUTE", "SORT"])?;
        } else {
            if self.at_all(&["DISTRIBUTE", "BY"]) {
                self.skip(2);
                let exprs = self.expressions()?;
                out = self.distributed(out, exprs, start)?;
            }
            if self.at_all(&["SORT", "BY"]) {
                self.skip(2);
                let order = self.sort_items()?;
                out = self.sorted(out, order, false, start)?;
            }
        }
        if self.at("WINDOW") && self.at_n(2, "AS") {
            let windows = self.window_clause()?;
            apply_windows(&windows, &mut out)?;
        } else if self.named_windows > windows_before {
            // Names that no WINDOW clause has resolved.
            apply_windows(&Windows(HashMap::new()), &mut out)?;
        }
        let mut limit = None;
        if self.at("LIMIT") {
            self.next();
            if self.at("ALL") && !self.sym_n(1, "(") && !self.sym_n(1, ".") {
                self.next();
            } else {
                limit = Some(self.expression()?);
            }
        }
        if self.at("OFFSET") {
            self.next();
            let offset = self.expression()?;
            self.grow()?;
            out = self.relation(RelationKind::Offset { input: Box::new(out), offset }, start);
        }
        if let Some(limit) = limit {
            self.grow()?;
            out = self.relation(RelationKind::Limit { input: Box::new(out), limit }, start);
        }
        Ok(out)
    }

    /// A query is ordered in one way only.
    fn no_further_order(&self, words: &[&str]) -> SparkResult<()> {
        if self.at_any(words) && self.at_n(1, "BY") {
            let error = SparkError::new("UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES");
            return Err(self.error(error, self.pos));
        }
        Ok(())
    }

    fn order_by(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let all = self.at("ALL")
            && ((self.ends_n(1) && !self.sym_n(1, ","))
                || self.any_n(1, &["ASC", "DESC", "NULLS", "LIMIT", "OFFSET", "WINDOW"]));
        if all {
            self.next();
            let (ascending, nulls_first) = self.sort_direction()?;
            self.grow()?;
            let kind = RelationKind::SortAll { input: Box::new(input), ascending, nulls_first };
            return Ok(self.relation(kind, start));
        }
        let order = self.sort_items()?;
        self.sorted(input, order, true, start)
    }

    fn sorted(&mut self, input: Relation, order: Vec<SortOrder>, global: bool, start: usize) -> SparkResult<Relation> {
        self.grow()?;
        Ok(self.relation(RelationKind::Sort { input: Box::new(input), order, global }, start))
    }

    fn distributed(
        &mut self,
        input: Relation,
        exprs: Vec<vonk_plan::expr::Expr>,
        start: usize,
    ) -> SparkResult<Relation> {
        self.grow()?;
        Ok(self.relation(RelationKind::RepartitionBy { input: Box::new(input), exprs, partitions: None }, start))
    }

    /// `WINDOW name AS (…), …`.
    pub fn window_clause(&mut self) -> SparkResult<Windows> {
        let start = self.pos;
        self.expect("WINDOW")?;
        let mut windows = Windows(HashMap::new());
        let specs = self.comma_list(|p| {
            let name = p.strict_ident()?;
            p.expect("AS")?;
            let spec = if p.sym("(") { p.window_spec()? } else { WindowSpec::Named(p.strict_ident()?) };
            Ok((name, spec))
        })?;
        let invalid = |reason: &str, name: &str| {
            let error = SparkError::new(format!("INVALID_SQL_SYNTAX.{reason}"));
            self.error(error.param("windowName", quote_id([name])), start)
        };
        for (name, spec) in specs {
            if windows.0.contains_key(&name) {
                return Err(invalid("REPETITIVE_WINDOW_DEFINITION", &name));
            }
            windows.0.insert(name, spec);
        }
        for spec in windows.0.values() {
            let WindowSpec::Named(other) = spec else { continue };
            match windows.0.get(other) {
                None => return Err(invalid("UNRESOLVED_WINDOW_REFERENCE", other)),
                Some(WindowSpec::Named(_)) => return Err(invalid("INVALID_WINDOW_REFERENCE", other)),
                Some(_) => {}
            }
        }
        Ok(windows)
    }
}

/// Resolves `OVER name` in the expressions of the query's own block and of the ORDER BY above it.
pub(crate) fn apply_windows(windows: &Windows, relation: &mut Relation) -> SparkResult<()> {
    match &mut relation.kind {
        RelationKind::Select(select) => {
            let clauses = select.having.iter_mut().chain(select.qualify.iter_mut());
            select.projection.iter_mut().chain(clauses).try_for_each(|e| windows.apply(e))
        }
        RelationKind::Sort { input, order, .. } => {
            order.iter_mut().try_for_each(|s| windows.apply(&mut s.child))?;
            apply_windows(windows, input)
        }
        RelationKind::SortAll { input, .. } => apply_windows(windows, input),
        RelationKind::Pipe { input, operator } => {
            use vonk_plan::relation::PipeOperator;
            match operator {
                PipeOperator::Extend(exprs) => exprs.iter_mut().try_for_each(|e| windows.apply(e))?,
                PipeOperator::Set(pairs) => pairs.iter_mut().try_for_each(|(_, e)| windows.apply(e))?,
                _ => {}
            }
            apply_windows(windows, input)
        }
        _ => Ok(()),
    }
}
