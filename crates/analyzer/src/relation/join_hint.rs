//! Hints of joins: BROADCAST, MERGE, SHUFFLE_HASH and their other names.
//!
//! A hint without names is for the relation it stands on; one with names for the tables and aliases of these names in
//! the FROM it stands over, not for what is inside of an alias. SHUFFLE_REPLICATE_NL is read and has no effect.

use std::borrow::Cow;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::Join;
use vonk_plan::{Expr, Literal, Relation, RelationKind};

use crate::analyzer::Analyzer;
use crate::nodes::hinted::Strategy;
use crate::scope::same_name;

type Hint = (String, Vec<Expr>);

impl Analyzer {
    /// The relation with the hints over it put on the relations that they name.
    pub fn with_join_hints<'r>(&self, relation: &'r Relation, hints: &[Hint]) -> SparkResult<Cow<'r, Relation>> {
        let mut relation = Cow::Borrowed(relation);
        for (hint, parameters) in hints.iter().filter(|(name, _)| Strategy::of(name).is_some()) {
            let names = parameters.iter().map(relation_name).collect::<SparkResult<Vec<_>>>()?;
            if let Some(marked) = self.marked(&relation, hint, &names) {
                relation = Cow::Owned(marked);
            }
        }
        Ok(relation)
    }

    /// The relation with the hint on each relation of one of these names in it; None if there is none.
    fn marked(&self, relation: &Relation, hint: &str, names: &[Vec<String>]) -> Option<Relation> {
        let case = self.case_sensitive();
        let means = |own: &[String]| {
            let end = |n: &Vec<String>| own.len().checked_sub(n.len()).and_then(|skip| own.get(skip..));
            let same = |n: &Vec<String>| end(n).is_some_and(|e| e.iter().zip(n).all(|(a, b)| same_name(a, b, case)));
            names.iter().any(same)
        };
        let with = |kind: RelationKind| Relation { kind, ..relation.clone() };
        let inside = |input: &Relation| self.marked(input, hint, names).map(Box::new);
        match &relation.kind {
            RelationKind::Table { name, .. } if means(name) => Some(on(relation, hint)),
            RelationKind::Alias { alias, .. } if means(std::slice::from_ref(alias)) => Some(on(relation, hint)),
            RelationKind::Join(j) => {
                let (left, right) = (self.marked(&j.left, hint, names), self.marked(&j.right, hint, names));
                if left.is_none() && right.is_none() {
                    return None;
                }
                let join = Join {
                    left: left.unwrap_or_else(|| j.left.clone()),
                    right: right.unwrap_or_else(|| j.right.clone()),
                    ..(**j).clone()
                };
                Some(with(RelationKind::Join(Box::new(join))))
            }
            RelationKind::Filter { input, condition } => {
                Some(with(RelationKind::Filter { input: inside(input)?, condition: condition.clone() }))
            }
            RelationKind::Project { input, exprs } => {
                Some(with(RelationKind::Project { input: inside(input)?, exprs: exprs.clone() }))
            }
            RelationKind::LateralView { input, generator, outer, alias, columns } => {
                let (generator, alias, columns) = (generator.clone(), alias.clone(), columns.clone());
                let input = inside(input)?;
                Some(with(RelationKind::LateralView { input, generator, outer: *outer, alias, columns }))
            }
            _ => None,
        }
    }
}

fn on(relation: &Relation, hint: &str) -> Relation {
    let input = Box::new(relation.clone());
    Relation::new(RelationKind::Hint { input, name: hint.to_string(), parameters: vec![] })
}

/// The relation that a parameter of a hint names.
fn relation_name(parameter: &Expr) -> SparkResult<Vec<String>> {
    match &parameter.kind {
        ExprKind::Attribute { name, .. } => Ok(name.clone()),
        ExprKind::Literal(Literal::String(name)) => Ok(name.split('.').map(String::from).collect()),
        ExprKind::Literal(value) => Err(SparkError::new("_LEGACY_ERROR_TEMP_1046")
            .param("unsupported", vonk_common::error::quote_sql(vonk_expr::literal::literal_sql(value)))
            .param("class", "class org.apache.spark.sql.catalyst.expressions.Literal")),
        _ => Err(SparkError::new("_LEGACY_ERROR_TEMP_1046").param("unsupported", "").param("class", "")),
    }
}
