//! What a column of type CHAR(n) or VARCHAR(n) keeps of a string: CHAR fills up with spaces, both cut
//! spaces at the end that are too many, and refuse what is too long. `$pad` fills up and refuses nothing: for
//! CHAR columns where they are read and compared. Internal: inserts, scans and comparisons call them.

use std::borrow::Cow;

use datafusion::arrow::array::{Int32Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, exec_err};
use vonk_plan::types::DataType;
use vonk_plan::types::limited::{filled, kept};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("$char", "string_funcs", |c, a| build(c, a, &CHAR)).kernels(&[&CHAR]),
    FunctionSpec::scalar("$pad", "string_funcs", |c, a| build(c, a, &PAD)).kernels(&[&PAD]),
    FunctionSpec::scalar("$varchar", "string_funcs", |c, a| build(c, a, &VARCHAR)).kernels(&[&VARCHAR]),
];

static CHAR: Kernel =
    Kernel::new("$char", |_: &Call, a, n| fit(a, n, |s, limit| kept(s, limit, true).map_err(exec_err)));
static VARCHAR: Kernel =
    Kernel::new("$varchar", |_: &Call, a, n| fit(a, n, |s, limit| kept(s, limit, false).map_err(exec_err)));
static PAD: Kernel =
    Kernel::new("$pad", |_: &Call, a, n| fit(a, n, |s, limit| Ok(filled(s, s.chars().count(), limit))));

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Args))
}

fn fit(
    args: &[ColumnarValue],
    rows: usize,
    one: impl Fn(&str, usize) -> DfResult<Cow<'_, str>>,
) -> DfResult<ColumnarValue> {
    let (text, limit) = (Col::<StringArray>::new(args, 0)?, Col::<Int32Array>::new(args, 1)?);
    let out = (0..rows).map(|i| match (text.get(i), limit.get(i)) {
        (Some(s), Some(n)) => one(s, usize::try_from(n).unwrap_or_default()).map(Some),
        _ => Ok(None),
    });
    let out = out.collect::<DfResult<StringArray>>()?;
    Ok(ColumnarValue::Array(std::sync::Arc::new(out)))
}
