//! Numbers in other bases: `bin`, `hex`, `unhex`, `conv`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray, Int32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::support::{downcast, overflow};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("bin", "math_funcs", |ctx, args| {
        let args = ctx.coerce(args, 1, &[Want::LONG])?;
        Ok(ctx.call(&BIN, args, DataType::STRING, Nullability::Args))
    })
    .usage("bin(expr) - The number in binary digits.")
    .kernels(KERNELS),
    &FunctionSpec::scalar("hex", "math_funcs", hex)
        .usage("hex(expr) - The value in hexadecimal digits.")
        .collating(Collating::FIRST),
    &FunctionSpec::scalar("unhex", "math_funcs", |ctx, args| {
        let args = ctx.coerce(args, 1, &[Want::Str])?;
        Ok(ctx.call(&UNHEX, args, DataType::Binary, Nullability::Always))
    })
    .usage("unhex(expr) - The bytes of hexadecimal digits; NULL if there are other characters."),
    &FunctionSpec::scalar("conv", "math_funcs", |ctx, args| {
        let args = ctx.coerce(args, 3, &[Want::Str, Want::INT, Want::INT])?;
        Ok(ctx.call(&CONV, args, DataType::STRING, Nullability::Always))
    })
    .usage("conv(num, from_base, to_base) - A number in another base.")
    .collating(Collating::FIRST),
];

const KERNELS: &[&Kernel] = &[&BIN, &HEX, &UNHEX, &CONV];
static BIN: Kernel = Kernel::new("bin", |_, args, rows| {
    let a = typed_arg::<Int64Array>(args, 0, rows)?;
    let out: StringArray = a.iter().map(|v| v.map(|v| format!("{v:b}"))).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static HEX: Kernel = Kernel::new("hex", hex_column);
static UNHEX: Kernel = Kernel::new("unhex", unhex_column);
static CONV: Kernel = Kernel::new("conv", conv_column);

fn hex(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = match args.first().map(|a| &a.data_type) {
        Some(DataType::Null) => ctx.coerce(args, 1, &[Want::LONG])?,
        _ => ctx.coerce(args, 1, &[Want::OneOf(vec![Want::LONG, Want::BINARY, Want::Str])])?,
    };
    Ok(ctx.call(&HEX, args, DataType::STRING, Nullability::Args))
}

/// Upper-case hexadecimal digits.
pub fn upper_hex(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

fn hex_column(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let out: StringArray = match array.data_type() {
        Arrow::Int64 => downcast::<Int64Array>(&array)?.iter().map(|v| v.map(|v| format!("{v:X}"))).collect(),
        Arrow::Binary => downcast::<BinaryArray>(&array)?.iter().map(|v| v.map(upper_hex)).collect(),
        _ => downcast::<StringArray>(&array)?.iter().map(|v| v.map(|v| upper_hex(v.as_bytes()))).collect(),
    };
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn unhex_column(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let a = typed_arg::<StringArray>(args, 0, rows)?;
    let out: BinaryArray = a
        .iter()
        .map(|v| {
            let v = v?;
            // An odd number of digits counts as if a 0 stood before.
            if v.len() % 2 == 1 { hex::decode(format!("0{v}")).ok() } else { hex::decode(v).ok() }
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn conv_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = typed_arg::<StringArray>(args, 0, rows)?;
    let (from, to) = (typed_arg::<Int32Array>(args, 1, rows)?, typed_arg::<Int32Array>(args, 2, rows)?);
    let mut out = Vec::with_capacity(rows);
    for i in 0..rows {
        if text.is_null(i) || from.is_null(i) || to.is_null(i) {
            out.push(None);
            continue;
        }
        match converted(text.value(i).trim(), from.value(i), to.value(i)) {
            Converted::Value(v) => out.push(v),
            Converted::Overflow(_) if call.ansi => return Err(overflow(call, "Overflow in function conv()", "")),
            Converted::Overflow(v) => out.push(Some(v)),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(StringArray::from(out))))
}

enum Converted {
    Value(Option<String>),
    /// The value where overflow is tolerated: all bits set.
    Overflow(String),
}

fn converted(text: &str, from: i32, to: i32) -> Converted {
    if !(2..=36).contains(&from) || !(2..=36).contains(&to.abs()) || text.is_empty() {
        return Converted::Value(None);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut value: u64 = 0;
    let mut over = false;
    for d in digits.chars().map_while(|c| c.to_digit(from as u32)) {
        match value.checked_mul(from as u64).and_then(|v| v.checked_add(u64::from(d))) {
            Some(v) => value = v,
            None => {
                over = true;
                value = u64::MAX;
                break;
            }
        }
    }
    let mut minus = false;
    if negative && to > 0 {
        value = if over || (value as i64) < 0 { u64::MAX } else { (value as i64).wrapping_neg() as u64 };
    }
    if to < 0 && ((value as i64) < 0 || negative) {
        minus = true;
        if (value as i64) < 0 {
            value = (value as i64).wrapping_neg() as u64;
        }
    }
    let base = to.unsigned_abs();
    let mut out = vec![];
    loop {
        out.push(char::from_digit((value % u64::from(base)) as u32, base).unwrap_or('0').to_ascii_uppercase());
        value /= u64::from(base);
        if value == 0 {
            break;
        }
    }
    if minus {
        out.push('-');
    }
    let text: String = out.into_iter().rev().collect();
    if over { Converted::Overflow(text) } else { Converted::Value(Some(text)) }
}
