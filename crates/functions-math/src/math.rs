//! Math functions.

pub mod conversion;
pub mod factorial;
pub mod random;
pub mod rounding;
pub mod sign;
pub mod trigonometry;
pub mod width_bucket;

use vonk_expr::FunctionSpec;

pub fn specs() -> Vec<&'static FunctionSpec> {
    [
        conversion::SPECS,
        factorial::SPECS,
        random::SPECS,
        rounding::SPECS,
        sign::SPECS,
        trigonometry::SPECS,
        width_bucket::SPECS,
    ]
    .concat()
}
