//! `from_json`, `schema_of_json`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::struct_fields;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, exec_err};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField, StructType};

use super::schema::{
    corrupt_column, failed_fast, from_params, options_argument, sample, schema_argument, text_only, to_params,
};
use crate::formats::json::{Builder, Inference, canonical};
use crate::formats::json_text::{Json, Liberties, Reader};
use crate::formats::options::{ParseMode, flag, parse_mode};
use crate::formats::single_variant;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("from_json", "json_funcs", build)
        .usage("The value of a type that a JSON text holds.")
        .kernels(&[&FROM_JSON]),
    FunctionSpec::scalar("schema_of_json", "json_funcs", schema_of).usage("The type of a JSON text, in SQL."),
];

static FROM_JSON: Kernel = Kernel::new("from_json", from_json);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let schema = match args.get(1) {
        Some(arg) => schema_argument(ctx, arg)?.as_nullable(),
        None => DataType::Null,
    };
    let options = options_argument(ctx, args.get(2))?;
    let args = text_only(ctx, args)?;
    if !matches!(schema, DataType::Struct(_) | DataType::Array(..) | DataType::Map(..) | DataType::Variant) {
        return Err(ctx.mismatch("INVALID_JSON_SCHEMA", &args).param("schema", quote_sql(schema.sql())));
    }
    let entries = matches!(schema, DataType::Map(..));
    let mut out = ctx.call_with(&FROM_JSON, args, schema, Nullability::Always, to_params(ctx, &options));
    if entries {
        out.name = Some("entries".into());
    }
    Ok(out)
}

fn schema_of(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let text = sample(ctx, &args, "json")?;
    let inference = Inference::new(&options, &ctx.facts.conf)?;
    let mut reader = Reader::new(&text, Liberties::new(&options)?);
    let found = match reader.next_value() {
        Some(Ok(value)) => inference.type_of(&value).map_err(vonk_expr::spark_error)?,
        _ => return Err(SparkError::internal("the text is not JSON")),
    };
    let dropped = flag(&options, "dropfieldifallnull", false)?;
    let ty = canonical(found, true, dropped).unwrap_or(DataType::structure([]));
    let mut out = TypedExpr::literal(&Literal::string(ty.sql()))?.at(ctx.origin.clone());
    out.sql = SqlText::call(&ctx.name, args.iter().take(1).map(|a| a.sql.clone()));
    Ok(out)
}

/// The record in a text; `None` if it is malformed.
fn read(text: &str, allow: Liberties) -> Option<Json<'_>> {
    Reader::new(text, allow).next_value()?.ok()
}

fn from_json(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let (options, conf) = from_params(call);
    let allow = Liberties::new(&options).map_err(|e| call.error(e))?;
    let builder = Builder::new(&options, &conf).copying();
    let fail_fast = parse_mode(&options) == ParseMode::FailFast;
    let single = match &call.return_type {
        DataType::Struct(s) if single_variant::column(&options).is_some() => {
            s.fields.iter().find(|f| f.data_type == DataType::Variant).map(|f| f.name.as_str())
        }
        _ => None,
    };
    // Rows without text give NULL, whatever the type.
    let texts: Vec<Option<&str>> = (0..rows).map(|i| text.get(i).filter(|t| !t.trim().is_empty())).collect();
    let mut bad = vec![false; rows];
    let mut records: Vec<Option<Json<'_>>> = Vec::with_capacity(rows);
    for (i, text) in texts.iter().enumerate() {
        let record = text.and_then(|t| read(t, allow));
        let fits = match (&call.return_type, &record) {
            // The record is the value of the only column.
            (DataType::Struct(_), Some(_)) if single.is_some() => {
                record.zip(single).map(|(value, name)| Json::Object(vec![(name.into(), value)]))
            }
            (DataType::Struct(_) | DataType::Map(..), Some(Json::Object(_))) => record,
            (DataType::Array(..), Some(Json::Array(_))) | (DataType::Variant, Some(_)) => record,
            (DataType::Array(e, _), Some(Json::Object(_))) if matches!(**e, DataType::Struct(_)) => {
                record.map(|r| Json::Array(vec![r]))
            }
            _ => None,
        };
        if let Some(flag) = bad.get_mut(i) {
            *flag = text.is_some() && fits.is_none();
        }
        records.push(fits);
    }
    let array: ArrayRef = match &call.return_type {
        DataType::Struct(s) => {
            structs(call, s, &texts, &records, &builder, &mut bad, &corrupt_column(&options, &conf))?
        }
        other => {
            // A top-level array or map is the only field of a record made for it.
            let wrapped: Vec<Option<Json<'_>>> =
                records.into_iter().map(|r| r.map(|r| Json::Object(vec![("v".into(), r)]))).collect();
            let field = StructField::new("v", other.clone(), true);
            let mut columns = builder.columns(&wrapped, &[field], &mut bad)?;
            columns.pop().ok_or_else(|| exec_err(SparkError::internal("no column")))?
        }
    };
    if fail_fast && bad.contains(&true) {
        return Err(call.error(failed_fast()));
    }
    Ok(ColumnarValue::Array(array))
}

/// Structs of records; bad ones have NULLs and the text in the column for that.
fn structs(
    _: &Call,
    s: &StructType,
    texts: &[Option<&str>],
    records: &[Option<Json<'_>>],
    builder: &Builder<'_>,
    bad: &mut [bool],
    corrupt: &str,
) -> DfResult<ArrayRef> {
    let mut columns = builder.columns(records, &s.fields, bad)?;
    if let Some(at) = s.fields.iter().position(|f| f.name == corrupt && f.data_type.is_string()) {
        let kept: StringArray = texts.iter().zip(bad.iter()).map(|(t, bad)| t.filter(|_| *bad)).collect();
        if let Some(column) = columns.get_mut(at) {
            *column = Arc::new(kept);
        }
    }
    let valid = NullBuffer::from_iter(texts.iter().map(Option::is_some));
    Ok(Arc::new(StructArray::try_new_with_length(struct_fields(s), columns, Some(valid), texts.len())?))
}
