//! String, regular expression, URL, JSON, CSV and XML functions.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry.

use vonk_expr::FunctionSpec;

pub mod aes;
pub mod ascii;
pub mod base;
pub mod case;
pub mod chars;
pub mod charset;
pub mod collation;
pub mod collations;
pub mod concat;
pub mod csv;
pub mod distance;
pub mod fixed;
pub mod format_number;
pub mod format_string;
pub mod formats;
pub mod java_regex;
pub mod json;
pub mod length;
pub mod like;
pub mod like_many;
pub mod mask;
pub mod number_format;
pub mod pad;
pub mod position;
pub mod regexp;
pub mod repeat;
pub mod replace;
pub mod sentences;
pub mod split;
pub mod substring;
pub mod trim;
pub mod url;
pub mod utf8;
pub mod xml;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    let families = [
        aes::SPECS,
        ascii::SPECS,
        base::SPECS,
        case::SPECS,
        charset::SPECS,
        collation::SPECS,
        collations::SPECS,
        concat::SPECS,
        csv::SPECS,
        distance::SPECS,
        fixed::SPECS,
        format_number::SPECS,
        format_string::SPECS,
        length::SPECS,
        like::SPECS,
        like_many::SPECS,
        mask::SPECS,
        number_format::SPECS,
        pad::SPECS,
        position::SPECS,
        regexp::SPECS,
        repeat::SPECS,
        replace::SPECS,
        sentences::SPECS,
        split::SPECS,
        substring::SPECS,
        trim::SPECS,
        url::SPECS,
        utf8::SPECS,
        xml::from_xml::SPECS,
        xml::to_xml::SPECS,
        xml::xpath::SPECS,
    ];
    families.into_iter().flatten().chain(json::specs()).collect()
}
