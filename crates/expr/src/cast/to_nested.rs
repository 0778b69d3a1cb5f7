//! Casts of arrays, maps and structs, part by part.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::Caster;
use crate::arrow_types::{element_field, entries_field, struct_fields};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    Ok(match (from, to) {
        (Spark::Array(a, _), Spark::Array(b, _)) => {
            let list = array.as_list::<i32>();
            let items = super::convert(c, list.values(), a, b)?;
            Arc::new(ListArray::try_new(element_field(b), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        (Spark::Map(ak, av, _), Spark::Map(bk, bv, _)) => {
            let map = array.as_map();
            let keys = super::convert(c, map.keys(), ak, bk)?;
            let values = super::convert(c, map.values(), av, bv)?;
            let field = entries_field(bk, bv);
            let datafusion::arrow::datatypes::DataType::Struct(fields) = field.data_type() else {
                return Err(super::no_kernel(from, to));
            };
            let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            Arc::new(MapArray::try_new(field, map.offsets().clone(), entries, map.nulls().cloned(), false)?)
        }
        (Spark::Struct(a), Spark::Struct(b)) => {
            let parts = array.as_struct();
            let columns: DfResult<Vec<_>> = parts
                .columns()
                .iter()
                .zip(a.fields.iter().zip(b.fields.iter()))
                .map(|(column, (x, y))| {
                    // What stands below a NULL struct must not raise errors.
                    let column = match parts.nulls() {
                        Some(nulls) if nulls.null_count() > 0 => {
                            let hidden = BooleanArray::new(!nulls.inner(), None);
                            datafusion::arrow::compute::nullif(column, &hidden)?
                        }
                        _ => Arc::clone(column),
                    };
                    super::convert(c, &column, &x.data_type, &y.data_type)
                })
                .collect();
            match b.is_empty() {
                true => Arc::clone(array),
                false => Arc::new(StructArray::try_new(struct_fields(b), columns?, parts.nulls().cloned())?),
            }
        }
        (from, to) => return Err(super::no_kernel(from, to)),
    })
}
