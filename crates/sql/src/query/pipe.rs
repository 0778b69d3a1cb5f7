//! Pipe operators: what stands behind `|>`.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;
use vonk_plan::relation::{Grouping, PipeOperator, Relation, RelationKind, SetKind};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn pipe_operator(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let input = match self.word(0).to_ascii_uppercase().as_str() {
            "SELECT" => {
                let input = self.pipe(input, PipeOperator::Output, start);
                return self.select_block(Some(input), true);
            }
            "EXTEND" => {
                self.next();
                let exprs = self.named_expressions()?;
                return Ok(self.pipe(input, PipeOperator::Extend(exprs), start));
            }
            "SET" => {
                self.next();
                let pairs = self.comma_list(|p| {
                    let at = p.pos;
                    let name = p.multipart()?.join(".");
                    if p.pos > at + 1 {
                        let message = "SQL pipe syntax |> SET operator with multi-part assignment key (only \
                                       single-part keys are allowed)";
                        p.defer(p.error(SparkError::new("_LEGACY_ERROR_TEMP_0035").param("message", message), at));
                    }
                    p.expect_sym("=")?;
                    Ok((name, p.expression()?))
                })?;
                return Ok(self.pipe(input, PipeOperator::Set(pairs), start));
            }
            "DROP" => {
                self.next();
                let names = self.comma_list(|p| p.multipart())?;
                return Ok(self.pipe(input, PipeOperator::Drop(names), start));
            }
            "AS" => {
                self.next();
                let alias = self.strict_ident()?;
                let kind = RelationKind::Alias { input: Box::new(input), alias, qualifier: vec![], columns: vec![] };
                return Ok(self.relation(kind, start));
            }
            "WHERE" => {
                self.next();
                let condition = self.expression()?;
                let input = Box::new(self.pipe(input, PipeOperator::Output, start));
                return Ok(self.relation(RelationKind::Filter { input, condition }, start));
            }
            "AGGREGATE" => return self.pipe_aggregate(input, start),
            "PIVOT" | "UNPIVOT" => return self.pivots(input, start),
            "TABLESAMPLE" => return self.sampled(input, start),
            "UNION" | "EXCEPT" | "MINUS" | "INTERSECT" => return self.pipe_set_operation(input, start),
            _ if self.join_follows() => return self.join_chain(input, start),
            _ => self.pipe(input, PipeOperator::Output, start),
        };
        self.pipe_organization(input, start)
    }

    /// ORDER BY and its kin, or LIMIT and OFFSET: one of them for each operator, and no WINDOW.
    fn pipe_organization(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let (at, windows) = (self.pos, self.named_windows);
        let (mut out, order) = self.order_clause(input, start)?;
        match self.window_follows() {
            true => self.refuse_window()?,
            false => self.no_open_windows(&mut out, windows)?,
        }
        let (out, cut) = self.cut_clause(out, start)?;
        if let (Some(order), Some(cut)) = (order, cut) {
            let error = SparkError::new("MULTIPLE_QUERY_RESULT_CLAUSES_WITH_PIPE_OPERATORS");
            self.defer(self.error(error.param("clause1", order).param("clause2", cut), at));
        }
        Ok(out)
    }

    /// Reads a WINDOW clause, which no operator but SELECT may have.
    fn refuse_window(&mut self) -> SparkResult<()> {
        let at = self.pos;
        self.window_clause()?;
        let error = SparkError::new("UNSUPPORTED_FEATURE.CLAUSE_WITH_PIPE_OPERATORS");
        self.defer(self.error(error.param("clauses", "the WINDOW clause"), at));
        Ok(())
    }

    fn pipe(&mut self, input: Relation, operator: PipeOperator, start: usize) -> Relation {
        self.relation(RelationKind::Pipe { input: Box::new(input), operator }, start)
    }

    fn pipe_aggregate(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let at = self.pos;
        self.next();
        if self.ends_n(0) {
            let message = "The AGGREGATE clause requires a list of aggregate expressions or a list of grouping \
                           expressions, or both";
            return Err(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0035").param("message", message), at));
        }
        let aggregates = if self.at_all(&["GROUP", "BY"]) { vec![] } else { self.named_expressions()? };
        let grouping = if self.at_all(&["GROUP", "BY"]) { self.pipe_group_by()? } else { vec![] };
        Ok(self.pipe(input, PipeOperator::Aggregate { aggregates, grouping }, start))
    }

    /// Keys that may have names. Grouping sets of any form are refused.
    fn pipe_group_by(&mut self) -> SparkResult<Vec<Expr>> {
        let at = self.pos;
        self.expect_all(&["GROUP", "BY"])?;
        let mut refused = None;
        if self.group_by_all() {
            refused = Some("GROUP BY ALL");
        }
        let keys = match refused {
            Some(_) => vec![],
            None => self.comma_list(|p| {
                let start = p.pos;
                match p.grouping_analytics()? {
                    Some(sets) if !p.at("AS") => {
                        refused.get_or_insert(case_of(&sets));
                        Ok(None)
                    }
                    // With a name it is a call of a function like any other.
                    _ => {
                        p.pos = start;
                        p.named_expression().map(Some)
                    }
                }
            })?,
        };
        if self.eat_all(&["WITH", "ROLLUP"]) {
            refused = Some("GROUP BY ROLLUP");
        } else if self.eat_all(&["WITH", "CUBE"]) {
            refused = Some("GROUP BY CUBE");
        } else if self.eat_all(&["GROUPING", "SETS"]) {
            self.grouping_sets()?;
            refused = Some("GROUPING SETS");
        }
        if let Some(case) = refused {
            let error = SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE");
            self.defer(self.error(error.param("case", case), at));
        }
        Ok(keys.into_iter().flatten().collect())
    }

    fn pipe_set_operation(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let kind = match self.word(0).to_ascii_uppercase().as_str() {
            "UNION" => SetKind::Union,
            "INTERSECT" => SetKind::Intersect,
            _ => SetKind::Except,
        };
        let all = self.set_quantifier();
        let right = self.query_primary()?;
        self.combine(kind, all, input, right, start)
    }
}

/// What Spark calls grouping sets of this form.
fn case_of(sets: &Grouping) -> &'static str {
    match sets {
        Grouping::Rollup(_) => "GROUP BY ROLLUP",
        Grouping::Cube(_) => "GROUP BY CUBE",
        _ => "GROUPING SETS",
    }
}
