//! `CAST`: explicit, implicit, ANSI, legacy and `TRY_CAST`.
//!
//! [`explicit_cast`] checks the pair of types, finds the result's nullability and makes the
//! expression: DataFusion's own cast where it means the same as Spark's (widening numbers), else a
//! call of the one kernel `cast`, whose [`convert`] goes by the target type. [`Caster`] and
//! [`convert`] also serve readers of text files, JSON and partition values.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::arrow_types::to_arrow;
use crate::collation::Strength;
use crate::context::QueryFacts;
use crate::extract::STRUCT_FIELD;
use crate::kernel::{Call, Kernel, KernelUdf, array_arg};
use crate::sql_text::SqlText;
use crate::typed::TypedExpr;

mod error;
mod map;
pub mod parse;
mod rules;
pub mod text;
mod to_binary;
mod to_boolean;
mod to_datetime;
mod to_decimal;
mod to_fractional;
mod to_integral;
mod to_interval;
mod to_nanos;
mod to_nested;
mod to_string;
pub mod variant;
pub mod zone;

pub use rules::{can_cast, can_null};
use zone::Zone;

/// What a cast does with a value it cannot convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// An error.
    Ansi,
    /// NULL for malformed text, wrap-around for numbers.
    Legacy,
    /// NULL.
    Try,
}

/// What casts need at run time.
pub struct Caster<'a> {
    pub mode: Mode,
    pub zone: &'a Zone,
    pub origin: Option<&'a Arc<Origin>>,
}

/// An implicit cast: in the session's mode, invisible in names.
pub fn cast(facts: &QueryFacts, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    implicit_cast(facts, value, to, CastMode::Session)
}

/// A cast in a given mode that is invisible in names.
pub fn implicit_cast(facts: &QueryFacts, value: TypedExpr, to: &DataType, mode: CastMode) -> SparkResult<TypedExpr> {
    if value.data_type == *to {
        return Ok(value);
    }
    let (sql, name, below_cast, strength) = (value.sql.clone(), value.name.clone(), value.below_cast, value.strength);
    let mut out = explicit_cast(facts, value, to, mode)?;
    out.strength = strength;
    out.sql = sql;
    out.name = name;
    out.below_cast = below_cast;
    Ok(out)
}

/// A cast the user wrote: its text is `CAST(x AS INT)`. Casting a column (not an expression, nor a field of
/// one) keeps the column's name; casts to arrays, maps and structs do not show in the text.
pub fn explicit_cast(
    facts: &QueryFacts,
    mut value: TypedExpr,
    to: &DataType,
    mode: CastMode,
) -> SparkResult<TypedExpr> {
    let to = &to.without_limits();
    to.check_collations().map_err(|e| e.at(value.origin.clone()))?;
    let session = if facts.conf.ansi() { Mode::Ansi } else { Mode::Legacy };
    let run = match mode {
        CastMode::Session => session,
        CastMode::Ansi => Mode::Ansi,
        CastMode::Legacy => Mode::Legacy,
        CastMode::Try => Mode::Try,
    };
    let from = value.data_type.clone();
    let name = value.name.clone().filter(|_| !value.below_cast && !is_cast(&value.expr) && !is_field(&value.expr));
    let from_string = from.has_string();
    let word = if run == Mode::Try { "TRY_CAST(" } else { "CAST(" };
    let sql = match to {
        DataType::Array(..) | DataType::Map(..) | DataType::Struct(_) => value.sql.clone(),
        _ => SqlText::wrap(word, value.sql.clone(), &format!(" AS {})", to.sql())),
    };
    rules::check(&from, to, run, &sql).map_err(|e| e.at(value.origin.clone()))?;
    let nullable = rules::nullable(value.nullable, &from, to, run);
    let same =
        to_arrow(&from) == to_arrow(to) && (same_but_collation(&from, to) || (from.is_string() && to.is_string()));
    let expr = if let Some(special) = special_datetime(facts, &value, to)? {
        special
    } else if same {
        std::mem::take(&mut value.expr)
    } else if is_widening(&from, to) {
        datafusion::logical_expr::cast(std::mem::take(&mut value.expr), to_arrow(to))
    } else {
        let call = Call {
            kernel: &CAST,
            arg_types: Arc::from([from]),
            return_type: to.clone(),
            ansi: run == Mode::Ansi,
            time_zone: facts.conf.time_zone().into(),
            params: if run == Mode::Try { Arc::from(["try".to_string()]) } else { Arc::from([]) },
            origin: value.origin.clone(),
        };
        KernelUdf::call(call, vec![std::mem::take(&mut value.expr)])
    };
    let mut out = TypedExpr::new(expr, to.clone(), nullable, sql);
    out.foldable = value.foldable;
    out.strength = match to.is_collated() {
        true => value.strength.max(Strength::Implicit),
        false if from_string => value.strength.min(Strength::Implicit),
        false => Strength::Default,
    };
    out.deterministic = value.deterministic;
    out.metadata = value.metadata.filter(|_| same);
    out.below_cast = name.is_some();
    out.name = name;
    out.origin = value.origin;
    Ok(out)
}

/// `CAST('today' AS DATE)` and its like: constant words that stand for moments.
fn special_datetime(facts: &QueryFacts, value: &TypedExpr, to: &DataType) -> SparkResult<Option<Expr>> {
    use datafusion::common::ScalarValue;
    let text = match value.as_literal() {
        Some(ScalarValue::Utf8(Some(text))) if to.is_datetime() => text,
        _ => return Ok(None),
    };
    if !text.chars().any(|ch| ch.is_ascii_alphabetic()) {
        return Ok(None);
    }
    let zone = Zone::named(facts.conf.time_zone())?;
    let Some(micros) = parse::datetime::special(text, facts.now, &zone) else { return Ok(None) };
    let epoch = micros == 0 && !text.trim().to_ascii_lowercase().starts_with('t');
    let local = if epoch { 0 } else { zone.micros_to_local(micros).unwrap_or(micros) };
    let scalar = match to {
        DataType::Date => ScalarValue::Date32(Some(local.div_euclid(text::datetime::MICROS_PER_DAY) as i32)),
        DataType::Timestamp => ScalarValue::TimestampMicrosecond(Some(micros), Some(crate::arrow_types::UTC.into())),
        _ => ScalarValue::TimestampMicrosecond(Some(local), None),
    };
    Ok(Some(Expr::Literal(scalar, None)))
}

/// The same values under other collations, at the most.
fn same_but_collation(from: &DataType, to: &DataType) -> bool {
    let plain = |t: &DataType| t.map_strings(&mut |_| DataType::STRING);
    from.same_type(to) || ((from.is_collated() || to.is_collated()) && plain(from).same_type(&plain(to)))
}

fn is_cast(expr: &Expr) -> bool {
    match expr {
        Expr::Cast(_) | Expr::TryCast(_) => true,
        Expr::ScalarFunction(f) => f.func.name() == CAST.name,
        _ => false,
    }
}

/// A field of a struct, whose name does not show through a cast.
pub fn is_field(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(f) if f.func.name() == STRUCT_FIELD.name)
}

/// Casts that DataFusion does as Spark does, without any value failing: its optimizer sees through
/// them (pruning, statistics).
fn is_widening(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Null, _) => !matches!(to, T::Variant | T::Udt(_)),
        (T::Decimal(..), T::Decimal(..)) => !can_null(from, to),
        (f, T::Decimal(..)) if f.is_integral() => !can_null(from, to),
        (
            T::Byte | T::Short | T::Int | T::Long | T::Float,
            T::Byte | T::Short | T::Int | T::Long | T::Float | T::Double,
        ) => crate::coercion::can_up_cast(from, to),
        _ => false,
    }
}

/// The kernel of all casts.
pub static CAST: Kernel = Kernel::new("cast", eval).ansi_only();

/// The kernels that casts use.
pub const KERNELS: &[&Kernel] = &[&CAST];

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let zone = Zone::named(&call.time_zone).map_err(crate::exec_err)?;
    let mode = match (call.ansi, call.param(0)) {
        (_, "try") => Mode::Try,
        (true, _) => Mode::Ansi,
        (false, _) => Mode::Legacy,
    };
    let caster = Caster { mode, zone: &zone, origin: call.origin.as_ref() };
    let from = call.arg_types.first().unwrap_or(&DataType::Null);
    Ok(ColumnarValue::Array(convert(&caster, &array, from, &call.return_type)?))
}

/// Casts an array of type `from` (in Arrow `to_arrow(from)`) to `to`.
pub fn convert(c: &Caster, array: &ArrayRef, from: &DataType, to: &DataType) -> DfResult<ArrayRef> {
    use DataType as T;
    let (from, to) = (from.storage(), to.storage());
    if from.same_type(to) {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (T::Null, _) => Ok(datafusion::arrow::array::new_null_array(&to_arrow(to), array.len())),
        (T::Variant, _) => variant::from_variant(c, array, to),
        (_, T::Variant) => variant::to_variant(c, array, from),
        (_, T::String(_) | T::Char(_) | T::VarChar(_)) => to_string::convert(c, array, from),
        (_, T::Boolean) => to_boolean::convert(c, array, from),
        (_, T::Byte | T::Short | T::Int | T::Long) => to_integral::convert(c, array, from, to),
        (_, T::Float | T::Double) => to_fractional::convert(c, array, from, to),
        (_, T::Decimal(p, s)) => to_decimal::convert(c, array, from, *p, *s),
        (_, T::Binary) => to_binary::convert(array, from),
        (
            _,
            T::Date | T::Timestamp | T::TimestampNtz | T::TimestampLtzNanos(_) | T::TimestampNtzNanos(_) | T::Time(_),
        ) => to_datetime::convert(c, array, from, to),
        (_, T::CalendarInterval | T::YearMonthInterval(..) | T::DayTimeInterval(..)) => {
            to_interval::convert(c, array, from, to)
        }
        (T::Array(..) | T::Map(..) | T::Struct(_), _) => to_nested::convert(c, array, from, to),
        (from, to) => Err(no_kernel(from, to)),
    }
}

/// The rules let a cast through that no kernel does: our fault.
fn no_kernel(from: &DataType, to: &DataType) -> datafusion::common::DataFusionError {
    crate::exec_err(SparkError::internal(format!("no cast from {from} to {to}")))
}
