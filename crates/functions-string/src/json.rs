//! JSON functions.

mod big_number;
pub mod from_json;
pub mod path;
pub mod schema;
pub mod shape;
mod steps;
pub mod table;
pub mod to_json;

use vonk_expr::FunctionSpec;

/// Every function on JSON text.
pub fn specs() -> impl Iterator<Item = &'static FunctionSpec> {
    [from_json::SPECS, path::SPECS, shape::SPECS, to_json::SPECS].into_iter().flatten()
}
