//! Which Java exception stands behind an error class: PySpark chooses its own exception by that name.
//!
//! The rule goes from the exact class over its parent to the SQLSTATE, as Spark's authors did: syntax
//! is `ParseException`, what the analyzer refuses (42, 0A, …) `AnalysisException`, arithmetic
//! `ArithmeticException`, and so on.

use vonk_common::SparkError;

const OBJECT: &[&str] = &["java.lang.Exception", "java.lang.Throwable", "java.lang.Object"];

/// A family of exceptions, from the most specific class upwards (`OBJECT` follows).
type Family = &'static [&'static str];

const PARSE: Family =
    &["org.apache.spark.sql.catalyst.parser.ParseException", "org.apache.spark.sql.AnalysisException"];
const ANALYSIS: Family = &["org.apache.spark.sql.AnalysisException"];
const EXTENDED_ANALYSIS: Family =
    &["org.apache.spark.sql.catalyst.ExtendedAnalysisException", "org.apache.spark.sql.AnalysisException"];
const SPARK: Family = &["org.apache.spark.SparkException"];
const RUNTIME: Family = &["org.apache.spark.SparkRuntimeException", "java.lang.RuntimeException"];
const ARITHMETIC: Family =
    &["org.apache.spark.SparkArithmeticException", "java.lang.ArithmeticException", "java.lang.RuntimeException"];
const ILLEGAL_ARGUMENT: Family = &[
    "org.apache.spark.SparkIllegalArgumentException",
    "java.lang.IllegalArgumentException",
    "java.lang.RuntimeException",
];
const NUMBER_FORMAT: Family = &[
    "org.apache.spark.SparkNumberFormatException",
    "java.lang.NumberFormatException",
    "java.lang.IllegalArgumentException",
    "java.lang.RuntimeException",
];
const DATE_TIME: Family =
    &["org.apache.spark.SparkDateTimeException", "java.time.DateTimeException", "java.lang.RuntimeException"];
const ARRAY_INDEX: Family = &[
    "org.apache.spark.SparkArrayIndexOutOfBoundsException",
    "java.lang.ArrayIndexOutOfBoundsException",
    "java.lang.IndexOutOfBoundsException",
    "java.lang.RuntimeException",
];
const NO_SUCH_ELEMENT: Family =
    &["org.apache.spark.SparkNoSuchElementException", "java.util.NoSuchElementException", "java.lang.RuntimeException"];
const UNSUPPORTED: Family = &[
    "org.apache.spark.SparkUnsupportedOperationException",
    "java.lang.UnsupportedOperationException",
    "java.lang.RuntimeException",
];
const UPGRADE: Family = &["org.apache.spark.SparkUpgradeException", "java.lang.RuntimeException"];
const SQL: Family = &["org.apache.spark.SparkSQLException", "java.sql.SQLException"];
const INVALID_PLAN: Family = &["org.apache.spark.sql.connect.common.InvalidPlanInput"];
const CLASS_NOT_FOUND: Family = &[
    "org.apache.spark.SparkClassNotFoundException",
    "java.lang.ClassNotFoundException",
    "java.lang.ReflectiveOperationException",
];
const PYTHON: Family = &["org.apache.spark.api.python.PythonException", "java.lang.RuntimeException"];
const STREAMING: Family = &["org.apache.spark.sql.streaming.StreamingQueryException"];
const SCRIPTING: Family = &["org.apache.spark.sql.exceptions.SqlScriptingException"];

/// The Java classes of an error, the most specific first.
pub fn java_classes(error: &SparkError) -> Vec<&'static str> {
    family(error).iter().chain(OBJECT).copied().collect()
}

fn family(error: &SparkError) -> Family {
    let class = error.class();
    let parent = class.split('.').next().unwrap_or(class);
    plain(class)
        .or_else(|| by_cast(error))
        .or_else(|| by_class(class))
        .or_else(|| by_class(parent))
        .unwrap_or_else(|| by_state(error.sqlstate().unwrap_or_default()))
}

/// Errors without a class of Spark's.
fn plain(class: &str) -> Option<Family> {
    Some(match class {
        "java.lang.IllegalArgumentException" => &["java.lang.IllegalArgumentException", "java.lang.RuntimeException"],
        "java.lang.UnsupportedOperationException" => {
            &["java.lang.UnsupportedOperationException", "java.lang.RuntimeException"]
        }
        "java.lang.ArithmeticException" => &["java.lang.ArithmeticException", "java.lang.RuntimeException"],
        "java.io.FileNotFoundException" => &["java.io.FileNotFoundException", "java.io.IOException"],
        "java.io.IOException" => &["java.io.IOException"],
        _ if class.starts_with("java.") => &["java.lang.RuntimeException"],
        _ => return None,
    })
}

/// A text that does not fit a type: by the type.
fn by_cast(error: &SparkError) -> Option<Family> {
    if error.class() != "CAST_INVALID_INPUT" {
        return None;
    }
    let (_, target) = error.params().iter().find(|(k, _)| k == "targetType")?;
    let target = target.trim_matches('"');
    Some(match target.split('(').next().unwrap_or(target) {
        "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" | "TIME" => DATE_TIME,
        "BOOLEAN" => RUNTIME,
        _ => NUMBER_FORMAT,
    })
}

fn by_class(class: &str) -> Option<Family> {
    Some(match class {
        "PARSE_SYNTAX_ERROR"
        | "PARSE_EMPTY_STATEMENT"
        | "PARSE_MODE_UNSUPPORTED"
        | "DATATYPE_MISSING_SIZE"
        | "DECIMAL_SCALE_EXCEEDS_PRECISION"
        | "DUPLICATED_CTE_NAMES"
        | "DUPLICATE_CLAUSES"
        | "DUPLICATE_KEY"
        | "INCOMPLETE_TYPE_DEFINITION"
        | "INVALID_IDENTIFIER"
        | "INVALID_INLINE_TABLE"
        | "INVALID_INTERVAL_FORMAT.INTERVAL_PARSING"
        | "INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION"
        | "INVALID_LATERAL_JOIN_TYPE"
        | "INVALID_NUMERIC_LITERAL_RANGE"
        | "INVALID_SET_SYNTAX"
        | "INVALID_SQL_SYNTAX"
        | "INVALID_STATEMENT_OR_CLAUSE"
        | "INVALID_TABLESAMPLE_FRACTION"
        | "INVALID_TYPED_LITERAL"
        | "UNCLOSED_BRACKETED_COMMENT"
        | "UNSUPPORTED_DATATYPE"
        | "UNSUPPORTED_FEATURE.ASOF_JOIN"
        | "UNSUPPORTED_FEATURE.CLAUSE_WITH_PIPE_OPERATORS"
        | "REPEATED_CLAUSE"
        | "FAILED_TO_PARSE_TOO_COMPLEX" => PARSE,
        "UNRESOLVED_COLUMN"
        | "TABLE_OR_VIEW_NOT_FOUND"
        | "DATATYPE_MISMATCH"
        | "UNRESOLVED_ROUTINE"
        | "MISSING_AGGREGATION"
        | "INVALID_LIMIT_LIKE_EXPRESSION"
        | "INCOMPATIBLE_COLUMN_TYPE"
        | "NUM_COLUMNS_MISMATCH"
        | "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY"
        | "MISSING_GROUP_BY" => EXTENDED_ANALYSIS,
        "INVALID_TIMESTAMP_PRECISION"
        | "MALFORMED_RECORD_IN_PARSING"
        | "RECURSION_LEVEL_LIMIT_EXCEEDED"
        | "SCALAR_SUBQUERY_TOO_MANY_ROWS"
        | "CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE"
        | "COLLATION_INVALID_NAME"
        | "FAILED_EXECUTE_UDF"
        | "FAILED_READ_FILE"
        | "TASK_WRITE_FAILED"
        | "CANNOT_MERGE_SCHEMAS" => SPARK,
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"
        | "DATETIME_OVERFLOW"
        | "CAST_OVERFLOW"
        | "ARITHMETIC_OVERFLOW"
        | "BINARY_ARITHMETIC_OVERFLOW"
        | "CAST_OVERFLOW_IN_TABLE_INSERT"
        | "NUMERIC_VALUE_OUT_OF_RANGE"
        | "INTERVAL_ARITHMETIC_OVERFLOW" => ARITHMETIC,
        "INVALID_ARRAY_INDEX" | "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" => ARRAY_INDEX,
        "INVALID_INDEX_OF_ZERO"
        | "EXCEED_LIMIT_LENGTH"
        | "DUPLICATED_MAP_KEY"
        | "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"
        | "HLL_INVALID_INPUT_SKETCH_BUFFER" => RUNTIME,
        "DATETIME_FIELD_OUT_OF_BOUNDS" | "CANNOT_PARSE_TIMESTAMP" | "CANNOT_PARSE_TIME" | "INVALID_TIMEZONE" => {
            DATE_TIME
        }
        "CANNOT_DECODE_URL"
        | "CONVERSION_INVALID_INPUT"
        | "ILLEGAL_DAY_OF_WEEK"
        | "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"
        | "INVALID_CONF_VALUE"
        | "INVALID_DATETIME_PATTERN"
        | "INVALID_FORMAT"
        | "INVALID_INTERVAL_FORMAT"
        | "INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION"
        | "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE"
        | "INVALID_PARAMETER_VALUE.CHARSET"
        | "INVALID_PARAMETER_VALUE.DATETIME_UNIT"
        | "INVALID_PARAMETER_VALUE.TIME_UNIT"
        | "INVALID_URL"
        | "INVALID_UTF8_STRING"
        | "STRUCT_ARRAY_LENGTH_MISMATCH"
        | "COGROUP_KEYS_OF_DIFFERENT_SIZE"
        | "WKB_PARSE_ERROR" => ILLEGAL_ARGUMENT,
        "INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_TAG_REQUIRES_TAG"
        | "INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_OPERATION_ID_REQUIRES_ID"
        | "UNSUPPORTED_FEATURE.INTERRUPT_TYPE"
        | "INVALID_HANDLE"
        | "INVALID_CURSOR"
        | "OPERATION_CANCELED"
        | "INVALID_CLONE_SESSION_REQUEST"
        | "CONNECT_INVALID_PLAN.CANNOT_PARSE" => SQL,
        "INVALID_ARTIFACT_PATH" | "ARTIFACT_ALREADY_EXISTS" | "INVALID_PARAMETER_VALUE" => RUNTIME,
        "CONNECT_INVALID_PLAN" => INVALID_PLAN,
        "SQL_CONF_NOT_FOUND" => NO_SUCH_ELEMENT,
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION" => UPGRADE,
        "DATA_SOURCE_NOT_FOUND" => CLASS_NOT_FOUND,
        "UNSUPPORTED_FEATURE.VONK" | "UNSUPPORTED_CALL" => UNSUPPORTED,
        "SCHEMA_NOT_FOUND" => &[
            "org.apache.spark.sql.catalyst.analysis.NoSuchNamespaceException",
            "org.apache.spark.sql.catalyst.analysis.NoSuchDatabaseException",
            "org.apache.spark.sql.AnalysisException",
        ],
        "SCHEMA_ALREADY_EXISTS" => &[
            "org.apache.spark.sql.catalyst.analysis.DatabaseAlreadyExistsException",
            "org.apache.spark.sql.catalyst.analysis.NamespaceAlreadyExistsException",
            "org.apache.spark.sql.AnalysisException",
        ],
        "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS" => &[
            "org.apache.spark.sql.catalyst.analysis.TempTableAlreadyExistsException",
            "org.apache.spark.sql.AnalysisException",
        ],
        "UDF_ERROR" | "PYTHON_EXCEPTION" | "PYTHON_UDF_ERROR" => PYTHON,
        "PYTHON_WORKER_CRASHED" | "PYTHON_WORKER_NOT_STARTED" => SPARK,
        "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX"
        | "TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS"
        | "TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL"
        | "TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INVALID" => ANALYSIS,
        "STREAM_FAILED" => STREAMING,
        "INVALID_BOOLEAN_STATEMENT"
        | "INVALID_LABEL_USAGE"
        | "UNSUPPORTED_FEATURE.CONTINUE_EXCEPTION_HANDLER"
        | "UNSUPPORTED_FEATURE.SQL_CURSOR" => SCRIPTING,
        _ if class.starts_with("INTERNAL_ERROR") || class.starts_with("PYTHON_WORKER_") => SPARK,
        // Errors that Spark has not named yet are numbered by the stage they come from.
        _ => match class.strip_prefix("_LEGACY_ERROR_TEMP_")?.as_bytes().first()? {
            b'0' => PARSE,
            b'1' => ANALYSIS,
            b'2' => RUNTIME,
            _ => SPARK,
        },
    })
}

/// The default of a kind of error.
fn by_state(state: &str) -> Family {
    match state.as_bytes() {
        b"22012" | b"22003" | b"22015" => ARITHMETIC,
        b"22007" | b"22008" | b"22009" => DATE_TIME,
        b"22018" => NUMBER_FORMAT,
        [b'2', b'2', ..] | [b'2', b'3', ..] | [b'P', b'0', ..] | [b'5', b'4', ..] | [b'2', b'0', ..] => RUNTIME,
        [b'4', b'2', ..] | [b'4', b'6', ..] | [b'0', b'A', ..] | [b'2', ..] | [b'3', ..] | [b'K', b'D', ..] => ANALYSIS,
        _ => SPARK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(class: &'static str) -> &'static str {
        java_classes(&SparkError::new(class)).first().copied().unwrap_or_default()
    }

    #[test]
    fn exceptions_are_chosen_as_spark_chooses_them() {
        assert_eq!(first("PARSE_SYNTAX_ERROR"), PARSE[0]);
        assert_eq!(first("INVALID_HANDLE.SESSION_CLOSED"), SQL[0]);
        assert_eq!(first("DIVIDE_BY_ZERO"), ARITHMETIC[0]);
        assert_eq!(first("UNRESOLVED_COLUMN.WITH_SUGGESTION"), EXTENDED_ANALYSIS[0]);
        assert_eq!(first("USER_RAISED_EXCEPTION"), RUNTIME[0]);
        assert_eq!(first("CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND"), INVALID_PLAN[0]);
        assert_eq!(first("java.lang.IllegalArgumentException"), "java.lang.IllegalArgumentException");
        let date = SparkError::new("CAST_INVALID_INPUT").param("targetType", "\"DATE\"");
        assert_eq!(java_classes(&date).first(), Some(&DATE_TIME[0]));
    }
}
