//! The way to the SQL parser, for names, types, expressions and statements that the client sends as
//! text.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Statement;
use vonk_plan::{DataType, Expr, StructType};

fn pending<T>() -> SparkResult<T> {
    Err(SparkError::unsupported("SQL text"))
}

pub fn statement(_text: &str) -> SparkResult<Statement> {
    pending()
}

pub fn expression(_text: &str) -> SparkResult<Expr> {
    pending()
}

/// The parts of a name: `a.b` has two, `` `a.b` `` one.
pub fn identifier(text: &str) -> SparkResult<Vec<String>> {
    Ok(text.split('.').map(|p| p.trim_matches('`').to_string()).collect())
}

pub fn data_type(_text: &str) -> SparkResult<DataType> {
    pending()
}

pub fn table_schema(_text: &str) -> SparkResult<StructType> {
    pending()
}

/// A schema as DDL (`a int, b string`) or as JSON.
pub fn schema(text: &str) -> SparkResult<StructType> {
    if text.trim_start().starts_with('{') { vonk_plan::types::json::parse_struct(text) } else { table_schema(text) }
}

/// What a client asks to be parsed as DDL: a single type, else the columns of a table.
pub fn type_or_schema(text: &str) -> SparkResult<DataType> {
    data_type(text).or_else(|e| table_schema(text).map(DataType::Struct).map_err(|_| e))
}
