//! Arguments of type VOID that become the literal NULL, constant and so named.
//!
//! Spark gives an argument of no type the type that is expected. Functions that cast implicitly do so by a cast, which
//! is not shown; those that only expect (`ExpectsInputTypes`) get a literal. Functions that check their
//! arguments by `FnContext::expect` need not be listed; these here are more lenient in other ways.

use vonk_expr::TypedExpr;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::call::{contains_aggregate, contains_window};

const LITERAL: &[&str] = &[
    "array_distinct",
    "array_join",
    "arrays_zip",
    "bit_and",
    "bit_or",
    "bit_xor",
    "cardinality",
    "count_min_sketch",
    "date_add",
    "date_sub",
    "dateadd",
    "from_csv",
    "from_xml",
    "hll_sketch_agg",
    "hll_union_agg",
    "is_valid_variant",
    "is_variant_null",
    "kll_merge_agg_bigint",
    "kll_merge_agg_double",
    "kll_merge_agg_float",
    "kll_sketch_agg_bigint",
    "kll_sketch_agg_double",
    "kll_sketch_agg_float",
    "map_entries",
    "map_from_arrays",
    "map_keys",
    "map_values",
    "mask",
    "parse_json",
    "rand",
    "randn",
    "random",
    "randstr",
    "schema_of_variant",
    "schema_of_variant_agg",
    "shuffle",
    "size",
    "sort_array",
    "theta_intersection_agg",
    "theta_sketch_agg",
    "theta_union_agg",
    "time_bucket",
    "timestamp_micros",
    "timestamp_millis",
    "timestamp_seconds",
    "to_csv",
    "to_json",
    "to_xml",
    "try_parse_json",
    "try_variant_array_append",
    "try_variant_get",
    "uniform",
    "unix_micros",
    "unix_millis",
    "unix_nanos",
    "unix_seconds",
    "variant_array_append",
    "variant_delete",
    "variant_get",
    "variant_strip_nulls",
    "xpath",
    "xpath_boolean",
    "xpath_double",
    "xpath_float",
    "xpath_int",
    "xpath_long",
    "xpath_number",
    "xpath_short",
    "xpath_string",
    "~",
];

/// The arguments of a call as the function named so sees them.
pub fn literal_nulls(name: &str, args: &mut [TypedExpr]) {
    // What makes the query one of groups or windows goes on doing so.
    let plain = |a: &TypedExpr| !contains_aggregate(&a.expr) && !contains_window(&a.expr);
    let void = |a: &TypedExpr| a.data_type == DataType::Null && a.as_literal().is_none() && plain(a);
    if !LITERAL.contains(&name) {
        return;
    }
    for arg in args.iter_mut().filter(|a| void(a)) {
        if let Ok(null) = TypedExpr::literal(&Literal::Null(DataType::Null)) {
            *arg = null.at(arg.origin.clone());
        }
    }
}
