//! Typed expressions and what functions are declared with.
//!
//! A [`TypedExpr`] is a DataFusion expression together with what Spark knows of it: type,
//! nullability, SQL text (for the automatic column name) and whether it is constant. A function is
//! a [`FunctionSpec`]: a name and a builder that turns typed arguments into a typed result, mostly
//! by way of a [`Kernel`], a columnar function over Arrow arrays.
//!
//! Arrow types inside the engine depend on the Spark type alone: every field is nullable and
//! nested fields have fixed names ([`arrow_types`]); nullability lives in [`TypedExpr`] only and is
//! put on the schema where results leave the engine.

pub mod arrow_types;
pub mod cast;
pub mod codec;
pub mod coercion;
pub mod collation;
pub mod columns;
pub mod context;
pub mod extract;
pub mod in_set;
pub mod inner;
pub mod kernel;
pub mod lambda;
pub mod literal;
pub mod literal_source;
pub mod nanos;
pub mod order;
pub mod poisson;
pub mod random;
pub mod sealed;
pub mod signature;
pub mod spec;
pub mod sql_text;
pub mod strict;
pub mod typed;
pub mod waiting;

pub use columns::Col;
pub use context::FnContext;
pub use kernel::{Call, Kernel, KernelUdf};
pub use signature::Want;
pub use spec::{AggregateCall, Body, FunctionSpec, GeneratorCall, INTERNAL};
pub use sql_text::SqlText;
pub use typed::TypedExpr;

use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use vonk_common::SparkError;

/// Carries a [`SparkError`] through DataFusion.
pub fn exec_err(e: SparkError) -> DataFusionError {
    DataFusionError::External(Box::new(e))
}

/// Finds the [`SparkError`] that a kernel raised, wherever DataFusion and Arrow wrapped it;
/// anything else becomes the class that fits it, at last an internal error.
pub fn spark_error(e: DataFusionError) -> SparkError {
    let mut layer = Some(&e);
    while let Some(current) = layer {
        layer = match current {
            DataFusionError::External(inner) => match inner.downcast_ref::<SparkError>() {
                Some(found) => return found.clone(),
                None => match inner.downcast_ref::<ArrowError>() {
                    Some(arrow) => return arrow_error(arrow).unwrap_or_else(|| SparkError::internal(&e)),
                    None => inner.downcast_ref::<DataFusionError>(),
                },
            },
            DataFusionError::ArrowError(inner, _) => match arrow_error(inner) {
                Some(found) => return found,
                None => None,
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Some(inner),
            DataFusionError::Shared(inner) => Some(inner),
            DataFusionError::Collection(all) => all.first(),
            DataFusionError::Execution(message)
                if message.starts_with("Scalar subquery returned more than one row") =>
            {
                return SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS");
            }
            DataFusionError::ResourcesExhausted(message) => {
                return SparkError::new("UNABLE_TO_ACQUIRE_MEMORY")
                    .param("requestedBytes", message)
                    .param("receivedBytes", "0");
            }
            _ => None,
        };
    }
    SparkError::internal(e)
}

fn arrow_error(e: &ArrowError) -> Option<SparkError> {
    match e {
        ArrowError::ExternalError(inner) => inner.downcast_ref::<SparkError>().cloned().or_else(|| {
            inner.downcast_ref::<ArrowError>().and_then(arrow_error).or_else(|| {
                inner.downcast_ref::<DataFusionError>().and_then(|d| match d {
                    DataFusionError::External(x) => x.downcast_ref::<SparkError>().cloned(),
                    _ => None,
                })
            })
        }),
        ArrowError::DivideByZero => Some(
            SparkError::new("DIVIDE_BY_ZERO").param("config", vonk_common::error::quote_sql("spark.sql.ansi.enabled")),
        ),
        ArrowError::ArithmeticOverflow(message) => Some(
            SparkError::new("ARITHMETIC_OVERFLOW")
                .param("message", message)
                .param("alternative", "")
                .param("config", vonk_common::error::quote_sql("spark.sql.ansi.enabled")),
        ),
        _ => None,
    }
}
