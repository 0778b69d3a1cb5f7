//! Logical operators that DataFusion does not have. Their physical operators are the engine's.

pub mod generate;
pub mod python;
pub mod sample;
pub mod tail;
