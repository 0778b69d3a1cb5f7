//! `array`, `array_repeat`.

use datafusion::arrow::array::{Array, Int32Array, new_empty_array};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::common_type;
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::lists::{ListTaker, arrays, item_field, list_of};

static ARRAY_KERNEL: Kernel = Kernel::new("array", eval_array).eager();
static REPEAT_KERNEL: Kernel = Kernel::new("array_repeat", eval_repeat).until_null_of_last();

pub static ARRAY: FunctionSpec = FunctionSpec::scalar("array", "array_funcs", build_array)
    .usage("array(expr, ...) - an array of the given elements")
    .kernels(&[&ARRAY_KERNEL])
    .collating(Collating::JOINED);

pub static ARRAY_REPEAT: FunctionSpec = FunctionSpec::scalar("array_repeat", "array_funcs", build_repeat)
    .usage("array_repeat(element, count) - an array with the element count times")
    .kernels(&[&REPEAT_KERNEL]);

fn build_array(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let mut ty = DataType::Null;
    for a in &args {
        ty = common_type(&ty, &a.data_type, ctx.ansi()).ok_or_else(|| {
            let types: Vec<_> = args.iter().map(|a| vonk_common::error::quote_sql(a.data_type.sql())).collect();
            ctx.mismatch("DATA_DIFF_TYPES", &args)
                .param("functionName", vonk_common::error::quote_id(["array"]))
                .param("dataType", format!("({})", types.join(" or ")))
        })?;
    }
    let sql = ctx.sql(&args);
    let args: SparkResult<Vec<_>> = args
        .into_iter()
        .map(|a| if a.data_type.same_type(&ty) { Ok(a) } else { vonk_expr::cast::cast(&ctx.facts, a, &ty) })
        .collect();
    let args = args?;
    let contains_null = args.iter().any(|a| a.nullable);
    // Which elements can be NULL: one of them may be taken out again.
    let nullable: String = args.iter().map(|a| if a.nullable { '1' } else { '0' }).collect();
    let ty = DataType::array(ty, contains_null);
    let mut out = ctx.call_with(&ARRAY_KERNEL, args, ty, Nullability::Never, vec![nullable]);
    out.sql = sql;
    Ok(out)
}

/// Interleaves the argument columns: the elements of row r are the r-th values of all columns.
fn eval_array(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let field = item_field(&call.arrow_return_type())?;
    let sources = arrays(args, rows)?;
    if sources.is_empty() {
        let values = new_empty_array(field.data_type());
        return Ok(ColumnarValue::Array(list_of(field, values, vec![0; rows], vec![true; rows])?));
    }
    let width = sources.len();
    let mut taker = ListTaker::new(sources, rows);
    for row in 0..rows {
        for s in 0..width {
            taker.push(s, row);
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(field)?))
}

fn build_repeat(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if !matches!(args[1].data_type, DataType::Int | DataType::Null) {
        return Err(ctx.unexpected_type(&args, 1, "\"INT\""));
    }
    let args = ctx.coerce(args, 2, &[Want::Any, Want::INT])?;
    let ty = DataType::array(args[0].data_type.clone(), args[0].nullable);
    let nullable = args[1].nullable;
    let mut out = ctx.call(&REPEAT_KERNEL, args, ty, Nullability::Args);
    out.nullable = nullable;
    Ok(out)
}

fn eval_repeat(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let field = item_field(&call.arrow_return_type())?;
    let values = array_arg(args, 0, rows)?;
    let counts: Int32Array = typed_arg(args, 1, rows)?;
    let mut total: i64 = 0;
    let mut taker = ListTaker::new(vec![values], rows);
    for row in 0..rows {
        if counts.is_null(row) {
            taker.end_null();
            continue;
        }
        total += counts.value(row).max(0) as i64;
        if total > vonk_common::limits::MAX_ARRAY_LENGTH as i64 {
            return Err(call.error(
                SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
                    .param("numberOfElements", counts.value(row))
                    .param("maxRoundedArrayLength", vonk_common::limits::MAX_ARRAY_LENGTH)
                    .param("functionName", "`array_repeat`")
                    .param("parameter", "`count`"),
            ));
        }
        taker.make_room(call, usize::try_from(counts.value(row)).unwrap_or_default())?;
        for _ in 0..counts.value(row) {
            taker.push(0, row);
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(field)?))
}
