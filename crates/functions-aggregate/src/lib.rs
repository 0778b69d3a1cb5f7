//! Aggregate and window functions, sketches.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry. Aggregates of our own are [`udaf::Aggregate`] statics,
//! found again by name with [`aggregate`].

use vonk_expr::FunctionSpec;

pub mod avg;
mod build;
pub mod count;
mod distinct;
pub mod first_last;
mod groups;
pub mod min_max;
mod sliding;
pub mod sum;
pub mod udaf;
pub mod window;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    [avg::SPECS, count::SPECS, first_last::SPECS, min_max::SPECS, sum::SPECS, window::SPECS].concat()
}

/// Every aggregate of this crate.
const AGGREGATES: &[&udaf::Aggregate] = &[&avg::AVG, &first_last::FIRST, &first_last::LAST, &sum::SUM];

/// The aggregate of that name, for plans that come back from the wire.
pub fn aggregate(name: &str) -> Option<&'static udaf::Aggregate> {
    AGGREGATES.iter().copied().find(|a| a.name == name)
}
