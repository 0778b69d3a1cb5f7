//! Array, map, struct, higher-order and generator functions.
//!
//! Most array functions share one technique: elements are compared as rows of Arrow's row format
//! ([`rows`]), a function decides which elements its result has, as indices, and [`lists`] takes
//! them in one kernel call.

pub mod array;
pub mod external;
pub mod generator;
pub mod geo;
pub mod keywords;
pub mod lambda;
mod lists;
pub mod map;
mod rows;
pub mod structs;
pub mod variant;

use vonk_expr::FunctionSpec;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    [
        array::SPECS,
        array::vector::SPECS,
        map::SPECS,
        structs::SPECS,
        generator::SPECS,
        lambda::SPECS,
        variant::SPECS,
        external::SPECS,
        geo::SPECS,
        &[&keywords::SQL_KEYWORDS],
    ]
    .concat()
}
