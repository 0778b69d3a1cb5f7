//! Functions over vectors for use in queries: what `pyspark.ml.functions` and the Summarizer call.

use vonk_expr::FunctionSpec;

pub mod metrics;
pub mod unwrap;
pub mod vectors;

/// All of them.
pub fn specs() -> Vec<&'static FunctionSpec> {
    vec![
        &vectors::VECTOR_TO_ARRAY,
        &vectors::ARRAY_TO_VECTOR,
        &unwrap::UNWRAP_UDT,
        &unwrap::ARRAY_BINARY_SEARCH,
        &metrics::AGGREGATE_METRICS,
    ]
}
