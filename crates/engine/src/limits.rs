//! CHAR(n) and VARCHAR(n) as tables and views declare them, where queries see strings.

use vonk_common::{SessionConf, SparkResult};
use vonk_plan::types::limited::DECLARED_TYPE;
use vonk_plan::types::{StructField, StructType};
use vonk_sql::{ParseOptions, parse_data_type};

/// The columns of a query as a table made of it declares them: the reverse of `StructField::without_limits`.
pub fn declared(schema: &StructType) -> SparkResult<StructType> {
    let conf = SessionConf::new();
    let field = |f: &StructField| {
        Ok(match f.metadata_text(DECLARED_TYPE) {
            Some(text) => StructField {
                data_type: parse_data_type(&text, &ParseOptions::new(&conf))?,
                ..f.with_metadata_text(DECLARED_TYPE, None)
            },
            None => f.clone(),
        })
    };
    Ok(StructType::new(schema.fields.iter().map(field).collect::<SparkResult<Vec<_>>>()?))
}
