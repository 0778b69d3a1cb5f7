//! Partitions of a table: what a PARTITION clause means, and the statements that add, drop and rename them.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_catalog::{Partition, Table, TableKind};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::literal_text;
use vonk_expr::cast::zone::Zone;
use vonk_expr::coercion::StorePolicy;
use vonk_plan::command::PartitionSpec;
use vonk_plan::expr::{CastMode, ExprKind};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Literal};

use super::now_millis;
use super::show::partition_path;
use crate::fs::{Files, Place};
use crate::session::Session;
use crate::source::partitions::NULL_NAME;

/// The columns of a PARTITION clause with their values as text, none for NULL; in the order of the clause.
pub(crate) type Values = Vec<(String, Option<String>)>;

/// Error `_LEGACY_ERROR_TEMP_1251` for a table without partitions.
pub(super) fn expect_partitioned(t: &Table, action: &str) -> SparkResult<()> {
    if !t.partition_columns.is_empty() {
        return Ok(());
    }
    Err(SparkError::new("_LEGACY_ERROR_TEMP_1251").param("action", action).param("tableName", &t.name.table))
}

/// The table's own name of a partition column, and its type. Error `PARTITIONS_NOT_FOUND`.
pub(crate) fn column_of<'a>(t: &'a Table, column: &str) -> SparkResult<(&'a str, &'a DataType)> {
    let own = t.partition_columns.iter().find(|p| p.eq_ignore_ascii_case(column));
    let field = own.and_then(|p| t.schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(p)));
    match own.zip(field) {
        Some((name, field)) => Ok((name.as_str(), &field.data_type)),
        None => Err(SparkError::new("PARTITIONS_NOT_FOUND")
            .param("partitionList", quote_id([column]))
            .param("tableName", t.name.quoted())),
    }
}

/// The text of a constant; none for NULL.
async fn text_of(session: &Arc<Session>, value: &Expr) -> SparkResult<Option<String>> {
    let literal = match &value.kind {
        ExprKind::Literal(literal) => literal.clone(),
        _ => session.constant(value.clone()).await?,
    };
    let zone = Zone::named(session.conf().time_zone())?;
    Ok((!literal.is_null()).then(|| literal_text(&literal, &zone)))
}

/// The value that a constant has in a column of the type, as text. Whatever the constant's own type, its
/// text is what is cast, by the rules of storing (not by those of the session's expressions).
pub(crate) async fn value_in(session: &Arc<Session>, value: &Expr, to: &DataType) -> SparkResult<Option<String>> {
    let Some(text) = text_of(session, value).await? else { return Ok(None) };
    let mode = match StorePolicy::of(&session.conf()) {
        StorePolicy::Legacy => CastMode::Legacy,
        StorePolicy::Ansi | StorePolicy::Strict => CastMode::Ansi,
    };
    let cast = |e: Expr, to: DataType| Expr::new(ExprKind::Cast { child: Box::new(e), to, mode });
    let stored = cast(Expr::literal(Literal::string(text)), to.without_limits());
    match session.constant(cast(stored, DataType::STRING)).await? {
        Literal::String(text) => Ok(Some(to.kept(&text)?.into_owned())),
        _ => Ok(None),
    }
}

/// The table's own names of the columns that a clause names, with the values those have in them.
/// Errors `PARTITIONS_NOT_FOUND`, and those of the cast.
pub(crate) async fn values_of(session: &Arc<Session>, t: &Table, spec: &PartitionSpec) -> SparkResult<Values> {
    let mut out = Vec::with_capacity(spec.len());
    for (column, value) in spec {
        let (name, to) = column_of(t, column)?;
        let value = match value {
            Some(value) => value_in(session, value, to).await?,
            None => None,
        };
        out.push((name.to_string(), value));
    }
    Ok(out)
}

/// The same with the values as they were written.
pub(super) async fn texts_of(session: &Arc<Session>, t: &Table, spec: &PartitionSpec) -> SparkResult<Values> {
    let mut out = Vec::with_capacity(spec.len());
    for (column, value) in spec {
        let (name, _) = column_of(t, column)?;
        let text = match value {
            Some(value) => text_of(session, value).await?,
            None => None,
        };
        out.push((name.to_string(), text));
    }
    Ok(out)
}

/// Error `INVALID_PARTITION_SPEC` for an empty string: no folder can have that name.
pub(super) fn expect_no_empty_value(values: &Values) -> SparkResult<()> {
    if !values.iter().any(|(_, v)| v.as_deref() == Some("")) {
        return Ok(());
    }
    let all: Vec<_> = values.iter().map(|(k, v)| format!("{k}={}", v.as_deref().unwrap_or("null"))).collect();
    Err(empty_value(&all))
}

/// A clause, given column by column, has an empty string for a value.
pub(crate) fn empty_value(columns: &[String]) -> SparkError {
    let details = format!("The spec ([{}]) contains an empty partition column value", columns.join(", "));
    SparkError::new("INVALID_PARTITION_SPEC").param("details", details)
}

/// The one partition of a clause that names every column. Errors `_LEGACY_ERROR_TEMP_1232` and
/// `INVALID_PARTITION_SPEC`.
pub(super) fn whole(t: &Table, values: &Values) -> SparkResult<Partition> {
    let ordered: Option<Vec<_>> =
        t.partition_columns.iter().map(|c| values.iter().find(|(k, _)| k == c).cloned()).collect();
    let Some(ordered) = ordered else {
        let given: Vec<_> = values.iter().map(|(k, _)| k.as_str()).collect();
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1232")
            .param("specKeys", given.join(", "))
            .param("partitionColumnNames", t.partition_columns.join(", "))
            .param("tableName", t.name.quoted()));
    };
    expect_no_empty_value(values)?;
    Ok(Partition { values: ordered, location: None, properties: BTreeMap::new(), created: now_millis() })
}

/// The partitions with these values.
pub(super) fn matching(known: &[Partition], values: &Values) -> Vec<Partition> {
    known.iter().filter(|p| values.iter().all(|column| p.values.contains(column))).cloned().collect()
}

/// The partitions that the catalog knows of.
pub(super) fn known(session: &Session, t: &Table) -> SparkResult<Vec<Partition>> {
    session.catalog().partitions(&t.name.database, &t.name.table)
}

/// ``PARTITION (`a` = 1, `b` = x)``, for messages.
fn list(all: &[Values]) -> String {
    let one = |values: &Values| {
        let columns = values.iter().map(|(k, v)| format!("{} = {}", quote_id([k]), v.as_deref().unwrap_or(NULL_NAME)));
        format!("PARTITION ({})", columns.collect::<Vec<_>>().join(", "))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn error(class: &'static str, t: &Table, all: &[Values]) -> SparkError {
    SparkError::new(class)
        .param("partitionList", list(all))
        .param("tableName", quote_id([&t.name.database, &t.name.table]))
}

/// The table has no partitions of these values.
pub(super) fn not_there(t: &Table, all: &[Values]) -> SparkError {
    error("PARTITIONS_NOT_FOUND", t, all)
}

fn already_there(t: &Table, all: &[Values]) -> SparkError {
    error("PARTITIONS_ALREADY_EXIST", t, all)
}

/// The partition that a statement about a single one names. Errors `PARTITIONS_NOT_FOUND` and those of [`whole`].
pub(super) async fn expect_one(session: &Arc<Session>, t: &Table, spec: &PartitionSpec) -> SparkResult<Partition> {
    let values = values_of(session, t, spec).await?;
    let wanted = whole(t, &values)?;
    let found = matching(&known(session, t)?, &wanted.values).into_iter().next();
    found.ok_or_else(|| not_there(t, &[values]))
}

pub(super) async fn add(
    session: &Arc<Session>,
    t: &Table,
    if_not_exists: bool,
    partitions: Vec<(PartitionSpec, Option<String>)>,
) -> SparkResult<()> {
    expect_partitioned(t, "ALTER TABLE ADD PARTITION")?;
    let known = known(session, t)?;
    let (mut added, mut twice) = (vec![], vec![]);
    for (spec, location) in partitions {
        let values = values_of(session, t, &spec).await?;
        let mut p = whole(t, &values)?;
        if !matching(&known, &p.values).is_empty() {
            twice.push(values);
            continue;
        }
        p.location = location.map(|l| Place::parse(&l)).transpose()?.map(|place| place.to_string());
        added.push(p);
    }
    if !twice.is_empty() && !if_not_exists {
        return Err(already_there(t, &twice));
    }
    let files = Files::new(session.server.runtime.clone());
    for p in &added {
        let place = match (&p.location, &t.location) {
            (Some(own), _) => Place::parse(own)?,
            (None, Some(base)) => Place::parse(base)?.join(&partition_path(p)),
            (None, None) => continue,
        };
        files.make_folder(&place).await?;
    }
    session.catalog().put_partitions(&t.name.database, &t.name.table, &added)
}

pub(super) async fn drop(
    session: &Arc<Session>,
    t: &Table,
    if_exists: bool,
    specs: Vec<PartitionSpec>,
) -> SparkResult<()> {
    expect_partitioned(t, "ALTER TABLE DROP PARTITION")?;
    let known = known(session, t)?;
    let (mut gone, mut missing) = (vec![], vec![]);
    for spec in specs {
        let values = values_of(session, t, &spec).await?;
        expect_no_empty_value(&values)?;
        let found = matching(&known, &values);
        if found.is_empty() {
            missing.push(values);
        }
        gone.extend(found);
    }
    if !missing.is_empty() && !if_exists {
        return Err(not_there(t, &missing));
    }
    session.catalog().drop_partitions(&t.name.database, &t.name.table, &gone)?;
    let files = Files::new(session.server.runtime.clone());
    for p in gone.iter().filter(|p| t.kind == TableKind::Managed && p.location.is_none()) {
        if let Some(base) = &t.location {
            files.remove(&Place::parse(base)?.join(&partition_path(p))).await?;
        }
    }
    Ok(())
}

pub(super) async fn rename(
    session: &Arc<Session>,
    t: &Table,
    from: PartitionSpec,
    to: PartitionSpec,
) -> SparkResult<()> {
    expect_partitioned(t, "ALTER TABLE RENAME PARTITION")?;
    let known = known(session, t)?;
    let (from, to) = (values_of(session, t, &from).await?, values_of(session, t, &to).await?);
    let (old, new) = (whole(t, &from)?, whole(t, &to)?);
    if matching(&known, &old.values).is_empty() {
        return Err(not_there(t, &[from]));
    }
    if !matching(&known, &new.values).is_empty() {
        return Err(already_there(t, &[to]));
    }
    if let Some(base) = &t.location {
        let base = Place::parse(base)?;
        let (a, b) = (base.join(&partition_path(&old)), base.join(&partition_path(&new)));
        let files = Files::new(session.server.runtime.clone());
        if files.exists(&a).await? {
            files.rename(&a, &b).await?;
        }
    }
    session.catalog().drop_partitions(&t.name.database, &t.name.table, &[old])?;
    session.catalog().put_partitions(&t.name.database, &t.name.table, &[new])
}

/// The partitions that ANALYZE is about: columns without a value may only follow those that have one.
/// Errors `_LEGACY_ERROR_TEMP_1237` and `PARTITIONS_NOT_FOUND`.
pub(super) async fn expect_analyzable(session: &Arc<Session>, t: &Table, spec: &PartitionSpec) -> SparkResult<()> {
    let values = values_of(session, t, spec).await?;
    let given = values.iter().zip(spec).filter(|(_, (_, value))| value.is_some()).map(|(column, _)| column.clone());
    let given: Values = given.collect();
    let mut first = t.partition_columns.iter().take(given.len());
    if !first.all(|column| given.iter().any(|(k, _)| k == column)) {
        let all: Vec<_> = values.iter().map(|(k, _)| k.as_str()).collect();
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1237")
            .param("table", &t.name.table)
            .param("database", &t.name.database)
            .param("schemaColumns", t.partition_columns.join(","))
            .param("specColumns", all.join(",")));
    }
    expect_no_empty_value(&given)?;
    if !given.is_empty() && matching(&known(session, t)?, &given).is_empty() {
        return Err(not_there(t, &[given]));
    }
    Ok(())
}
