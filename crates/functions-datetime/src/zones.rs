//! `from_utc_timestamp`, `to_utc_timestamp` and `convert_timezone`.

use datafusion::arrow::array::{StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use vonk_expr::cast::zone::Zone;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("from_utc_timestamp", "datetime_funcs", |c, a| build(c, a, &FROM_UTC))
        .usage("What clocks in the zone show when clocks at UTC show the timestamp.")
        .kernels(&[&FROM_UTC]),
    FunctionSpec::scalar("to_utc_timestamp", "datetime_funcs", |c, a| build(c, a, &TO_UTC))
        .usage("What clocks at UTC show when clocks in the zone show the timestamp.")
        .kernels(&[&TO_UTC]),
    FunctionSpec::scalar("convert_timezone", "datetime_funcs", build_convert)
        .usage("A wall clock of one zone (the session's by default) as that of another.")
        .kernels(&[&CONVERT]),
];

static FROM_UTC: Kernel =
    Kernel::new("from_utc_timestamp", |c, a, n| shift(c, a, n, Zone::micros_to_local)).prepared(check);
static TO_UTC: Kernel = Kernel::new("to_utc_timestamp", |c, a, n| shift(c, a, n, Zone::micros_to_utc)).prepared(check);
static CONVERT: Kernel = Kernel::new("convert_timezone", convert);

fn check(_: &Call, zone: &str) -> SparkResult<()> {
    LastZone::default().get(zone).map(|_| ())
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::TIMESTAMP, Want::Str])?;
    Ok(ctx.call(kernel, args, DataType::Timestamp, Nullability::Args))
}

fn build_convert(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        let mut zone = TypedExpr::literal(&Literal::string(ctx.time_zone()))?;
        zone.sql = "current_timezone()".into();
        args.insert(0, zone);
    }
    let args = ctx.coerce(args, 3, &[Want::Str, Want::Str, Want::Type(DataType::TimestampNtz)])?;
    Ok(ctx.call(&CONVERT, args, DataType::TimestampNtz, Nullability::Args))
}

/// A zone by name, remembered while the name stays the same.
#[derive(Default)]
pub struct LastZone(Option<(String, Zone)>);

impl LastZone {
    pub fn get(&mut self, name: &str) -> SparkResult<&Zone> {
        if self.0.as_ref().is_none_or(|(n, _)| n != name) {
            let zone = Zone::parse(name).ok_or_else(|| SparkError::new("INVALID_TIMEZONE").param("timeZone", name))?;
            self.0 = Some((name.to_string(), zone));
        }
        match &self.0 {
            Some((_, zone)) => Ok(zone),
            None => Err(SparkError::internal("zone")),
        }
    }
}

fn shift(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    f: fn(&Zone, i64) -> Option<i64>,
) -> DfResult<ColumnarValue> {
    let moment = Col::<TimestampMicrosecondArray>::new(args, 0)?;
    let zone = Col::<StringArray>::new(args, 1)?;
    let mut last = LastZone::default();
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let (t, z) = not_null!(moment.get(i), zone.get(i));
        Ok(f(last.get(z).map_err(|e| call.error(e))?, t))
    })
}

fn convert(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let from = Col::<StringArray>::new(args, 0)?;
    let to = Col::<StringArray>::new(args, 1)?;
    let clock = Col::<TimestampMicrosecondArray>::new(args, 2)?;
    let (mut from_zone, mut to_zone) = (LastZone::default(), LastZone::default());
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let (f, t, local) = not_null!(from.get(i), to.get(i), clock.get(i));
        let moment = from_zone.get(f).map_err(|e| call.error(e))?.micros_to_utc(local);
        let to = to_zone.get(t).map_err(|e| call.error(e))?;
        Ok(moment.and_then(|m| to.micros_to_local(m)))
    })
}
