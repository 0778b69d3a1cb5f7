//! pyspark.ml: estimators as iterated queries over the engine.
//!
//! Training is a loop in the driver around [`aggregate`] passes, each an aggregate query of the
//! engine; transforming is one expression per output column ([`function`]). So both run wherever
//! queries run. [`session::MlSession`] answers the client's commands and keeps its models.

pub mod aggregate;
pub mod error;
pub mod linalg;
pub mod optimize;
pub mod random;
pub mod wire;
