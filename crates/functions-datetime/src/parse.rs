//! Text to dates and timestamps: `to_date`, `to_timestamp…`, `try_…`, `unix_timestamp`,
//! `to_unix_timestamp`.
//!
//! Without a pattern they are casts.

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::zone::Zone;
use vonk_expr::cast::{cast, explicit_cast};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::nanos::{base, stored, truncated};
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::add::renamed;
use crate::args::{Clock, MICROS_PER_DAY, moment, session_zone};
use crate::make::session_timestamp;
use crate::pattern::{Pattern, Purpose};

const GROUP: &str = "datetime_funcs";
/// The pattern of the functions that have a default.
pub const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("to_date", GROUP, |c, a| build_date(c, a, false))
        .usage("The date in a text, by a pattern or as a cast reads it.")
        .kernels(&[&PARSE_DATE]),
    FunctionSpec::scalar("try_to_date", GROUP, |c, a| build_date(c, a, true))
        .usage("As to_date, NULL where the text does not fit.")
        .kernels(&[&PARSE_DATE]),
    FunctionSpec::scalar("to_timestamp", GROUP, |c, a| build(c, a, None, false))
        .usage("The timestamp in a text, by a pattern or as a cast reads it.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("to_timestamp_ltz", GROUP, |c, a| build(c, a, Some(DataType::Timestamp), false))
        .usage("The timestamp in a text, by a pattern or as a cast reads it.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("to_timestamp_ntz", GROUP, |c, a| build(c, a, Some(DataType::TimestampNtz), false))
        .usage("The timestamp without time zone in a text, by a pattern or as a cast reads it.")
        .kernels(&[&PARSE, &PARSE_NANOS]),
    FunctionSpec::scalar("try_to_timestamp", GROUP, |c, a| build(c, a, None, true))
        .usage("As to_timestamp, NULL where the text does not fit.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("unix_timestamp", GROUP, build_unix)
        .aliases(&["to_unix_timestamp"])
        .usage("Seconds since 1970 of a date, a timestamp or a text by a pattern.")
        .kernels(&[&PARSE_SECONDS, &CLOCK_SECONDS]),
];

static PARSE: Kernel = Kernel::new("parse_timestamp", |c, a, n| {
    let mut reader = Reader::new(c, a)?;
    primitive_rows::<TimestampMicrosecondType>(c, n, |i| reader.moment(i))
})
.prepared(check);
static PARSE_NANOS: Kernel = Kernel::new("parse_timestamp_nanos", |c, a, n| {
    let mut reader = Reader::new(c, a)?;
    let (precision, ntz) = c.return_type.nanos().unwrap_or((9, false));
    primitive_rows::<TimestampNanosecondType>(c, n, |i| {
        let (micros, below) = not_null!(reader.read(i)?);
        let nanos = truncated(i128::from(micros) * 1000 + i128::from(below), precision);
        stored(nanos, ntz).map(Some).map_err(|e| c.error(e))
    })
})
.prepared(check);
static PARSE_DATE: Kernel = Kernel::new("parse_date", |c, a, n| {
    let mut reader = Reader::new(c, a)?;
    primitive_rows::<Date32Type>(c, n, |i| {
        let moment = not_null!(reader.moment(i)?);
        let local = reader.session.micros_to_local(moment).unwrap_or(moment);
        Ok(Some(local.div_euclid(MICROS_PER_DAY) as i32))
    })
})
.prepared(check);
static PARSE_SECONDS: Kernel = Kernel::new("parse_unix_timestamp", |c, a, n| {
    let mut reader = Reader::new(c, a)?;
    primitive_rows::<Int64Type>(c, n, |i| Ok(Some(not_null!(reader.moment(i)?).div_euclid(1_000_000))))
})
.prepared(check);
static CLOCK_SECONDS: Kernel = Kernel::new("timestamp_unix_timestamp", |c, a, n| {
    let clock = Clock::new(c, a, 0)?;
    // A wall clock counts as if it were in UTC; part of a second is cut off, before 1970 too.
    primitive_rows::<Int64Type>(c, n, |i| Ok(Some(not_null!(clock.stored(i)) / 1_000_000)))
});

/// Parameters of the reading kernels: policy, function to suggest, whether faults are NULL.
fn params(ctx: &FnContext, suggestion: &str, tolerant: bool) -> Vec<String> {
    let policy = ctx.facts.conf.get("spark.sql.legacy.timeParserPolicy").unwrap_or("CORRECTED").to_uppercase();
    vec![policy, suggestion.to_string(), (tolerant || !ctx.ansi()).to_string()]
}

/// A text argument and its pattern; numbers become text first.
fn with_pattern(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<Vec<TypedExpr>> {
    ctx.coerce(args, 2, &[Want::Str, Want::Str])
}

fn cast_only(ctx: &FnContext, args: &[TypedExpr], ty: &DataType, tolerant: bool) -> SparkResult<TypedExpr> {
    let Some(arg) = args.first().cloned() else { return Err(SparkError::internal("no argument")) };
    // What is neither a moment of microseconds nor text becomes text first; numbers are seconds of a TIMESTAMP.
    let seconds = *ty == DataType::Timestamp && arg.data_type.is_numeric();
    let arg = match &arg.data_type {
        t if t.is_datetime() || t.is_string() || *t == DataType::Null || seconds => arg,
        _ => ctx.coerce(vec![arg], 1, &[Want::Str])?.pop().ok_or_else(|| SparkError::internal("no argument"))?,
    };
    let out = if tolerant { explicit_cast(&ctx.facts, arg, ty, CastMode::Try)? } else { cast(&ctx.facts, arg, ty)? };
    let mut out = out.at(ctx.origin.clone());
    out.sql = ctx.sql(args);
    out.name = None;
    Ok(out)
}

fn build_date(ctx: &FnContext, args: Vec<TypedExpr>, tolerant: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let text = args.first().is_some_and(|a| !a.data_type.is_datetime());
    if args.len() == 1 || !text {
        return cast_only(ctx, &same_number(args, &DataType::Timestamp), &DataType::Date, tolerant);
    }
    let args = with_pattern(ctx, args)?;
    let nulls = if tolerant || !ctx.ansi() { Nullability::Always } else { Nullability::Args };
    Ok(ctx.call_with(&PARSE_DATE, args, DataType::Date, nulls, params(ctx, "try_to_date", tolerant)))
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>, ty: Option<DataType>, tolerant: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let ty = ty.unwrap_or_else(|| session_timestamp(ctx));
    let text = args.first().is_some_and(|a| !a.data_type.is_datetime());
    if args.len() == 1 || !text {
        let patterned = args.len() > 1 && (tolerant || !ctx.ansi());
        let mut out = cast_only(ctx, &same_number(args, &ty), &ty, tolerant)?;
        out.nullable |= patterned;
        return Ok(out);
    }
    let number = ty == DataType::Timestamp && args.first().is_some_and(|a| a.data_type.is_numeric());
    let call = ctx.sql(&args);
    let args = with_pattern(ctx, args)?;
    // Spark means to cast a number and forgets the pattern: it fails at itself.
    if number {
        return Err(SparkError::internal(format!("no {call} of a number")).at(ctx.origin.clone()));
    }
    let nulls = if tolerant || !ctx.ansi() { Nullability::Always } else { Nullability::Args };
    Ok(ctx.call_with(&PARSE, args, ty, nulls, params(ctx, "try_to_timestamp", tolerant)))
}

/// Text by a pattern as a timestamp of nanoseconds, which no function gives but sources of text do. NULL where the
/// text does not fit.
pub fn nanos_by_pattern(ctx: &FnContext, args: Vec<TypedExpr>, ty: &DataType) -> SparkResult<TypedExpr> {
    let args = with_pattern(ctx, args)?;
    Ok(ctx.call_with(&PARSE_NANOS, args, ty.clone(), Nullability::Always, params(ctx, "try_to_timestamp", true)))
}

/// Beside a pattern Spark takes the number of an instant for that of a wall clock, and the reverse: no zone
/// comes in.
fn same_number(mut args: Vec<TypedExpr>, ty: &DataType) -> Vec<TypedExpr> {
    let of_micros = |t: &DataType| matches!(t, DataType::Timestamp | DataType::TimestampNtz);
    if let [value, _] = args.as_mut_slice()
        && of_micros(&value.data_type)
        && of_micros(ty)
        && value.data_type != *ty
    {
        value.expr = datafusion::logical_expr::cast(std::mem::take(&mut value.expr), to_arrow(ty));
        value.data_type = ty.clone();
    }
    args
}

fn build_unix(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, if &*ctx.name == "unix_timestamp" { 0..=2 } else { 1..=2 })?;
    if args.is_empty() {
        let mut now = TypedExpr::literal(&Literal::Timestamp(ctx.facts.now))?;
        now.sql = "current_timestamp()".into();
        args.push(now);
    }
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::string(DEFAULT_PATTERN))?);
    }
    let time = moment(args.first(), Want::OneOf(vec![Want::Str, Want::DATE, Want::AnyTimestamp]));
    let args = ctx.expect(args, 2, &[time, Want::Str])?;
    let nulls = if ctx.ansi() { Nullability::Args } else { Nullability::Always };
    match args.first().map(|a| a.data_type.clone()) {
        Some(DataType::String(_)) => {
            Ok(ctx.call_with(&PARSE_SECONDS, args, DataType::Long, nulls, params(ctx, "try_to_timestamp", false)))
        }
        ty => {
            let texts = args.clone();
            let arg = args.into_iter().take(1).map(|a| match ty {
                Some(DataType::Date) => cast(&ctx.facts, a, &DataType::Timestamp),
                _ => Ok(a),
            });
            let out = ctx.call(&CLOCK_SECONDS, arg.collect::<SparkResult<_>>()?, DataType::Long, nulls);
            Ok(renamed(out, &ctx.name, &texts))
        }
    }
}

fn is_local(call: &Call) -> bool {
    base(&call.return_type) == DataType::TimestampNtz
}

fn check(call: &Call, pattern: &str) -> SparkResult<()> {
    Compiled::new(pattern, call).map(|_| ())
}

/// Text and pattern columns, with the pattern compiled as long as it stays the same.
struct Reader<'a> {
    call: &'a Call,
    text: Col<StringArray>,
    pattern: Col<StringArray>,
    session: Zone,
    compiled: Option<Compiled>,
}

impl<'a> Reader<'a> {
    fn new(call: &'a Call, args: &[ColumnarValue]) -> DfResult<Self> {
        Ok(Reader {
            call,
            text: Col::new(args, 0)?,
            pattern: Col::new(args, 1)?,
            session: session_zone(call)?,
            compiled: None,
        })
    }

    /// The moment in a row's text, in the result's own terms.
    fn moment(&mut self, row: usize) -> DfResult<Option<i64>> {
        Ok(self.read(row)?.map(|(micros, _)| micros))
    }

    /// The same with the nanoseconds below it.
    fn read(&mut self, row: usize) -> DfResult<Option<(i64, i64)>> {
        let local = is_local(self.call);
        let (pattern, text) = not_null!(self.pattern.get(row), self.text.get(row));
        if self.compiled.as_ref().is_none_or(|c| c.text != pattern) {
            let compiled = Compiled::new(pattern, self.call).map_err(|e| self.call.error(e))?;
            self.compiled = Some(compiled);
        }
        let Some(Compiled { strict, lenient, .. }) = &self.compiled else { return Ok(None) };
        match strict.read(text) {
            Ok(reading) if local => Ok(Some((reading.local, reading.nanos))),
            Ok(reading) => Ok(reading.moment(&self.session).map(|micros| (micros, reading.nanos))),
            Err(_) if self.call.param(0) == "EXCEPTION" && lenient.as_ref().is_some_and(|l| l.read(text).is_ok()) => {
                let e = SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.PARSE_DATETIME_BY_NEW_PARSER")
                    .param("datetime", format!("'{text}'"))
                    .param("config", quote_sql("spark.sql.legacy.timeParserPolicy"));
                Err(self.call.error(e))
            }
            Err(_) if self.call.param(2) == "true" => Ok(None),
            Err(message) => Err(self.call.error(
                SparkError::new("CANNOT_PARSE_TIMESTAMP")
                    .param("message", message)
                    .param("func", quote_id([self.call.param(1)])),
            )),
        }
    }
}

/// A pattern, and how the legacy reader takes it where the policy asks for that.
struct Compiled {
    text: String,
    strict: Pattern,
    lenient: Option<Pattern>,
}

impl Compiled {
    fn new(text: &str, call: &Call) -> SparkResult<Self> {
        let (policy, local) = (call.param(0), is_local(call));
        let lenient = if policy == "CORRECTED" || local { None } else { Pattern::lenient(text) };
        let strict = match (policy, &lenient) {
            ("LEGACY", Some(lenient)) => lenient.clone(),
            _ => Pattern::new(text, if local { Purpose::ReadLocal } else { Purpose::Read })?,
        };
        Ok(Compiled { text: text.to_string(), strict, lenient })
    }
}
