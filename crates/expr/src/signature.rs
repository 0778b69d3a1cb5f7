//! What types a function takes, and the implicit casts of arguments to them.

use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::cast::cast;
use crate::coercion::implicit_cast_target;
use crate::context::FnContext;
use crate::typed::TypedExpr;

/// The type expected of an argument, as Spark's `AbstractDataType` says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    Any,
    /// Exactly this type, after an implicit cast.
    Type(DataType),
    /// STRING of any collation.
    Str,
    /// STRING of a collation under which strings are searched: any but those that see case but no accents.
    Searched,
    /// STRING of UTF8_BINARY or UTF8_LCASE, which regular expressions know.
    Plain,
    Numeric,
    Integral,
    Fractional,
    Decimal,
    /// TIMESTAMP or TIMESTAMP_NTZ.
    AnyTimestamp,
    /// TIME of any precision.
    AnyTime,
    YearMonthInterval,
    DayTimeInterval,
    /// Any array, any map, any struct.
    AnyArray,
    AnyMap,
    AnyStruct,
    /// ARRAY of what matches.
    ArrayOf(Box<Want>),
    /// The first that fits as it is, else the first that a cast reaches.
    OneOf(Vec<Want>),
}

impl Want {
    pub const INT: Want = Want::Type(DataType::Int);
    pub const LONG: Want = Want::Type(DataType::Long);
    pub const DOUBLE: Want = Want::Type(DataType::Double);
    pub const BOOLEAN: Want = Want::Type(DataType::Boolean);
    pub const BINARY: Want = Want::Type(DataType::Binary);
    pub const DATE: Want = Want::Type(DataType::Date);
    pub const TIMESTAMP: Want = Want::Type(DataType::Timestamp);

    /// The type itself, without a cast, is acceptable.
    pub fn accepts(&self, t: &DataType) -> bool {
        match self {
            Want::Any => true,
            Want::Type(DataType::String(None)) | Want::Str => matches!(t, DataType::String(_)),
            Want::Searched => matches!(t, DataType::String(c) if c.as_deref().is_none_or(is_searched)),
            Want::Plain => matches!(t, DataType::String(c) if matches!(c.as_deref(), None | Some("UTF8_LCASE"))),
            Want::Type(want) => want.same_type(t),
            Want::Numeric => t.is_numeric(),
            Want::Integral => t.is_integral(),
            Want::Fractional => t.is_fractional(),
            Want::Decimal => matches!(t, DataType::Decimal(..)),
            Want::AnyTimestamp => matches!(t, DataType::Timestamp | DataType::TimestampNtz),
            Want::AnyTime => matches!(t, DataType::Time(_)),
            Want::YearMonthInterval => matches!(t, DataType::YearMonthInterval(..)),
            Want::DayTimeInterval => matches!(t, DataType::DayTimeInterval(..)),
            Want::AnyArray => matches!(t, DataType::Array(..)),
            Want::AnyMap => matches!(t, DataType::Map(..)),
            Want::AnyStruct => matches!(t, DataType::Struct(_)),
            Want::ArrayOf(w) => matches!(t, DataType::Array(e, _) if w.accepts(e)),
            Want::OneOf(all) => all.iter().any(|w| w.accepts(t)),
        }
    }

    /// How Spark prints the expectation in an error.
    pub fn describe(&self) -> String {
        match self {
            Want::Any => "\"ANY\"".into(),
            Want::Type(t) => vonk_common::error::quote_sql(t.sql()),
            Want::Str | Want::Searched | Want::Plain => "\"STRING\"".into(),
            Want::Numeric => "\"NUMERIC\"".into(),
            Want::Integral => "\"INTEGRAL\"".into(),
            Want::Fractional => "\"FRACTIONAL\"".into(),
            Want::Decimal => "\"DECIMAL\"".into(),
            Want::AnyTimestamp => "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"".into(),
            Want::AnyTime => "\"TIME\"".into(),
            Want::YearMonthInterval => "\"INTERVAL YEAR TO MONTH\"".into(),
            Want::DayTimeInterval => "\"INTERVAL DAY TO SECOND\"".into(),
            Want::AnyArray => "\"ARRAY\"".into(),
            Want::AnyMap => "\"MAP\"".into(),
            Want::AnyStruct => "\"STRUCT\"".into(),
            Want::ArrayOf(w) => format!("\"ARRAY<{}>\"", w.describe().trim_matches('"')),
            Want::OneOf(all) => {
                let parts: Vec<_> = all.iter().map(Want::describe).collect();
                format!("({})", parts.join(" or "))
            }
        }
    }
}

fn is_searched(collation: &str) -> bool {
    let p = vonk_plan::types::collation::parts(collation);
    p.case_insensitive || !p.accent_insensitive
}

/// Casts each argument to what is wanted of it. Arguments and wants go in pairs.
pub fn coerce(ctx: &FnContext, args: Vec<TypedExpr>, wants: &[Want]) -> SparkResult<Vec<TypedExpr>> {
    let mut targets = Vec::with_capacity(args.len());
    for (i, (arg, want)) in args.iter().zip(wants).enumerate() {
        if want.accepts(&arg.data_type) {
            targets.push(None);
            continue;
        }
        match implicit_cast_target(&arg.data_type, want, ctx.ansi()) {
            Some(to) => targets.push(Some(to)),
            None => return Err(ctx.unexpected_type(&args, i, &want.describe())),
        }
    }
    let cast_to = |(arg, to): (TypedExpr, Option<DataType>)| match to {
        Some(to) => cast(&ctx.facts, arg, &to),
        None => Ok(arg),
    };
    args.into_iter().zip(targets).map(cast_to).collect()
}

/// `first`, `second`, …: how Spark numbers parameters in messages.
pub fn ordinal(n: usize) -> String {
    const NAMES: [&str; 11] =
        ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    NAMES.get(n).map(|s| s.to_string()).unwrap_or_else(|| format!("{n}th"))
}
