//! Variants as values of types without parts.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::build::decimal_type;
use super::decode::{Value, Variant};
use super::{json, refuse};
use crate::arrow_types::{UTC, to_arrow};
use crate::cast::{Caster, Mode, can_cast, convert};

/// The Spark type a scalar of a variant has; `None` for arrays, objects and NULL.
fn kind(value: &Value) -> Option<Spark> {
    Some(match value {
        Value::Boolean(_) => Spark::Boolean,
        Value::Long(_) => Spark::Long,
        Value::Double(_) => Spark::Double,
        Value::Float(_) => Spark::Float,
        Value::Decimal(v, s) => decimal_type(*v, *s).1,
        Value::Date(_) => Spark::Date,
        Value::Timestamp(_) => Spark::Timestamp,
        Value::TimestampNtz(_) => Spark::TimestampNtz,
        Value::String(_) | Value::Uuid(_) => Spark::STRING,
        Value::Binary(_) => Spark::Binary,
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    })
}

pub fn cast(c: &Caster, rows: &[Option<Variant>], to: &Spark) -> DfResult<ArrayRef> {
    if to.is_string() {
        return Ok(strings(c, rows));
    }
    let values: Vec<Option<Value>> = rows.iter().map(|r| r.as_ref().and_then(Variant::get)).collect();
    let mut kinds: Vec<Spark> = vec![];
    for k in values.iter().flatten().filter_map(kind) {
        if !kinds.contains(&k) {
            kinds.push(k);
        }
    }
    let lenient = Caster { mode: Mode::Try, zone: c.zone, origin: c.origin };
    let mut out = new_null_array(&to_arrow(to), rows.len());
    for k in kinds.iter().filter(|k| can_cast(k, to, Mode::Ansi)) {
        let own: Vec<Option<&Value>> = values.iter().map(|v| v.as_ref().filter(|v| fits(v, k, to))).collect();
        let cast = convert(&lenient, &gather(&own, k)?, k, to)?;
        let mask = BooleanArray::from_iter(own.iter().map(|v| Some(v.is_some())));
        out = zip(&mask, &cast, &out)?;
    }
    for (i, value) in values.iter().enumerate() {
        let null = matches!(value, Some(Value::Null)) || rows.get(i).is_none_or(Option::is_none);
        if out.is_null(i)
            && !null
            && let Some(Some(v)) = rows.get(i)
        {
            refuse(c, v, to)?;
        }
    }
    Ok(out)
}

/// Of this kind, and not one of the whole numbers that a timestamp would silently cut.
fn fits(value: &Value, k: &Spark, to: &Spark) -> bool {
    let cut = match value {
        Value::Long(v) if *to == Spark::Timestamp => v.checked_mul(1_000_000).is_none(),
        Value::Decimal(v, s) if *to == Spark::Timestamp => {
            v.checked_mul(1_000_000).and_then(|m| i64::try_from(m / 10i128.pow(u32::from(*s))).ok()).is_none()
        }
        _ => false,
    };
    !cut && kind(value).as_ref() == Some(k)
}

/// The values of one kind as an array, NULL elsewhere.
fn gather(values: &[Option<&Value>], k: &Spark) -> DfResult<ArrayRef> {
    macro_rules! pick {
        ($array:ty, $variant:path) => {
            <$array>::from_iter(values.iter().map(|v| match v {
                Some($variant(x)) => Some(*x),
                _ => None,
            }))
        };
    }
    Ok(match k {
        Spark::Boolean => Arc::new(pick!(BooleanArray, Value::Boolean)),
        Spark::Long => Arc::new(pick!(Int64Array, Value::Long)),
        Spark::Double => Arc::new(pick!(Float64Array, Value::Double)),
        Spark::Float => Arc::new(pick!(Float32Array, Value::Float)),
        Spark::Date => Arc::new(pick!(Date32Array, Value::Date)),
        Spark::Timestamp => Arc::new(pick!(TimestampMicrosecondArray, Value::Timestamp).with_timezone(UTC)),
        Spark::TimestampNtz => Arc::new(pick!(TimestampMicrosecondArray, Value::TimestampNtz)),
        Spark::Decimal(p, s) => {
            let own = values.iter().map(|v| match v {
                Some(Value::Decimal(v, s)) => Some(decimal_type(*v, *s).0),
                _ => None,
            });
            Arc::new(Decimal128Array::from_iter(own).with_precision_and_scale(*p, *s)?)
        }
        Spark::Binary => Arc::new(pick!(BinaryArray, Value::Binary)),
        _ => Arc::new(StringArray::from_iter(values.iter().map(|v| match v {
            Some(Value::String(text)) => Some(text.to_string()),
            Some(other @ Value::Uuid(_)) => {
                let mut out = String::new();
                json::write_bare(&mut out, other, &crate::cast::zone::Zone::utc());
                Some(out)
            }
            _ => None,
        }))),
    })
}

/// Scalars as `CAST(x AS STRING)` writes them, arrays and objects as JSON.
fn strings(c: &Caster, rows: &[Option<Variant>]) -> ArrayRef {
    let mut out = StringBuilder::new();
    let mut text = String::new();
    for row in rows {
        text.clear();
        match row.as_ref().map(|v| (v, v.get())) {
            None | Some((_, Some(Value::Null) | None)) => {
                out.append_null();
                continue;
            }
            Some((v, Some(Value::Array(_) | Value::Object(_)))) => json::write_json(&mut text, v, c.zone),
            Some((_, Some(Value::Binary(bytes)))) => text.push_str(&String::from_utf8_lossy(bytes)),
            Some((_, Some(value))) => json::write_bare(&mut text, &value, c.zone),
        }
        out.append_value(&text);
    }
    Arc::new(out.finish())
}
