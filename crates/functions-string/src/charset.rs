//! `encode`, `decode` (of charsets, and Oracle's choice by equality), `to_binary`, `try_to_binary`.

use datafusion::arrow::array::{BinaryArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr, Operator, binary_expr, when};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::coercion::{common_type, comparison_operands};
use vonk_expr::collation::{self, Collating};
use vonk_expr::columns::{binary_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::sealed::forgiving;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null, spark_error};
use vonk_plan::types::DataType;

use crate::base::decode_base64;
use crate::like::quoted_literal;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("encode", "string_funcs", build_encode)
        .usage("The string's bytes in a charset.")
        .kernels(&[&ENCODE]),
    FunctionSpec::scalar("decode", "string_funcs", build_decode)
        .usage("The string of bytes in a charset; with more arguments, the result beside the equal value.")
        .kernels(&[&DECODE])
        .collating(Collating::AFTER_SECOND.silent()),
    FunctionSpec::scalar("to_binary", "string_funcs", |c, a| build_to_binary(c, a, false))
        .usage("The bytes that a string stands for, by a format.")
        .kernels(&[&TO_BINARY]),
    FunctionSpec::scalar("try_to_binary", "string_funcs", |c, a| build_to_binary(c, a, true).map(forgiving))
        .usage("As to_binary, NULL where the string does not fit.")
        .kernels(&[&TO_BINARY]),
];

static ENCODE: Kernel = Kernel::new("encode", encode);
pub static DECODE: Kernel = Kernel::new("decode", decode);
static TO_BINARY: Kernel = Kernel::new("to_binary", to_binary);

const CHARSETS: &str = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8";

fn build_encode(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(&ENCODE, args, DataType::Binary, Nullability::Always))
}

fn build_decode(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    if args.len() == 2 {
        let args = ctx.coerce(args, 2, &[Want::BINARY, Want::Str])?;
        return Ok(ctx.call(&DECODE, args, DataType::STRING, Nullability::Always));
    }
    choose(ctx, args)
}

/// The CASE that a `decode` is, in SQL.
fn case_text(value: &TypedExpr, pairs: &[&[TypedExpr]]) -> String {
    let mut out = String::from("CASE");
    let mut default = "NULL".to_string();
    for pair in pairs {
        match pair {
            [search, then] => out.push_str(&format!(" WHEN ({} <=> {}) THEN {}", value.sql, search.sql, then.sql)),
            [last] => default = last.sql.to_string(),
            _ => {}
        }
    }
    format!("{out} ELSE {default} END")
}

/// Both sides of `value <=> search` in their common type.
fn equal_types(ctx: &FnContext, value: &TypedExpr, search: &TypedExpr) -> SparkResult<(TypedExpr, TypedExpr)> {
    let mismatch = |class: &'static str| {
        SparkError::new(class)
            .at(ctx.origin.clone())
            .param("sqlExpr", quote_sql(format!("({} <=> {})", value.sql, search.sql)))
    };
    let text = |side: &TypedExpr, t: &DataType| TypedExpr { data_type: t.clone(), ..side.clone() };
    if value.data_type.is_string() && search.data_type.is_string() {
        let t = if search.data_type.is_collated() { &search.data_type } else { &value.data_type };
        return Ok((text(value, t), text(search, t)));
    }
    let Some((left, right)) = comparison_operands(&ctx.facts, value.clone(), search.clone(), true)? else {
        return Err(mismatch("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .param("left", quote_sql(value.data_type.sql()))
            .param("right", quote_sql(search.data_type.sql())));
    };
    if !left.data_type.is_orderable() {
        return Err(mismatch("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("functionName", quote_id(["<=>"]))
            .param("dataType", quote_sql(left.data_type.sql())));
    }
    Ok((left, right))
}

/// `decode(value, search, result, …, default)`: NULL equals NULL.
fn choose(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let Some((value, rest)) = args.split_first() else { return Err(SparkError::internal("decode")) };
    let pairs: Vec<&[TypedExpr]> = rest.chunks(2).collect();
    // Where no default is given, it is the NULL of a string.
    let has_default = rest.len() % 2 == 1;
    let mut ty = DataType::Null;
    let mut results: Vec<_> = pairs.iter().filter_map(|p| p.last()).map(|r| r.data_type.clone()).collect();
    results.extend((!has_default).then_some(DataType::STRING));
    for result in &results {
        ty = common_type(&ty, result, ctx.ansi()).ok_or_else(|| {
            SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
                .at(ctx.origin.clone())
                .param("sqlExpr", quote_sql(case_text(value, &pairs)))
                .param("functionName", quote_id(["casewhen"]))
                .param("dataType", format!("[\"{}\", \"{}\"]", ty.sql(), result.sql()))
        })?;
    }
    let result = |e: &TypedExpr| cast(&ctx.facts, e.clone(), &ty);
    let mut nullable = !has_default;
    let mut builder = None;
    let mut otherwise = None;
    for pair in pairs {
        match pair {
            [search, then] => {
                let (left, right) = equal_types(ctx, value, search)?;
                let key = |side: TypedExpr| collation::key(side.expr, &side.data_type);
                let is = binary_expr(key(left), Operator::IsNotDistinctFrom, key(right));
                let then = result(then)?;
                nullable |= then.nullable;
                builder = Some(match builder {
                    None => when(is, then.expr),
                    Some(mut b) => {
                        datafusion::logical_expr::conditional_expressions::CaseBuilder::when(&mut b, is, then.expr)
                    }
                });
            }
            [default] => otherwise = Some(result(default)?),
            _ => {}
        }
    }
    let Some(mut builder) = builder else { return Err(SparkError::internal("decode without pairs")) };
    let expr: Expr = match otherwise {
        Some(default) => {
            nullable |= default.nullable;
            builder.otherwise(default.expr).map_err(spark_error)?
        }
        None => builder.end().map_err(spark_error)?,
    };
    Ok(TypedExpr::new(expr, ty, nullable, sql).derived_from(&args).at(ctx.origin.clone()))
}

fn build_to_binary(ctx: &FnContext, mut args: Vec<TypedExpr>, tolerant: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let sql = ctx.sql(&args);
    let format = match args.get(1) {
        Some(f) if !f.foldable => {
            return Err(ctx.non_foldable(&sql, "fmt", "\"STRING\"", f));
        }
        Some(f) => f.constant_str(&ctx.name, "fmt")?,
        None => Some("hex".to_string()),
    };
    let known = match format.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some(f @ ("hex" | "base64")) => f.to_string(),
        Some("utf-8" | "utf8") => "utf-8".to_string(),
        None => "null".to_string(),
        Some(_) if tolerant => "null".to_string(),
        Some(_) => {
            let shown = quoted_literal(&format.unwrap_or_default());
            return Err(ctx
                .mismatch("INVALID_ARG_VALUE", &args)
                .param("inputName", "fmt")
                .param("requireType", "case-insensitive \"STRING\"")
                .param("validValues", "'hex', 'utf-8', 'utf8', or 'base64'")
                .param("inputValue", shown));
        }
    };
    args.truncate(1);
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    let nulls = if known == "base64" && !tolerant { Nullability::Args } else { Nullability::Always };
    let mut out = ctx.call_with(&TO_BINARY, args, DataType::Binary, nulls, vec![known, tolerant.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn unknown_charset(function: &str, charset: &str) -> SparkError {
    SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
        .param("functionName", quote_id([function]))
        .param("parameter", quote_id(["charset"]))
        .param("charset", charset)
        .param("charsets", CHARSETS)
}

fn malformed(function: &str, charset: &str) -> SparkError {
    SparkError::new("MALFORMED_CHARACTER_CODING").param("function", quote_id([function])).param("charset", charset)
}

fn encode(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let charset = Col::<StringArray>::new(args, 1)?;
    binary_rows(rows, |i, out| {
        let (s, charset) = not_null!(text.get(i), charset.get(i));
        let single = |limit: u32, out: &mut Vec<u8>| {
            s.chars().try_for_each(|c| {
                let code = c as u32;
                if code >= limit {
                    return Err(malformed("encode", charset));
                }
                out.push(code as u8);
                Ok(())
            })
        };
        match charset.to_ascii_uppercase().as_str() {
            "UTF-8" => out.extend_from_slice(s.as_bytes()),
            "US-ASCII" => single(0x80, out).map_err(|e| call.error(e))?,
            "ISO-8859-1" => single(0x100, out).map_err(|e| call.error(e))?,
            "UTF-16BE" => out.extend(s.encode_utf16().flat_map(u16::to_be_bytes)),
            "UTF-16LE" => out.extend(s.encode_utf16().flat_map(u16::to_le_bytes)),
            "UTF-16" => {
                if !s.is_empty() {
                    out.extend([0xfe, 0xff]);
                }
                out.extend(s.encode_utf16().flat_map(u16::to_be_bytes));
            }
            "UTF-32" => out.extend(s.chars().flat_map(|c| (c as u32).to_be_bytes())),
            _ => return Err(call.error(unknown_charset("encode", charset))),
        }
        Ok(Some(()))
    })
}

/// Text of UTF-16 code units, `None` if they are not whole.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units = bytes.chunks_exact(2).filter_map(|c| c.try_into().ok().map(unit));
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

fn decoded(bytes: &[u8], charset: &str) -> Option<Option<String>> {
    Some(match charset.to_ascii_uppercase().as_str() {
        "UTF-8" => std::str::from_utf8(bytes).ok().map(str::to_string),
        "US-ASCII" => bytes.is_ascii().then(|| bytes.iter().map(|b| char::from(*b)).collect()),
        "ISO-8859-1" => Some(bytes.iter().map(|b| char::from(*b)).collect()),
        "UTF-16BE" => utf16(bytes, u16::from_be_bytes),
        "UTF-16LE" => utf16(bytes, u16::from_le_bytes),
        "UTF-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            all => utf16(all, u16::from_be_bytes),
        },
        "UTF-32" if bytes.len().is_multiple_of(4) => {
            bytes.chunks_exact(4).map(|c| char::from_u32(u32::from_be_bytes(c.try_into().ok()?))).collect()
        }
        "UTF-32" => None,
        _ => return None,
    })
}

fn decode(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let charset = Col::<StringArray>::new(args, 1)?;
    string_rows(rows, bytes.array().value_data().len(), |i, out| {
        let (v, charset) = not_null!(bytes.get(i), charset.get(i));
        match decoded(v, charset) {
            Some(Some(text)) => out.push_str(&text),
            Some(None) => return Err(call.error(malformed("decode", charset))),
            None => return Err(call.error(unknown_charset("decode", charset))),
        }
        Ok(Some(()))
    })
}

/// Base 64 with nothing but its alphabet, blanks and right padding.
fn strict_base64(s: &str, out: &mut Vec<u8>) -> bool {
    let (mut digits, mut pads) = (0usize, 0usize);
    for b in s.bytes() {
        match b {
            b'=' => pads += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if pads == 0 => digits += 1,
            b if b.is_ascii_whitespace() => {}
            _ => return false,
        }
    }
    let whole = if pads == 0 { digits % 4 != 1 } else { pads <= 2 && (digits + pads) % 4 == 0 };
    whole && decode_base64(s, out).is_ok()
}

fn hex(s: &str, out: &mut Vec<u8>) -> bool {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let bytes = s.as_bytes();
    let (odd, pairs) = bytes.split_at(bytes.len() % 2);
    for pair in odd.chunks(1).chain(pairs.chunks(2)) {
        let value = pair.iter().try_fold(0u8, |v, b| Some(v << 4 | digit(*b)?));
        match value {
            Some(v) => out.push(v),
            None => return false,
        }
    }
    true
}

fn to_binary(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let tolerant = call.param(1) == "true";
    let format = call.param(0);
    binary_rows(rows, |i, out| {
        let s = not_null!(text.get(i));
        let done = match format {
            "hex" => hex(s, out),
            "base64" => strict_base64(s, out),
            "null" => return Ok(None),
            _ => {
                out.extend_from_slice(s.as_bytes());
                true
            }
        };
        match done {
            true => Ok(Some(())),
            false if tolerant => Ok(None),
            false => Err(call.error(
                SparkError::new("CONVERSION_INVALID_INPUT")
                    .param("str", quoted_literal(s))
                    .param("fmt", format!("'{}'", format.to_uppercase()))
                    .param("targetType", "\"BINARY\"")
                    .param("suggestion", quote_id(["try_to_binary"])),
            )),
        }
    })
}
