//! `JSON_TABLE(json, 'row path' COLUMNS (…))` in FROM, as it was read.

use crate::expr::Expr;
use crate::types::DataType;

#[derive(Debug, Clone, PartialEq)]
pub struct JsonTable {
    pub json: Expr,
    /// Finds the items that become rows; whether it is a path is asked later.
    pub row_path: String,
    pub columns: Vec<JsonTableColumn>,
    /// `ERROR ON ERROR`: text that cannot be read fails, else it gives no rows.
    pub error_on_error: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum JsonTableColumn {
    /// `name FOR ORDINALITY`: the item's number, from 1.
    Ordinality { name: String },
    /// `name type [PATH 'path']`, with the path that Spark takes where none is written.
    Value { name: String, data_type: DataType, path: String },
}

impl JsonTableColumn {
    pub fn name(&self) -> &str {
        match self {
            JsonTableColumn::Ordinality { name } | JsonTableColumn::Value { name, .. } => name,
        }
    }
}
