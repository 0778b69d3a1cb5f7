//! The items of `approx_top_k` as bytes, with the hash codes that they have in the JVM.

use std::sync::Arc;

use datafusion::arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::arrow::array::{Array, ArrayData, ArrayRef, AsArray, BooleanArray, StringArray, make_array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::DataType as Arrow;
use vonk_plan::types::DataType;

/// The name of a type whose values cannot be counted.
pub fn unsupported(t: &DataType) -> Option<String> {
    match t {
        DataType::Boolean | DataType::Date | DataType::Timestamp | DataType::TimestampNtz | DataType::String(_) => None,
        t if t.is_numeric() => None,
        t if t.is_nanos() => Some(t.to_string()),
        t => {
            let name = t.sql().to_lowercase();
            Some(name.split(['<', '(']).next().unwrap_or_default().to_string())
        }
    }
}

/// How a state names the type of its items.
pub fn ddl(t: &DataType) -> String {
    match t {
        DataType::String(None) => "item string not null".into(),
        t => format!("item {} NOT NULL", t.sql()),
    }
}

fn of_long(v: i64) -> i32 {
    (v ^ (v as u64 >> 32) as i64) as i32
}

fn of_double(v: f64) -> i32 {
    of_long(if v.is_nan() { 0x7ff8_0000_0000_0000 } else { v.to_bits() as i64 })
}

fn of_text(v: &str) -> i32 {
    v.encode_utf16().fold(0i32, |h, c| h.wrapping_mul(31).wrapping_add(i32::from(c)))
}

/// A whole number hashes as the integer, any other as the double.
fn of_decimal(v: i128, scale: i8) -> i32 {
    let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
    if v % unit == 0 {
        let whole = (v / unit) as i64;
        return i32::try_from(whole).unwrap_or_else(|_| of_long(whole));
    }
    let double = v as f64 / unit as f64;
    if f64::from(double as f32) == double { (double as f32).to_bits() as i32 } else { of_double(double) }
}

/// Gives each value that is not NULL, as bytes and hash code, and counts those that are.
pub fn each(values: &ArrayRef, mut f: impl FnMut(&[u8], i32)) -> Option<i64> {
    macro_rules! numbers {
        ($ty:ty, $hash:expr) => {
            values.as_primitive_opt::<$ty>()?.iter().flatten().for_each(|v| f(&v.to_le_bytes(), $hash(v)))
        };
    }
    match values.data_type() {
        Arrow::Null => {}
        Arrow::Boolean => {
            let hash = |v| if v { 1231 } else { 1237 };
            values.as_boolean_opt()?.iter().flatten().for_each(|v| f(&[u8::from(v)], hash(v)));
        }
        Arrow::Int8 => numbers!(Int8Type, i32::from),
        Arrow::Int16 => numbers!(Int16Type, i32::from),
        Arrow::Int32 => numbers!(Int32Type, |v| v),
        Arrow::Date32 => numbers!(Date32Type, |v| v),
        Arrow::Int64 => numbers!(Int64Type, of_long),
        Arrow::Timestamp(..) => numbers!(TimestampMicrosecondType, of_long),
        Arrow::Float32 => {
            numbers!(Float32Type, |v: f32| if v.is_nan() { 0x7fc0_0000 } else { v.to_bits() as i32 });
        }
        Arrow::Float64 => numbers!(Float64Type, of_double),
        Arrow::Decimal128(_, scale) => numbers!(Decimal128Type, |v| of_decimal(v, *scale)),
        Arrow::Utf8 => values.as_string_opt::<i32>()?.iter().flatten().for_each(|v| f(v.as_bytes(), of_text(v))),
        _ => return None,
    }
    Some(values.logical_null_count() as i64)
}

/// The values that [`each`] gave, as a column of that type; nothing if the bytes are of another.
pub fn column(items: &[Option<&[u8]>], ty: &Arrow) -> Option<ArrayRef> {
    match ty {
        Arrow::Utf8 => {
            let texts: Option<Vec<Option<&str>>> =
                items.iter().map(|i| i.map_or(Some(None), |b| std::str::from_utf8(b).ok().map(Some))).collect();
            Some(Arc::new(StringArray::from(texts?)))
        }
        Arrow::Boolean => {
            Some(Arc::new(items.iter().map(|i| i.map(|b| b.first() == Some(&1))).collect::<BooleanArray>()))
        }
        ty => {
            let width = ty.primitive_width()?;
            let mut bytes = Vec::with_capacity(items.len() * width);
            for item in items {
                match item {
                    Some(b) if b.len() == width => bytes.extend_from_slice(b),
                    Some(_) => return None,
                    None => bytes.resize(bytes.len() + width, 0),
                }
            }
            let valid: Vec<bool> = items.iter().map(Option::is_some).collect();
            let data = ArrayData::builder(ty.clone())
                .len(items.len())
                .add_buffer(Buffer::from_vec(bytes))
                .nulls(Some(valid.into()))
                .align_buffers(true);
            data.build().ok().map(make_array)
        }
    }
}
