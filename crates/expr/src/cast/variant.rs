//! Casts from and to VARIANT.
//!
//! From a variant: the rows of one kind (whole numbers, strings, …) become an array of that kind,
//! which is cast as any other; what cannot be cast is `INVALID_VARIANT_CAST`, or NULL in TRY.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::common::{DataFusionError, Result as DfResult};
use vonk_common::SparkError;
use vonk_common::error::quote_sql;
use vonk_plan::types::DataType as Spark;

use super::zone::Zone;
use super::{Caster, Mode};
use crate::arrow_types::{element_field, entries_field, struct_fields, to_arrow};

pub mod build;
pub mod decode;
pub mod json;
pub mod parse;
mod scalars;

pub use build::{Builder, to_variant};
pub use decode::{Value, Variant};

/// The variants of a column.
pub struct Variants<'a> {
    array: &'a StructArray,
    values: &'a BinaryArray,
    metadata: &'a BinaryArray,
}

impl<'a> Variants<'a> {
    pub fn new(array: &'a dyn Array) -> DfResult<Variants<'a>> {
        let array = array.as_any().downcast_ref::<StructArray>().ok_or_else(not_a_variant)?;
        let part = |name: &str| {
            array.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<BinaryArray>()).ok_or_else(not_a_variant)
        };
        Ok(Variants { array, values: part("value")?, metadata: part("metadata")? })
    }

    pub fn len(&self) -> usize {
        self.array.len()
    }

    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// The variant of a row; `None` for SQL NULL.
    pub fn get(&self, i: usize) -> Option<Variant<'a>> {
        let null = self.array.is_null(i) || self.values.is_null(i) || self.metadata.is_null(i);
        (!null).then(|| Variant { value: self.values.value(i), metadata: self.metadata.value(i) })
    }
}

fn not_a_variant() -> DataFusionError {
    crate::exec_err(SparkError::internal("a variant is a struct of value and metadata"))
}

/// `CAST(variant AS to)`.
pub fn from_variant(c: &Caster, array: &ArrayRef, to: &Spark) -> DfResult<ArrayRef> {
    let variants = Variants::new(array)?;
    let rows: Vec<_> = (0..variants.len()).map(|i| variants.get(i)).collect();
    cast_rows(c, &rows, to)
}

/// Casts variants to a type. A JSON `null` is NULL.
pub fn cast_rows(c: &Caster, rows: &[Option<Variant>], to: &Spark) -> DfResult<ArrayRef> {
    match to {
        Spark::Variant => build::variants(rows),
        Spark::Array(e, _) => cast_arrays(c, rows, e, to),
        Spark::Map(_, v, _) => cast_maps(c, rows, v, to),
        Spark::Struct(_) => cast_structs(c, rows, to),
        Spark::Null => Ok(new_null_array(&to_arrow(to), rows.len())),
        to => scalars::cast(c, rows, to),
    }
}

/// The value has no form of the type.
fn refuse(c: &Caster, variant: &Variant, to: &Spark) -> DfResult<()> {
    if c.mode == Mode::Try {
        return Ok(());
    }
    Err(crate::exec_err(
        SparkError::new("INVALID_VARIANT_CAST")
            .param("value", json::to_json(variant, c.zone))
            .param("dataType", quote_sql(to.sql())),
    ))
}

fn cast_arrays(c: &Caster, rows: &[Option<Variant>], element: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    let (mut items, mut lengths, mut valid) = (vec![], vec![], vec![]);
    for row in rows {
        let before = items.len();
        let present = match row.as_ref().map(|v| (v, v.get())) {
            None | Some((_, Some(Value::Null))) => false,
            Some((_, Some(Value::Array(list)))) => {
                items.extend(list.map(Some));
                true
            }
            Some((v, _)) => {
                refuse(c, v, to)?;
                false
            }
        };
        lengths.push(items.len() - before);
        valid.push(present);
    }
    let values = cast_rows(c, &items, element)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(element_field(element), offsets, values, Some(NullBuffer::from(valid)))?))
}

fn cast_maps(c: &Caster, rows: &[Option<Variant>], value: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    let (mut keys, mut items, mut lengths, mut valid) = (StringBuilder::new(), vec![], vec![], vec![]);
    for row in rows {
        let before = items.len();
        let present = match row.as_ref().map(|v| (v, v.get())) {
            None | Some((_, Some(Value::Null))) => false,
            Some((_, Some(Value::Object(fields)))) => {
                for (name, field) in fields {
                    keys.append_value(name);
                    items.push(Some(field));
                }
                true
            }
            Some((v, _)) => {
                refuse(c, v, to)?;
                false
            }
        };
        lengths.push(items.len() - before);
        valid.push(present);
    }
    let field = entries_field(&Spark::STRING, value);
    let datafusion::arrow::datatypes::DataType::Struct(fields) = field.data_type() else { return Err(not_a_variant()) };
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), cast_rows(c, &items, value)?];
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, Some(NullBuffer::from(valid)), false)?))
}

fn cast_structs(c: &Caster, rows: &[Option<Variant>], to: &Spark) -> DfResult<ArrayRef> {
    let Spark::Struct(s) = to else { return Err(super::no_kernel(&Spark::Variant, to)) };
    let mut parts: Vec<Vec<Option<Variant>>> = vec![vec![None; rows.len()]; s.len()];
    let mut valid = vec![];
    for (i, row) in rows.iter().enumerate() {
        let present = match row.as_ref().map(|v| (v, v.get())) {
            None | Some((_, Some(Value::Null))) => false,
            Some((_, Some(Value::Object(fields)))) => {
                for (name, field) in fields {
                    let at = s.fields.iter().position(|f| f.name == name);
                    if let Some(slot) = at.and_then(|at| parts.get_mut(at)).and_then(|p| p.get_mut(i)) {
                        *slot = Some(field);
                    }
                }
                true
            }
            Some((v, _)) => {
                refuse(c, v, to)?;
                false
            }
        };
        valid.push(present);
    }
    let nulls = Some(NullBuffer::from(valid));
    if s.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows.len(), nulls)));
    }
    let columns: DfResult<Vec<_>> =
        s.fields.iter().zip(&parts).map(|(f, rows)| cast_rows(c, rows, &f.data_type)).collect();
    Ok(Arc::new(StructArray::try_new(struct_fields(s), columns?, nulls)?))
}

/// Writes the text of a cell.
pub type TextCell<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

/// The cells of a variant array as JSON text, with timestamps in UTC.
pub fn text_cell<'a>(array: &'a dyn Array) -> DfResult<TextCell<'a>> {
    let variants = Variants::new(array)?;
    Ok(Box::new(move |i, out| {
        if let Some(v) = variants.get(i) {
            json::write_json(out, &v, &Zone::utc());
        }
    }))
}
