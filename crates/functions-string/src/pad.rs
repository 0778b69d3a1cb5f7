//! `lpad` and `rpad`, of strings (with spaces by default) and of binary values (with zeros).

use datafusion::arrow::array::{BinaryArray, Int32Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkResult, limits};
use vonk_expr::collation::Collating;
use vonk_expr::collation::meet::literal_beside;
use vonk_expr::columns::{binary_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::chars;
use crate::repeat::too_long;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("lpad", "string_funcs", |c, a| build(c, a, &LPAD, &LPAD_BYTES))
        .usage("The value brought to a length by filling or cutting, filled on the left.")
        .kernels(&[&LPAD, &LPAD_BYTES])
        .collating(Collating::JOINED),
    FunctionSpec::scalar("rpad", "string_funcs", |c, a| build(c, a, &RPAD, &RPAD_BYTES))
        .usage("The value brought to a length by filling or cutting, filled on the right.")
        .kernels(&[&RPAD, &RPAD_BYTES])
        .collating(Collating::JOINED),
];

static LPAD: Kernel = Kernel::new("lpad", |c, a, n| pad(c, a, n, true));
static RPAD: Kernel = Kernel::new("rpad", |c, a, n| pad(c, a, n, false));
static LPAD_BYTES: Kernel = Kernel::new("lpad_bytes", |c, a, n| pad_bytes(c, a, n, true));
static RPAD_BYTES: Kernel = Kernel::new("rpad_bytes", |c, a, n| pad_bytes(c, a, n, false));

fn build(
    ctx: &FnContext,
    mut args: Vec<TypedExpr>,
    strings: &'static Kernel,
    bytes: &'static Kernel,
) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let is_binary = |i: usize| args.get(i).is_none_or(|a| a.data_type == DataType::Binary);
    if is_binary(0) && is_binary(2) {
        if args.len() == 2 {
            args.push(TypedExpr::literal(&Literal::Binary([0u8].as_slice().into()))?);
        }
        let args = ctx.coerce(args, 3, &[Want::BINARY, Want::INT, Want::BINARY])?;
        return Ok(ctx.call(bytes, args, DataType::Binary, Nullability::Args));
    }
    if args.len() == 2 {
        args.push(literal_beside(&args, &Literal::string(" "))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Str, Want::INT, Want::Str])?;
    Ok(ctx.call(strings, args, DataType::STRING, Nullability::Args))
}

fn pad(call: &Call, args: &[ColumnarValue], rows: usize, left: bool) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let len = Col::<Int32Array>::new(args, 1)?;
    let fill = Col::<StringArray>::new(args, 2)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, len, fill) = not_null!(text.get(i), len.get(i), fill.get(i));
        let want = usize::try_from(len).unwrap_or(0);
        let have = chars::count(s);
        if want <= have || fill.is_empty() {
            out.push_str(chars::slice(s, 0, want));
            return Ok(Some(()));
        }
        let mut missing = want - have;
        if missing > limits::MAX_STRING_BYTES {
            return Err(call.error(too_long(missing, call.kernel.name, "len")));
        }
        if !left {
            out.push_str(s);
        }
        let unit = chars::count(fill);
        while missing >= unit {
            out.push_str(fill);
            missing -= unit;
        }
        out.push_str(chars::slice(fill, 0, missing));
        if left {
            out.push_str(s);
        }
        Ok(Some(()))
    })
}

fn pad_bytes(_: &Call, args: &[ColumnarValue], rows: usize, left: bool) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let len = Col::<Int32Array>::new(args, 1)?;
    let fill = Col::<BinaryArray>::new(args, 2)?;
    binary_rows(rows, |i, out| {
        let (v, len, fill) = not_null!(bytes.get(i), len.get(i), fill.get(i));
        let want = usize::try_from(len).unwrap_or(0);
        if want <= v.len() || fill.is_empty() {
            out.extend_from_slice(&v[..want.min(v.len())]);
            return Ok(Some(()));
        }
        let missing = fill.iter().copied().cycle().take(want - v.len());
        if left {
            out.extend(missing);
            out.extend_from_slice(v);
        } else {
            out.extend_from_slice(v);
            out.extend(missing);
        }
        Ok(Some(()))
    })
}
