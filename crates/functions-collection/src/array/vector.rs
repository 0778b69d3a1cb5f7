//! Arrays of FLOAT as vectors: norm, inner product, distance, similarity.
//!
//! Sums are taken in double precision. A NULL anywhere in a vector makes the result NULL.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray};
use datafusion::arrow::datatypes::Float32Type;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::lists::{item_field, list_arg, list_of, range};

static PAIR_KERNEL: Kernel = Kernel::new("vector_pair", eval_pair);
static NORM_KERNEL: Kernel = Kernel::new("vector_norm", eval_norm);
static NORMALIZE_KERNEL: Kernel = Kernel::new("vector_normalize", eval_normalize);

const GROUP: &str = "vector_funcs";

pub static SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("vector_inner_product", GROUP, pair)
        .usage("vector_inner_product(a, b) - the sum of the products of the elements")
        .kernels(&[&PAIR_KERNEL, &NORM_KERNEL, &NORMALIZE_KERNEL]),
    &FunctionSpec::scalar("vector_cosine_similarity", GROUP, pair)
        .usage("vector_cosine_similarity(a, b) - the cosine of the angle between the vectors"),
    &FunctionSpec::scalar("vector_l2_distance", GROUP, pair).usage("vector_l2_distance(a, b) - the Euclidean distance"),
    &FunctionSpec::scalar("vector_norm", GROUP, norm)
        .usage("vector_norm(v[, degree]) - the norm of degree 1, 2 or infinity"),
    &FunctionSpec::scalar("vector_normalize", GROUP, norm)
        .usage("vector_normalize(v[, degree]) - the vector divided by its norm"),
];

/// `ARRAY<FLOAT>`, nothing else.
fn check_vector(ctx: &FnContext, args: &[TypedExpr], i: usize) -> SparkResult<()> {
    match args.get(i).map(|a| &a.data_type) {
        Some(DataType::Array(e, _)) if **e == DataType::Float => Ok(()),
        _ => Err(ctx.unexpected_type(args, i, "\"ARRAY<FLOAT>\"")),
    }
}

fn pair(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    check_vector(ctx, &args, 0)?;
    check_vector(ctx, &args, 1)?;
    let params = vec![ctx.name.to_string()];
    Ok(ctx.call_with(&PAIR_KERNEL, args, DataType::Float, Nullability::Always, params))
}

fn norm(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::Float(2.0))?);
    }
    check_vector(ctx, &args, 0)?;
    if args[1].data_type != DataType::Float {
        return Err(ctx.unexpected_type(&args, 1, &quote_sql("FLOAT")));
    }
    let params = vec![ctx.name.to_string()];
    Ok(match &*ctx.name {
        "vector_norm" => ctx.call_with(&NORM_KERNEL, args, DataType::Float, Nullability::Always, params),
        _ => {
            let ty = DataType::array(DataType::Float, true);
            ctx.call_with(&NORMALIZE_KERNEL, args, ty, Nullability::Always, params)
        }
    })
}

/// The elements of a row, if neither it nor one of them is NULL.
fn vector<'a>(list: &ListArray, items: &'a Float32Array, row: usize) -> Option<&'a [f32]> {
    if list.is_null(row) {
        return None;
    }
    let range = range(list, row);
    let whole = items.nulls().is_none_or(|n| n.slice(range.start, range.len()).null_count() == 0);
    items.values().get(range).filter(|_| whole)
}

fn items(list: &ListArray) -> DfResult<&Float32Array> {
    list.values()
        .as_primitive_opt::<Float32Type>()
        .ok_or_else(|| exec_err(SparkError::internal("a vector of no floats")))
}

fn eval_pair(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (left, right) = (list_arg(args, 0, rows)?, list_arg(args, 1, rows)?);
    let (l, r) = (items(&left)?, items(&right)?);
    let function = call.param(0);
    primitive_rows::<Float32Type>(call, rows, |row| {
        if left.is_null(row) || right.is_null(row) {
            return Ok(None);
        }
        let (n, m) = (range(&left, row).len(), range(&right, row).len());
        if n != m {
            return Err(call.error(
                SparkError::new("VECTOR_DIMENSION_MISMATCH")
                    .param("functionName", quote_id([function]))
                    .param("leftDim", n)
                    .param("rightDim", m),
            ));
        }
        let (a, b) = not_null!(vector(&left, l, row), vector(&right, r, row));
        let pairs = || a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
        let product = || pairs().map(|(x, y)| x * y).sum::<f64>();
        Ok(match function {
            "vector_l2_distance" => Some(pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt() as f32),
            "vector_inner_product" => Some(product() as f32),
            _ => {
                let squares = pairs().fold((0.0, 0.0), |(s, t), (x, y)| (s + x * x, t + y * y));
                let norms = (squares.0 * squares.1).sqrt();
                (norms != 0.0).then(|| (product() / norms) as f32)
            }
        })
    })
}

/// The norm of a degree, which is 1, 2 or infinite.
fn norm_of(call: &Call, vector: &[f32], degree: f32) -> DfResult<f64> {
    let sizes = || vector.iter().map(|x| f64::from(*x).abs());
    if degree == 2.0 {
        Ok(sizes().map(|x| x * x).sum::<f64>().sqrt())
    } else if degree == 1.0 {
        Ok(sizes().sum())
    } else if degree == f32::INFINITY {
        Ok(sizes().fold(0.0, |most, x| if x > most || x.is_nan() { x } else { most }))
    } else {
        Err(bad_degree(call, degree))
    }
}

fn bad_degree(call: &Call, degree: f32) -> DataFusionError {
    let mut text = String::new();
    vonk_expr::cast::text::number::write_f32(&mut text, degree);
    call.error(
        SparkError::new("INVALID_VECTOR_NORM_DEGREE")
            .param("functionName", quote_id([call.param(0)]))
            .param("degree", text),
    )
}

fn eval_norm(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let items = items(&list)?;
    let degree = Col::<Float32Array>::new(args, 1)?;
    primitive_rows::<Float32Type>(call, rows, |row| {
        let (vector, degree) = not_null!(vector(&list, items, row), degree.get(row));
        Ok(Some(norm_of(call, vector, degree)? as f32))
    })
}

fn eval_normalize(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let items = items(&list)?;
    let degree = Col::<Float32Array>::new(args, 1)?;
    let mut values: Vec<f32> = Vec::with_capacity(items.len());
    let (mut lengths, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let before = values.len();
        let norm = match (vector(&list, items, row), degree.get(row)) {
            (Some(v), Some(d)) => Some((v, norm_of(call, v, d)?)).filter(|(v, n)| v.is_empty() || *n != 0.0),
            _ => None,
        };
        if let Some((vector, norm)) = norm {
            values.extend(vector.iter().map(|x| (f64::from(*x) / norm) as f32));
        }
        lengths.push(values.len() - before);
        valid.push(norm.is_some());
    }
    let items: ArrayRef = Arc::new(Float32Array::from(values));
    Ok(ColumnarValue::Array(list_of(item_field(&call.arrow_return_type())?, items, lengths, valid)?))
}
