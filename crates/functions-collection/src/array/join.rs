//! `array_join`: the strings of an array with a delimiter between them.

use datafusion::arrow::array::{Array, AsArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::coercion::implicit_cast_target;
use vonk_expr::collation::Collating;
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::types::DataType;

use crate::lists::{list_arg, range};

static JOIN_KERNEL: Kernel = Kernel::new("array_join", eval);

pub static ARRAY_JOIN: FunctionSpec = FunctionSpec::scalar("array_join", "array_funcs", build)
    .usage("array_join(array, delimiter[, null_text]) - the strings of the array in one; NULLs are left out")
    .kernels(&[&JOIN_KERNEL])
    .collating(Collating::JOINED)
    .literal_nulls();

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let strings = |i: usize, args: &[TypedExpr]| ctx.unexpected_type(args, i, "\"STRING\"");
    let element = match &args[0].data_type {
        DataType::Array(e, _) => {
            implicit_cast_target(e, &Want::Str, ctx.ansi()).or_else(|| e.is_string().then(|| (**e).clone()))
        }
        DataType::Null => Some(DataType::STRING),
        _ => None,
    };
    let Some(element) = element else { return Err(ctx.unexpected_type(&args, 0, "\"ARRAY<STRING>\"")) };
    for i in 1..args.len() {
        if !args[i].data_type.is_string() && args[i].data_type != DataType::Null {
            return Err(strings(i, &args));
        }
    }
    let contains_null = matches!(args[0].data_type, DataType::Array(_, true) | DataType::Null);
    let array = DataType::array(element.clone(), contains_null);
    let args: SparkResult<Vec<_>> = args
        .into_iter()
        .enumerate()
        .map(|(i, a)| match i {
            0 if a.data_type.same_type(&array) => Ok(a),
            0 => cast(&ctx.facts, a, &array),
            _ if a.data_type == DataType::Null => cast(&ctx.facts, a, &DataType::STRING),
            _ => Ok(a),
        })
        .collect();
    Ok(ctx.call(&JOIN_KERNEL, args?, element, Nullability::Args))
}

fn eval(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let items = list
        .values()
        .as_string_opt::<i32>()
        .ok_or_else(|| exec_err(SparkError::internal("array_join of no strings")))?;
    let delimiter = Col::<StringArray>::new(args, 1)?;
    let null_text = if args.len() > 2 { Some(Col::<StringArray>::new(args, 2)?) } else { None };
    string_rows(rows, items.value_data().len(), |row, out| {
        let delimiter = not_null!(delimiter.get(row));
        let null_text = match &null_text {
            Some(text) => Some(not_null!(text.get(row))),
            None => None,
        };
        if list.is_null(row) {
            return Ok(None);
        }
        let mut first = true;
        for j in range(&list, row) {
            let text = if items.is_null(j) { null_text } else { Some(items.value(j)) };
            let Some(text) = text else { continue };
            if !first {
                out.push_str(delimiter);
            }
            first = false;
            out.push_str(text);
        }
        Ok(Some(()))
    })
}
