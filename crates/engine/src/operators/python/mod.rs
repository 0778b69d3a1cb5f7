//! Python user code as operators: rows go to workers as frames, what comes back is joined to what
//! stayed here. Columns that no function asked for are never sent.
//!
//! [`exec`] is the operator of one input, [`cogroups`] that of two; [`cluster`] brings groups together, [`groups`]
//! finds them in such an input, [`align`] holds rows until their results are there, [`plan`] makes operators of nodes.

pub mod align;
pub mod cluster;
pub mod cogroups;
pub mod exec;
pub mod groups;
pub mod number;
pub mod plan;
mod regroup;
pub mod scan;
pub mod session;
pub mod windows;
