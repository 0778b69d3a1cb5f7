//! `vector_to_array` and `array_to_vector`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Float64Type};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::element_field;
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use crate::aggregate::vectors;
use crate::error::failed_row;
use crate::function::{RowFunction, arg, call};
use crate::linalg::VectorBuilder;
use crate::linalg::column::arrow_error;
use crate::linalg::udt::{is_vector, vector_type};
use crate::wire::{Reader, Writer};

pub static VECTOR_TO_ARRAY: FunctionSpec =
    FunctionSpec::scalar("vector_to_array", vonk_expr::INTERNAL, vector_to_array)
        .usage("vector_to_array(vector, type) - The entries of a vector as an array of float64 or float32.");

pub static ARRAY_TO_VECTOR: FunctionSpec =
    FunctionSpec::scalar("array_to_vector", vonk_expr::INTERNAL, array_to_vector)
        .usage("array_to_vector(array) - An array of numbers as a dense vector.");

/// Spark shows both as an anonymous function of the columns.
fn named(expr: TypedExpr, args: &[TypedExpr]) -> TypedExpr {
    let mut out = expr;
    out.sql = SqlText::call("UDF", args.iter().map(|a| a.sql.clone()));
    out.derived_from(args)
}

fn vector_to_array(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let single = match args.get(1).map(|a| a.constant_str("vector_to_array", "dtype")).transpose()?.flatten() {
        None => false,
        Some(t) if t == "float64" => false,
        Some(t) if t == "float32" => true,
        Some(t) => {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.DTYPE")
                .param("parameter", "`dtype`")
                .param("functionName", "`vector_to_array`")
                .param("invalidValue", vonk_common::error::quote_sql(t)));
        }
    };
    let vector = args.into_iter().take(1).collect::<Vec<_>>();
    match vector.first() {
        Some(v) if is_vector(&v.data_type) => Ok(named(call(ToArray { single }, vec![v.expr.clone()], false), &vector)),
        Some(v) => Err(failed_row("vector_to_array", format!("a vector is needed, not {}", v.data_type))),
        None => Err(SparkError::internal("no argument")),
    }
}

fn array_to_vector(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    match args.first().map(|a| &a.data_type) {
        Some(DataType::Array(e, _)) if e.is_numeric() => {}
        _ => return Err(ctx.unexpected_type(&args, 0, "\"ARRAY<DOUBLE>\"")),
    }
    let exprs = args.iter().map(|a| a.expr.clone()).collect();
    Ok(named(call(ToVector, exprs, true), &args))
}

pub const TO_ARRAY: &str = "ml_vector_to_array";

#[derive(Debug)]
struct ToArray {
    /// float32 instead of float64.
    single: bool,
}

pub fn decode_to_array(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(ToArray { single: Reader::new(bytes).bool()? }))
}

impl RowFunction for ToArray {
    fn name(&self) -> &'static str {
        TO_ARRAY
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().bool(self.single).done()
    }

    fn result(&self) -> DataType {
        DataType::array(if self.single { DataType::Float } else { DataType::Double }, false)
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let input = vectors(args, 0)?;
        let mut lengths = Vec::with_capacity(rows);
        let mut values: Vec<f64> = Vec::new();
        for row in input.iter() {
            let row = row.ok_or_else(|| failed_row("vector_to_array", "the vector is NULL"))?;
            let start = values.len();
            values.resize(start + row.len(), 0.0);
            if let Some(out) = values.get_mut(start..) {
                row.write_to(out);
            }
            lengths.push(row.len());
        }
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        let (values, element) = match self.single {
            true => (cast(&values, &Arrow::Float32).map_err(arrow_error)?, DataType::Float),
            false => (values, DataType::Double),
        };
        let list = ListArray::try_new(element_field(&element), OffsetBuffer::from_lengths(lengths), values, None);
        Ok(Arc::new(list.map_err(arrow_error)?))
    }
}

pub const TO_VECTOR: &str = "ml_array_to_vector";

#[derive(Debug)]
struct ToVector;

pub fn decode_to_vector(_: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(ToVector))
}

impl RowFunction for ToVector {
    fn name(&self) -> &'static str {
        TO_VECTOR
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn result(&self) -> DataType {
        vector_type()
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let list = arg(args, 0)?.as_list_opt::<i32>().ok_or_else(|| SparkError::internal("an array was expected"))?;
        let values = cast(list.values(), &Arrow::Float64).map_err(arrow_error)?;
        let values = values.as_primitive::<Float64Type>().values();
        let mut out = VectorBuilder::with_capacity(rows, values.len());
        for (i, ends) in list.offsets().windows(2).enumerate() {
            if list.is_null(i) {
                return Err(failed_row("array_to_vector", "the array is NULL"));
            }
            let range = match ends {
                [a, b] => *a as usize..*b as usize,
                _ => 0..0,
            };
            out.push_dense(values.get(range).unwrap_or_default());
        }
        out.finish()
    }
}
