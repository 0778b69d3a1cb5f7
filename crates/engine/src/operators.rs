//! Physical operators of our own, and how logical nodes of ours become them.

pub mod gather;
pub mod generate;
pub mod planner;
pub mod python;
pub mod random;
pub mod rows;
