//! `is_valid_utf8`, `make_valid_utf8`, `validate_utf8`, `try_validate_utf8`: binary values are looked
//! at as they are, strings are always valid here.

use datafusion::arrow::array::{BinaryArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collating;
use vonk_expr::columns::{boolean_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("is_valid_utf8", "string_funcs", |c, a| build(c, a, &IS_VALID, DataType::Boolean))
        .usage("Whether the bytes are UTF-8.")
        .kernels(&[&IS_VALID]),
    FunctionSpec::scalar("make_valid_utf8", "string_funcs", |c, a| build(c, a, &MAKE_VALID, DataType::STRING))
        .usage("The string with what is not UTF-8 replaced.")
        .kernels(&[&MAKE_VALID])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("validate_utf8", "string_funcs", |c, a| build(c, a, &VALIDATE, DataType::STRING))
        .usage("The string, an error if it is not UTF-8.")
        .kernels(&[&VALIDATE])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("try_validate_utf8", "string_funcs", |c, a| build(c, a, &TRY_VALIDATE, DataType::STRING))
        .usage("The string, NULL if it is not UTF-8.")
        .kernels(&[&TRY_VALIDATE])
        .collating(Collating::FIRST),
];

static IS_VALID: Kernel = Kernel::total("is_valid_utf8", |c, a, n| {
    let bytes = Bytes::new(c, a)?;
    boolean_rows(n, |i| Ok(Some(std::str::from_utf8(not_null!(bytes.get(i))).is_ok())))
});
static MAKE_VALID: Kernel = Kernel::new("make_valid_utf8", |c, a, n| {
    let bytes = Bytes::new(c, a)?;
    string_rows(n, n * 16, |i, out| {
        out.push_str(&String::from_utf8_lossy(not_null!(bytes.get(i))));
        Ok(Some(()))
    })
});
static VALIDATE: Kernel = Kernel::new("validate_utf8", |c, a, n| validate(c, a, n, false));
static TRY_VALIDATE: Kernel = Kernel::new("try_validate_utf8", |c, a, n| validate(c, a, n, true));

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, ty: DataType) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let binary = args.iter().all(|a| a.data_type == DataType::Binary);
    let args = if binary { args } else { ctx.coerce(args, 1, &[Want::Str])? };
    Ok(ctx.call(kernel, args, ty, Nullability::Always))
}

enum Bytes {
    Text(Col<StringArray>),
    Binary(Col<BinaryArray>),
}

impl Bytes {
    fn new(call: &Call, args: &[ColumnarValue]) -> DfResult<Self> {
        Ok(match call.arg_types.first() {
            Some(DataType::Binary) => Bytes::Binary(Col::new(args, 0)?),
            _ => Bytes::Text(Col::new(args, 0)?),
        })
    }

    fn get(&self, i: usize) -> Option<&[u8]> {
        match self {
            Bytes::Text(c) => c.get(i).map(str::as_bytes),
            Bytes::Binary(c) => c.get(i),
        }
    }
}

fn validate(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let bytes = Bytes::new(call, args)?;
    string_rows(rows, rows * 16, |i, out| {
        let v = not_null!(bytes.get(i));
        match std::str::from_utf8(v) {
            Ok(s) => out.push_str(s),
            Err(_) if tolerant => return Ok(None),
            Err(_) => {
                let shown: String = v
                    .iter()
                    .map(|b| if b.is_ascii_graphic() { char::from(*b).to_string() } else { format!("\\x{b:02X}") })
                    .collect();
                return Err(call.error(SparkError::new("INVALID_UTF8_STRING").param("str", shown)));
            }
        }
        Ok(Some(()))
    })
}
