//! Columnar arithmetic on integers and floating-point numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::binary;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr_common::datum::apply;
use vonk_common::SparkError;
use vonk_expr::Call;
use vonk_expr::kernel::typed_arg;
use vonk_plan::types::DataType;

use crate::support::{Mode, by_zero, from_arrow_overflow, overflow, zip_optional};

/// `+`, `-` and `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingOp {
    Add,
    Subtract,
    Multiply,
}

impl RingOp {
    pub fn try_name(self) -> &'static str {
        match self {
            RingOp::Add => "try_add",
            RingOp::Subtract => "try_subtract",
            RingOp::Multiply => "try_multiply",
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            RingOp::Add => "+",
            RingOp::Subtract => "-",
            RingOp::Multiply => "*",
        }
    }
}

/// Addition, subtraction or multiplication of two columns of the call's return type.
pub fn ring(call: &Call, args: &[ColumnarValue], rows: usize, op: RingOp) -> DfResult<ColumnarValue> {
    match call.return_type {
        DataType::Byte => integer::<Int8Type>(call, args, rows, op),
        DataType::Short => integer::<Int16Type>(call, args, rows, op),
        DataType::Int => integer::<Int32Type>(call, args, rows, op),
        DataType::Long => integer::<Int64Type>(call, args, rows, op),
        DataType::Float => float::<Float32Type>(args, rows, move |a, b| match op {
            RingOp::Add => a + b,
            RingOp::Subtract => a - b,
            RingOp::Multiply => a * b,
        }),
        DataType::Double => float::<Float64Type>(args, rows, move |a, b| match op {
            RingOp::Add => a + b,
            RingOp::Subtract => a - b,
            RingOp::Multiply => a * b,
        }),
        ref other => Err(call.error(SparkError::internal(format!("no arithmetic on {other}")))),
    }
}

/// What checked integer arithmetic needs; all four integer types have it.
pub trait Integer: Copy + PartialEq + std::fmt::Display + Default {
    const SMALL: bool;
    fn checked(self, op: RingOp, other: Self) -> Option<Self>;
    fn wrapping_quotient(self, other: Self) -> Self;
    fn wrapping_remainder(self, other: Self) -> Self;
    fn positive_remainder(self, other: Self) -> Self;
}

macro_rules! integers {
    ($($t:ty: $small:expr),*) => {$(
        impl Integer for $t {
            const SMALL: bool = $small;
            fn checked(self, op: RingOp, other: Self) -> Option<Self> {
                match op {
                    RingOp::Add => self.checked_add(other),
                    RingOp::Subtract => self.checked_sub(other),
                    RingOp::Multiply => self.checked_mul(other),
                }
            }
            fn wrapping_quotient(self, other: Self) -> Self {
                self.wrapping_div(other)
            }
            fn wrapping_remainder(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }
            fn positive_remainder(self, other: Self) -> Self {
                let r = self.wrapping_rem(other);
                match r < 0 {
                    // Java adds small numbers as ints.
                    true if $small => ((i64::from(r) + i64::from(other)) % i64::from(other)) as $t,
                    true => r.wrapping_add(other).wrapping_rem(other),
                    false => r,
                }
            }
        }
    )*};
}

integers!(i8: true, i16: true, i32: false, i64: false);

fn integer<T>(call: &Call, args: &[ColumnarValue], rows: usize, op: RingOp) -> DfResult<ColumnarValue>
where
    T: ArrowPrimitiveType,
    T::Native: Integer,
{
    let [left, right] = args else { return Err(call.error(SparkError::internal("two operands are due"))) };
    match Mode::from_name(call.param(0)) {
        Mode::Try => {
            let (a, b): (PrimitiveArray<T>, PrimitiveArray<T>) = (typed_arg(args, 0, rows)?, typed_arg(args, 1, rows)?);
            let out: PrimitiveArray<T> = zip_optional(&a, &b, |x, y| Ok(x.checked(op, y)))?;
            Ok(ColumnarValue::Array(Arc::new(out)))
        }
        Mode::Legacy => apply(left, right, |l, r| match op {
            RingOp::Add => numeric::add_wrapping(l, r),
            RingOp::Subtract => numeric::sub_wrapping(l, r),
            RingOp::Multiply => numeric::mul_wrapping(l, r),
        }),
        Mode::Ansi => apply(left, right, |l, r| match op {
            RingOp::Add => numeric::add(l, r),
            RingOp::Subtract => numeric::sub(l, r),
            RingOp::Multiply => numeric::mul(l, r),
        })
        .map_err(|e| {
            let small = if T::Native::SMALL { small_overflow::<T>(args, rows, op) } else { None };
            small.map(vonk_expr::exec_err).unwrap_or_else(|| from_arrow_overflow(call, e, op.try_name()))
        }),
    }
}

/// The error of TINYINT and SMALLINT, which names the operands.
fn small_overflow<T>(args: &[ColumnarValue], rows: usize, op: RingOp) -> Option<SparkError>
where
    T: ArrowPrimitiveType,
    T::Native: Integer,
{
    let a: PrimitiveArray<T> = typed_arg(args, 0, rows).ok()?;
    let b: PrimitiveArray<T> = typed_arg(args, 1, rows).ok()?;
    let (x, y) = a.iter().zip(b.iter()).find_map(|pair| match pair {
        (Some(x), Some(y)) if x.checked(op, y).is_none() => Some((x, y)),
        _ => None,
    })?;
    Some(
        SparkError::new("BINARY_ARITHMETIC_OVERFLOW")
            .param("value1", format!("{x}S"))
            .param("symbol", op.symbol())
            .param("value2", format!("{y}S"))
            .param("functionName", vonk_common::error::quote_id([op.try_name()])),
    )
}

/// Floating-point numbers that know their canonical NaN.
pub trait Float: Copy {
    fn canonical(self) -> Self;
    fn is_zero(self) -> bool;
}

impl Float for f32 {
    fn canonical(self) -> Self {
        if self.is_nan() { f32::NAN } else { self }
    }
    fn is_zero(self) -> bool {
        self == 0.0
    }
}

impl Float for f64 {
    fn canonical(self) -> Self {
        if self.is_nan() { f64::NAN } else { self }
    }
    fn is_zero(self) -> bool {
        self == 0.0
    }
}

fn float<T>(
    args: &[ColumnarValue],
    rows: usize,
    f: impl Fn(T::Native, T::Native) -> T::Native,
) -> DfResult<ColumnarValue>
where
    T: ArrowPrimitiveType,
    T::Native: Float,
{
    let out: PrimitiveArray<T> = match (constant::<T>(args, 0)?, constant::<T>(args, 1)?) {
        (None, Some(b)) => typed_arg::<PrimitiveArray<T>>(args, 0, rows)?.unary(|a| f(a, b).canonical()),
        (Some(a), None) => typed_arg::<PrimitiveArray<T>>(args, 1, rows)?.unary(|b| f(a, b).canonical()),
        _ => {
            let a: PrimitiveArray<T> = typed_arg(args, 0, rows)?;
            let b: PrimitiveArray<T> = typed_arg(args, 1, rows)?;
            binary(&a, &b, |x, y| f(x, y).canonical())?
        }
    };
    Ok(ColumnarValue::Array(Arc::new(out)))
}

/// The value of a constant operand that is not NULL.
fn constant<T: ArrowPrimitiveType>(args: &[ColumnarValue], i: usize) -> DfResult<Option<T::Native>> {
    match args.get(i) {
        Some(ColumnarValue::Scalar(_)) => {
            let one: PrimitiveArray<T> = typed_arg(args, i, 1)?;
            Ok(one.iter().next().flatten())
        }
        _ => Ok(None),
    }
}

/// `/`, `%`, `div` and `pmod` of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotientOp {
    Divide,
    Remainder,
    IntegralDivide,
    Pmod,
}

/// A quotient or remainder of two columns of the call's return type.
pub fn quotient(call: &Call, args: &[ColumnarValue], rows: usize, op: QuotientOp) -> DfResult<ColumnarValue> {
    let out: ArrayRef = match call.return_type {
        DataType::Byte => whole::<Int8Type>(call, args, rows, op)?,
        DataType::Short => whole::<Int16Type>(call, args, rows, op)?,
        DataType::Int => whole::<Int32Type>(call, args, rows, op)?,
        DataType::Long => {
            if op == QuotientOp::IntegralDivide {
                check_long_quotient(call, args, rows)?;
            }
            whole::<Int64Type>(call, args, rows, op)?
        }
        DataType::Float => nonzero::<Float32Type>(
            call,
            args,
            rows,
            op,
            |v| v.is_zero(),
            move |a, b| {
                match op {
                    QuotientOp::Pmod => pmod_f64(a.into(), b.into()) as f32,
                    QuotientOp::Divide => a / b,
                    _ => a % b,
                }
                .canonical()
            },
        )?,
        DataType::Double => nonzero::<Float64Type>(
            call,
            args,
            rows,
            op,
            |v| v.is_zero(),
            move |a, b| {
                match op {
                    QuotientOp::Pmod => pmod_f64(a, b),
                    QuotientOp::Divide => a / b,
                    _ => a % b,
                }
                .canonical()
            },
        )?,
        ref other => return Err(call.error(SparkError::internal(format!("no division on {other}")))),
    };
    Ok(ColumnarValue::Array(out))
}

fn pmod_f64(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r < 0.0 { (r + b) % b } else { r }
}

fn whole<T>(call: &Call, args: &[ColumnarValue], rows: usize, op: QuotientOp) -> DfResult<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Integer,
{
    let zero = T::Native::default();
    nonzero::<T>(
        call,
        args,
        rows,
        op,
        |v| v == zero,
        move |a, b| match op {
            QuotientOp::Divide | QuotientOp::IntegralDivide => a.wrapping_quotient(b),
            QuotientOp::Remainder => a.wrapping_remainder(b),
            QuotientOp::Pmod => a.positive_remainder(b),
        },
    )
}

fn check_long_quotient(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<()> {
    if Mode::from_name(call.param(0)) != Mode::Ansi {
        return Ok(());
    }
    let b: PrimitiveArray<Int64Type> = typed_arg(args, 1, rows)?;
    if !b.values().contains(&-1) {
        return Ok(());
    }
    let a: PrimitiveArray<Int64Type> = typed_arg(args, 0, rows)?;
    match a.iter().zip(b.iter()).any(|pair| pair == (Some(i64::MIN), Some(-1))) {
        true => Err(overflow(call, "Overflow in integral divide", "try_divide")),
        false => Ok(()),
    }
}

/// Applies `f` where the divisor is not zero; zero raises under ANSI and gives NULL otherwise.
fn nonzero<T: ArrowPrimitiveType>(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    op: QuotientOp,
    is_zero: impl Fn(T::Native) -> bool,
    f: impl Fn(T::Native, T::Native) -> T::Native,
) -> DfResult<ArrayRef> {
    let a: PrimitiveArray<T> = typed_arg(args, 0, rows)?;
    if let Some(b) = constant::<T>(args, 1)?.filter(|b| !is_zero(*b)) {
        return Ok(Arc::new(a.unary::<_, T>(|a| f(a, b))));
    }
    let b: PrimitiveArray<T> = typed_arg(args, 1, rows)?;
    let nulls = divisor_nulls(call, op, a.nulls(), &b, &is_zero)?;
    let values: Vec<T::Native> = a
        .values()
        .iter()
        .zip(b.values())
        .map(|(x, y)| if is_zero(*y) { T::Native::default() } else { f(*x, *y) })
        .collect();
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

/// NULLs of both sides, and of zero divisors outside ANSI mode.
pub fn divisor_nulls<T: ArrowPrimitiveType>(
    call: &Call,
    op: QuotientOp,
    left: Option<&NullBuffer>,
    b: &PrimitiveArray<T>,
    is_zero: impl Fn(T::Native) -> bool,
) -> DfResult<Option<NullBuffer>> {
    let nulls = NullBuffer::union(left, b.nulls());
    if !b.values().iter().any(|v| is_zero(*v)) {
        return Ok(nulls);
    }
    let valid = |i: usize| nulls.as_ref().is_none_or(|n| n.is_valid(i));
    if Mode::from_name(call.param(0)) == Mode::Ansi {
        if b.values().iter().enumerate().any(|(i, v)| is_zero(*v) && valid(i)) {
            let class = match op {
                QuotientOp::Remainder | QuotientOp::Pmod => "REMAINDER_BY_ZERO",
                _ => "DIVIDE_BY_ZERO",
            };
            return Err(by_zero(call, class));
        }
        return Ok(nulls);
    }
    let kept = b.values().iter().enumerate().map(|(i, v)| !is_zero(*v) && valid(i)).collect::<Vec<_>>();
    Ok(Some(NullBuffer::from(kept)))
}
