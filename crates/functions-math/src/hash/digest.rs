//! Digests of bytes: `md5`, `sha`, `sha1`, `sha2`, `crc32`, `hmac`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray, Int32Array, Int64Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use md5::Digest;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("md5", "hash_funcs", |c, a| text(c, a, &MD5))
        .usage("md5(expr) - The MD5 digest in hexadecimal.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("sha1", "hash_funcs", |c, a| text(c, a, &SHA1))
        .aliases(&["sha"])
        .usage("sha1(expr) - The SHA-1 digest in hexadecimal."),
    &FunctionSpec::scalar("sha2", "hash_funcs", |ctx, args| {
        let args = ctx.coerce(args, 2, &[Want::BINARY, Want::INT])?;
        Ok(ctx.call(&SHA2, args, DataType::STRING, Nullability::Always))
    })
    .usage("sha2(expr, bits) - The SHA-2 digest of 224, 256, 384 or 512 bits in hexadecimal."),
    &FunctionSpec::scalar("crc32", "hash_funcs", |ctx, args| {
        let args = ctx.coerce(args, 1, &[Want::BINARY])?;
        Ok(ctx.call(&CRC32, args, DataType::Long, Nullability::Args))
    })
    .usage("crc32(expr) - The cyclic redundancy check value."),
    &FunctionSpec::scalar("hmac", "hash_funcs", hmac)
        .usage("hmac(key, message[, algorithm]) - The keyed digest of a message."),
];

const KERNELS: &[&Kernel] = &[&MD5, &SHA1, &SHA2, &CRC32, &HMAC];
static MD5: Kernel = Kernel::total("md5", |_, a, n| hexadecimal(a, n, |b| hex::encode(md5::Md5::digest(b))));
static SHA1: Kernel = Kernel::total("sha1", |_, a, n| hexadecimal(a, n, |b| hex::encode(sha1::Sha1::digest(b))));
static SHA2: Kernel = Kernel::new("sha2", sha2_column);
static CRC32: Kernel = Kernel::total("crc32", |_, args, rows| {
    let a = typed_arg::<BinaryArray>(args, 0, rows)?;
    let out: Int64Array = a.iter().map(|v| v.map(|v| i64::from(crc32fast::hash(v)))).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static HMAC: Kernel = Kernel::new("hmac", hmac_column);

fn text(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::BINARY])?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Args))
}

fn hexadecimal(args: &[ColumnarValue], rows: usize, f: impl Fn(&[u8]) -> String) -> DfResult<ColumnarValue> {
    let a = typed_arg::<BinaryArray>(args, 0, rows)?;
    let out: StringArray = a.iter().map(|v| v.map(&f)).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn sha2_column(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, bits) = (typed_arg::<BinaryArray>(args, 0, rows)?, typed_arg::<Int32Array>(args, 1, rows)?);
    let out: StringArray = a
        .iter()
        .zip(bits.iter())
        .map(|(v, bits)| {
            let v = v?;
            Some(match bits? {
                224 => hex::encode(sha2::Sha224::digest(v)),
                0 | 256 => hex::encode(sha2::Sha256::digest(v)),
                384 => hex::encode(sha2::Sha384::digest(v)),
                512 => hex::encode(sha2::Sha512::digest(v)),
                _ => return None,
            })
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn hmac(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let mut args = args;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::string("SHA-256"))?);
    }
    let sql = ctx.sql(&args);
    let args = ctx.coerce(args, 3, &[Want::BINARY, Want::BINARY, Want::Str])?;
    let mut out = ctx.call(&HMAC, args, DataType::Binary, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn hmac_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (key, message) = (typed_arg::<BinaryArray>(args, 0, rows)?, typed_arg::<BinaryArray>(args, 1, rows)?);
    let algorithm = typed_arg::<StringArray>(args, 2, rows)?;
    let mut out: Vec<Option<Vec<u8>>> = Vec::with_capacity(rows);
    for i in 0..rows {
        if key.is_null(i) || message.is_null(i) || algorithm.is_null(i) {
            out.push(None);
            continue;
        }
        let (k, m) = (key.value(i), message.value(i));
        let name = algorithm.value(i).to_ascii_uppercase().replace('-', "");
        out.push(Some(match name.as_str() {
            "MD5" => keyed::<md5::Md5>(k, m, 64),
            "SHA1" | "SHA" => keyed::<sha1::Sha1>(k, m, 64),
            "SHA224" => keyed::<sha2::Sha224>(k, m, 64),
            "SHA256" => keyed::<sha2::Sha256>(k, m, 64),
            "SHA384" => keyed::<sha2::Sha384>(k, m, 128),
            "SHA512" => keyed::<sha2::Sha512>(k, m, 128),
            _ => {
                return Err(call.error(
                    SparkError::new("INVALID_PARAMETER_VALUE.HMAC_ALGORITHM")
                        .param("parameter", "`algorithm`")
                        .param("functionName", "`hmac`")
                        .param("invalidValue", format!("'{}'", algorithm.value(i))),
                ));
            }
        }));
    }
    let out: BinaryArray = out.iter().map(|v| v.as_deref()).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

/// HMAC (RFC 2104) over a digest with blocks of `block` bytes.
fn keyed<D: Digest>(key: &[u8], message: &[u8], block: usize) -> Vec<u8> {
    let mut padded = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    padded.resize(block, 0);
    let with = |mask: u8| padded.iter().map(|b| b ^ mask).collect::<Vec<u8>>();
    let inner = D::new().chain_update(with(0x36)).chain_update(message).finalize();
    D::new().chain_update(with(0x5c)).chain_update(inner).finalize().to_vec()
}
