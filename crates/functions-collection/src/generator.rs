//! `explode`, `posexplode`, `inline`, `stack` and their outer forms: one row to many.
//!
//! Each builds an array of structs, one struct a row; the engine's generate operator does the rest.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, ListArray, StructArray, new_null_array};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::common_type;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, GeneratorCall, Kernel, TypedExpr, exec_err};
use vonk_plan::types::{DataType, StructField};

use crate::lists::{ListTaker, item_field, list_arg, map_arg, retype};
use crate::map::construct::entries_as_list;

static EXPLODE_KERNEL: Kernel = Kernel::new("explode_rows", eval_explode).eager();
static STACK_KERNEL: Kernel = Kernel::new("stack_rows", eval_stack).eager();

pub static SPECS: &[&FunctionSpec] =
    &[&EXPLODE, &EXPLODE_OUTER, &POSEXPLODE, &POSEXPLODE_OUTER, &INLINE, &INLINE_OUTER, &STACK];

pub static EXPLODE: FunctionSpec =
    FunctionSpec::new("explode", "generator_funcs", Body::Generator(|c, a| explode(c, a, false, false)))
        .usage("explode(collection) - a row for each element of the array or entry of the map")
        .parameters(&["collection"])
        .kernels(&[&EXPLODE_KERNEL]);
pub static EXPLODE_OUTER: FunctionSpec =
    FunctionSpec::new("explode_outer", "generator_funcs", Body::Generator(|c, a| explode(c, a, false, true)))
        .usage("explode_outer(collection) - explode with a row of NULLs for nothing")
        .parameters(&["collection"]);
pub static POSEXPLODE: FunctionSpec =
    FunctionSpec::new("posexplode", "generator_funcs", Body::Generator(|c, a| explode(c, a, true, false)))
        .usage("posexplode(collection) - explode with the position, from 0, before each element")
        .parameters(&["collection"]);
pub static POSEXPLODE_OUTER: FunctionSpec =
    FunctionSpec::new("posexplode_outer", "generator_funcs", Body::Generator(|c, a| explode(c, a, true, true)))
        .usage("posexplode_outer(collection) - posexplode with a row of NULLs for nothing")
        .parameters(&["collection"]);
pub static INLINE: FunctionSpec =
    FunctionSpec::new("inline", "generator_funcs", Body::Generator(|c, a| inline(c, a, false)))
        .usage("inline(array) - a row for each struct of the array, a column for each field")
        .parameters(&["input"]);
pub static INLINE_OUTER: FunctionSpec =
    FunctionSpec::new("inline_outer", "generator_funcs", Body::Generator(|c, a| inline(c, a, true)))
        .usage("inline_outer(array) - inline with a row of NULLs for nothing")
        .parameters(&["input"]);
pub static STACK: FunctionSpec = FunctionSpec::new("stack", "generator_funcs", Body::Generator(stack))
    .usage("stack(n, expr, ...) - the values laid out in n rows")
    .kernels(&[&STACK_KERNEL]);

fn explode(ctx: &FnContext, args: Vec<TypedExpr>, position: bool, outer: bool) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 1..=1)?;
    let mut columns = vec![];
    if position {
        columns.push(StructField::new("pos", DataType::Int, outer));
    }
    match &args[0].data_type {
        DataType::Array(e, n) => columns.push(StructField::new("col", (**e).clone(), *n || outer)),
        DataType::Map(k, v, n) => {
            columns.push(StructField::new("key", (**k).clone(), outer));
            columns.push(StructField::new("value", (**v).clone(), *n || outer));
        }
        _ => return Err(ctx.unexpected_type(&args, 0, "(\"ARRAY\" or \"MAP\")")),
    }
    let ty = DataType::array(DataType::structure(columns.iter().cloned()), false);
    let rows = ctx.call_with(&EXPLODE_KERNEL, args, ty, Nullability::Args, vec![position.to_string()]);
    Ok(GeneratorCall { rows, columns, outer })
}

fn eval_explode(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let field = item_field(&call.arrow_return_type())?;
    let Arrow::Struct(fields) = field.data_type().clone() else {
        return Err(exec_err(SparkError::internal("explode")));
    };
    let input = array_arg(args, 0, rows)?;
    let (list, mut columns): (ListArray, Vec<ArrayRef>) = match input.data_type() {
        Arrow::Map(..) => {
            let list = entries_as_list(&map_arg(args, 0, rows)?)?;
            let columns = match list.values().as_any().downcast_ref::<StructArray>() {
                Some(s) => s.columns().to_vec(),
                None => vec![],
            };
            (list, columns)
        }
        _ => {
            let list = list_arg(args, 0, rows)?;
            let column = list.values().clone();
            (list, vec![column])
        }
    };
    if call.param(0) == "true" {
        let mut positions = vec![0; list.values().len()];
        for w in list.value_offsets().windows(2) {
            (w[0]..w[1]).enumerate().for_each(|(p, j)| positions[j as usize] = p as i32);
        }
        columns.insert(0, Arc::new(Int32Array::from(positions)));
    }
    let columns = columns.into_iter().zip(fields.iter()).map(|(c, f)| retype(c, f.data_type())).collect();
    let values = Arc::new(StructArray::try_new(fields, columns, None)?);
    let out = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn inline(ctx: &FnContext, args: Vec<TypedExpr>, outer: bool) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 1..=1)?;
    let columns = match &args[0].data_type {
        DataType::Array(e, element_null) => match &**e {
            DataType::Struct(s) => s
                .fields
                .iter()
                .map(|f| StructField { nullable: f.nullable || *element_null || outer, ..f.clone() })
                .collect(),
            _ => return Err(ctx.unexpected_type(&args, 0, "\"ARRAY<STRUCT>\"")),
        },
        _ => return Err(ctx.unexpected_type(&args, 0, "\"ARRAY<STRUCT>\"")),
    };
    let Some(rows) = args.into_iter().next() else { return Err(SparkError::internal("inline")) };
    Ok(GeneratorCall { rows, columns, outer })
}

fn stack(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 2..=usize::MAX)?;
    if args[0].data_type != DataType::Int {
        return Err(ctx.unexpected_type(&args, 0, "\"INT\""));
    }
    let Some(count) = args[0].foldable.then(|| args[0].constant_i64("stack", "n")).transpose()?.flatten() else {
        return Err(ctx.non_foldable(&ctx.sql(&args), "n", "\"INT\"", &args[0]));
    };
    if count <= 0 {
        return Err(ctx
            .mismatch("VALUE_OUT_OF_RANGE", &args)
            .param("exprName", "`n`")
            .param("valueRange", "(0, 2147483647]")
            .param("currentValue", count));
    }
    let values = &args[1..];
    let count = count as usize;
    let width = values.len().div_ceil(count);
    let mut columns = Vec::with_capacity(width);
    // Rows that no value falls into are filled up with NULLs later: there may be very many.
    let given = values.len().div_ceil(width);
    let mut cells = Vec::with_capacity(given * width);
    for c in 0..width {
        let mut ty = DataType::Null;
        for v in values.iter().skip(c).step_by(width) {
            ty = common_type(&ty, &v.data_type, ctx.ansi())
                .filter(|t| ty == DataType::Null || t.same_type(&ty))
                .ok_or_else(|| {
                    ctx.mismatch("STACK_COLUMN_DIFF_TYPES", &args)
                        .param("columnIndex", c)
                        .param("leftParamIndex", c + 1)
                        .param("leftType", vonk_common::error::quote_sql(ty.sql()))
                        .param("rightParamIndex", c + 1 + width)
                        .param("rightType", vonk_common::error::quote_sql(v.data_type.sql()))
                })?;
        }
        columns.push(StructField::new(format!("col{c}"), ty, true));
    }
    for i in 0..given * width {
        let ty = &columns[i % width].data_type;
        cells.push(match values.get(i) {
            Some(v) if v.data_type.same_type(ty) => v.clone(),
            Some(v) => vonk_expr::cast::cast(&ctx.facts, v.clone(), ty)?,
            None => TypedExpr::null(ty.clone())?,
        });
    }
    let ty = DataType::array(DataType::structure(columns.iter().cloned()), false);
    let rows = ctx.call_with(&STACK_KERNEL, cells, ty, Nullability::Never, vec![width.to_string(), count.to_string()]);
    Ok(GeneratorCall { rows, columns, outer: false })
}

fn eval_stack(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let field = item_field(&call.arrow_return_type())?;
    let Arrow::Struct(fields) = field.data_type().clone() else {
        return Err(exec_err(SparkError::internal("stack")));
    };
    let width: usize = call.param(0).parse().unwrap_or(1).max(1);
    let (given, height) = (args.len() / width, call.param(1).parse().unwrap_or(0));
    // One struct array per laid-out row; the taker interleaves them.
    let mut layers: Vec<ArrayRef> = Vec::with_capacity(height);
    for r in 0..given {
        let columns: DfResult<Vec<_>> =
            (0..width).map(|c| Ok(retype(array_arg(args, r * width + c, rows)?, fields[c].data_type()))).collect();
        layers.push(Arc::new(StructArray::try_new(fields.clone(), columns?, None)?));
    }
    layers.push(Arc::new(StructArray::try_new(
        fields.clone(),
        fields.iter().map(|f| new_null_array(f.data_type(), 1)).collect(),
        None,
    )?));
    let mut taker = ListTaker::new(layers, rows);
    for row in 0..rows {
        taker.make_room(call, height)?;
        (0..given).for_each(|r| taker.push(r, row));
        (given..height).for_each(|_| taker.push(given, 0));
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(field)?))
}
