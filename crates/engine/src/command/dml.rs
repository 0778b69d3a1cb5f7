//! UPDATE, DELETE and MERGE: no table of files has them. The names they use are checked first, as
//! Spark does.

use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Merge, Name};
use vonk_plan::relation::{Join, JoinCondition, JoinKind};
use vonk_plan::{Expr, Relation, RelationKind};

use super::find_table;
use super::rows::Rows;
use super::table::unsupported_operation;
use crate::session::Session;

fn target(name: &Name, alias: Option<String>) -> Relation {
    let table = Relation::table(name.clone());
    match alias {
        Some(alias) => {
            let input = Box::new(table);
            Relation::new(RelationKind::Alias { input, alias, qualifier: vec![], columns: vec![] })
        }
        None => table,
    }
}

fn refuse(session: &Session, name: &Name, operation: &str) -> SparkError {
    match find_table(session, name) {
        Ok(table) => unsupported_operation(&table, operation),
        Err(_) => SparkError::new("UNSUPPORTED_FEATURE.TABLE_OPERATION")
            .param("tableName", "`unknown`")
            .param("operation", operation),
    }
}

fn filtered(input: Relation, condition: Option<Expr>) -> Relation {
    match condition {
        Some(condition) => Relation::new(RelationKind::Filter { input: Box::new(input), condition }),
        None => input,
    }
}

pub(super) async fn delete(
    session: &Arc<Session>,
    table: &Name,
    alias: Option<String>,
    condition: Option<Expr>,
) -> SparkResult<Rows> {
    session.analyze(filtered(target(table, alias), condition)).await?;
    Err(refuse(session, table, "DELETE"))
}

pub(super) async fn update(
    session: &Arc<Session>,
    table: &Name,
    alias: Option<String>,
    assignments: Vec<(Name, Expr)>,
    condition: Option<Expr>,
) -> SparkResult<Rows> {
    let columns = assignments.into_iter().map(|(n, _)| Expr::attribute(n)).collect();
    let kind = RelationKind::Project { input: Box::new(filtered(target(table, alias), condition)), exprs: columns };
    session.analyze(Relation::new(kind)).await?;
    Err(refuse(session, table, "UPDATE TABLE"))
}

pub(super) async fn merge(session: &Arc<Session>, merge: Merge) -> SparkResult<Rows> {
    let join = Join {
        left: target(&merge.target, merge.target_alias),
        right: merge.source,
        kind: JoinKind::Inner,
        condition: JoinCondition::On(merge.condition),
        lateral: false,
    };
    session.analyze(Relation::new(RelationKind::Join(Box::new(join)))).await?;
    Err(refuse(session, &merge.target, "MERGE INTO TABLE"))
}
