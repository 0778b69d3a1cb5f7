//! Dates, times and timestamps, intervals, and their text forms.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry.

use vonk_expr::FunctionSpec;

pub mod add;
pub mod args;
pub mod cast_alias;
pub mod extract;
pub mod fields;
pub mod format;
pub mod intervals;
pub mod make;
pub mod nanos;
pub mod now;
pub mod parse;
pub mod pattern;
pub mod time;
pub mod truncate;
pub mod units;
pub mod unix;
pub mod window;
pub mod zones;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    let families = [
        add::SPECS,
        cast_alias::SPECS,
        extract::SPECS,
        fields::SPECS,
        format::SPECS,
        intervals::SPECS,
        make::SPECS,
        nanos::SPECS,
        now::SPECS,
        parse::SPECS,
        time::SPECS,
        truncate::SPECS,
        units::SPECS,
        unix::SPECS,
        window::SPECS,
        zones::SPECS,
    ];
    families.into_iter().flatten().collect()
}
