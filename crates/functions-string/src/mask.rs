//! `mask`: letters and digits replaced by the character of their kind.

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::Collating;
use vonk_expr::collation::meet::literal_beside;
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::spec::ParameterDefault::{Null, Text};
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("mask", "string_funcs", build)
    .parameters(&PARAMETERS)
    .defaults(&[Text("X"), Text("x"), Text("n"), Null])
    .usage("The string with upper-case and lower-case letters, digits and others masked; NULL keeps them.")
    .kernels(&[&MASK])
    .collating(Collating::JOINED)
    .literal_nulls()];

static MASK: Kernel = Kernel::new("mask", mask).eager();
const PARAMETERS: [&str; 5] = ["str", "upperChar", "lowerChar", "digitChar", "otherChar"];

fn build(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=5)?;
    for default in [Some("X"), Some("x"), Some("n"), None].into_iter().skip(args.len() - 1) {
        let value = default.map_or(Literal::Null(DataType::STRING), Literal::string);
        args.push(literal_beside(&args, &value)?);
    }
    let args = ctx.expect(args, 5, &[Want::Str, Want::Str, Want::Str, Want::Str, Want::Str])?;
    let mut params = vec![];
    for (arg, name) in args.iter().zip(PARAMETERS).skip(1) {
        if !arg.foldable {
            return Err(ctx.non_foldable(&ctx.sql(&args), name, "\"STRING\"", arg));
        }
        let text = arg.constant_str(&ctx.name, name)?;
        if text.as_ref().is_some_and(|t| t.chars().count() != 1) {
            return Err(ctx.mismatch("INPUT_SIZE_NOT_ONE", &args).param("exprName", name));
        }
        params.push(text.unwrap_or_default());
    }
    Ok(ctx.call_with(&MASK, args, DataType::STRING, Nullability::Always, params))
}

fn mask(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let by = |i: usize| call.param(i).chars().next();
    let [upper, lower, digit, other] = [by(0), by(1), by(2), by(3)];
    if args.is_empty() {
        return Err(call.error(SparkError::internal("mask without arguments")));
    }
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let s = not_null!(text.get(i));
        out.extend(s.chars().map(|c| {
            let by = if c.is_uppercase() {
                upper
            } else if c.is_lowercase() {
                lower
            } else if c.is_numeric() {
                digit
            } else {
                other
            };
            by.unwrap_or(c)
        }));
        Ok(Some(()))
    })
}
