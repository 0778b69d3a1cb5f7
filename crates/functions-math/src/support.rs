//! Small helpers that the functions of this crate share: SQL texts, casts, errors of arithmetic.

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanBufferBuilder, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::{Call, FnContext, SqlText, TypedExpr};
use vonk_plan::types::DataType;

/// The configuration key that arithmetic errors name.
pub const ANSI_KEY: &str = "\"spark.sql.ansi.enabled\"";

/// How a computation treats overflow, division by zero and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Raise.
    Ansi,
    /// Wrap integers, NULL elsewhere.
    Legacy,
    /// NULL.
    Try,
}

impl Mode {
    pub fn of(ctx: &FnContext) -> Self {
        if ctx.ansi() { Mode::Ansi } else { Mode::Legacy }
    }

    pub fn name(self) -> &'static str {
        match self {
            Mode::Ansi => "ansi",
            Mode::Legacy => "legacy",
            Mode::Try => "try",
        }
    }

    pub fn from_name(name: &str) -> Self {
        match name {
            "ansi" => Mode::Ansi,
            "try" => Mode::Try,
            _ => Mode::Legacy,
        }
    }
}

/// The two arguments of a binary function.
pub fn two(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<(TypedExpr, TypedExpr)> {
    ctx.arity(&args, 2..=2)?;
    match <[TypedExpr; 2]>::try_from(args) {
        Ok([a, b]) => Ok((a, b)),
        Err(_) => Err(SparkError::internal("two arguments are due")),
    }
}

/// The only argument of a unary function.
pub fn one(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    args.into_iter().next().ok_or_else(|| SparkError::internal("an argument is due"))
}

/// Casts unless the type is right already.
pub fn cast_to(ctx: &FnContext, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    if value.data_type == *to { Ok(value) } else { cast(&ctx.facts, value, to) }
}

/// A native DataFusion operator.
pub fn native(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// Joins the items with `and` or `or` as a balanced tree, so that depth grows with the logarithm.
pub fn balanced(op: Operator, mut items: Vec<Expr>) -> Option<Expr> {
    while items.len() > 1 {
        let mut next = Vec::with_capacity(items.len().div_ceil(2));
        let mut rest = items.into_iter();
        while let Some(left) = rest.next() {
            next.push(match rest.next() {
                Some(right) => native(left, op, right),
                None => left,
            });
        }
        items = next;
    }
    items.pop()
}

/// `(a op b)` of two typed arguments.
pub fn infix(a: &TypedExpr, op: &str, b: &TypedExpr) -> SqlText {
    SqlText::infix(a.sql.clone(), op, b.sql.clone())
}

/// `DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES`.
pub fn diff_types(ctx: &FnContext, sql: &SqlText, a: &TypedExpr, b: &TypedExpr) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
        .param("sqlExpr", quote_sql(sql))
        .param("left", quote_sql(a.data_type.sql()))
        .param("right", quote_sql(b.data_type.sql()))
        .at(ctx.origin.clone())
}

/// `DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE`: both sides have the same type, but not one that fits.
pub fn wrong_type(ctx: &FnContext, sql: &SqlText, required: &str, actual: &DataType) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
        .param("sqlExpr", quote_sql(sql))
        .param("inputType", required)
        .param("actualDataType", quote_sql(actual.sql()))
        .at(ctx.origin.clone())
}

/// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` about one argument of an expression with its own text.
pub fn unexpected(ctx: &FnContext, sql: &SqlText, index: usize, required: &str, arg: &TypedExpr) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
        .param("sqlExpr", quote_sql(sql))
        .param("paramIndex", vonk_expr::signature::ordinal(index + 1))
        .param("requiredType", required)
        .param("inputSql", arg.quoted_sql())
        .param("inputType", quote_sql(arg.data_type.sql()))
        .at(ctx.origin.clone())
}

/// `DATATYPE_MISMATCH.DATA_DIFF_TYPES` of values that have no common type.
pub fn data_diff_types(ctx: &FnContext, sql: &SqlText, function: &str, types: &[&DataType]) -> SparkError {
    let all: Vec<_> = types.iter().map(|t| quote_sql(t.sql())).collect();
    let text = match function {
        "coalesce" | "width_bucket" => format!("({})", all.join(" or ")),
        _ => format!("[{}]", all.join(", ")),
    };
    SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
        .param("sqlExpr", quote_sql(sql))
        .param("functionName", quote_id([function]))
        .param("dataType", text)
        .at(ctx.origin.clone())
}

/// `ARITHMETIC_OVERFLOW` with the function that tolerates it, if there is one.
pub fn overflow(call: &Call, message: &str, alternative: &str) -> DataFusionError {
    let hint = match alternative {
        "" => String::new(),
        f => format!(" Use '{f}' to tolerate overflow and return NULL instead."),
    };
    call.error(
        SparkError::new("ARITHMETIC_OVERFLOW")
            .param("message", message)
            .param("alternative", hint)
            .param("config", ANSI_KEY),
    )
}

/// `DIVIDE_BY_ZERO` or `REMAINDER_BY_ZERO`.
pub fn by_zero(call: &Call, class: &'static str) -> DataFusionError {
    call.error(SparkError::new(class).param("config", ANSI_KEY))
}

/// The overflow that an Arrow kernel found, as Spark's error.
pub fn from_arrow_overflow(call: &Call, e: DataFusionError, alternative: &str) -> DataFusionError {
    match e {
        DataFusionError::ArrowError(inner, _) if matches!(*inner, ArrowError::ArithmeticOverflow(_)) => {
            overflow(call, "overflow", alternative)
        }
        other => other,
    }
}

/// Row by row over two columns of one type; `None` makes a NULL. Rows where either side is NULL
/// are not looked at.
pub fn zip_optional<A, B, R>(
    a: &PrimitiveArray<A>,
    b: &PrimitiveArray<B>,
    mut f: impl FnMut(A::Native, B::Native) -> DfResult<Option<R::Native>>,
) -> DfResult<PrimitiveArray<R>>
where
    A: ArrowPrimitiveType,
    B: ArrowPrimitiveType,
    R: ArrowPrimitiveType,
{
    let nulls = NullBuffer::union(a.nulls(), b.nulls());
    let mut values = vec![R::Native::default(); a.len()];
    let mut valid = BooleanBufferBuilder::new(a.len());
    for (i, ((x, y), out)) in a.values().iter().zip(b.values()).zip(values.iter_mut()).enumerate() {
        let result = match &nulls {
            Some(n) if n.is_null(i) => None,
            _ => f(*x, *y)?,
        };
        valid.append(result.is_some());
        if let Some(v) = result {
            *out = v;
        }
    }
    Ok(PrimitiveArray::new(values.into(), Some(NullBuffer::new(valid.finish()))))
}

/// Row by row over one column; `None` makes a NULL.
pub fn map_optional<A: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    a: &PrimitiveArray<A>,
    mut f: impl FnMut(A::Native) -> DfResult<Option<R::Native>>,
) -> DfResult<PrimitiveArray<R>> {
    let mut values = vec![R::Native::default(); a.len()];
    let mut valid = BooleanBufferBuilder::new(a.len());
    for (i, (x, out)) in a.values().iter().zip(values.iter_mut()).enumerate() {
        let result = match a.nulls() {
            Some(n) if n.is_null(i) => None,
            _ => f(*x)?,
        };
        valid.append(result.is_some());
        if let Some(v) = result {
            *out = v;
        }
    }
    Ok(PrimitiveArray::new(values.into(), Some(NullBuffer::new(valid.finish()))))
}

/// The column downcast to its Arrow array type.
pub fn downcast<T: datafusion::arrow::array::Array + Clone + 'static>(array: &ArrayRef) -> DfResult<T> {
    array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| {
        vonk_expr::exec_err(SparkError::internal(format!("unexpected column type {}", array.data_type())))
    })
}

/// NaNs of any bit pattern become the one NaN, so that they are equal and sort last.
pub fn canonical(v: f64) -> f64 {
    if v.is_nan() { f64::NAN } else { v }
}
