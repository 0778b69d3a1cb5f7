//! Python code of the user, in worker processes of its own.
//!
//! A [`Task`] says what to run, a stream of [`Frame`]s is what it runs on, [`Pool::run`] gives the
//! rows that come back. A [`Call`] is for work without rows: a table function's `analyze`, the
//! planning of a data source. The other half is the Python package `vonk.worker`.
//!
//! This crate knows nothing of query plans or of the client's messages; the Python side knows what
//! each kind of function (`eval_type`) means, this side moves batches and keeps the processes.

mod batch;
mod call;
mod describe;
mod environment;
mod fault;
mod feeding;
mod frame;
mod interpreter;
mod launcher;
mod modules;
mod pool;
mod segment;
mod task;
mod wire;
mod worker;

pub use call::{Call, Reply};
pub use environment::Environment;
pub use frame::Frame;
pub use pool::Pool;
pub use task::{Arg, Function, Side, TableFunction, Task, eval_type};
