//! `length` in characters (bytes of binary values), `octet_length` and `bit_length`.

use datafusion::arrow::array::{Array, BinaryArray, StringArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::chars;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("length", "string_funcs", |c, a| build(c, a, &LENGTH))
        .aliases(&["char_length", "character_length", "len"])
        .usage("Number of characters of a string, of bytes of a binary value.")
        .kernels(&[&LENGTH]),
    FunctionSpec::scalar("octet_length", "string_funcs", |c, a| build(c, a, &OCTETS))
        .usage("Number of bytes of a string in UTF-8, or of a binary value.")
        .kernels(&[&OCTETS]),
    FunctionSpec::scalar("bit_length", "string_funcs", |c, a| build(c, a, &BITS))
        .usage("Number of bits of a string in UTF-8, or of a binary value.")
        .kernels(&[&BITS]),
];

static LENGTH: Kernel = Kernel::total("length", |c, a, n| lengths(c, a, n, chars::count, 1));
static OCTETS: Kernel = Kernel::total("octet_length", |c, a, n| lengths(c, a, n, str::len, 1));
static BITS: Kernel = Kernel::total("bit_length", |c, a, n| lengths(c, a, n, str::len, 8));

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::OneOf(vec![Want::Str, Want::BINARY])])?;
    Ok(ctx.call(kernel, args, DataType::Int, Nullability::Args))
}

fn lengths(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    count: fn(&str) -> usize,
    factor: i32,
) -> DfResult<ColumnarValue> {
    if call.arg_types.first() == Some(&DataType::Binary) {
        let v = Col::<BinaryArray>::new(args, 0)?;
        return primitive_rows::<Int32Type>(call, rows, |i| Ok(Some(not_null!(v.get(i)).len() as i32 * factor)));
    }
    let v = Col::<StringArray>::new(args, 0)?;
    let ascii = v.array().len() == rows && v.array().is_ascii();
    primitive_rows::<Int32Type>(call, rows, |i| {
        let s = not_null!(v.get(i));
        let n = if ascii { s.len() } else { count(s) };
        Ok(Some(n as i32 * factor))
    })
}
