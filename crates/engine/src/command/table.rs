//! Tables: drop, alter, partitions, comments. (Creating and filling them is the sink's.)

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_catalog::{Partition, Table, TableKind, TableName};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;
use vonk_plan::command::{AlterAction, ColumnDef, ColumnPosition, Name};
use vonk_plan::types::{DataType, StructField, StructType, UTF8_BINARY};

use super::rows::Rows;
use super::{expect_table, find_relation, find_table, now_millis, partition, qualify, temporary_view};
use crate::defaults::{self, CURRENT_DEFAULT};
use crate::fs::{Files, Place};
use crate::session::Session;
use crate::source::{listing, partitions};

/// A field of a column definition, with comment and default in its metadata.
pub(crate) fn field_of(c: &ColumnDef) -> StructField {
    let mut metadata = serde_json::Map::new();
    if let Some(text) = &c.comment {
        metadata.insert("comment".into(), text.as_str().into());
    }
    if let Some((_, text)) = &c.default {
        metadata.insert(CURRENT_DEFAULT.into(), text.as_str().into());
    }
    StructField {
        name: c.name.clone(),
        data_type: c.data_type.clone(),
        nullable: c.nullable,
        metadata: (!metadata.is_empty()).then(|| serde_json::Value::Object(metadata).to_string().into()),
    }
}

/// The field with the table's collation for strings that name none. A map's keys have none.
pub(crate) fn collated(mut f: StructField, table: Option<&str>) -> SparkResult<StructField> {
    if let Some(name) = table.filter(|name| *name != UTF8_BINARY) {
        f.data_type = f.data_type.map_strings(&mut |c| match c {
            Some(_) => DataType::String(c.clone()),
            None => DataType::String(Some(name.into())),
        });
    }
    f.data_type.check_collations()?;
    match has_collated_key(&f.data_type) {
        true => Err(SparkError::new("UNSUPPORTED_FEATURE.COLLATIONS_IN_MAP_KEYS")),
        false => Ok(f),
    }
}

fn has_collated_key(t: &DataType) -> bool {
    match t {
        DataType::Map(k, v, _) => k.is_collated() || has_collated_key(v),
        DataType::Array(e, _) => has_collated_key(e),
        DataType::Struct(s) => s.fields.iter().any(|f| has_collated_key(&f.data_type)),
        _ => false,
    }
}

/// What a table operation that file tables do not have gives.
pub(crate) fn unsupported_operation(t: &Table, operation: &str) -> SparkError {
    SparkError::new("UNSUPPORTED_FEATURE.TABLE_OPERATION")
        .param("tableName", t.name.quoted())
        .param("operation", operation)
}

pub(super) async fn drop(session: &Arc<Session>, name: &Name, if_exists: bool, view: bool) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && session.names.write().drop_temp_view(single)
    {
        return Ok(Rows::none());
    }
    if let [database, single] = name.as_slice()
        && database.eq_ignore_ascii_case(vonk_catalog::GLOBAL_TEMP)
        && session.server.shared_names.drop_global_temp_view(single)
    {
        return Ok(Rows::none());
    }
    let full = qualify(session, name)?;
    let found = match session.catalog().database(&full.database)? {
        Some(_) => session.catalog().table(&full.database, &full.table)?,
        None => None,
    };
    let Some(table) = found else {
        return if if_exists { Ok(Rows::none()) } else { Err(nothing_to_drop(session, name)) };
    };
    if view && !table.is_view() {
        return Err(SparkError::new("WRONG_COMMAND_FOR_OBJECT_TYPE")
            .param("operation", "DROP VIEW")
            .param("requiredType", "VIEW or METRIC_VIEW")
            .param("objectName", table.name.parts().join("."))
            .param("foundType", table.kind.spark_name())
            .param("alternative", "DROP TABLE"));
    }
    session.catalog().drop_table(&full.database, &full.table, true)?;
    if table.kind == TableKind::Managed
        && let Some(place) = &table.location
    {
        Files::new(session.server.runtime.clone()).remove(&Place::parse(place)?).await?;
    }
    session.uncache_table(&full);
    Ok(Rows::none())
}

/// What is to be dropped is looked for in one place only: the full name, as written, tells which.
fn nothing_to_drop(session: &Session, name: &Name) -> SparkError {
    match session.names.read().qualify(name) {
        Ok(n) => vonk_catalog::errors::table_not_found(&n.catalog, &n.database, &n.table),
        Err(e) => e,
    }
}

pub(super) fn create_like(
    session: &Session,
    name: &Name,
    source: &Name,
    if_not_exists: bool,
    provider: Option<String>,
    location: Option<String>,
    properties: BTreeMap<String, String>,
) -> SparkResult<Rows> {
    let from = find_table(session, source)?;
    let full = qualify(session, name)?;
    let database = session.catalog().expect_database(&full.database)?;
    let default_place = Place::parse(&database.location)?.join(&full.table);
    let table = Table {
        name: full,
        kind: if location.is_some() { TableKind::External } else { TableKind::Managed },
        provider: provider.or(from.provider).or_else(|| Some("parquet".into())),
        location: Some(match location {
            Some(l) => Place::parse(&l)?.to_string(),
            None => default_place.to_string(),
        }),
        properties,
        stats: None,
        view: None,
        created: now_millis(),
        owner: session.acts_as.to_string(),
        ..from
    };
    session.catalog().create_table(table, if_not_exists, false)?;
    Ok(Rows::none())
}

pub(super) fn comment(session: &Session, name: &Name, comment: Option<String>) -> SparkResult<Rows> {
    let mut table = expect_table(session, name, "COMMENT ON TABLE")?;
    table.comment = comment;
    session.catalog().alter_table(table)?;
    Ok(Rows::none())
}

pub(super) fn refresh(session: &Session, name: &Name) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && session.names.read().temp_view(single).is_some()
    {
        return Ok(Rows::none());
    }
    session.forget_rows_of(&find_table(session, name)?.name);
    Ok(Rows::none())
}

/// `MSCK REPAIR TABLE`: partitions whose folders are there become known (`add`), those whose folders are
/// gone are forgotten (`drop`).
pub(super) async fn repair(
    session: &Session,
    name: &Name,
    operation: &str,
    add: bool,
    drop: bool,
) -> SparkResult<Rows> {
    let table = expect_table(session, name, operation)?;
    if table.partition_columns.is_empty() {
        return Err(SparkError::new("NOT_A_PARTITIONED_TABLE")
            .param("operation", operation)
            .param("tableIdentWithDB", table.name.quoted()));
    }
    let catalog = session.catalog();
    let known = catalog.partitions(&table.name.database, &table.name.table)?;
    let found = partitions_in_folders(session, &table).await?;
    let has = |all: &[Partition], p: &Partition| all.iter().any(|other| other.values == p.values);
    if add {
        let new: Vec<_> = found.iter().filter(|p| !has(&known, p)).cloned().collect();
        catalog.put_partitions(&table.name.database, &table.name.table, &new)?;
    }
    if drop {
        let gone: Vec<_> = known.iter().filter(|p| p.location.is_none() && !has(&found, p)).cloned().collect();
        catalog.drop_partitions(&table.name.database, &table.name.table, &gone)?;
    }
    session.forget_rows_of(&table.name);
    Ok(Rows::none())
}

async fn partitions_in_folders(session: &Session, table: &Table) -> SparkResult<Vec<Partition>> {
    let place = Place::parse(table.location.as_deref().unwrap_or_default())?;
    let files = session.files();
    if !files.exists(&place).await? {
        return Ok(vec![]);
    }
    let listing = listing::list(&files, &[place.to_string()], &table.options, &Arc::new(session.conf())).await?;
    let mut out: Vec<Partition> = vec![];
    for file in &listing.files {
        let spec = partitions::spec_of(&file.place, &listing.bases);
        let of = |column: &String| {
            let (_, value) = spec.iter().find(|(n, _)| n.eq_ignore_ascii_case(column))?;
            Some((column.clone(), (value != partitions::NULL_NAME).then(|| value.clone())))
        };
        let Some(values) = table.partition_columns.iter().map(of).collect::<Option<Vec<_>>>() else { continue };
        if !out.iter().any(|p| p.values == values) {
            out.push(Partition { values, location: None, properties: Default::default(), created: now_millis() });
        }
    }
    Ok(out)
}

pub(super) async fn alter(
    session: &Arc<Session>,
    name: &Name,
    if_exists: bool,
    view: bool,
    action: AlterAction,
) -> SparkResult<Rows> {
    if let AlterAction::ViewQuery { query, text } = action {
        return super::view::alter_query(session, name, *query, text).await;
    }
    if let (false, Some(view)) = (view || matches!(action, AlterAction::Rename(_)), temporary_view(session, name)) {
        return Err(not_a_table(&action, view));
    }
    // Constraints belong to the newer kind of tables, which are looked for as queries do.
    let found = match &action {
        AlterAction::Other(what) if what.ends_with("CONSTRAINT") => find_relation(session, name),
        _ => find_table(session, name),
    };
    let table = match found {
        Ok(t) => t,
        Err(_) if if_exists => return Ok(Rows::none()),
        Err(e) => return Err(e),
    };
    if view && !table.is_view() {
        return Err(not_a_view(&action, &table));
    }
    if !view && table.is_view() {
        let shown = match action {
            AlterAction::Rename(_) => quote_id([&table.name.table]),
            _ => table.name.quoted(),
        };
        return Err(not_a_table(&action, shown));
    }
    match action {
        AlterAction::Rename(to) => return rename(session, table, &to).await,
        AlterAction::SetProperties(p) => {
            let mut t = table;
            if let Some(c) = p.get("comment") {
                t.comment = Some(c.clone())
            }
            t.properties.extend(p.into_iter().filter(|(k, _)| k != "comment"));
            session.catalog().alter_table(t)?;
        }
        AlterAction::UnsetProperties { keys, .. } => {
            let mut t = table;
            t.properties.retain(|k, _| !keys.contains(k));
            session.catalog().alter_table(t)?;
        }
        AlterAction::SetLocation { partition: None, location } => {
            let mut t = table;
            t.location = Some(Place::parse(&location)?.to_string());
            session.catalog().alter_table(t)?;
        }
        AlterAction::AddColumns(columns) => add_columns(session, table, columns).await?,
        AlterAction::AlterColumn { name, data_type, nullable, comment, position, default } => {
            alter_column(session, table, &name, data_type, nullable, comment, position, default).await?
        }
        AlterAction::AlterColumns(names) => {
            for name in &names {
                column_at(&table, name)?;
            }
            return Err(unsupported_operation(&table, "ALTER COLUMN in bulk"));
        }
        AlterAction::SetLocation { partition: Some(spec), .. } => {
            partition::expect_partitioned(&table, "ALTER TABLE ... SET LOCATION")?;
            partition::expect_one(session, &table, &spec).await?;
            return Err(SparkError::unsupported("ALTER TABLE … PARTITION … SET LOCATION"));
        }
        AlterAction::AddPartitions { if_not_exists, partitions } => {
            partition::add(session, &table, if_not_exists, partitions).await?
        }
        AlterAction::DropPartitions { if_exists, partitions, .. } => {
            partition::drop(session, &table, if_exists, partitions).await?
        }
        AlterAction::RenamePartition { from, to } => partition::rename(session, &table, from, to).await?,
        AlterAction::RecoverPartitions => {
            return repair(session, name, "ALTER TABLE RECOVER PARTITIONS", true, false).await;
        }
        AlterAction::ReplaceColumns(_) => return Err(unsupported_operation(&table, "REPLACE COLUMNS")),
        AlterAction::DropColumns { .. } => return Err(unsupported_operation(&table, "DROP COLUMN")),
        AlterAction::RenameColumn { .. } => return Err(unsupported_operation(&table, "RENAME COLUMN")),
        AlterAction::DefaultCollation(name) => {
            session.catalog().alter_table(Table { collation: Some(name), ..table })?;
        }
        AlterAction::Other(what) => return Err(unsupported_operation(&table, &what)),
        // File tables have no serde: Spark keeps what is set and uses none of it.
        AlterAction::SetSerde => {}
        _ => return Err(SparkError::unsupported("this form of ALTER TABLE")),
    }
    Ok(Rows::none())
}

/// ALTER TABLE of a view. Where views can be altered so as well, the error says how.
fn not_a_table(action: &AlterAction, view: String) -> SparkError {
    let (class, operation) = match action {
        AlterAction::Rename(_) => ("USE_ALTER_VIEW", "ALTER TABLE"),
        AlterAction::SetProperties(_) => ("USE_ALTER_VIEW", "ALTER TABLE ... SET TBLPROPERTIES"),
        AlterAction::UnsetProperties { .. } => ("USE_ALTER_VIEW", "ALTER TABLE ... UNSET TBLPROPERTIES"),
        AlterAction::SetSerde => ("USE_ALTER_VIEW", "ALTER TABLE ... SET [SERDE|SERDEPROPERTIES]"),
        AlterAction::AddColumns(columns) if columns.len() > 1 => ("NO_ALTERNATIVE", "ALTER TABLE ... ADD COLUMNS"),
        AlterAction::AddColumns(_) => ("NO_ALTERNATIVE", "ALTER TABLE ... ADD COLUMN"),
        AlterAction::ReplaceColumns(_) => ("NO_ALTERNATIVE", "ALTER TABLE ... REPLACE COLUMNS"),
        AlterAction::DropColumns { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... DROP COLUMNS"),
        AlterAction::RenameColumn { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... RENAME COLUMN"),
        AlterAction::AlterColumn { .. } | AlterAction::AlterColumns(_) => {
            ("NO_ALTERNATIVE", "ALTER TABLE ... ALTER COLUMN")
        }
        AlterAction::SetLocation { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... SET LOCATION ..."),
        AlterAction::AddPartitions { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... ADD PARTITION ..."),
        AlterAction::DropPartitions { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... DROP PARTITION ..."),
        AlterAction::RenamePartition { .. } => ("NO_ALTERNATIVE", "ALTER TABLE ... RENAME TO PARTITION"),
        AlterAction::RecoverPartitions => ("NO_ALTERNATIVE", "ALTER TABLE ... RECOVER PARTITIONS"),
        AlterAction::ClusterBy(_) => ("NO_ALTERNATIVE", "ALTER TABLE ... CLUSTER BY"),
        AlterAction::DefaultCollation(_) => ("NO_ALTERNATIVE", "ALTER TABLE ... DEFAULT COLLATION"),
        AlterAction::Other(_) | AlterAction::ViewQuery { .. } => ("NO_ALTERNATIVE", "ALTER TABLE"),
    };
    SparkError::new(format!("EXPECT_TABLE_NOT_VIEW.{class}")).param("viewName", view).param("operation", operation)
}

/// ALTER VIEW of a table.
fn not_a_view(action: &AlterAction, table: &Table) -> SparkError {
    let (class, name, operation) = match action {
        AlterAction::Rename(_) => ("USE_ALTER_TABLE", quote_id([&table.name.table]), "ALTER VIEW"),
        AlterAction::SetProperties(_) => ("USE_ALTER_TABLE", table.name.quoted(), "ALTER VIEW ... SET TBLPROPERTIES"),
        AlterAction::UnsetProperties { .. } => {
            ("USE_ALTER_TABLE", table.name.quoted(), "ALTER VIEW ... UNSET TBLPROPERTIES")
        }
        _ => ("NO_ALTERNATIVE", table.name.quoted(), "ALTER VIEW"),
    };
    SparkError::new(format!("EXPECT_VIEW_NOT_TABLE.{class}")).param("tableName", name).param("operation", operation)
}

async fn rename(session: &Arc<Session>, table: Table, to: &Name) -> SparkResult<Rows> {
    let target = match to.as_slice() {
        [single] => TableName::new(&table.name.catalog, &table.name.database, single.to_lowercase()),
        _ => qualify(session, to)?,
    };
    if target.database != table.name.database {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1073")
            .param("db", &table.name.database)
            .param("newDb", &target.database));
    }
    if session.catalog().table(&target.database, &target.table)?.is_some() {
        return Err(vonk_catalog::errors::table_exists(&target.catalog, &target.database, &target.table));
    }
    let mut location = None;
    if table.kind == TableKind::Managed
        && let Some(old) = &table.location
    {
        let from = Place::parse(old)?;
        if let Some(parent) = from.parent() {
            let new = parent.join(&target.table);
            let files = Files::new(session.server.runtime.clone());
            if files.exists(&from).await? {
                files.rename(&from, &new).await?;
            }
            location = Some(new.to_string());
        }
    }
    session.catalog().rename_table(&table.name.database, &table.name.table, &target.table, location)?;
    Ok(Rows::none())
}

async fn add_columns(
    session: &Arc<Session>,
    mut t: Table,
    columns: Vec<(Name, ColumnDef, ColumnPosition)>,
) -> SparkResult<()> {
    let keys = t.partition_columns.len();
    let mut fields = t.schema.fields.to_vec();
    let at = fields.len() - keys.min(fields.len());
    for (i, (path, c, position)) in columns.into_iter().enumerate() {
        if path.len() > 1 || position != ColumnPosition::Unspecified {
            return Err(unsupported_operation(&t, "ADD COLUMN with a position"));
        }
        if fields.iter().any(|f| f.name.eq_ignore_ascii_case(&c.name)) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").param("columnName", quote_id([c.name.to_lowercase()])));
        }
        if !c.nullable {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1052"));
        }
        let field = defaults::new_field(session, "ALTER TABLE ADD COLUMNS", &c).await?;
        fields.insert(at + i, collated(field, t.collation.as_deref())?);
    }
    t.schema = StructType::new(fields);
    session.catalog().alter_table(t)
}

/// The place of the column of that name.
fn column_at(t: &Table, name: &Name) -> SparkResult<usize> {
    let wanted = name.join(".");
    t.schema.fields.iter().position(|f| f.name.eq_ignore_ascii_case(&wanted)).ok_or_else(|| {
        let all: Vec<_> = t.schema.fields.iter().map(|f| quote_id([&f.name])).collect();
        SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
            .param("objectName", quote_id(name))
            .param("proposal", all.join(", "))
    })
}

#[allow(clippy::too_many_arguments)]
async fn alter_column(
    session: &Arc<Session>,
    mut t: Table,
    name: &Name,
    data_type: Option<DataType>,
    nullable: Option<bool>,
    comment: Option<String>,
    position: ColumnPosition,
    default: Option<Option<(Expr, String)>>,
) -> SparkResult<()> {
    if position != ColumnPosition::Unspecified {
        return Err(unsupported_operation(&t, "ALTER COLUMN ... FIRST | AFTER"));
    }
    let mut fields = t.schema.fields.to_vec();
    let Some(f) = fields.get_mut(column_at(&t, name)?) else { return Err(SparkError::internal("a column is gone")) };
    if nullable.is_some() {
        return Err(unsupported_operation(&t, "ALTER COLUMN ... SET NOT NULL"));
    }
    if let Some(ty) = &data_type
        && matches!((ty, &f.data_type), (DataType::String(_), DataType::String(_)))
    {
        // The same values under another collation.
        f.data_type = ty.clone();
    } else if let Some(ty) = data_type
        && !ty.same_type(&f.data_type)
    {
        return Err(SparkError::new("NOT_SUPPORTED_CHANGE_COLUMN")
            .param("table", t.name.quoted())
            .param("originName", quote_id([&f.name]))
            .param("originType", quote_sql(f.data_type.sql()))
            .param("newName", quote_id([&f.name]))
            .param("newType", quote_sql(ty.sql())));
    }
    if let Some(c) = comment {
        *f = f.with_metadata_text("comment", Some(&c));
    }
    if let Some(d) = default {
        if let Some((value, text)) = &d {
            let statement = "ALTER TABLE ALTER COLUMN";
            defaults::value_of(session, statement, &f.name, &f.data_type, value, text).await?;
        }
        *f = f.with_metadata_text(CURRENT_DEFAULT, d.as_ref().map(|(_, text)| text.as_str()));
    }
    t.schema = StructType::new(fields);
    session.catalog().alter_table(t)
}
