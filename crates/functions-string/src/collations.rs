//! `collations()`: a table of all collations.

use vonk_common::SparkResult;
use vonk_expr::spec::Body;
use vonk_expr::{FnContext, FunctionSpec, GeneratorCall, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use crate::collation::locales;

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::new("collations", "table_funcs", Body::Generator(build))
    .usage("A table of the collations: language, country, sensitivity, padding.")];

/// The version of ICU that Spark names for the languages' collations.
const ICU: &str = "78.3.0.0";

/// What may stand behind a locale, in the order of the names.
const MODIFIERS: [&str; 8] = ["", "_AI", "_AI_RTRIM", "_CI", "_CI_AI", "_CI_AI_RTRIM", "_CI_RTRIM", "_RTRIM"];

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 0..=0)?;
    let column = |name: &str, nullable| StructField::new(name, DataType::STRING, nullable);
    let columns = vec![
        column("CATALOG", false),
        column("SCHEMA", false),
        column("NAME", false),
        column("LANGUAGE", true),
        column("COUNTRY", true),
        column("ACCENT_SENSITIVITY", false),
        column("CASE_SENSITIVITY", false),
        column("PAD_ATTRIBUTE", false),
        column("ICU_VERSION", true),
    ];
    let text = |value: Option<&str>| match value {
        Some(v) => Literal::string(v),
        None => Literal::Null(DataType::STRING),
    };
    let row = |name: String, language: Option<&str>, country: Option<&str>, icu: Option<&str>| {
        let accent = if name.contains("_AI") { "ACCENT_INSENSITIVE" } else { "ACCENT_SENSITIVE" };
        let case = name.contains("_CI") || name.starts_with("UTF8_LCASE");
        let case = if case { "CASE_INSENSITIVE" } else { "CASE_SENSITIVE" };
        let pad = if name.ends_with("_RTRIM") { "RTRIM" } else { "NO_PAD" };
        let values =
            [Some("SYSTEM"), Some("BUILTIN"), Some(&name), language, country, Some(accent), Some(case), Some(pad), icu];
        Literal::Struct(columns.clone(), values.into_iter().map(text).collect())
    };
    let mut rows = vec![];
    for name in ["UTF8_BINARY", "UTF8_LCASE", "UTF8_BINARY_RTRIM", "UTF8_LCASE_RTRIM"] {
        rows.push(row(name.to_string(), None, None, None));
    }
    for locale in locales() {
        for modifier in MODIFIERS {
            rows.push(row(format!("{}{modifier}", locale.name), locale.language, locale.country, Some(ICU)));
        }
    }
    let rows = Literal::Array(DataType::structure(columns.clone()), rows);
    Ok(GeneratorCall { rows: TypedExpr::literal(&rows)?, columns, outer: false })
}
