//! Functions of HLL, theta and tuple sketches: estimates, and unions, intersections and differences
//! of two.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, Float64Array, Int64Array};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::LG_K_AND_MODE;
use super::theta::{Kind, Theta};
use super::theta_aggregates::{checked_lgk, checked_mode, invalid_sketch};

macro_rules! specs {
    ($($name:literal $build:expr, $usage:literal $(, $parameters:expr)?;)*) => {
        pub const SPECS: &[&FunctionSpec] = &[
            $(&FunctionSpec::scalar($name, "misc_funcs", $build)
                .usage($usage)
                .kernels(KERNELS)
                $(.parameters($parameters).defaults(LG_K_AND_MODE))?),*
        ];
    };
}

/// Spark gives names to the parameters of the tuple unions alone.
const UNION: &[&str] = &["first", "second", "lgNomEntries", "mode"];

specs! {
    "hll_sketch_estimate" |c, a| read(c, a, Kind::Hll, "estimate", DataType::Long), "hll_sketch_estimate(sketch) - How many different values.";
    "hll_union" hll_union, "hll_union(a, b[, allowDifferentLgK]) - The union of two sketches.";
    "theta_sketch_estimate" |c, a| read(c, a, Kind::Theta, "estimate", DataType::Long), "theta_sketch_estimate(sketch) - How many different values.";
    "theta_union" |c, a| pair(c, a, Kind::Theta, Kind::Theta, "union"), "theta_union(a, b[, lgK]) - The union of two sketches.";
    "theta_intersection" |c, a| pair(c, a, Kind::Theta, Kind::Theta, "intersect"), "theta_intersection(a, b) - The intersection of two sketches.";
    "theta_difference" |c, a| pair(c, a, Kind::Theta, Kind::Theta, "subtract"), "theta_difference(a, b) - The keys of a that b has not.";
    "tuple_sketch_estimate_double" |c, a| read(c, a, Kind::TupleDouble, "estimate", DataType::Double), "tuple_sketch_estimate_double(sketch) - How many different keys.";
    "tuple_sketch_estimate_integer" |c, a| read(c, a, Kind::TupleInteger, "estimate", DataType::Double), "tuple_sketch_estimate_integer(sketch) - How many different keys.";
    "tuple_sketch_theta_double" |c, a| read(c, a, Kind::TupleDouble, "theta", DataType::Double), "tuple_sketch_theta_double(sketch) - The share of keys kept.";
    "tuple_sketch_theta_integer" |c, a| read(c, a, Kind::TupleInteger, "theta", DataType::Double), "tuple_sketch_theta_integer(sketch) - The share of keys kept.";
    "tuple_sketch_summary_double" |c, a| read(c, a, Kind::TupleDouble, "summary", DataType::Double), "tuple_sketch_summary_double(sketch[, mode]) - All summaries as one.";
    "tuple_sketch_summary_integer" |c, a| read(c, a, Kind::TupleInteger, "summary", DataType::Long), "tuple_sketch_summary_integer(sketch[, mode]) - All summaries as one.";
    "tuple_union_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::TupleDouble, "union"), "tuple_union_double(a, b[, lgK[, mode]]) - The union of two sketches.", UNION;
    "tuple_union_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::TupleInteger, "union"), "tuple_union_integer(a, b[, lgK[, mode]]) - The union of two sketches.", UNION;
    "tuple_union_theta_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::Theta, "union"), "tuple_union_theta_double(a, theta[, lgK[, mode]]) - The union with a theta sketch.", UNION;
    "tuple_union_theta_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::Theta, "union"), "tuple_union_theta_integer(a, theta[, lgK[, mode]]) - The union with a theta sketch.", UNION;
    "tuple_intersection_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::TupleDouble, "intersect"), "tuple_intersection_double(a, b[, mode]) - The intersection of two sketches.";
    "tuple_intersection_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::TupleInteger, "intersect"), "tuple_intersection_integer(a, b[, mode]) - The intersection of two sketches.";
    "tuple_intersection_theta_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::Theta, "intersect"), "tuple_intersection_theta_double(a, theta[, mode]) - The intersection with a theta sketch.";
    "tuple_intersection_theta_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::Theta, "intersect"), "tuple_intersection_theta_integer(a, theta[, mode]) - The intersection with a theta sketch.";
    "tuple_difference_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::TupleDouble, "subtract"), "tuple_difference_double(a, b) - The keys of a that b has not.";
    "tuple_difference_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::TupleInteger, "subtract"), "tuple_difference_integer(a, b) - The keys of a that b has not.";
    "tuple_difference_theta_double" |c, a| pair(c, a, Kind::TupleDouble, Kind::Theta, "subtract"), "tuple_difference_theta_double(a, theta) - The keys of a that the theta sketch has not.";
    "tuple_difference_theta_integer" |c, a| pair(c, a, Kind::TupleInteger, Kind::Theta, "subtract"), "tuple_difference_theta_integer(a, theta) - The keys of a that the theta sketch has not.";
}

const KERNELS: &[&Kernel] = &[&READ, &PAIR];
/// Parameters: function, kind, what, mode.
static READ: Kernel = Kernel::new("sketch_read", read_column);
/// Parameters: function, kinds, what, lgk, mode.
static PAIR: Kernel = Kernel::new("sketch_pair", pair_column);

fn filled(args: Vec<TypedExpr>, required: usize, defaults: &[Literal]) -> SparkResult<Vec<TypedExpr>> {
    let mut out = args;
    for default in defaults.iter().skip(out.len().saturating_sub(required)) {
        out.push(TypedExpr::literal(default)?);
    }
    Ok(out)
}

/// All arguments with their defaults, of the types that Spark expects: it casts none of them.
fn given(ctx: &FnContext, args: Vec<TypedExpr>, wants: &[Want], defaults: &[Literal]) -> SparkResult<Vec<TypedExpr>> {
    let required = wants.len().saturating_sub(defaults.len());
    ctx.arity(&args, required..=wants.len())?;
    ctx.expect(filled(args, required, defaults)?, wants.len(), wants)
}

fn read(ctx: &FnContext, args: Vec<TypedExpr>, kind: Kind, what: &str, ty: DataType) -> SparkResult<TypedExpr> {
    let summary = what == "summary";
    let (wants, defaults) = if summary { (2, vec![Literal::string("sum")]) } else { (1, vec![]) };
    let mut args = given(ctx, args, [Want::BINARY, Want::Str].get(..wants).unwrap_or_default(), &defaults)?;
    let sql = ctx.sql(&args);
    let mode = if summary { checked_mode(ctx, &sql, &args, 1)? } else { String::new() };
    args.truncate(1);
    let params = vec![ctx.name.to_string(), kind.name().to_string(), what.to_string(), mode];
    let mut out = ctx.call_with(&READ, args, ty, Nullability::Args, params);
    out.sql = sql;
    Ok(out)
}

fn sketch(call: &Call, bytes: &[u8], kind: Kind) -> DfResult<Theta> {
    Theta::from_bytes(bytes, kind).ok_or_else(|| call.error(invalid_sketch(kind, call.param(0))))
}

fn read_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let all = typed_arg::<BinaryArray>(args, 0, rows)?;
    let kind = Kind::from_name(call.param(1));
    let mut out = Vec::with_capacity(rows);
    for bytes in &all {
        let Some(bytes) = bytes else {
            out.push(None);
            continue;
        };
        let s = sketch(call, bytes, kind)?;
        out.push(match call.param(2) {
            "theta" => Some(s.theta()),
            "summary" => s.summary(call.param(3)),
            _ => Some(s.estimate()),
        });
    }
    let out: ArrayRef = match call.return_type {
        DataType::Long => Arc::new(out.into_iter().map(|v| v.map(|v| v.round() as i64)).collect::<Int64Array>()),
        _ => Arc::new(Float64Array::from(out)),
    };
    Ok(ColumnarValue::Array(out))
}

fn hll_union(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let wants = [Want::BINARY, Want::BINARY, Want::BOOLEAN];
    let mut args = given(ctx, args, &wants, &[Literal::Boolean(false)])?;
    let sql = ctx.sql(&args);
    let any = match args.pop() {
        Some(a) => a.constant()?.is_some_and(|v| v.to_string() == "true"),
        None => false,
    };
    let params = vec![
        ctx.name.to_string(),
        "hll hll".to_string(),
        "union".to_string(),
        "0".to_string(),
        if any { "any" } else { "same" }.to_string(),
    ];
    let mut out = ctx.call_with(&PAIR, args, DataType::Binary, Nullability::Args, params);
    out.sql = sql;
    Ok(out)
}

fn pair(ctx: &FnContext, args: Vec<TypedExpr>, a: Kind, b: Kind, what: &str) -> SparkResult<TypedExpr> {
    let (tuple, union) = (a != Kind::Theta, what == "union");
    let (mut wants, mut defaults) = (vec![Want::BINARY, Want::BINARY], vec![]);
    if union {
        wants.push(Want::INT);
        defaults.push(Literal::Int(12));
    }
    if tuple && what != "subtract" {
        wants.push(Want::Str);
        defaults.push(Literal::string("sum"));
    }
    let mut args = given(ctx, args, &wants, &defaults)?;
    let sql = ctx.sql(&args);
    let last = args.len().saturating_sub(1);
    let lgk = if union { checked_lgk(ctx, &sql, &args, 2, a)? } else { 26 };
    let mode = if tuple && last > 1 { checked_mode(ctx, &sql, &args, last)? } else { "sum".to_string() };
    args.truncate(2);
    let kinds = format!("{} {}", a.name(), b.name());
    let params = vec![ctx.name.to_string(), kinds, what.to_string(), lgk.to_string(), mode];
    let mut out = ctx.call_with(&PAIR, args, DataType::Binary, Nullability::Args, params);
    out.sql = sql;
    Ok(out)
}

fn pair_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (left, right) = (typed_arg::<BinaryArray>(args, 0, rows)?, typed_arg::<BinaryArray>(args, 1, rows)?);
    let (a, b) = call.param(1).split_once(' ').unwrap_or(("theta", "theta"));
    let (a, b) = (Kind::from_name(a), Kind::from_name(b));
    let lgk: u8 = call.param(3).parse().unwrap_or(12);
    let mode = call.param(4);
    let mut out: Vec<Option<Vec<u8>>> = Vec::with_capacity(rows);
    for i in 0..rows {
        if left.is_null(i) || right.is_null(i) {
            out.push(None);
            continue;
        }
        let mut x = sketch(call, left.value(i), a)?;
        let y = sketch(call, right.value(i), b)?;
        match call.param(2) {
            "intersect" => x.intersect(&y, mode),
            "subtract" => x.subtract(&y),
            _ if a == Kind::Hll => {
                if x.lgk != y.lgk && mode == "same" {
                    return Err(call.error(
                        SparkError::new("HLL_UNION_DIFFERENT_LG_K")
                            .param("left", x.lgk)
                            .param("right", y.lgk)
                            .param("function", "`hll_union`"),
                    ));
                }
                x.lgk = x.lgk.min(y.lgk);
                x.union(&y, "sum");
            }
            _ => {
                x.lgk = lgk;
                x.union(&y, mode);
            }
        }
        out.push(Some(x.to_bytes()));
    }
    let out: BinaryArray = out.iter().map(|v| v.as_deref()).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}
