//! Text formats: JSON and CSV records to columns and back, and the inference of their schemas. File
//! sources and sinks use these as `from_json`, `to_csv` and their kin do.

pub mod convert;
pub mod csv;
pub mod json;
pub mod json_text;
pub mod options;
pub mod single_variant;
pub mod variant;
pub mod write;
