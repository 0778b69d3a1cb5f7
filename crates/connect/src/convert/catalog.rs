//! Calls of `spark.catalog`.

use proto::catalog::CatType;
use spark_connect_proto as proto;
use vonk_common::SparkResult;
use vonk_plan::command::CatalogCall;

use super::{Converter, not_set, options};

impl Converter {
    pub(super) fn catalog(&self, message: proto::Catalog) -> SparkResult<CatalogCall> {
        use CatalogCall as C;
        let schema = |t: &Option<proto::DataType>| t.as_ref().map(|t| self.schema(t)).transpose();
        Ok(match message.cat_type.ok_or_else(|| not_set("Catalog", "CATTYPE_NOT_SET"))? {
            CatType::CurrentDatabase(_) => C::CurrentDatabase,
            CatType::SetCurrentDatabase(m) => C::SetCurrentDatabase(m.db_name),
            CatType::ListDatabases(m) => C::ListDatabases { pattern: m.pattern },
            CatType::ListTables(m) => C::ListTables { db: m.db_name, pattern: m.pattern },
            CatType::ListFunctions(m) => C::ListFunctions { db: m.db_name, pattern: m.pattern },
            CatType::ListColumns(m) => C::ListColumns { table: m.table_name, db: m.db_name },
            CatType::GetDatabase(m) => C::GetDatabase(m.db_name),
            CatType::GetTable(m) => C::GetTable { table: m.table_name, db: m.db_name },
            CatType::GetFunction(m) => C::GetFunction { function: m.function_name, db: m.db_name },
            CatType::DatabaseExists(m) => C::DatabaseExists(m.db_name),
            CatType::TableExists(m) => C::TableExists { table: m.table_name, db: m.db_name },
            CatType::FunctionExists(m) => C::FunctionExists { function: m.function_name, db: m.db_name },
            CatType::CreateExternalTable(m) => C::CreateTable {
                schema: schema(&m.schema)?,
                table: m.table_name,
                path: m.path,
                source: m.source,
                description: None,
                options: options(m.options),
                external: true,
            },
            CatType::CreateTable(m) => C::CreateTable {
                schema: schema(&m.schema)?,
                table: m.table_name,
                path: m.path,
                source: m.source,
                description: m.description,
                options: options(m.options),
                external: false,
            },
            CatType::DropTempView(m) => C::DropTempView(m.view_name),
            CatType::DropGlobalTempView(m) => C::DropGlobalTempView(m.view_name),
            CatType::RecoverPartitions(m) => C::RecoverPartitions(m.table_name),
            CatType::IsCached(m) => C::IsCached(m.table_name),
            CatType::CacheTable(m) => C::CacheTable { table: m.table_name },
            CatType::UncacheTable(m) => C::UncacheTable(m.table_name),
            CatType::ClearCache(_) => C::ClearCache,
            CatType::RefreshTable(m) => C::RefreshTable(m.table_name),
            CatType::RefreshByPath(m) => C::RefreshByPath(m.path),
            CatType::CurrentCatalog(_) => C::CurrentCatalog,
            CatType::SetCurrentCatalog(m) => C::SetCurrentCatalog(m.catalog_name),
            CatType::ListCatalogs(m) => C::ListCatalogs { pattern: m.pattern },
            CatType::DropTable(m) => C::DropTable { name: m.table_name, if_exists: m.if_exists, purge: m.purge },
            CatType::DropView(m) => C::DropView { name: m.view_name, if_exists: m.if_exists },
            CatType::CreateDatabase(m) => C::CreateDatabase {
                name: m.db_name,
                if_not_exists: m.if_not_exists,
                properties: m.properties.into_iter().collect(),
            },
            CatType::DropDatabase(m) => C::DropDatabase { name: m.db_name, if_exists: m.if_exists, cascade: m.cascade },
            CatType::ListPartitions(m) => C::ListPartitions { table: m.table_name },
            CatType::ListViews(m) => C::ListViews { db: m.db_name, pattern: m.pattern },
            CatType::GetTableProperties(m) => C::GetTableProperties(m.table_name),
            CatType::GetCreateTableString(m) => C::GetCreateTableString { table: m.table_name, as_serde: m.as_serde },
            CatType::TruncateTable(m) => C::TruncateTable(m.table_name),
            CatType::AnalyzeTable(m) => C::AnalyzeTable { name: m.table_name, no_scan: m.no_scan },
        })
    }
}
