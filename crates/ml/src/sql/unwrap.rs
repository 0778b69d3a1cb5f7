//! `unwrap_udt`, the storage of a user-defined value, and `array_binary_search`: what clients build
//! `vector_get` from.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Int32Type};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::function::{RowFunction, arg, call};
use crate::linalg::column::arrow_error;

pub static UNWRAP_UDT: FunctionSpec = FunctionSpec::scalar("unwrap_udt", vonk_expr::INTERNAL, unwrap_udt)
    .usage("unwrap_udt(value) - The value of a user-defined type as it is stored.");

pub static ARRAY_BINARY_SEARCH: FunctionSpec =
    FunctionSpec::scalar("array_binary_search", vonk_expr::INTERNAL, array_binary_search).usage(
        "array_binary_search(array, value) - The index of a value in a sorted array of integers, else negative.",
    );

fn unwrap_udt(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let Some(value) = args.first() else { return Err(SparkError::internal("no argument")) };
    let mut out = value.clone();
    out.data_type = value.data_type.storage().clone();
    out.sql = ctx.sql(&args);
    out.name = None;
    out.metadata = None;
    Ok(out)
}

fn array_binary_search(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if !matches!(args.first().map(|a| &a.data_type), Some(DataType::Array(e, _)) if e.is_integral()) {
        return Err(ctx.unexpected_type(&args, 0, "\"ARRAY<INT>\""));
    }
    let mut out = call(Search, args.iter().map(|a| a.expr.clone()).collect(), true).derived_from(&args);
    out.sql = ctx.sql(&args);
    Ok(out)
}

pub const SEARCH: &str = "ml_binary_search";

#[derive(Debug)]
struct Search;

pub fn decode_search(_: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Search))
}

impl RowFunction for Search {
    fn name(&self) -> &'static str {
        SEARCH
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn result(&self) -> DataType {
        DataType::Int
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let list = arg(args, 0)?.as_list_opt::<i32>().ok_or_else(|| SparkError::internal("an array was expected"))?;
        let items = cast(list.values(), &Arrow::Int32).map_err(arrow_error)?;
        let items = items.as_primitive::<Int32Type>().values();
        let wanted = cast(arg(args, 1)?, &Arrow::Int32).map_err(arrow_error)?;
        let wanted = wanted.as_primitive::<Int32Type>();
        let find = |(i, ends): (usize, &[i32])| {
            let [a, b] = ends else { return None };
            if list.is_null(i) || wanted.is_null(i) {
                return None;
            }
            let row = items.get(*a as usize..*b as usize)?;
            // Where it is, or where it would go, as Java tells it.
            Some(row.binary_search(&wanted.value(i)).map_or_else(|at| -(at as i32) - 1, |at| at as i32))
        };
        Ok(Arc::new(list.offsets().windows(2).enumerate().map(find).collect::<Int32Array>()))
    }
}
