//! `concat` (the operator `||` too) of strings, binary values and arrays; `concat_ws`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, ListArray, MutableArrayData, StringArray, make_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::coercion::{common_type, implicit_cast_target};
use vonk_expr::collation::Collating;
use vonk_expr::columns::{binary_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("concat", "collection_funcs", build)
        .aliases(&["||"])
        .usage("The strings, binary values or arrays, one after the other.")
        .kernels(&[&CONCAT, &CONCAT_BYTES, &CONCAT_ARRAYS])
        .collating(Collating::JOINED),
    FunctionSpec::scalar("concat_ws", "string_funcs", build_ws)
        .usage("The strings and the strings of arrays, with a separator between them; NULLs are left out.")
        .kernels(&[&CONCAT_WS])
        .collating(Collating::JOINED),
];

static CONCAT: Kernel = Kernel::total("concat", concat).eager();
static CONCAT_BYTES: Kernel = Kernel::total("concat_bytes", concat_bytes).eager();
static CONCAT_ARRAYS: Kernel = Kernel::new("concat_arrays", concat_arrays);
static CONCAT_WS: Kernel = Kernel::total("concat_ws", concat_ws).eager();

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let named = |mut out: TypedExpr, args: &[TypedExpr]| {
        out.sql = SqlText::call("concat", args.iter().map(|a| a.sql.clone()));
        out
    };
    if args.is_empty() {
        return Ok(named(TypedExpr::literal(&Literal::string(""))?, &[]));
    }
    let args = coerced(ctx, args)?;
    let first = args.first().map_or(DataType::STRING, |a| a.data_type.clone());
    // Inside of arrays, what can be NULL in one of them can be in the result.
    let first = args.iter().fold(first, |t, a| match a.data_type.same_type(&t) {
        true => common_type(&t, &a.data_type, ctx.ansi()).unwrap_or(t),
        false => t,
    });
    let fits = |t: &DataType| matches!(t, DataType::String(_) | DataType::Binary | DataType::Array(..));
    if let Some(i) = args.iter().position(|a| !fits(&a.data_type)) {
        return Err(ctx.unexpected_type(&args, i, "(\"STRING\" or \"BINARY\" or \"ARRAY\")"));
    }
    if args.iter().any(|a| !a.data_type.same_type(&first)) {
        let types: Vec<_> = args.iter().map(|a| quote_sql(a.data_type.sql())).collect();
        return Err(ctx
            .mismatch("DATA_DIFF_TYPES", &args)
            .param("functionName", quote_id([&*ctx.name]))
            .param("dataType", format!("({})", types.join(" or "))));
    }
    let (kernel, ty) = match first {
        DataType::Array(element, _) => {
            let nulls = args.iter().any(|a| matches!(a.data_type, DataType::Array(_, true)));
            (&CONCAT_ARRAYS, DataType::Array(element, nulls))
        }
        DataType::Binary => (&CONCAT_BYTES, DataType::Binary),
        DataType::String(c) => (&CONCAT, DataType::String(c)),
        _ => return Err(ctx.unexpected_type(&args, 0, "(\"STRING\" or \"BINARY\" or \"ARRAY\")")),
    };
    let texts = args.clone();
    Ok(named(ctx.call(kernel, args, ty, Nullability::Args), &texts))
}

/// Arrays get their common type; binary values stay when there is nothing else; all others become
/// strings where a cast exists.
fn coerced(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<Vec<TypedExpr>> {
    if args.iter().all(|a| matches!(a.data_type, DataType::Array(..))) {
        let mut common = args.first().map(|a| a.data_type.clone());
        for a in &args {
            common = common.and_then(|c| common_type(&c, &a.data_type, ctx.ansi()));
        }
        let Some(common) = common else { return Ok(args) };
        return args
            .into_iter()
            .map(|a| if a.data_type.same_type(&common) { Ok(a) } else { cast(&ctx.facts, a, &common) })
            .collect();
    }
    if args.iter().all(|a| a.data_type == DataType::Binary) {
        return Ok(args);
    }
    let collation = args.iter().find(|a| matches!(a.data_type, DataType::String(_))).map(|a| a.data_type.clone());
    args.into_iter()
        .map(|a| match &a.data_type {
            DataType::String(_) => Ok(a),
            t => match implicit_cast_target(t, &Want::Str, ctx.ansi()) {
                Some(DataType::String(None)) => cast(&ctx.facts, a, collation.as_ref().unwrap_or(&DataType::STRING)),
                Some(to) => cast(&ctx.facts, a, &to),
                None => Ok(a),
            },
        })
        .collect()
}

fn build_ws(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let part = Want::OneOf(vec![Want::ArrayOf(Box::new(Want::Str)), Want::Str]);
    let args = ctx.coerce_variadic(args, 1, &[Want::Str, part])?;
    let nullable = args.first().is_some_and(|a| a.nullable);
    let nulls = if nullable { Nullability::Always } else { Nullability::Never };
    Ok(ctx.call(&CONCAT_WS, args, DataType::STRING, nulls))
}

fn concat(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let parts: DfResult<Vec<_>> = (0..args.len()).map(|i| Col::<StringArray>::new(args, i)).collect();
    let parts = parts?;
    let bytes = parts.iter().map(|p| p.array().value_data().len()).sum();
    string_rows(rows, bytes, |i, out| {
        for part in &parts {
            out.push_str(not_null!(part.get(i)));
        }
        Ok(Some(()))
    })
}

fn concat_bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let parts: DfResult<Vec<_>> = (0..args.len()).map(|i| Col::<BinaryArray>::new(args, i)).collect();
    let parts = parts?;
    binary_rows(rows, |i, out| {
        for part in &parts {
            out.extend_from_slice(not_null!(part.get(i)));
        }
        Ok(Some(()))
    })
}

fn concat_arrays(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let lists: DfResult<Vec<ListArray>> = (0..args.len()).map(|i| typed_arg(args, i, rows)).collect();
    let lists = lists?;
    let datas: Vec<_> = lists.iter().map(|l| l.values().to_data()).collect();
    let total = datas.iter().map(|d| d.len()).sum();
    let mut values = MutableArrayData::new(datas.iter().collect(), true, total);
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut valid = Vec::with_capacity(rows);
    offsets.push(0i32);
    for row in 0..rows {
        let whole = lists.iter().all(|l| l.is_valid(row));
        if whole {
            for (n, list) in lists.iter().enumerate() {
                let bounds = list.value_offsets();
                if let (Some(from), Some(to)) = (bounds.get(row), bounds.get(row + 1)) {
                    values.try_extend(n, *from as usize, *to as usize)?;
                }
            }
        }
        valid.push(whole);
        let end = i32::try_from(values.len())
            .map_err(|_| call.error(crate::repeat::too_long(values.len(), "concat", "expr")))?;
        offsets.push(end);
    }
    let datafusion::arrow::datatypes::DataType::List(field) = call.arrow_return_type() else {
        return Err(exec_err(SparkError::internal("concat of arrays")));
    };
    let nulls = Some(NullBuffer::from(valid)).filter(|n| n.null_count() > 0);
    let values: ArrayRef = make_array(values.freeze());
    let out = ListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, nulls)?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

enum Part {
    One(Col<StringArray>),
    Many(ListArray, StringArray),
}

fn concat_ws(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let separator = Col::<StringArray>::new(args, 0)?;
    let mut parts = vec![];
    let mut bytes = 0;
    for i in 1..args.len() {
        if matches!(call.arg_types.get(i), Some(DataType::Array(..))) {
            let list: ListArray = typed_arg(args, i, rows)?;
            let Some(items) = list.values().as_any().downcast_ref::<StringArray>().cloned() else {
                return Err(exec_err(SparkError::internal("concat_ws of other items")));
            };
            bytes += items.value_data().len();
            parts.push(Part::Many(list, items));
        } else {
            let one = Col::<StringArray>::new(args, i)?;
            bytes += one.array().value_data().len();
            parts.push(Part::One(one));
        }
    }
    string_rows(rows, bytes, |i, out| {
        let separator = not_null!(separator.get(i));
        let mut any = false;
        let mut add = |s: &str| {
            if any {
                out.push_str(separator);
            }
            any = true;
            out.push_str(s);
        };
        for part in &parts {
            match part {
                Part::One(col) => {
                    if let Some(s) = col.get(i) {
                        add(s);
                    }
                }
                Part::Many(list, items) if list.is_valid(i) => {
                    let bounds = list.value_offsets();
                    if let (Some(from), Some(to)) = (bounds.get(i), bounds.get(i + 1)) {
                        (*from as usize..*to as usize).filter(|n| items.is_valid(*n)).for_each(|n| add(items.value(n)));
                    }
                }
                Part::Many(..) => {}
            }
        }
        Ok(Some(()))
    })
}
