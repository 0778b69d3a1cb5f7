//! The methods of `spark.catalog`.

use std::sync::Arc;

use vonk_catalog::pattern::matches;
use vonk_catalog::{GLOBAL_TEMP, SPARK_CATALOG, Table};
use vonk_common::error::{quote_id, search_path};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{AnalyzeColumns, CatalogCall, Command, CreateTable, FunctionScope, Name};
use vonk_plan::types::DataType;

use super::rows::{Cell, Rows};
use super::show::temp_views;
use super::{database_of, describe, function, not_found, qualify};
use crate::session::Session;

const TEXT: DataType = DataType::STRING;

fn namespace_type() -> DataType {
    DataType::array(DataType::STRING, true)
}

fn one(value: impl Into<Cell>, t: DataType, nullable: bool) -> SparkResult<Rows> {
    Rows::new(&[("value", t, nullable)], vec![vec![value.into()]])
}

/// Runs a statement for its effect; the client expects a column and no rows.
async fn act(session: &Arc<Session>, command: Command) -> SparkResult<Rows> {
    session.run_command(command).await?;
    Rows::new(&[("value", TEXT, false)], vec![])
}

/// A name in parts, as plain identifiers are read whatever the session's settings.
pub(super) fn identifier(text: &str) -> SparkResult<Name> {
    let conf = vonk_common::SessionConf::new();
    vonk_sql::parse_identifier(text, &vonk_sql::ParseOptions::new(&conf))
}

/// A name the user wrote, with the database given beside it.
fn name(text: &str, db: Option<&str>) -> SparkResult<Name> {
    let parts = identifier(text)?;
    match db {
        Some(db) if parts.len() == 1 => Ok(identifier(db)?.into_iter().chain(parts).collect()),
        _ => Ok(parts),
    }
}

pub(super) async fn run(session: &Arc<Session>, call: CatalogCall) -> SparkResult<Rows> {
    use CatalogCall as C;
    match call {
        C::CurrentDatabase => one(session.names.read().current_database.as_str(), TEXT, true),
        C::SetCurrentDatabase(db) => act(session, Command::UseNamespace(name(&db, None)?)).await,
        C::CurrentCatalog => one(session.names.read().current_catalog.as_str(), TEXT, true),
        C::SetCurrentCatalog(c) => act(session, Command::UseCatalog(c)).await,
        C::ListCatalogs { pattern } => {
            let rows = match pattern.as_deref().is_none_or(|p| matches(p, SPARK_CATALOG)) {
                true => vec![vec![SPARK_CATALOG.into(), Cell::Null]],
                false => vec![],
            };
            Rows::new(&[("name", TEXT, true), ("description", TEXT, true)], rows)
        }
        C::ListDatabases { pattern } => {
            let all = session.catalog().databases()?;
            databases(all.into_iter().filter(|d| pattern.as_deref().is_none_or(|p| matches(p, &d.name))).collect())
        }
        C::GetDatabase(db) => databases(vec![super::database::namespace(session, &name(&db, None)?)?]),
        C::DatabaseExists(db) => {
            let found = match database_of(session, Some(&name(&db, None)?)) {
                Ok(d) => session.catalog().database(&d)?.is_some(),
                Err(_) => false,
            };
            one(found, DataType::Boolean, false)
        }
        C::ListTables { db, pattern } => list_tables(session, db, pattern, false),
        C::ListViews { db, pattern } => list_tables(session, db, pattern, true),
        C::GetTable { table, db } => get_table(session, &name(&table, db.as_deref())?),
        C::TableExists { table, db } => {
            let found = get_table(session, &name(&table, db.as_deref())?).is_ok();
            one(found, DataType::Boolean, false)
        }
        C::ListColumns { table, db } => list_columns(session, name(&table, db.as_deref())?).await,
        C::ListFunctions { db, pattern } => {
            let database = database_of(session, db.map(|d| vec![d]).as_ref())?;
            let all = function::names(session, FunctionScope::All, &database)?;
            functions(session, all.into_iter().filter(|n| pattern.as_deref().is_none_or(|p| matches(p, n))).collect())
        }
        C::GetFunction { function: f, db } => match find_function(session, &f, db.as_deref())? {
            Some(found) => functions(session, vec![found]),
            None => Err(SparkError::new("UNRESOLVED_ROUTINE")
                .param("routineName", quote_id(name(&f, db.as_deref())?))
                .param("searchPath", search_path(SPARK_CATALOG, "default"))),
        },
        C::FunctionExists { function: f, db } => {
            one(find_function(session, &f, db.as_deref())?.is_some(), DataType::Boolean, false)
        }
        C::DropTempView(view) => one(session.names.write().drop_temp_view(&view), DataType::Boolean, false),
        C::DropGlobalTempView(view) => {
            one(session.server.shared_names.drop_global_temp_view(&view), DataType::Boolean, false)
        }
        C::IsCached(table) => one(session.is_cached(&name(&table, None)?).await?, DataType::Boolean, false),
        C::CacheTable { table } => {
            let command =
                Command::CacheTable { name: name(&table, None)?, lazy: true, options: Default::default(), query: None };
            act(session, command).await
        }
        C::UncacheTable(table) => {
            act(session, Command::UncacheTable { name: name(&table, None)?, if_exists: false }).await
        }
        C::ClearCache => act(session, Command::ClearCache).await,
        C::ListCachedTables => Err(SparkError::unsupported("listing cached tables")),
        C::RefreshTable(table) => {
            let table = name(&table, None)?;
            if super::temporary_view(session, &table).is_none() {
                super::find_relation(session, &table)?;
            }
            act(session, Command::RefreshTable(table)).await
        }
        C::RefreshByPath(path) => act(session, Command::RefreshPath(path)).await,
        C::RecoverPartitions(table) => {
            act(session, Command::RepairTable { name: name(&table, None)?, add: true, drop: false }).await
        }
        C::CreateTable { table, path, source, description, schema, mut options, external } => {
            let location = path.or_else(|| options.remove("path"));
            let columns = schema.iter().flat_map(|s| s.fields.iter()).map(|f| vonk_plan::command::ColumnDef {
                name: f.name.clone(),
                data_type: f.data_type.clone(),
                nullable: true,
                comment: describe::comment_of(f),
                default: None,
                generated: None,
                identity: false,
            });
            let create = CreateTable {
                columns: columns.collect(),
                provider: Some(source.unwrap_or_else(|| default_source(session))),
                options,
                comment: description,
                external: external || location.is_some(),
                location,
                ..CreateTable::named(name(&table, None)?)
            };
            let table = create.name.clone();
            session.run_command(Command::CreateTable(Box::new(create))).await?;
            let schema = describe::schema_of(session, &table).await?;
            Ok(Rows { schema, batches: vec![] })
        }
        C::ListPartitions { table } => {
            let rows =
                session.run_command(Command::ShowPartitions { table: name(&table, None)?, partition: None }).await?;
            Ok(rows)
        }
        C::CreateDatabase { name: db, if_not_exists, properties } => {
            let command = Command::CreateDatabase {
                name: name(&db, None)?,
                if_not_exists,
                comment: properties.get("comment").cloned(),
                location: properties.get("location").cloned(),
                properties: properties.into_iter().filter(|(k, _)| k != "comment" && k != "location").collect(),
            };
            act(session, command).await
        }
        C::DropDatabase { name: db, if_exists, cascade } => {
            act(session, Command::DropDatabase { name: name(&db, None)?, if_exists, cascade }).await
        }
        C::DropTable { name: t, if_exists, purge } => {
            act(session, Command::DropTable { name: name(&t, None)?, if_exists, purge, view: false }).await
        }
        C::DropView { name: v, if_exists } => {
            act(session, Command::DropTable { name: name(&v, None)?, if_exists, purge: false, view: true }).await
        }
        C::TruncateTable(table) => {
            act(session, Command::TruncateTable { name: name(&table, None)?, partition: None }).await
        }
        C::AnalyzeTable { name: t, no_scan } => {
            let command = Command::AnalyzeTable {
                name: name(&t, None)?,
                partition: None,
                columns: AnalyzeColumns::None,
                no_scan,
            };
            act(session, command).await
        }
        C::GetTableProperties(table) => {
            let t = super::find_table(session, &name(&table, None)?)?;
            let rows = t.properties.iter().map(|(k, v)| vec![k.as_str().into(), v.as_str().into()]).collect();
            Rows::new(&[("key", TEXT, false), ("value", TEXT, true)], rows)
        }
        C::GetCreateTableString { table, .. } => {
            let t = super::find_table(session, &name(&table, None)?)?;
            one(super::show::create_statement(&t), TEXT, true)
        }
    }
}

fn default_source(session: &Session) -> String {
    session.conf().get("spark.sql.sources.default").unwrap_or("parquet").to_string()
}

fn databases(all: Vec<vonk_catalog::Database>) -> SparkResult<Rows> {
    let rows = all
        .into_iter()
        .map(|d| vec![d.name.into(), SPARK_CATALOG.into(), d.comment.unwrap_or_default().into(), d.location.into()])
        .collect();
    Rows::new(
        &[("name", TEXT, true), ("catalog", TEXT, true), ("description", TEXT, true), ("locationUri", TEXT, true)],
        rows,
    )
}

fn table_rows(rows: Vec<Vec<Cell>>) -> SparkResult<Rows> {
    Rows::new(
        &[
            ("name", TEXT, true),
            ("catalog", TEXT, true),
            ("namespace", namespace_type(), true),
            ("description", TEXT, true),
            ("tableType", TEXT, true),
            ("isTemporary", DataType::Boolean, false),
        ],
        rows,
    )
}

fn table_row(t: &Table) -> Vec<Cell> {
    vec![
        t.name.table.as_str().into(),
        t.name.catalog.as_str().into(),
        Cell::List(vec![t.name.database.clone()]),
        t.comment.as_deref().into(),
        t.kind.spark_name().into(),
        false.into(),
    ]
}

fn temporary_row(name: &str, database: &str, comment: Option<&str>) -> Vec<Cell> {
    let namespace = if database.is_empty() { vec![] } else { vec![database.to_string()] };
    vec![name.into(), Cell::Null, Cell::List(namespace), comment.into(), "TEMPORARY".into(), true.into()]
}

fn list_tables(session: &Session, db: Option<String>, pattern: Option<String>, views: bool) -> SparkResult<Rows> {
    let namespace = db.map(|d| identifier(&d)).transpose()?;
    let database = database_of(session, namespace.as_ref())?;
    let fits = |n: &str| pattern.as_deref().is_none_or(|p| matches(p, n));
    let mut rows = vec![];
    if database != GLOBAL_TEMP {
        session.catalog().expect_database(&database)?;
        let all = session.catalog().tables(&database)?;
        rows.extend(all.iter().filter(|t| fits(&t.name.table) && (!views || t.is_view())).map(table_row));
    }
    for (db, view) in temp_views(session, &database) {
        if fits(&view.name) {
            rows.push(temporary_row(&view.name, &db, view.comment.as_deref()));
        }
    }
    table_rows(rows)
}

fn get_table(session: &Session, name: &Name) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && let Some(view) = session.names.read().temp_view(single)
    {
        return table_rows(vec![temporary_row(&view.name, "", view.comment.as_deref())]);
    }
    if let [db, single] = name.as_slice()
        && db.eq_ignore_ascii_case(GLOBAL_TEMP)
        && let Some(view) = session.server.shared_names.global_temp_view(single)
    {
        return table_rows(vec![temporary_row(&view.name, GLOBAL_TEMP, view.comment.as_deref())]);
    }
    let full = qualify(session, name)?;
    match session.catalog().table(&full.database, &full.table)? {
        Some(t) => table_rows(vec![table_row(&t)]),
        None => Err(not_found(session, name)),
    }
}

async fn list_columns(session: &Arc<Session>, name: Name) -> SparkResult<Rows> {
    let schema = describe::schema_of(session, &name).await?;
    let keys = super::find_table(session, &name).map(|t| t.partition_columns).unwrap_or_default();
    let rows = schema
        .fields
        .iter()
        .map(|f| {
            vec![
                f.name.as_str().into(),
                describe::comment_of(f).into(),
                f.data_type.to_string().into(),
                f.nullable.into(),
                keys.iter().any(|k| k.eq_ignore_ascii_case(&f.name)).into(),
                false.into(),
                false.into(),
            ]
        })
        .collect();
    let flag = DataType::Boolean;
    Rows::new(
        &[
            ("name", TEXT, true),
            ("description", TEXT, true),
            ("dataType", TEXT, true),
            ("nullable", flag.clone(), false),
            ("isPartition", flag.clone(), false),
            ("isBucket", flag.clone(), false),
            ("isCluster", flag, false),
        ],
        rows,
    )
}

fn find_function(session: &Session, text: &str, db: Option<&str>) -> SparkResult<Option<String>> {
    let parts = name(text, db)?;
    if let [single] = parts.as_slice() {
        let key = single.to_lowercase();
        if session.names.read().temp_functions.contains_key(&key) || vonk_functions::lookup(&key).is_some() {
            return Ok(Some(key));
        }
    }
    let full = qualify(session, &parts)?;
    if session.catalog().database(&full.database)?.is_none() {
        return Ok(None);
    }
    Ok(session
        .catalog()
        .function(&full.database, &full.table)?
        .map(|f| format!("{}.{}.{}", f.catalog, f.database, f.name)))
}

fn functions(session: &Session, names: Vec<String>) -> SparkResult<Rows> {
    let rows = names
        .into_iter()
        .map(|n| match n.split('.').collect::<Vec<_>>().as_slice() {
            [catalog, database, own] => vec![
                (*own).into(),
                (*catalog).into(),
                Cell::List(vec![database.to_string()]),
                Cell::Null,
                "".into(),
                false.into(),
            ],
            _ => {
                let usage = vonk_functions::lookup(&n).map(|s| s.usage);
                let temporary = session.names.read().temp_functions.contains_key(&n);
                let class = if temporary { "" } else { "builtin" };
                vec![n.into(), Cell::Null, Cell::Null, usage.into(), class.into(), true.into()]
            }
        })
        .collect();
    Rows::new(
        &[
            ("name", TEXT, true),
            ("catalog", TEXT, true),
            ("namespace", namespace_type(), true),
            ("description", TEXT, true),
            ("className", TEXT, true),
            ("isTemporary", DataType::Boolean, false),
        ],
        rows,
    )
}
