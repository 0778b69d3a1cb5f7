//! `sort_array`, `array_max`, `array_min`. (`array_sort` takes a lambda and is with those.)

use datafusion::arrow::array::{Array, BooleanArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};

use super::{check_order, element};
use crate::lists::{ListTaker, item_field, list_arg, range, retype};
use crate::rows::{element_keys, rows_of};

static SORT_KERNEL: Kernel = Kernel::new("sort_array", eval_sort);
static EXTREME_KERNEL: Kernel = Kernel::new("array_extreme", eval_extreme);

pub static SORT_ARRAY: FunctionSpec = FunctionSpec::scalar("sort_array", "array_funcs", build_sort)
    .usage("sort_array(array[, ascending]) - the array sorted, NULLs first when ascending, last when not")
    .kernels(&[&SORT_KERNEL])
    .literal_nulls();

pub static ARRAY_MAX: FunctionSpec =
    FunctionSpec::scalar("array_max", "array_funcs", |c, a| build_extreme(c, a, "max"))
        .usage("array_max(array) - the greatest element, NULLs left out")
        .kernels(&[&EXTREME_KERNEL]);

pub static ARRAY_MIN: FunctionSpec =
    FunctionSpec::scalar("array_min", "array_funcs", |c, a| build_extreme(c, a, "min"))
        .usage("array_min(array) - the least element, NULLs left out");

fn build_sort(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    if args.len() == 1 {
        args.push(TypedExpr::literal(&vonk_plan::Literal::Boolean(true))?);
    }
    if let [list, order] = args.as_slice()
        && matches!(list.data_type, vonk_plan::types::DataType::Array(..))
        && !order.foldable
    {
        check_order(ctx, &args, &list.data_type)?;
        return Err(ctx.non_foldable(
            &ctx.sql(&args),
            "ascendingOrder",
            vonk_common::error::quote_sql(order.data_type.sql()),
            order,
        ));
    }
    let args = ctx.coerce(args, 1, &[Want::AnyArray, Want::BOOLEAN])?;
    check_order(ctx, &args, &args[0].data_type)?;
    let ty = args[0].data_type.clone();
    Ok(ctx.call(&SORT_KERNEL, args, ty, Nullability::Args))
}

fn eval_sort(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let ascending: BooleanArray = typed_arg(args, 1, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?])?;
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    for row in 0..rows {
        if list.is_null(row) || ascending.is_null(row) {
            taker.end_null();
            continue;
        }
        let mut order: Vec<usize> = range(&list, row).collect();
        match ascending.value(row) {
            true => order.sort_by(|x, y| converted[0].row(*x).cmp(&converted[0].row(*y))),
            false => order.sort_by(|x, y| converted[0].row(*y).cmp(&converted[0].row(*x))),
        }
        order.into_iter().for_each(|j| taker.push(0, j));
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_extreme(ctx: &FnContext, args: Vec<TypedExpr>, which: &str) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::AnyArray])?;
    let (ty, _) = element(ctx, &args, 0)?;
    check_order(ctx, &args, &ty)?;
    Ok(ctx.call_with(&EXTREME_KERNEL, args, ty, Nullability::Always, vec![which.to_string()]))
}

fn eval_extreme(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?])?;
    let max = call.param(0) == "max";
    let indices: UInt32Array = (0..rows)
        .map(|row| {
            let present = range(&list, row).filter(|j| !list.values().is_null(*j));
            let best = match max {
                true => present.max_by(|x, y| converted[0].row(*x).cmp(&converted[0].row(*y))),
                false => present.min_by(|x, y| converted[0].row(*x).cmp(&converted[0].row(*y))),
            };
            best.map(|j| j as u32)
        })
        .collect();
    let values = take(list.values(), &indices, None)?;
    Ok(ColumnarValue::Array(retype(values, &call.arrow_return_type())))
}
