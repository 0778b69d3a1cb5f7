//! Databases, tables, views and functions.
//!
//! [`Catalog`] is what the engine asks; [`store::Embedded`] is the implementation that keeps them in
//! one SQLite file of the warehouse, so that they survive a restart and several sessions share them.
//! What belongs to one session (temporary views, variables, the current database) is
//! [`session::SessionNames`].
//!
//! Names are compared without case: databases and tables are kept in lower case, as Spark's own
//! session catalog keeps them; columns keep theirs.

pub mod errors;
pub mod object;
pub mod pattern;
pub mod session;
pub mod store;

pub use object::{Bucketing, Database, Function, Partition, Table, TableKind, TableName, TableStats, ViewText};
pub use session::{Scope, SessionNames, SharedNames, TempFunction, TempView, Variable, VariableHome};
pub use store::Embedded;

use vonk_common::SparkResult;

/// The name of the built-in catalog.
pub const SPARK_CATALOG: &str = "spark_catalog";
/// The database that always exists.
pub const DEFAULT_DATABASE: &str = "default";
/// The database of global temporary views.
pub const GLOBAL_TEMP: &str = "global_temp";

/// A catalog. Names given to it are taken in any case; errors name them as Spark does.
pub trait Catalog: Send + Sync {
    fn name(&self) -> &str;

    /// All databases, ordered by name.
    fn databases(&self) -> SparkResult<Vec<Database>>;
    fn database(&self, name: &str) -> SparkResult<Option<Database>>;
    /// Error `SCHEMA_ALREADY_EXISTS`.
    fn create_database(&self, database: Database, if_not_exists: bool) -> SparkResult<()>;
    fn alter_database(&self, database: Database) -> SparkResult<()>;
    /// Gives the tables that went with it (their files are the caller's to remove).
    /// Errors `SCHEMA_NOT_FOUND`, `SCHEMA_NOT_EMPTY`.
    fn drop_database(&self, name: &str, if_exists: bool, cascade: bool) -> SparkResult<Vec<Table>>;

    /// All tables and views of a database, ordered by name. Error `SCHEMA_NOT_FOUND`.
    fn tables(&self, database: &str) -> SparkResult<Vec<Table>>;
    fn table(&self, database: &str, name: &str) -> SparkResult<Option<Table>>;
    /// Errors `SCHEMA_NOT_FOUND`, `TABLE_OR_VIEW_ALREADY_EXISTS`. With `replace`, takes the place of
    /// a table or view of that name. False when it was there already and `if_not_exists`.
    fn create_table(&self, table: Table, if_not_exists: bool, replace: bool) -> SparkResult<bool>;
    /// Stores a table or view that exists under its own name. Error `TABLE_OR_VIEW_NOT_FOUND`.
    fn alter_table(&self, table: Table) -> SparkResult<()>;
    fn rename_table(&self, database: &str, from: &str, to: &str, location: Option<String>) -> SparkResult<()>;
    /// Gives the table that was dropped. Error `TABLE_OR_VIEW_NOT_FOUND` unless `if_exists`.
    fn drop_table(&self, database: &str, name: &str, if_exists: bool) -> SparkResult<Option<Table>>;

    /// The registered partitions of a table, ordered by their values' text.
    fn partitions(&self, database: &str, table: &str) -> SparkResult<Vec<Partition>>;
    /// Adds partitions or replaces those of the same values.
    fn put_partitions(&self, database: &str, table: &str, partitions: &[Partition]) -> SparkResult<()>;
    fn drop_partitions(&self, database: &str, table: &str, partitions: &[Partition]) -> SparkResult<()>;

    fn functions(&self, database: &str) -> SparkResult<Vec<Function>>;
    fn function(&self, database: &str, name: &str) -> SparkResult<Option<Function>>;
    /// Error `ROUTINE_ALREADY_EXISTS`. False when it was there already and `if_not_exists`.
    fn create_function(&self, function: Function, if_not_exists: bool, replace: bool) -> SparkResult<bool>;
    /// Error `ROUTINE_NOT_FOUND` unless `if_exists`.
    fn drop_function(&self, database: &str, name: &str, if_exists: bool) -> SparkResult<bool>;

    /// The database, or `SCHEMA_NOT_FOUND`.
    fn expect_database(&self, name: &str) -> SparkResult<Database> {
        self.database(name)?.ok_or_else(|| errors::schema_not_found(self.name(), name))
    }

    /// The table or view, or `TABLE_OR_VIEW_NOT_FOUND`.
    fn expect_table(&self, database: &str, name: &str) -> SparkResult<Table> {
        self.table(database, name)?.ok_or_else(|| errors::table_not_found(self.name(), database, name))
    }
}
