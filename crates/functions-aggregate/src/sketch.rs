//! Sketches: small summaries of many values that can be stored and merged.
//!
//! HLL, theta and tuple sketches are all kept as the least hashes of their keys ([`theta`]), KLL
//! sketches as weighted values ([`kll`]). The bytes are a format of our own: they are exchanged
//! between these functions, not with other engines. `count_min_sketch` has Spark's own bytes.

pub mod count_min;
mod frequent;
mod items;
pub mod kll;
pub mod kll_functions;
pub mod theta;
pub mod theta_aggregates;
pub mod theta_functions;
pub mod top_k;
pub mod top_k_state;

use datafusion::common::ScalarValue;
use vonk_common::SparkResult;
use vonk_expr::spec::ParameterDefault;
use vonk_expr::{FunctionSpec, TypedExpr};

use crate::udaf::Aggregate;

/// Of the last two parameters of tuple sketches: the size's logarithm, and what becomes of a key's summaries.
const LG_K_AND_MODE: &[ParameterDefault] = &[ParameterDefault::Int(12), ParameterDefault::Text("sum")];

pub fn specs() -> Vec<&'static FunctionSpec> {
    [
        count_min::SPECS,
        kll_functions::SPECS,
        theta_aggregates::SPECS,
        theta_functions::SPECS,
        top_k::SPECS,
        top_k_state::SPECS,
    ]
    .concat()
}

pub const AGGREGATES: &[&Aggregate] =
    &[&count_min::COUNT_MIN, &kll_functions::KLL, &theta_aggregates::SKETCH, &top_k::TOP_K];

/// The number in a constant argument.
fn constant_number(arg: Option<&TypedExpr>, default: i64) -> SparkResult<i64> {
    let Some(arg) = arg else { return Ok(default) };
    Ok(match arg.constant()? {
        Some(v) if !v.is_null() => v.to_string().parse().unwrap_or(default),
        _ => default,
    })
}

/// The word in a constant argument, in lower case.
fn constant_word(arg: Option<&TypedExpr>, default: &str) -> SparkResult<String> {
    let Some(arg) = arg else { return Ok(default.to_string()) };
    Ok(match arg.constant()? {
        Some(ScalarValue::Utf8(Some(v))) => v.to_lowercase(),
        _ => default.to_string(),
    })
}
