//! `counter_diff`: by how much a counter that only grows has grown since the row before.
//!
//! The row before is the last one whose counter is not NULL: `lag` finds it, a kernel compares.

use std::sync::Arc;

use datafusion::arrow::array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, Int64Array, PrimitiveArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions_window::lead_lag::lag_udwf;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{ColumnarValue, Expr, cast};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::datetime::{write_timestamp, write_timestamp_ntz};
use vonk_expr::cast::zone::Zone;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{AggregateCall, Call, FnContext, Kernel, TypedExpr, Want, exec_err};
use vonk_plan::types::DataType;

use crate::window::function;

pub const KERNELS: &[&Kernel] = &[&DIFF];

/// Arguments: the counter, the one before, and the times they started, if given. Parameter: `ntz` for
/// times of no zone.
static DIFF: Kernel = Kernel::new("counter_diff", difference);

/// A start time that is NULL, where only the times of NULL counters may be.
const UNKNOWN: i64 = i64::MIN;

pub fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    let syntax =
        [(call.ignore_nulls, "IGNORE NULLS"), (call.distinct, "DISTINCT"), (call.filter.is_some(), "FILTER CLAUSE")];
    if let Some((_, syntax)) = syntax.into_iter().find(|(used, _)| *used) {
        return Err(SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
            .param("prettyName", quote_id([&*ctx.name]))
            .param("syntax", syntax)
            .at(ctx.origin.clone()));
    }
    if call.args.is_empty() {
        return Err(SparkError::new("REQUIRED_PARAMETER_NOT_FOUND")
            .param("routineName", quote_id([&*ctx.name]))
            .param("parameterName", quote_id(["value"]))
            .param("index", 0)
            .at(ctx.origin.clone()));
    }
    let sql = ctx.sql(&call.args);
    let start = Want::OneOf(vec![Want::TIMESTAMP, Want::Type(DataType::TimestampNtz)]);
    let args = ctx.expect(call.args.clone(), 1, &[Want::Numeric, start])?;
    let before = |value: Expr| {
        let skipping = AggregateCall { ignore_nulls: true, ..call.clone() };
        let one = Expr::Literal(ScalarValue::Int64(Some(1)), None);
        function(lag_udwf(), vec![value, one], &skipping)
    };
    let Some(value) = args.first().cloned() else { return Err(SparkError::internal("a counter is due")) };
    let ty = value.data_type.clone();
    let like = |e: &TypedExpr, expr: Expr, ty: &DataType| TypedExpr::new(expr, ty.clone(), true, e.sql.clone());
    let mut given = vec![value.clone(), like(&value, before(value.expr.clone()), &ty)];
    let mut zone = "";
    if let Some(start) = args.get(1) {
        let micros = cast(start.expr.clone(), Arrow::Int64);
        let marked = when(Expr::IsNotNull(Box::new(micros.clone())), micros.clone(), Some(UNKNOWN));
        let counted = when(Expr::IsNotNull(Box::new(value.expr.clone())), marked, None);
        given.push(like(start, micros, &DataType::Long));
        given.push(like(start, before(counted), &DataType::Long));
        zone = if start.data_type == DataType::TimestampNtz { "ntz" } else { "" };
    }
    let mut out = ctx.call_with(&DIFF, given, ty, Nullability::Always, vec![zone.into()]);
    out.sql = sql;
    Ok(out)
}

fn when(test: Expr, then: Expr, otherwise: Option<i64>) -> Expr {
    let otherwise = Expr::Literal(ScalarValue::Int64(otherwise), None);
    Expr::Case(Case::new(None, vec![(Box::new(test), Box::new(then))], Some(Box::new(otherwise))))
}

fn difference(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let of_type = array_arg(args, 0, rows)?;
    let out = match of_type.data_type() {
        Arrow::Int8 => differences::<Int8Type>(call, args, rows)?,
        Arrow::Int16 => differences::<Int16Type>(call, args, rows)?,
        Arrow::Int32 => differences::<Int32Type>(call, args, rows)?,
        Arrow::Int64 => differences::<Int64Type>(call, args, rows)?,
        Arrow::Float32 => differences::<Float32Type>(call, args, rows)?,
        Arrow::Float64 => differences::<Float64Type>(call, args, rows)?,
        Arrow::Decimal128(..) => differences::<Decimal128Type>(call, args, rows)?,
        other => return Err(call.error(SparkError::internal(format!("a counter of type {other}")))),
    };
    Ok(ColumnarValue::Array(out))
}

fn differences<T: ArrowPrimitiveType>(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ArrayRef> {
    let values = typed_arg::<PrimitiveArray<T>>(args, 0, rows)?;
    let before = typed_arg::<PrimitiveArray<T>>(args, 1, rows)?;
    let starts = match args.len() {
        4 => Some((typed_arg::<Int64Array>(args, 2, rows)?, typed_arg::<Int64Array>(args, 3, rows)?)),
        _ => None,
    };
    let mut out = PrimitiveArray::<T>::builder(rows).with_data_type(values.data_type().clone());
    for i in 0..rows {
        if values.is_null(i) {
            out.append_null();
            continue;
        }
        let value = values.value(i);
        if value.is_lt(T::Native::ZERO) && !value.is_zero() {
            return Err(call.error(
                SparkError::new("COUNTER_DIFF_NEGATIVE_COUNTER_VALUE")
                    .param("value", array_value_to_string(&values, i)?)
                    .param("function", quote_id(["counter_diff"])),
            ));
        }
        let mut reset = before.is_null(i);
        if let (Some((starts, earlier)), false) = (&starts, reset)
            && starts.is_valid(i)
            && earlier.is_valid(i)
            && earlier.value(i) != UNKNOWN
        {
            let (now, then) = (starts.value(i), earlier.value(i));
            if now < then {
                return Err(call.error(
                    SparkError::new("COUNTER_DIFF_START_TIME_DECREASED")
                        .param("function", quote_id(["counter_diff"]))
                        .param("previousStartTime", time_text(call, then)?)
                        .param("currentStartTime", time_text(call, now)?),
                ));
            }
            reset = now > then;
        }
        if reset || value.is_lt(before.value(i)) {
            out.append_null();
        } else {
            out.append_value(value.sub_wrapping(before.value(i)));
        }
    }
    Ok(Arc::new(out.finish()))
}

fn time_text(call: &Call, micros: i64) -> DfResult<String> {
    let mut out = String::new();
    match call.param(0) {
        "ntz" => write_timestamp_ntz(&mut out, micros),
        _ => write_timestamp(&mut out, micros, &Zone::named(&call.time_zone).map_err(exec_err)?),
    }
    Ok(out)
}
