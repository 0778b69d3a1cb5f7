//! `variant_explode` and `variant_explode_outer`: a row for each item of an array or field of an
//! object.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Builder, StringBuilder, StructArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::{Value, Variants, build::variants};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, GeneratorCall, Kernel, TypedExpr, exec_err};
use vonk_plan::types::{DataType, StructField};

use super::exact;
use crate::lists::{item_field, list_of};

static EXPLODE_KERNEL: Kernel = Kernel::new("variant_explode_rows", eval);

pub static VARIANT_EXPLODE: FunctionSpec =
    FunctionSpec::new("variant_explode", "variant_funcs", Body::Generator(|c, a| explode(c, a, false)))
        .usage("variant_explode(v) - position, key and value of each item or field")
        .parameters(&["input"])
        .table_only()
        .kernels(&[&EXPLODE_KERNEL]);

pub static VARIANT_EXPLODE_OUTER: FunctionSpec =
    FunctionSpec::new("variant_explode_outer", "variant_funcs", Body::Generator(|c, a| explode(c, a, true)))
        .usage("variant_explode_outer(v) - variant_explode with a row of NULLs for nothing")
        .parameters(&["input"])
        .table_only();

fn explode(ctx: &FnContext, args: Vec<TypedExpr>, outer: bool) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 1..=1)?;
    let args = exact(ctx, args, &[DataType::Variant])?;
    let columns = vec![
        StructField::new("pos", DataType::Int, outer),
        StructField::new("key", DataType::STRING, true),
        StructField::new("value", DataType::Variant, outer),
    ];
    let ty = DataType::array(DataType::structure(columns.iter().cloned()), false);
    Ok(GeneratorCall { rows: ctx.call(&EXPLODE_KERNEL, args, ty, Nullability::Always), columns, outer })
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let input = Variants::new(&array)?;
    let (mut positions, mut keys, mut values) = (Int32Builder::new(), StringBuilder::new(), vec![]);
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        let before = values.len();
        match input.get(row).and_then(|v| v.get()) {
            Some(Value::Array(items)) => {
                for (i, item) in items.enumerate() {
                    positions.append_value(i as i32);
                    keys.append_null();
                    values.push(Some(item));
                }
            }
            Some(Value::Object(fields)) => {
                for (i, (name, field)) in fields.enumerate() {
                    positions.append_value(i as i32);
                    keys.append_value(name);
                    values.push(Some(field));
                }
            }
            _ => {}
        }
        lengths.push(values.len() - before);
    }
    let field = item_field(&call.arrow_return_type())?;
    let Arrow::Struct(fields) = field.data_type().clone() else {
        return Err(exec_err(SparkError::internal("variant_explode")));
    };
    let columns: Vec<ArrayRef> = vec![Arc::new(positions.finish()), Arc::new(keys.finish()), variants(&values)?];
    let items = Arc::new(StructArray::try_new(fields, columns, None)?);
    Ok(ColumnarValue::Array(list_of(field, items, lengths, vec![true; rows])?))
}
