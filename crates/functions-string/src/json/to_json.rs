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
use crate::formats::json_text::{Json, Liberties, Reader, write_string};
use crate::formats::options::flag;
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
    let mut texts = format.json_values(&values, &ty)?;
    if flag(&options, "pretty", false).map_err(|e| call.error(e))? {
        let allow = Liberties::new(&options).map_err(|e| call.error(e))?;
        for text in texts.iter_mut().flatten() {
            let mut out = String::new();
            if let Some(Ok(value)) = Reader::new(text, allow).next_value() {
                pretty(&value, 0, &mut out);
            }
            *text = out;
        }
    }
    Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
}

/// With line breaks and blanks, as Jackson's default printer lays JSON out.
fn pretty(value: &Json<'_>, depth: usize, out: &mut String) {
    match value {
        Json::Object(fields) if fields.is_empty() => out.push_str("{ }"),
        Json::Object(fields) => {
            for (i, (name, value)) in fields.iter().enumerate() {
                out.push_str(if i == 0 { "{\n" } else { ",\n" });
                out.push_str(&"  ".repeat(depth + 1));
                write_string(name, out);
                out.push_str(" : ");
                pretty(value, depth + 1, out);
            }
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        Json::Array(items) if items.is_empty() => out.push_str("[ ]"),
        Json::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "[ " } else { ", " });
                pretty(item, depth, out);
            }
            out.push_str(" ]");
        }
        other => other.write(out),
    }
}
