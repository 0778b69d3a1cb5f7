//! Pipe operators: what stands behind `|>`.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::{PipeOperator, Relation, RelationKind, SetKind};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn pipe_operator(&mut self, input: Relation, start: usize) -> SparkResult<Relation> {
        let input = match self.word(0).to_ascii_uppercase().as_str() {
            "SELECT" => return self.select_block(Some(input), true),
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
                let names = self.comma_list(|p| Ok(p.multipart()?.join(".")))?;
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
                return Ok(self.relation(RelationKind::Filter { input: Box::new(input), condition }, start));
            }
            "AGGREGATE" => return self.pipe_aggregate(input, start),
            "PIVOT" | "UNPIVOT" => return self.pivots(input, start),
            "TABLESAMPLE" => return self.sampled(input, start),
            "UNION" | "EXCEPT" | "MINUS" | "INTERSECT" => return self.pipe_set_operation(input, start),
            _ if self.join_follows() => return self.join_chain(input, start),
            _ => input,
        };
        let (at, window) = (self.pos, self.at("WINDOW") && self.at_n(2, "AS"));
        let windows = self.named_windows;
        let out = self.organization(input, start, windows)?;
        // At the end, the clause is that of the whole query.
        if window && self.sym("|>") {
            let error =
                SparkError::new("UNSUPPORTED_FEATURE.CLAUSE_WITH_PIPE_OPERATORS").param("clauses", "the WINDOW clause");
            return Err(self.error(error, at));
        }
        Ok(out)
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
        let mut grouping = vec![];
        if self.at_all(&["GROUP", "BY"]) {
            self.skip(2);
            grouping = self.named_expressions()?;
        }
        Ok(self.pipe(input, PipeOperator::Aggregate { aggregates, grouping }, start))
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
