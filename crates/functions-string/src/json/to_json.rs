//! `to_json`.

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;
use vonk_common::SparkResult;
use vonk_common::error::quote_sql;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::types::{DataType, StructType};

use super::schema::{from_params, options_argument, to_params};
use crate::formats::write::{Kind, TextFormat};

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("to_json", "json_funcs", build)
    .usage("The struct, array or map as JSON text.")
    .kernels(&[&TO_JSON])
    .literal_nulls()];

static TO_JSON: Kernel = Kernel::new("to_json", to_json);

pub(crate) fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let args: Vec<_> = args.into_iter().take(1).collect();
    if let Some(a) = args.first() {
        match a.data_type.storage() {
            DataType::Struct(_) | DataType::Array(..) | DataType::Map(..) | DataType::Variant | DataType::Null => {}
            other => {
                return Err(ctx.mismatch("INVALID_JSON_SCHEMA", &args).param("schema", quote_sql(other.sql())));
            }
        }
    }
    Ok(ctx.call_with(&TO_JSON, args, DataType::STRING, Nullability::Always, to_params(ctx, &options)))
}

fn to_json(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = array_arg(args, 0, rows)?;
    let (options, conf) = from_params(call);
    let ty = call.arg_types.first().cloned().unwrap_or(DataType::Null);
    if ty == DataType::Null {
        return Ok(ColumnarValue::Array(Arc::new(StringArray::new_null(rows))));
    }
    let format = TextFormat::new(Kind::Json, StructType::default(), &options, &conf).map_err(|e| call.error(e))?;
    let texts = format.json_values(&values, &ty)?;
    Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
}
