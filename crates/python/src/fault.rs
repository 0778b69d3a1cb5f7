//! Errors of workers as Spark reports them.

use serde_json::Value;
use vonk_common::SparkError;

/// The text before a traceback, Spark's parameter `msg`.
const FROM_WORKER: &str = "An exception was thrown from the Python worker:";
/// A worker that ended by itself.
const CRASHED: &str = "PYTHON_WORKER_CRASHED";
/// An interpreter that cannot be used.
const NOT_STARTED: &str = "PYTHON_WORKER_NOT_STARTED";

/// What a worker's error message says.
pub fn reported(message: &Value) -> SparkError {
    let class = message.get("class").and_then(Value::as_str).unwrap_or("PYTHON_EXCEPTION");
    if class == "PYTHON_EXCEPTION" {
        let traceback = message.get("traceback").and_then(Value::as_str).unwrap_or_default();
        return SparkError::new("PYTHON_EXCEPTION").param("msg", FROM_WORKER).param("traceback", traceback);
    }
    let params = message.get("params").and_then(Value::as_object);
    params.into_iter().flatten().fold(SparkError::new(class.to_string()), |error, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        error.param(name.clone(), value)
    })
}

/// A worker ended without a word. `status` is its exit status, negative for a signal.
pub fn crashed(status: Option<i64>, report: &str) -> SparkError {
    let how = match status {
        Some(s) if s < 0 => format!("killed by signal {} ({})", -s, signal_name(-s)),
        Some(s) => format!("exit status {s}"),
        None => "the connection was closed".to_string(),
    };
    let report = if report.is_empty() { String::new() } else { format!("\n{}", report.trim_end()) };
    SparkError::new(CRASHED).param("reason", format!("{how}{report}"))
}

fn signal_name(signal: i64) -> &'static str {
    match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => "signal",
    }
}

/// The interpreter is missing, too old, or has no PySpark.
pub fn not_started(python: &str, reason: impl std::fmt::Display) -> SparkError {
    SparkError::new(NOT_STARTED).param("python", python).param("reason", reason)
}

/// Bytes that no worker of ours sends.
pub fn protocol(reason: impl std::fmt::Display) -> SparkError {
    crashed(None, &reason.to_string())
}
