//! The embedded catalog: one SQLite file in WAL mode. Each object is a row with its key columns and
//! a JSON body, so that a new field needs no migration. Several processes may share the file;
//! within one process a mutex serialises access, statements take microseconds.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vonk_common::{SparkError, SparkResult};

use crate::{Catalog, DEFAULT_DATABASE, Database, Function, GLOBAL_TEMP, Partition, SPARK_CATALOG, Table, errors};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS databases (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tables (
    database TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (database, name));
CREATE TABLE IF NOT EXISTS partitions (
    database TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (database, name, spec));
CREATE TABLE IF NOT EXISTS functions (
    database TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (database, name));
PRAGMA user_version = 1;
";

/// How long a statement waits for another process.
const BUSY: Duration = Duration::from_secs(30);

pub struct Embedded {
    db: Mutex<Connection>,
}

impl Embedded {
    /// Opens or creates the file. The default database is at `warehouse`, a URI.
    pub fn open(file: &Path, warehouse: &str) -> SparkResult<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|e| SparkError::internal(format!("catalog folder {}: {e}", folder.display())))?;
        }
        let db = Connection::open(file).map_err(sql)?;
        db.busy_timeout(BUSY).map_err(sql)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(sql)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(sql)?;
        Self::start(db, warehouse)
    }

    /// A catalog that ends with the process.
    pub fn in_memory(warehouse: &str) -> SparkResult<Self> {
        Self::start(Connection::open_in_memory().map_err(sql)?, warehouse)
    }

    fn start(db: Connection, warehouse: &str) -> SparkResult<Self> {
        db.execute_batch(SCHEMA).map_err(sql)?;
        let this = Embedded { db: Mutex::new(db) };
        let default = Database {
            name: DEFAULT_DATABASE.into(),
            comment: Some("default database".into()),
            location: warehouse.into(),
            properties: Default::default(),
            owner: String::new(),
        };
        this.create_database(default, true)?;
        Ok(this)
    }

    /// Runs `work` in one transaction: all of it happens or nothing.
    fn write<T>(&self, work: impl FnOnce(&Connection) -> SparkResult<T>) -> SparkResult<T> {
        let mut db = self.db.lock();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let out = work(&transaction)?;
        transaction.commit().map_err(sql)?;
        Ok(out)
    }
}

fn sql(e: rusqlite::Error) -> SparkError {
    SparkError::internal(format!("catalog store: {e}"))
}

fn encode<T: Serialize>(value: &T) -> SparkResult<String> {
    serde_json::to_string(value).map_err(|e| SparkError::internal(format!("catalog store: {e}")))
}

fn decode<T: DeserializeOwned>(text: String) -> SparkResult<T> {
    serde_json::from_str(&text).map_err(|e| SparkError::internal(format!("catalog store: {e}")))
}

fn one<T: DeserializeOwned>(db: &Connection, query: &str, key: &[String]) -> SparkResult<Option<T>> {
    let mut statement = db.prepare_cached(query).map_err(sql)?;
    let text = statement.query_row(params_from_iter(key), |row| row.get::<_, String>(0)).optional().map_err(sql)?;
    text.map(decode).transpose()
}

fn many<T: DeserializeOwned>(db: &Connection, query: &str, key: &[String]) -> SparkResult<Vec<T>> {
    let mut statement = db.prepare_cached(query).map_err(sql)?;
    let rows = statement.query_map(params_from_iter(key), |row| row.get::<_, String>(0)).map_err(sql)?;
    rows.map(|text| decode(text.map_err(sql)?)).collect()
}

fn run(db: &Connection, statement: &str, key: &[String]) -> SparkResult<usize> {
    db.prepare_cached(statement).map_err(sql)?.execute(params_from_iter(key)).map_err(sql)
}

fn database_of(db: &Connection, name: &str) -> SparkResult<Option<Database>> {
    one(db, "SELECT body FROM databases WHERE name = ?1", &[name.to_lowercase()])
}

fn table_of(db: &Connection, database: &str, name: &str) -> SparkResult<Option<Table>> {
    let key = [database.to_lowercase(), name.to_lowercase()];
    one(db, "SELECT body FROM tables WHERE database = ?1 AND name = ?2", &key)
}

fn expect_database(db: &Connection, name: &str) -> SparkResult<()> {
    match database_of(db, name)? {
        Some(_) => Ok(()),
        None => Err(errors::schema_not_found(SPARK_CATALOG, name)),
    }
}

fn put_table(db: &Connection, mut table: Table) -> SparkResult<()> {
    table.name.database = table.name.database.to_lowercase();
    table.name.table = table.name.table.to_lowercase();
    let key = [table.name.database.clone(), table.name.table.clone(), encode(&table)?];
    run(db, "INSERT OR REPLACE INTO tables (database, name, body) VALUES (?1, ?2, ?3)", &key).map(|_| ())
}

fn remove_table(db: &Connection, database: &str, name: &str) -> SparkResult<()> {
    let key = [database.to_lowercase(), name.to_lowercase()];
    run(db, "DELETE FROM partitions WHERE database = ?1 AND name = ?2", &key)?;
    run(db, "DELETE FROM tables WHERE database = ?1 AND name = ?2", &key).map(|_| ())
}

/// The key of a partition: its values as a JSON list, which sorts by the values' text.
fn spec_key(p: &Partition) -> SparkResult<String> {
    encode(&p.values.iter().map(|(_, v)| v).collect::<Vec<_>>())
}

impl Catalog for Embedded {
    fn name(&self) -> &str {
        SPARK_CATALOG
    }

    fn databases(&self) -> SparkResult<Vec<Database>> {
        many(&self.db.lock(), "SELECT body FROM databases ORDER BY name", &[])
    }

    fn database(&self, name: &str) -> SparkResult<Option<Database>> {
        database_of(&self.db.lock(), name)
    }

    fn create_database(&self, mut database: Database, if_not_exists: bool) -> SparkResult<()> {
        if database.name.eq_ignore_ascii_case(GLOBAL_TEMP) {
            return Err(errors::reserved_database(&database.name));
        }
        self.write(|db| {
            if database_of(db, &database.name)?.is_some() {
                return if if_not_exists { Ok(()) } else { Err(errors::schema_exists(&database.name)) };
            }
            database.name = database.name.to_lowercase();
            let key = [database.name.clone(), encode(&database)?];
            run(db, "INSERT INTO databases (name, body) VALUES (?1, ?2)", &key).map(|_| ())
        })
    }

    fn alter_database(&self, database: Database) -> SparkResult<()> {
        self.write(|db| {
            expect_database(db, &database.name)?;
            let key = [database.name.to_lowercase(), encode(&database)?];
            run(db, "UPDATE databases SET body = ?2 WHERE name = ?1", &key).map(|_| ())
        })
    }

    fn drop_database(&self, name: &str, if_exists: bool, cascade: bool) -> SparkResult<Vec<Table>> {
        if name.eq_ignore_ascii_case(DEFAULT_DATABASE) {
            return Err(errors::drop_default(SPARK_CATALOG, name));
        }
        let key = [name.to_lowercase()];
        self.write(|db| {
            if database_of(db, name)?.is_none() {
                return if if_exists { Ok(vec![]) } else { Err(errors::schema_not_found(SPARK_CATALOG, name)) };
            }
            let tables: Vec<Table> = many(db, "SELECT body FROM tables WHERE database = ?1 ORDER BY name", &key)?;
            let functions: Vec<Function> = many(db, "SELECT body FROM functions WHERE database = ?1", &key)?;
            if !(cascade || tables.is_empty() && functions.is_empty()) {
                return Err(errors::schema_not_empty(name));
            }
            run(db, "DELETE FROM partitions WHERE database = ?1", &key)?;
            run(db, "DELETE FROM tables WHERE database = ?1", &key)?;
            run(db, "DELETE FROM functions WHERE database = ?1", &key)?;
            run(db, "DELETE FROM databases WHERE name = ?1", &key)?;
            Ok(tables)
        })
    }

    fn tables(&self, database: &str) -> SparkResult<Vec<Table>> {
        let db = self.db.lock();
        expect_database(&db, database)?;
        many(&db, "SELECT body FROM tables WHERE database = ?1 ORDER BY name", &[database.to_lowercase()])
    }

    fn table(&self, database: &str, name: &str) -> SparkResult<Option<Table>> {
        table_of(&self.db.lock(), database, name)
    }

    fn create_table(&self, table: Table, if_not_exists: bool, replace: bool) -> SparkResult<bool> {
        self.write(|db| {
            let (database, name) = (table.name.database.clone(), table.name.table.clone());
            expect_database(db, &database)?;
            if table_of(db, &database, &name)?.is_some() {
                match (replace, if_not_exists) {
                    (true, _) => remove_table(db, &database, &name)?,
                    (_, true) => return Ok(false),
                    _ => return Err(errors::table_exists(SPARK_CATALOG, &database, &name)),
                }
            }
            put_table(db, table)?;
            Ok(true)
        })
    }

    fn alter_table(&self, table: Table) -> SparkResult<()> {
        self.write(|db| match table_of(db, &table.name.database, &table.name.table)? {
            Some(_) => put_table(db, table),
            None => Err(errors::table_not_found(SPARK_CATALOG, &table.name.database, &table.name.table)),
        })
    }

    fn rename_table(&self, database: &str, from: &str, to: &str, location: Option<String>) -> SparkResult<()> {
        self.write(|db| {
            let mut table =
                table_of(db, database, from)?.ok_or_else(|| errors::table_not_found(SPARK_CATALOG, database, from))?;
            if table_of(db, database, to)?.is_some() {
                return Err(errors::table_exists(SPARK_CATALOG, database, to));
            }
            let key = [database.to_lowercase(), from.to_lowercase(), to.to_lowercase()];
            run(db, "UPDATE partitions SET name = ?3 WHERE database = ?1 AND name = ?2", &key)?;
            run(db, "DELETE FROM tables WHERE database = ?1 AND name = ?2", &key[..2])?;
            table.name.table = to.to_lowercase();
            table.location = location.or(table.location);
            put_table(db, table)
        })
    }

    fn drop_table(&self, database: &str, name: &str, if_exists: bool) -> SparkResult<Option<Table>> {
        self.write(|db| match table_of(db, database, name)? {
            Some(table) => remove_table(db, database, name).map(|()| Some(table)),
            None if if_exists => Ok(None),
            None => Err(errors::table_not_found(SPARK_CATALOG, database, name)),
        })
    }

    fn partitions(&self, database: &str, table: &str) -> SparkResult<Vec<Partition>> {
        let key = [database.to_lowercase(), table.to_lowercase()];
        many(&self.db.lock(), "SELECT body FROM partitions WHERE database = ?1 AND name = ?2 ORDER BY spec", &key)
    }

    fn put_partitions(&self, database: &str, table: &str, partitions: &[Partition]) -> SparkResult<()> {
        self.write(|db| {
            for p in partitions {
                let key = [database.to_lowercase(), table.to_lowercase(), spec_key(p)?, encode(p)?];
                let insert = "INSERT OR REPLACE INTO partitions (database, name, spec, body) VALUES (?1, ?2, ?3, ?4)";
                run(db, insert, &key)?;
            }
            Ok(())
        })
    }

    fn drop_partitions(&self, database: &str, table: &str, partitions: &[Partition]) -> SparkResult<()> {
        self.write(|db| {
            for p in partitions {
                let key = [database.to_lowercase(), table.to_lowercase(), spec_key(p)?];
                run(db, "DELETE FROM partitions WHERE database = ?1 AND name = ?2 AND spec = ?3", &key)?;
            }
            Ok(())
        })
    }

    fn functions(&self, database: &str) -> SparkResult<Vec<Function>> {
        let key = [database.to_lowercase()];
        many(&self.db.lock(), "SELECT body FROM functions WHERE database = ?1 ORDER BY name", &key)
    }

    fn function(&self, database: &str, name: &str) -> SparkResult<Option<Function>> {
        let key = [database.to_lowercase(), name.to_lowercase()];
        one(&self.db.lock(), "SELECT body FROM functions WHERE database = ?1 AND name = ?2", &key)
    }

    fn create_function(&self, mut function: Function, if_not_exists: bool, replace: bool) -> SparkResult<bool> {
        function.database = function.database.to_lowercase();
        function.name = function.name.to_lowercase();
        let exists = self.function(&function.database, &function.name)?.is_some();
        if exists && !replace {
            let error = || errors::routine_exists(&function.database, &function.name);
            return if if_not_exists { Ok(false) } else { Err(error()) };
        }
        self.write(|db| {
            expect_database(db, &function.database)?;
            let key = [function.database.clone(), function.name.clone(), encode(&function)?];
            run(db, "INSERT OR REPLACE INTO functions (database, name, body) VALUES (?1, ?2, ?3)", &key)?;
            Ok(true)
        })
    }

    fn drop_function(&self, database: &str, name: &str, if_exists: bool) -> SparkResult<bool> {
        let key = [database.to_lowercase(), name.to_lowercase()];
        let gone = self.write(|db| run(db, "DELETE FROM functions WHERE database = ?1 AND name = ?2", &key))? > 0;
        if !gone && !if_exists {
            return Err(errors::routine_not_found(database, name));
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TableKind, TableName};
    use vonk_plan::types::{DataType, StructField, StructType};

    #[test]
    fn tables_are_found_in_any_case_and_dropped_with_their_database() -> SparkResult<()> {
        let catalog = Embedded::in_memory("file:/w")?;
        catalog.create_database(
            Database { name: "S".into(), location: "file:/w/s.db".into(), ..catalog.expect_database("default")? },
            false,
        )?;
        let mut table = Table::new(TableName::new(SPARK_CATALOG, "s", "T"), 0);
        table.schema = StructType::new([StructField::new("A", DataType::Int, true)]);
        table.kind = TableKind::External;
        assert!(catalog.create_table(table.clone(), false, false)?);
        let again = catalog.create_table(table, false, false);
        assert!(again.is_err_and(|e| e.class() == "TABLE_OR_VIEW_ALREADY_EXISTS"));
        let found = catalog.expect_table("S", "t")?;
        assert_eq!((found.name.table.as_str(), found.schema.fields[0].name.as_str()), ("t", "A"));
        assert!(catalog.drop_database("s", false, false).is_err_and(|e| e.class() == "SCHEMA_NOT_EMPTY"));
        assert_eq!(catalog.drop_database("s", false, true)?.len(), 1);
        assert!(catalog.tables("s").is_err_and(|e| e.class() == "SCHEMA_NOT_FOUND"));
        Ok(())
    }
}
