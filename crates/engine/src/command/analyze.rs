//! `ANALYZE TABLE`: sizes, row counts and statistics of columns, kept in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_catalog::{Table, TableStats};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::command::{AnalyzeColumns, Name, PartitionSpec};
use vonk_plan::types::{DataType, StructField};
use vonk_sql::ParseOptions;

use super::rows::Rows;
use super::show::column_not_found;
use super::{database_of, find_table, partition};
use crate::fs::Place;
use crate::session::Session;

/// Bytes of all files below the folder.
async fn size(session: &Session, folder: Place) -> SparkResult<u64> {
    let files = session.files();
    let mut open = vec![folder];
    let mut bytes = 0;
    while let Some(place) = open.pop() {
        if files.exists(&place).await? {
            let (inside, folders) = files.list(&place).await?;
            bytes += inside.iter().map(|f| f.size).sum::<u64>();
            open.extend(folders);
        }
    }
    Ok(bytes)
}

/// The first row of a query over the table, as texts.
async fn measure(session: &Arc<Session>, table: &Table, exprs: &[String]) -> SparkResult<Vec<Option<String>>> {
    let conf = session.conf();
    let list: Vec<_> = exprs.iter().map(|e| format!("CAST({e} AS STRING)")).collect();
    let text = format!("SELECT {} FROM {}", list.join(", "), table.name.quoted());
    let query = vonk_sql::parse_query(&text, &ParseOptions::new(&conf))?;
    let row = session.single_row(query, &[]).await?;
    Ok(row.into_iter().map(|v| if let Literal::String(s) = v { Some(s.to_string()) } else { None }).collect())
}

/// Bytes of a value of a type of fixed size.
fn width(t: &DataType) -> Option<u32> {
    Some(match t {
        DataType::Boolean | DataType::Byte => 1,
        DataType::Short => 2,
        DataType::Int | DataType::Float | DataType::Date => 4,
        DataType::Decimal(p, _) if *p > 18 => 16,
        DataType::Long | DataType::Double | DataType::Timestamp | DataType::TimestampNtz | DataType::Decimal(..) => 8,
        _ => return None,
    })
}

/// The length that Spark supposes of texts and bytes it has not seen.
fn default_size(t: &DataType) -> u32 {
    if *t == DataType::Binary { 100 } else { 20 }
}

async fn column(session: &Arc<Session>, table: &Table, f: &StructField) -> SparkResult<BTreeMap<String, String>> {
    let name = quote_id([&f.name]);
    let shown = |e: String| match f.data_type {
        DataType::Timestamp => format!("date_format({e}, 'yyyy-MM-dd HH:mm:ss.SSSSSS Z')"),
        _ => e,
    };
    let mut keys = vec!["num_nulls", "distinct_count"];
    let mut exprs = vec![format!("count_if({name} IS NULL)"), format!("count(DISTINCT {name})")];
    match width(&f.data_type) {
        Some(_) => {
            keys.extend(["min", "max"]);
            exprs.extend([shown(format!("min({name})")), shown(format!("max({name})"))]);
        }
        None => {
            keys.extend(["avg_col_len", "max_col_len"]);
            let size = default_size(&f.data_type);
            exprs.push(format!("coalesce(ceil(avg(octet_length({name}))), {size})"));
            exprs.push(format!("coalesce(max(octet_length({name})), {size})"));
        }
    }
    let values = measure(session, table, &exprs).await?;
    let mut out: BTreeMap<String, String> =
        keys.into_iter().zip(values).filter_map(|(k, v)| Some((k.to_string(), v?))).collect();
    if let Some(w) = width(&f.data_type) {
        out.insert("avg_col_len".into(), w.to_string());
        out.insert("max_col_len".into(), w.to_string());
    }
    Ok(out)
}

pub(super) async fn table(
    session: &Arc<Session>,
    name: &Name,
    partition: Option<PartitionSpec>,
    columns: AnalyzeColumns,
    no_scan: bool,
) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && session.names.read().temp_view(single).is_some()
    {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.ANALYZE_UNCACHED_TEMP_VIEW").param("viewName", quote_id(name)));
    }
    let mut table = find_table(session, name)?;
    if table.is_view() {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.ANALYZE_VIEW"));
    }
    if let Some(spec) = partition {
        partition::expect_analyzable(session, &table, &spec).await?;
        return Ok(Rows::none());
    }
    let wanted: Vec<StructField> = match columns {
        AnalyzeColumns::None => vec![],
        AnalyzeColumns::All => table
            .schema
            .fields
            .iter()
            .filter(|f| width(&f.data_type).is_some() || text(&f.data_type))
            .cloned()
            .collect(),
        AnalyzeColumns::Some(names) => {
            let find = |n: &String| {
                let found = table.schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(n));
                found.cloned().ok_or_else(|| column_not_found(n))
            };
            names.iter().map(find).collect::<SparkResult<_>>()?
        }
    };
    if let Some(f) = wanted.iter().find(|f| width(&f.data_type).is_none() && !text(&f.data_type)) {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.ANALYZE_UNSUPPORTED_COLUMN_TYPE")
            .param("columnType", vonk_common::error::quote_sql(f.data_type.sql()))
            .param("columnName", quote_id([&f.name]))
            .param("tableName", table.name.quoted()));
    }
    let mut stats = table.stats.clone().unwrap_or_default();
    stats.bytes = size(session, Place::parse(table.location.as_deref().unwrap_or_default())?).await?;
    if !no_scan {
        let count = measure(session, &table, &["count(*)".to_string()]).await?;
        stats.rows = count.into_iter().next().flatten().and_then(|n| n.parse().ok());
    }
    for f in wanted {
        let of_column = column(session, &table, &f).await?;
        stats.columns.insert(f.name.to_lowercase(), of_column);
    }
    table.stats = Some(TableStats { ..stats });
    session.catalog().alter_table(table)?;
    Ok(Rows::none())
}

fn text(t: &DataType) -> bool {
    t.is_string() || *t == DataType::Binary
}

pub(super) async fn tables(session: &Arc<Session>, namespace: Option<Name>, no_scan: bool) -> SparkResult<Rows> {
    let database = database_of(session, namespace.as_ref())?;
    session.catalog().expect_database(&database)?;
    for t in session.catalog().tables(&database)?.into_iter().filter(|t| !t.is_view()) {
        let name = t.name.parts().map(str::to_string).to_vec();
        table(session, &name, None, AnalyzeColumns::None, no_scan).await?;
    }
    Ok(Rows::none())
}
