//! Reading dates and wall clocks from a kernel's arguments.

use datafusion::arrow::array::TimestampMicrosecondArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::cast::cast;
use vonk_expr::{Call, Col, FnContext, TypedExpr, exec_err};
use vonk_plan::types::DataType;

use vonk_expr::cast::zone::Zone;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
pub use vonk_expr::cast::text::datetime::MICROS_PER_DAY;

/// The session's zone, as a call carries it.
pub fn session_zone(call: &Call) -> DfResult<Zone> {
    Zone::named(&call.time_zone).map_err(exec_err)
}

/// A TIMESTAMP or TIMESTAMP_NTZ argument as wall clock time in microseconds.
pub struct Clock {
    moments: Col<TimestampMicrosecondArray>,
    zone: Option<Zone>,
}

impl Clock {
    pub fn new(call: &Call, args: &[ColumnarValue], i: usize) -> DfResult<Self> {
        let zone = match call.arg_types.get(i) {
            Some(DataType::TimestampNtz) => None,
            _ => Some(session_zone(call)?),
        };
        Ok(Clock { moments: Col::new(args, i)?, zone })
    }

    pub fn get(&self, row: usize) -> Option<i64> {
        let moment = self.moments.get(row)?;
        Some(match &self.zone {
            Some(zone) => zone.micros_to_local(moment).unwrap_or(moment),
            None => moment,
        })
    }

    /// The moment as it is stored.
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

/// A cast to exactly this type, nothing if it has it.
pub fn to(ctx: &FnContext, arg: TypedExpr, ty: &DataType) -> SparkResult<TypedExpr> {
    if arg.data_type == *ty { Ok(arg) } else { cast(&ctx.facts, arg, ty) }
}
