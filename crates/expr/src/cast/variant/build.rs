//! Writing the binary form of variants.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use hashbrown::HashMap;
use vonk_common::SparkError;
use vonk_plan::types::DataType as Spark;

use super::decode::{Value, Variant};
use super::json::stripped;
use crate::arrow_types::to_arrow;
use crate::cast::{Caster, Mode};

/// Collects the field names of one variant while its value is written.
#[derive(Default)]
pub struct Builder {
    ids: HashMap<String, usize>,
    names: Vec<String>,
}

fn width(n: usize) -> usize {
    match n {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

fn push_number(out: &mut Vec<u8>, n: usize, width: usize) {
    out.extend((n as u64).to_le_bytes().iter().take(width));
}

impl Builder {
    /// The id of a field name.
    pub fn id(&mut self, name: &str) -> usize {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.names.len();
        self.ids.insert(name.to_string(), id);
        self.names.push(name.to_string());
        id
    }

    /// The dictionary, once all values are written.
    pub fn metadata(&self) -> Vec<u8> {
        let total: usize = self.names.iter().map(String::len).sum();
        let w = width(total.max(self.names.len()));
        let mut out = vec![1 | ((w - 1) as u8) << 6];
        push_number(&mut out, self.names.len(), w);
        let mut at = 0;
        push_number(&mut out, 0, w);
        for name in &self.names {
            at += name.len();
            push_number(&mut out, at, w);
        }
        self.names.iter().for_each(|n| out.extend_from_slice(n.as_bytes()));
        out
    }

    /// An array of written values.
    pub fn array(out: &mut Vec<u8>, items: &[Vec<u8>]) {
        let total: usize = items.iter().map(Vec::len).sum();
        let large = items.len() > 255;
        let w = width(total);
        out.push(3 | ((w - 1) as u8) << 2 | u8::from(large) << 4);
        push_number(out, items.len(), if large { 4 } else { 1 });
        offsets(out, items.iter(), w);
        items.iter().for_each(|i| out.extend_from_slice(i));
    }

    /// An object of field names and written values; of a name given twice the last counts.
    pub fn object(&mut self, out: &mut Vec<u8>, fields: Vec<(String, Vec<u8>)>) {
        let mut fields: Vec<_> = fields.into_iter().map(|(name, v)| (self.id(&name), name, v)).collect();
        fields.sort_by(|a, b| a.1.cmp(&b.1));
        let mut kept: Vec<(usize, String, Vec<u8>)> = Vec::with_capacity(fields.len());
        for field in fields {
            match kept.last_mut() {
                Some(last) if last.0 == field.0 => *last = field,
                _ => kept.push(field),
            }
        }
        let total: usize = kept.iter().map(|f| f.2.len()).sum();
        let large = kept.len() > 255;
        let (w, iw) = (width(total), width(kept.iter().map(|f| f.0).max().unwrap_or(0)));
        out.push(2 | ((w - 1) as u8) << 2 | ((iw - 1) as u8) << 4 | u8::from(large) << 6);
        push_number(out, kept.len(), if large { 4 } else { 1 });
        kept.iter().for_each(|f| push_number(out, f.0, iw));
        offsets(out, kept.iter().map(|f| &f.2), w);
        kept.iter().for_each(|f| out.extend_from_slice(&f.2));
    }

    /// A value of another variant, its field names taken over.
    pub fn copy(&mut self, out: &mut Vec<u8>, variant: &Variant) {
        match variant.get() {
            Some(Value::Array(items)) => {
                let items: Vec<_> = items.map(|i| self.written(&i)).collect();
                Builder::array(out, &items);
            }
            Some(Value::Object(fields)) => {
                let fields = fields.map(|(n, f)| (n.to_string(), self.written(&f))).collect();
                self.object(out, fields);
            }
            Some(scalar) => write_scalar(out, &scalar),
            None => write_scalar(out, &Value::Null),
        }
    }

    fn written(&mut self, variant: &Variant) -> Vec<u8> {
        let mut out = vec![];
        self.copy(&mut out, variant);
        out
    }
}

fn offsets<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a Vec<u8>>, w: usize) {
    let mut at = 0;
    push_number(out, 0, w);
    for item in items {
        at += item.len();
        push_number(out, at, w);
    }
}

/// A value that is no array and no object, in its smallest form.
pub fn write_scalar(out: &mut Vec<u8>, value: &Value) {
    let mut primitive = |kind: u8, bytes: &[u8]| {
        out.push(kind << 2);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => primitive(0, &[]),
        Value::Boolean(v) => primitive(if *v { 1 } else { 2 }, &[]),
        Value::Long(v) => {
            if let Ok(v) = i8::try_from(*v) {
                primitive(3, &v.to_le_bytes());
            } else if let Ok(v) = i16::try_from(*v) {
                primitive(4, &v.to_le_bytes());
            } else if let Ok(v) = i32::try_from(*v) {
                primitive(5, &v.to_le_bytes());
            } else {
                primitive(6, &v.to_le_bytes());
            }
        }
        Value::Double(v) => primitive(7, &v.to_le_bytes()),
        Value::Float(v) => primitive(14, &v.to_le_bytes()),
        Value::Decimal(v, s) => {
            let digits = v.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1).max(u32::from(*s));
            let head = |kind: u8, out: &mut Vec<u8>| out.extend([kind << 2, *s]);
            match digits {
                0..=9 => {
                    head(8, out);
                    out.extend((*v as i32).to_le_bytes());
                }
                10..=18 => {
                    head(9, out);
                    out.extend((*v as i64).to_le_bytes());
                }
                _ => {
                    head(10, out);
                    out.extend(v.to_le_bytes());
                }
            }
        }
        Value::Date(v) => primitive(11, &v.to_le_bytes()),
        Value::Timestamp(v) => primitive(12, &v.to_le_bytes()),
        Value::TimestampNtz(v) => primitive(13, &v.to_le_bytes()),
        Value::Uuid(v) => primitive(20, v),
        Value::String(text) if text.len() < 64 => {
            out.push(1 | (text.len() as u8) << 2);
            out.extend_from_slice(text.as_bytes());
        }
        Value::String(text) => sized(out, 16, text.as_bytes()),
        Value::Binary(bytes) => sized(out, 15, bytes),
    }
}

fn sized(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind << 2);
    push_number(out, bytes.len(), 4);
    out.extend_from_slice(bytes);
}

/// A column of variants.
pub fn variants(rows: &[Option<Variant>]) -> DfResult<ArrayRef> {
    collect(rows.len(), |i, builder, out| match rows.get(i).and_then(Option::as_ref) {
        Some(v) => {
            builder.copy(out, v);
            true
        }
        None => false,
    })
}

/// Builds a column; `write` says whether the row has a value.
pub fn collect(rows: usize, mut write: impl FnMut(usize, &mut Builder, &mut Vec<u8>) -> bool) -> DfResult<ArrayRef> {
    let (mut values, mut metadata, mut valid) = (BinaryBuilder::new(), BinaryBuilder::new(), vec![]);
    let mut out = vec![];
    for i in 0..rows {
        out.clear();
        let mut builder = Builder::default();
        let present = write(i, &mut builder, &mut out);
        match present {
            true => {
                values.append_value(&out);
                metadata.append_value(builder.metadata());
            }
            false => {
                values.append_null();
                metadata.append_null();
            }
        }
        valid.push(present);
    }
    let DataType::Struct(fields) = to_arrow(&Spark::Variant) else { return Err(super::not_a_variant()) };
    let columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(metadata.finish())];
    Ok(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(valid)))?))
}

type Cell<'a> = Box<dyn Fn(usize, &mut Builder, &mut Vec<u8>) + 'a>;

/// `CAST(x AS VARIANT)`; structs and maps, which a cast refuses, for `to_variant_object`.
pub fn to_variant(c: &Caster, array: &ArrayRef, from: &Spark) -> DfResult<ArrayRef> {
    if matches!(from, Spark::Time(_)) {
        return match c.mode {
            Mode::Try => Ok(new_null_array(&to_arrow(&Spark::Variant), array.len())),
            _ => Err(crate::cast::no_kernel(from, &Spark::Variant)),
        };
    }
    let cell = cell(array, from)?;
    collect(array.len(), |i, builder, out| {
        let present = !array.is_null(i);
        if present {
            cell(i, builder, out);
        }
        present
    })
}

fn cell<'a>(array: &'a dyn Array, from: &Spark) -> DfResult<Cell<'a>> {
    fn of<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, f: impl Fn(T::Native) -> Value<'static> + 'a) -> Cell<'a> {
        let values = array.as_primitive::<T>();
        Box::new(move |i, _, out| write_scalar(out, &f(values.value(i))))
    }
    Ok(match from {
        Spark::Null => Box::new(|_, _, out| write_scalar(out, &Value::Null)),
        Spark::Boolean => {
            let values = array.as_boolean();
            Box::new(move |i, _, out| write_scalar(out, &Value::Boolean(values.value(i))))
        }
        Spark::Byte => of::<Int8Type>(array, |v| Value::Long(v.into())),
        Spark::Short => of::<Int16Type>(array, |v| Value::Long(v.into())),
        Spark::Int => of::<Int32Type>(array, |v| Value::Long(v.into())),
        Spark::Long => of::<Int64Type>(array, Value::Long),
        Spark::Float => of::<Float32Type>(array, Value::Float),
        Spark::Double => of::<Float64Type>(array, Value::Double),
        Spark::Decimal(_, s) => {
            let scale = (*s).max(0) as u8;
            of::<Decimal128Type>(array, move |v| Value::Decimal(v, scale))
        }
        Spark::Date => of::<Date32Type>(array, Value::Date),
        Spark::Timestamp => of::<TimestampMicrosecondType>(array, Value::Timestamp),
        Spark::TimestampNtz => of::<TimestampMicrosecondType>(array, Value::TimestampNtz),
        // Spark fails at itself here: variants have none.
        t if t.is_nanos() => return Err(crate::exec_err(SparkError::internal(format!("no variant of {t}")))),
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            let values = array.as_string::<i32>();
            Box::new(move |i, _, out| write_scalar(out, &Value::String(values.value(i))))
        }
        Spark::Binary => {
            let values = array.as_binary::<i32>();
            Box::new(move |i, _, out| write_scalar(out, &Value::Binary(values.value(i))))
        }
        Spark::Variant => {
            let variants = super::Variants::new(array)?;
            Box::new(move |i, builder, out| match variants.get(i) {
                Some(v) => builder.copy(out, &v),
                None => write_scalar(out, &Value::Null),
            })
        }
        Spark::Array(e, _) => {
            let list = array.as_list::<i32>();
            let values = list.values();
            let item = cell(values, e)?;
            let offsets = list.value_offsets();
            Box::new(move |i, builder, out| {
                let at = |k: usize| offsets.get(k).map_or(0, |v| *v as usize);
                let items: Vec<_> = (at(i)..at(i + 1)).map(|k| written(values, &item, k, builder)).collect();
                Builder::array(out, &items);
            })
        }
        Spark::Struct(s) => {
            let array = array.as_struct();
            let fields: DfResult<Vec<_>> = s
                .fields
                .iter()
                .zip(array.columns())
                .map(|(f, c)| Ok((f.name.clone(), c, cell(c, &f.data_type)?)))
                .collect();
            let fields = fields?;
            Box::new(move |i, builder, out| {
                let fields = fields.iter().map(|(n, c, cell)| (n.clone(), written(c, cell, i, builder))).collect();
                builder.object(out, fields);
            })
        }
        Spark::Map(k, v, _) if k.is_string() => {
            let map = array.as_map();
            let keys = map.keys().as_string::<i32>();
            let values = map.values();
            let item = cell(values, v)?;
            let offsets = map.value_offsets();
            Box::new(move |i, builder, out| {
                let at = |k: usize| offsets.get(k).map_or(0, |v| *v as usize);
                let fields = (at(i)..at(i + 1))
                    .map(|k| (keys.value(k).to_string(), written(values, &item, k, builder)))
                    .collect();
                builder.object(out, fields);
            })
        }
        from => return Err(crate::cast::no_kernel(from, &Spark::Variant)),
    })
}

/// One value by itself; NULL is a JSON null.
fn written(array: &dyn Array, cell: &Cell, i: usize, builder: &mut Builder) -> Vec<u8> {
    let mut bytes = vec![];
    match array.is_null(i) {
        true => write_scalar(&mut bytes, &Value::Null),
        false => cell(i, builder, &mut bytes),
    }
    bytes
}

/// The precision and scale under which a decimal of a variant is cast.
pub fn decimal_type(v: i128, scale: u8) -> (i128, Spark) {
    let (v, scale) = stripped(v, scale);
    (v, Spark::Decimal(38, scale as i8))
}
