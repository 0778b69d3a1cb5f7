//! Columns in folder names: `year=2024/name=a%20b`.
//!
//! The type of a column is the narrowest of int, bigint, decimal, double, date, timestamp and string
//! that all its values have. `__HIVE_DEFAULT_PARTITION__` is NULL.

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::common::ScalarValue;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spark_error;
use vonk_plan::types::{DataType, StructField, StructType};

use super::listing::Listing;
use crate::fs::Place;

pub const NULL_NAME: &str = "__HIVE_DEFAULT_PARTITION__";

/// Names and raw values in the folders of a file below its base.
pub type Spec = Vec<(String, String)>;

/// The partition columns of a listing, and for each of its files their values.
pub fn discover(
    listing: &Listing,
    given: Option<&StructType>,
    conf: &SessionConf,
) -> SparkResult<(StructType, Vec<Vec<ScalarValue>>)> {
    let none = || (StructType::default(), vec![vec![]; listing.files.len()]);
    if listing.recursive || listing.files.is_empty() {
        return Ok(none());
    }
    let specs: Vec<Spec> = listing.files.iter().map(|f| spec_of(&f.place, &listing.bases)).collect();
    let Some(first) = specs.iter().find(|s| !s.is_empty()) else { return Ok(none()) };
    let names: Vec<&str> = first.iter().map(|(n, _)| n.as_str()).collect();
    let same = |s: &Spec| s.len() == names.len() && s.iter().zip(&names).all(|((a, _), b)| a.eq_ignore_ascii_case(b));
    if !specs.iter().all(same) {
        return Err(conflict(listing, &specs));
    }
    let infer = conf.bool("spark.sql.sources.partitionColumnTypeInference.enabled");
    let mut fields = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let wanted = given.and_then(|s| s.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)));
        let data_type = match wanted {
            Some(field) => field.data_type.clone(),
            None if !infer => DataType::STRING,
            None => specs
                .iter()
                .filter_map(|s| s.get(i))
                .fold(None, |t, (_, v)| widen(t, type_of(v)))
                .unwrap_or(DataType::STRING),
        };
        let name = wanted.map_or(*name, |f| &f.name);
        fields.push(StructField::new(name, data_type, true));
    }
    let values = specs.iter().map(|spec| {
        let cells = spec.iter().zip(&fields);
        cells.map(|((_, raw), field)| value_of(raw, &field.data_type, conf.time_zone())).collect()
    });
    let values: SparkResult<Vec<Vec<ScalarValue>>> = values.collect();
    Ok((StructType::new(fields), values?))
}

/// The partition columns in the folders of a file below the outermost base above it.
pub fn spec_of(file: &Place, bases: &[Place]) -> Spec {
    let Some(folder) = file.parent() else { return vec![] };
    let Some(base) = bases.iter().filter(|b| folder.is_within(b)).min_by_key(|b| b.path.len()) else { return vec![] };
    let parts = folder.below(base).into_iter().flatten();
    parts
        .filter_map(|p| p.split_once('='))
        .filter(|(n, _)| !n.is_empty())
        .map(|(n, v)| (unescape(n), unescape(v)))
        .collect()
}

fn conflict(listing: &Listing, specs: &[Spec]) -> SparkError {
    let mut lists: Vec<String> =
        specs.iter().map(|s| s.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ")).collect();
    lists.sort();
    lists.dedup();
    let lists: Vec<_> =
        lists.iter().enumerate().map(|(i, l)| format!("Partition column name list #{i}: {l}")).collect();
    let mut folders: Vec<String> = listing.files.iter().filter_map(|f| Some(f.place.parent()?.to_string())).collect();
    folders.sort();
    folders.dedup();
    SparkError::new("CONFLICTING_PARTITION_COLUMN_NAMES")
        .param("distinctPartColLists", format!("\n\t{}\n", lists.join("\n\t")))
        .param("suspiciousPaths", format!("\n\t{}", folders.join("\n\t")))
}

/// The narrowest type of one raw value; none for NULL.
fn type_of(raw: &str) -> Option<DataType> {
    if raw == NULL_NAME {
        return None;
    }
    let whole = raw.strip_prefix(['+', '-']).unwrap_or(raw);
    let digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    Some(if raw.parse::<i32>().is_ok() {
        DataType::Int
    } else if raw.parse::<i64>().is_ok() {
        DataType::Long
    } else if digits && whole.trim_start_matches('0').len() <= 38 {
        DataType::Decimal(38, 0)
    } else if is_double(raw) {
        DataType::Double
    } else if date(raw).is_some() {
        DataType::Date
    } else if timestamp(raw).is_some() {
        DataType::Timestamp
    } else {
        DataType::STRING
    })
}

fn is_double(raw: &str) -> bool {
    let named = matches!(raw, "NaN" | "Infinity" | "-Infinity" | "+Infinity");
    named || (raw.bytes().any(|b| b.is_ascii_digit()) && raw.parse::<f64>().is_ok())
}

fn date(raw: &str) -> Option<NaiveDate> {
    (raw.len() == 10).then(|| NaiveDate::parse_from_str(raw, "%Y-%m-%d").ok())?
}

fn timestamp(raw: &str) -> Option<NaiveDateTime> {
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    formats.iter().find_map(|f| NaiveDateTime::parse_from_str(raw, f).ok())
}

/// The narrowest type that holds both.
fn widen(a: Option<DataType>, b: Option<DataType>) -> Option<DataType> {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else { return a.or(b) };
    if a == b {
        return Some(a);
    }
    let rank = |t: &DataType| match t {
        DataType::Int => Some(0),
        DataType::Long => Some(1),
        DataType::Decimal(..) => Some(2),
        DataType::Double => Some(3),
        _ => None,
    };
    Some(match (rank(&a), rank(&b)) {
        (Some(x), Some(y)) => {
            if x > y {
                a
            } else {
                b
            }
        }
        _ => match (&a, &b) {
            (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => DataType::Timestamp,
            _ => DataType::STRING,
        },
    })
}

/// The raw text as a value of that type. Error: `INVALID_PARTITION_VALUE`-like cast failure as NULL.
pub fn value_of(raw: &str, data_type: &DataType, zone: &str) -> SparkResult<ScalarValue> {
    let arrow = to_arrow(data_type);
    if raw == NULL_NAME {
        return ScalarValue::try_from(&arrow).map_err(spark_error);
    }
    let text = ScalarValue::Utf8(Some(raw.to_string()));
    let cast = match data_type {
        DataType::Timestamp => {
            // The wall clock of the session's zone.
            let local = text.cast_to(&to_arrow(&DataType::TimestampNtz)).map_err(spark_error)?;
            let zoned =
                arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some(zone.into()));
            local.cast_to(&zoned).and_then(|v| v.cast_to(&arrow))
        }
        _ => text.cast_to(&arrow),
    };
    cast.map_err(|_| {
        SparkError::new("INVALID_PARTITION_VALUE")
            .param("value", raw)
            .param("dataType", data_type.sql())
            .param("columnName", "")
    })
}

/// `%20` and the like back to characters.
pub fn unescape(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| u8::from_str_radix(c, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| name.to_string())
}

/// The folder name of a partition column's value.
pub fn folder_name(column: &str, value: Option<&str>) -> String {
    let value = match value {
        None | Some("") => NULL_NAME.to_string(),
        Some(v) => escape(v),
    };
    format!("{}={value}", escape(column))
}

/// Characters that Hive escapes in folder names, as `%XX`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            out.push_str(&format!("%{:02X}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_narrowest_for_all_values() {
        let all = |values: &[&str]| values.iter().fold(None, |t, v| widen(t, type_of(v)));
        assert_eq!(all(&["1", "2"]), Some(DataType::Int));
        assert_eq!(all(&["1", "3000000000"]), Some(DataType::Long));
        assert_eq!(all(&["1", "1.5"]), Some(DataType::Double));
        assert_eq!(all(&["2020-01-01", NULL_NAME]), Some(DataType::Date));
        assert_eq!(all(&["1", "a"]), Some(DataType::STRING));
        assert_eq!(all(&[NULL_NAME]), None);
    }

    #[test]
    fn names_are_escaped_there_and_back() {
        assert_eq!(folder_name("a", Some("x/y=z")), "a=x%2Fy%3Dz");
        assert_eq!(unescape("x%2Fy%3Dz"), "x/y=z");
        assert_eq!(folder_name("a", None), "a=__HIVE_DEFAULT_PARTITION__");
    }
}
