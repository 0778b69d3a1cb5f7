//! Names that Spark lists among its functions, and that are no functions here: grammar that the
//! analyzer knows itself, and what needs a JVM.
//!
//! They are in the registry to be listed and described; a call ends in Spark's error, or says what
//! is not supported.

use vonk_common::error::{DOCROOT, quote_id, search_path};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, GeneratorCall, TypedExpr};

const WORKER_LOGS: &str = "spark.sql.pyspark.worker.logging.enabled";

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("case", "conditional_funcs", unresolved).usage(
        "CASE expr WHEN value THEN result [WHEN …] [ELSE other] END - The result of the first WHEN that is equal.",
    ),
    &FunctionSpec::scalar("cast", "conversion_funcs", cast)
        .usage("cast(expr AS type) - The value as one of another type; also written expr :: type."),
    &FunctionSpec::new("grouping", "agg_funcs", Body::Aggregate(grouping))
        .usage("grouping(col) - 1 where the grouping set leaves the column out, else 0."),
    &FunctionSpec::new("grouping_id", "agg_funcs", Body::Aggregate(grouping))
        .usage("grouping_id([col[, …]]) - grouping() of the columns as the bits of a number."),
    &FunctionSpec::new("range", "table_funcs", Body::Generator(range))
        .usage("range([start,] end[, step[, numSlices]]) - A table of the numbers from start to end."),
    &FunctionSpec::scalar("reflect", "misc_funcs", reflect)
        .aliases(&["java_method"])
        .usage("reflect(class, method[, arg[, …]]) - The result of a method of a Java class: Vonk has none."),
    &FunctionSpec::scalar("try_reflect", "misc_funcs", reflect)
        .usage("try_reflect(class, method[, arg[, …]]) - As reflect, NULL where the method fails: Vonk has none."),
    &FunctionSpec::new("measure", "agg_funcs", Body::Aggregate(measure))
        .usage("measure(expr) - The value of a measure of a metric view: Vonk has none."),
    &FunctionSpec::new("python_worker_logs", "table_funcs", Body::Generator(worker_logs))
        .table_only()
        .usage("python_worker_logs() - A table of what Python workers have logged."),
];

fn unresolved(ctx: &FnContext, _: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    Err(SparkError::new("UNRESOLVED_ROUTINE")
        .param("routineName", quote_id([&*ctx.name]))
        .param("searchPath", search_path(&ctx.facts.current_catalog, &ctx.facts.current_database))
        .at(ctx.origin.clone()))
}

/// `cast` without AS.
fn cast(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
        .param("docroot", DOCROOT)
        .param("functionName", quote_id([&*ctx.name]))
        .param("expectedNum", 0)
        .param("actualNum", args.len())
        .at(ctx.origin.clone()))
}

/// Where the analyzer does not see to it.
fn grouping(ctx: &FnContext, _: AggregateCall) -> SparkResult<TypedExpr> {
    Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION").at(ctx.origin.clone()))
}

/// As a table it is a relation of the analyzer's.
fn range(ctx: &FnContext, _: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    Err(SparkError::new("NOT_A_SCALAR_FUNCTION").param("functionName", quote_id([&*ctx.name])).at(ctx.origin.clone()))
}

fn reflect(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    Err(SparkError::unsupported(format!("{}: there are no Java classes here", ctx.name)).at(ctx.origin.clone()))
}

fn measure(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    Err(SparkError::unsupported("measure: there are no metric views here").at(ctx.origin.clone()))
}

/// Refused as long as the setting is off, and after that because Vonk has no such thing.
fn refused(ctx: &FnContext, feature: &str, key: &str) -> SparkError {
    let on = ctx.facts.conf.get(key).is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let error = match on {
        true => SparkError::unsupported(format!("{}: {feature}", ctx.name)),
        false => SparkError::not_enabled(feature, key),
    };
    error.at(ctx.origin.clone())
}

fn worker_logs(ctx: &FnContext, _: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    Err(refused(ctx, "Python Worker Logging", WORKER_LOGS))
}
