//! Timestamps of nanoseconds from and to counts since 1970: `timestamp_nanos`, `unix_nanos`.

use datafusion::arrow::array::{Decimal128Array, Int64Array, TimestampNanosecondArray};
use datafusion::arrow::datatypes::{Decimal128Type, TimestampNanosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::nanos::stored;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, not_null};
use vonk_plan::types::DataType;

use crate::add::overflow;
use crate::args::to;

/// The type of counts of nanoseconds.
const COUNT: DataType = DataType::Decimal(21, 0);

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("timestamp_nanos", "datetime_funcs", timestamp_nanos)
        .usage("timestamp_nanos(nanoseconds) - The TIMESTAMP_LTZ(9) that many nanoseconds after the epoch.")
        .kernels(&[&NANOS, &DECIMAL_NANOS]),
    FunctionSpec::scalar("unix_nanos", "datetime_funcs", unix_nanos)
        .usage("unix_nanos(timestamp) - Nanoseconds since the epoch of a timestamp of nanoseconds.")
        .kernels(&[&TO_NANOS])
        .literal_nulls(),
];

static NANOS: Kernel = Kernel::new("timestamp_nanos", |call, args, rows| {
    let counts = Col::<Int64Array>::new(args, 0)?;
    moments(call, rows, |i| counts.get(i).map(i128::from))
});
static DECIMAL_NANOS: Kernel = Kernel::new("timestamp_nanos_decimal", |call, args, rows| {
    let counts = Col::<Decimal128Array>::new(args, 0)?;
    let unit = match call.arg_types.first() {
        Some(DataType::Decimal(_, scale @ 1..)) => 10_i128.pow(u32::from(scale.unsigned_abs()).min(38)),
        _ => 1,
    };
    moments(call, rows, |i| counts.get(i).map(|v| v.div_euclid(unit)))
});
static TO_NANOS: Kernel = Kernel::total("unix_nanos", |call, args, rows| {
    let moments = Col::<TimestampNanosecondArray>::new(args, 0)?;
    primitive_rows::<Decimal128Type>(call, rows, |i| Ok(moments.get(i).map(i128::from)))
});

/// Whether the session has these types. Error: `FEATURE_NOT_ENABLED`.
pub fn enabled(ctx: &FnContext) -> SparkResult<()> {
    ctx.facts.conf.check_timestamp_nanos().map_err(|e| e.at(ctx.origin.clone()))
}

fn timestamp_nanos(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let whole = |t: &DataType| t.is_integral() || matches!(t, DataType::Decimal(..) | DataType::Null);
    if args.iter().any(|a| !whole(&a.data_type)) {
        return Err(ctx.unexpected_type(&args, 0, "(\"INTEGRAL\" or \"DECIMAL\")"));
    }
    let Some(arg) = args.into_iter().next() else { return Err(SparkError::internal("no argument")) };
    let (kernel, arg) = match arg.data_type {
        DataType::Decimal(..) => (&DECIMAL_NANOS, arg),
        _ => (&NANOS, to(ctx, arg, &DataType::Long)?),
    };
    Ok(ctx.call(kernel, vec![arg], DataType::TimestampLtzNanos(9), Nullability::Args))
}

fn unix_nanos(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    match args.first().map(|a| &a.data_type) {
        Some(t) if t.is_nanos() => Ok(ctx.call(&TO_NANOS, args, COUNT, Nullability::Args)),
        Some(DataType::Null) => {
            let mut out = TypedExpr::null(COUNT)?;
            out.sql = ctx.sql(&args);
            Ok(out)
        }
        _ => {
            let wanted = "\"(TIMESTAMP_LTZ(P) OR TIMESTAMP_NTZ(P) WITH P IN [7, 9])\"";
            Err(ctx.unexpected_type(&args, 0, wanted))
        }
    }
}

fn moments(call: &Call, rows: usize, count: impl Fn(usize) -> Option<i128>) -> DfResult<ColumnarValue> {
    primitive_rows::<TimestampNanosecondType>(call, rows, |i| {
        let nanos = not_null!(count(i));
        if i64::try_from(nanos.div_euclid(1000)).is_err() {
            let operation = format!("create a TIMESTAMP_LTZ(9) from {nanos} nanoseconds since the epoch");
            return Err(call.error(overflow(operation)));
        }
        stored(nanos, false).map(Some).map_err(|e| call.error(e))
    })
}
