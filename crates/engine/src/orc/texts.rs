//! Texts of a column, written one after the other or as numbers of words in a dictionary.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, StringArray, UInt32Array};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::Orc;
use super::integers::Integers;
use super::runs::Input;

/// Texts, or bytes, of a column.
pub enum Texts {
    Direct(Integers, Input),
    Dictionary(ArrayRef, Integers),
}

impl Texts {
    /// The next `n` values.
    pub fn read(&mut self, n: usize, is_binary: bool) -> Orc<ArrayRef> {
        match self {
            Texts::Direct(lengths, data) => {
                let (offsets, total) = offsets(&lengths.values(n)?)?;
                let bytes = Buffer::from(data.take(total)?);
                if is_binary {
                    return Ok(Arc::new(BinaryArray::try_new(offsets, bytes, None).map_err(|e| e.to_string())?));
                }
                let lossy = |offsets: &OffsetBuffer<i32>| -> StringArray {
                    let pairs = offsets.windows(2).map(|w| match w {
                        [a, b] => String::from_utf8_lossy(bytes.get(*a as usize..*b as usize).unwrap_or_default()),
                        _ => "".into(),
                    });
                    StringArray::from_iter_values(pairs)
                };
                let array = StringArray::try_new(offsets.clone(), bytes.clone(), None);
                Ok(Arc::new(array.unwrap_or_else(|_| lossy(&offsets))))
            }
            Texts::Dictionary(words, indices) => {
                let indices = indices.values(n)?.into_iter();
                let indices = indices.map(|i| match u32::try_from(i) {
                    Ok(i) if (i as usize) < words.len() => Ok(i),
                    _ => Err("a word is not in its dictionary".to_string()),
                });
                let indices = UInt32Array::from(indices.collect::<Orc<Vec<u32>>>()?);
                arrow::compute::take(words, &indices, None).map_err(|e| e.to_string())
            }
        }
    }
}

/// Offsets of things of these lengths, and how long they are together.
pub fn offsets(lengths: &[i64]) -> Orc<(OffsetBuffer<i32>, usize)> {
    let mut end = 0i32;
    let mut all = vec![0];
    for length in lengths {
        let next = i32::try_from(*length).ok().filter(|l| *l >= 0).and_then(|l| end.checked_add(l));
        end = next.ok_or("a length is out of range")?;
        all.push(end);
    }
    Ok((OffsetBuffer::new(ScalarBuffer::from(all)), end as usize))
}
