//! Functions of one or two doubles: roots, powers, logarithms, angles, and the constants.

use std::sync::Arc;

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, strict};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::support::{canonical, cast_to, map_optional, zip_optional};

/// Declares functions of one double: name, text name, formula.
macro_rules! unary {
    ($($spec:ident $kernel:ident $name:literal $text:literal [$($alias:literal),*] $f:expr, $usage:literal;)*) => {
        $(
            static $kernel: Kernel = Kernel::total(concat!("f64_", $name), |_, args, rows| {
                let a = typed_arg::<Float64Array>(args, 0, rows)?;
                let f: fn(f64) -> f64 = $f;
                let out: Float64Array = a.unary(|v| canonical(f(v)));
                Ok(ColumnarValue::Array(Arc::new(out)))
            });
            static $spec: FunctionSpec = FunctionSpec::scalar($name, "math_funcs", |c, a| one_double(c, a, &$kernel, $text))
                .aliases(&[$($alias),*])
                .usage($usage);
        )*
        const UNARY: &[&FunctionSpec] = &[$(&$spec),*];
        const UNARY_KERNELS: &[&Kernel] = &[$(&$kernel),*];
    };
}

unary! {
    ACOS_F ACOS "acos" "ACOS" [] strict::acos, "acos(expr) - Inverse cosine.";
    ACOSH_F ACOSH "acosh" "ACOSH" [] acosh, "acosh(expr) - Inverse hyperbolic cosine.";
    ASIN_F ASIN "asin" "ASIN" [] strict::asin, "asin(expr) - Inverse sine.";
    ASINH_F ASINH "asinh" "ASINH" [] asinh, "asinh(expr) - Inverse hyperbolic sine.";
    ATAN_F ATAN "atan" "ATAN" [] strict::atan, "atan(expr) - Inverse tangent.";
    ATANH_F ATANH "atanh" "ATANH" [] |x| 0.5 * (strict::ln_1p(x) - strict::ln_1p(-x)), "atanh(expr) - Inverse hyperbolic tangent.";
    CBRT_F CBRT "cbrt" "CBRT" [] strict::cbrt, "cbrt(expr) - Cube root.";
    COS_F COS "cos" "COS" [] f64::cos, "cos(expr) - Cosine of an angle in radians.";
    COSH_F COSH "cosh" "COSH" [] strict::cosh, "cosh(expr) - Hyperbolic cosine.";
    COT_F COT "cot" "COT" [] |x| 1.0 / x.tan(), "cot(expr) - Cotangent of an angle in radians.";
    CSC_F CSC "csc" "CSC" [] |x| 1.0 / x.sin(), "csc(expr) - Cosecant of an angle in radians.";
    DEGREES_F DEGREES "degrees" "DEGREES" [] |x| x * (180.0 / std::f64::consts::PI), "degrees(expr) - Radians as degrees.";
    EXP_F EXP "exp" "EXP" [] strict::exp, "exp(expr) - e to the power.";
    EXPM1_F EXPM1 "expm1" "EXPM1" [] strict::expm1, "expm1(expr) - e to the power, less 1.";
    RADIANS_F RADIANS "radians" "RADIANS" [] |x| x * 0.017_453_292_519_943_295, "radians(expr) - Degrees as radians.";
    RINT_F RINT "rint" "rint" [] f64::round_ties_even, "rint(expr) - The nearest whole number, half to even.";
    SEC_F SEC "sec" "SEC" [] |x| 1.0 / x.cos(), "sec(expr) - Secant of an angle in radians.";
    SIN_F SIN "sin" "SIN" [] f64::sin, "sin(expr) - Sine of an angle in radians.";
    SINH_F SINH "sinh" "SINH" [] strict::sinh, "sinh(expr) - Hyperbolic sine.";
    SQRT_F SQRT "sqrt" "SQRT" [] f64::sqrt, "sqrt(expr) - Square root.";
    TAN_F TAN "tan" "TAN" [] f64::tan, "tan(expr) - Tangent of an angle in radians.";
    TANH_F TANH "tanh" "TANH" [] strict::tanh, "tanh(expr) - Hyperbolic tangent.";
}

/// Declares logarithms: NULL where the value is not above the bound.
macro_rules! logarithms {
    ($($spec:ident $kernel:ident $name:literal $text:expr, $bound:literal $f:expr, $usage:literal;)*) => {
        $(
            static $kernel: Kernel = Kernel::total(concat!("f64_", $name), |_, args, rows| {
                let a = typed_arg::<Float64Array>(args, 0, rows)?;
                let f: fn(f64) -> f64 = $f;
                let out: Float64Array = map_optional(&a, |v| Ok(if v <= $bound { None } else { Some(f(v)) }))?;
                Ok(ColumnarValue::Array(Arc::new(out)))
            });
            static $spec: FunctionSpec = FunctionSpec::scalar($name, "math_funcs", |c, a| one_double(c, a, &$kernel, $text))
            .usage($usage);
        )*
        const LOGARITHMS: &[&FunctionSpec] = &[$(&$spec),*];
        const LOGARITHM_KERNELS: &[&Kernel] = &[$(&$kernel),*];
    };
}

logarithms! {
    LN_F LN "ln" "ln", 0.0 strict::ln, "ln(expr) - Natural logarithm.";
    LOG10_F LOG10 "log10" "LOG10", 0.0 strict::log10, "log10(expr) - Logarithm to base 10.";
    LOG1P_F LOG1P "log1p" "LOG1P", -1.0 strict::ln_1p, "log1p(expr) - Natural logarithm of 1 + expr.";
    LOG2_F LOG2 "log2" "LOG2", 0.0 strict::log2, "log2(expr) - Logarithm to base 2.";
}

const BINARY_KERNELS: &[&Kernel] = &[&POW, &ATAN2, &HYPOT, &LOG];

static POW: Kernel = Kernel::total("f64_pow", |_, a, n| two_columns(a, n, strict::pow));
static ATAN2: Kernel = Kernel::total("f64_atan2", |_, a, n| two_columns(a, n, |y, x| strict::atan2(y + 0.0, x + 0.0)));
static HYPOT: Kernel = Kernel::total("f64_hypot", |_, a, n| two_columns(a, n, strict::hypot));
static LOG: Kernel = Kernel::new("f64_log", log_column);

static POW_F: FunctionSpec = FunctionSpec::scalar("power", "math_funcs", |c, a| two_doubles(c, a, &POW, "POWER"))
    .aliases(&["pow"])
    .usage("power(expr1, expr2) - expr1 to the power of expr2.")
    .kernels(UNARY_KERNELS);
static ATAN2_F: FunctionSpec = FunctionSpec::scalar("atan2", "math_funcs", |c, a| two_doubles(c, a, &ATAN2, "ATAN2"))
    .usage("atan2(y, x) - The angle of the point.")
    .kernels(BINARY_KERNELS);
static HYPOT_F: FunctionSpec = FunctionSpec::scalar("hypot", "math_funcs", |c, a| two_doubles(c, a, &HYPOT, "HYPOT"))
    .usage("hypot(expr1, expr2) - The length of the hypotenuse.")
    .kernels(LOGARITHM_KERNELS);
static LOG_F: FunctionSpec =
    FunctionSpec::scalar("log", "math_funcs", log).usage("log(base, expr) - Logarithm; natural without a base.");
static PI_F: FunctionSpec = FunctionSpec::scalar("pi", "math_funcs", |c, a| constant(c, a, std::f64::consts::PI, "PI"))
    .usage("pi() - The number pi.");
static E_F: FunctionSpec = FunctionSpec::scalar("e", "math_funcs", |c, a| constant(c, a, std::f64::consts::E, "E"))
    .usage("e() - Euler's number.");

pub const SPECS: &[&FunctionSpec] = &ALL;
const N: usize = UNARY.len() + LOGARITHMS.len() + 6;
const ALL: [&FunctionSpec; N] = {
    let mut out: [&FunctionSpec; N] = [&POW_F; N];
    let mut i = 0;
    while i < UNARY.len() {
        out[i] = UNARY[i];
        i += 1;
    }
    let mut k = 0;
    while k < LOGARITHMS.len() {
        out[i + k] = LOGARITHMS[k];
        k += 1;
    }
    let rest: [&FunctionSpec; 6] = [&POW_F, &ATAN2_F, &HYPOT_F, &LOG_F, &PI_F, &E_F];
    let mut r = 0;
    while r < 6 {
        out[i + k + r] = rest[r];
        r += 1;
    }
    out
};

fn one_double(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, name: &str) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::DOUBLE])?;
    let sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    // Spark says so of every function of one double.
    let mut out = ctx.call(kernel, args, DataType::Double, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn two_doubles(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, name: &str) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::DOUBLE, Want::DOUBLE])?;
    let name = if &*ctx.name == "pow" { "pow" } else { name };
    let sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    let mut out = ctx.call(kernel, args, DataType::Double, Nullability::Args);
    out.sql = sql;
    Ok(out)
}

fn two_columns(args: &[ColumnarValue], rows: usize, f: impl Fn(f64, f64) -> f64) -> DfResult<ColumnarValue> {
    let (a, b) = (typed_arg::<Float64Array>(args, 0, rows)?, typed_arg::<Float64Array>(args, 1, rows)?);
    let out: Float64Array = datafusion::arrow::compute::kernels::arity::binary(&a, &b, |x, y| canonical(f(x, y)))?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn log(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    if args.len() == 1 {
        let sql = SqlText::call("LOG", ["E()".into()].into_iter().chain(args.iter().map(|a| a.sql.clone())));
        let args = ctx.coerce(args, 1, &[Want::DOUBLE])?;
        let mut out = ctx.call(&LN, args, DataType::Double, Nullability::Always);
        out.sql = sql;
        return Ok(out);
    }
    let sql = SqlText::call("LOG", args.iter().map(|a| a.sql.clone()));
    let mut cast = Vec::with_capacity(2);
    for arg in ctx.coerce(args, 2, &[Want::DOUBLE, Want::DOUBLE])? {
        cast.push(cast_to(ctx, arg, &DataType::Double)?);
    }
    let mut out = ctx.call(&LOG, cast, DataType::Double, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn log_column(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (base, v) = (typed_arg::<Float64Array>(args, 0, rows)?, typed_arg::<Float64Array>(args, 1, rows)?);
    let out = zip_optional::<_, _, Float64Type>(&base, &v, |b, x| {
        Ok(if b <= 0.0 || x <= 0.0 { None } else { Some(canonical(strict::ln(x) / strict::ln(b))) })
    })?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn constant(ctx: &FnContext, args: Vec<TypedExpr>, value: f64, name: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=0)?;
    let mut out = TypedExpr::literal(&Literal::Double(value))?;
    out.sql = SqlText::call(name, []);
    Ok(out)
}

/// Beyond this the square of a number loses the 1 beside it.
const LARGE: f64 = (1u64 << 28) as f64;

/// By logarithms of what stays exact: near zero, in between, and where squares would overflow.
fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 1.0 / LARGE {
        return x;
    } else if a > LARGE {
        strict::ln(a) + std::f64::consts::LN_2
    } else if a > 2.0 {
        strict::ln(2.0 * a + 1.0 / ((a * a + 1.0).sqrt() + a))
    } else {
        let square = a * a;
        strict::ln_1p(a + square / (1.0 + (1.0 + square).sqrt()))
    };
    value.copysign(x)
}

fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        f64::NAN
    } else if x >= LARGE {
        strict::ln(x) + std::f64::consts::LN_2
    } else if x > 2.0 {
        strict::ln(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()))
    } else {
        let over = x - 1.0;
        strict::ln_1p(over + (2.0 * over + over * over).sqrt())
    }
}
