//! Which columns determine which: DataFusion's functional dependencies, put right where they are wrong.
//!
//! A key of one side of a join determines the columns of that side, in as many rows as the other side has. DataFusion 55
//! takes it for a key of the groups as soon as it is grouped by, also where columns of the other side are grouped by with it
//! (`aggregate_functional_dependencies`). Rules that ask for keys then drop a DISTINCT, a join, a column of a GROUP BY or of an
//! ORDER BY that is needed. Here groups have one key, all that they are grouped by, wherever that is in doubt.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Dependency, FunctionalDependence, FunctionalDependencies, Result};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan};

/// Is there a group in the plan that may have a key too many?
pub fn in_doubt(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(a) if claims_a_part(a)))).unwrap_or(true)
}

/// Is a part of what is grouped by said to be a key, while something below is known not to be one any more?
fn claims_a_part(a: &Aggregate) -> bool {
    let groups = a.group_expr.len();
    let part = |d: &FunctionalDependence| d.mode == Dependency::Single && d.source_indices.len() < groups;
    let repeated = |d: &FunctionalDependence| d.mode == Dependency::Multi;
    a.schema.functional_dependencies().iter().any(part)
        && a.input.schema().functional_dependencies().iter().any(repeated)
}

/// The plan with groups that have one key each.
pub fn put_right(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !in_doubt(&plan) {
        return Ok(plan);
    }
    let right = plan.transform_up(|node| match node {
        LogicalPlan::Aggregate(mut a) => {
            let columns = a.schema.fields().len();
            let keys: Vec<usize> = (0..a.group_expr.len().min(columns)).collect();
            let nullable = a.schema.fields().iter().take(keys.len()).any(|f| f.is_nullable());
            let whole = FunctionalDependence::new(keys.clone(), (0..columns).collect(), nullable);
            let dependencies = match keys.is_empty() || a.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
                true => FunctionalDependencies::empty(),
                false => FunctionalDependencies::new(vec![whole.with_mode(Dependency::Single)]),
            };
            // A new node would be given the wrong ones again.
            a.schema = Arc::new(a.schema.as_ref().clone().with_functional_dependencies(dependencies)?);
            Ok(Transformed::yes(LogicalPlan::Aggregate(a)))
        }
        other => Ok(Transformed::yes(other.recompute_schema()?)),
    })?;
    Ok(right.data)
}

/// A DISTINCT as the aggregate that it is, where its input only seems to have no row twice.
pub fn distinct_in_doubt(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Distinct(Distinct::All(input)) = plan else { return Ok(None) };
    if input.schema().fields().is_empty() || !in_doubt(input) {
        return Ok(None);
    }
    let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
    Ok(Some(LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(input), columns, vec![])?)))
}
