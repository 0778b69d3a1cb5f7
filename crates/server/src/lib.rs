//! The engine behind Spark Connect.
//!
//! `connect` knows the protocol and nothing of queries, `engine` and `ml` know queries and nothing of
//! the protocol. [`Backend`] joins them: it answers the questions of `vonk_connect::backend` with
//! sessions of the engine.

mod backend;
mod compute;
mod execute;
mod ipc;
mod ml;

pub use backend::Backend;
