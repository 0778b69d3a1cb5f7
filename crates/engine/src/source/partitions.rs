//! Columns in folder names: `year=2024/name=a%20b`.
//!
//! The type of a column is the narrowest of int, bigint, decimal, double, date, timestamp and string
//! that all its values have. `__HIVE_DEFAULT_PARTITION__` is NULL.

use chrono::NaiveDateTime;
use datafusion::common::ScalarValue;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::parse::datetime::date as parse_date;
use vonk_expr::spark_error;
use vonk_plan::types::{DataType, StructField, StructType};

use super::convert;
use super::listing::Listing;
use crate::fs::Place;

pub const NULL_NAME: &str = "__HIVE_DEFAULT_PARTITION__";

/// Names and raw values in the folders of a file below its base.
pub type Spec = Vec<(String, String)>;

/// The partition columns of a listing, and for each of its files their values. Where there are some, files in folders
/// without are no part of the table. Error: `EMPTY_PARTITION_COLUMN_VALUE`.
pub fn discover(
    listing: &Listing,
    given: Option<&StructType>,
    conf: &SessionConf,
) -> SparkResult<(StructType, Vec<Option<Vec<ScalarValue>>>)> {
    let none = || (StructType::default(), vec![Some(vec![]); listing.files.len()]);
    if listing.recursive || listing.files.is_empty() {
        return Ok(none());
    }
    let specs: Vec<Spec> = listing.files.iter().map(|f| spec_of(&f.place, &listing.bases)).collect();
    let Some(first) = specs.iter().find(|s| !s.is_empty()) else { return Ok(none()) };
    let names: Vec<&str> = first.iter().map(|(n, _)| n.as_str()).collect();
    let same = |s: &Spec| s.len() == names.len() && s.iter().zip(&names).all(|((a, _), b)| a.eq_ignore_ascii_case(b));
    let empty = specs.iter().flatten().find(|(_, value)| value.is_empty());
    if let Some((name, _)) = empty {
        return Err(SparkError::new("EMPTY_PARTITION_COLUMN_VALUE").param("columnSpec", format!("{name}=")));
    }
    if !specs.iter().filter(|s| !s.is_empty()).all(same) {
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
                .unwrap_or(DataType::Null),
        };
        let name = wanted.map_or(*name, |f| &f.name);
        fields.push(StructField::new(name, data_type, true));
    }
    let values = specs.iter().filter(|spec| !spec.is_empty()).map(|spec| {
        let cells = spec.iter().zip(&fields);
        cells.map(|((_, raw), field)| value_of(raw, &field.data_type, conf.time_zone())).collect()
    });
    let values: Vec<Vec<ScalarValue>> = values.collect::<SparkResult<_>>()?;
    let mut values = values.into_iter();
    let of_files = specs.iter().map(|spec| if spec.is_empty() { None } else { values.next() }).collect();
    Ok((StructType::new(fields), of_files))
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
    Some(if raw.parse::<i32>().is_ok() {
        DataType::Int
    } else if raw.parse::<i64>().is_ok() {
        DataType::Long
    } else if let Some(digits) = whole_digits(raw) {
        DataType::Decimal(digits, 0)
    } else if convert::double(raw).is_some() {
        DataType::Double
    } else if is_timestamp(raw) {
        DataType::Timestamp
    } else if raw.len() == 10 && parse_date(raw).is_some() {
        DataType::Date
    } else {
        DataType::STRING
    })
}

/// Digits of a decimal number without a fraction.
fn whole_digits(raw: &str) -> Option<u8> {
    let number = convert::decimal(raw).filter(|n| n.scale <= 0 && !raw.contains(','))?;
    let digits = i64::from(number.precision()) - i64::from(number.scale);
    u8::try_from(digits).ok().filter(|d| *d <= 38)
}

/// `yyyy-MM-dd HH:mm:ss[.S]`.
fn is_timestamp(raw: &str) -> bool {
    let (whole, fraction) = raw.split_once('.').map_or((raw, None), |(w, f)| (w, Some(f)));
    whole.len() == 19
        && fraction.is_none_or(|f| matches!(f.as_bytes(), [b'0'..=b'9']))
        && NaiveDateTime::parse_from_str(whole, "%Y-%m-%d %H:%M:%S").is_ok()
}

/// The type that holds both (Spark's `findWiderTypeForPartitionColumn`).
fn widen(a: Option<DataType>, b: Option<DataType>) -> Option<DataType> {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else { return a.or(b) };
    let digits = |t: &DataType| match t {
        DataType::Int => Some(10),
        DataType::Long => Some(20),
        DataType::Decimal(p, _) => Some(*p),
        _ => None,
    };
    Some(match (&a, &b) {
        _ if a == b => a,
        (DataType::Int, DataType::Long) | (DataType::Long, DataType::Int) => DataType::Long,
        (DataType::Double, DataType::Int) | (DataType::Int, DataType::Double) => DataType::Double,
        (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => DataType::Timestamp,
        _ => match (digits(&a), digits(&b)) {
            (Some(a), Some(b)) => DataType::Decimal(a.max(b), 0),
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
        DataType::Decimal(p, scale) if let Some(number) = convert::decimal(raw) => {
            Ok(ScalarValue::Decimal128(number.rescaled(*p, *scale), *p, *scale))
        }
        DataType::Date if let day @ Some(_) = parse_date(raw) => Ok(ScalarValue::Date32(day)),
        DataType::Double if let number @ Some(_) = convert::double(raw) => Ok(ScalarValue::Float64(number)),
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
