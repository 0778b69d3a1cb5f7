//! JSON records to columns, and the inference of their schema.
//!
//! Columns are built one after the other over all records of a batch: for a struct its fields, for a
//! list its items laid end to end. What does not fit its column is NULL and marks its record bad.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::{DataFusionError, Result};
use vonk_common::{SessionConf, SparkResult};
use vonk_expr::arrow_types::{element_field, entries_field, struct_fields, to_arrow};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::convert::{self, Converter, Notation};
use super::json_text::Json;
use super::options::flag;
use super::variant;

/// What columns are built under.
pub struct Builder<'c> {
    pub options: &'c Options,
    pub conf: &'c SessionConf,
    /// What is no string is copied into strings as Jackson copies it, not as it was written.
    copies: bool,
    notation: Notation,
    /// Converters of text, one for each type met.
    converters: std::cell::RefCell<Vec<(DataType, Converter)>>,
}

/// The values of one column: one per record or item, with the record each belongs to.
struct Values<'v, 'a> {
    values: Vec<Option<&'v Json<'a>>>,
    rows: Vec<u32>,
}

impl<'c> Builder<'c> {
    pub fn new(options: &'c Options, conf: &'c SessionConf) -> Self {
        Builder { options, conf, copies: false, notation: Notation::of(options), converters: Default::default() }
    }

    pub fn copying(self) -> Self {
        Builder { copies: true, ..self }
    }

    /// The columns of some records. A record that is `None` gives a row of NULLs; rows with values
    /// that do not fit are marked in `bad`.
    pub fn columns(
        &self,
        records: &[Option<Json<'_>>],
        fields: &[StructField],
        bad: &mut [bool],
    ) -> Result<Vec<ArrayRef>> {
        let rows = (0..records.len() as u32).collect();
        let values = Values { values: records.iter().map(Option::as_ref).collect(), rows };
        fields.iter().map(|f| self.build(&values.field(&f.name), &f.data_type, bad)).collect()
    }

    fn build(&self, v: &Values<'_, '_>, to: &DataType, bad: &mut [bool]) -> Result<ArrayRef> {
        let mut fails = Fails { bad, rows: &v.rows };
        Ok(match to {
            DataType::Null => new_null_array(&Arrow::Null, v.values.len()),
            DataType::String(_) | DataType::Char(_) | DataType::VarChar(_) => {
                let text = v.values.iter().map(|v| match v {
                    None | Some(Json::Null) => None,
                    Some(Json::String(s)) => Some(Cow::Borrowed(s.as_ref())),
                    Some(other) => {
                        let mut out = String::new();
                        match self.copies {
                            true => other.copy(&mut out),
                            false => other.write(&mut out),
                        }
                        Some(Cow::Owned(out))
                    }
                });
                Arc::new(text.collect::<StringArray>())
            }
            DataType::Boolean => Arc::new(
                fails
                    .each(v, |j| match j {
                        Json::Boolean(b) => Some(*b),
                        _ => None,
                    })
                    .into_iter()
                    .collect::<BooleanArray>(),
            ),
            DataType::Byte => Arc::new(Int8Array::from(fails.each(v, whole))),
            DataType::Short => Arc::new(Int16Array::from(fails.each(v, whole))),
            DataType::Int => Arc::new(Int32Array::from(fails.each(v, whole))),
            DataType::Long => Arc::new(Int64Array::from(fails.each(v, whole))),
            DataType::Float => Arc::new(Float32Array::from(fails.each(v, |j| double(j).map(|d| d as f32)))),
            DataType::Double => Arc::new(Float64Array::from(fails.each(v, double))),
            DataType::Decimal(p, s) => {
                let values = fails.each(v, |j| match j {
                    Json::Number(n) => convert::decimal(n)?.rescaled(*p, *s),
                    Json::String(n) => self.notation.decimal(n)?.rescaled(*p, *s),
                    _ => None,
                });
                Arc::new(Decimal128Array::from(values).with_precision_and_scale(*p, *s)?)
            }
            DataType::Variant => {
                let mut rows = Vec::with_capacity(v.values.len());
                for (i, value) in v.values.iter().enumerate() {
                    let written = value.map(variant::of_json);
                    if matches!(written, Some(None)) {
                        fails.mark(i);
                    }
                    rows.push(written.flatten());
                }
                variant::array(rows.into_iter())?
            }
            DataType::Binary => {
                let decode = |j: &Json<'_>| match j {
                    Json::String(s) => base64(s),
                    _ => None,
                };
                Arc::new(fails.each(v, decode).iter().map(|b| b.as_deref()).collect::<BinaryArray>())
            }
            DataType::Struct(s) => {
                let valid = fails.kinds(v, |j| matches!(j, Json::Object(_)));
                let columns = s.fields.iter().map(|f| self.build(&v.field(&f.name), &f.data_type, bad));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new_with_length(struct_fields(s), columns, Some(valid), v.values.len())?)
            }
            DataType::Array(element, _) => {
                let valid = fails.kinds(v, |j| matches!(j, Json::Array(_)));
                let (items, offsets) = v.flatten(|j| match j {
                    Json::Array(items) => items.iter().collect(),
                    _ => vec![],
                })?;
                let items = self.build(&items, element, bad)?;
                Arc::new(ListArray::try_new(element_field(element), offsets, items, Some(valid))?)
            }
            DataType::Map(key, value, _) => {
                let valid = fails.kinds(v, |j| matches!(j, Json::Object(_)));
                let (items, offsets) = v.flatten(|j| match j {
                    Json::Object(fields) => fields.iter().map(|(_, v)| v).collect(),
                    _ => vec![],
                })?;
                let keys = v.values.iter().flatten().flat_map(|j| match j {
                    Json::Object(fields) => fields.as_slice(),
                    _ => &[],
                });
                let keys: ArrayRef = Arc::new(keys.map(|(k, _)| Some(k.as_ref())).collect::<StringArray>());
                let values = self.build(&items, value, bad)?;
                let field = entries_field(key, value);
                let Arrow::Struct(fields) = field.data_type() else {
                    return Err(DataFusionError::Internal("map entries".into()));
                };
                let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                Arc::new(MapArray::try_new(Arc::clone(&field), offsets, entries, Some(valid), false)?)
            }
            other => self.from_text(v, other, &mut fails)?,
        })
    }

    /// Dates, times and intervals: strings by the converter, numbers as counts.
    fn from_text(&self, v: &Values<'_, '_>, to: &DataType, fails: &mut Fails<'_>) -> Result<ArrayRef> {
        let text: StringArray = v
            .values
            .iter()
            .map(|j| match j {
                Some(Json::String(s)) => Some(s.as_ref()),
                _ => None,
            })
            .collect();
        let mut out = self.converter(to)?.convert(&text)?;
        let counts = |scale: i64| {
            let count = |j: &&Json<'_>| match j {
                Json::Number(n) => n.parse::<i64>().ok()?.checked_mul(scale),
                _ => None,
            };
            v.values.iter().map(|j| j.as_ref().and_then(count)).collect::<Int64Array>()
        };
        let numbers = match to {
            DataType::Timestamp => Some(counts(1_000_000)),
            DataType::Date => Some(counts(1)),
            _ => None,
        };
        if let Some(numbers) = numbers.filter(|n| n.null_count() < n.len()) {
            let numbers: ArrayRef = match to {
                DataType::Date => {
                    arrow::compute::cast(&arrow::compute::cast(&numbers, &Arrow::Int32)?, &Arrow::Date32)?
                }
                _ => arrow::compute::cast(&numbers, &to_arrow(to))?,
            };
            let is_number = arrow::compute::is_not_null(&numbers)?;
            out = arrow::compute::kernels::zip::zip(&is_number, &numbers, &out)?;
        }
        for (i, value) in v.values.iter().enumerate() {
            if out.is_null(i) && value.is_some_and(|j| *j != Json::Null) {
                fails.mark(i);
            }
        }
        Ok(out)
    }

    fn converter(&self, to: &DataType) -> Result<Converter> {
        let mut known = self.converters.borrow_mut();
        if let Some((_, found)) = known.iter().find(|(t, _)| t == to) {
            return Ok(found.clone());
        }
        let made = Converter::new(to, self.options, self.conf).map_err(vonk_expr::exec_err)?;
        known.push((to.clone(), made.clone()));
        Ok(made)
    }
}

impl<'v, 'a> Values<'v, 'a> {
    /// The field of each object.
    fn field(&self, name: &str) -> Values<'v, 'a> {
        let get = |j: &Option<&'v Json<'a>>| match j {
            Some(Json::Object(fields)) => fields.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        };
        Values { values: self.values.iter().map(get).collect(), rows: self.rows.clone() }
    }

    /// The parts of each value, laid end to end.
    fn flatten(
        &self,
        parts: impl Fn(&'v Json<'a>) -> Vec<&'v Json<'a>>,
    ) -> Result<(Values<'v, 'a>, OffsetBuffer<i32>)> {
        let mut out = Values { values: vec![], rows: vec![] };
        let mut lengths = Vec::with_capacity(self.values.len());
        for (value, row) in self.values.iter().zip(&self.rows) {
            let items = value.map(&parts).unwrap_or_default();
            lengths.push(items.len());
            out.rows.extend(std::iter::repeat_n(*row, items.len()));
            out.values.extend(items.into_iter().map(Some));
        }
        Ok((out, OffsetBuffer::from_lengths(lengths)))
    }
}

/// Where values that do not fit are noted.
struct Fails<'b> {
    bad: &'b mut [bool],
    rows: &'b [u32],
}

impl Fails<'_> {
    fn mark(&mut self, i: usize) {
        if let Some(flag) = self.rows.get(i).and_then(|row| self.bad.get_mut(*row as usize)) {
            *flag = true;
        }
    }

    fn each<T>(&mut self, v: &Values<'_, '_>, read: impl Fn(&Json<'_>) -> Option<T>) -> Vec<Option<T>> {
        let mut out = Vec::with_capacity(v.values.len());
        for (i, value) in v.values.iter().enumerate() {
            out.push(match value {
                None | Some(Json::Null) => None,
                Some(j) => {
                    let read = read(j);
                    if read.is_none() {
                        self.mark(i);
                    }
                    read
                }
            });
        }
        out
    }

    /// Which values are of the kind; others than NULL are noted.
    fn kinds(&mut self, v: &Values<'_, '_>, is: impl Fn(&Json<'_>) -> bool) -> NullBuffer {
        let mut valid = Vec::with_capacity(v.values.len());
        for (i, value) in v.values.iter().enumerate() {
            let fits = value.is_some_and(&is);
            if !fits && value.is_some_and(|j| *j != Json::Null) {
                self.mark(i);
            }
            valid.push(fits);
        }
        NullBuffer::from(valid)
    }
}

fn whole<T: std::str::FromStr>(j: &Json<'_>) -> Option<T> {
    match j {
        Json::Number(n) => n.parse().ok(),
        _ => None,
    }
}

fn double(j: &Json<'_>) -> Option<f64> {
    let text = match j {
        Json::Number(n) => n,
        Json::String(s) => match s.as_ref() {
            "NaN" | "+INF" | "-INF" | "INF" | "Infinity" | "+Infinity" | "-Infinity" => s.as_ref(),
            _ => return None,
        },
        _ => return None,
    };
    match text {
        "NaN" => Some(f64::NAN),
        "INF" | "+INF" | "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-INF" | "-Infinity" => Some(f64::NEG_INFINITY),
        n => n.parse().ok(),
    }
}

/// Base64 with the usual alphabet; blanks and padding are skipped.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for b in text.bytes() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// Finds a schema for records.
pub struct Inference {
    root: Option<DataType>,
    pub corrupt: bool,
    /// The type of a record that is none.
    pub stray: Option<DataType>,
    primitives_as_string: bool,
    prefers_decimal: bool,
    drops_all_null: bool,
    notation: Notation,
    timestamps: Option<(Converter, DataType)>,
}

impl Inference {
    pub fn new(options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let timestamps = flag(options, "infertimestamp", false)?;
        let ntz = conf.get("spark.sql.timestampType").is_some_and(|t| t.eq_ignore_ascii_case("TIMESTAMP_NTZ"));
        let kind = if ntz { DataType::TimestampNtz } else { DataType::Timestamp };
        Ok(Inference {
            root: None,
            corrupt: false,
            stray: None,
            primitives_as_string: flag(options, "primitivesasstring", false)?,
            prefers_decimal: flag(options, "prefersdecimal", false)?,
            drops_all_null: flag(options, "dropfieldifallnull", false)?,
            notation: Notation::of(options),
            timestamps: if timestamps { Some((Converter::new(&kind, options, conf)?, kind)) } else { None },
        })
    }

    /// Takes a record into account: an object, or an array of objects.
    pub fn add(&mut self, record: &Json<'_>) -> Result<()> {
        if self.prefers_decimal && has_non_number(record) {
            self.corrupt = true;
            return Ok(());
        }
        let found = match self.type_of(record)? {
            DataType::Array(element, _) => *element,
            DataType::Null => {
                self.corrupt = true;
                return Ok(());
            }
            other => other,
        };
        match found {
            DataType::Struct(_) => {
                self.root = Some(match self.root.take() {
                    Some(before) => common(before, found),
                    None => found,
                })
            }
            // An array of nothing, or of NULLs.
            DataType::Null => {}
            other => {
                self.corrupt = true;
                self.stray = Some(other);
            }
        }
        Ok(())
    }

    /// The type of one value.
    pub fn type_of(&self, j: &Json<'_>) -> Result<DataType> {
        Ok(match j {
            Json::Null => DataType::Null,
            Json::Boolean(_) | Json::Number(_) if self.primitives_as_string => DataType::STRING,
            Json::Boolean(_) => DataType::Boolean,
            Json::Number(n) => self.number(n),
            Json::String(s) if s.is_empty() => DataType::Null,
            Json::String(s) => self.string(s)?,
            Json::Array(items) => {
                let element = items
                    .iter()
                    .try_fold(DataType::Null, |t, j| Ok::<_, DataFusionError>(common(t, self.type_of(j)?)))?;
                DataType::array(element, true)
            }
            Json::Object(fields) => {
                let fields = fields.iter().map(|(n, v)| Ok(StructField::new(n.as_ref(), self.type_of(v)?, true)));
                let mut fields = fields.collect::<Result<Vec<_>>>()?;
                fields.sort_by(|a, b| a.name.cmp(&b.name));
                DataType::structure(fields)
            }
        })
    }

    fn string(&self, s: &str) -> Result<DataType> {
        if self.prefers_decimal
            && let Some(decimal) = self.notation.inferred(s).and_then(decimal_type)
        {
            return Ok(decimal);
        }
        if let Some((converter, kind)) = &self.timestamps
            && converter.convert(&StringArray::from(vec![s]))?.is_valid(0)
        {
            return Ok(kind.clone());
        }
        Ok(DataType::STRING)
    }

    fn number(&self, n: &str) -> DataType {
        let is_whole = !n.contains(['.', 'e', 'E']) && n.ends_with(|c: char| c.is_ascii_digit());
        if is_whole && n.parse::<i64>().is_ok() {
            return DataType::Long;
        }
        match is_whole || self.prefers_decimal {
            true => convert::decimal(n).and_then(decimal_type).unwrap_or(DataType::Double),
            false => DataType::Double,
        }
    }

    /// The schema, with a column for bad records where there were any and the mode keeps them.
    pub fn schema(self, corrupt_column: Option<&str>) -> StructType {
        let root = self.root.map(|t| canonical(t, true, self.drops_all_null));
        let mut fields: Vec<StructField> = match root {
            Some(Some(DataType::Struct(s))) => s.fields.to_vec(),
            _ => vec![],
        };
        if let Some(name) = corrupt_column.filter(|n| self.corrupt && !fields.iter().any(|f| f.name == *n)) {
            fields.push(StructField::new(name, DataType::STRING, true));
            fields.sort_by(|a, b| a.name.cmp(&b.name));
        }
        StructType::new(fields)
    }
}

/// The type that holds a number of so many digits.
fn decimal_type(d: convert::Written) -> Option<DataType> {
    let scale = u32::try_from(d.scale.max(0)).ok()?;
    let digits = d.precision().max(scale);
    (digits <= 38).then_some(DataType::Decimal(digits as u8, scale as i8))
}

/// Is there a `NaN` or an infinity? They are no decimals.
fn has_non_number(json: &Json<'_>) -> bool {
    match json {
        Json::Number(n) => n.ends_with(|c: char| c.is_ascii_alphabetic()),
        Json::Array(items) => items.iter().any(has_non_number),
        Json::Object(fields) => fields.iter().any(|(_, v)| has_non_number(v)),
        _ => false,
    }
}

/// Without NULL types, which are strings or `dropped` (`dropFieldIfAllNull`), and empty structs, which are gone.
pub fn canonical(t: DataType, root: bool, dropped: bool) -> Option<DataType> {
    Some(match t {
        DataType::Null if dropped => return None,
        DataType::Null => DataType::STRING,
        DataType::Array(e, n) => DataType::array(canonical(*e, false, dropped)?, n),
        DataType::Struct(s) => {
            let fields = s.fields.iter().filter(|f| !f.name.is_empty());
            let fields = fields
                .filter_map(|f| Some(StructField::new(&f.name, canonical(f.data_type.clone(), false, dropped)?, true)));
            let fields: Vec<_> = fields.collect();
            if fields.is_empty() && !root {
                return None;
            }
            DataType::structure(fields)
        }
        other => other,
    })
}

/// The type that holds values of both; a string when nothing else does.
fn common(a: DataType, b: DataType) -> DataType {
    match (a, b) {
        (a, b) if a == b => a,
        (DataType::Null, t) | (t, DataType::Null) => t,
        (DataType::Struct(a), DataType::Struct(b)) => {
            // Both sides are sorted; names that come twice in a record are kept for the check later.
            let mut merged: BTreeMap<(String, usize), StructField> = BTreeMap::new();
            for side in [a, b] {
                let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
                for field in side.fields.iter() {
                    let n = seen.entry(&field.name).or_insert(0);
                    let key = (field.name.clone(), *n);
                    *n += 1;
                    match merged.get_mut(&key) {
                        Some(known) => {
                            let before = std::mem::replace(&mut known.data_type, DataType::Null);
                            known.data_type = common(before, field.data_type.clone());
                        }
                        None => {
                            merged.insert(key, field.clone());
                        }
                    }
                }
            }
            DataType::structure(merged.into_values())
        }
        (DataType::Array(a, n), DataType::Array(b, m)) => DataType::array(common(*a, *b), n || m),
        (DataType::Double, t) | (t, DataType::Double) if t.is_numeric() => DataType::Double,
        (a, b) => match (digits(&a), digits(&b)) {
            (Some((p, s)), Some((q, t))) => {
                let (scale, whole) = (s.max(t), (p - s).max(q - t));
                if scale + whole > 38 {
                    DataType::Double
                } else {
                    DataType::Decimal((scale + whole) as u8, scale as i8)
                }
            }
            _ => DataType::STRING,
        },
    }
}

fn digits(t: &DataType) -> Option<(i16, i16)> {
    match t {
        DataType::Long => Some((20, 0)),
        DataType::Decimal(p, s) => Some((i16::from(*p), i16::from(*s))),
        _ => None,
    }
}
