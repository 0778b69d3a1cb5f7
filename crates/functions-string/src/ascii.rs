//! `ascii`, `chr` and `elt`, `quote`: small things with characters.

use datafusion::arrow::array::{Int32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{Case, ColumnarValue, Expr, lit};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collating;
use vonk_expr::columns::{primitive_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::typed::is_plain;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("ascii", "string_funcs", build_ascii)
        .usage("Code point of the first character; 0 of the empty string.")
        .kernels(&[&ASCII]),
    FunctionSpec::scalar("chr", "string_funcs", build_chr)
        .aliases(&["char"])
        .usage("The character of a code modulo 256; the empty string of a negative one.")
        .kernels(&[&CHR]),
    FunctionSpec::scalar("elt", "string_funcs", build_elt)
        .usage("The value of that number (from 1) among those that follow.")
        .kernels(&[&ELT, &ELT_BYTES])
        .collating(Collating::AFTER_FIRST),
    FunctionSpec::scalar("quote", "string_funcs", build_quote)
        .usage("The string in single quotes, with single quotes inside escaped.")
        .kernels(&[&QUOTE]),
];

static ASCII: Kernel = Kernel::total("ascii", ascii);
static CHR: Kernel = Kernel::new("chr", chr);
static ELT: Kernel = Kernel::new("elt", elt).eager().not_folded();
static ELT_BYTES: Kernel = Kernel::new("elt_bytes", elt_bytes).eager().not_folded();
static QUOTE: Kernel = Kernel::new("quote", quote);

fn build_ascii(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    Ok(ctx.call(&ASCII, args, DataType::Int, Nullability::Args))
}

fn build_chr(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::LONG])?;
    Ok(ctx.call(&CHR, args, DataType::STRING, Nullability::Args))
}

fn build_quote(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    let nulls = Nullability::Always;
    Ok(ctx.call(&QUOTE, args, DataType::STRING, nulls))
}

fn build_elt(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    let binary = args.iter().skip(1).all(|a| a.data_type == DataType::Binary);
    let (kernel, ty, want) = match binary {
        true => (&ELT_BYTES, DataType::Binary, Want::BINARY),
        false => (&ELT, DataType::STRING, Want::Str),
    };
    let args = ctx.coerce_variadic(args, 2, &[Want::INT, want])?;
    let random = args.first().is_some_and(|n| !n.deterministic);
    match random || args.iter().skip(1).all(|a| is_plain(&a.expr)) {
        true => Ok(ctx.call(kernel, args, ty, Nullability::Always)),
        false => one_of(ctx, kernel, args, ty),
    }
}

/// The same as a CASE, which computes the chosen value only. What is out of range is the kernel's to judge.
fn one_of(ctx: &FnContext, kernel: &'static Kernel, args: Vec<TypedExpr>, ty: DataType) -> SparkResult<TypedExpr> {
    let Some((number, values)) = args.split_first() else { return Err(SparkError::internal("elt")) };
    let nulls = values.iter().map(|_| TypedExpr::null(ty.clone()));
    let nulls = std::iter::once(Ok(number.clone())).chain(nulls).collect::<SparkResult<Vec<_>>>()?;
    let out_of_range = ctx.call(kernel, nulls, ty, Nullability::Always);
    let branch = |(i, value): (i32, &TypedExpr)| (Box::new(lit(i)), Box::new(value.expr.clone()));
    let when = (1..).zip(values).map(branch).collect();
    let case = Case::new(Some(Box::new(number.expr.clone())), when, Some(Box::new(out_of_range.expr.clone())));
    let mut out = TypedExpr { expr: Expr::Case(case), ..out_of_range };
    out.sql = ctx.sql(&args);
    Ok(out.derived_from(&args))
}

fn ascii(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    primitive_rows::<Int32Type>(call, rows, |i| Ok(Some(not_null!(text.get(i)).chars().next().map_or(0, |c| c as i32))))
}

fn chr(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let code = Col::<Int64Array>::new(args, 0)?;
    string_rows(rows, rows, |i, out| {
        let code = not_null!(code.get(i));
        if code >= 0 {
            out.push(char::from((code & 0xff) as u8));
        }
        Ok(Some(()))
    })
}

fn quote(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, text.array().value_data().len() + 2 * rows, |i, out| {
        let s = not_null!(text.get(i));
        out.push('\'');
        for c in s.chars() {
            if c == '\'' {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('\'');
        Ok(Some(()))
    })
}

/// The number of the argument to take, or none where ANSI mode does not make that an error.
fn choice(call: &Call, n: i32, count: usize) -> DfResult<Option<usize>> {
    match usize::try_from(n).ok().filter(|n| (1..=count).contains(n)) {
        Some(n) => Ok(Some(n - 1)),
        None if call.ansi => {
            Err(call.error(SparkError::new("INVALID_ARRAY_INDEX").param("indexValue", n).param("arraySize", count)))
        }
        None => Ok(None),
    }
}

fn elt(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let n = Col::<Int32Array>::new(args, 0)?;
    let values: DfResult<Vec<_>> = (1..args.len()).map(|i| Col::<StringArray>::new(args, i)).collect();
    let values = values?;
    string_rows(rows, rows * 8, |i, out| {
        let at = not_null!(choice(call, not_null!(n.get(i)), values.len())?);
        let value = values.get(at).and_then(|v| v.get(i));
        out.push_str(not_null!(value));
        Ok(Some(()))
    })
}

fn elt_bytes(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    use datafusion::arrow::array::BinaryArray;
    let n = Col::<Int32Array>::new(args, 0)?;
    let values: DfResult<Vec<_>> = (1..args.len()).map(|i| Col::<BinaryArray>::new(args, i)).collect();
    let values = values?;
    vonk_expr::columns::binary_rows(rows, |i, out| {
        let at = not_null!(choice(call, not_null!(n.get(i)), values.len())?);
        let value = values.get(at).and_then(|v| v.get(i));
        out.extend_from_slice(not_null!(value));
        Ok(Some(()))
    })
}
