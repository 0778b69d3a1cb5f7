//! GROUP BY: lists, ALL, ROLLUP, CUBE, GROUPING SETS, and any mixture of them.
//!
//! A composite element `(a, b)` of ROLLUP or CUBE stays a row; grouping sets within grouping sets
//! are written out.

use vonk_common::SparkResult;
use vonk_plan::expr::{CallSyntax, Expr, ExprKind};
use vonk_plan::relation::Grouping;

use crate::parser::Parser;
use crate::tokens::Kind;

/// Sets that nested analytics may be written out to.
const MAX_SETS: usize = 4096;

impl Parser<'_> {
    pub fn group_by(&mut self) -> SparkResult<Grouping> {
        self.expect_all(&["GROUP", "BY"])?;
        if self.group_by_all() {
            return Ok(Grouping::All);
        }
        let items = self.comma_list(|p| p.grouping_item())?;
        let mut plain = vec![];
        let mut mixed = vec![];
        let mut analytics = false;
        for item in items {
            match item {
                Grouping::By(exprs) => plain.extend(exprs),
                other => {
                    analytics = true;
                    if !plain.is_empty() {
                        mixed.push(Grouping::By(std::mem::take(&mut plain)));
                    }
                    mixed.push(other);
                }
            }
        }
        if analytics {
            if !plain.is_empty() {
                mixed.push(Grouping::By(plain));
            }
            return Ok(match mixed.len() {
                1 => mixed.pop().unwrap_or(Grouping::All),
                _ => Grouping::Mixed(mixed),
            });
        }
        if self.eat_all(&["WITH", "ROLLUP"]) {
            return Ok(Grouping::Rollup(plain));
        }
        if self.eat_all(&["WITH", "CUBE"]) {
            return Ok(Grouping::Cube(plain));
        }
        if self.at_all(&["GROUPING", "SETS"]) {
            self.skip(2);
            let sets = self.grouping_sets()?;
            return Ok(Grouping::Sets { exprs: plain, sets });
        }
        Ok(Grouping::By(plain))
    }

    /// Reads the ALL of GROUP BY ALL, if it is there.
    pub fn group_by_all(&mut self) -> bool {
        let all = self.at("ALL") && !(self.kind(1) == Kind::Symbol && matches!(self.word(1), "." | "(" | ","));
        if all {
            self.next();
        }
        all
    }

    fn grouping_item(&mut self) -> SparkResult<Grouping> {
        match self.grouping_analytics()? {
            Some(analytics) => Ok(analytics),
            None => Ok(Grouping::By(vec![self.expression()?])),
        }
    }

    pub fn grouping_analytics(&mut self) -> SparkResult<Option<Grouping>> {
        let call = self.sym_n(1, "(") && !self.sym_n(2, ")") && self.stands_alone();
        if self.at("ROLLUP") && call {
            self.next();
            return Ok(Some(Grouping::Rollup(self.in_parens(|p| p.expressions())?)));
        }
        if self.at("CUBE") && call {
            self.next();
            return Ok(Some(Grouping::Cube(self.in_parens(|p| p.expressions())?)));
        }
        if self.at_all(&["GROUPING", "SETS"]) && self.sym_n(2, "(") {
            self.skip(2);
            return Ok(Some(Grouping::Sets { exprs: vec![], sets: self.grouping_sets()? }));
        }
        Ok(None)
    }

    /// The call here is not the operand of something.
    fn stands_alone(&self) -> bool {
        self.parens.close(self.pos + 1).is_none_or(|close| {
            let after = close + 1 - self.pos;
            self.ends_n(after) || self.kind(after) != Kind::Symbol
        })
    }

    pub fn grouping_sets(&mut self) -> SparkResult<Vec<Vec<Expr>>> {
        self.nested(|p| {
            let parts = p.in_parens(|p| p.comma_list(|p| p.grouping_set()))?;
            Ok(parts.into_iter().flatten().collect())
        })
    }

    /// One element of GROUPING SETS: one set, or the sets of analytics inside.
    fn grouping_set(&mut self) -> SparkResult<Vec<Vec<Expr>>> {
        let start = self.pos;
        match self.grouping_analytics()? {
            Some(Grouping::Sets { sets, .. }) => return Ok(sets),
            Some(Grouping::Rollup(exprs)) => {
                let groups: Vec<_> = exprs.into_iter().map(columns).collect();
                let sets = (0..=groups.len()).rev().map(|n| groups.iter().take(n).flatten().cloned().collect());
                return Ok(sets.collect());
            }
            Some(Grouping::Cube(exprs)) => {
                let groups: Vec<_> = exprs.into_iter().map(columns).collect();
                if groups.len() > 12 || (1 << groups.len()) > MAX_SETS {
                    return Err(self.syntax_error(start));
                }
                let count = groups.len();
                let chosen = |mask: usize| {
                    let in_mask = groups.iter().enumerate().filter(move |(i, _)| mask & (1 << (count - 1 - i)) != 0);
                    in_mask.flat_map(|(_, g)| g.iter().cloned()).collect()
                };
                return Ok((0..1usize << count).rev().map(chosen).collect());
            }
            _ => {}
        }
        if self.sym("(") && self.sym_n(1, ")") {
            self.skip(2);
            return Ok(vec![vec![]]);
        }
        Ok(vec![columns(self.expression()?)])
    }
}

/// The columns of a composite element.
fn columns(e: Expr) -> Vec<Expr> {
    match e.kind {
        ExprKind::Function(call) if call.syntax == CallSyntax::Operator && call.name.as_slice() == ["struct"] => {
            call.args
        }
        kind => vec![Expr { kind, origin: e.origin }],
    }
}
