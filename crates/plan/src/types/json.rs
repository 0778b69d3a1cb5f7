//! The JSON form of types, as `StructType.json()` writes it and schemas on the wire carry it.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};

use super::{DataType, DayTimeField, StructField, StructType, UserDefinedType, YearMonthField};

/// The key of a field's metadata under which the collations of its type are.
const COLLATIONS: &str = "__COLLATIONS";

/// Deepest nesting of a type that is read.
const MAX_DEPTH: usize = 500;

/// The JSON value of a type.
pub fn to_json(t: &DataType) -> Value {
    match t {
        DataType::Byte => "byte".into(),
        DataType::Short => "short".into(),
        DataType::Int => "integer".into(),
        DataType::Long => "long".into(),
        DataType::String(_) => "string".into(),
        DataType::Array(e, n) => json!({"type": "array", "elementType": to_json(e), "containsNull": n}),
        DataType::Map(k, v, n) => {
            json!({"type": "map", "keyType": to_json(k), "valueType": to_json(v), "valueContainsNull": n})
        }
        DataType::Struct(s) => struct_to_json(s),
        DataType::Udt(u) => {
            let mut out = Map::new();
            out.insert("type".into(), "udt".into());
            let names = [
                ("class", &u.jvm_class),
                ("pyClass", &u.python_class),
                ("serializedClass", &u.serialized_python_class),
            ];
            for (key, value) in names {
                if let Some(v) = value {
                    out.insert(key.into(), v.as_str().into());
                }
            }
            out.insert("sqlType".into(), to_json(&u.sql_type));
            Value::Object(out)
        }
        atomic => atomic.to_string().into(),
    }
}

/// The JSON value of a schema.
pub fn struct_to_json(s: &StructType) -> Value {
    let fields: Vec<_> = s
        .fields
        .iter()
        .map(|f| {
            let mut metadata: Value =
                f.metadata.as_deref().and_then(|m| serde_json::from_str(m).ok()).unwrap_or_else(|| json!({}));
            let mut collations = Map::new();
            if f.data_type.is_collated() {
                write_collations(&f.data_type, &f.name, &mut collations);
            }
            if let (Value::Object(metadata), false) = (&mut metadata, collations.is_empty()) {
                metadata.insert(COLLATIONS.into(), Value::Object(collations));
            }
            json!({"name": f.name, "type": to_json(&f.data_type), "nullable": f.nullable, "metadata": metadata})
        })
        .collect();
    json!({"type": "struct", "fields": fields})
}

/// Reads the JSON text of a type. Error: `INVALID_JSON_DATA_TYPE`.
pub fn parse(text: &str) -> SparkResult<DataType> {
    let invalid = || SparkError::new("INVALID_JSON_DATA_TYPE").param("invalidType", text);
    let value: Value = match serde_json::from_str(text) {
        Ok(v) => v,
        // A bare type name, without quotes.
        Err(_) => Value::String(text.trim().to_string()),
    };
    from_json(&value, 0).ok_or_else(invalid)
}

/// Reads the JSON text of a schema.
pub fn parse_struct(text: &str) -> SparkResult<StructType> {
    match parse(text)? {
        DataType::Struct(s) => Ok(s),
        other => Err(SparkError::new("INVALID_SCHEMA.NON_STRUCT_TYPE")
            .param("inputSchema", quote_sql(text))
            .param("dataType", quote_sql(other.sql()))),
    }
}

fn from_json(value: &Value, depth: usize) -> Option<DataType> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(name) => from_name(name),
        Value::Object(o) => match o.get("type")?.as_str()? {
            "array" => {
                Some(DataType::array(from_json(o.get("elementType")?, depth + 1)?, o.get("containsNull")?.as_bool()?))
            }
            "map" => Some(DataType::map(
                from_json(o.get("keyType")?, depth + 1)?,
                from_json(o.get("valueType")?, depth + 1)?,
                o.get("valueContainsNull")?.as_bool()?,
            )),
            "struct" => {
                let fields: Option<Vec<_>> =
                    o.get("fields")?.as_array()?.iter().map(|f| field_from_json(f, depth + 1)).collect();
                Some(DataType::structure(fields?))
            }
            "udt" => {
                let text = |key: &str| o.get(key).and_then(Value::as_str).map(str::to_string);
                Some(DataType::Udt(Box::new(UserDefinedType {
                    jvm_class: text("class"),
                    python_class: text("pyClass"),
                    serialized_python_class: text("serializedClass"),
                    sql_type: from_json(o.get("sqlType")?, depth + 1)?,
                })))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The collations of the strings in a type by their place: `a`, `a.element`, `a.key`, `a.value`. The
/// fields of a struct have their own.
fn write_collations(t: &DataType, place: &str, out: &mut Map<String, Value>) {
    match t {
        DataType::String(Some(c)) => {
            let provider = if c.starts_with("UTF8_") { "spark" } else { "icu" };
            out.insert(place.to_string(), format!("{provider}.{c}").into());
        }
        DataType::Array(e, _) => write_collations(e, &format!("{place}.element"), out),
        DataType::Map(k, v, _) => {
            write_collations(k, &format!("{place}.key"), out);
            write_collations(v, &format!("{place}.value"), out);
        }
        _ => {}
    }
}

fn read_collations(t: DataType, place: &str, all: &Map<String, Value>) -> DataType {
    match t {
        DataType::String(None) => {
            let name = all.get(place).and_then(Value::as_str).and_then(|c| c.rsplit('.').next());
            name.and_then(|n| super::collation::string_type(n).ok()).unwrap_or(DataType::STRING)
        }
        DataType::Array(e, n) => DataType::array(read_collations(*e, &format!("{place}.element"), all), n),
        DataType::Map(k, v, n) => DataType::map(
            read_collations(*k, &format!("{place}.key"), all),
            read_collations(*v, &format!("{place}.value"), all),
            n,
        ),
        other => other,
    }
}

fn field_from_json(value: &Value, depth: usize) -> Option<StructField> {
    let o = value.as_object()?;
    let mut metadata = o.get("metadata").and_then(Value::as_object).cloned();
    let collations = metadata.as_mut().and_then(|m| m.shift_remove(COLLATIONS));
    let metadata = metadata.filter(|m| !m.is_empty());
    let name = o.get("name")?.as_str()?.to_string();
    let data_type = from_json(o.get("type")?, depth)?;
    let data_type = match collations.as_ref().and_then(Value::as_object) {
        Some(all) => read_collations(data_type, &name, all),
        None => data_type,
    };
    Some(StructField {
        name,
        data_type,
        nullable: o.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        metadata: metadata.map(|m| Arc::from(Value::Object(m).to_string())),
    })
}

fn from_name(name: &str) -> Option<DataType> {
    let lower = name.trim().to_ascii_lowercase();
    Some(match lower.as_str() {
        "void" | "null" => DataType::Null,
        "boolean" => DataType::Boolean,
        "byte" | "tinyint" => DataType::Byte,
        "short" | "smallint" => DataType::Short,
        "integer" | "int" => DataType::Int,
        "long" | "bigint" => DataType::Long,
        "float" => DataType::Float,
        "double" => DataType::Double,
        "decimal" => DataType::USER_DEFAULT_DECIMAL,
        "string" => DataType::STRING,
        "binary" => DataType::Binary,
        "date" => DataType::Date,
        "timestamp" | "timestamp_ltz" => DataType::Timestamp,
        "timestamp_ntz" => DataType::TimestampNtz,
        "interval" | "calendarinterval" => DataType::CalendarInterval,
        "variant" => DataType::Variant,
        "time" => DataType::Time(6),
        other => return from_parametric_name(other),
    })
}

/// `decimal(10,2)`, `char(5)`, `varchar(5)`, `time(6)`, `string collate x`, `interval day to second`.
fn from_parametric_name(name: &str) -> Option<DataType> {
    if let Some(collation) = name.strip_prefix("string collate ") {
        return super::collation::string_type(collation.trim()).ok();
    }
    if let Some(fields) = name.strip_prefix("interval ") {
        let (start, end) = fields.split_once(" to ").unwrap_or((fields, fields));
        return interval(start.trim(), end.trim());
    }
    let (head, tail) = name.split_once('(')?;
    let args: Option<Vec<i64>> = tail.strip_suffix(')')?.split(',').map(|a| a.trim().parse().ok()).collect();
    match (head.trim(), args?.as_slice()) {
        ("decimal", [p]) => Some(DataType::Decimal(u8::try_from(*p).ok()?, 0)),
        ("decimal", [p, s]) => Some(DataType::Decimal(u8::try_from(*p).ok()?, i8::try_from(*s).ok()?)),
        ("char", [n]) => Some(DataType::Char(u32::try_from(*n).ok()?)),
        ("varchar", [n]) => Some(DataType::VarChar(u32::try_from(*n).ok()?)),
        ("timestamp_ltz", [p @ 6..=9]) => Some(DataType::timestamp(*p as u8, false)),
        ("timestamp_ntz", [p @ 6..=9]) => Some(DataType::timestamp(*p as u8, true)),
        ("time", [n]) => Some(DataType::Time(u8::try_from(*n).ok()?)),
        ("geometry", [n]) => Some(DataType::Geometry(i32::try_from(*n).ok()?)),
        ("geography", [n]) => Some(DataType::Geography(i32::try_from(*n).ok()?)),
        _ => None,
    }
}

fn interval(start: &str, end: &str) -> Option<DataType> {
    let day_time = |s: &str| {
        Some(match s {
            "day" => DayTimeField::Day,
            "hour" => DayTimeField::Hour,
            "minute" => DayTimeField::Minute,
            "second" => DayTimeField::Second,
            _ => return None,
        })
    };
    let year_month = |s: &str| {
        Some(match s {
            "year" => YearMonthField::Year,
            "month" => YearMonthField::Month,
            _ => return None,
        })
    };
    if let (Some(a), Some(b)) = (day_time(start), day_time(end)) {
        return (a <= b).then_some(DataType::DayTimeInterval(a, b));
    }
    let (a, b) = (year_month(start)?, year_month(end)?);
    (a <= b).then_some(DataType::YearMonthInterval(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_six_digits_or_seven_to_nine() {
        assert_eq!(parse("\"timestamp_ntz(9)\""), Ok(DataType::TimestampNtzNanos(9)));
        assert_eq!(parse("\"timestamp_ltz(6)\""), Ok(DataType::Timestamp));
        assert!(parse("\"timestamp_ltz(10)\"").is_err());
    }

    #[test]
    fn a_schema_survives_the_round_trip() {
        let text = r#"{"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":"decimal(10,2)","containsNull":true},"nullable":false,"metadata":{"comment":"x"}},{"name":"d","type":"interval day to second","nullable":true,"metadata":{}}]}"#;
        let parsed = parse_struct(text);
        assert_eq!(parsed.map(|s| struct_to_json(&s).to_string()), Ok(text.to_string()));
    }

    #[test]
    fn collations_are_in_the_metadata() {
        let text = r#"{"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{"__COLLATIONS":{"a.element":"icu.de_CI"}}},{"name":"b","type":"string","nullable":true,"metadata":{"comment":"x","__COLLATIONS":{"b":"spark.UTF8_LCASE"}}}]}"#;
        let parsed = parse_struct(text).expect("a schema");
        assert_eq!(parsed.fields[1].data_type, DataType::String(Some("UTF8_LCASE".into())));
        assert_eq!(struct_to_json(&parsed).to_string(), text);
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(parse("decimal(x)").is_err());
        assert!(parse("{\"type\":\"array\"}").is_err());
    }
}
