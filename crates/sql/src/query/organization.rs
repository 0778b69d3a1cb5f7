//! The clauses that come last in a query: ORDER BY and its kin, WINDOW, LIMIT, OFFSET.

use std::collections::HashMap;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, SortOrder};
use vonk_plan::relation::{PipeOperator, Relation, RelationKind};

use crate::expr::{WindowSpec, Windows};
use crate::parser::Parser;

impl Parser<'_> {
    /// The clauses at the end of a query. They apply to all of what `WITH` or parentheses enclose.
    pub fn organization(&mut self, query: Relation, start: usize, windows_before: usize) -> SparkResult<Relation> {
        let (mut out, _) = self.order_clause(query, start)?;
        if self.window_follows() {
            let windows = self.window_clause()?;
            apply_windows(&windows, &mut out)?;
        } else {
            self.no_open_windows(&mut out, windows_before)?;
        }
        Ok(self.cut_clause(out, start)?.0)
    }

    /// `WINDOW name AS …`?
    pub fn window_follows(&self) -> bool {
        self.at("WINDOW") && (self.at_n(2, "AS") || self.at_n(1, "IDENTIFIER") && self.sym_n(2, "("))
    }

    /// Refuses names that no WINDOW clause has resolved.
    pub fn no_open_windows(&self, out: &mut Relation, windows_before: usize) -> SparkResult<()> {
        match self.named_windows > windows_before {
            true => apply_windows(&Windows(HashMap::new()), out),
            false => Ok(()),
        }
    }

    /// ORDER BY or one of its kin, if there is one, and which it is.
    pub fn order_clause(&mut self, out: Relation, start: usize) -> SparkResult<(Relation, Option<&'static str>)> {
        if self.eat_all(&["ORDER", "BY"]) {
            let out = self.order_by(out, start)?;
            self.no_further_order(&["CLUSTER", "DISTRIBUTE", "SORT"])?;
            return Ok((out, Some("ORDER BY")));
        }
        if self.eat_all(&["CLUSTER", "BY"]) {
            let exprs = self.expressions()?;
            let order = exprs.iter().cloned().map(SortOrder::asc).collect();
            let input = self.distributed(out, exprs, start)?;
            let out = self.sorted(input, order, false, start)?;
            self.no_further_order(&["DISTRIBUTE", "SORT"])?;
            return Ok((out, Some("CLUSTER BY")));
        }
        let (mut out, mut name) = (out, None);
        if self.eat_all(&["DISTRIBUTE", "BY"]) {
            let exprs = self.expressions()?;
            out = self.distributed(out, exprs, start)?;
            name = Some("DISTRIBUTE BY");
        }
        if self.eat_all(&["SORT", "BY"]) {
            let order = self.sort_items()?;
            out = self.sorted(out, order, false, start)?;
            name = Some(if name.is_some() { "SORT BY ... DISTRIBUTE BY ..." } else { "SORT BY" });
        }
        Ok((out, name))
    }

    /// LIMIT and OFFSET, if there are any, and the one that applies first.
    pub fn cut_clause(&mut self, out: Relation, start: usize) -> SparkResult<(Relation, Option<&'static str>)> {
        let (mut out, mut name) = (out, None);
        let mut limit = None;
        if self.eat("LIMIT") {
            name = Some("LIMIT");
            if self.at("ALL") && !self.sym_n(1, "(") && !self.sym_n(1, ".") {
                self.next();
            } else {
                limit = Some(self.expression()?);
            }
        }
        if self.eat("OFFSET") {
            name = Some("OFFSET");
            let offset = self.expression()?;
            self.grow()?;
            out = self.relation(RelationKind::Offset { input: Box::new(out), offset }, start);
        }
        if let Some(limit) = limit {
            self.grow()?;
            out = self.relation(RelationKind::Limit { input: Box::new(out), limit }, start);
        }
        Ok((out, name))
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

    fn distributed(&mut self, input: Relation, exprs: Vec<Expr>, start: usize) -> SparkResult<Relation> {
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
