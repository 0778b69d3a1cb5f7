//! Variants as JSON text.

use std::fmt::Write;

use super::decode::{Value, Variant};
use crate::cast::text::datetime::{write_date, write_timestamp, write_timestamp_ntz};
use crate::cast::text::number::{write_decimal, write_f32, write_f64};
use crate::cast::zone::Zone;

/// Deepest nesting that is written.
const MAX_DEPTH: usize = 1000;

pub fn to_json(variant: &Variant, zone: &Zone) -> String {
    let mut out = String::new();
    write_json(&mut out, variant, zone);
    out
}

pub fn write_json(out: &mut String, variant: &Variant, zone: &Zone) {
    write(out, variant, zone, 0);
}

fn write(out: &mut String, variant: &Variant, zone: &Zone, depth: usize) {
    let Some(value) = variant.get().filter(|_| depth < MAX_DEPTH) else {
        return out.push_str("null");
    };
    match value {
        Value::Double(v) if v.is_finite() => write_f64(out, v),
        Value::Float(v) if v.is_finite() => write_f32(out, v),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(out, &item, zone, depth + 1);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_quoted(out, name);
                out.push(':');
                write(out, &field, zone, depth + 1);
            }
            out.push('}');
        }
        Value::Null | Value::Boolean(_) | Value::Long(_) | Value::Decimal(..) => write_bare(out, &value, zone),
        Value::String(text) => write_quoted(out, text),
        other => {
            out.push('"');
            write_bare(out, &other, zone);
            if matches!(other, Value::Timestamp(_)) {
                write_offset(out, &other, zone);
            }
            out.push('"');
        }
    }
}

/// A scalar without quotes. Decimals lose their trailing zeros.
pub fn write_bare(out: &mut String, value: &Value, zone: &Zone) {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => out.push_str("null"),
        Value::Boolean(v) => out.push_str(if *v { "true" } else { "false" }),
        Value::Long(v) => {
            let _ = write!(out, "{v}");
        }
        Value::Double(v) => write_f64(out, *v),
        Value::Float(v) => write_f32(out, *v),
        Value::Decimal(v, s) => {
            let (v, s) = stripped(*v, *s);
            write_decimal(out, v, s as i8);
        }
        Value::Date(v) => write_date(out, i64::from(*v)),
        Value::Timestamp(v) => write_timestamp(out, *v, zone),
        Value::TimestampNtz(v) => write_timestamp_ntz(out, *v),
        Value::String(text) => out.push_str(text),
        Value::Binary(bytes) => write_base64(out, bytes),
        Value::Uuid(bytes) => {
            for (i, b) in bytes.iter().enumerate() {
                let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                let _ = write!(out, "{dash}{b:02x}");
            }
        }
    }
}

/// A decimal without trailing zeros after the point.
pub fn stripped(mut v: i128, mut scale: u8) -> (i128, u8) {
    while scale > 0 && v % 10 == 0 {
        v /= 10;
        scale -= 1;
    }
    (v, scale)
}

/// `+01:00` behind a timestamp.
fn write_offset(out: &mut String, value: &Value, zone: &Zone) {
    let Value::Timestamp(micros) = value else { return };
    let offset = zone.offset_at(micros.div_euclid(1_000_000));
    let (sign, n) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let _ = write!(out, "{sign}{:02}:{:02}", n / 3600, n / 60 % 60);
    if n % 60 != 0 {
        let _ = write!(out, ":{:02}", n % 60);
    }
}

/// A JSON string.
pub fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    for ch in text.chars() {
        let _ = match ch {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{8}' => write!(out, "\\b"),
            '\u{c}' => write!(out, "\\f"),
            c if c < ' ' => write!(out, "\\u{:04X}", u32::from(c)),
            c => {
                out.push(c);
                Ok(())
            }
        };
    }
    out.push('"');
}

fn write_base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(char::from(DIGITS[(group >> (18 - 6 * i)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
}
