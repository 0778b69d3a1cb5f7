//! What every stage of Vonk shares: [`SparkError`] (an error as Spark reports it), the named
//! [`limits`], the session configuration [`conf`] with Spark's keys and defaults, and the
//! [`planner`] threads that have the stack for deep plans, and whether work is still [`wanted`].
//!
//! This crate knows nothing of Arrow, DataFusion, gRPC or the file system.

pub mod conf;
pub mod error;
pub mod limits;
pub mod planner;
pub mod wanted;

pub use conf::SessionConf;
pub use error::{Origin, SparkError, SparkResult};
