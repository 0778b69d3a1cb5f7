//! The errors of catalogs, with the parameters Spark gives them.

use vonk_common::SparkError;
use vonk_common::error::quote_id;

pub fn schema_not_found(catalog: &str, database: &str) -> SparkError {
    SparkError::new("SCHEMA_NOT_FOUND").param("schemaName", quote_id([catalog, database]))
}

pub fn schema_exists(database: &str) -> SparkError {
    SparkError::new("SCHEMA_ALREADY_EXISTS").param("schemaName", quote_id([database]))
}

pub fn schema_not_empty(database: &str) -> SparkError {
    SparkError::new("SCHEMA_NOT_EMPTY").param("schemaName", quote_id([database]))
}

/// A statement names a table that is not there (a query's own error names the search path).
pub fn table_not_found(catalog: &str, database: &str, table: &str) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_NOT_FOUND")
        .param("relationName", quote_id([catalog, database, table]))
        .param("searchPath", format!("[{}]", quote_id([catalog, database])))
}

pub fn table_exists(catalog: &str, database: &str, table: &str) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS").param("relationName", quote_id([catalog, database, table]))
}

pub fn temp_view_exists(name: &str) -> SparkError {
    SparkError::new("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS").param("relationName", quote_id([name]))
}

pub fn routine_exists(database: &str, name: &str) -> SparkError {
    SparkError::new("ROUTINE_ALREADY_EXISTS")
        .param("routineName", quote_id([database, name]))
        .param("newRoutineType", "routine")
        .param("existingRoutineType", "routine")
}

pub fn routine_not_found(database: &str, name: &str) -> SparkError {
    SparkError::new("ROUTINE_NOT_FOUND").param("routineName", quote_id([database, name]))
}

pub fn reserved_database(name: &str) -> SparkError {
    SparkError::new("RESERVED_DATABASE_NAME").param("database", quote_id([name]))
}

pub fn drop_default(catalog: &str, name: &str) -> SparkError {
    SparkError::new("UNSUPPORTED_FEATURE.DROP_DATABASE").param("database", quote_id([catalog, name]))
}
