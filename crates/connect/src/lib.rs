//! Spark Connect: sessions, operations, reattach, artifacts and errors over gRPC.
//!
//! The service decodes requests, turns their messages into plans of `vonk-plan`, and lets a
//! [`backend::Backend`] run them; results are buffered so that a client may come back for them. It
//! knows the protocol and nothing of how a query is answered: no DataFusion, no Arrow kernel.

mod artifacts;
mod auth;
pub mod backend;
mod bounded;
mod codec;
pub mod convert;
mod error;
mod operation;
mod rpc;
mod server;
mod service;
mod session;
mod sessions;
mod text;
mod wire;

pub use server::{ServeError, ServerConfig, Tls, serve};
