//! Window specifications: `OVER (…)`, `OVER name`, and the resolution of names by a WINDOW clause.

use std::collections::HashMap;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind, FrameBound, SortOrder, WindowExpr, WindowFrame};

use crate::parser::Parser;

/// PARTITION BY, ORDER BY and frame of one specification, or the name of another.
#[derive(Debug, Clone)]
pub(crate) enum WindowSpec {
    Named(String),
    Spec { partition_by: Vec<Expr>, order_by: Vec<SortOrder>, frame: Option<WindowFrame> },
}

impl Parser<'_> {
    pub fn over(&mut self, function: Expr, start: usize) -> SparkResult<Expr> {
        self.expect("OVER")?;
        let spec = if self.sym("(") { self.window_spec()? } else { WindowSpec::Named(self.strict_ident()?) };
        let mut window = WindowExpr { function, partition_by: vec![], order_by: vec![], frame: None, name: None };
        match spec {
            WindowSpec::Named(name) => {
                self.named_windows += 1;
                window.name = Some(name);
            }
            WindowSpec::Spec { partition_by, order_by, frame } => {
                window = WindowExpr { partition_by, order_by, frame, ..window };
            }
        }
        self.grow()?;
        Ok(self.make(ExprKind::Window(Box::new(window)), start))
    }

    pub fn window_spec(&mut self) -> SparkResult<WindowSpec> {
        self.in_parens(|p| {
            if p.is_name_n(0) && p.sym_n(1, ")") {
                return p.ident().map(WindowSpec::Named);
            }
            let mut partition_by = vec![];
            let mut order_by = vec![];
            if p.eat_all(&["CLUSTER", "BY"]) {
                partition_by = p.expressions()?;
                order_by = partition_by.iter().cloned().map(SortOrder::asc).collect();
            } else {
                if p.eat_all(&["PARTITION", "BY"]) || p.eat_all(&["DISTRIBUTE", "BY"]) {
                    partition_by = p.expressions()?;
                }
                if p.eat_all(&["ORDER", "BY"]) || p.eat_all(&["SORT", "BY"]) {
                    order_by = p.sort_items()?;
                }
            }
            let frame = if p.at_any(&["ROWS", "RANGE"]) { Some(p.window_frame()?) } else { None };
            Ok(WindowSpec::Spec { partition_by, order_by, frame })
        })
    }

    fn window_frame(&mut self) -> SparkResult<WindowFrame> {
        let rows = self.at("ROWS");
        self.next();
        if self.eat("BETWEEN") {
            let lower = self.frame_bound()?;
            self.expect("AND")?;
            let upper = self.frame_bound()?;
            return Ok(WindowFrame { rows, lower, upper });
        }
        let lower = self.frame_bound()?;
        Ok(WindowFrame { rows, lower, upper: FrameBound::CurrentRow })
    }

    fn frame_bound(&mut self) -> SparkResult<FrameBound> {
        if self.eat_all(&["UNBOUNDED", "PRECEDING"]) {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat_all(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.eat_all(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        let start = self.pos;
        let value = self.expression()?;
        let preceding = self.eat("PRECEDING");
        if !preceding {
            self.expect("FOLLOWING")?;
        }
        if !is_foldable(&value) {
            let error = SparkError::new("INVALID_SQL_SYNTAX.INVALID_WINDOW_FRAME_BOUND");
            return Err(self.error(error, start));
        }
        let value = match preceding {
            true => {
                self.grow()?;
                self.operator("negative", vec![value], start)
            }
            false => value,
        };
        Ok(FrameBound::Value(Box::new(value)))
    }
}

/// Only literals and calls over them: what a frame bound may be.
fn is_foldable(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Attribute { .. } | ExprKind::Star { .. } | ExprKind::Subquery(_) | ExprKind::Window(_) => false,
        ExprKind::Function(call) => call.args.iter().all(is_foldable),
        ExprKind::Cast { child, .. } => is_foldable(child),
        _ => true,
    }
}

/// The WINDOW clause: one name may stand for another.
pub(crate) struct Windows(pub HashMap<String, WindowSpec>);

impl Windows {
    fn find(&self, name: &str) -> SparkResult<&WindowSpec> {
        let missing = || {
            SparkError::new("MISSING_WINDOW_SPECIFICATION")
                .param("windowName", name)
                .param("docroot", vonk_common::error::DOCROOT)
        };
        match self.0.get(name).ok_or_else(missing)? {
            WindowSpec::Named(other) => match self.0.get(other) {
                Some(spec @ WindowSpec::Spec { .. }) => Ok(spec),
                _ => Err(missing()),
            },
            spec => Ok(spec),
        }
    }

    /// Puts the specification in place of each name in `e`. Sub-queries have WINDOW clauses of their own.
    pub fn apply(&self, e: &mut Expr) -> SparkResult<()> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.apply_here(e))
    }

    fn apply_here(&self, e: &mut Expr) -> SparkResult<()> {
        match &mut e.kind {
            ExprKind::Window(w) => {
                if let Some(name) = w.name.take()
                    && let WindowSpec::Spec { partition_by, order_by, frame } = self.find(&name)?.clone()
                {
                    w.partition_by = partition_by;
                    w.order_by = order_by;
                    w.frame = frame;
                }
                self.apply(&mut w.function)
            }
            ExprKind::Function(call) => {
                let sorts = call.within_group.iter_mut().map(|s| &mut s.child);
                call.args.iter_mut().chain(sorts).chain(call.filter.as_deref_mut()).try_for_each(|a| self.apply(a))
            }
            ExprKind::Alias { child, .. }
            | ExprKind::Cast { child, .. }
            | ExprKind::Collate { child, .. }
            | ExprKind::UpdateField { child, .. } => self.apply(child),
            ExprKind::Extract { child, extraction } => {
                self.apply(child)?;
                self.apply(extraction)
            }
            ExprKind::NamedArgument { value, .. } => self.apply(value),
            ExprKind::Lambda { body, .. } => self.apply(body),
            ExprKind::Sort(s) => self.apply(&mut s.child),
            _ => Ok(()),
        }
    }
}
