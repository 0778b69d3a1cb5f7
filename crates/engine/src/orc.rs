//! ORC files, read and written: Spark's types in the file's own terms, and nothing of sources or sinks.
//!
//! A file is stripes of rows and a [`tail`] that says where they are and of which [`types`]. A stripe holds
//! streams of each column in compressed [`blocks`]; [`decode`] makes arrays of them, [`conform`] gives those
//! the types that a query asks for, [`encode`] and [`write`] go the other way. Everything that a file says
//! of itself is checked before it is believed, and memory grows with bytes that were read, never with a
//! number found in them.
//!
//! Not here: indexes and statistics (no stripe is skipped for a filter), bloom filters, encryption, unions,
//! and the codecs LZO and Brotli.

pub mod blocks;
mod conform;
mod decode;
mod encode;
mod integers;
mod messages;
pub mod read;
mod runs;
pub mod tail;
mod texts;
mod types;
pub mod write;

/// What is wrong with a file, for the log: users are told which file it is.
pub type Malformed = String;
type Orc<T> = Result<T, Malformed>;

/// The message for streams that end too early.
fn ended() -> Malformed {
    "a stream ends before its values".into()
}
