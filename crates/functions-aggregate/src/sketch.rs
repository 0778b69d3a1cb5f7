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
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spec::ParameterDefault;
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};

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

/// The value of a parameter that must be constant and no NULL, as `k` and `mode` of the newer sketches must.
fn parameter(ctx: &FnContext, sql: &SqlText, args: &[TypedExpr], index: usize, name: &str) -> SparkResult<ScalarValue> {
    let mismatch = |class: &str| {
        SparkError::new(format!("DATATYPE_MISMATCH.{class}"))
            .param("sqlExpr", vonk_common::error::quote_sql(sql))
            .at(ctx.origin.clone())
    };
    let Some(arg) = args.get(index) else { return Err(SparkError::internal("a parameter is due")) };
    match arg.constant()? {
        Some(v) if v.is_null() => Err(mismatch("UNEXPECTED_NULL").param("exprName", name)),
        Some(v) => Ok(v),
        None => Err(ctx.non_foldable(sql, name, arg.data_type.sql().to_lowercase(), arg)),
    }
}

/// The error of a parameter's value, as Spark wraps it.
fn wrong_parameter(ctx: &FnContext, sql: &SqlText, cause: SparkError) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
        .param("sqlExpr", vonk_common::error::quote_sql(sql))
        .param("msg", cause)
        .param("hint", "")
        .at(ctx.origin.clone())
}

/// The whole number that a checked parameter is.
fn whole(value: &ScalarValue) -> i64 {
    value.to_string().parse().unwrap_or_default()
}
