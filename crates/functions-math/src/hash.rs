//! Hashes and digests.

pub mod digest;
pub mod fold;
pub mod murmur3;

use vonk_expr::FunctionSpec;

pub fn specs() -> Vec<&'static FunctionSpec> {
    [digest::SPECS, fold::SPECS].concat()
}
