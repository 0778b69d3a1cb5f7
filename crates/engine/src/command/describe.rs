//! `DESCRIBE` of databases, tables, columns and queries.

use std::sync::Arc;

use vonk_catalog::{Table, TableKind};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Relation;
use vonk_plan::command::{Name, PartitionSpec};
use vonk_plan::types::{DataType, StructField, StructType};

use super::rows::{Cell, Rows};
use super::{database_of, find_relation, find_table, partition, temporary_view};
use crate::defaults::text_of;
use crate::limits::declared;
use crate::session::Session;

const TEXT: DataType = DataType::STRING;
const COLUMNS: [(&str, DataType, bool); 3] =
    [("col_name", TEXT, false), ("data_type", TEXT, false), ("comment", TEXT, true)];

pub(crate) fn comment_of(f: &StructField) -> Option<String> {
    f.metadata_text("comment")
}

/// The rows of DESCRIBE of a table or a query.
fn columns(rows: Vec<Vec<Cell>>) -> SparkResult<Rows> {
    let comments = ["name of the column", "data type of the column", "comment of the column"];
    Ok(Rows::new(&COLUMNS, rows)?.commented(&comments))
}

/// Pairs of a name and a value, about one thing.
fn info(what: &str, nullable: bool, rows: Vec<Vec<Cell>>) -> SparkResult<Rows> {
    let rows = Rows::new(&[("info_name", TEXT, false), ("info_value", TEXT, nullable)], rows)?;
    Ok(rows.commented(&[&format!("name of the {what} info"), &format!("value of the {what} info")]))
}

fn column_row(f: &StructField) -> Vec<Cell> {
    vec![f.name.as_str().into(), f.data_type.to_string().into(), comment_of(f).into()]
}

fn pair(name: &str, value: impl Into<Cell>) -> Vec<Cell> {
    vec![name.into(), value.into(), "".into()]
}

/// Columns of a table, a permanent view or a temporary view.
pub(crate) async fn schema_of(session: &Arc<Session>, name: &Name) -> SparkResult<StructType> {
    let temporary = match name.as_slice() {
        [single] => session.names.read().temp_view(single).is_some(),
        [database, _] => database.eq_ignore_ascii_case(vonk_catalog::GLOBAL_TEMP),
        _ => false,
    };
    if temporary {
        return declared(&session.analyze(Relation::table(name.clone())).await?.schema);
    }
    Ok(find_table(session, name)?.schema)
}

/// The same for DESCRIBE, which looks for the table as a query does.
async fn described_schema(session: &Arc<Session>, name: &Name) -> SparkResult<StructType> {
    if temporary_view(session, name).is_none() {
        find_relation(session, name)?;
    }
    schema_of(session, name).await
}

pub(super) fn database(session: &Session, name: &Name, extended: bool) -> SparkResult<Rows> {
    let d = session.catalog().expect_database(&database_of(session, Some(name))?)?;
    let mut rows: Vec<Vec<Cell>> = vec![
        vec!["Catalog Name".into(), session.catalog().name().into()],
        vec!["Namespace Name".into(), d.name.as_str().into()],
        vec!["Comment".into(), d.comment.unwrap_or_default().into()],
        vec!["Location".into(), d.location.into()],
        vec!["Owner".into(), d.owner.into()],
    ];
    if extended {
        let all: Vec<_> = d.properties.iter().map(|(k, v)| format!("({k},{v})")).collect();
        let text = if all.is_empty() { String::new() } else { format!("({})", all.join(", ")) };
        rows.push(vec!["Properties".into(), text.into()]);
    }
    info("namespace", true, rows)
}

/// The lines of `# Detailed Table Information`.
pub(super) fn details(t: &Table) -> Vec<(String, String)> {
    let mut out = vec![
        ("Catalog".to_string(), t.name.catalog.clone()),
        ("Database".into(), t.name.database.clone()),
        ("Table".into(), t.name.table.clone()),
        ("Owner".into(), t.owner.clone()),
        ("Created Time".into(), date_text(t.created)),
        ("Last Access".into(), "UNKNOWN".into()),
        ("Created By".into(), "Spark 4.3.0".into()),
        ("Type".into(), t.kind.spark_name().into()),
    ];
    if let Some(p) = &t.provider {
        out.push(("Provider".into(), p.clone()));
    }
    if let Some(c) = &t.comment {
        out.push(("Comment".into(), c.clone()));
    }
    if let Some(c) = &t.collation {
        out.push(("Collation".into(), c.clone()));
    }
    if !t.properties.is_empty() {
        let all: Vec<_> = t.properties.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out.push(("Table Properties".into(), format!("[{}]", all.join(", "))));
    }
    if let Some(s) = &t.stats {
        let rows = s.rows.map(|r| format!(", {r} rows")).unwrap_or_default();
        out.push(("Statistics".into(), format!("{} bytes{rows}", s.bytes)));
    }
    if let Some(v) = &t.view {
        out.push(("View Text".into(), v.text.clone()));
        out.push(("View Original Text".into(), v.text.clone()));
        out.push(("View Schema Mode".into(), "COMPENSATION".into()));
        out.push(("View Catalog and Namespace".into(), format!("{}.{}", v.catalog, v.database)));
        let columns: Vec<_> = v.query_columns.iter().map(|c| quote_id([c])).collect();
        out.push(("View Query Output Columns".into(), format!("[{}]", columns.join(", "))));
    }
    if let Some(l) = &t.location {
        out.push(("Location".into(), l.clone()));
    }
    if !t.options.is_empty() {
        let all: Vec<_> = t.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out.push(("Storage Properties".into(), format!("[{}]", all.join(", "))));
    }
    if t.tracks_partitions && !t.partition_columns.is_empty() && t.kind != TableKind::View {
        out.push(("Partition Provider".into(), "Catalog".into()));
    }
    out
}

pub(super) fn date_text(millis: i64) -> String {
    chrono::DateTime::from_timestamp_millis(millis)
        .map(|t| t.format("%a %b %d %H:%M:%S UTC %Y").to_string())
        .unwrap_or_default()
}

pub(super) async fn table(
    session: &Arc<Session>,
    name: &Name,
    extended: bool,
    partition: Option<PartitionSpec>,
    as_json: bool,
) -> SparkResult<Rows> {
    if as_json {
        return Err(SparkError::unsupported("DESCRIBE … AS JSON"));
    }
    if let Some(spec) = partition {
        expect_partition(session, name, &spec).await?;
    }
    let schema = described_schema(session, name).await?;
    let mut rows: Vec<Vec<Cell>> = schema.fields.iter().map(column_row).collect();
    let temporary = matches!(name.as_slice(), [single] if session.names.read().temp_view(single).is_some());
    if temporary {
        return columns(rows);
    }
    let Ok(t) = find_table(session, name) else { return columns(rows) };
    if !t.partition_columns.is_empty() {
        rows.push(pair("# Partition Information", ""));
        rows.push(vec!["# col_name".into(), "data_type".into(), "comment".into()]);
        let is_key = |f: &&StructField| t.partition_columns.iter().any(|p| p.eq_ignore_ascii_case(&f.name));
        rows.extend(schema.fields.iter().filter(is_key).map(column_row));
    }
    let defaults: Vec<_> = schema.fields.iter().filter_map(|f| text_of(f).map(|d| (f, d))).collect();
    if !defaults.is_empty() {
        rows.push(pair("", ""));
        rows.push(pair("# Column Default Values", ""));
        rows.extend(
            defaults.into_iter().map(|(f, d)| vec![f.name.as_str().into(), f.data_type.to_string().into(), d.into()]),
        );
    }
    if extended {
        rows.push(pair("", ""));
        rows.push(pair("# Detailed Table Information", ""));
        rows.extend(details(&t).into_iter().map(|(k, v)| pair(&k, v)));
    }
    columns(rows)
}

/// A partition that is to be described is there. Errors `FORBIDDEN_OPERATION` for views, and those of
/// [`partition::expect_one`].
async fn expect_partition(session: &Arc<Session>, name: &Name, spec: &PartitionSpec) -> SparkResult<()> {
    let statement = "DESC PARTITION";
    let forbidden = |kind: &str, name: String| {
        SparkError::new("FORBIDDEN_OPERATION")
            .param("statement", statement)
            .param("objectType", kind)
            .param("objectName", name)
    };
    if let Some(view) = temporary_view(session, name) {
        return Err(forbidden("TEMPORARY VIEW", view));
    }
    let table = find_relation(session, name)?;
    if table.is_view() {
        return Err(forbidden("VIEW", quote_id([&table.name.table])));
    }
    partition::expect_partitioned(&table, statement)?;
    partition::expect_one(session, &table, spec).await.map(|_| ())
}

/// Fields of columns are not described. Another error where there is no such field.
fn not_whole(column: &str, data_type: &DataType, fields: &[String]) -> SparkError {
    let (mut base, mut inner) = (column.to_string(), data_type.clone());
    for field in fields {
        let found = match &inner {
            DataType::Struct(s) => {
                let found = s.fields.iter().find(|f| f.name.eq_ignore_ascii_case(field));
                let all = || s.fields.iter().map(|f| quote_id([&f.name])).collect::<Vec<_>>().join(", ");
                found.ok_or_else(|| {
                    SparkError::new("FIELD_NOT_FOUND").param("fieldName", quote_id([field])).param("fields", all())
                })
            }
            other => {
                return SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
                    .param("base", quote_sql(base))
                    .param("other", quote_sql(other.sql()));
            }
        };
        let next = match found {
            Ok(found) => found.data_type.clone(),
            Err(e) => return e,
        };
        base = format!("{base}.{field}");
        inner = next;
    }
    SparkError::new("_LEGACY_ERROR_TEMP_1060").param("command", "DESC TABLE COLUMN").param("column", base)
}

pub(super) async fn column(session: &Arc<Session>, name: &Name, column: &Name, extended: bool) -> SparkResult<Rows> {
    let schema = described_schema(session, name).await?;
    let column = match column.as_slice() {
        [qualifier, rest @ ..]
            if !rest.is_empty() && name.last().is_some_and(|n| n.eq_ignore_ascii_case(qualifier)) =>
        {
            rest
        }
        all => all,
    };
    let wanted = column.join(".");
    let Some(f) = schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(&wanted)) else {
        if let [first, fields @ ..] = column
            && !fields.is_empty()
            && let Some(f) = schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(first))
        {
            return Err(not_whole(first, &f.data_type, fields));
        }
        return Err(super::show::column_not_found(&wanted));
    };
    let mut rows: Vec<Vec<Cell>> = vec![
        vec!["col_name".into(), wanted.as_str().into()],
        vec!["data_type".into(), f.data_type.to_string().into()],
        vec!["comment".into(), comment_of(f).unwrap_or_else(|| "NULL".into()).into()],
    ];
    if extended {
        let stats = find_table(session, name).ok().and_then(|t| t.stats);
        let of_column = stats.and_then(|s| s.columns.get(&f.name.to_lowercase()).cloned()).unwrap_or_default();
        let keys = ["min", "max", "num_nulls", "distinct_count", "avg_col_len", "max_col_len", "histogram"];
        for key in keys {
            let value = of_column.get(key).cloned().unwrap_or_else(|| "NULL".into());
            rows.push(vec![key.into(), value.into()]);
        }
        if let Some(default) = text_of(f) {
            rows.push(vec!["default".into(), default.into()]);
        }
    }
    info("column", false, rows)
}

pub(super) async fn query(session: &Arc<Session>, query: Relation) -> SparkResult<Rows> {
    let schema = session.analyze(query).await?.schema;
    columns(schema.fields.iter().map(column_row).collect())
}
