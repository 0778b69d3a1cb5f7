//! Hints of joins: BROADCAST, MERGE, SHUFFLE_HASH and their other names.
//!
//! A hint without names is for the relation it stands on; one with names for the tables and aliases of these names in
//! the FROM it stands over, not for what is inside of an alias. SHUFFLE_REPLICATE_NL is read and has no effect.

use std::borrow::Cow;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::{Expr, Literal, Relation, RelationKind};

use crate::analyzer::Analyzer;
use crate::names::qualifies;
use crate::nodes::hinted::Strategy;

type Hint = (String, Vec<Expr>);

impl Analyzer {
    /// The relation with the hints over it put on the relations that they name.
    pub fn with_join_hints<'r>(&self, relation: &'r Relation, hints: &[Hint]) -> SparkResult<Cow<'r, Relation>> {
        let mut relation = Cow::Borrowed(relation);
        for (hint, parameters) in hints.iter().filter(|(name, _)| Strategy::of(name).is_some()) {
            let names = parameters.iter().map(relation_name).collect::<SparkResult<Vec<_>>>()?;
            if !names.is_empty() {
                self.mark(relation.to_mut(), hint, &names);
            }
        }
        Ok(relation)
    }

    /// Puts the hint on each relation of one of these names in the relation.
    fn mark(&self, relation: &mut Relation, hint: &str, names: &[Vec<String>]) {
        let case = self.case_sensitive();
        let means = |own: &[String]| names.iter().any(|name| qualifies(own, name, case));
        match &mut relation.kind {
            RelationKind::Table { name, .. } if means(name) => put_on(relation, hint),
            RelationKind::Alias { alias, .. } if means(std::slice::from_ref(alias)) => put_on(relation, hint),
            RelationKind::Join(join) => {
                self.mark(&mut join.left, hint, names);
                self.mark(&mut join.right, hint, names);
            }
            RelationKind::Filter { input, .. }
            | RelationKind::Project { input, .. }
            | RelationKind::LateralView { input, .. } => self.mark(input, hint, names),
            _ => {}
        }
    }
}

fn put_on(relation: &mut Relation, hint: &str) {
    let input = Box::new(std::mem::replace(relation, Relation::new(RelationKind::OneRow)));
    relation.kind = RelationKind::Hint { input, name: hint.to_string(), parameters: vec![] };
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
