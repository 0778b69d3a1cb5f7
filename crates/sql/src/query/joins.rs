//! Joins.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::relation::{AsOfJoin, Join, JoinCondition, JoinKind, NearestByJoin, Relation, RelationKind};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn join_follows(&self) -> bool {
        let ahead = usize::from(self.at("NATURAL"));
        let at = |n: usize, word: &str| self.at_n(ahead + n, word);
        if self.ends_n(1) {
            // A join word at the end still is one: the error comes behind it.
            return self.at_any(&["JOIN", "CROSS", "LEFT", "RIGHT", "FULL", "INNER", "NATURAL"]);
        }
        at(0, "JOIN")
            || self.at("NATURAL")
            || at(0, "CROSS")
            || (at(0, "ASOF") && at(1, "JOIN"))
            || at(0, "INNER")
            || ((at(0, "LEFT") || at(0, "RIGHT") || at(0, "FULL"))
                && self.any_n(ahead + 1, &["JOIN", "OUTER", "SEMI", "ANTI", "ASOF"]))
            || ((at(0, "SEMI") || at(0, "ANTI")) && at(1, "JOIN"))
    }

    pub fn comma_join(&mut self, left: Relation, right: Relation, lateral: bool, start: usize) -> Relation {
        let join = Join { left, right, kind: JoinKind::Inner, condition: JoinCondition::None, lateral };
        self.relation(RelationKind::Join(Box::new(join)), start)
    }

    pub fn join(&mut self, left: Relation, start: usize) -> SparkResult<Relation> {
        let at = self.pos;
        let natural = self.eat("NATURAL");
        let kind = self.join_kind()?;
        if self.at("ASOF") {
            return self.as_of_join(left, kind, start);
        }
        self.expect("JOIN")?;
        let (lateral, right) = self.maybe_lateral(true)?;
        if self.at_any(&["EXACT", "APPROX"]) && self.at_n(1, "NEAREST") {
            return self.nearest_join(left, right, kind, start);
        }
        let condition = if natural {
            if kind == JoinKind::Cross {
                let error = SparkError::new("INCOMPATIBLE_JOIN_TYPES")
                    .param("joinType1", "NATURAL")
                    .param("joinType2", "CROSS");
                return Err(self.error(error, at));
            }
            JoinCondition::Natural
        } else if self.at("ON") && !self.ends_n(1) {
            self.next();
            JoinCondition::On(self.expression()?)
        } else if self.eat("USING") {
            JoinCondition::Using(self.ident_list()?)
        } else {
            JoinCondition::None
        };
        if lateral {
            self.check_lateral(kind, &condition, at)?;
        }
        let join = Join { left, right, kind, condition, lateral };
        Ok(self.relation(RelationKind::Join(Box::new(join)), start))
    }

    fn join_kind(&mut self) -> SparkResult<JoinKind> {
        let kind = if self.eat("CROSS") {
            JoinKind::Cross
        } else if self.eat("LEFT") {
            match () {
                () if self.eat("SEMI") => JoinKind::LeftSemi,
                () if self.eat("ANTI") => JoinKind::LeftAnti,
                () => {
                    self.eat("OUTER");
                    JoinKind::Left
                }
            }
        } else if self.eat("RIGHT") {
            self.eat("OUTER");
            JoinKind::Right
        } else if self.eat("FULL") {
            self.eat("OUTER");
            JoinKind::Full
        } else if self.eat("SEMI") {
            JoinKind::LeftSemi
        } else if self.eat("ANTI") {
            JoinKind::LeftAnti
        } else {
            self.eat("INNER");
            JoinKind::Inner
        };
        Ok(kind)
    }

    /// `ASOF JOIN right MATCH_CONDITION (l >= r) [ON … | USING (…)]`.
    fn as_of_join(&mut self, left: Relation, kind: JoinKind, start: usize) -> SparkResult<Relation> {
        let at = self.pos;
        self.expect_all(&["ASOF", "JOIN"])?;
        let right = self.relation_primary()?;
        self.expect("MATCH_CONDITION")?;
        let matched = self.in_parens(|p| p.expression())?;
        let condition = if self.eat("ON") {
            JoinCondition::On(self.expression()?)
        } else if self.eat("USING") {
            JoinCondition::Using(self.ident_list()?)
        } else {
            JoinCondition::None
        };
        if !self.opts.conf.bool("spark.sql.join.asofJoin.enabled") {
            let error =
                SparkError::new("UNSUPPORTED_FEATURE.ASOF_JOIN").param("config", "\"spark.sql.join.asofJoin.enabled\"");
            self.defer(self.error(error, at));
        }
        let (operator, left_as_of, right_as_of) = match comparison(matched) {
            Ok(parts) => parts,
            Err(operator) => {
                let error = SparkError::new("ASOF_JOIN_MATCH_CONDITION_INVALID_OPERATOR").param("operator", operator);
                return Err(self.error(error, at));
            }
        };
        let join = AsOfJoin {
            left,
            right,
            left_as_of,
            right_as_of,
            condition,
            kind,
            tolerance: None,
            allow_exact_matches: operator.ends_with('='),
            direction: if operator.starts_with('>') { "backward" } else { "forward" }.to_string(),
        };
        Ok(self.relation(RelationKind::AsOfJoin(Box::new(join)), start))
    }

    /// `JOIN right EXACT NEAREST [n] BY DISTANCE | SIMILARITY expr`.
    fn nearest_join(&mut self, left: Relation, right: Relation, kind: JoinKind, start: usize) -> SparkResult<Relation> {
        let mode = self.word(0).to_ascii_lowercase();
        self.skip(2);
        let num_results = if self.at("BY") { 1 } else { self.integer()? };
        self.expect("BY")?;
        if !self.at_any(&["DISTANCE", "SIMILARITY"]) {
            return self.fail();
        }
        let direction = self.word(0).to_ascii_lowercase();
        self.next();
        let ranking = self.expression()?;
        let join = NearestByJoin { left, right, ranking, num_results, kind, mode, direction };
        Ok(self.relation(RelationKind::NearestByJoin(Box::new(join)), start))
    }

    fn check_lateral(&self, kind: JoinKind, condition: &JoinCondition, at: usize) -> SparkResult<()> {
        let error = match condition {
            JoinCondition::Using(_) => SparkError::new("UNSUPPORTED_FEATURE.LATERAL_JOIN_USING"),
            JoinCondition::Natural => {
                SparkError::new("INCOMPATIBLE_JOIN_TYPES").param("joinType1", "LATERAL").param("joinType2", "NATURAL")
            }
            _ => {
                let name = match kind {
                    JoinKind::Right => "RIGHT OUTER",
                    JoinKind::Full => "FULL OUTER",
                    JoinKind::LeftSemi => "LEFT SEMI",
                    JoinKind::LeftAnti => "LEFT ANTI",
                    _ => return Ok(()),
                };
                SparkError::new("INVALID_LATERAL_JOIN_TYPE").param("joinType", name)
            }
        };
        Err(self.error(error, at))
    }
}

/// The parts of `a >= b`; otherwise the operator that stands there.
fn comparison(e: Expr) -> Result<(String, Expr, Expr), String> {
    let ExprKind::Function(mut call) = e.kind else { return Err(String::new()) };
    let name = call.name.pop().unwrap_or_default();
    match (name.as_str(), call.args.pop(), call.args.pop()) {
        (">" | ">=" | "<" | "<=", Some(right), Some(left)) => Ok((name, left, right)),
        _ => Err(name),
    }
}
