//! Reading: which files a path means, which columns they have, and table providers over them.
//!
//! [`listing`] finds the files, [`partitions`] reads columns out of folder names, the module of each
//! format infers a schema, and [`table::FileTable`] is what queries scan.

pub mod existing;
pub mod footers;
pub mod infer;
mod infer_csv;
mod infer_json;
pub mod lines;
pub mod listing;
pub mod load;
pub mod metadata;
pub mod orc;
pub mod parquet;
pub mod partitions;
pub mod python;
mod python_filters;
mod sampled;
pub mod scan;
pub mod table;

pub use load::{Loaded, load};
pub use table::FileTable;
pub use vonk_functions_string::formats::{convert, csv, json, json_text, options, single_variant, variant};

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};

/// Formats that files are read and written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Format {
    Parquet,
    Orc,
    Csv,
    Json,
    Text,
    BinaryFile,
}

impl Format {
    /// The format of that name. Errors: `DATA_SOURCE_NOT_FOUND`, or that Vonk lacks it.
    pub fn named(name: &str) -> SparkResult<Self> {
        let short = name.to_ascii_lowercase();
        let last = short.rsplit('.').find(|p| !p.is_empty() && *p != "defaultsource").unwrap_or_default();
        Ok(match last {
            "parquet" | "parquetfileformat" => Format::Parquet,
            "orc" | "orcfileformat" => Format::Orc,
            "csv" | "csvfileformat" => Format::Csv,
            "json" | "jsonfileformat" => Format::Json,
            "text" | "textfileformat" => Format::Text,
            "binaryfile" => Format::BinaryFile,
            "avro" | "xml" | "jdbc" | "delta" | "iceberg" | "kafka" | "libsvm" | "image" => {
                return Err(SparkError::unsupported(format!("the data source {last}")));
            }
            _ => return Err(SparkError::new("DATA_SOURCE_NOT_FOUND").param("provider", name)),
        })
    }

    /// As messages call it.
    pub fn title(self) -> &'static str {
        match self {
            Format::Parquet => "Parquet",
            Format::Orc => "ORC",
            Format::Csv => "CSV",
            Format::Json => "JSON",
            Format::Text => "Text",
            Format::BinaryFile => "BinaryFile",
        }
    }

    /// As catalogs name it.
    pub fn provider(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Orc => "orc",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Text => "text",
            Format::BinaryFile => "binaryFile",
        }
    }
}

/// `COLUMN_ALREADY_EXISTS` when two columns share a name.
pub fn check_duplicates<'a>(names: impl IntoIterator<Item = &'a str>, case_sensitive: bool) -> SparkResult<()> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        let key = if case_sensitive { name.to_string() } else { name.to_lowercase() };
        if !seen.insert(key.clone()) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").param("columnName", quote_id([key])));
        }
    }
    Ok(())
}
