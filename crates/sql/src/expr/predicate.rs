//! What may follow a value once: IN, BETWEEN, LIKE and its kin, IS.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind, SubqueryExpr, SubqueryKind, SubqueryPlan};
use vonk_plan::literal::Literal;

use crate::names::constant_string;
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn predicate(&mut self) -> SparkResult<Expr> {
        let value = self.value()?;
        let start = self.pos;
        let negated = self.at("NOT") || self.sym("!");
        let ahead = usize::from(negated);
        if self.kind(ahead) != Kind::Word || self.ends_n(ahead + 1) {
            return Ok(value);
        }
        let keyword = self.word(ahead).to_ascii_uppercase();
        let found = match keyword.as_str() {
            "IN" => self.sym_n(ahead + 1, "("),
            "BETWEEN" | "LIKE" | "ILIKE" | "RLIKE" | "REGEXP" => true,
            "IS" => !negated,
            _ => false,
        };
        if !found {
            return Ok(value);
        }
        self.skip(ahead + 1);
        let out = match keyword.as_str() {
            "IN" => self.in_list(value, start)?,
            "BETWEEN" => self.between(value, start)?,
            "LIKE" | "ILIKE" if self.at_any(&["ANY", "SOME", "ALL"]) && self.sym_n(1, "(") => {
                return self.like_quantified(&keyword.to_ascii_lowercase(), value, negated, start);
            }
            "LIKE" | "ILIKE" => self.like(&keyword.to_ascii_lowercase(), value, start)?,
            "IS" => return self.is(value, start),
            _ => {
                let pattern = self.nested(|p| p.value())?;
                self.operator("rlike", vec![value, pattern], start)
            }
        };
        self.grow()?;
        Ok(if negated { self.negate(out, start)? } else { out })
    }

    fn negate(&mut self, child: Expr, start: usize) -> SparkResult<Expr> {
        self.grow()?;
        Ok(self.operator("not", vec![child], start))
    }

    fn in_list(&mut self, value: Expr, start: usize) -> SparkResult<Expr> {
        if self.parens.is_query(self.pos) {
            let plan = self.in_parens(|p| p.query())?;
            let values = match value.kind {
                ExprKind::Function(call) if is_row(&call) => call.args,
                kind => vec![Expr { kind, origin: value.origin }],
            };
            let sub = SubqueryExpr { plan: SubqueryPlan::Inline(plan), kind: SubqueryKind::In(values) };
            return Ok(self.make(ExprKind::Subquery(Box::new(sub)), start));
        }
        if self.sym_n(1, ")") {
            return Err(self.error(SparkError::new("INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE"), self.pos));
        }
        let mut args = vec![value];
        args.extend(self.in_parens(|p| p.expressions())?);
        Ok(self.operator("in", args, start))
    }

    fn between(&mut self, value: Expr, start: usize) -> SparkResult<Expr> {
        let lower = self.nested(|p| p.value())?;
        self.expect("AND")?;
        let upper = self.nested(|p| p.value())?;
        Ok(self.operator("between", vec![value, lower, upper], start))
    }

    fn like(&mut self, name: &str, value: Expr, start: usize) -> SparkResult<Expr> {
        let mut args = vec![value, self.nested(|p| p.value())?];
        if self.at("ESCAPE") && !self.ends_n(1) {
            self.next();
            let at = self.pos;
            let escape = self.string_constant()?;
            if escape.chars().count() != 1 {
                let error = SparkError::new("INVALID_ESCAPE_CHAR").param("sqlExpr", format!("\"{escape}\""));
                return Err(self.error(error, at));
            }
            args.push(self.make(ExprKind::Literal(Literal::string(escape)), at));
        }
        Ok(self.operator(name, args, start))
    }

    /// `LIKE ANY (…)`: one call for constant patterns, else a chain of comparisons. A NOT before it
    /// negates each comparison.
    fn like_quantified(&mut self, name: &str, value: Expr, negated: bool, start: usize) -> SparkResult<Expr> {
        let all = self.at("ALL");
        self.next();
        if self.sym_n(1, ")") {
            return Err(self.error(SparkError::new("INVALID_SQL_SYNTAX.EMPTY_QUANTIFIED_PATTERN"), self.pos));
        }
        let nodes = self.nodes;
        let patterns = self.in_parens(|p| p.expressions())?;
        self.grow()?;
        let constants: Option<Vec<String>> = patterns.iter().map(constant_string).collect();
        if let Some(constants) = constants {
            let mut args = vec![value];
            if name == "ilike" {
                // Patterns are compared in lower case.
                args = vec![self.call("lower", args, start)];
                let lower = |text: String| Expr::string(text.to_lowercase());
                args.extend(constants.into_iter().map(lower));
            } else {
                args.extend(patterns);
            }
            let name = match (all, negated) {
                (true, false) => "likeAll",
                (true, true) => "notLikeAll",
                (false, false) => "likeAny",
                (false, true) => "notLikeAny",
            };
            return Ok(self.operator(name, args, start));
        }
        let size = self.nodes - nodes;
        let mut operands = vec![];
        for pattern in patterns {
            self.copy(size)?;
            let one = self.operator(name, vec![value.clone(), pattern], start);
            operands.push(if negated { self.negate(one, start)? } else { one });
        }
        match operands.len() {
            1 => operands.pop().map_or_else(|| self.fail(), Ok),
            _ => Ok(self.operator(if all { "and" } else { "or" }, operands, start)),
        }
    }

    fn is(&mut self, value: Expr, start: usize) -> SparkResult<Expr> {
        let negated = (self.at("NOT") || self.sym("!")) && {
            self.next();
            true
        };
        if self.kind(0) != Kind::Word {
            return self.fail();
        }
        let keyword = self.word(0).to_ascii_uppercase();
        self.grow()?;
        let out = match keyword.as_str() {
            "NULL" | "UNKNOWN" => {
                self.next();
                let name = match (keyword.as_str(), negated) {
                    ("NULL", false) => "isNull",
                    ("NULL", true) => "isNotNull",
                    (_, false) => "isUnknown",
                    (_, true) => "isNotUnknown",
                };
                return Ok(self.operator(name, vec![value], start));
            }
            "TRUE" | "FALSE" => {
                let literal = self.make(ExprKind::Literal(Literal::Boolean(keyword == "TRUE")), self.pos);
                self.next();
                self.operator("<=>", vec![value, literal], start)
            }
            "DISTINCT" => {
                self.next();
                self.expect("FROM")?;
                let right = self.nested(|p| p.value())?;
                let same = self.operator("<=>", vec![value, right], start);
                return if negated { Ok(same) } else { self.negate(same, start) };
            }
            _ => return self.fail(),
        };
        if negated { self.negate(out, start) } else { Ok(out) }
    }
}

/// `(a, b)`: a row written in parentheses.
fn is_row(call: &vonk_plan::expr::FunctionCall) -> bool {
    call.syntax == vonk_plan::expr::CallSyntax::Operator && matches!(call.name.as_slice(), [n] if n == "struct")
}
