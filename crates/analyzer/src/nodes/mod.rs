//! Logical operators that DataFusion does not have. Their physical operators are the engine's.

pub mod alone;
pub mod choose;
pub mod generate;
pub mod hinted;
mod one_input;
pub mod place;
pub mod python;
pub mod recursion;
pub mod row_id;
