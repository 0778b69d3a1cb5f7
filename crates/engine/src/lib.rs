//! The engine: sessions, planning, execution, sources and sinks, cache, memory and metrics.
//!
//! A [`Server`] holds what all sessions share: the memory pool, the spill directory, object stores
//! and the catalog. A [`Session`] has settings, names and cached results of its own. A query goes in
//! as a DataFusion `LogicalPlan` with Spark's schema beside it (the analyzer made both), and comes
//! out as [`ResultStream`]: record batches with exactly that schema, in the order of the partitions.
//!
//! ```text
//! let server = Server::start(ServerConfig::default())?;
//! let session = server.session("user", "id")?;
//! let query = session.query(relation).await?;       // analysed and planned
//! let mut rows = query.run()?;                      // drop it, and the work stops
//! ```

pub mod analysis;
pub mod cache;
pub mod codec;
pub mod command;
pub mod defaults;
pub mod exact;
pub mod fingerprint;
pub mod fs;
pub mod insert;
pub mod limits;
pub mod memory;
pub mod operators;
pub mod orc;
pub mod progress;
pub mod python;
pub mod query;
pub mod resolver;
pub mod reuse;
pub mod save;
pub mod server;
pub mod session;
pub mod sink;
pub mod source;
pub mod state;

pub use analysis::SPARK_VERSION;
pub use progress::{Progress, ProgressSnapshot};
pub use query::{Prepared, ResultStream};
pub use server::{Server, ServerConfig};
pub use session::Session;
