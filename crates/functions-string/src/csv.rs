//! `from_csv`, `to_csv`, `schema_of_csv`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::struct_fields;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, exec_err, spark_error};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructType};

use crate::formats::convert::Converter;
use crate::formats::csv::{Dialect, Fields, Inference, record};
use crate::formats::options::{ParseMode, parse_mode};
use crate::formats::write::{Kind, TextFormat};
use crate::formats::{single_variant, variant};
use crate::json::schema::{
    corrupt_column, failed_fast, from_params, options_argument, sample, schema_argument, text_only, to_params,
};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("from_csv", "csv_funcs", build_from)
        .usage("The struct that a CSV line holds.")
        .kernels(&[&FROM_CSV])
        .literal_nulls(),
    FunctionSpec::scalar("to_csv", "csv_funcs", build_to)
        .usage("The struct as a CSV line.")
        .kernels(&[&TO_CSV])
        .literal_nulls(),
    FunctionSpec::scalar("schema_of_csv", "csv_funcs", schema_of).usage("The type of a CSV line, in SQL."),
];

static FROM_CSV: Kernel = Kernel::new("from_csv", from_csv);
static TO_CSV: Kernel = Kernel::new("to_csv", to_csv);

fn build_from(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let schema = match args.get(1) {
        Some(arg) => schema_argument(ctx, arg)?.as_nullable(),
        None => DataType::Null,
    };
    let options = options_argument(ctx, args.get(2))?;
    let args = text_only(ctx, args)?;
    if !matches!(schema, DataType::Struct(_)) {
        return Err(SparkError::new("INVALID_SCHEMA.NON_STRUCT_TYPE")
            .param("inputSchema", quote_sql(schema.sql()))
            .param("dataType", quote_sql(schema.sql()))
            .at(ctx.origin.clone()));
    }
    Ok(ctx.call_with(&FROM_CSV, args, schema, Nullability::Args, to_params(ctx, &options)))
}

fn build_to(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let args: Vec<_> = args.into_iter().take(1).collect();
    if let Some(a) = args.first()
        && (!matches!(a.data_type.storage(), DataType::Struct(_) | DataType::Null) || has_variant(&a.data_type))
    {
        return Err(ctx
            .mismatch("UNSUPPORTED_INPUT_TYPE", &args)
            .param("functionName", "`to_csv`")
            .param("dataType", quote_sql(a.data_type.sql())));
    }
    Ok(ctx.call_with(&TO_CSV, args, DataType::STRING, Nullability::Always, to_params(ctx, &options)))
}

/// No line holds a variant.
fn has_variant(t: &DataType) -> bool {
    match t {
        DataType::Variant => true,
        DataType::Array(e, _) => has_variant(e),
        DataType::Map(k, v, _) => has_variant(k) || has_variant(v),
        DataType::Struct(s) => s.fields.iter().any(|f| has_variant(&f.data_type)),
        _ => false,
    }
}

fn schema_of(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let text = sample(ctx, &args, "csv")?;
    let dialect = Dialect::new(&options)?;
    let mut fields = Fields::default();
    record(text.as_bytes(), &dialect, false, &mut fields);
    fields.check(text.as_bytes())?;
    let columns: Vec<StringArray> = (0..fields.len())
        .map(|i| StringArray::from(vec![fields.get(i).and_then(|b| std::str::from_utf8(b).ok())]))
        .collect();
    let mut inference = Inference::new(columns.len(), &options, &ctx.facts.conf)?;
    inference.add(&columns).map_err(spark_error)?;
    let names = (0..columns.len()).map(|i| format!("_c{i}")).collect();
    let ty = DataType::Struct(inference.schema(names));
    let mut out = TypedExpr::literal(&Literal::string(ty.sql()))?.at(ctx.origin.clone());
    out.sql = SqlText::call(&ctx.name, args.iter().take(1).map(|a| a.sql.clone()));
    Ok(out)
}

fn from_csv(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let (options, conf) = from_params(call);
    let dialect = Dialect::new(&options).map_err(|e| call.error(e))?;
    let DataType::Struct(s) = &call.return_type else { return Err(exec_err(SparkError::internal("from_csv"))) };
    let corrupt = corrupt_column(&options, &conf);
    let is_corrupt = |name: &str| name == corrupt;
    let data = s.fields.iter().filter(|f| !is_corrupt(&f.name)).count();
    let single = single_variant::column(&options).is_some();
    let values = variant::Fields::new(&options, &conf).map_err(|e| call.error(e))?;
    let (mut records, mut kinds) = (vec![], vec![]);
    let mut cells: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(rows); data];
    let mut bad = vec![false; rows];
    let mut fields = Fields::default();
    for (i, flag) in bad.iter_mut().enumerate() {
        let line = text.get(i);
        if let Some(line) = line {
            record(line.as_bytes(), &dialect, true, &mut fields);
            fields.check(line.as_bytes()).map_err(|e| call.error(e))?;
            *flag = !line.is_empty() && fields.len() != data && !single;
        }
        if single {
            let texts = (0..fields.len()).map(|c| fields.get(c).and_then(|b| std::str::from_utf8(b).ok()));
            records.push(match line {
                Some(_) => Some(values.record(texts, None, &mut kinds)?),
                None => None,
            });
            continue;
        }
        for (c, column) in cells.iter_mut().enumerate() {
            let cell = line.and_then(|_| fields.get(c)).and_then(|b| std::str::from_utf8(b).ok());
            column.push(cell.map(str::to_string));
        }
    }
    let mut cells = cells.into_iter();
    let mut columns: Vec<ArrayRef> = vec![];
    for field in s.fields.iter() {
        if is_corrupt(&field.name) {
            columns.push(Arc::new(StringArray::new_null(rows)));
            continue;
        }
        if single {
            columns.push(variant::array(std::mem::take(&mut records).into_iter())?);
            continue;
        }
        let strings = StringArray::from(cells.next().unwrap_or_default());
        let converter = Converter::new(&field.data_type, &options, &conf).map_err(|e| call.error(e))?;
        let typed = converter.convert(&strings)?;
        for (i, flag) in bad.iter_mut().enumerate() {
            *flag |= strings.is_valid(i) && typed.is_null(i);
        }
        columns.push(typed);
    }
    if parse_mode(&options) == ParseMode::FailFast && bad.contains(&true) {
        return Err(call.error(failed_fast()));
    }
    if let Some(at) = s.fields.iter().position(|f| is_corrupt(&f.name)) {
        let kept: StringArray = bad.iter().enumerate().map(|(i, bad)| text.get(i).filter(|_| *bad)).collect();
        if let Some(column) = columns.get_mut(at) {
            *column = Arc::new(kept);
        }
    }
    let valid = NullBuffer::from_iter((0..rows).map(|i| text.get(i).is_some()));
    let out = StructArray::try_new_with_length(struct_fields(s), columns, Some(valid), rows)?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn to_csv(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = array_arg(args, 0, rows)?;
    let (options, conf) = from_params(call);
    let schema = match call.arg_types.first().map(DataType::storage) {
        Some(DataType::Struct(s)) => s.clone(),
        _ => StructType::default(),
    };
    let Some(structs) = values.as_struct_opt() else {
        return Ok(ColumnarValue::Array(Arc::new(StringArray::new_null(rows))));
    };
    let format = TextFormat::new(Kind::Csv, schema.clone(), &options, &conf).map_err(|e| call.error(e))?;
    let size = RecordBatchOptions::new().with_row_count(Some(rows));
    let fields = Arc::new(Schema::new(struct_fields(&schema)));
    let batch = RecordBatch::try_new_with_options(fields, structs.columns().to_vec(), &size)?;
    let lines = format.csv_lines(&batch)?;
    let out: StringArray = lines.into_iter().enumerate().map(|(i, line)| structs.is_valid(i).then_some(line)).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}
