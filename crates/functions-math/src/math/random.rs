//! Random values: `rand`, `randn`, `uniform`, `randstr`, with the sequences that Spark's generator
//! gives for a seed (as its partition 0 does); `uuid`; `monotonically_increasing_id`.
//!
//! A kernel keeps nothing between batches, so the generators of running queries live in
//! [`STREAMS`], under the number that the call got when it was analysed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::explicit_cast;
use vonk_expr::coercion::tightest_common_type;
use vonk_expr::context::Nullability;
use vonk_expr::random::{Bits, XorShift};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::support::{cast_to, native, unexpected};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("rand", "math_funcs", |c, a| rand(c, a, &RAND, "rand"))
        .aliases(&["random"])
        .usage("rand([seed]) - A random number from 0 up to 1.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("randn", "math_funcs", |c, a| rand(c, a, &RANDN, "randn"))
        .usage("randn([seed]) - A random number from the standard normal distribution."),
    &FunctionSpec::scalar("uniform", "math_funcs", uniform)
        .usage("uniform(min, max[, seed]) - A random number between two numbers."),
    &FunctionSpec::scalar("randstr", "string_funcs", randstr)
        .usage("randstr(length[, seed]) - Random letters and digits."),
    &FunctionSpec::scalar("uuid", "misc_funcs", uuid).usage("uuid() - A random universally unique identifier."),
    &FunctionSpec::scalar("monotonically_increasing_id", "misc_funcs", |ctx, args| {
        ctx.arity(&args, 0..=0)?;
        Ok(ctx.call_with(&ROW_ID, vec![], DataType::Long, Nullability::Never, vec![String::new(), next_stream()]))
    })
    .usage("monotonically_increasing_id() - Numbers that grow with the rows."),
];

const KERNELS: &[&Kernel] = &[&RAND, &RANDN, &RANDSTR, &UUID, &ROW_ID];

/// Parameters: seed, number of the stream.
static RAND: Kernel = Kernel::volatile("rand", |call, _, rows| {
    with_stream(call, |s| {
        let out: Float64Array = (0..rows).map(|_| Some(s.random.next_double())).collect();
        ColumnarValue::Array(Arc::new(out))
    })
});
static RANDN: Kernel = Kernel::volatile("randn", |call, _, rows| {
    with_stream(call, |s| {
        let out: Float64Array = (0..rows).map(|_| Some(s.random.next_gaussian())).collect();
        ColumnarValue::Array(Arc::new(out))
    })
});
/// Third parameter: length.
static RANDSTR: Kernel = Kernel::volatile("randstr", |call, _, rows| {
    let length: usize = call.param(2).parse().unwrap_or(0);
    with_stream(call, |s| {
        let out: StringArray = (0..rows).map(|_| Some(s.random.next_text(length))).collect();
        ColumnarValue::Array(Arc::new(out))
    })
});
static UUID: Kernel = Kernel::volatile("uuid", |_, _, rows| {
    let out: StringArray = (0..rows).map(|_| Some(::uuid::Uuid::new_v4().to_string())).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static ROW_ID: Kernel = Kernel::volatile("row_id", |call, _, rows| {
    with_stream(call, |s| {
        let start = s.rows;
        s.rows += rows as i64;
        ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(start..s.rows)))
    })
});

/// The kernel of `monotonically_increasing_id`: used where no node numbers the rows.
pub fn row_id() -> &'static Kernel {
    &ROW_ID
}

struct Stream {
    random: XorShift,
    rows: i64,
}

static STREAMS: Mutex<BTreeMap<u64, Stream>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Oldest streams go first; their queries are over long since.
const MOST_STREAMS: usize = 100_000;

fn next_stream() -> String {
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

fn with_stream<T>(call: &Call, f: impl FnOnce(&mut Stream) -> T) -> DfResult<T> {
    let id: u64 = call.param(1).parse().unwrap_or_default();
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    if !streams.contains_key(&id) && streams.len() >= MOST_STREAMS {
        streams.pop_first();
    }
    let fresh = || Stream { random: XorShift::new(call.param(0).parse().unwrap_or_default()), rows: 0 };
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

fn rand(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, name: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=1)?;
    let sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    let seed = seed(ctx, &sql, args.first(), 0)?;
    let params = vec![seed.to_string(), next_stream()];
    let mut out = ctx.call_with(kernel, vec![], DataType::Double, Nullability::Never, params);
    out.sql = sql;
    Ok(out)
}

fn uniform(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let sql = ctx.sql(&args);
    let seed = seed(ctx, &sql, args.get(2), 2)?;
    let [min, max, ..] = args.as_slice() else { return Err(SparkError::internal("uniform of two")) };
    for (i, arg) in [min, max].into_iter().enumerate() {
        if !arg.data_type.is_numeric() && arg.data_type != DataType::Null {
            return Err(unexpected(ctx, &sql, i, "integer or floating-point", arg));
        }
        if !arg.foldable {
            return Err(SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
                .param("sqlExpr", vonk_common::error::quote_sql(&sql))
                .param("inputName", if i == 0 { "`min`" } else { "`max`" })
                .param("inputType", "integer or floating-point")
                .param("inputExpr", arg.quoted_sql())
                .at(ctx.origin.clone()));
        }
    }
    let ty = match (&min.data_type, &max.data_type) {
        (DataType::Null, _) | (_, DataType::Null) => return Ok(TypedExpr { sql, ..TypedExpr::null(DataType::Null)? }),
        (a, b) => vonk_expr::coercion::common_type(a, b, ctx.ansi())
            .or_else(|| tightest_common_type(a, b, ctx.ansi()))
            .unwrap_or(DataType::Double),
    };
    let params = vec![seed.to_string(), next_stream()];
    let random = ctx.call_with(&RAND, vec![], DataType::Double, Nullability::Never, params);
    let (low, high) = (cast_to(ctx, min.clone(), &DataType::Double)?, cast_to(ctx, max.clone(), &DataType::Double)?);
    use datafusion::logical_expr::Operator;
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
    let seed = seed(ctx, &sql, args.get(1), 1)?;
    let Some(length) = args.first() else { return Err(SparkError::internal("randstr of one")) };
    if !matches!(length.data_type, DataType::Int | DataType::Short) {
        return Err(unexpected(ctx, &sql, 0, "INT or SMALLINT", length));
    }
    let Some(n) = length.constant()? else {
        return Err(SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("inputName", "`length`")
            .param("inputType", "INT or SMALLINT")
            .param("inputExpr", length.quoted_sql())
            .at(ctx.origin.clone()));
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
    let mut out = ctx.call_with(&RANDSTR, vec![], DataType::STRING, Nullability::Never, params);
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
