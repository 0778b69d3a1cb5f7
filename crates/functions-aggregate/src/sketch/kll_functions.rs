//! The `kll_…` functions over BIGINT, FLOAT and DOUBLE values.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, Float32Array, Float64Array, Int64Array, ListArray, StringArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, ColumnarValue};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{AggregateCall, Body, Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use super::kll::{Kll, key_of, value_of};
use super::{parameter, whole, wrong_parameter};
use crate::build::{cast_to, text, typed};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

macro_rules! family {
    ($suffix:literal $ty:ident) => {
        [
            &FunctionSpec::new(
                concat!("kll_sketch_agg_", $suffix),
                "agg_funcs",
                Body::Aggregate(|c, a| build(c, a, DataType::$ty)),
            )
            .usage("kll_sketch_agg(expr[, k]) - A sketch of the distribution of values.")
            .literal_nulls(),
            &FunctionSpec::new(concat!("kll_merge_agg_", $suffix), "agg_funcs", Body::Aggregate(merge_agg))
                .usage("kll_merge_agg(sketch[, k]) - Sketches as one.")
                .literal_nulls(),
            &FunctionSpec::scalar(concat!("kll_sketch_get_n_", $suffix), "misc_funcs", |c, a| {
                read(c, a, "n", DataType::$ty)
            })
            .usage("kll_sketch_get_n(sketch) - How many values it has seen.")
            .kernels(KERNELS),
            &FunctionSpec::scalar(concat!("kll_sketch_get_quantile_", $suffix), "misc_funcs", |c, a| {
                read(c, a, "quantile", DataType::$ty)
            })
            .usage("kll_sketch_get_quantile(sketch, rank) - The value at a rank."),
            &FunctionSpec::scalar(concat!("kll_sketch_get_rank_", $suffix), "misc_funcs", |c, a| {
                read(c, a, "rank", DataType::$ty)
            })
            .usage("kll_sketch_get_rank(sketch, value) - The rank of a value."),
            &FunctionSpec::scalar(concat!("kll_sketch_merge_", $suffix), "misc_funcs", merge)
                .usage("kll_sketch_merge(a, b) - Two sketches as one."),
            &FunctionSpec::scalar(concat!("kll_sketch_to_string_", $suffix), "misc_funcs", |c, a| {
                read(c, a, "text", DataType::$ty)
            })
            .usage("kll_sketch_to_string(sketch) - What is known of the sketch."),
        ]
    };
}

const BIGINT: [&FunctionSpec; 7] = family!("bigint" Long);
const FLOAT: [&FunctionSpec; 7] = family!("float" Float);
const DOUBLE: [&FunctionSpec; 7] = family!("double" Double);
pub const SPECS: &[&FunctionSpec] = {
    const ALL: [&FunctionSpec; 21] = {
        let mut out = [BIGINT[0]; 21];
        let mut i = 0;
        while i < 7 {
            out[i] = BIGINT[i];
            out[i + 7] = FLOAT[i];
            out[i + 14] = DOUBLE[i];
            i += 1;
        }
        out
    };
    &ALL
};

/// Parameters: k, and `build` or `merge`.
pub static KLL: Aggregate = Aggregate {
    name: "spark_kll",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| {
        let k = c.param(0).parse().unwrap_or(200);
        Ok(Box::new(Quantiles { call: c.clone(), sketch: Kll::new(k) }))
    },
    groups: None,
};

const KERNELS: &[&Kernel] = &[&READ, &MERGE];
/// Parameters: function, what.
static READ: Kernel = Kernel::new("kll_read", read_column);
static MERGE: Kernel = Kernel::new("kll_merge", merge_column);

fn checked_k(ctx: &FnContext, sql: &SqlText, args: &[TypedExpr]) -> SparkResult<i64> {
    if args.len() < 2 {
        return Ok(200);
    }
    let k = whole(&parameter(ctx, sql, args, 1, "k")?);
    if (8..=65_535).contains(&k) {
        return Ok(k);
    }
    let cause = SparkError::new("KLL_SKETCH_K_OUT_OF_RANGE")
        .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
        .param("k", k);
    Err(wrong_parameter(ctx, sql, cause))
}

/// The values that a sketch of a type takes.
fn value_want(ty: &DataType) -> Want {
    let one = Want::Type;
    match ty {
        DataType::Long => Want::OneOf(vec![one(DataType::Byte), Want::INT, Want::LONG, one(DataType::Short)]),
        DataType::Double => Want::OneOf(vec![one(DataType::Float), Want::DOUBLE]),
        _ => one(DataType::Float),
    }
}

fn build(ctx: &FnContext, call: AggregateCall, ty: DataType) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let sql = text(ctx, &call, &call.args);
    let mut args = ctx.expect(call.args.clone(), 1, &[value_want(&ty), Want::INT])?;
    let k = checked_k(ctx, &sql, &args)?;
    let wide = if ty == DataType::Long { DataType::Long } else { DataType::Double };
    args.truncate(1);
    let Some(value) = args.pop() else { return Err(SparkError::internal("a value is due")) };
    let value = cast_to(ctx, value, &wide)?;
    let data = AggregateCallData::new(ctx, &KLL, vec![wide], DataType::Binary)
        .with_params(vec![k.to_string(), "build".into()]);
    Ok(typed(&call, data, &[value], false, sql))
}

fn merge_agg(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let sql = text(ctx, &call, &call.args);
    let mut args = ctx.expect(call.args.clone(), 1, &[Want::BINARY, Want::INT])?;
    let k = checked_k(ctx, &sql, &args)?;
    args.truncate(1);
    let data = AggregateCallData::new(ctx, &KLL, vec![DataType::Binary], DataType::Binary)
        .with_params(vec![k.to_string(), "merge".into()]);
    Ok(typed(&call, data, &args, false, sql))
}

#[derive(Debug)]
struct Quantiles {
    call: AggregateCallData,
    sketch: Kll,
}

fn invalid(function: &str) -> SparkError {
    SparkError::new("KLL_INVALID_INPUT_SKETCH_BUFFER").param("functionName", vonk_common::error::quote_id([function]))
}

impl Accumulator for Quantiles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        match values.first().map(|v| v.data_type()) {
            Some(Arrow::Int64) => {
                let all: Int64Array = column(values, 0)?;
                all.iter().flatten().for_each(|v| self.sketch.add(v));
                Ok(())
            }
            Some(Arrow::Float64) => {
                let all: Float64Array = column(values, 0)?;
                all.iter().flatten().for_each(|v| self.sketch.add(key_of(v)));
                Ok(())
            }
            _ => self.merge_batch(values),
        }
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.sketch.to_bytes())))
    }

    fn size(&self) -> usize {
        self.sketch.to_bytes().len()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let all: BinaryArray = column(states, 0)?;
        for bytes in all.iter().flatten() {
            match Kll::from_bytes(bytes) {
                Some(other) => self.sketch.merge(&other),
                None => return Err(self.call.error(invalid("kll_merge_agg"))),
            }
        }
        Ok(())
    }
}

fn read(ctx: &FnContext, args: Vec<TypedExpr>, what: &str, ty: DataType) -> SparkResult<TypedExpr> {
    let two = matches!(what, "quantile" | "rank");
    let sql = ctx.sql(&args);
    let many = matches!(args.get(1).map(|a| &a.data_type), Some(DataType::Array(..)));
    let scale = |t: DataType| if many { DataType::array(t, false) } else { t };
    let point = if what == "quantile" { DataType::Double } else { ty.clone() };
    let out = match what {
        "n" => DataType::Long,
        "text" => DataType::STRING,
        "quantile" => scale(ty),
        _ => scale(DataType::Double),
    };
    let list = Want::ArrayOf(Box::new(Want::Type(point.clone())));
    let wants = [Want::BINARY, Want::OneOf(vec![Want::Type(point), list])];
    let wants = if two { &wants[..] } else { &wants[..1] };
    let mut given = ctx.coerce(args, wants.len(), wants)?;
    if let Some(arg) = given.get(1)
        && !arg.foldable
    {
        let name = if what == "quantile" { "rank" } else { "quantile" };
        parameter(ctx, &sql, &given, 1, name)?;
    }
    // FLOAT points are looked up as doubles.
    if let Some(arg) = given.pop_if(|a| matches!(&a.data_type, DataType::Float | DataType::Array(..))) {
        let float = matches!(&arg.data_type, DataType::Float)
            || matches!(&arg.data_type, DataType::Array(e, _) if **e == DataType::Float);
        given.push(if float { cast_to(ctx, arg, &scale(DataType::Double))? } else { arg });
    }
    let params = vec![ctx.name.to_string(), what.to_string()];
    let mut out = ctx.call_with(&READ, given, out, Nullability::Args, params);
    out.sql = sql;
    Ok(out)
}

fn read_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let all = typed_arg::<BinaryArray>(args, 0, rows)?;
    let whole = call.param(0).ends_with("_bigint");
    let sketch = |i: usize| -> DfResult<Option<Kll>> {
        if all.is_null(i) {
            return Ok(None);
        }
        Kll::from_bytes(all.value(i)).map(Some).ok_or_else(|| call.error(invalid(call.param(0))))
    };
    let sketches: Vec<Option<Kll>> = (0..rows).map(sketch).collect::<DfResult<_>>()?;
    let out: ArrayRef = match call.param(1) {
        "n" => Arc::new(sketches.iter().map(|s| s.as_ref().map(|s| s.n() as i64)).collect::<Int64Array>()),
        "text" => Arc::new(
            sketches
                .iter()
                .map(|s| s.as_ref().map(|s| format!("### KLL sketch summary: k: {}, n: {}", s.k, s.n())))
                .collect::<StringArray>(),
        ),
        what => {
            let points = array_arg(args, 1, rows)?;
            let answer = |s: &Kll, points: &ArrayRef, i: usize| -> DfResult<Option<Answer>> {
                if points.is_null(i) {
                    return Ok(None);
                }
                let columns = std::slice::from_ref(points);
                Ok(match (what, points.data_type()) {
                    ("quantile", _) => {
                        s.quantile(column::<Float64Array>(columns, 0)?.value(i)).map(|key| match whole {
                            true => Answer::Whole(key),
                            false => Answer::Double(value_of(key)),
                        })
                    }
                    (_, Arrow::Int64) => s.rank(column::<Int64Array>(columns, 0)?.value(i)).map(Answer::Double),
                    _ => s.rank(key_of(column::<Float64Array>(columns, 0)?.value(i))).map(Answer::Double),
                })
            };
            match (points.as_any().downcast_ref::<ListArray>(), call.arrow_return_type()) {
                (Some(lists), Arrow::List(field)) => {
                    let (mut flat, mut lengths, mut valid) = (vec![], vec![], vec![]);
                    for (i, s) in sketches.iter().enumerate() {
                        let before = flat.len();
                        if let (Some(s), true) = (s, lists.is_valid(i)) {
                            let items = lists.value(i);
                            for k in 0..items.len() {
                                flat.push(answer(s, &items, k)?);
                            }
                        }
                        lengths.push(flat.len() - before);
                        valid.push(s.is_some() && lists.is_valid(i));
                    }
                    let values = numbers(flat, field.data_type());
                    Arc::new(ListArray::try_new(
                        field,
                        OffsetBuffer::from_lengths(lengths),
                        values,
                        Some(valid.into()),
                    )?)
                }
                (_, ty) => {
                    let mut flat = Vec::with_capacity(rows);
                    for (i, s) in sketches.iter().enumerate() {
                        flat.push(match s {
                            Some(s) => answer(s, &points, i)?,
                            None => None,
                        });
                    }
                    numbers(flat, &ty)
                }
            }
        }
    };
    Ok(ColumnarValue::Array(out))
}

/// A quantile of whole numbers, or another double.

#[derive(Debug, Clone, Copy)]
enum Answer {
    Whole(i64),
    Double(f64),
}

fn numbers(values: Vec<Option<Answer>>, ty: &Arrow) -> ArrayRef {
    let double = |v: Answer| match v {
        Answer::Whole(v) => v as f64,
        Answer::Double(v) => v,
    };
    match ty {
        Arrow::Int64 => Arc::new(
            values
                .into_iter()
                .map(|v| {
                    v.map(|v| match v {
                        Answer::Whole(v) => v,
                        Answer::Double(v) => v as i64,
                    })
                })
                .collect::<Int64Array>(),
        ),
        Arrow::Float32 => Arc::new(values.into_iter().map(|v| v.map(|v| double(v) as f32)).collect::<Float32Array>()),
        _ => Arc::new(values.into_iter().map(|v| v.map(double)).collect::<Float64Array>()),
    }
}

fn merge(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::BINARY, Want::BINARY])?;
    Ok(ctx.call_with(&MERGE, args, DataType::Binary, Nullability::Args, vec![ctx.name.to_string()]))
}

fn merge_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, b) = (typed_arg::<BinaryArray>(args, 0, rows)?, typed_arg::<BinaryArray>(args, 1, rows)?);
    let mut out: Vec<Option<Vec<u8>>> = Vec::with_capacity(rows);
    for i in 0..rows {
        if a.is_null(i) || b.is_null(i) {
            out.push(None);
            continue;
        }
        match (Kll::from_bytes(a.value(i)), Kll::from_bytes(b.value(i))) {
            (Some(mut x), Some(y)) => {
                x.merge(&y);
                out.push(Some(x.to_bytes()));
            }
            _ => return Err(call.error(invalid(call.param(0)))),
        }
    }
    let out: BinaryArray = out.iter().map(|v| v.as_deref()).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}
