//! `json_array_length` and `json_object_keys`.

use std::sync::Arc;

use datafusion::arrow::array::{ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::arrow_types::element_field;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::relation::Options;
use vonk_plan::types::DataType;

use crate::formats::json_text::{Json, Liberties, Reader};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("json_array_length", "json_funcs", |c, a| build(c, a, &LENGTH, DataType::Int))
        .usage("Number of elements of a JSON array; NULL of anything else.")
        .kernels(&[&LENGTH]),
    FunctionSpec::scalar("json_object_keys", "json_funcs", |c, a| {
        build(c, a, &KEYS, DataType::array(DataType::STRING, true))
    })
    .usage("The names of a JSON object's fields; NULL of anything else.")
    .kernels(&[&KEYS]),
];

static LENGTH: Kernel = Kernel::new("json_array_length", length);
static KEYS: Kernel = Kernel::new("json_object_keys", keys);

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, ty: DataType) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::Str])?;
    Ok(ctx.call(kernel, args, ty, Nullability::Always))
}

fn length(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let allow = Liberties::new(&Options::new()).map_err(|e| call.error(e))?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let value = Reader::new(not_null!(text.get(i)), allow).next_value();
        Ok(match value {
            Some(Ok(Json::Array(items))) => Some(items.len() as i32),
            _ => None,
        })
    })
}

fn keys(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let allow = Liberties::new(&Options::new()).map_err(|e| call.error(e))?;
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(element_field(&DataType::STRING));
    for i in 0..rows {
        match text.get(i).and_then(|t| Reader::new(t, allow).next_value()) {
            Some(Ok(Json::Object(fields))) => {
                fields.iter().for_each(|(name, _)| out.values().append_value(name));
                out.append(true);
            }
            _ => out.append(false),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}
