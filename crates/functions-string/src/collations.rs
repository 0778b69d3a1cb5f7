//! `collations()`: a table of all collations.

use vonk_common::SparkResult;
use vonk_expr::spec::Body;
use vonk_expr::{FnContext, FunctionSpec, GeneratorCall, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::collation::locales;
use vonk_plan::types::{DataType, StructField};

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::new("collations", "table_funcs", Body::Generator(build))
    .table_only()
    .usage("A table of the collations: language, country, sensitivity, padding.")];

/// The version of ICU that Spark names for the languages' collations.
const ICU: &str = "78.3.0.0";

/// What may stand behind a locale, in the order of the names.
const MODIFIERS: [&str; 8] = ["", "_AI", "_AI_RTRIM", "_CI", "_CI_AI", "_CI_AI_RTRIM", "_CI_RTRIM", "_RTRIM"];

/// Names of the columns, and whether they may be NULL.
pub const COLUMNS: [(&str, bool); 9] = [
    ("CATALOG", false),
    ("SCHEMA", false),
    ("NAME", false),
    ("LANGUAGE", true),
    ("COUNTRY", true),
    ("ACCENT_SENSITIVITY", false),
    ("CASE_SENSITIVITY", false),
    ("PAD_ATTRIBUTE", false),
    ("ICU_VERSION", true),
];

/// The table of all collations.
pub fn rows() -> impl Iterator<Item = [Option<String>; 9]> {
    let plain = ["UTF8_BINARY", "UTF8_LCASE", "UTF8_BINARY_RTRIM", "UTF8_LCASE_RTRIM"];
    let plain = plain.into_iter().map(|name| row(name.to_string(), None, None, None));
    let of_locales = locales().flat_map(|locale| {
        let name = move |modifier| format!("{}{modifier}", locale.name);
        MODIFIERS.into_iter().map(move |m| row(name(m), locale.language, locale.country, Some(ICU)))
    });
    plain.chain(of_locales)
}

fn row(name: String, language: Option<&str>, country: Option<&str>, icu: Option<&str>) -> [Option<String>; 9] {
    let accent = if name.contains("_AI") { "ACCENT_INSENSITIVE" } else { "ACCENT_SENSITIVE" };
    let case = name.contains("_CI") || name.starts_with("UTF8_LCASE");
    let case = if case { "CASE_INSENSITIVE" } else { "CASE_SENSITIVE" };
    let pad = if name.ends_with("_RTRIM") { "RTRIM" } else { "NO_PAD" };
    [Some("SYSTEM"), Some("BUILTIN"), Some(&*name), language, country, Some(accent), Some(case), Some(pad), icu]
        .map(|cell| cell.map(str::to_string))
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 0..=0)?;
    let columns = COLUMNS.map(|(name, nullable)| StructField::new(name, DataType::STRING, nullable)).to_vec();
    let text = |cell: Option<String>| match cell {
        Some(text) => Literal::string(text),
        None => Literal::Null(DataType::STRING),
    };
    let rows = rows().map(|row| Literal::Struct(columns.clone(), row.into_iter().map(text).collect())).collect();
    let rows = Literal::Array(DataType::structure(columns.clone()), rows);
    Ok(GeneratorCall { rows: TypedExpr::literal(&rows)?, columns, outer: false })
}
