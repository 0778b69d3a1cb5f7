//! What a catalog holds, as plain data. Objects are stored as JSON; a schema in Spark's own form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vonk_plan::types::{StructType, json};

pub type Properties = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub comment: Option<String>,
    /// A URI, e.g. `file:/data/warehouse/sales.db`.
    pub location: String,
    #[serde(default)]
    pub properties: Properties,
    pub owner: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableKind {
    Managed,
    External,
    View,
}

impl TableKind {
    /// As `DESCRIBE EXTENDED` and `listTables` show it.
    pub fn spark_name(self) -> &'static str {
        match self {
            TableKind::Managed => "MANAGED",
            TableKind::External => "EXTERNAL",
            TableKind::View => "VIEW",
        }
    }
}

/// A full name, in the case it was created with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableName {
    pub catalog: String,
    pub database: String,
    pub table: String,
}

impl TableName {
    pub fn new(catalog: impl Into<String>, database: impl Into<String>, table: impl Into<String>) -> Self {
        TableName { catalog: catalog.into(), database: database.into(), table: table.into() }
    }

    pub fn parts(&self) -> [&str; 3] {
        [&self.catalog, &self.database, &self.table]
    }

    /// In back quotes, for messages.
    pub fn quoted(&self) -> String {
        vonk_common::error::quote_id(self.parts())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucketing {
    pub columns: Vec<String>,
    pub sort_columns: Vec<String>,
    pub buckets: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableStats {
    pub bytes: u64,
    pub rows: Option<u64>,
    /// Per column: statistic name (`min`, `max`, `distinctCount`, …) to its text.
    #[serde(default)]
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
}

/// The query of a permanent view and the session facts it was written under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewText {
    pub text: String,
    /// Catalog and database that unqualified names in the text refer to.
    pub catalog: String,
    pub database: String,
    /// Configuration that changes the text's meaning (`spark.sql.ansi.enabled`, …).
    pub conf: BTreeMap<String, String>,
    /// Names of the query's own output columns, where the view renames them.
    pub query_columns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub name: TableName,
    pub kind: TableKind,
    /// `parquet`, `csv`, …: in lower case; none for views.
    pub provider: Option<String>,
    /// All columns, partition columns last.
    #[serde(with = "schema_json")]
    pub schema: StructType,
    #[serde(default)]
    pub partition_columns: Vec<String>,
    pub bucketing: Option<Bucketing>,
    /// `CLUSTER BY` columns.
    #[serde(default)]
    pub clustering: Vec<String>,
    #[serde(default)]
    pub options: Properties,
    #[serde(default)]
    pub properties: Properties,
    pub comment: Option<String>,
    /// The collation of strings whose definition names none.
    #[serde(default)]
    pub collation: Option<String>,
    /// A URI.
    pub location: Option<String>,
    pub stats: Option<TableStats>,
    /// Milliseconds since the epoch.
    pub created: i64,
    pub owner: String,
    pub view: Option<ViewText>,
    /// Partitions are registered (`MSCK REPAIR`, inserts) rather than found in the file system.
    #[serde(default)]
    pub tracks_partitions: bool,
}

impl Table {
    /// A managed table without columns, to be filled in.
    pub fn new(name: TableName, created: i64) -> Self {
        Table {
            name,
            kind: TableKind::Managed,
            provider: None,
            schema: StructType::default(),
            partition_columns: vec![],
            bucketing: None,
            clustering: vec![],
            options: Properties::new(),
            properties: Properties::new(),
            comment: None,
            collation: None,
            location: None,
            stats: None,
            created,
            owner: String::new(),
            view: None,
            tracks_partitions: false,
        }
    }

    pub fn is_view(&self) -> bool {
        self.kind == TableKind::View
    }
}

/// A registered partition: values in the order of the table's partition columns, `None` is NULL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    pub values: Vec<(String, Option<String>)>,
    /// A URI, where it is not the usual folder below the table's.
    pub location: Option<String>,
    #[serde(default)]
    pub properties: Properties,
    #[serde(default)]
    pub created: i64,
}

/// A permanent SQL function: its definition as text, parsed again when it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub catalog: String,
    pub database: String,
    pub name: String,
    /// Class name of a JVM function: kept for SHOW and DESCRIBE, refused when called.
    pub class: Option<String>,
    /// Parameters as a schema; defaults in the field metadata under `default`.
    #[serde(with = "schema_json")]
    pub parameters: StructType,
    /// Result type in SQL text; the columns of a table function in `returns_table`.
    pub returns: Option<String>,
    #[serde(default, with = "optional_schema_json")]
    pub returns_table: Option<StructType>,
    pub body: String,
    /// The body is a query (a table function, or a scalar one by sub-query).
    pub is_query: bool,
    pub comment: Option<String>,
    pub deterministic: Option<bool>,
    pub created: i64,
    pub owner: String,
    #[serde(default)]
    pub conf: BTreeMap<String, String>,
}

mod schema_json {
    use super::*;
    use serde::de::Error;

    pub fn serialize<S: serde::Serializer>(s: &StructType, out: S) -> Result<S::Ok, S::Error> {
        json::struct_to_json(s).to_string().serialize(out)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<StructType, D::Error> {
        json::parse_struct(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

mod optional_schema_json {
    use super::*;
    use serde::de::Error;

    pub fn serialize<S: serde::Serializer>(s: &Option<StructType>, out: S) -> Result<S::Ok, S::Error> {
        s.as_ref().map(|s| json::struct_to_json(s).to_string()).serialize(out)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<StructType>, D::Error> {
        let text = Option::<String>::deserialize(input)?;
        text.map(|t| json::parse_struct(&t).map_err(D::Error::custom)).transpose()
    }
}
