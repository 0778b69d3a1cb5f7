//! Parts of values: struct fields, array items, map values; and structs with other fields.
//!
//! These belong to the language rather than to functions: `a.b`, `a[0]`, `m['k']`, `withField`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{SortOptions, take};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType};

use crate::arrow_types::{element_field, entries_field, struct_fields, to_arrow};
use crate::cast::cast;
use crate::collation::key_array;
use crate::context::QueryFacts;
use crate::kernel::{Call, Kernel, KernelUdf, array_arg, typed_arg};
use crate::order::normal;
use crate::sql_text::SqlText;
use crate::typed::TypedExpr;

pub static STRUCT_FIELD: Kernel = Kernel::new("extract_struct_field", eval_field).ansi_only();
pub static ARRAY_FIELDS: Kernel = Kernel::new("extract_array_fields", eval_array_fields).ansi_only();
pub static ARRAY_ITEM: Kernel = Kernel::new("extract_array_item", eval_item).ansi_only();
pub static MAP_VALUE: Kernel = Kernel::new("extract_map_value", eval_map_value).ansi_only();
pub static UPDATE_STRUCT: Kernel = Kernel::new("update_struct", eval_update).eager();
pub static ROWS: Kernel = Kernel::new("array_of_rows", eval_rows).eager();

pub static RESHAPE: Kernel = Kernel::new("reshape", eval_reshape).eager();

pub static ONLY_ROW: Kernel = Kernel::new("only_row_of_subquery", eval_only_row).eager();

pub const KERNELS: &[&Kernel] =
    &[&ONLY_ROW, &STRUCT_FIELD, &ARRAY_FIELDS, &ARRAY_ITEM, &MAP_VALUE, &UPDATE_STRUCT, &RESHAPE, &ROWS];

/// `child[extraction]`; for structs `child.name`.
pub fn extract(facts: &QueryFacts, child: TypedExpr, extraction: TypedExpr) -> SparkResult<TypedExpr> {
    let at = extraction.origin.clone().or_else(|| child.origin.clone());
    match (child.data_type.storage().clone(), &extraction.data_type) {
        (DataType::Struct(s), t) if t.is_string() => {
            let name = field_name(&extraction, &child)?;
            field(facts, child, &s, &name).map_err(|e| e.at(at))
        }
        (DataType::Array(element, null), t) if t.is_string() && matches!(element.storage(), DataType::Struct(_)) => {
            let DataType::Struct(s) = element.storage().clone() else { return Err(SparkError::internal("field")) };
            let name = field_name(&extraction, &child)?;
            let (i, f) = find_field(facts, &s, &name).map_err(|e| e.at(at))?;
            let ty = DataType::array(f.data_type.clone(), null || f.nullable);
            let text = SqlText::wrap("", child.sql.clone(), &format!(".{name}"));
            let nullable = child.nullable;
            let mut out = call(facts, &ARRAY_FIELDS, vec![child], ty, nullable, text, vec![i.to_string()]);
            out.name = Some(f.name.as_str().into());
            Ok(out)
        }
        (DataType::Array(element, null), t) if t.is_integral() || *t == DataType::Null => {
            let text = item_text(&child, &extraction);
            let index = cast(facts, extraction, &DataType::Int)?;
            let args = vec![child, index];
            // Under ANSI an index out of bounds is an error, not NULL.
            let nullable = match &args[..] {
                [child, index] if !index.foldable => !facts.conf.ansi() || null || child.nullable || index.nullable,
                args => element_nullable(args, 0, facts.conf.ansi(), null)?,
            };
            Ok(call(facts, &ARRAY_ITEM, args, *element, nullable, text, vec![]))
        }
        (DataType::Map(key, value, _), _) => {
            let text = item_text(&child, &extraction);
            let fits = extraction.data_type.same_type(&key);
            let want = crate::Want::Type((*key).clone());
            let wanted = match crate::coercion::implicit_cast_target(&extraction.data_type, &want, facts.conf.ansi()) {
                _ if fits => extraction,
                Some(t) => cast(facts, extraction, &t)?,
                None => {
                    return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
                        .param("sqlExpr", quote_sql(&text))
                        .param("paramIndex", "second")
                        .param("requiredType", quote_sql(key.sql()))
                        .param("inputSql", extraction.quoted_sql())
                        .param("inputType", quote_sql(extraction.data_type.sql()))
                        .at(at));
                }
            };
            Ok(call(facts, &MAP_VALUE, vec![child, wanted], *value, true, text, vec![]))
        }
        (DataType::Array(..), t) => Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .param("sqlExpr", quote_sql(item_text(&child, &extraction)))
            .param("paramIndex", "second")
            .param("requiredType", "\"INTEGRAL\"")
            .param("inputSql", extraction.quoted_sql())
            .param("inputType", quote_sql(t.sql()))
            .at(at)),
        (DataType::Struct(_), _) => {
            Err(SparkError::new("INVALID_EXTRACT_FIELD_TYPE").param("extraction", extraction.quoted_sql()).at(at))
        }
        (DataType::Null, _) => {
            let sql = item_text(&child, &extraction);
            // Spark has a NULL of that name, and tells of it wherever more is made of it.
            let name: Arc<str> = sql.to_string().into();
            let shown = SqlText::from(format!("NULL AS {}", vonk_common::error::quote_id([&*name])));
            let out = TypedExpr { sql: shown, name: Some(name), ..TypedExpr::null(DataType::Null)? };
            Ok(out.derived_from(&[child, extraction]))
        }
        (other, _) => Err(SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
            .param("base", child.quoted_sql())
            .param("other", quote_sql(other.sql()))
            .at(at)),
    }
}

/// Known of elements that are written out at a constant place, and guessed of others: a constant
/// place may be out of bounds, a computed one is an error there.
pub fn element_nullable(args: &[TypedExpr], base: i32, strict: bool, contains_null: bool) -> SparkResult<bool> {
    let [array, index] = args else { return Ok(true) };
    if !index.foldable || index.nullable {
        return Ok(!strict || contains_null);
    }
    let Some((items, nullable)) = written_elements(array) else { return Ok(true) };
    let Some(i) = index.constant_i64("element_at", "index")? else { return Ok(true) };
    let position = match (base, i) {
        (1, 0) => return Ok(false),
        (1, i) if i < 0 => items.len() as i64 + i,
        (base, i) => i - i64::from(base),
    };
    let item = usize::try_from(position).ok().and_then(|p| items.get(p));
    Ok(match item {
        Some(Expr::Literal(value, _)) => value.is_null(),
        Some(_) => match usize::try_from(position).ok().and_then(|p| nullable.as_bytes().get(p)) {
            Some(flag) => *flag == b'1',
            None => contains_null,
        },
        None => !strict,
    })
}

/// The arguments of `array(...)`, and which of them can be NULL.
fn written_elements(array: &TypedExpr) -> Option<(&[Expr], &str)> {
    let Expr::ScalarFunction(f) = &array.expr else { return None };
    let udf = f.func.inner().downcast_ref::<KernelUdf>()?;
    (udf.call.kernel.name == "array").then(|| (f.args.as_slice(), udf.call.param(0)))
}

/// A struct with the field set (a new one comes last), or without it.
pub fn update_field(
    facts: &QueryFacts,
    child: TypedExpr,
    name: &str,
    value: Option<TypedExpr>,
) -> SparkResult<TypedExpr> {
    let DataType::Struct(s) = child.data_type.storage().clone() else {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .param("sqlExpr", child.quoted_sql())
            .param("paramIndex", "first")
            .param("requiredType", "\"STRUCT\"")
            .param("inputSql", child.quoted_sql())
            .param("inputType", quote_sql(child.data_type.sql()))
            .at(child.origin.clone()));
    };
    let same = |f: &StructField| same_name(facts, &f.name, name);
    let mut fields = vec![];
    let mut plan = vec![];
    for (i, f) in s.fields.iter().enumerate() {
        match &value {
            Some(v) if same(f) => {
                fields.push(StructField::new(name, v.data_type.clone(), v.nullable));
                plan.push("new".to_string());
            }
            None if same(f) => {}
            _ => {
                fields.push(f.clone());
                plan.push(i.to_string());
            }
        }
    }
    if let Some(v) = &value
        && !s.fields.iter().any(same)
    {
        fields.push(StructField::new(name, v.data_type.clone(), v.nullable));
        plan.push("new".to_string());
    }
    if fields.is_empty() {
        return Err(SparkError::new("DATATYPE_MISMATCH.CANNOT_DROP_ALL_FIELDS")
            .param("sqlExpr", child.quoted_sql())
            .at(child.origin.clone()));
    }
    let nullable = child.nullable;
    let text = child.sql.clone();
    let args = std::iter::once(child).chain(value).collect();
    Ok(call(facts, &UPDATE_STRUCT, args, DataType::structure(fields), nullable, text, plan))
}

/// The type `from` with its structs as those of `to`: the fields of `to` in their order, under their names. A field
/// keeps the type that it has in `from`; one that is not there has that of `to`.
pub fn reshaped(from: &DataType, to: &DataType, same_name: &dyn Fn(&str, &str) -> bool) -> DataType {
    match (from, to) {
        (DataType::Struct(a), DataType::Struct(b)) => DataType::structure(b.fields.iter().map(|wanted| {
            match a.fields.iter().find(|f| same_name(&f.name, &wanted.name)) {
                Some(own) => StructField {
                    data_type: reshaped(&own.data_type, &wanted.data_type, same_name),
                    nullable: own.nullable,
                    ..wanted.clone()
                },
                None => StructField { nullable: true, ..wanted.clone() },
            }
        })),
        (DataType::Array(a, null), DataType::Array(b, _)) => DataType::array(reshaped(a, b, same_name), *null),
        (DataType::Map(ak, av, null), DataType::Map(bk, bv, _)) => {
            DataType::map(reshaped(ak, bk, same_name), reshaped(av, bv, same_name), *null)
        }
        _ => from.clone(),
    }
}

/// The value with the fields of its structs chosen by name, as [`reshaped`] says; NULL for those it has not.
pub fn reshape(facts: &QueryFacts, child: TypedExpr, to: &DataType) -> TypedExpr {
    let type_of_value = reshaped(&child.data_type, to, &|a, b| same_name(facts, a, b));
    if type_of_value == child.data_type {
        return child;
    }
    let (nullable, text, name) = (child.nullable, child.sql.clone(), child.name.clone());
    let case = facts.conf.case_sensitive().to_string();
    let mut out = call(facts, &RESHAPE, vec![child], type_of_value, nullable, text, vec![case]);
    out.name = name;
    out
}

/// An array of structs from rows of values: `ARRAY<STRUCT<fields>>`.
pub fn rows(facts: &QueryFacts, fields: Vec<StructField>, rows: Vec<Vec<TypedExpr>>) -> SparkResult<TypedExpr> {
    let ty = DataType::array(DataType::structure(fields), false);
    let args = rows.into_iter().flatten().collect();
    Ok(call(facts, &ROWS, args, ty, false, "rows".into(), vec![]))
}

fn call(
    facts: &QueryFacts,
    kernel: &'static Kernel,
    args: Vec<TypedExpr>,
    ty: DataType,
    nullable: bool,
    text: SqlText,
    params: Vec<String>,
) -> TypedExpr {
    let call = Call {
        kernel,
        arg_types: args.iter().map(|a| a.data_type.clone()).collect(),
        return_type: ty.clone(),
        ansi: facts.conf.ansi(),
        time_zone: facts.conf.time_zone().into(),
        params: params.into(),
        origin: args.iter().rev().find_map(|a| a.origin.clone()),
    };
    let mut out = TypedExpr::new(Expr::default(), ty, nullable, text).derived_from(&args);
    out.expr = KernelUdf::call(call, args.into_iter().map(|a| a.expr).collect());
    out
}

/// The value of a scalar sub-query of `count` rows: an error when there are several.
pub fn only_row(facts: &QueryFacts, count: Expr, value: Expr, ty: DataType) -> Expr {
    let args = vec![TypedExpr::new(count, DataType::Long, false, ""), TypedExpr::new(value, ty.clone(), true, "")];
    call(facts, &ONLY_ROW, args, ty, true, "".into(), vec![]).expr
}

fn item_text(child: &TypedExpr, extraction: &TypedExpr) -> SqlText {
    SqlText::concat([child.sql.clone(), "[".into(), extraction.sql.clone(), "]".into()])
}

fn same_name(facts: &QueryFacts, a: &str, b: &str) -> bool {
    a == b || !facts.conf.case_sensitive() && a.to_lowercase() == b.to_lowercase()
}

fn field_name(extraction: &TypedExpr, child: &TypedExpr) -> SparkResult<String> {
    let invalid = || {
        SparkError::new("INVALID_EXTRACT_FIELD_TYPE")
            .param("extraction", extraction.quoted_sql())
            .at(child.origin.clone())
    };
    if !extraction.foldable {
        return Err(invalid());
    }
    extraction.constant_str("extract", "field")?.ok_or_else(invalid)
}

fn find_field(facts: &QueryFacts, s: &StructType, name: &str) -> SparkResult<(usize, StructField)> {
    let mut hits = s.fields.iter().enumerate().filter(|(_, f)| same_name(facts, &f.name, name));
    match (hits.next(), hits.count()) {
        (Some((i, f)), 0) => Ok((i, f.clone())),
        (Some(_), n) => {
            Err(SparkError::new("AMBIGUOUS_REFERENCE_TO_FIELDS").param("field", quote_id([name])).param("count", n + 1))
        }
        (None, _) => {
            let names: Vec<_> = s.fields.iter().map(|f| quote_id([&f.name])).collect();
            Err(SparkError::new("FIELD_NOT_FOUND")
                .param("fieldName", quote_id([name]))
                .param("fields", names.join(", ")))
        }
    }
}

fn field(facts: &QueryFacts, child: TypedExpr, s: &StructType, name: &str) -> SparkResult<TypedExpr> {
    let (i, f) = find_field(facts, s, name)?;
    let nullable = child.nullable || f.nullable;
    let text = SqlText::wrap("", child.sql.clone(), &format!(".{name}"));
    let mut out = call(facts, &STRUCT_FIELD, vec![child], f.data_type.clone(), nullable, text, vec![i.to_string()]);
    out.name = Some(f.name.as_str().into());
    out.metadata = f.metadata.clone();
    Ok(out)
}

/// A child of a struct array, NULL where the struct is.
fn child_of(s: &StructArray, i: usize) -> DfResult<ArrayRef> {
    let Some(column) = s.columns().get(i) else {
        return Err(crate::exec_err(SparkError::internal("a struct has too few fields")));
    };
    let Some(outer) = s.nulls() else { return Ok(column.clone()) };
    let nulls = NullBuffer::union(Some(outer), column.nulls());
    if *column.data_type() == Arrow::Null {
        return Ok(column.clone());
    }
    Ok(datafusion::arrow::array::make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

fn ordinal(call: &Call) -> usize {
    call.param(0).parse().unwrap_or_default()
}

fn eval_field(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let s: StructArray = typed_arg(args, 0, rows)?;
    Ok(ColumnarValue::Array(child_of(&s, ordinal(call))?))
}

fn eval_array_fields(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list: ListArray = typed_arg(args, 0, rows)?;
    let Some(s) = list.values().as_any().downcast_ref::<StructArray>() else {
        return Err(crate::exec_err(SparkError::internal("an array of structs")));
    };
    let DataType::Array(element, _) = &call.return_type else {
        return Err(crate::exec_err(SparkError::internal("an array")));
    };
    let values = child_of(s, ordinal(call))?;
    let out = ListArray::try_new(element_field(element), list.offsets().clone(), values, list.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn eval_item(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list: ListArray = typed_arg(args, 0, rows)?;
    let index: datafusion::arrow::array::Int32Array = typed_arg(args, 1, rows)?;
    let offsets = list.value_offsets();
    let mut at = Vec::with_capacity(rows);
    for row in 0..rows {
        if list.is_null(row) || index.is_null(row) {
            at.push(None);
            continue;
        }
        let i = index.value(row);
        let (start, end) = match (offsets.get(row), offsets.get(row + 1)) {
            (Some(s), Some(e)) => (*s, *e),
            _ => (0, 0),
        };
        if i < 0 || i >= end - start {
            if call.ansi {
                return Err(call.error(
                    SparkError::new("INVALID_ARRAY_INDEX").param("indexValue", i).param("arraySize", end - start),
                ));
            }
            at.push(None);
        } else {
            at.push(u32::try_from(start + i).ok());
        }
    }
    Ok(ColumnarValue::Array(take(list.values(), &UInt32Array::from(at), None)?))
}

fn eval_map_value(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let map: MapArray = typed_arg(args, 0, rows)?;
    let wanted = array_arg(args, 1, rows)?;
    let (keys, sought) = match call.arg_types.first() {
        Some(DataType::Map(key, ..)) => (key_array(map.keys(), key)?, key_array(&wanted, key)?),
        _ => (Arc::clone(map.keys()), Arc::clone(&wanted)),
    };
    let (keys, sought) = (normal(&keys)?, normal(&sought)?);
    let compare = datafusion::arrow::array::make_comparator(&keys, &sought, SortOptions::default())?;
    let offsets = map.value_offsets();
    let found = (0..rows).map(|row| {
        if map.is_null(row) || wanted.is_null(row) {
            return None;
        }
        let (start, end) = (offsets.get(row)?, offsets.get(row + 1)?);
        let (start, end) = (usize::try_from(*start).ok()?, usize::try_from(*end).ok()?);
        let at = (start..end).find(|i| compare(*i, row).is_eq())?;
        u32::try_from(at).ok()
    });
    let found: UInt32Array = found.collect();
    Ok(ColumnarValue::Array(take(map.values(), &found, None)?))
}

fn eval_update(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let s: StructArray = typed_arg(args, 0, rows)?;
    let DataType::Struct(ty) = &call.return_type else {
        return Err(crate::exec_err(SparkError::internal("a struct")));
    };
    let columns: DfResult<Vec<ArrayRef>> = call
        .params
        .iter()
        .map(|p| match p.parse::<usize>() {
            Ok(i) => child_of(&s, i),
            Err(_) => array_arg(args, 1, rows),
        })
        .collect();
    let out = StructArray::try_new(struct_fields(ty), columns?, s.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn eval_reshape(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let value = array_arg(args, 0, rows)?;
    let case = call.param(0) == "true";
    match call.arg_types.first() {
        Some(from) => Ok(ColumnarValue::Array(reshape_array(&value, from, &call.return_type, case)?)),
        None => Err(crate::exec_err(SparkError::internal("a value to reshape"))),
    }
}

/// The array of type `from` as one of type `to`, whose structs have other fields.
fn reshape_array(array: &ArrayRef, from: &DataType, to: &DataType, case: bool) -> DfResult<ArrayRef> {
    if from == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (from, to) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            let own = array.as_struct();
            let columns = b.fields.iter().map(|wanted| {
                let same = |f: &StructField| {
                    f.name == wanted.name || !case && f.name.to_lowercase() == wanted.name.to_lowercase()
                };
                match a.fields.iter().zip(own.columns()).find(|(f, _)| same(f)) {
                    Some((f, column)) => reshape_array(column, &f.data_type, &wanted.data_type, case),
                    None => Ok(new_null_array(&to_arrow(&wanted.data_type), own.len())),
                }
            });
            let columns = columns.collect::<DfResult<Vec<ArrayRef>>>()?;
            Arc::new(StructArray::try_new(struct_fields(b), columns, own.nulls().cloned())?)
        }
        (DataType::Array(a, _), DataType::Array(b, _)) => {
            let list = array.as_list::<i32>();
            let values = reshape_array(list.values(), a, b, case)?;
            Arc::new(ListArray::try_new(element_field(b), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        (DataType::Map(ak, av, _), DataType::Map(bk, bv, _)) => {
            let map = array.as_map();
            let columns = vec![reshape_array(map.keys(), ak, bk, case)?, reshape_array(map.values(), av, bv, case)?];
            let field = entries_field(bk, bv);
            let Arrow::Struct(fields) = field.data_type() else {
                return Err(crate::exec_err(SparkError::internal("the entries of a map")));
            };
            let entries = StructArray::try_new(fields.clone(), columns, None)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, false)?)
        }
        _ => Arc::clone(array),
    })
}

fn eval_only_row(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let count: datafusion::arrow::array::Int64Array = typed_arg(args, 0, rows)?;
    if count.iter().flatten().any(|n| n > 1) {
        return Err(call.error(SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS")));
    }
    Ok(ColumnarValue::Array(array_arg(args, 1, rows)?))
}

fn eval_rows(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (DataType::Array(element, _), true) = (&call.return_type, !args.is_empty()) else {
        return Err(crate::exec_err(SparkError::internal("an array of structs")));
    };
    let DataType::Struct(ty) = &**element else { return Err(crate::exec_err(SparkError::internal("structs"))) };
    let width = ty.len().max(1);
    let per_row = args.len() / width;
    let mut columns: Vec<ArrayRef> = vec![];
    for (i, f) in ty.fields.iter().enumerate() {
        let parts: DfResult<Vec<ArrayRef>> = (0..per_row).map(|r| array_arg(args, r * width + i, rows)).collect();
        let parts = parts?;
        let refs: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
        let places: Vec<(usize, usize)> = (0..rows).flat_map(|row| (0..per_row).map(move |r| (r, row))).collect();
        let merged = datafusion::arrow::compute::interleave(&refs, &places)?;
        debug_assert_eq!(merged.data_type(), &to_arrow(&f.data_type));
        columns.push(merged);
    }
    let values = StructArray::try_new(struct_fields(ty), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(per_row, rows));
    let out = ListArray::try_new(element_field(element), offsets, Arc::new(values), None)?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}
