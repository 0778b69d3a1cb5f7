//! Errors of casts.

use datafusion::common::DataFusionError;
use vonk_common::SparkError;
use vonk_common::error::quote_sql;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::Caster;
use super::text::sql_value;

const ANSI: &str = "\"spark.sql.ansi.enabled\"";

impl Caster<'_> {
    /// The text (or value) has not the form of the type.
    pub fn invalid_input(&self, value: &Literal, from: &DataType, to: &DataType) -> DataFusionError {
        self.error(
            SparkError::new("CAST_INVALID_INPUT")
                .param("expression", sql_value(value, self.zone))
                .param("sourceType", quote_sql(from.sql()))
                .param("targetType", quote_sql(to.sql()))
                .param("ansiConfig", ANSI),
        )
    }

    /// The value is outside the range of the type. Spark gives no place in the text here.
    pub fn overflow(&self, value: &Literal, from: &DataType, to: &DataType) -> DataFusionError {
        crate::exec_err(
            SparkError::new("CAST_OVERFLOW")
                .param("value", sql_value(value, self.zone))
                .param("sourceType", quote_sql(from.sql()))
                .param("targetType", quote_sql(to.sql()))
                .param("ansiConfig", ANSI),
        )
    }

    /// The number (in plain digits) does not fit a decimal type.
    pub fn out_of_decimal(&self, value: &str, precision: u8, scale: i8) -> DataFusionError {
        self.error(
            SparkError::new("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION")
                .param("value", value)
                .param("precision", precision)
                .param("scale", scale)
                .param("config", ANSI),
        )
    }

    pub fn error(&self, e: SparkError) -> DataFusionError {
        crate::exec_err(e.at(self.origin.cloned()))
    }
}
