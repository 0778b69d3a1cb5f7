//! Functions over maps.

pub mod construct;
pub mod parts;

use vonk_expr::FunctionSpec;

pub static SPECS: &[&FunctionSpec] = &[
    &construct::MAP,
    &construct::MAP_FROM_ARRAYS,
    &construct::MAP_FROM_ENTRIES,
    &construct::MAP_CONCAT,
    &parts::MAP_KEYS,
    &parts::MAP_VALUES,
    &parts::MAP_ENTRIES,
    &parts::MAP_CONTAINS_KEY,
];
