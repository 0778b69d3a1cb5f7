//! Operators, math, bitwise, conditional, hash and miscellaneous functions.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry.

use vonk_expr::FunctionSpec;

pub mod hash;
pub mod math;
pub mod misc;
pub mod operator;
mod support;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    [operator::specs(), math::specs(), hash::specs(), misc::specs()].concat()
}
