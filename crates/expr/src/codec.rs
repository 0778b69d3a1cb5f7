//! Kernel calls as JSON bytes: what a serialised plan carries besides the kernel's name.
//!
//! Types are written in a form of their own, not that of schemas: it keeps collations and the
//! length of CHAR and VARCHAR.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, UserDefinedType, json as names};

use crate::kernel::{Call, Kernel};

/// Deepest nesting of a type that is read.
const MAX_DEPTH: usize = 500;

/// Everything of a call but its kernel.
pub fn encode(call: &Call) -> Vec<u8> {
    let mut out = Map::new();
    out.insert("args".into(), call.arg_types.iter().map(type_value).collect());
    out.insert("returns".into(), type_value(&call.return_type));
    out.insert("ansi".into(), call.ansi.into());
    out.insert("zone".into(), call.time_zone.as_ref().into());
    out.insert("params".into(), call.params.iter().map(String::as_str).collect());
    if let Some(origin) = &call.origin {
        out.insert("origin".into(), origin_value(origin));
    }
    Value::Object(out).to_string().into_bytes()
}

/// The call of `kernel` that [`encode`] wrote.
pub fn decode(kernel: &'static Kernel, bytes: &[u8]) -> SparkResult<Call> {
    let value: Value = serde_json::from_slice(bytes).map_err(SparkError::internal)?;
    read(kernel, &value).ok_or_else(|| SparkError::internal(format!("a call of {} cannot be read", kernel.name)))
}

fn read(kernel: &'static Kernel, value: &Value) -> Option<Call> {
    let args: Option<Vec<_>> = value.get("args")?.as_array()?.iter().map(|t| read_type(t, 0)).collect();
    let params: Option<Vec<_>> =
        value.get("params")?.as_array()?.iter().map(|p| p.as_str().map(str::to_string)).collect();
    let origin = match value.get("origin") {
        Some(origin) => Some(Arc::new(read_origin(origin)?)),
        None => None,
    };
    Some(Call {
        kernel,
        arg_types: args?.into(),
        return_type: read_type(value.get("returns")?, 0)?,
        ansi: value.get("ansi")?.as_bool()?,
        time_zone: value.get("zone")?.as_str()?.into(),
        params: params?.into(),
        origin,
    })
}

fn origin_value(origin: &Origin) -> Value {
    match origin {
        Origin::Sql { text, start, stop, object_type, object_name } => {
            json!({"text": &**text, "start": start, "stop": stop, "type": object_type, "name": object_name})
        }
        Origin::DataFrame { fragment, call_site } => json!({"fragment": fragment, "site": call_site}),
    }
}

fn read_origin(value: &Value) -> Option<Origin> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let number = |key: &str| value.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    Some(match text("text") {
        Some(sql) => Origin::Sql {
            text: sql.into(),
            start: number("start")?,
            stop: number("stop")?,
            object_type: text("type")?.into(),
            object_name: text("name")?.into(),
        },
        None => Origin::DataFrame { fragment: text("fragment")?.into(), call_site: text("site")?.into() },
    })
}

/// A type as JSON, with nothing lost.
pub fn type_value(t: &DataType) -> Value {
    match t {
        DataType::String(Some(collation)) => json!({"collate": &**collation}),
        DataType::Array(e, nullable) => json!({"array": type_value(e), "null": nullable}),
        DataType::Map(k, v, nullable) => json!({"map": [type_value(k), type_value(v)], "null": nullable}),
        DataType::Struct(s) => {
            let fields = s.fields.iter().map(|f| {
                let mut field = json!({"name": f.name, "type": type_value(&f.data_type), "null": f.nullable});
                if let (Some(metadata), Value::Object(o)) = (&f.metadata, &mut field) {
                    o.insert("metadata".into(), metadata.as_ref().into());
                }
                field
            });
            json!({"struct": fields.collect::<Vec<_>>()})
        }
        DataType::Udt(u) => json!({
            "udt": type_value(&u.sql_type),
            "jvm": u.jvm_class,
            "python": u.python_class,
            "pickled": u.serialized_python_class,
        }),
        atomic => atomic.to_string().into(),
    }
}

/// Reads what [`type_value`] wrote.
pub fn read_type(value: &Value, depth: usize) -> Option<DataType> {
    if depth > MAX_DEPTH {
        return None;
    }
    if let Value::String(name) = value {
        return names::parse(name).ok();
    }
    let null = || value.get("null").and_then(Value::as_bool);
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).map(str::to_string);
    if let Some(collation) = value.get("collate") {
        return Some(DataType::String(Some(collation.as_str()?.into())));
    }
    if let Some(element) = value.get("array") {
        return Some(DataType::array(read_type(element, depth + 1)?, null()?));
    }
    if let Some(Value::Array(parts)) = value.get("map") {
        let [k, v] = parts.as_slice() else { return None };
        return Some(DataType::map(read_type(k, depth + 1)?, read_type(v, depth + 1)?, null()?));
    }
    if let Some(Value::Array(fields)) = value.get("struct") {
        let fields: Option<Vec<_>> = fields
            .iter()
            .map(|f| {
                Some(StructField {
                    name: text(f, "name")?,
                    data_type: read_type(f.get("type")?, depth + 1)?,
                    nullable: f.get("null")?.as_bool()?,
                    metadata: text(f, "metadata").map(Into::into),
                })
            })
            .collect();
        return Some(DataType::structure(fields?));
    }
    let sql_type = read_type(value.get("udt")?, depth + 1)?;
    Some(DataType::Udt(Box::new(UserDefinedType {
        jvm_class: text(value, "jvm"),
        python_class: text(value, "python"),
        serialized_python_class: text(value, "pickled"),
        sql_type,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_the_round_trip() {
        let field = StructField {
            name: "a".into(),
            data_type: DataType::map(DataType::Char(3), DataType::String(Some("de_CI".into())), false),
            nullable: false,
            metadata: Some("{\"comment\":\"x\"}".into()),
        };
        let udt = UserDefinedType {
            jvm_class: None,
            python_class: Some("m.T".into()),
            serialized_python_class: None,
            sql_type: DataType::array(DataType::Double, false),
        };
        let call = Call {
            kernel: &crate::cast::CAST,
            arg_types: [DataType::structure([field]), DataType::Udt(Box::new(udt)), DataType::Decimal(38, 18)].into(),
            return_type: DataType::DAY_TIME,
            ansi: true,
            time_zone: "Europe/Berlin".into(),
            params: ["try".to_string()].into(),
            origin: Some(Arc::new(Origin::sql("SELECT 1".into(), 7, 8))),
        };
        let back = decode(&crate::cast::CAST, &encode(&call));
        assert_eq!(back.as_ref().map(|c| (c == &call, c.origin.clone())), Ok((true, call.origin.clone())));
        assert!(decode(&crate::cast::CAST, b"{}").is_err());
    }
}
