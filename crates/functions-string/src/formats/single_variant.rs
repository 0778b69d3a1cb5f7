//! `singleVariantColumn`: each record is one VARIANT instead of columns (Spark's option of the same name).

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::options::text;

/// The column that records go to, if the option names one.
pub fn column(options: &Options) -> Option<&str> {
    text(options, "singlevariantcolumn")
}

/// The schema of records, if the option asks for one column.
pub fn schema(options: &Options) -> Option<StructType> {
    column(options).map(|name| StructType::new([StructField::new(name, DataType::Variant, true)]))
}

/// With the option a schema has that column, and perhaps the one for bad records, and no other.
/// Error: `INVALID_SINGLE_VARIANT_COLUMN`.
pub fn check(schema: &StructType, options: &Options, corrupt: &str) -> SparkResult<()> {
    let Some(name) = column(options) else { return Ok(()) };
    let is_single = |f: &StructField| f.name == name && f.data_type == DataType::Variant;
    let is_corrupt = |f: &StructField| f.name == corrupt && f.data_type.is_string();
    let fits = match schema.fields.as_ref() {
        [one] => is_single(one),
        [a, b] => is_single(a) && is_corrupt(b) || is_corrupt(a) && is_single(b),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(SparkError::new("INVALID_SINGLE_VARIANT_COLUMN")
            .param("schema", quote_sql(DataType::Struct(schema.clone()).sql()))),
    }
}
