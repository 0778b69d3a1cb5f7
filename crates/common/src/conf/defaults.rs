//! What is known of Spark's configuration keys: default values, which keys a session may set, and
//! to which values. The facts are in `table`, the checks here.

use crate::error::quote_sql;
use crate::{SparkError, SparkResult};

mod table;

pub(super) use table::DEFAULTS;

/// What a key may be set to. Ranges include both ends.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Anything.
    Text,
    Bool,
    Int(i32, i32),
    Long(i64, i64),
    Double(f64, f64),
    /// A size such as `64MB`; a bare number counts in the unit given, so does the range.
    Bytes(Unit, i64, i64),
    /// A duration such as `5min`; a bare number counts in the unit given, so does the range.
    Time(Unit, i64, i64),
    /// One of the words listed, in any case.
    OneOf(&'static str),
    /// One of the words listed, in this case.
    OneOfExactly(&'static str),
    /// As `OneOf`, but a wrong word is reported as a broken requirement, not as a wrong option.
    Words(&'static str),
    TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    MiB,
    Millisecond,
    Second,
    Minute,
}

impl Unit {
    /// The unit's size in bytes or microseconds, and its name in messages.
    fn scale(self) -> (i128, &'static str) {
        match self {
            Unit::Byte => (1, "bytes in BYTE"),
            Unit::MiB => (1 << 20, "bytes in MiB"),
            Unit::Millisecond => (1_000, "time in MILLISECONDS"),
            Unit::Second => (1_000_000, "time in SECONDS"),
            Unit::Minute => (60_000_000, "time in MINUTES"),
        }
    }
}

fn kind_of(key: &str) -> Option<Kind> {
    let at = table::KINDS.binary_search_by(|(k, _)| (*k).cmp(key)).ok()?;
    table::KINDS.get(at).map(|(_, kind)| *kind)
}

/// Whether a session may set `key`: no for static keys, and no for keys Spark does not know.
pub(super) fn is_modifiable(key: &str) -> bool {
    kind_of(key).is_some()
}

/// Whether `key` may be set to `value`. Keys nobody knows take anything.
pub(super) fn check(key: &str, value: &str) -> SparkResult<()> {
    check_not_fixed(key)?;
    if let Some((_, version, last, advice)) = table::REMOVED.iter().find(|(k, ..)| *k == key)
        && value != *last
    {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1226")
            .param("configName", key)
            .param("version", version)
            .param("comment", advice));
    }
    check_type(key, value)
}

/// Whether `value` is of the type of `key`.
pub(super) fn check_type(key: &str, value: &str) -> SparkResult<()> {
    match kind_of(key) {
        Some(kind) => check_kind(kind, key, value),
        None => Ok(()),
    }
}

/// The interpreter of Python functions: of Spark's own keys the one that a session may choose here.
const SESSION_PYTHON: &str = "spark.pyspark.python";

/// Refuses the keys that are fixed when the server starts, be it for setting or unsetting.
pub(super) fn check_not_fixed(key: &str) -> SparkResult<()> {
    if table::STATIC.binary_search(&key).is_ok() {
        return Err(SparkError::new("CANNOT_MODIFY_STATIC_CONFIG").param("key", quote_sql(key)));
    }
    if key != SESSION_PYTHON && table::CORE.binary_search(&key).is_ok() {
        return Err(SparkError::new("CANNOT_MODIFY_CONFIG")
            .param("key", quote_sql(key))
            .param("docroot", crate::error::DOCROOT));
    }
    Ok(())
}

fn check_kind(kind: Kind, key: &str, value: &str) -> SparkResult<()> {
    let error = |class: &'static str| SparkError::new(class).param("confValue", value).param("confName", key);
    let wrong_type = |name: &str| error("INVALID_CONF_VALUE.TYPE_MISMATCH").param("confType", name);
    let broken = |rule: String| error("INVALID_CONF_VALUE.REQUIREMENT").param("confRequirement", rule);
    let whole = |n: Option<i128>, low: i64, high: i64, name: &str, unit: &str| match n {
        None => Err(wrong_type(name)),
        Some(n) if n < low.into() => Err(broken(format!("The least it may be is {low}{unit}."))),
        Some(n) if n > high.into() => Err(broken(format!("The most it may be is {high}{unit}."))),
        Some(_) => Ok(()),
    };
    let text = value.trim();
    match kind {
        Kind::Text => Ok(()),
        Kind::Bool if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => Ok(()),
        Kind::Bool => Err(wrong_type("boolean")),
        Kind::Int(low, high) => whole(text.parse::<i32>().ok().map(i128::from), low.into(), high.into(), "int", ""),
        Kind::Long(low, high) => whole(text.parse::<i64>().ok().map(i128::from), low, high, "long", ""),
        Kind::Double(low, high) => match parse_double(text) {
            None => Err(wrong_type("double")),
            Some(x) if low <= x && x <= high => Ok(()),
            Some(_) => Err(broken(double_rule(low, high))),
        },
        Kind::Bytes(unit, low, high) => whole(parse_amount(text, unit, BYTES), low, high, unit.scale().1, " bytes"),
        Kind::Time(unit, low, high) => {
            let suffix = if unit == Unit::Millisecond { "ms" } else { "s" };
            whole(parse_amount(text, unit, TIMES), low, high, unit.scale().1, suffix)
        }
        Kind::OneOf(options) if options.split(", ").any(|o| o.eq_ignore_ascii_case(text)) => Ok(()),
        Kind::OneOfExactly(options) if options.split(", ").any(|o| o == value) => Ok(()),
        Kind::OneOf(options) | Kind::OneOfExactly(options) => {
            Err(error("INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS").param("confOptions", options))
        }
        Kind::Words(options) if options.split(", ").any(|o| o.eq_ignore_ascii_case(text)) => Ok(()),
        Kind::Words(options) => Err(broken(format!("Choose among: {options}."))),
        Kind::TimeZone if is_time_zone(value) => Ok(()),
        Kind::TimeZone => Err(error("INVALID_CONF_VALUE.TIME_ZONE")),
    }
}

fn double_rule(low: f64, high: f64) -> String {
    let strict = low == f64::MIN_POSITIVE;
    match (low > f64::NEG_INFINITY, high < f64::INFINITY) {
        (true, false) if strict => "Only numbers above zero will do.".into(),
        (true, false) => format!("The least it may be is {low}."),
        (true, true) if strict => "Only numbers above 0 and below 1 will do.".into(),
        (true, true) => format!("Only numbers from {low} to {high} will do."),
        (false, _) => format!("Only numbers below {} will do.", high.ceil()),
    }
}

/// As Java reads a double: a type letter may follow, infinity and not-a-number have one spelling.
fn parse_double(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() <= unsigned.len() + 1 && matches!(unsigned, "NaN" | "Infinity") {
        return text.parse().ok();
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let spelled = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if spelled { digits.parse().ok() } else { None }
}

const BYTES: &[(&str, i128)] = &[
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
    ("p", 1 << 50),
    ("pb", 1 << 50),
    ("pib", 1 << 50),
];

const TIMES: &[(&str, i128)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// A whole number with an optional unit, converted to `unit`; none if it has another form or would
/// not fit 64 bits.
fn parse_amount(text: &str, unit: Unit, suffixes: &[(&str, i128)]) -> Option<i128> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    let base = unit.scale().0;
    let each = match suffix {
        "" => base,
        s => suffixes.iter().find(|(name, _)| name.eq_ignore_ascii_case(s))?.1,
    };
    let amount = i128::from(number).checked_mul(each)?;
    // Spark computes in 64-bit steps of the finer unit; sizes that overflow there are refused.
    if suffix.is_empty() || amount / base <= i64::MAX.into() { Some(sign * (amount / base)) } else { None }
}

/// A region or old short name of Java's, or an offset of at most 18 hours, alone or after `UTC`,
/// `GMT` or `UT`.
fn is_time_zone(name: &str) -> bool {
    if matches!(name, "Z" | "UT") || table::ZONES.split(' ').any(|z| z == name) {
        return true;
    }
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(name);
    is_offset(offset)
}

/// `+h`, `+hh`, `+hhmm`, `+hhmmss`, `+h:m`, `+hh:mm` and `+hh:mm:ss`, with either sign.
fn is_offset(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['+', '-']) else { return false };
    let parts: Vec<&str> = if rest.contains(':') {
        rest.split(':').collect()
    } else {
        match (rest.len(), rest.is_ascii()) {
            (1 | 2, true) => vec![rest],
            (4 | 6, true) => (0..rest.len()).step_by(2).filter_map(|i| rest.get(i..i + 2)).collect(),
            _ => return false,
        }
    };
    let mut seconds = 0;
    for (i, part) in parts.iter().enumerate() {
        // A lone digit is fine for hours, and for minutes when they end the offset.
        let short = i == 0 || (i == 1 && parts.len() == 2);
        let sized = part.len() == 2 || (part.len() == 1 && short);
        let Some(n) = part.parse::<u32>().ok().filter(|_| sized && part.bytes().all(|b| b.is_ascii_digit())) else {
            return false;
        };
        if i > 0 && n > 59 {
            return false;
        }
        seconds = seconds * 60 + n;
    }
    let in_hours = [seconds * 3600, seconds * 60, seconds];
    parts.len().checked_sub(1).and_then(|i| in_hours.get(i)).is_some_and(|s| *s <= 18 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(key: &str, value: &str) -> String {
        match check(key, value) {
            Ok(()) => "ok".into(),
            Err(e) => {
                let names: Vec<_> = e.params().iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("{} {}", e.class(), names.join(" "))
            }
        }
    }

    #[test]
    fn tables_are_sorted_so_that_binary_search_works() {
        assert!(table::DEFAULTS.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(table::KINDS.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(table::STATIC.windows(2).all(|w| w[0] < w[1]));
        assert!(table::CORE.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for (key, value) in table::DEFAULTS {
            if let Some(kind) = kind_of(key) {
                assert!(check_kind(kind, key, value).is_ok(), "{key}={value}: {kind:?}");
            }
        }
    }

    #[test]
    fn refusals_have_the_class_and_parameters_of_spark() {
        for (key, value, expected) in [
            ("spark.sql.warehouse.dir", "/x", "CANNOT_MODIFY_STATIC_CONFIG key=\"spark.sql.warehouse.dir\""),
            (
                "spark.executor.memory",
                "1g",
                "CANNOT_MODIFY_CONFIG key=\"spark.executor.memory\" docroot=https://spark.apache.org/docs/latest",
            ),
            (
                "spark.sql.shuffle.partitions",
                "abc",
                "INVALID_CONF_VALUE.TYPE_MISMATCH confValue=abc confName=spark.sql.shuffle.partitions confType=int",
            ),
            (
                "spark.sql.ansi.enabled",
                "maybe",
                "INVALID_CONF_VALUE.TYPE_MISMATCH confValue=maybe confName=spark.sql.ansi.enabled confType=boolean",
            ),
            (
                "spark.sql.storeAssignmentPolicy",
                "x",
                "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS confValue=x confName=spark.sql.storeAssignmentPolicy confOptions=ANSI, LEGACY, STRICT",
            ),
            (
                "spark.sql.session.timeZone",
                "Nowhere",
                "INVALID_CONF_VALUE.TIME_ZONE confValue=Nowhere confName=spark.sql.session.timeZone",
            ),
        ] {
            assert_eq!(outcome(key, value), expected);
        }
        assert!(outcome("spark.sql.shuffle.partitions", "0").starts_with("INVALID_CONF_VALUE.REQUIREMENT"));
        assert_eq!(outcome("spark.sql.hive.verifyPartitionPath", "false"), "ok");
        assert!(outcome("spark.sql.hive.verifyPartitionPath", "true").starts_with("_LEGACY_ERROR_TEMP_1226"));
    }

    // What follows was asked of Spark 4.3.0, value by value.
    #[test]
    fn time_zones_are_those_of_java() {
        let good = "Z +1 +01 +0100 +01:0 +1:5 +01:00:30 +18:00 UTC+1 GMT+01:00 UT UTC GMT GMT0 EST MST HST ACT \
                    CET UT+3 Europe/Amsterdam SystemV/EST5 Asia/Calcutta -00:00 -0 +1:00:00 +010000 PST";
        for zone in good.split(' ').filter(|z| !z.is_empty()) {
            assert!(is_time_zone(zone), "{zone}");
        }
        for zone in ["z", "+19:00", "+18:01", "america/new_york", "", "UTC+19", "+01:60", " UTC", "00:00", "utc"] {
            assert!(!is_time_zone(zone), "{zone}");
        }
    }

    #[test]
    fn amounts_are_read_as_spark_reads_them() {
        let size = "spark.sql.autoBroadcastJoinThreshold";
        for value in ["1kib", "1KB", "-1", "-1MB", " 1m ", "1p", "10485760b"] {
            assert_eq!(outcome(size, value), "ok", "{value}");
        }
        for value in ["1.5m", "1 m", "1e", "9999999999999999999", "9007199254740992k", ""] {
            assert_ne!(outcome(size, value), "ok", "{value}");
        }
        let time = "spark.sql.broadcastTimeout";
        for value in ["1us", "1m", "1min", "1h", "1d", "-5s", "100ms", " 7s ", "1M"] {
            assert_eq!(outcome(time, value), "ok", "{value}");
        }
        for value in ["1 d", "+5", "1.5s", "5 min"] {
            assert_ne!(outcome(time, value), "ok", "{value}");
        }
        let factor = "spark.sql.adaptive.skewJoin.skewedPartitionFactor";
        for value in ["1d", "1e3", " 0.2 ", "+1", ".5", "Infinity"] {
            assert_eq!(outcome(factor, value), "ok", "{value}");
        }
        for value in ["NaN", "-1", "inf", "abc"] {
            assert_ne!(outcome(factor, value), "ok", "{value}");
        }
    }
}
