//! Functions about types, the session, files and bitmaps, and those that raise errors on purpose.

pub mod bitmap;
pub mod checked;
pub mod errors;
pub mod session;
pub mod values;

use vonk_expr::FunctionSpec;

pub fn specs() -> Vec<&'static FunctionSpec> {
    [bitmap::SPECS, checked::SPECS, errors::SPECS, session::SPECS, values::SPECS].concat()
}
