//! Statements that change or describe the session and the catalog.
//!
//! [`run`] takes a [`Command`] and gives its [`Rows`]: the result that `spark.sql` shows, with
//! Spark's column names and types, empty for statements that only act. One file per family.

mod analyze;
mod cache;
mod call;
mod conf;
mod database;
mod describe;
mod dml;
mod execute_immediate;
mod explain;
mod function;
mod partition;
mod plan_text;
mod rows;
mod script;
mod script_check;
mod show;
mod table;
mod variable;
mod view;
mod write;

use std::sync::Arc;

pub use rows::{Cell, Rows};
use vonk_catalog::{Table, TableName, TempFunction};
use vonk_common::error::{quote_id, search_path};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{AlterAction, Command, Name, Statement};

use crate::cache::Level;
use crate::session::Session;

/// Runs a command that needs no query engine. What writes data, explains or trains is not here.
pub async fn run(session: &Arc<Session>, command: Command) -> SparkResult<Rows> {
    use Command as C;
    match command {
        C::Set { key, value } => conf::set(session, key, value),
        C::SetVerbose => conf::set_verbose(session),
        C::SetTimeZone(zone) => conf::set_time_zone(session, zone).await,
        C::Reset { key } => conf::reset(session, key),
        C::DeclareVariable { names, data_type, default, replace } => {
            variable::declare(session, &names, data_type, default, replace).await
        }
        C::SetVariable { names, value } => variable::set(session, names, value).await,
        C::DropVariable { name, if_exists } => variable::drop(session, name, if_exists),
        C::UseCatalog(name) => database::use_catalog(&name),
        C::UseNamespace(name) => database::use_namespace(session, &name),
        C::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            database::create(session, &name, if_not_exists, comment, location, properties).await
        }
        C::DropDatabase { name, if_exists, cascade } => database::drop(session, &name, if_exists, cascade).await,
        C::AlterDatabase { name, properties, unset, location } => {
            database::alter(session, &name, properties, unset, location)
        }
        C::CommentOnDatabase { name, comment } => database::comment(session, &name, comment),
        C::DescribeDatabase { name, extended } => describe::database(session, &name, extended),
        C::ShowDatabases { pattern, in_catalog } => show::databases(session, in_catalog.as_ref(), pattern.as_deref()),
        C::ShowTables { namespace, pattern } => show::tables(session, namespace, pattern.as_deref()),
        C::ShowTableExtended { namespace, pattern, partition } => {
            show::table_extended(session, namespace, &pattern, partition.is_some())
        }
        C::ShowViews { namespace, pattern } => show::views(session, namespace, pattern.as_deref()),
        C::ShowColumns { table, namespace } => show::columns(session, table, namespace).await,
        C::ShowPartitions { table, partition } => show::partitions(session, &table, partition).await,
        C::ShowTblProperties { table, key } => show::properties(session, &table, key.as_deref()),
        C::ShowCollations { pattern } => show::collations(pattern.as_deref()),
        C::ShowCreateTable { table, .. } => show::create_table(session, &table),
        C::ShowCatalogs { pattern } => show::catalogs(pattern.as_deref()),
        C::ShowCurrentNamespace => show::current_namespace(session),
        C::ShowFunctions { scope, namespace, pattern } => function::show(session, scope, namespace, pattern.as_deref()),
        C::DescribeFunction { name, extended } => function::describe(session, &name, extended),
        C::CreateFunction(f) => function::create(session, *f).await,
        C::DropFunction { name, if_exists, temporary } => function::drop(session, &name, if_exists, temporary),
        C::RefreshFunction(_) => Ok(Rows::none()),
        C::RegisterDataSource { name, command, .. } => function::register_source(session, &name, command),
        C::RegisterUdf(f) => function::register_udf(session, *f),
        C::RegisterUdtf(f) => function::register(session, &f.name.clone(), TempFunction::PythonTable(Arc::new(*f))),
        C::DescribeTable { name, extended, partition, as_json } => {
            describe::table(session, &name, extended, partition, as_json).await
        }
        C::DescribeColumn { name, column, extended } => describe::column(session, &name, &column, extended).await,
        C::DescribeQuery(query) => describe::query(session, *query).await,
        C::DropTable { name, if_exists, view, .. } => table::drop(session, &name, if_exists, view).await,
        C::AlterTable { name, action: AlterAction::Rename(to), .. } if view::is_own(session, &name) => {
            view::rename_own(session, &name, &to)
        }
        C::AlterTable { name, view: true, action, .. }
            if view::is_own(session, &name) && !matches!(action, AlterAction::ViewQuery { .. }) =>
        {
            Err(view::not_permanent(&name, &action))
        }
        C::AlterTable { name, if_exists, view, action } => table::alter(session, &name, if_exists, view, action).await,
        C::CreateTableLike { name, source, if_not_exists, provider, location, properties } => {
            table::create_like(session, &name, &source, if_not_exists, provider, location, properties)
        }
        C::CommentOnTable { name, comment } => table::comment(session, &name, comment),
        C::RefreshTable(name) => table::refresh(session, &name),
        C::RefreshPath(_) => {
            session.invalidate_cache();
            Ok(Rows::none())
        }
        C::RepairTable { name, add, drop } => table::repair(session, &name, "MSCK REPAIR TABLE", add, drop).await,
        C::CreateView(v) => view::create(session, *v).await,
        C::CreateDataFrameView { name, input, global, replace } => {
            view::create_from_dataframe(session, &name, *input, global, replace).await
        }
        C::CreateTempViewUsing { name, replace, global, schema, provider, options } => {
            view::create_using(session, &name, replace, global, schema, provider, options).await
        }
        C::Catalog(c) => Box::pin(call::run(session, c)).await,
        C::CacheTable { name, lazy, options, query } => {
            let level = options.iter().find(|(key, _)| key.eq_ignore_ascii_case("storageLevel"));
            let level = level.map_or(Ok(Level::DEFAULT), |(_, level)| Level::named(level))?;
            cache::cache(session, name, lazy, level, query.map(|q| *q)).await
        }
        C::UncacheTable { name, if_exists } => cache::uncache(session, &name, if_exists).await,
        C::ClearCache => {
            session.clear_cache();
            Ok(Rows::none())
        }
        C::RemoveCachedRemote { id } => {
            session.remove_checkpoint(&id);
            Ok(Rows::none())
        }
        C::CreateTable(t) => write::create(session, *t).await,
        C::Insert(i) => write::insert(session, *i).await,
        C::MultiInsert(all) => {
            for one in all {
                write::insert(session, one).await?;
            }
            Ok(Rows::none())
        }
        C::InsertDirectory { path, provider, options, query } => {
            write::insert_directory(session, path, provider, options, *query).await
        }
        C::TruncateTable { name, partition } => write::truncate(session, &name, partition).await,
        C::Write(w) => {
            session.save(vonk_common::planner::Deep::new(*w)).await?;
            Ok(Rows::none())
        }
        C::WriteTable(w) => write::write_to(session, *w).await,
        C::Explain { mode, statement } => explain::run(session, mode, *statement).await,
        C::AnalyzeTable { name, partition, columns, no_scan } => {
            analyze::table(session, &name, partition, columns, no_scan).await
        }
        C::AnalyzeTables { namespace, no_scan } => analyze::tables(session, namespace, no_scan).await,
        C::Delete { table, alias, condition } => dml::delete(session, &table, alias, condition).await,
        C::Update { table, alias, assignments, condition } => {
            dml::update(session, &table, alias, assignments, condition).await
        }
        C::Merge(m) => dml::merge(session, *m).await,
        C::Script(s) => script::run(session, *s).await,
        C::ExecuteImmediate { query, into, using } => execute_immediate::run(session, query, into, using).await,
        C::AddResource { .. } => Err(SparkError::unsupported("ADD FILE, ADD JAR and ADD ARCHIVE in SQL")),
        C::ListResource { .. } => Ok(Rows::none()),
        // The catalog has no procedures.
        C::Call(name) => {
            let names = session.names.read();
            Err(SparkError::new("UNRESOLVED_ROUTINE")
                .param("routineName", quote_id(&name))
                .param("searchPath", search_path(&names.current_catalog, &names.current_database)))
        }
        C::Unsupported(what) => Err(SparkError::unsupported(what)),
        other => Err(SparkError::unsupported(statement_name(&other))),
    }
}

/// Runs a query or a command, all rows at once.
pub(crate) async fn run_statement(session: &Arc<Session>, statement: Statement) -> SparkResult<Rows> {
    match statement {
        Statement::Query(query) => {
            let rows = session.execute(query).await?;
            let schema = rows.schema.clone();
            Ok(Rows { schema, batches: rows.collect().await? })
        }
        Statement::Command(command) => session.run_command(command).await,
    }
}

/// The variant's name, for messages about what is not supported.
fn statement_name(command: &Command) -> String {
    let text = format!("{command:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_string()
}

/// The full name that a table name means in the session, in lower case.
pub(crate) fn qualify(session: &Session, name: &Name) -> SparkResult<TableName> {
    let n = session.names.read().qualify(name)?;
    Ok(TableName::new(n.catalog, n.database.to_lowercase(), n.table.to_lowercase()))
}

pub(crate) use table::field_of;

/// The catalog's table or view of that name. Error `TABLE_OR_VIEW_NOT_FOUND`, as statements about tables tell it.
pub(crate) fn find_table(session: &Session, name: &Name) -> SparkResult<Table> {
    stored(session, name)?.ok_or_else(|| not_found(session, name))
}

/// The same for statements that look for the table as a query does: INSERT, DESCRIBE.
pub(crate) fn find_relation(session: &Session, name: &Name) -> SparkResult<Table> {
    stored(session, name)?.ok_or_else(|| relation_not_found(session, name))
}

fn stored(session: &Session, name: &Name) -> SparkResult<Option<Table>> {
    let n = qualify(session, name)?;
    session.catalog().table(&n.database, &n.table)
}

/// The catalog's table of that name, where a view will not do. Error `EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE`.
pub(crate) fn expect_table(session: &Session, name: &Name, operation: &str) -> SparkResult<Table> {
    if let Some(view) = temporary_view(session, name) {
        return Err(no_views(view, operation));
    }
    let table = find_table(session, name)?;
    if table.is_view() { Err(no_views(table.name.quoted(), operation)) } else { Ok(table) }
}

/// The operation is for tables, and this is a view.
pub(crate) fn no_views(view: String, operation: &str) -> SparkError {
    SparkError::new("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE").param("viewName", view).param("operation", operation)
}

/// The temporary view that the name means, in back quotes.
pub(crate) fn temporary_view(session: &Session, name: &Name) -> Option<String> {
    match name.as_slice() {
        [single] => session.names.read().temp_view(single).map(|v| quote_id([&v.name])),
        [database, single] if database.eq_ignore_ascii_case(vonk_catalog::GLOBAL_TEMP) => {
            let found = session.server.shared_names.global_temp_view(single);
            found.map(|v| quote_id([vonk_catalog::GLOBAL_TEMP, v.name.as_str()]))
        }
        _ => None,
    }
}

/// A table or view is missing: the name as written, and where it was looked for.
pub(crate) fn not_found(session: &Session, name: &Name) -> SparkError {
    let names = session.names.read();
    let here = quote_id([&names.current_catalog, &names.current_database]);
    missing(name, format!("[`system`.`session`, {here}]"))
}

/// The same where it was looked for as a query does.
pub(crate) fn relation_not_found(session: &Session, name: &Name) -> SparkError {
    let names = session.names.read();
    missing(name, search_path(&names.current_catalog, &names.current_database))
}

fn missing(name: &Name, path: String) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_NOT_FOUND").param("relationName", quote_id(name)).param("searchPath", path)
}

/// The database a namespace of one or two parts means, or the current one.
pub(crate) fn database_of(session: &Session, namespace: Option<&Name>) -> SparkResult<String> {
    match namespace.map(Vec::as_slice) {
        None | Some([]) => Ok(session.names.read().current_database.clone()),
        Some([database]) => Ok(database.to_lowercase()),
        Some([catalog, database]) if catalog.eq_ignore_ascii_case(vonk_catalog::SPARK_CATALOG) => {
            Ok(database.to_lowercase())
        }
        Some(other) => {
            let within = match other {
                [catalog, rest @ ..] if catalog.eq_ignore_ascii_case(vonk_catalog::SPARK_CATALOG) => rest,
                all => all,
            };
            Err(SparkError::new("NESTED_DATABASE_UNSUPPORTED_BY_V1_SESSION_CATALOG")
                .param("namespace", quote_id(within)))
        }
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_millis() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
