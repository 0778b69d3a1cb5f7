//! pyspark.ml: estimators as iterated queries over the engine.
//!
//! Training is a loop in the driver around [`aggregate`] passes, each an aggregate query of the
//! engine; transforming is one expression per output column ([`function`]). So both run wherever
//! queries run. [`session::MlSession`] answers the client's commands and keeps its models, the engine
//! stands behind [`host::MlHost`]. Classes are declared one per file under [`feature`],
//! [`classification`], [`regression`], [`clustering`] and [`evaluation`], and listed in [`registry`].

pub mod aggregate;
pub mod attributes;
pub mod cache;
pub mod classification;
pub mod clustering;
pub mod error;
pub mod evaluation;
pub mod feature;
pub mod frame;
pub mod function;
pub mod host;
pub mod linalg;
pub mod operator;
pub mod optimize;
pub mod params;
pub mod persist;
pub mod random;
pub mod registry;
pub mod regression;
pub mod session;
pub mod sql;
pub mod summary;
pub mod wire;
