//! Array, map, struct, higher-order, generator and variant functions.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry.

use vonk_expr::FunctionSpec;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    vec![]
}
