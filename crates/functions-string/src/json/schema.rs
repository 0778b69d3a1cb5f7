//! Schemas and options that are given as arguments: shared by the JSON, CSV and XML functions.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::common::ScalarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::{Call, FnContext, TypedExpr, Want};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, json};
use vonk_sql::{ParseOptions, parse_data_type, parse_table_schema};

/// The type that a constant schema argument says: a type, a column list or JSON.
pub fn schema_argument(ctx: &FnContext, arg: &TypedExpr) -> SparkResult<DataType> {
    let text = match arg.constant()? {
        Some(ScalarValue::Utf8(Some(text))) if arg.data_type.is_string() => text,
        _ => {
            return Err(SparkError::new("INVALID_SCHEMA.NON_STRING_LITERAL")
                .param("inputSchema", arg.quoted_sql())
                .at(ctx.origin.clone()));
        }
    };
    if text.trim_start().starts_with(['{', '"'])
        && let Ok(ty) = json::parse(&text)
    {
        return Ok(ty);
    }
    let options = ParseOptions::new(&ctx.facts.conf);
    if text.trim().is_empty() {
        return Err(SparkError::new("PARSE_EMPTY_STATEMENT"));
    }
    parse_data_type(&text, &options)
        .or_else(|e| parse_table_schema(&text, &options).map(DataType::Struct).map_err(|_| e))
        .map_err(|e| e.at(ctx.origin.clone()))
}

/// The options in a `map(…)` of strings, with keys in lower case.
pub fn options_argument(ctx: &FnContext, arg: Option<&TypedExpr>) -> SparkResult<Options> {
    let Some(arg) = arg else { return Ok(Options::new()) };
    let fault = |sub_class: &str| SparkError::new(format!("INVALID_OPTIONS.{sub_class}")).at(ctx.origin.clone());
    let written = arg.sql.to_string().starts_with("map(");
    match (&arg.data_type, written) {
        (DataType::Map(k, v, _), true) if k.is_string() && v.is_string() => {}
        (DataType::Map(..), true) if arg.sql.to_string() == "map()" => return Ok(Options::new()),
        (DataType::Map(..), true) => {
            return Err(fault("NON_STRING_TYPE").param("mapType", quote_sql(arg.data_type.sql())));
        }
        _ => return Err(fault("NON_MAP_FUNCTION")),
    }
    let Some(ScalarValue::Map(map)) = arg.constant()? else { return Err(fault("NON_MAP_FUNCTION")) };
    let (keys, values) = (map.keys(), map.values());
    let (Some(keys), Some(values)) = (keys.as_string_opt::<i32>(), values.as_string_opt::<i32>()) else {
        return Ok(Options::new());
    };
    Ok((0..keys.len())
        .filter(|i| values.is_valid(*i))
        .map(|i| (keys.value(i).to_ascii_lowercase(), values.value(i).to_string()))
        .collect())
}

/// Session settings that reading and writing depend on besides the time zone.
const SETTINGS: [&str; 5] = [
    "spark.sql.legacy.timeParserPolicy",
    "spark.sql.timestampType",
    "spark.sql.columnNameOfCorruptRecord",
    "spark.sql.jsonGenerator.ignoreNullFields",
    "spark.sql.caseSensitive",
];

/// Options and settings as a kernel's parameters.
pub fn to_params(ctx: &FnContext, options: &Options) -> Vec<String> {
    let settings: Options = SETTINGS
        .iter()
        .filter_map(|k| ctx.facts.conf.get_explicit(k).map(|v| (k.to_string(), v.to_string())))
        .collect();
    let text = |m: &Options| serde_json::to_string(m).unwrap_or_default();
    vec![text(options), text(&settings)]
}

/// What [`to_params`] wrote.
pub fn from_params(call: &Call) -> (Options, SessionConf) {
    let read = |i: usize| serde_json::from_str::<Options>(call.param(i)).unwrap_or_default();
    let mut conf = SessionConf::new();
    for (key, value) in read(1) {
        conf.force(key, value);
    }
    conf.force("spark.sql.session.timeZone", call.time_zone.to_string());
    (read(0), conf)
}

/// The name of the column that bad records go to.
pub fn corrupt_column(options: &Options, conf: &SessionConf) -> String {
    let own = options.get("columnnameofcorruptrecord").map(String::as_str);
    own.or(conf.get("spark.sql.columnNameOfCorruptRecord")).unwrap_or("_corrupt_record").to_string()
}

/// The error of the FAILFAST mode.
pub fn failed_fast() -> SparkError {
    SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
        .param("badRecord", "[null]")
        .param("failFastMode", "FAILFAST")
}

/// The first argument, a string: these functions cast nothing else to one.
pub fn text_only(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<Vec<TypedExpr>> {
    let args: Vec<_> = args.into_iter().take(1).collect();
    match args.first().map(|a| &a.data_type) {
        Some(t) if !t.is_string() && *t != DataType::Null => Err(ctx.unexpected_type(&args, 0, "\"STRING\"")),
        _ => ctx.coerce(args, 1, &[Want::Str]),
    }
}

/// A constant text for the inference of a schema.
pub fn sample(ctx: &FnContext, args: &[TypedExpr], name: &str) -> SparkResult<String> {
    let Some(arg) = args.first() else { return Err(SparkError::internal("no sample")) };
    if !arg.foldable {
        let wanted = vonk_common::error::quote_sql(arg.data_type.sql());
        return Err(ctx.non_foldable(&ctx.sql(&args[..1]), name, wanted, arg));
    }
    if !matches!(arg.data_type, DataType::String(None) | DataType::Null) {
        return Err(ctx.unexpected_type(&args[..1], 0, "\"STRING\""));
    }
    match arg.constant_str(&ctx.name, name)? {
        Some(text) => Ok(text),
        None => Err(ctx.mismatch("UNEXPECTED_NULL", &args[..1]).param("exprName", name)),
    }
}
