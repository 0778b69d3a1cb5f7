//! Functions over VARIANT, the type of values whose form is known row by row.
//!
//! The binary form is read and written by [`vonk_expr::cast::variant`]; here are the functions on
//! top of it. None of them casts its arguments: other types than the ones named are refused.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::cast;
use vonk_expr::{FnContext, FunctionSpec, TypedExpr, Want, exec_err};
use vonk_plan::types::DataType;

pub mod edit;
pub mod explode;
pub mod get;
pub mod object;
pub mod parse;
pub mod path;
pub mod schema;
mod tree;

pub static SPECS: &[&FunctionSpec] = &[
    &parse::PARSE_JSON,
    &parse::TRY_PARSE_JSON,
    &parse::IS_VARIANT_NULL,
    &parse::IS_VALID_VARIANT,
    &get::VARIANT_GET,
    &get::TRY_VARIANT_GET,
    &get::SEMI_STRUCTURED_EXTRACT,
    &schema::SCHEMA_OF_VARIANT,
    &object::TO_VARIANT_OBJECT,
    &edit::VARIANT_SET,
    &edit::TRY_VARIANT_SET,
    &edit::VARIANT_INSERT,
    &edit::TRY_VARIANT_INSERT,
    &edit::VARIANT_ARRAY_APPEND,
    &edit::TRY_VARIANT_ARRAY_APPEND,
    &edit::VARIANT_DELETE,
    &edit::VARIANT_STRIP_NULLS,
    &explode::VARIANT_EXPLODE,
    &explode::VARIANT_EXPLODE_OUTER,
];

/// Arguments of exactly these types; a NULL of type void becomes one of the wanted type.
pub(crate) fn exact(ctx: &FnContext, args: Vec<TypedExpr>, wants: &[DataType]) -> SparkResult<Vec<TypedExpr>> {
    for (i, (arg, want)) in args.iter().zip(wants).enumerate() {
        if arg.data_type != DataType::Null && !Want::Type(want.clone()).accepts(&arg.data_type) {
            return Err(ctx.unexpected_type(&args, i, &quote_sql(want.sql())));
        }
    }
    args.into_iter()
        .zip(wants)
        .map(|(a, want)| if a.data_type == DataType::Null { cast(&ctx.facts, a, want) } else { Ok(a) })
        .collect()
}

/// The closure writes the row's value and the dictionary that belongs to it.
pub(crate) fn variant_rows(
    rows: usize,
    mut f: impl FnMut(usize) -> DfResult<Option<(Vec<u8>, Vec<u8>)>>,
) -> DfResult<ColumnarValue> {
    let (mut values, mut metadata) = (BinaryBuilder::new(), BinaryBuilder::new());
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let written = f(row)?;
        valid.push(written.is_some());
        let (value, names) = written.unzip();
        values.append_option(value);
        metadata.append_option(names);
    }
    let Arrow::Struct(fields) = to_arrow(&DataType::Variant) else {
        return Err(exec_err(SparkError::internal("variant")));
    };
    let columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(metadata.finish())];
    Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(valid)))?)))
}
