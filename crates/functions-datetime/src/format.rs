//! Dates and timestamps as text by a pattern: `date_format`, `from_unixtime`.

use datafusion::arrow::array::{Int64Array, StringArray, Time64NanosecondArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::args::{Clock, moment, session_zone};
use crate::parse::DEFAULT_PATTERN;
use crate::pattern::print::Moment;
use crate::pattern::{Field, Item, Pattern, Purpose};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("date_format", "datetime_funcs", date_format)
        .usage("The date or timestamp as text by a pattern.")
        .kernels(&[&FORMAT, &FORMAT_TIME]),
    FunctionSpec::scalar("from_unixtime", "datetime_funcs", from_unixtime)
        .usage("Seconds since 1970 as text by a pattern.")
        .kernels(&[&FORMAT_SECONDS]),
];

static FORMAT: Kernel = Kernel::new("date_format", format).prepared(check);
static FORMAT_TIME: Kernel = Kernel::new("date_format_time", format_time);
static FORMAT_SECONDS: Kernel = Kernel::new("from_unixtime", format_seconds).prepared(check);

fn check(call: &Call, pattern: &str) -> SparkResult<()> {
    compiled(call.param(0) == "LEGACY", pattern).map(|_| ())
}

fn compiled(lenient: bool, pattern: &str) -> SparkResult<Pattern> {
    match if lenient { Pattern::lenient(pattern) } else { None } {
        Some(p) => Ok(p),
        None => Pattern::new(pattern, Purpose::Print),
    }
}

fn params(ctx: &FnContext) -> Vec<String> {
    vec![ctx.facts.conf.get("spark.sql.legacy.timeParserPolicy").unwrap_or("CORRECTED").to_uppercase()]
}

/// `date_format`, and what `to_char` does with dates.
pub fn date_format(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if args.first().is_some_and(|a| matches!(a.data_type, DataType::Time(_))) {
        let args = ctx.coerce(args, 2, &[Want::AnyTime, Want::Str])?;
        return Ok(ctx.call(&FORMAT_TIME, args, DataType::STRING, Nullability::Args));
    }
    let want = moment(args.first(), Want::TIMESTAMP);
    let args = ctx.coerce(args, 2, &[want, Want::Str])?;
    Ok(ctx.call_with(&FORMAT, args, DataType::STRING, Nullability::Args, params(ctx)))
}

fn from_unixtime(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::string(DEFAULT_PATTERN))?);
    }
    let args = ctx.coerce(args, 2, &[Want::LONG, Want::Str])?;
    Ok(ctx.call_with(&FORMAT_SECONDS, args, DataType::STRING, Nullability::Always, params(ctx)))
}

/// Patterns of a column, the last one kept compiled.
struct Patterns {
    column: Col<StringArray>,
    lenient: bool,
    last: Option<(String, Pattern)>,
}

impl Patterns {
    fn new(call: &Call, args: &[ColumnarValue]) -> DfResult<Self> {
        Ok(Patterns { column: Col::new(args, 1)?, lenient: call.param(0) == "LEGACY", last: None })
    }

    fn get(&mut self, row: usize) -> SparkResult<Option<&Pattern>> {
        let Some(text) = self.column.get(row) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(t, _)| t != text) {
            self.last = Some((text.to_string(), compiled(self.lenient, text)?));
        }
        Ok(self.last.as_ref().map(|(_, p)| p))
    }
}

fn failed(message: String) -> SparkError {
    SparkError::new("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION").param("rangeMessage", message)
}

fn format(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let clock = Clock::new(call, args, 0)?;
    let session = session_zone(call)?;
    // A wall clock of nanoseconds is not made an instant first: it has no zone to show.
    let wall = call.arg_types.first().and_then(DataType::nanos).is_some_and(|(_, ntz)| ntz);
    let texts = Col::<StringArray>::new(args, 1)?;
    let mut patterns = Patterns::new(call, args)?;
    string_rows(rows, rows * 20, |i, out| {
        let (stored, local) = not_null!(clock.stored(i), clock.get(i));
        let offset = session.offset_at(stored.div_euclid(1_000_000));
        let pattern = not_null!(patterns.get(i).map_err(|e| call.error(e))?);
        if wall && pattern.items.iter().any(of_zone) {
            return Err(call.error(refused(not_null!(texts.get(i)))));
        }
        let written = pattern.write(&Moment { local, nanos: clock.below(i), offset, zone: &call.time_zone }, out);
        written.map(Some).map_err(|m| call.error(failed(m)))
    })
}

fn format_time(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let time = Col::<Time64NanosecondArray>::new(args, 0)?;
    let mut patterns = Patterns::new(call, args)?;
    let texts = Col::<StringArray>::new(args, 1)?;
    string_rows(rows, rows * 12, |i, out| {
        let (nanos, text) = not_null!(time.get(i), texts.get(i));
        let pattern = not_null!(patterns.get(i).map_err(|e| call.error(e))?);
        if !pattern.items.iter().all(of_time) {
            return Err(call.error(refused(text)));
        }
        let written = pattern.write(&Moment { local: nanos / 1000, nanos: 0, offset: 0, zone: "UTC" }, out);
        written.map(Some).map_err(|m| call.error(failed(m)))
    })
}

/// The pattern asks for what the value does not have.
fn refused(pattern: &str) -> SparkError {
    SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
        .param("functionName", quote_id(["date_format"]))
        .param("parameter", quote_id(["format"]))
        .param("value", format!("'{pattern}'"))
}

fn of_zone(item: &Item) -> bool {
    matches!(item, Item::ZoneId | Item::ZoneName { .. } | Item::Offset { .. } | Item::LocalizedOffset { .. })
}

/// The item is a field of the time of day.
pub fn of_time(item: &Item) -> bool {
    match item {
        Item::Literal(_) | Item::Fraction { .. } | Item::OptionalStart | Item::OptionalEnd => true,
        Item::Number { field, .. } | Item::Text { field, .. } => matches!(
            field,
            Field::AmPm
                | Field::HourOfDay
                | Field::ClockHourOfDay
                | Field::HourOfAmPm
                | Field::ClockHourOfAmPm
                | Field::Minute
                | Field::Second
                | Field::Nano
        ),
        _ => false,
    }
}

fn format_seconds(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let seconds = Col::<Int64Array>::new(args, 0)?;
    let session = session_zone(call)?;
    let mut patterns = Patterns::new(call, args)?;
    string_rows(rows, rows * 20, |i, out| {
        let seconds = not_null!(seconds.get(i));
        // Microseconds that do not fit wrap around, as Spark lets them.
        let micros = seconds.wrapping_mul(1_000_000);
        let offset = session.offset_at(micros.div_euclid(1_000_000));
        let local = micros.saturating_add(i64::from(offset) * 1_000_000);
        let pattern = not_null!(patterns.get(i).map_err(|e| call.error(e))?);
        let written = pattern.write(&Moment { local, nanos: 0, offset, zone: &call.time_zone }, out);
        written.map(Some).map_err(|m| call.error(failed(m)))
    })
}
