//! Errors of the ML library. Many of Spark's are plain Java exceptions without an error class; they
//! get the classes of this file, whose whole message is their text.

use vonk_common::SparkError;

/// Java's `IllegalArgumentException`.
pub fn illegal_argument(message: impl std::fmt::Display) -> SparkError {
    SparkError::new("ILLEGAL_ARGUMENT").param("message", message)
}

/// A failed check of the training data.
pub fn bad_data(message: impl std::fmt::Display) -> SparkError {
    SparkError::new("USER_RAISED_EXCEPTION").param("errorMessage", message)
}

/// A value that a transformer refuses while a query runs.
pub fn failed_row(function: &str, message: impl std::fmt::Display) -> SparkError {
    SparkError::new("FAILED_EXECUTE_UDF")
        .param("functionName", vonk_common::error::quote_id([function]))
        .param("signature", "")
        .param("result", "")
        .param("reason", format!("org.apache.spark.SparkException: {message}"))
}

/// A class or method that Spark's server does not offer.
pub fn unsupported(message: impl std::fmt::Display) -> SparkError {
    SparkError::new("CONNECT_ML.UNSUPPORTED_EXCEPTION").param("message", message)
}

pub fn not_allowed(class: &str, attribute: &str) -> SparkError {
    SparkError::new("CONNECT_ML.ATTRIBUTE_NOT_ALLOWED").param("className", class).param("attribute", attribute)
}
