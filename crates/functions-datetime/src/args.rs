//! Reading dates and wall clocks from a kernel's arguments.

use datafusion::arrow::array::{TimestampMicrosecondArray, TimestampNanosecondArray};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::cast::cast;
use vonk_expr::{Call, Col, FnContext, TypedExpr, Want, exec_err, nanos};
use vonk_plan::types::DataType;

use vonk_expr::cast::zone::Zone;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
pub use vonk_expr::cast::text::datetime::MICROS_PER_DAY;

/// The session's zone, as a call carries it.
pub fn session_zone(call: &Call) -> DfResult<Zone> {
    Zone::named(&call.time_zone).map_err(exec_err)
}

/// A timestamp argument as wall clock time in microseconds.
pub struct Clock {
    moments: Col<TimestampMicrosecondArray>,
    zone: Option<Zone>,
    nanos: Option<Col<TimestampNanosecondArray>>,
}

impl Clock {
    pub fn new(call: &Call, args: &[ColumnarValue], i: usize) -> DfResult<Self> {
        let ty = call.arg_types.get(i);
        let zone = match ty.map(nanos::base) {
            Some(DataType::TimestampNtz) => None,
            _ => Some(session_zone(call)?),
        };
        if ty.is_some_and(DataType::is_nanos)
            && let Some(value) = args.get(i)
        {
            let micros = match value {
                ColumnarValue::Array(a) => ColumnarValue::Array(nanos::micros(a)),
                ColumnarValue::Scalar(s) => {
                    ColumnarValue::Scalar(ScalarValue::try_from_array(&nanos::micros(&s.to_array()?), 0)?)
                }
            };
            return Ok(Clock { moments: Col::new(&[micros], 0)?, zone, nanos: Some(Col::new(args, i)?) });
        }
        Ok(Clock { moments: Col::new(args, i)?, zone, nanos: None })
    }

    pub fn get(&self, row: usize) -> Option<i64> {
        let moment = self.moments.get(row)?;
        Some(match &self.zone {
            Some(zone) => zone.micros_to_local(moment).unwrap_or(moment),
            None => moment,
        })
    }

    /// Nanoseconds below the microsecond.
    pub fn below(&self, row: usize) -> i64 {
        self.nanos.as_ref().and_then(|n| n.get(row)).map_or(0, |n| nanos::split(n).1)
    }

    /// The moment as it is stored, in microseconds.
    pub fn stored(&self, row: usize) -> Option<i64> {
        self.moments.get(row)
    }

    /// The moment (of the argument's own type) at which the wall clock shows `local`.
    pub fn store(&self, local: i64) -> Option<i64> {
        match &self.zone {
            Some(zone) => zone.micros_to_utc(local),
            None => Some(local),
        }
    }
}

/// What is wanted of a timestamp: one of nanoseconds as it is, else what `want` says.
pub fn moment(arg: Option<&TypedExpr>, want: Want) -> Want {
    match arg {
        Some(a) if a.data_type.is_nanos() => Want::Type(a.data_type.clone()),
        _ => want,
    }
}

/// A cast to exactly this type, nothing if it has it.
pub fn to(ctx: &FnContext, arg: TypedExpr, ty: &DataType) -> SparkResult<TypedExpr> {
    if arg.data_type == *ty { Ok(arg) } else { cast(&ctx.facts, arg, ty) }
}
