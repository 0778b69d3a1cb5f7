//! The streams of a column of one stripe into arrays.
//!
//! A reader of a column gives values without gaps: rows in which a struct around it is NULL are not there.
//! Where the column itself has NULLs, its present values are spread over the rows afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, MapArray, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType as Arrow, Field, Fields};
use vonk_expr::arrow_types::{ELEMENT, ENTRIES, KEY, UTC, VALUE};
use vonk_expr::cast::zone::Zone;

use super::integers::Integers;
use super::messages::{StripeFooter, Type, encoding, stream};
use super::runs::{Bits, ByteRuns, Input, unzigzag};
use super::texts::{Texts, offsets};
use super::types::kind;
use super::{Orc, ended};

/// Seconds from 1970 to 2015, which instants are counted from.
pub const ORC_EPOCH: i64 = 1_420_070_400;
/// More seconds than have microseconds that can be counted.
const MAX_SECONDS: u64 = 10_000_000_000_000;

/// The decompressed streams of a stripe, by column and kind.
pub type Streams = HashMap<(u32, i32), Vec<u8>>;

/// A column of a stripe.
pub struct Column {
    present: Option<Bits>,
    values: Values,
}

enum Values {
    Booleans(Bits),
    Bytes(ByteRuns),
    Integers(Integers, i32),
    Floats(Input),
    Doubles(Input),
    Texts(Texts, bool),
    Decimals(Input, Integers, u8, i8),
    Instants(Integers, Integers, Option<Zone>),
    List(Integers, Box<Column>),
    Map(Integers, Box<Column>, Box<Column>),
    Struct(Vec<(String, Column)>),
}

impl Column {
    /// The column of that number; its streams are taken.
    pub fn new(types: &[Type], number: u32, footer: &StripeFooter, streams: &mut Streams) -> Orc<Self> {
        let missing = || format!("column {number} is missing");
        let t = types.get(number as usize).ok_or_else(missing)?;
        let coded = footer.columns.get(number as usize).ok_or_else(missing)?;
        let second = matches!(coded.kind(), encoding::DIRECT_V2 | encoding::DICTIONARY_V2);
        if !(encoding::DIRECT..=encoding::DICTIONARY_V2).contains(&coded.kind()) {
            return Err(format!("column {number} is encoded in an unknown way"));
        }
        let present = streams.remove(&(number, stream::PRESENT)).map(Bits::new);
        let mut bytes = |kind: i32| streams.remove(&(number, kind)).unwrap_or_default();
        let integers = |bytes: Vec<u8>, signed: bool| Integers::new(bytes, signed, second);
        let values = match t.kind.unwrap_or(-1) {
            kind::BOOLEAN => Values::Booleans(Bits::new(bytes(stream::DATA))),
            kind::BYTE => Values::Bytes(ByteRuns::new(bytes(stream::DATA))),
            k @ (kind::SHORT | kind::INT | kind::LONG | kind::DATE) => {
                Values::Integers(integers(bytes(stream::DATA), true), k)
            }
            kind::FLOAT => Values::Floats(Input::new(bytes(stream::DATA))),
            kind::DOUBLE => Values::Doubles(Input::new(bytes(stream::DATA))),
            k @ (kind::STRING | kind::VARCHAR | kind::CHAR | kind::BINARY) => {
                let lengths = integers(bytes(stream::LENGTH), false);
                let data = bytes(stream::DATA);
                let texts = match coded.kind() {
                    encoding::DICTIONARY | encoding::DICTIONARY_V2 => {
                        let words = Input::new(bytes(stream::DICTIONARY_DATA));
                        let mut words = Texts::Direct(lengths, words);
                        let words = words.read(coded.dictionary_size() as usize, k == kind::BINARY)?;
                        Texts::Dictionary(words, integers(data, false))
                    }
                    _ => Texts::Direct(lengths, Input::new(data)),
                };
                Values::Texts(texts, k == kind::BINARY)
            }
            kind::DECIMAL => {
                let scales = integers(bytes(stream::SECONDARY), true);
                Values::Decimals(Input::new(bytes(stream::DATA)), scales, t.precision() as u8, t.scale() as i8)
            }
            k @ (kind::TIMESTAMP | kind::TIMESTAMP_INSTANT) => {
                let zone = match footer.writer_timezone.as_deref().filter(|_| k == kind::TIMESTAMP) {
                    Some(name) => Some(Zone::parse(name).ok_or_else(|| format!("there is no time zone {name}"))?),
                    None => (k == kind::TIMESTAMP).then(Zone::utc),
                };
                let seconds = integers(bytes(stream::DATA), true);
                Values::Instants(seconds, integers(bytes(stream::SECONDARY), false), zone)
            }
            k @ (kind::LIST | kind::MAP | kind::STRUCT) => {
                let lengths = integers(bytes(stream::LENGTH), false);
                let parts = t.subtypes.iter().map(|part| Column::new(types, *part, footer, streams));
                let mut parts = parts.collect::<Orc<Vec<_>>>()?;
                match (k, parts.pop()) {
                    (kind::STRUCT, last) => {
                        let names = t.field_names.iter().cloned();
                        Values::Struct(names.zip(parts.into_iter().chain(last)).collect())
                    }
                    (kind::LIST, Some(element)) => Values::List(lengths, Box::new(element)),
                    (_, Some(value)) => {
                        Values::Map(lengths, Box::new(parts.pop().ok_or_else(missing)?), Box::new(value))
                    }
                    _ => return Err(missing()),
                }
            }
            _ => return Err(format!("column {number} has a type that is not supported")),
        };
        Ok(Column { present, values })
    }

    /// The next `n` rows.
    pub fn read(&mut self, n: usize) -> Orc<ArrayRef> {
        let Some(present) = &mut self.present else { return self.values.read(n) };
        let mut indices: Vec<Option<u32>> = vec![];
        let mut count = 0;
        for _ in 0..n {
            let is_present = present.bit()?;
            indices.push(is_present.then_some(count));
            count += u32::from(is_present);
        }
        let values = self.values.read(count as usize)?;
        if count as usize == n {
            return Ok(values);
        }
        arrow::compute::take(&values, &UInt32Array::from(indices), None).map_err(|e| e.to_string())
    }
}

impl Values {
    fn read(&mut self, n: usize) -> Orc<ArrayRef> {
        Ok(match self {
            Values::Booleans(bits) => {
                Arc::new((0..n).map(|_| bits.bit()).collect::<Orc<Vec<bool>>>().map(BooleanArray::from)?)
            }
            Values::Bytes(bytes) => {
                let values = (0..n).map(|_| bytes.byte().map(|b| b as i8)).collect::<Orc<Vec<_>>>()?;
                Arc::new(Int8Array::from(values))
            }
            Values::Integers(integers, of) => {
                let values = integers.values(n)?;
                match *of {
                    kind::SHORT => Arc::new(Int16Array::from_iter_values(values.into_iter().map(|v| v as i16))),
                    kind::INT => Arc::new(Int32Array::from_iter_values(values.into_iter().map(|v| v as i32))),
                    kind::DATE => Arc::new(Date32Array::from_iter_values(values.into_iter().map(|v| v as i32))),
                    _ => Arc::new(Int64Array::from(values)),
                }
            }
            Values::Floats(input) => {
                let bytes = input.take(n.checked_mul(4).ok_or_else(ended)?)?;
                let (chunks, _) = bytes.as_chunks::<4>();
                Arc::new(Float32Array::from_iter_values(chunks.iter().map(|b| f32::from_le_bytes(*b))))
            }
            Values::Doubles(input) => {
                let bytes = input.take(n.checked_mul(8).ok_or_else(ended)?)?;
                let (chunks, _) = bytes.as_chunks::<8>();
                Arc::new(Float64Array::from_iter_values(chunks.iter().map(|b| f64::from_le_bytes(*b))))
            }
            Values::Texts(texts, is_binary) => texts.read(n, *is_binary)?,
            Values::Decimals(input, scales, precision, scale) => {
                let scales = scales.values(n)?;
                let values = scales.into_iter().map(|from| {
                    let value = unzigzag(input.varint()?);
                    rescaled(value, from, i64::from(*scale)).ok_or_else(|| "a decimal is too large".to_string())
                });
                let values = values.collect::<Orc<Vec<i128>>>()?;
                let array = Decimal128Array::from(values).with_precision_and_scale(*precision, *scale);
                Arc::new(array.map_err(|e| e.to_string())?)
            }
            Values::Instants(seconds, nanos, zone) => {
                let (seconds, nanos) = (seconds.values(n)?, nanos.values(n)?);
                let epoch = zone.as_ref().map_or(ORC_EPOCH, |z| z.to_utc(ORC_EPOCH));
                let values = seconds.into_iter().zip(nanos).map(|(s, n)| {
                    micros(s, n, epoch, zone.as_ref()).ok_or_else(|| "an instant is out of range".to_string())
                });
                let array = TimestampMicrosecondArray::from(values.collect::<Orc<Vec<i64>>>()?);
                Arc::new(if zone.is_some() { array } else { array.with_timezone(UTC) })
            }
            Values::List(lengths, element) => {
                let (offsets, total) = offsets(&lengths.values(n)?)?;
                let values = element.read(total)?;
                let field = Arc::new(Field::new(ELEMENT, values.data_type().clone(), true));
                Arc::new(ListArray::try_new(field, offsets, values, None).map_err(|e| e.to_string())?)
            }
            Values::Map(lengths, key, value) => {
                let (offsets, total) = offsets(&lengths.values(n)?)?;
                let (keys, values) = (key.read(total)?, value.read(total)?);
                let fields = Fields::from(vec![
                    Field::new(KEY, keys.data_type().clone(), false),
                    Field::new(VALUE, values.data_type().clone(), true),
                ]);
                let entries = StructArray::try_new(fields.clone(), vec![keys, values], None);
                let field = Arc::new(Field::new(ENTRIES, Arrow::Struct(fields), false));
                let map = MapArray::try_new(field, offsets, entries.map_err(|e| e.to_string())?, None, false);
                Arc::new(map.map_err(|e| e.to_string())?)
            }
            Values::Struct(parts) => {
                let columns = parts.iter_mut().map(|(_, part)| part.read(n)).collect::<Orc<Vec<_>>>()?;
                let names = parts.iter().map(|(name, _)| name).zip(&columns);
                let fields: Fields = names.map(|(name, c)| Field::new(name, c.data_type().clone(), true)).collect();
                let array = StructArray::try_new_with_length(fields, columns, None, n);
                Arc::new(array.map_err(|e| e.to_string())?)
            }
        })
    }
}

/// Each value of a decimal column says its own scale.
fn rescaled(value: i128, from: i64, to: i64) -> Option<i128> {
    let power = u32::try_from(from.checked_sub(to)?.unsigned_abs()).ok()?;
    match from.cmp(&to) {
        std::cmp::Ordering::Equal => Some(value),
        std::cmp::Ordering::Less => value.checked_mul(10i128.checked_pow(power)?),
        std::cmp::Ordering::Greater => Some(10i128.checked_pow(power).map_or(0, |p| value / p)),
    }
}

/// Seconds from the epoch, and nanoseconds with the number of their zeros in the last three bits. With a
/// zone, the result is what its clocks showed.
fn micros(seconds: i64, nanos: i64, epoch: i64, zone: Option<&Zone>) -> Option<i64> {
    let zeros = (nanos & 7) as u32;
    let nanos = (nanos >> 3).checked_mul(if zeros == 0 { 1 } else { 10i64.pow(zeros + 1) })?;
    let mut seconds = seconds.checked_add(epoch).filter(|s| s.unsigned_abs() < MAX_SECONDS)?;
    // Writers cut seconds towards zero, which is undone where it can be (ORC-763).
    if seconds < 0 && nanos > 999_999 {
        seconds -= 1;
    }
    let seconds = seconds.checked_add(zone.map_or(0, |z| i64::from(z.offset_at(seconds))))?;
    seconds.checked_mul(1_000_000)?.checked_add(nanos / 1000)
}
