//! Databases: create, drop, alter, use.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_catalog::{Database, GLOBAL_TEMP, SPARK_CATALOG, TableKind, errors};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Name;

use super::database_of;
use super::rows::Rows;
use crate::fs::{Files, Place};
use crate::session::Session;

pub(super) fn use_catalog(name: &str) -> SparkResult<Rows> {
    if !name.eq_ignore_ascii_case(SPARK_CATALOG) {
        return Err(SparkError::new("CATALOG_NOT_FOUND")
            .param("catalogName", vonk_common::error::quote_id([name]))
            .param("config", vonk_common::error::quote_sql(format!("spark.sql.catalog.{name}"))));
    }
    // There is one catalog, which is the current one already.
    Ok(Rows::none())
}

pub(super) fn use_namespace(session: &Session, name: &Name) -> SparkResult<Rows> {
    if let [catalog] = name.as_slice()
        && catalog.eq_ignore_ascii_case(SPARK_CATALOG)
    {
        return use_catalog(catalog);
    }
    let found = namespace(session, name)?;
    session.names.write().current_database = found.name;
    Ok(Rows::none())
}

/// The database that a namespace means. Error `SCHEMA_NOT_FOUND`, however many parts it has.
pub(super) fn namespace(session: &Session, name: &Name) -> SparkResult<Database> {
    match database_of(session, Some(name)) {
        Ok(database) => session.catalog().expect_database(&database),
        Err(_) => {
            let parts = [SPARK_CATALOG].into_iter().chain(name.iter().map(String::as_str));
            Err(SparkError::new("SCHEMA_NOT_FOUND").param("schemaName", vonk_common::error::quote_id(parts)))
        }
    }
}

pub(super) async fn create(
    session: &Arc<Session>,
    name: &Name,
    if_not_exists: bool,
    comment: Option<String>,
    location: Option<String>,
    properties: BTreeMap<String, String>,
) -> SparkResult<Rows> {
    let database = database_of(session, Some(name)).map_err(|_| {
        SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
            .param("sessionCatalog", SPARK_CATALOG)
            .param("identifier", vonk_common::error::quote_id(name))
    })?;
    if database == GLOBAL_TEMP {
        return Err(errors::reserved_database(&database));
    }
    let location = match location {
        Some(l) => Place::parse(&l)?,
        None => Place::parse(&session.server.warehouse)?.join(&format!("{database}.db")),
    };
    let new = Database {
        name: database,
        comment,
        location: location.to_string(),
        properties,
        owner: session.acts_as.to_string(),
    };
    session.catalog().create_database(new, if_not_exists)?;
    Ok(Rows::none())
}

pub(super) async fn drop(session: &Arc<Session>, name: &Name, if_exists: bool, cascade: bool) -> SparkResult<Rows> {
    let database = database_of(session, Some(name))?;
    if database == vonk_catalog::DEFAULT_DATABASE {
        return Err(errors::drop_default(SPARK_CATALOG, &database));
    }
    let location = session.catalog().database(&database)?.map(|d| d.location);
    let tables = session.catalog().drop_database(&database, if_exists, cascade)?;
    let files = Files::new(session.server.runtime.clone());
    for table in tables.iter().filter(|t| t.kind == TableKind::Managed) {
        if let Some(place) = &table.location {
            files.remove(&Place::parse(place)?).await?;
        }
    }
    // The database's own folder goes when nothing else is in it.
    if let Some(place) = location {
        files.remove_if_empty(&Place::parse(&place)?);
    }
    let mut names = session.names.write();
    if names.current_database == database {
        names.current_database = vonk_catalog::DEFAULT_DATABASE.into();
    }
    Ok(Rows::none())
}

pub(super) fn alter(
    session: &Session,
    name: &Name,
    properties: BTreeMap<String, String>,
    unset: Vec<String>,
    location: Option<String>,
) -> SparkResult<Rows> {
    let mut database = session.catalog().expect_database(&database_of(session, Some(name))?)?;
    database.properties.extend(properties);
    database.properties.retain(|k, _| !unset.contains(k));
    if let Some(l) = location {
        database.location = Place::parse(&l)?.to_string();
    }
    session.catalog().alter_database(database)?;
    Ok(Rows::none())
}

pub(super) fn comment(session: &Session, name: &Name, comment: Option<String>) -> SparkResult<Rows> {
    let mut database = namespace(session, name)?;
    database.comment = comment;
    session.catalog().alter_database(database)?;
    Ok(Rows::none())
}
