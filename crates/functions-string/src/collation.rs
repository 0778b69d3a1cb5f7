//! `collate` and `collation`.

use vonk_common::{SparkError, SparkResult};
use vonk_expr::{FnContext, FunctionSpec, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, UTF8_BINARY};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("collate", "string_funcs", collate).usage("The string under a collation."),
    FunctionSpec::scalar("collation", "string_funcs", collation).usage("The full name of a string's collation."),
];

/// Locale, language and country, a line each.
const LOCALES: &str = include_str!("collation/locales.txt");

/// A locale that collations are named for.
pub struct Locale {
    pub name: &'static str,
    pub language: Option<&'static str>,
    pub country: Option<&'static str>,
}

/// All locales in order, `UNICODE` (the root) first.
pub fn locales() -> impl Iterator<Item = Locale> {
    let root = Locale { name: "UNICODE", language: None, country: None };
    std::iter::once(root).chain(LOCALES.lines().filter_map(|line| {
        let mut parts = line.split('|');
        let name = parts.next()?;
        let mut part = || parts.next().filter(|p| !p.is_empty());
        Some(Locale { name, language: part(), country: part() })
    }))
}

/// The collation's name as Spark writes it; `None` if there is none of that name.
pub fn canonical(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let (base, trim) = match upper.strip_suffix("_RTRIM") {
        Some(base) => (base, "_RTRIM"),
        None => (upper.as_str(), ""),
    };
    if matches!(base, "UTF8_BINARY" | "UTF8_LCASE") {
        return Some(format!("{base}{trim}"));
    }
    let mut rest = base;
    let (mut case, mut accent) = ("", "");
    loop {
        let cut = |suffixes: [&str; 2]| suffixes.iter().find_map(|s| rest.strip_suffix(s));
        if let Some(shorter) = cut(["_CI", "_CS"]) {
            case = if rest.ends_with("_CI") { "_CI" } else { "" };
            rest = shorter;
        } else if let Some(shorter) = cut(["_AI", "_AS"]) {
            accent = if rest.ends_with("_AI") { "_AI" } else { "" };
            rest = shorter;
        } else {
            break;
        }
    }
    let locale = locales().find(|l| l.name.eq_ignore_ascii_case(rest))?.name;
    Some(format!("{locale}{case}{accent}{trim}"))
}

fn collate(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 2, &[Want::Str, Want::Str])?;
    let sql = ctx.sql(&args);
    let name = match args.get(1) {
        Some(n) => n.constant_str(&ctx.name, "collation")?,
        None => None,
    };
    let Some(name) = name else {
        return Err(ctx.mismatch("UNEXPECTED_NULL", &args).param("exprName", "collation"));
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let Some(canonical) = canonical(last) else {
        return Err(SparkError::new("COLLATION_INVALID_NAME")
            .param("collationName", last)
            .param("proposals", proposals(last))
            .at(ctx.origin.clone()));
    };
    let Some(mut out) = args.into_iter().next() else { return Err(SparkError::internal("collate")) };
    out.data_type = DataType::String(Some(canonical.as_str()).filter(|c| *c != UTF8_BINARY).map(Into::into));
    out.sql = sql;
    out.name = None;
    Ok(out.at(ctx.origin.clone()))
}

/// The names nearest to a wrong one.
fn proposals(name: &str) -> String {
    let wanted = name.to_lowercase();
    let mut near: Vec<&str> = LOCALES
        .split_whitespace()
        .chain(["UNICODE", "UTF8_BINARY", "UTF8_LCASE"])
        .filter(|l| wanted.starts_with(&l.to_lowercase()) || wanted.ends_with(&l.to_lowercase()))
        .collect();
    near.truncate(3);
    near.join(", ")
}

fn collation(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    let name = match args.first().map(|a| &a.data_type) {
        Some(DataType::String(Some(c))) => c.to_string(),
        _ => UTF8_BINARY.to_string(),
    };
    let mut out = TypedExpr::literal(&Literal::string(format!("SYSTEM.BUILTIN.{name}")))?.at(ctx.origin.clone());
    out.sql = ctx.sql(&args);
    Ok(out)
}
