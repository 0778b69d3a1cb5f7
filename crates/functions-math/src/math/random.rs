//! Random values: `rand`, `randn`, `uniform`, `randstr`, with the sequences that Spark's generator
//! gives for a seed and a partition; `uuid`; `monotonically_increasing_id`.
//!
//! A kernel keeps nothing between batches, so the generators of running queries live in
//! [`STREAMS`], under the number that the call got when it was analysed and that of the partition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Operator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::explicit_cast;
use vonk_expr::coercion::tightest_common_type;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::random::{Bits, XorShift};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::support::{cast_to, native, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("rand", "math_funcs", |c, a| rand(c, a, &RAND, "rand"))
        .aliases(&["random"])
        .usage("rand([seed]) - A random number from 0 up to 1.")
        .kernels(KERNELS)
        .literal_nulls(),
    &FunctionSpec::scalar("randn", "math_funcs", |c, a| rand(c, a, &RANDN, "randn"))
        .usage("randn([seed]) - A random number from the standard normal distribution.")
        .literal_nulls(),
    &FunctionSpec::scalar("uniform", "math_funcs", uniform)
        .usage("uniform(min, max[, seed]) - A random number between two numbers.")
        .literal_nulls(),
    &FunctionSpec::scalar("randstr", "string_funcs", randstr)
        .usage("randstr(length[, seed]) - Random letters and digits.")
        .literal_nulls(),
    &FunctionSpec::scalar("uuid", "misc_funcs", uuid).usage("uuid() - A random universally unique identifier."),
    &FunctionSpec::scalar("monotonically_increasing_id", "misc_funcs", |ctx, args| {
        ctx.arity(&args, 0..=0)?;
        Ok(ctx.call_with(&ROW_ID, vec![], DataType::Long, Nullability::Never, vec![String::new(), next_stream()]))
    })
    .usage("monotonically_increasing_id() - Numbers that grow with the rows."),
];

const KERNELS: &[&Kernel] = &[&RAND, &RANDN, &RANDSTR, &UUID, &ROW_ID];

/// Argument: numbers of the rows, which say their partitions. Parameters: seed, number of the stream.
static RAND: Kernel = Kernel::volatile("rand", |call, args, rows| {
    let out: Vec<f64> = drawn(call, args, rows, |random| random.next_double())?;
    Ok(ColumnarValue::Array(Arc::new(Float64Array::from(out))))
});
static RANDN: Kernel = Kernel::volatile("randn", |call, args, rows| {
    let out: Vec<f64> = drawn(call, args, rows, |random| random.next_gaussian())?;
    Ok(ColumnarValue::Array(Arc::new(Float64Array::from(out))))
});
/// Third parameter: length.
static RANDSTR: Kernel = Kernel::volatile("randstr", |call, args, rows| {
    let length: usize = call.param(2).parse().unwrap_or(0);
    let out: Vec<String> = drawn(call, args, rows, |random| random.next_text(length))?;
    Ok(ColumnarValue::Array(Arc::new(StringArray::from(out))))
});
static UUID: Kernel = Kernel::volatile("uuid", |_, _, rows| {
    let out: StringArray = (0..rows).map(|_| Some(::uuid::Uuid::new_v4().to_string())).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static ROW_ID: Kernel = Kernel::volatile("row_id", |call, _, rows| {
    with_stream(call, 0, |s| {
        let start = s.rows;
        s.rows += rows as i64;
        ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(start..s.rows)))
    })
});
/// Bits of a row's number in its partition; the partition's own number is above them.
const ROW_BITS: u32 = 33;

/// The kernel of `monotonically_increasing_id`: used where no node numbers the rows.
pub fn row_id() -> &'static Kernel {
    &ROW_ID
}

/// The numbers of the rows.
fn row_numbers(ctx: &FnContext) -> TypedExpr {
    ctx.call_with(&ROW_ID, vec![], DataType::Long, Nullability::Never, vec![String::new(), next_stream()])
}

/// The numbers of the rows' partitions.
pub fn partition_numbers(ctx: &FnContext) -> SparkResult<TypedExpr> {
    let bits = TypedExpr::literal(&Literal::Long(i64::from(ROW_BITS)))?;
    let mut number = row_numbers(ctx);
    number.expr = native(number.expr, Operator::BitwiseShiftRight, bits.expr);
    explicit_cast(&ctx.facts, number, &DataType::Int, CastMode::Legacy)
}

/// A draw for each row, from the generator of its partition: the seed of each is the seed and its number.
fn drawn<T>(call: &Call, args: &[ColumnarValue], rows: usize, draw: impl Fn(&mut XorShift) -> T) -> DfResult<Vec<T>> {
    let numbers = typed_arg::<Int64Array>(args, 0, rows)?;
    let mut out = Vec::with_capacity(rows);
    for run in numbers.values().chunk_by(|a, b| a >> ROW_BITS == b >> ROW_BITS) {
        let partition = run.first().map_or(0, |n| n >> ROW_BITS);
        with_stream(call, partition, |s| out.extend(run.iter().map(|_| draw(&mut s.random))))?;
    }
    Ok(out)
}

struct Stream {
    random: XorShift,
    rows: i64,
}

static STREAMS: Mutex<BTreeMap<(u64, i64), Stream>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Oldest streams go first; their queries are over long since.
const MOST_STREAMS: usize = 100_000;

fn next_stream() -> String {
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

fn with_stream<T>(call: &Call, partition: i64, f: impl FnOnce(&mut Stream) -> T) -> DfResult<T> {
    let id: (u64, i64) = (call.param(1).parse().unwrap_or_default(), partition);
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    if !streams.contains_key(&id) && streams.len() >= MOST_STREAMS {
        streams.pop_first();
    }
    let seed = || call.param(0).parse::<i64>().unwrap_or_default().wrapping_add(partition);
    let fresh = || Stream { random: XorShift::new(seed()), rows: 0 };
    Ok(f(streams.entry(id).or_insert_with(fresh)))
}

/// The seed of a call: constant, else error; NULL counts as 0; a random one if none is given.
fn seed(ctx: &FnContext, sql: &SqlText, arg: Option<&TypedExpr>, index: usize) -> SparkResult<i64> {
    let Some(arg) = arg else { return Ok(::rand::random()) };
    if arg.data_type == DataType::Null {
        return Ok(0);
    }
    if !arg.data_type.is_integral() {
        return Err(unexpected(ctx, sql, index, "(\"INT\" or \"BIGINT\")", arg));
    }
    match arg.constant()? {
        Some(v) => Ok(v.to_string().parse().unwrap_or(0)),
        None => Err(SparkError::new("SEED_EXPRESSION_IS_UNFOLDABLE")
            .param("seedExpr", arg.quoted_sql())
            .param("exprWithSeed", vonk_common::error::quote_sql(sql))
            .at(ctx.origin.clone())),
    }
}

/// The newer functions tell a seed that is no constant in words of their own.
fn check_seed(ctx: &FnContext, sql: &SqlText, arg: Option<&TypedExpr>, wanted: &str) -> SparkResult<()> {
    match arg {
        Some(arg) if arg.data_type.is_integral() && !arg.foldable => Err(ctx.non_foldable(sql, "seed", wanted, arg)),
        _ => Ok(()),
    }
}

fn rand(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, name: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=1)?;
    let sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    let seed = seed(ctx, &sql, args.first(), 0)?;
    let params = vec![seed.to_string(), next_stream()];
    let mut out = ctx.call_with(kernel, vec![row_numbers(ctx)], DataType::Double, Nullability::Never, params);
    out.sql = sql;
    Ok(out)
}

fn uniform(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let sql = ctx.sql(&args);
    check_seed(ctx, &sql, args.get(2), "integer or floating-point")?;
    let seed = seed(ctx, &sql, args.get(2), 2)?;
    let [min, max, ..] = args.as_slice() else { return Err(SparkError::internal("uniform of two")) };
    for (i, arg) in [min, max].into_iter().enumerate() {
        if !arg.data_type.is_numeric() && arg.data_type != DataType::Null {
            return Err(unexpected(ctx, &sql, i, "integer or floating-point", arg));
        }
        if !arg.foldable {
            return Err(ctx.non_foldable(&sql, if i == 0 { "min" } else { "max" }, "integer or floating-point", arg));
        }
    }
    let ty = match (&min.data_type, &max.data_type) {
        (DataType::Null, _) | (_, DataType::Null) => {
            return Ok(TypedExpr { sql, ..TypedExpr::null(DataType::Double)? });
        }
        (a, b) => vonk_expr::coercion::common_type(a, b, ctx.ansi())
            .or_else(|| tightest_common_type(a, b, ctx.ansi()))
            .unwrap_or(DataType::Double),
    };
    let params = vec![seed.to_string(), next_stream()];
    let random = ctx.call_with(&RAND, vec![row_numbers(ctx)], DataType::Double, Nullability::Never, params);
    let (low, high) = (cast_to(ctx, min.clone(), &DataType::Double)?, cast_to(ctx, max.clone(), &DataType::Double)?);
    let width = native(high.expr, Operator::Minus, low.expr.clone());
    let value = native(low.expr, Operator::Plus, native(width, Operator::Multiply, random.expr));
    let mut value = TypedExpr::new(value, DataType::Double, false, sql.clone());
    value.deterministic = false;
    let mut out = explicit_cast(&ctx.facts, value, &ty, CastMode::Legacy)?;
    out.sql = sql;
    out.name = None;
    out.nullable = false;
    out.deterministic = false;
    Ok(out)
}

fn randstr(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let sql = ctx.sql(&args);
    check_seed(ctx, &sql, args.get(1), "integer")?;
    let seed = seed(ctx, &sql, args.get(1), 1)?;
    let Some(length) = args.first() else { return Err(SparkError::internal("randstr of one")) };
    let is_text = length.data_type.is_string() && !length.foldable;
    if !matches!(length.data_type, DataType::Int | DataType::Short) && !is_text {
        return Err(unexpected(ctx, &sql, 0, "INT or SMALLINT", length));
    }
    let Some(n) = length.constant()? else {
        return Err(ctx.non_foldable(&sql, "length", "integer", length));
    };
    let n: i64 = n.to_string().parse().unwrap_or(0);
    if n < 0 {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("exprName", "`length`")
            .param("valueRange", "[0, 2147483647]")
            .param("currentValue", n)
            .at(ctx.origin.clone()));
    }
    let params = vec![seed.to_string(), next_stream(), n.to_string()];
    let mut out = ctx.call_with(&RANDSTR, vec![row_numbers(ctx)], DataType::STRING, Nullability::Never, params);
    out.sql = sql;
    Ok(out)
}

fn uuid(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    ctx.coerce(args, 0, &[Want::LONG])?;
    let mut out = ctx.call(&UUID, vec![], DataType::STRING, Nullability::Never);
    out.sql = sql;
    Ok(out)
}
