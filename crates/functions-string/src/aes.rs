//! `aes_encrypt`, `aes_decrypt`, `try_aes_decrypt`: ECB and CBC with PKCS padding, and GCM.
//!
//! Results of CBC and GCM begin with the initialization vector, those of GCM end with the tag.

use datafusion::arrow::array::{BinaryArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use rand::RngCore;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::binary_rows;
use vonk_expr::context::Nullability;
use vonk_expr::sealed::forgiving;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub mod cipher;

use cipher::Cipher;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("aes_encrypt", "misc_funcs", build_encrypt)
        .usage("The value encrypted with AES.")
        .kernels(&[&ENCRYPT, &ENCRYPT_RANDOM]),
    FunctionSpec::scalar("aes_decrypt", "misc_funcs", |c, a| build_decrypt(c, a, &DECRYPT))
        .usage("The value that AES encrypted.")
        .kernels(&[&DECRYPT]),
    FunctionSpec::scalar("try_aes_decrypt", "misc_funcs", |c, a| build_decrypt(c, a, &TRY_DECRYPT).map(forgiving))
        .usage("As aes_decrypt, NULL where decryption fails.")
        .kernels(&[&TRY_DECRYPT]),
];

static ENCRYPT: Kernel = Kernel::new("aes_encrypt", encrypt);
static ENCRYPT_RANDOM: Kernel = Kernel::volatile("aes_encrypt_random", encrypt);
static DECRYPT: Kernel = Kernel::new("aes_decrypt", |c, a, n| decrypt(c, a, n, false));
static TRY_DECRYPT: Kernel = Kernel::new("try_aes_decrypt", |c, a, n| decrypt(c, a, n, true));

/// The defaults of mode, padding and what follows: the empty string.
fn with_defaults(ctx: &FnContext, mut args: Vec<TypedExpr>, all: usize) -> SparkResult<Vec<TypedExpr>> {
    ctx.arity(&args, 2..=all)?;
    while args.len() < all {
        let default = match args.len() {
            2 => "GCM",
            3 => "DEFAULT",
            _ => "",
        };
        args.push(TypedExpr::literal(&Literal::string(default))?);
    }
    let wants = [Want::BINARY, Want::BINARY, Want::Str, Want::Str, Want::BINARY, Want::BINARY];
    ctx.coerce(args, all, &wants[..all])
}

fn build_encrypt(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let own_vector = args.len() > 4;
    let args = with_defaults(ctx, args, 6)?;
    let kernel = if own_vector { &ENCRYPT } else { &ENCRYPT_RANDOM };
    Ok(ctx.call(kernel, args, DataType::Binary, Nullability::Always))
}

fn build_decrypt(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = with_defaults(ctx, args, 5)?;
    Ok(ctx.call(kernel, args, DataType::Binary, Nullability::Always))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Ecb,
    Cbc,
    Gcm,
}

impl Mode {
    fn named(mode: &str, padding: &str) -> SparkResult<Mode> {
        match (mode.to_ascii_uppercase().as_str(), padding.to_ascii_uppercase().as_str()) {
            ("ECB", "PKCS" | "DEFAULT") => Ok(Mode::Ecb),
            ("CBC", "PKCS" | "DEFAULT") => Ok(Mode::Cbc),
            ("GCM", "NONE" | "DEFAULT") => Ok(Mode::Gcm),
            _ => Err(SparkError::new("UNSUPPORTED_FEATURE.AES_MODE")
                .param("mode", mode)
                .param("padding", padding)
                .param("functionName", functions())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Mode::Ecb => "ECB",
            Mode::Cbc => "CBC",
            Mode::Gcm => "GCM",
        }
    }

    fn vector_length(self) -> usize {
        match self {
            Mode::Ecb => 0,
            Mode::Cbc => 16,
            Mode::Gcm => 12,
        }
    }
}

fn functions() -> String {
    "`aes_encrypt`/`aes_decrypt`".to_string()
}

fn invalid(sub_class: &str, parameter: &str) -> SparkError {
    SparkError::new(format!("INVALID_PARAMETER_VALUE.{sub_class}"))
        .param("parameter", parameter)
        .param("functionName", functions())
}

fn failed(message: &str) -> SparkError {
    invalid("AES_CRYPTO_ERROR", "`expr`, `key`").param("detailMessage", message)
}

fn cipher(key: &[u8]) -> SparkResult<Cipher> {
    Cipher::new(key).ok_or_else(|| invalid("AES_KEY_LENGTH", "`key`").param("actualLength", key.len()))
}

fn unsupported(sub_class: &str, mode: Mode, function: &str) -> SparkError {
    SparkError::new(format!("UNSUPPORTED_FEATURE.{sub_class}"))
        .param("mode", mode.name())
        .param("functionName", quote_id([function]))
}

fn encrypt(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = |i| Col::<BinaryArray>::new(args, i);
    let text = |i| Col::<StringArray>::new(args, i);
    let (value, key, vector, extra) = (bytes(0)?, bytes(1)?, bytes(4)?, bytes(5)?);
    let (mode, padding) = (text(2)?, text(3)?);
    binary_rows(rows, |i, out| {
        let (value, key, mode, padding) = not_null!(value.get(i), key.get(i), mode.get(i), padding.get(i));
        let (vector, extra) = not_null!(vector.get(i), extra.get(i));
        let mut run = || {
            let cipher = cipher(key)?;
            let mode = Mode::named(mode, padding)?;
            if mode == Mode::Ecb && !vector.is_empty() {
                return Err(unsupported("AES_MODE_IV", mode, "aes_encrypt"));
            }
            if mode != Mode::Gcm && !extra.is_empty() {
                return Err(unsupported("AES_MODE_AAD", mode, "aes_encrypt"));
            }
            let mut own = vec![0; mode.vector_length()];
            if vector.is_empty() {
                rand::rng().fill_bytes(&mut own);
            } else if vector.len() == own.len() {
                own.copy_from_slice(vector);
            } else {
                return Err(invalid("AES_IV_LENGTH", "`iv`")
                    .param("mode", mode.name())
                    .param("actualLength", vector.len()));
            }
            out.extend_from_slice(&own);
            match mode {
                Mode::Ecb => cipher.encrypt_padded(value, None, out),
                Mode::Cbc => cipher.encrypt_padded(value, own.as_slice().try_into().ok(), out),
                Mode::Gcm => cipher.encrypt_gcm(value, &own, extra, out),
            }
            Ok(())
        };
        run().map(Some).map_err(|e| call.error(e))
    })
}

fn decrypt(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let bytes = |i| Col::<BinaryArray>::new(args, i);
    let text = |i| Col::<StringArray>::new(args, i);
    let (value, key, extra) = (bytes(0)?, bytes(1)?, bytes(4)?);
    let (mode, padding) = (text(2)?, text(3)?);
    binary_rows(rows, |i, out| {
        let (value, key, mode, padding) = not_null!(value.get(i), key.get(i), mode.get(i), padding.get(i));
        let extra = not_null!(extra.get(i));
        let mut run = || {
            let cipher = cipher(key)?;
            let mode = Mode::named(mode, padding)?;
            if mode != Mode::Gcm && !extra.is_empty() {
                return Err(unsupported("AES_MODE_AAD", mode, "aes_decrypt"));
            }
            let Some((vector, body)) = value.split_at_checked(mode.vector_length()) else {
                return Err(failed(match mode {
                    Mode::Gcm => "Invalid buffer arguments",
                    _ => "IV buffer too short for given offset/length combination",
                }));
            };
            let done = match mode {
                Mode::Ecb => cipher.decrypt_padded(body, None, out),
                Mode::Cbc => cipher.decrypt_padded(body, vector.try_into().ok(), out),
                Mode::Gcm => cipher.decrypt_gcm(body, vector, extra, out),
            };
            done.map_err(failed)
        };
        match run() {
            Ok(()) => Ok(Some(())),
            Err(_) if tolerant => Ok(None),
            Err(e) => Err(call.error(e)),
        }
    })
}
