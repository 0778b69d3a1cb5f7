//! `CACHE TABLE`, `UNCACHE TABLE`.

use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::Relation;
use vonk_plan::command::{CreateView, Name, ViewKind};

use super::rows::Rows;
use crate::cache::Level;
use crate::session::Session;

/// The relation that a query of the table holds: what is to be found again.
async fn relation_of(session: &Arc<Session>, name: &Name) -> SparkResult<Relation> {
    let table = Relation::table(name.clone());
    session.analyze(table.clone()).await?;
    Ok(table)
}

pub(super) async fn cache(
    session: &Arc<Session>,
    name: Name,
    lazy: bool,
    level: Level,
    query: Option<Relation>,
) -> SparkResult<Rows> {
    if let Some(query) = query {
        if let [database @ .., _] = name.as_slice()
            && !database.is_empty()
        {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_0037").param("quoted", database.join(".")));
        }
        let view = CreateView {
            name: name.clone(),
            columns: vec![],
            comment: None,
            properties: Default::default(),
            collation: None,
            query,
            text: String::new(),
            replace: false,
            if_not_exists: false,
            kind: ViewKind::Temporary,
        };
        super::view::create(session, view).await?;
    }
    let relation = relation_of(session, &name).await?;
    session.persist(relation.clone(), level).await?;
    if !lazy {
        // Counting asks for the rows, which computes them.
        session.execute(relation).await?.collect().await?;
    }
    Ok(Rows::none())
}

pub(super) async fn uncache(session: &Arc<Session>, name: &Name, if_exists: bool) -> SparkResult<Rows> {
    match relation_of(session, name).await {
        Ok(relation) => session.unpersist(&relation),
        Err(_) if if_exists => {}
        Err(e) => return Err(e),
    }
    Ok(Rows::none())
}
