//! Arrays into the streams of a column, the reverse of [`super::decode`]. All columns are encoded directly:
//! there are no dictionaries, which codecs make up for.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalYearMonthType, TimestampMicrosecondType,
};

use super::Orc;
use super::decode::ORC_EPOCH;
use super::integers::put_integers;
use super::messages::{ColumnStatistics, Type, stream};
use super::runs::{put_bits, put_bytes, put_varint, zigzag};

/// A column of the stripe that is being filled.
pub struct Column {
    number: u32,
    present: BooleanBufferBuilder,
    bits: BooleanBufferBuilder,
    data: Vec<u8>,
    lengths: Vec<u8>,
    secondary: Vec<u8>,
    /// Those that the column's values have as parts.
    parts: Vec<Column>,
    /// NULLs in the stripe, and values and NULLs in the file.
    stripe_has_null: bool,
    values: u64,
    has_null: bool,
    kinds: &'static [i32],
}

impl Column {
    pub fn new(types: &[Type], number: u32) -> Self {
        let parts = types.get(number as usize).map(|t| t.subtypes.as_slice()).unwrap_or_default();
        Column {
            number,
            present: BooleanBufferBuilder::new(0),
            bits: BooleanBufferBuilder::new(0),
            data: vec![],
            lengths: vec![],
            secondary: vec![],
            parts: parts.iter().map(|p| Column::new(types, *p)).collect(),
            stripe_has_null: false,
            values: 0,
            has_null: false,
            kinds: &[],
        }
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        let own = self.data.len() + self.lengths.len() + self.secondary.len();
        own + (self.present.len() + self.bits.len()) / 8 + self.parts.iter().map(Column::size).sum::<usize>()
    }

    /// Adds rows. Values that are NULL are only told to be so, and their parts are not written.
    pub fn add(&mut self, array: &ArrayRef) -> Orc<()> {
        let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
        let array = match &nulls {
            None => {
                self.present.append_n(array.len(), true);
                ArrayRef::clone(array)
            }
            Some(nulls) => {
                self.present.append_buffer(nulls.inner());
                (self.stripe_has_null, self.has_null) = (true, true);
                let keep = BooleanArray::new(nulls.inner().clone(), None);
                arrow::compute::filter(array, &keep).map_err(|e| e.to_string())?
            }
        };
        self.values += array.len() as u64;
        self.add_values(&array)
    }

    fn add_values(&mut self, array: &ArrayRef) -> Orc<()> {
        const DATA: &[i32] = &[stream::DATA];
        const TEXT: &[i32] = &[stream::DATA, stream::LENGTH];
        const TWO: &[i32] = &[stream::DATA, stream::SECONDARY];
        macro_rules! integers {
            ($kind:ty) => {{
                self.kinds = DATA;
                let values = array.as_primitive::<$kind>().values().iter();
                put_integers(values.map(|v| i64::from(*v)), true, &mut self.data);
            }};
        }
        match array.data_type() {
            Arrow::Boolean => {
                self.kinds = DATA;
                self.bits.append_buffer(array.as_boolean().values());
            }
            Arrow::Int8 => {
                self.kinds = DATA;
                let bytes: Vec<u8> = array.as_primitive::<Int8Type>().values().iter().map(|v| *v as u8).collect();
                put_bytes(&bytes, &mut self.data);
            }
            Arrow::Int16 => integers!(Int16Type),
            Arrow::Int32 => integers!(Int32Type),
            Arrow::Int64 => integers!(Int64Type),
            Arrow::Date32 => integers!(Date32Type),
            Arrow::Interval(_) => integers!(IntervalYearMonthType),
            Arrow::Duration(_) => integers!(DurationMicrosecondType),
            Arrow::Timestamp(_, None) => integers!(TimestampMicrosecondType),
            Arrow::Timestamp(_, Some(_)) => {
                self.kinds = TWO;
                let instants = array.as_primitive::<TimestampMicrosecondType>().values();
                put_integers(instants.iter().map(|t| seconds(*t) - ORC_EPOCH), true, &mut self.data);
                put_integers(instants.iter().map(|t| nanos(*t)), false, &mut self.secondary);
            }
            Arrow::Float32 => {
                self.kinds = DATA;
                let values = array.as_primitive::<Float32Type>().values().iter();
                self.data.extend(values.flat_map(|v| v.to_le_bytes()));
            }
            Arrow::Float64 => {
                self.kinds = DATA;
                let values = array.as_primitive::<Float64Type>().values().iter();
                self.data.extend(values.flat_map(|v| v.to_le_bytes()));
            }
            Arrow::Decimal128(_, scale) => {
                self.kinds = TWO;
                let values = array.as_primitive::<Decimal128Type>().values();
                values.iter().for_each(|v| put_varint(zigzag(*v), &mut self.data));
                put_integers(values.iter().map(|_| i64::from(*scale)), true, &mut self.secondary);
            }
            Arrow::Utf8 => {
                self.kinds = TEXT;
                let texts = array.as_string::<i32>();
                self.put_texts(texts.offsets(), texts.values());
            }
            Arrow::Binary => {
                self.kinds = TEXT;
                let texts = array.as_binary::<i32>();
                self.put_texts(texts.offsets(), texts.values());
            }
            Arrow::List(_) => {
                self.kinds = &[stream::LENGTH];
                let list = array.as_list::<i32>();
                let (start, length) = self.put_lengths(list.offsets());
                self.add_parts(&[list.values().slice(start, length)])?;
            }
            Arrow::Map(..) => {
                self.kinds = &[stream::LENGTH];
                let map = array.as_map();
                let (start, length) = self.put_lengths(map.offsets());
                self.add_parts(&[map.keys().slice(start, length), map.values().slice(start, length)])?;
            }
            Arrow::Struct(_) => self.add_parts(array.as_struct().columns())?,
            other => return Err(format!("{other} is not written")),
        }
        Ok(())
    }

    /// The rows of the file, whose columns are the parts of this one.
    pub fn add_parts(&mut self, parts: &[ArrayRef]) -> Orc<()> {
        self.parts.iter_mut().zip(parts).try_for_each(|(column, part)| column.add(part))
    }

    fn put_texts(&mut self, offsets: &OffsetBuffer<i32>, bytes: &[u8]) {
        let (start, length) = self.put_lengths(offsets);
        self.data.extend_from_slice(bytes.get(start..start + length).unwrap_or_default());
    }

    /// Writes the lengths; gives where the first thing begins and how long all are together.
    fn put_lengths(&mut self, offsets: &OffsetBuffer<i32>) -> (usize, usize) {
        let lengths = offsets.windows(2).map(|w| if let [a, b] = w { i64::from(b - a) } else { 0 });
        put_integers(lengths, false, &mut self.lengths);
        let first = offsets.first().copied().unwrap_or_default() as usize;
        (first, offsets.last().copied().unwrap_or_default() as usize - first)
    }

    /// The streams of the stripe, which the next one begins without: column, kind and bytes.
    pub fn finish(&mut self, out: &mut Vec<(u32, i32, Vec<u8>)>) {
        let present = self.present.finish();
        if std::mem::take(&mut self.stripe_has_null) {
            let mut bytes = vec![];
            put_bits(&present, &mut bytes);
            out.push((self.number, stream::PRESENT, bytes));
        }
        let bits = self.bits.finish();
        if !bits.is_empty() {
            put_bits(&bits, &mut self.data);
        }
        for kind in self.kinds {
            let bytes = match *kind {
                stream::DATA => &mut self.data,
                stream::LENGTH => &mut self.lengths,
                _ => &mut self.secondary,
            };
            out.push((self.number, *kind, std::mem::take(bytes)));
        }
        self.parts.iter_mut().for_each(|p| p.finish(out));
    }

    /// What the file says of the columns, in the order of their numbers.
    pub fn statistics(&self, out: &mut Vec<ColumnStatistics>) {
        out.push(ColumnStatistics { values: Some(self.values), has_null: Some(self.has_null) });
        self.parts.iter().for_each(|p| p.statistics(out));
    }

    /// The rows themselves are never NULL.
    pub fn add_rows(&mut self, rows: u64) {
        self.values += rows;
    }
}

/// The second of an instant as Java cuts it, towards zero by milliseconds: less than a second before 1970, a
/// fraction is read as one after (ORC-763). Spark's files have that fault, and readers count on it.
fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1000) / 1000
}

/// The nanoseconds of an instant: without the zeros at their end, of which there are two or more, or none.
fn nanos(micros: i64) -> i64 {
    let mut nanos = micros.rem_euclid(1_000_000) * 10;
    if nanos == 0 {
        return 0;
    }
    let mut zeros = 1;
    while nanos % 10 == 0 && zeros < 7 {
        nanos /= 10;
        zeros += 1;
    }
    nanos << 3 | zeros
}
