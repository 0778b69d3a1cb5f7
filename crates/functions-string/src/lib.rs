//! String, regular expression, URL, JSON, CSV and XML functions.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry.

use vonk_expr::FunctionSpec;

pub mod ascii;
pub mod base;
pub mod case;
pub mod chars;
pub mod concat;
pub mod java_regex;
pub mod length;
pub mod like;
pub mod pad;
pub mod position;
pub mod regexp;
pub mod repeat;
pub mod replace;
pub mod split;
pub mod substring;
pub mod trim;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    [
        ascii::SPECS,
        base::SPECS,
        case::SPECS,
        concat::SPECS,
        length::SPECS,
        like::SPECS,
        pad::SPECS,
        position::SPECS,
        regexp::SPECS,
        repeat::SPECS,
        replace::SPECS,
        split::SPECS,
        substring::SPECS,
        trim::SPECS,
    ]
    .concat_refs()
}

trait ConcatRefs {
    fn concat_refs(&self) -> Vec<&'static FunctionSpec>;
}

impl<const N: usize> ConcatRefs for [&'static [FunctionSpec]; N] {
    fn concat_refs(&self) -> Vec<&'static FunctionSpec> {
        self.iter().flat_map(|family| family.iter()).collect()
    }
}
