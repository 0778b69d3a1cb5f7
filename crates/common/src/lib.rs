//! What every stage of Vonk shares: [`SparkError`] (an error as Spark reports it), the named
//! [`limits`], and the session configuration [`conf`] with Spark's keys and defaults.
//!
//! This crate knows nothing of Arrow, DataFusion, gRPC or the file system.

pub mod conf;
pub mod error;
pub mod limits;

pub use conf::SessionConf;
pub use error::{Origin, SparkError, SparkResult};
