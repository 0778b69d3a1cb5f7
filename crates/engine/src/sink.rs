//! Writing: files in a staging folder first, moved into place when all of them are complete.
//!
//! A write that fails or is dropped leaves nothing behind and what was there untouched. [`write`]
//! runs a plan into files; [`encode`], [`stage`] and `tasks` are its parts.

pub mod encode;
pub mod python;
pub mod stage;
mod tasks;
pub mod write;

pub use write::{Overwrite, WriteJob, WriteStats, write};
