//! `SHOW …` over the catalog.

use std::sync::Arc;

use vonk_catalog::pattern::matches;
use vonk_catalog::{Partition, SPARK_CATALOG, Table, TableKind, TempView};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_functions_string::collations::COLUMNS;
use vonk_plan::command::{Name, PartitionSpec};
use vonk_plan::types::{DataType, UTF8_BINARY, quote_if_needed};

use super::describe::schema_of;
use super::rows::{Cell, Rows};
use super::{database_of, expect_table, find_table, partition};
use crate::session::Session;

const TEXT: DataType = DataType::STRING;

fn fits(pattern: Option<&str>, name: &str) -> bool {
    pattern.is_none_or(|p| matches(p, name))
}

/// All collations, without the catalog and the schema that they all are in.
pub(super) fn collations(pattern: Option<&str>) -> SparkResult<Rows> {
    let columns: Vec<_> = COLUMNS.iter().skip(2).map(|(name, nullable)| (*name, TEXT, *nullable)).collect();
    let rows = vonk_functions_string::collations::rows().map(|row| row.into_iter().skip(2).collect::<Vec<_>>());
    let rows = rows.filter(|row| row.first().and_then(Option::as_deref).is_some_and(|name| fits(pattern, name)));
    Rows::new(&columns, rows.map(|row| row.into_iter().map(Into::into).collect()).collect())
}

/// The databases of the catalog, or those within a database: none.
pub(super) fn databases(session: &Session, within: Option<&Name>, pattern: Option<&str>) -> SparkResult<Rows> {
    match within.map(Vec::as_slice) {
        None => {}
        Some([catalog]) if catalog.eq_ignore_ascii_case(SPARK_CATALOG) => {}
        Some(name) => {
            super::database::namespace(session, &name.to_vec())?;
            return Rows::strings("namespace", Vec::new());
        }
    }
    let names = session.catalog().databases()?.into_iter().map(|d| d.name).filter(|n| fits(pattern, n));
    Rows::strings("namespace", names.map(|n| quote_if_needed(&n)))
}

/// Temporary views that a listing of the database shows: the session's own, and the global ones
/// where their database is listed.
pub(super) fn temp_views(session: &Session, database: &str) -> Vec<(String, Arc<TempView>)> {
    let mut out = vec![];
    if database == vonk_catalog::GLOBAL_TEMP {
        out.extend(session.server.shared_names.global_temp_views().into_iter().map(|v| (database.to_string(), v)));
    }
    out.extend(session.names.read().temp_views.values().map(|v| (String::new(), v.clone())));
    out
}

fn tables_of(session: &Session, database: &str, pattern: Option<&str>) -> SparkResult<Vec<Table>> {
    if database == vonk_catalog::GLOBAL_TEMP {
        return Ok(vec![]);
    }
    session.catalog().expect_database(database)?;
    Ok(session.catalog().tables(database)?.into_iter().filter(|t| fits(pattern, &t.name.table)).collect())
}

pub(super) fn tables(session: &Session, namespace: Option<Name>, pattern: Option<&str>) -> SparkResult<Rows> {
    let database = database_of(session, namespace.as_ref())?;
    let mut rows: Vec<Vec<Cell>> = tables_of(session, &database, pattern)?
        .into_iter()
        .map(|t| vec![database.as_str().into(), t.name.table.into(), false.into()])
        .collect();
    for (db, view) in temp_views(session, &database) {
        if fits(pattern, &view.name) {
            rows.push(vec![db.into(), view.name.to_lowercase().into(), true.into()]);
        }
    }
    Rows::new(
        &[("namespace", TEXT, false), ("tableName", TEXT, false), ("isTemporary", DataType::Boolean, false)],
        rows,
    )
}

pub(super) fn views(session: &Session, namespace: Option<Name>, pattern: Option<&str>) -> SparkResult<Rows> {
    let database = database_of(session, namespace.as_ref())?;
    let mut rows: Vec<Vec<Cell>> = tables_of(session, &database, pattern)?
        .into_iter()
        .filter(Table::is_view)
        .map(|t| vec![database.as_str().into(), t.name.table.into(), false.into()])
        .collect();
    for (db, view) in temp_views(session, &database) {
        if fits(pattern, &view.name) {
            rows.push(vec![db.into(), view.name.to_lowercase().into(), true.into()]);
        }
    }
    Rows::new(&[("namespace", TEXT, false), ("viewName", TEXT, false), ("isTemporary", DataType::Boolean, false)], rows)
}

pub(super) fn table_extended(
    session: &Session,
    namespace: Option<Name>,
    pattern: &str,
    partition: bool,
) -> SparkResult<Rows> {
    if partition {
        return Err(SparkError::unsupported("SHOW TABLE EXTENDED … PARTITION"));
    }
    let database = database_of(session, namespace.as_ref())?;
    let rows = tables_of(session, &database, Some(pattern))?
        .into_iter()
        .map(|t| {
            let mut text = String::new();
            for (key, value) in super::describe::details(&t) {
                text.push_str(&format!("{key}: {value}\n"));
            }
            text.push_str("Schema: root\n");
            for f in t.schema.fields.iter() {
                text.push_str(&format!(" |-- {}: {} (nullable = {})\n", f.name, f.data_type, f.nullable));
            }
            vec![database.as_str().into(), t.name.table.into(), false.into(), text.into()]
        })
        .collect();
    Rows::new(
        &[
            ("namespace", TEXT, false),
            ("tableName", TEXT, false),
            ("isTemporary", DataType::Boolean, false),
            ("information", TEXT, false),
        ],
        rows,
    )
}

pub(super) async fn columns(session: &Arc<Session>, table: Name, namespace: Option<Name>) -> SparkResult<Rows> {
    let name = match (namespace, table.as_slice()) {
        (Some(ns), [t]) => ns.into_iter().chain([t.clone()]).collect(),
        (Some(ns), [db, _]) if ns.last().is_some_and(|n| !n.eq_ignore_ascii_case(db)) => {
            return Err(SparkError::new("SHOW_COLUMNS_WITH_CONFLICT_NAMESPACE")
                .param("namespaceA", quote_id(&ns))
                .param("namespaceB", quote_id([db])));
        }
        _ => table,
    };
    let schema = schema_of(session, &name).await?;
    Rows::strings("col_name", schema.fields.iter().map(|f| f.name.clone()))
}

/// `a=1/b=x` of a partition.
pub(crate) fn partition_path(p: &Partition) -> String {
    let parts: Vec<_> = p.values.iter().map(|(k, v)| crate::source::partitions::folder_name(k, v.as_deref())).collect();
    parts.join("/")
}

pub(super) async fn partitions(session: &Arc<Session>, name: &Name, spec: Option<PartitionSpec>) -> SparkResult<Rows> {
    let table = expect_table(session, name, "SHOW PARTITIONS")?;
    if table.partition_columns.is_empty() {
        return Err(
            SparkError::new("INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY").param("name", table.name.quoted())
        );
    }
    let values = partition::values_of(session, &table, &spec.unwrap_or_default()).await?;
    partition::expect_no_empty_value(&values)?;
    let kept = partition::matching(&partition::known(session, &table)?, &values);
    let mut names: Vec<_> = kept.iter().map(partition_path).collect();
    names.sort();
    Rows::strings("partition", names)
}

pub(super) fn properties(session: &Session, name: &Name, key: Option<&str>) -> SparkResult<Rows> {
    let columns = [("key", TEXT, false), ("value", TEXT, false)];
    if let [single] = name.as_slice()
        && let Some(view) = session.names.read().temp_view(single)
    {
        let all: Vec<_> = view.properties.iter().map(|(k, v)| vec![k.as_str().into(), v.as_str().into()]).collect();
        return Rows::new(&columns, all);
    }
    let table = find_table(session, name)?;
    if let Some(key) = key {
        let value = table.properties.get(key).cloned().unwrap_or_else(|| {
            format!(
                "Table {} does not have property: {key}",
                [&table.name.catalog, &table.name.database, &table.name.table].map(String::as_str).join(".")
            )
        });
        return Rows::new(&columns, vec![vec![key.into(), value.into()]]);
    }
    let rows = table.properties.iter().map(|(k, v)| vec![k.as_str().into(), v.as_str().into()]).collect();
    Rows::new(&columns, rows)
}

pub(super) fn create_table(session: &Session, name: &Name) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && session.names.read().temp_view(single).is_some()
    {
        return Err(SparkError::new("EXPECT_PERMANENT_VIEW_NOT_TEMP")
            .param("viewName", quote_id(name))
            .param("operation", "SHOW CREATE TABLE"));
    }
    let table = find_table(session, name)?;
    Rows::strings("createtab_stmt", [create_statement(&table)])
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The statement that would make the table or view again.
pub(crate) fn create_statement(t: &Table) -> String {
    let full = t.name.parts().map(quote_if_needed).join(".");
    let comment = |f: &vonk_plan::StructField| super::describe::comment_of(f);
    if let Some(view) = &t.view {
        let columns: Vec<_> = t
            .schema
            .fields
            .iter()
            .map(|f| match comment(f) {
                Some(c) => format!("  {} COMMENT {}", quote_if_needed(&f.name), literal(&c)),
                None => format!("  {}", quote_if_needed(&f.name)),
            })
            .collect();
        let full = [&t.name.database, &t.name.table].map(|p| quote_if_needed(p)).join(".");
        let mut out = format!("CREATE VIEW {full} (\n{})\n", columns.join(",\n"));
        if let Some(c) = &t.comment {
            out.push_str(&format!("COMMENT {}\n", literal(c)));
        }
        push_properties(&mut out, t);
        out.push_str(&format!("WITH SCHEMA COMPENSATION\nAS {}\n", view.text));
        return out;
    }
    let columns: Vec<_> = t
        .schema
        .fields
        .iter()
        .map(|f| {
            let mut c = format!("  {} {}", quote_if_needed(&f.name), collated_sql(&f.data_type));
            if !f.nullable {
                c.push_str(" NOT NULL");
            }
            if let Some(d) = crate::defaults::text_of(f) {
                c.push_str(&format!(" DEFAULT {d}"));
            }
            if let Some(text) = comment(f) {
                c.push_str(&format!(" COMMENT {}", literal(&text)));
            }
            c
        })
        .collect();
    let mut out = format!("CREATE TABLE {full} (\n{})\n", columns.join(",\n"));
    if let Some(p) = &t.provider {
        out.push_str(&format!("USING {p}\n"));
    }
    if !t.options.is_empty() {
        let all: Vec<_> = t.options.iter().map(|(k, v)| format!("  {} = {}", literal(k), literal(v))).collect();
        out.push_str(&format!("OPTIONS (\n{})\n", all.join(",\n")));
    }
    if !t.partition_columns.is_empty() {
        let all: Vec<_> = t.partition_columns.iter().map(|c| quote_if_needed(c)).collect();
        out.push_str(&format!("PARTITIONED BY ({})\n", all.join(", ")));
    }
    if let Some(c) = &t.collation {
        out.push_str(&format!("DEFAULT COLLATION {c}\n"));
    }
    if t.kind == TableKind::External
        && let Some(l) = &t.location
    {
        out.push_str(&format!("LOCATION {}\n", literal(l)));
    }
    if let Some(c) = &t.comment {
        out.push_str(&format!("COMMENT {}\n", literal(c)));
    }
    push_properties(&mut out, t);
    out
}

fn push_properties(out: &mut String, t: &Table) {
    if !t.properties.is_empty() {
        let all: Vec<_> = t.properties.iter().map(|(k, v)| format!("  {} = {}", literal(k), literal(v))).collect();
        out.push_str(&format!("TBLPROPERTIES (\n{})\n", all.join(",\n")));
    }
}

pub(super) fn catalogs(pattern: Option<&str>) -> SparkResult<Rows> {
    Rows::strings("catalog", [SPARK_CATALOG.to_string()].into_iter().filter(|c| fits(pattern, c)))
}

pub(super) fn current_namespace(session: &Session) -> SparkResult<Rows> {
    let names = session.names.read();
    Rows::new(
        &[("catalog", TEXT, false), ("namespace", TEXT, false)],
        vec![vec![names.current_catalog.as_str().into(), quote_if_needed(&names.current_database).into()]],
    )
}

/// A column that a statement names and the table has not.
pub(crate) fn column_not_found(column: &str) -> SparkError {
    SparkError::new("COLUMN_NOT_FOUND")
        .param("colName", quote_id([column]))
        .param("caseSensitiveConfig", quote_sql("spark.sql.caseSensitive"))
}

/// The type with the collation of every string written out.
fn collated_sql(t: &DataType) -> String {
    match t {
        DataType::Char(_) | DataType::VarChar(_) => t.sql() + " COLLATE " + UTF8_BINARY,
        _ => t.map_strings(&mut |c| DataType::String(Some(c.clone().unwrap_or(UTF8_BINARY.into())))).sql(),
    }
}
