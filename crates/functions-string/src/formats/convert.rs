//! Text to typed columns, as CSV and JSON sources read them. What cannot be read is NULL.
//!
//! Numbers and booleans have rules of their own here (Java's parsers); dates, times and intervals go
//! through the engine's casts, or through `to_date` and `to_timestamp` when a pattern is given.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, StringArray,
};
use arrow::datatypes::{DataType as Arrow, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::explicit_cast;
use vonk_expr::context::QueryFacts;
use vonk_expr::{Body, FnContext, TypedExpr, spark_error};
use vonk_functions_datetime::parse::nanos_by_pattern;
use vonk_plan::expr::CastMode;
use vonk_plan::relation::Options;
use vonk_plan::types::DataType;

use super::options::text;
use super::variant;

/// Reads one type out of text.
#[derive(Clone)]
pub struct Converter {
    to: DataType,
    /// Reads variants.
    variants: Option<Arc<variant::Fields>>,
    /// Computes the column `v`; for types that have no rule here.
    expr: Option<Arc<dyn PhysicalExpr>>,
    notation: Notation,
    nan: String,
    positive: String,
    negative: String,
}

impl Converter {
    pub fn new(to: &DataType, options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let named = |key: &str, default: &str| text(options, key).unwrap_or(default).to_string();
        let native = matches!(
            to,
            DataType::String(_)
                | DataType::Char(_)
                | DataType::VarChar(_)
                | DataType::Binary
                | DataType::Boolean
                | DataType::Byte
                | DataType::Short
                | DataType::Int
                | DataType::Long
                | DataType::Float
                | DataType::Double
                | DataType::Decimal(..)
                | DataType::Variant
        );
        Ok(Converter {
            to: to.clone(),
            variants: match to {
                DataType::Variant => Some(Arc::new(variant::Fields::new(options, conf)?)),
                _ => None,
            },
            expr: if native { None } else { Some(expression(to, options, conf)?) },
            notation: Notation::of(options),
            nan: named("nanvalue", "NaN"),
            positive: named("positiveinf", "Inf"),
            negative: named("negativeinf", "-Inf"),
        })
    }

    /// The typed column: NULL where the text is NULL or cannot be read.
    pub fn convert(&self, v: &StringArray) -> Result<ArrayRef> {
        Ok(match &self.to {
            DataType::Binary => Arc::new(v.iter().map(|s| s.map(str::as_bytes)).collect::<BinaryArray>()),
            DataType::Boolean => Arc::new(v.iter().map(|s| boolean(s?)).collect::<BooleanArray>()),
            DataType::Byte => Arc::new(v.iter().map(|s| integer(s?)).collect::<Int8Array>()),
            DataType::Short => Arc::new(v.iter().map(|s| integer(s?)).collect::<Int16Array>()),
            DataType::Int => Arc::new(v.iter().map(|s| integer(s?)).collect::<Int32Array>()),
            DataType::Long => Arc::new(v.iter().map(|s| integer(s?)).collect::<Int64Array>()),
            DataType::Float => Arc::new(v.iter().map(|s| self.double(s?).map(|d| d as f32)).collect::<Float32Array>()),
            DataType::Double => Arc::new(v.iter().map(|s| self.double(s?)).collect::<Float64Array>()),
            DataType::Decimal(p, s) => {
                let values = v.iter().map(|text| self.notation.decimal(text?)?.rescaled(*p, *s));
                Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(*p, *s)?)
            }
            _ => match (&self.expr, &self.variants) {
                (Some(expr), _) => evaluate(expr, v)?,
                (None, Some(variants)) => variants.column(v.iter())?,
                (None, None) => Arc::new(v.clone()),
            },
        })
    }

    /// One text as the number that Arrow has for it: of types that are whole numbers inside, as dates are.
    pub fn one(&self, s: &str) -> Result<Option<i64>> {
        let column = self.convert(&StringArray::from(vec![s]))?;
        let column = match column.data_type() {
            Arrow::Date32 => arrow::compute::cast(&column, &Arrow::Int32)?,
            _ => column,
        };
        let numbers = arrow::compute::cast(&column, &Arrow::Int64)?;
        let numbers = numbers.as_any().downcast_ref::<Int64Array>();
        Ok(numbers.filter(|n| n.is_valid(0)).map(|n| n.value(0)))
    }

    pub fn double(&self, s: &str) -> Option<f64> {
        match s {
            _ if s == self.nan => Some(f64::NAN),
            _ if s == self.positive => Some(f64::INFINITY),
            _ if s == self.negative => Some(f64::NEG_INFINITY),
            _ => double(s),
        }
    }
}

fn evaluate(expr: &Arc<dyn PhysicalExpr>, v: &StringArray) -> Result<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![Field::new("v", Arrow::Utf8, true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(v.clone())])?;
    expr.evaluate(&batch)?.into_array(v.len())
}

/// The expression that reads `to` out of the string column `v`.
fn expression(to: &DataType, options: &Options, conf: &SessionConf) -> SparkResult<Arc<dyn PhysicalExpr>> {
    let mut lenient = conf.clone();
    lenient.force("spark.sql.ansi.enabled", "false");
    let zone = text(options, "timezone").map(str::to_string);
    if let Some(zone) = zone {
        lenient.force("spark.sql.session.timeZone", zone);
    }
    let facts = Arc::new(QueryFacts {
        conf: Arc::new(lenient),
        now: chrono::Utc::now().timestamp_micros(),
        user: "".into(),
        current_catalog: "spark_catalog".into(),
        current_database: "default".into(),
        version: "4.3.0",
    });
    let column = TypedExpr::new(Expr::Column(Column::new_unqualified("v")), DataType::STRING, true, "v");
    let (function, option) = match to {
        DataType::Date => ("to_date", "dateformat"),
        DataType::Timestamp => ("to_timestamp_ltz", "timestampformat"),
        DataType::TimestampNtz => ("to_timestamp_ntz", "timestampntzformat"),
        DataType::TimestampLtzNanos(_) => ("", "timestampformat"),
        DataType::TimestampNtzNanos(_) => ("", "timestampntzformat"),
        _ => ("", ""),
    };
    let pattern = |text: &str| TypedExpr::literal(&vonk_plan::Literal::String(text.into()));
    let typed = match text(options, option).map(|pattern| (pattern, reading(function))) {
        Some((text, _)) if to.is_nanos() => {
            let context = FnContext { facts, name: "to_timestamp".into(), origin: None };
            nanos_by_pattern(&context, vec![column, pattern(text)?], to)?
        }
        Some((text, Some(spec))) => {
            let context = FnContext { facts, name: function.into(), origin: None };
            match spec.body {
                Body::Scalar(build) => build(&context, vec![column, pattern(text)?])?,
                _ => return Err(SparkError::internal(format!("{function} is no scalar function"))),
            }
        }
        _ => explicit_cast(&facts, column, to, CastMode::Try)?,
    };
    let schema = Schema::new(vec![Field::new("v", Arrow::Utf8, true)]);
    let build = || {
        let schema = DFSchema::try_from(schema)?;
        create_physical_expr(&typed.expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
    };
    build().map_err(spark_error)
}

/// The function that reads by a pattern.
fn reading(name: &str) -> Option<&'static vonk_expr::FunctionSpec> {
    vonk_functions_datetime::specs().into_iter().find(|f| f.name == name)
}

/// `true` or `false` in any case.
pub fn boolean(s: &str) -> Option<bool> {
    match s {
        _ if s.eq_ignore_ascii_case("true") => Some(true),
        _ if s.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number without blanks; a sign is fine.
pub fn integer<T: std::str::FromStr>(s: &str) -> Option<T> {
    s.parse().ok()
}

/// As Java's `Double.parseDouble`: blanks around, a `d` or `f` at the end, `NaN`, `Infinity`.
pub fn double(s: &str) -> Option<f64> {
    let s = s.trim_matches(|c: char| c <= ' ');
    let unsigned = s.strip_prefix(['+', '-']).unwrap_or(s);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" if s.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    s.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(s).parse().ok()
}

/// How the language of the `locale` option writes decimals: Java's, of which the languages that write a comma
/// before the fraction are known here.
#[derive(Debug, Clone, Copy)]
pub struct Notation {
    /// What stands between thousands, and before the fraction; none in the default, en-US.
    separators: Option<(char, char)>,
}

impl Notation {
    pub fn of(options: &Options) -> Self {
        let language = text(options, "locale").and_then(|l| l.split(['-', '_']).next()).map(str::to_ascii_lowercase);
        let separators = match language.as_deref() {
            Some("de" | "es" | "it" | "nl" | "pt" | "id" | "tr" | "da" | "el" | "ro" | "hr" | "sl" | "sr" | "vi") => {
                Some(('.', ','))
            }
            Some("fr") => Some(('\u{202f}', ',')),
            Some("ru" | "uk" | "pl" | "cs" | "sk" | "sv" | "nb" | "no" | "fi" | "hu" | "bg" | "et" | "lt" | "lv") => {
                Some(('\u{a0}', ','))
            }
            _ => None,
        };
        Notation { separators }
    }

    /// Reads a decimal number of up to 38 digits, what stands between thousands left out.
    pub fn decimal(self, s: &str) -> Option<Written> {
        let Some((group, point)) = self.separators else { return decimal(s) };
        let (whole, fraction) = s.split_once(point).map_or((s, None), |(w, f)| (w, Some(f)));
        let whole: String = whole.chars().filter(|c| *c != group).collect();
        if whole.contains([',', '.']) || fraction.is_some_and(|f| f.contains([',', '.', group])) {
            return None;
        }
        match fraction {
            Some(fraction) => decimal(&format!("{whole}.{fraction}")),
            None => decimal(&whole),
        }
    }

    /// The same for inference, where en-US allows nothing between thousands.
    pub fn inferred(self, s: &str) -> Option<Written> {
        if self.separators.is_none() && s.contains(',') { None } else { self.decimal(s) }
    }
}

/// A decimal number as written: `unscaled * 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub unscaled: i128,
    pub scale: i32,
}

/// Reads a decimal number of up to 38 digits, commas left out.
pub fn decimal(s: &str) -> Option<Written> {
    let (mantissa, exponent) = match s.find(['e', 'E']) {
        Some(at) => (&s[..at], s[at + 1..].parse::<i32>().ok()?),
        None => (s, 0),
    };
    let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (mut unscaled, mut scale, mut any, mut point) = (0_i128, 0_i32, false, false);
    for c in digits.bytes() {
        match c {
            b'0'..=b'9' => {
                unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(c - b'0'))?;
                scale += i32::from(point);
                any = true;
            }
            b'.' if !point => point = true,
            b',' if !point => {}
            _ => return None,
        }
    }
    let unscaled = if mantissa.starts_with('-') { -unscaled } else { unscaled };
    any.then_some(Written { unscaled, scale: scale.checked_sub(exponent)? })
}

impl Written {
    /// Number of decimal digits.
    pub fn precision(self) -> u32 {
        self.unscaled.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1)
    }

    /// The unscaled value at another scale, rounded half up; none when it has too many digits.
    pub fn rescaled(self, precision: u8, scale: i8) -> Option<i128> {
        let shift = i32::from(scale).checked_sub(self.scale)?;
        let power = |n: i32| u32::try_from(n).ok().and_then(|n| 10_i128.checked_pow(n));
        let value = if shift >= 0 {
            if self.unscaled == 0 { 0 } else { self.unscaled.checked_mul(power(shift)?)? }
        } else {
            match power(-shift) {
                None => 0,
                Some(by) => {
                    let (whole, rest) = (self.unscaled / by, self.unscaled % by);
                    if rest.abs() >= by - rest.abs() { whole + self.unscaled.signum() } else { whole }
                }
            }
        };
        (value.unsigned_abs() < 10_u128.checked_pow(u32::from(precision))?).then_some(value)
    }
}

/// The Arrow type of what a converter gives.
pub fn arrow_type(to: &DataType) -> Arrow {
    to_arrow(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_java_reads_them() {
        assert_eq!(double(" 1.5d "), Some(1.5));
        assert_eq!(double("inf"), None);
        assert_eq!(double("0x10"), None);
        assert_eq!(integer::<i32>(" 1"), None);
        assert_eq!(decimal("1.255").and_then(|d| d.rescaled(5, 2)), Some(126));
        assert_eq!(decimal("1e2").and_then(|d| d.rescaled(5, 2)), Some(10_000));
        assert_eq!(decimal("x"), None);
    }

    #[test]
    fn decimals_are_read_as_the_language_writes_them() {
        let read = |locale: &str, s: &str| {
            let options = [("locale".to_string(), locale.to_string())].into_iter().collect();
            Notation::of(&options).decimal(s).and_then(|d| d.rescaled(8, 2))
        };
        assert_eq!(read("en-US", "1,234.5"), Some(123_450));
        assert_eq!(read("de", "1.234,5"), Some(123_450));
        assert_eq!(read("de-DE", "1.0"), Some(1_000));
        assert_eq!(read("fr", "1\u{202f}234,5"), Some(123_450));
        assert_eq!(read("de", "1,2,3"), None);
    }
}
