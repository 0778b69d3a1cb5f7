//! `base64`, `unbase64`, `to_base32`, `from_base32`.
//!
//! Decoding follows `java.util.Base64`'s MIME decoder (characters outside the alphabet are skipped)
//! and Apache Commons' lenient Base32.

use datafusion::arrow::array::{BinaryArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::{binary_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("base64", "string_funcs", build_base64).usage("The bytes in base 64.").kernels(&[&BASE64]),
    FunctionSpec::scalar("unbase64", "string_funcs", |c, a| decode(c, a, &UNBASE64))
        .usage("The bytes that a string in base 64 stands for.")
        .kernels(&[&UNBASE64]),
    FunctionSpec::scalar("to_base32", "string_funcs", |c, a| encode(c, a, &TO_BASE32))
        .usage("The bytes in base 32.")
        .kernels(&[&TO_BASE32]),
    FunctionSpec::scalar("from_base32", "string_funcs", |c, a| decode(c, a, &FROM_BASE32))
        .usage("The bytes that a string in base 32 stands for.")
        .kernels(&[&FROM_BASE32]),
];

pub static BASE64: Kernel = Kernel::new("base64", base64);
static UNBASE64: Kernel = Kernel::new("unbase64", unbase64);
static TO_BASE32: Kernel = Kernel::new("to_base32", to_base32);
static FROM_BASE32: Kernel = Kernel::new("from_base32", from_base32);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::BINARY])?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Args))
}

fn build_base64(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::BINARY])?;
    let lines = ctx.facts.conf.bool("spark.sql.chunkBase64String.enabled");
    let params = if lines { vec!["lines".to_string()] } else { vec![] };
    Ok(ctx.call_with(&BASE64, args, DataType::STRING, Nullability::Args, params))
}

fn decode(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    Ok(ctx.call(kernel, args, DataType::Binary, Nullability::Args))
}

/// Characters of a line of MIME's base 64, and the bytes they stand for.
const LINE: usize = 76;
const LINE_BYTES: usize = LINE / 4 * 3;

fn base64(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    use base64::Engine;
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let lines = call.param(0) == "lines";
    string_rows(rows, bytes.array().value_data().len() / 3 * 4 + 4 * rows, |i, out| {
        let bytes = not_null!(bytes.get(i));
        let line = if lines { LINE_BYTES } else { bytes.len().max(1) };
        for (n, chunk) in bytes.chunks(line).enumerate() {
            out.push_str(if n > 0 { "\r\n" } else { "" });
            base64::engine::general_purpose::STANDARD.encode_string(chunk, out);
        }
        Ok(Some(()))
    })
}

/// Decodes base 64, skipping what is not of the alphabet; the text of Java's complaint if it cannot.
pub fn decode_base64(s: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (mut buffer, mut bits) = (0u32, 0u32);
    let mut bytes = s.bytes();
    let mut padded = false;
    for b in bytes.by_ref() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padded = true;
                break;
            }
            _ => continue,
        };
        buffer = (buffer << 6) | u32::from(value);
        bits += 6;
        if bits >= 24 {
            out.extend_from_slice(&[(buffer >> 16) as u8, (buffer >> 8) as u8, buffer as u8]);
            (buffer, bits) = (0, 0);
        }
    }
    match (bits, padded) {
        (0, true) | (6, true) => return Err("Input byte array has wrong 4-byte ending unit"),
        (12, true) if bytes.by_ref().find(|b| *b == b'=' || is_base64(*b)) != Some(b'=') => {
            return Err("Input byte array has wrong 4-byte ending unit");
        }
        (6, false) => return Err("Last unit does not have enough valid bits"),
        _ => {}
    }
    match bits {
        12 => out.push((buffer >> 4) as u8),
        18 => out.extend_from_slice(&[(buffer >> 10) as u8, (buffer >> 2) as u8]),
        _ => {}
    }
    if padded && bytes.any(is_base64) {
        return Err("Input byte array has incorrect ending byte");
    }
    Ok(())
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'+' || b == b'/'
}

fn unbase64(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    binary_rows(rows, |i, out| {
        let s = not_null!(text.get(i));
        let wrong = |e| call.error(SparkError::new("ILLEGAL_ARGUMENT").param("message", e));
        decode_base64(s, out).map_err(wrong)?;
        Ok(Some(()))
    })
}

fn to_base32(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    string_rows(rows, bytes.array().value_data().len() / 5 * 8 + 8 * rows, |i, out| {
        for chunk in not_null!(bytes.get(i)).chunks(5) {
            let word = chunk.iter().fold(0u64, |w, b| (w << 8) | u64::from(*b)) << (8 * (5 - chunk.len()));
            let digits = (chunk.len() * 8).div_ceil(5);
            for n in 0..8usize {
                let value = (word >> (35 - 5 * n)) & 31;
                out.push(if n < digits { char::from(BASE32[value as usize]) } else { '=' });
            }
        }
        Ok(Some(()))
    })
}

fn from_base32(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    binary_rows(rows, |i, out| {
        let (mut buffer, mut bits) = (0u64, 0u32);
        for b in not_null!(text.get(i)).bytes() {
            let value = match b {
                b'A'..=b'Z' => b - b'A',
                b'a'..=b'z' => b - b'a',
                b'2'..=b'7' => b - b'2' + 26,
                b'=' => break,
                _ => continue,
            };
            buffer = ((buffer << 5) | u64::from(value)) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                out.push((buffer >> bits) as u8);
            }
        }
        // A last digit that fills no byte makes one with bits of the digit before it.
        if bits == 5 {
            out.push((buffer >> 2) as u8);
        }
        Ok(Some(()))
    })
}
