//! Schemas as text: a column list, a type, or the JSON form of a type.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType, json};

use crate::options::ParseOptions;

/// `a INT, b STRING NOT NULL COMMENT 'c'`; `struct<…>` gives its fields, any other type one column `value`.
pub fn parse_table_schema(text: &str, opts: &ParseOptions<'_>) -> SparkResult<StructType> {
    if text.trim_start().starts_with(['{', '"']) {
        return json::parse(text).map(columns);
    }
    if text.trim().is_empty() {
        return Err(SparkError::new("PARSE_EMPTY_STATEMENT"));
    }
    match crate::parse(text, opts, |p| p.schema()) {
        Ok(schema) => Ok(schema),
        Err(error) => crate::parse_data_type(text, opts).map(columns).map_err(|_| error),
    }
}

fn columns(t: DataType) -> StructType {
    match t {
        DataType::Struct(s) => s,
        other => StructType::new([StructField::new("value", other, true)]),
    }
}
