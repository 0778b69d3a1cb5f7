//! `left.zip(right)`: the columns of both beside each other. Both have to be projections of one
//! DataFrame, so that their rows are the same rows; nothing is joined.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::{Expr, Relation, RelationKind};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::node::Node;

/// What the relation projects, and its columns in terms of that.
fn projected(r: &Relation) -> (&Relation, Vec<Expr>) {
    match &r.kind {
        RelationKind::Project { input, exprs } => (input, exprs.clone()),
        RelationKind::WithColumns { input, columns } => {
            let all = std::iter::once(Expr::star()).chain(columns.iter().cloned());
            (input, all.collect())
        }
        _ => (r, vec![Expr::star()]),
    }
}

/// Do both have the same rows?
fn same_rows(a: &Relation, b: &Relation) -> bool {
    a.plan_id.is_some() && a.plan_id == b.plan_id || a == b
}

impl Analyzer {
    pub fn zip(&self, left: &Relation, right: &Relation, outer: Outer) -> SparkResult<Node> {
        let candidates = |r: &Relation| {
            vec![(r.clone(), vec![Expr::star()]), {
                let (base, exprs) = projected(r);
                (base.clone(), exprs)
            }]
        };
        for (base, columns) in candidates(left) {
            for (other, more) in candidates(right) {
                if same_rows(&base, &other) {
                    let exprs: Vec<Expr> = columns.iter().chain(&more).cloned().collect();
                    return self.project(self.relation(&base, outer)?, &exprs, outer);
                }
            }
        }
        Err(SparkError::new("ZIP_PLANS_NOT_MERGEABLE"))
    }
}
