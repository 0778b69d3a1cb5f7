//! `map`, `map_from_arrays`, `map_from_entries`, `map_concat`: maps out of keys and values, with
//! Spark's rules for NULL and repeated keys.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StructArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::common_type;
use vonk_expr::collation::{Collating, key_array};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err};
use vonk_plan::types::DataType;

use crate::lists::{arrays, list_arg, map_arg, range, retype};
use crate::rows::rows_of;

static MAP_KERNEL: Kernel = Kernel::new("map", eval_map).eager();
static FROM_ARRAYS_KERNEL: Kernel = Kernel::new("map_from_arrays", eval_from_arrays);
static FROM_ENTRIES_KERNEL: Kernel = Kernel::new("map_from_entries", eval_from_entries);
static CONCAT_KERNEL: Kernel = Kernel::new("map_concat", eval_concat).eager().not_folded();

pub static MAP: FunctionSpec = FunctionSpec::scalar("map", "map_funcs", build_map)
    .usage("map(key, value, ...) - a map of the given pairs")
    .kernels(&[&MAP_KERNEL])
    .collating(Collating::PAIRS);

pub static MAP_FROM_ARRAYS: FunctionSpec = FunctionSpec::scalar("map_from_arrays", "map_funcs", build_from_arrays)
    .usage("map_from_arrays(keys, values) - a map of the n-th key to the n-th value")
    .kernels(&[&FROM_ARRAYS_KERNEL])
    .literal_nulls();

pub static MAP_FROM_ENTRIES: FunctionSpec = FunctionSpec::scalar("map_from_entries", "map_funcs", build_from_entries)
    .usage("map_from_entries(entries) - a map out of an array of (key, value) structs")
    .kernels(&[&FROM_ENTRIES_KERNEL]);

pub static MAP_CONCAT: FunctionSpec = FunctionSpec::scalar("map_concat", "map_funcs", build_concat)
    .usage("map_concat(map, ...) - the entries of all the maps in one")
    .kernels(&[&CONCAT_KERNEL]);

/// What happens to a repeated key (`spark.sql.mapKeyDedupPolicy`).
fn policy(ctx: &FnContext) -> String {
    ctx.facts.conf.get("spark.sql.mapKeyDedupPolicy").unwrap_or("EXCEPTION").to_string()
}

/// Collects entries row by row; finds NULL and repeated keys.
pub(crate) struct MapTaker<'a> {
    keys: ArrayRef,
    values: ArrayRef,
    rows: datafusion::arrow::row::Rows,
    last_wins: bool,
    call: &'a Call,
    entries: Vec<(u32, u32)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl<'a> MapTaker<'a> {
    pub(crate) fn new(call: &'a Call, policy: &str, keys: ArrayRef, values: ArrayRef) -> DfResult<Self> {
        let compared = match &call.return_type {
            DataType::Map(key, ..) => key_array(&keys, key)?,
            _ => Arc::clone(&keys),
        };
        let Some(rows) = rows_of(&[&compared])?.pop() else { return Err(exec_err(SparkError::internal("map keys"))) };
        Ok(MapTaker {
            keys,
            values,
            rows,
            last_wins: policy.eq_ignore_ascii_case("LAST_WIN"),
            call,
            entries: vec![],
            lengths: vec![],
            valid: vec![],
        })
    }

    /// Adds one row whose entries are (key index, value index) pairs.
    pub(crate) fn row(&mut self, pairs: impl Iterator<Item = (usize, usize)>) -> DfResult<()> {
        let start = self.entries.len();
        let mut seen: HashMap<datafusion::arrow::row::Row<'_>, usize> = HashMap::new();
        for (k, v) in pairs {
            if self.keys.is_null(k) || *self.keys.data_type() == Arrow::Null {
                return Err(self.call.error(SparkError::new("NULL_MAP_KEY")));
            }
            match seen.get(&self.rows.row(k)) {
                None => {
                    seen.insert(self.rows.row(k), self.entries.len());
                    self.entries.push((k as u32, v as u32));
                }
                Some(at) if self.last_wins => self.entries[*at].1 = v as u32,
                Some(_) => {
                    let key = datafusion::common::ScalarValue::try_from_array(&self.keys, k)?;
                    return Err(self.call.error(
                        SparkError::new("DUPLICATED_MAP_KEY")
                            .param("key", key)
                            .param("mapKeyDedupPolicy", "\"spark.sql.mapKeyDedupPolicy\""),
                    ));
                }
            }
        }
        self.lengths.push(self.entries.len() - start);
        self.valid.push(true);
        Ok(())
    }

    pub(crate) fn null(&mut self) {
        self.lengths.push(0);
        self.valid.push(false);
    }

    pub(crate) fn finish(self) -> DfResult<ArrayRef> {
        let Arrow::Map(field, _) = self.call.arrow_return_type() else {
            return Err(exec_err(SparkError::internal("not a map")));
        };
        let Arrow::Struct(fields) = field.data_type().clone() else {
            return Err(exec_err(SparkError::internal("map entries")));
        };
        let pick = |array: &ArrayRef, side: fn(&(u32, u32)) -> u32| -> DfResult<ArrayRef> {
            Ok(take(array, &UInt32Array::from_iter_values(self.entries.iter().map(side)), None)?)
        };
        let keys = retype(pick(&self.keys, |e| e.0)?, fields[0].data_type());
        let values = retype(pick(&self.values, |e| e.1)?, fields[1].data_type());
        let entries = StructArray::try_new(fields, vec![keys, values], None)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        Ok(Arc::new(MapArray::try_new(field, offsets, entries, Some(NullBuffer::from(self.valid)), false)?))
    }
}

fn build_map(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    if !args.len().is_multiple_of(2) {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .param("docroot", vonk_common::error::DOCROOT)
            .param("functionName", "`map`")
            .param("expectedNum", "2n (n > 0)")
            .param("actualNum", args.len())
            .at(ctx.origin.clone()));
    }
    let sql = ctx.sql(&args);
    let (mut key, mut value) = (DataType::Null, DataType::Null);
    for (i, a) in args.iter().enumerate() {
        let (side, class) = if i % 2 == 0 {
            (&mut key, "CREATE_MAP_KEY_DIFF_TYPES")
        } else {
            (&mut value, "CREATE_MAP_VALUE_DIFF_TYPES")
        };
        *side = common_type(side, &a.data_type, ctx.ansi()).ok_or_else(|| {
            let types: Vec<_> =
                args.iter().skip(i % 2).step_by(2).map(|a| vonk_common::error::quote_sql(a.data_type.sql())).collect();
            ctx.mismatch(class, &args)
                .param("functionName", "`map`")
                .param("dataType", format!("[{}]", types.join(", ")))
        })?;
    }
    check_key(ctx, &args, &key)?;
    let mut cast = Vec::with_capacity(args.len());
    for (i, a) in args.into_iter().enumerate() {
        let want = if i % 2 == 0 { &key } else { &value };
        cast.push(if a.data_type.same_type(want) { a } else { vonk_expr::cast::cast(&ctx.facts, a, want)? });
    }
    let value_null = cast.iter().skip(1).step_by(2).any(|a| a.nullable);
    let mut out =
        ctx.call_with(&MAP_KERNEL, cast, DataType::map(key, value, value_null), Nullability::Never, vec![policy(ctx)]);
    out.sql = sql;
    Ok(out)
}

fn eval_map(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let all = arrays(args, rows)?;
    let Arrow::Map(field, _) = call.arrow_return_type() else {
        return Err(exec_err(SparkError::internal("not a map")));
    };
    if all.is_empty() {
        let one = MapArray::new_empty(field, rows)?;
        return Ok(ColumnarValue::Array(one));
    }
    let side = |first: usize| -> DfResult<ArrayRef> {
        let columns: Vec<&dyn Array> = all.iter().skip(first).step_by(2).map(|a| a.as_ref()).collect();
        Ok(concat(&columns)?)
    };
    let width = all.len() / 2;
    let mut taker = MapTaker::new(call, call.param(0), side(0)?, side(1)?)?;
    for row in 0..rows {
        taker.row((0..width).map(|c| (c * rows + row, c * rows + row)))?;
    }
    Ok(ColumnarValue::Array(taker.finish()?))
}

/// Maps without entries.
trait EmptyMap {
    fn new_empty(field: datafusion::arrow::datatypes::FieldRef, rows: usize) -> DfResult<ArrayRef>;
}

impl EmptyMap for MapArray {
    fn new_empty(field: datafusion::arrow::datatypes::FieldRef, rows: usize) -> DfResult<ArrayRef> {
        let entries = datafusion::arrow::array::new_empty_array(field.data_type());
        let Some(entries) = entries.as_any().downcast_ref::<StructArray>().cloned() else {
            return Err(exec_err(SparkError::internal("map entries")));
        };
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
        Ok(Arc::new(MapArray::try_new(field, offsets, entries, None, false)?))
    }
}

/// Maps cannot be keys, whatever they are in.
pub(crate) fn check_key(ctx: &FnContext, args: &[TypedExpr], key: &DataType) -> SparkResult<()> {
    fn fits(t: &DataType) -> bool {
        match t {
            DataType::Map(..) | DataType::Variant => false,
            DataType::Array(e, _) => fits(e),
            DataType::Struct(s) => s.fields.iter().all(|f| fits(&f.data_type)),
            _ => true,
        }
    }
    if fits(key) {
        return Ok(());
    }
    Err(ctx.mismatch("INVALID_MAP_KEY_TYPE", args).param("keyType", vonk_common::error::quote_sql(key.sql())))
}

fn build_from_arrays(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::AnyArray, Want::AnyArray])?;
    let (key, _) = crate::array::element(ctx, &args, 0)?;
    check_key(ctx, &args, &key)?;
    let (value, null) = crate::array::element(ctx, &args, 1)?;
    Ok(ctx.call_with(&FROM_ARRAYS_KERNEL, args, DataType::map(key, value, null), Nullability::Args, vec![policy(ctx)]))
}

fn eval_from_arrays(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (keys, values) = (list_arg(args, 0, rows)?, list_arg(args, 1, rows)?);
    let mut taker = MapTaker::new(call, call.param(0), keys.values().clone(), values.values().clone())?;
    for row in 0..rows {
        if keys.is_null(row) || values.is_null(row) {
            taker.null();
            continue;
        }
        let (k, v) = (range(&keys, row), range(&values, row));
        if k.len() != v.len() {
            return Err(call.error(SparkError::new("_LEGACY_ERROR_TEMP_2128")));
        }
        taker.row(k.zip(v))?;
    }
    Ok(ColumnarValue::Array(taker.finish()?))
}

fn build_from_entries(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let wrong = || ctx.unexpected_type(&args, 0, "\"ARRAY\" of pair \"STRUCT\"");
    let (ty, entries_null) = match &args[0].data_type {
        DataType::Array(e, n) => match &**e {
            DataType::Struct(s) if s.len() == 2 => {
                let (k, v) = (&s.fields[0], &s.fields[1]);
                (DataType::map(k.data_type.clone(), v.data_type.clone(), v.nullable), *n)
            }
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    if let DataType::Map(key, ..) = &ty {
        check_key(ctx, &args, key)?;
    }
    let nullable = args[0].nullable || entries_null;
    let mut out = ctx.call_with(&FROM_ENTRIES_KERNEL, args, ty, Nullability::Always, vec![policy(ctx)]);
    out.nullable = nullable;
    Ok(out)
}

fn eval_from_entries(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let Some(entries) = list.values().as_any().downcast_ref::<StructArray>() else {
        return Err(exec_err(SparkError::internal("map_from_entries of no structs")));
    };
    let mut taker = MapTaker::new(call, call.param(0), entries.column(0).clone(), entries.column(1).clone())?;
    for row in 0..rows {
        let pairs = range(&list, row);
        if list.is_null(row) || pairs.clone().any(|j| entries.is_null(j)) {
            taker.null();
        } else {
            taker.row(pairs.map(|j| (j, j)))?;
        }
    }
    Ok(ColumnarValue::Array(taker.finish()?))
}

fn build_concat(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    if args.is_empty() {
        return build_map(ctx, args);
    }
    let mut ty = DataType::Null;
    for a in &args {
        if !matches!(a.data_type, DataType::Map(..)) {
            let types: Vec<_> = args.iter().map(|a| vonk_common::error::quote_sql(a.data_type.sql())).collect();
            return Err(ctx
                .mismatch("MAP_CONCAT_DIFF_TYPES", &args)
                .param("functionName", "`map_concat`")
                .param("dataType", format!("[{}]", types.join(", "))));
        }
        ty = common_type(&ty, &a.data_type, ctx.ansi()).ok_or_else(|| {
            let types: Vec<_> = args.iter().map(|a| vonk_common::error::quote_sql(a.data_type.sql())).collect();
            ctx.mismatch("DATA_DIFF_TYPES", &args)
                .param("functionName", "`map_concat`")
                .param("dataType", format!("({})", types.join(" or ")))
        })?;
    }
    let args: SparkResult<Vec<_>> = args
        .into_iter()
        .map(|a| if a.data_type.same_type(&ty) { Ok(a) } else { vonk_expr::cast::cast(&ctx.facts, a, &ty) })
        .collect();
    let mut out = ctx.call_with(&CONCAT_KERNEL, args?, ty, Nullability::Args, vec![policy(ctx)]);
    out.sql = sql;
    Ok(out)
}

fn eval_concat(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let maps: Vec<MapArray> = (0..args.len()).map(|i| map_arg(args, i, rows)).collect::<DfResult<_>>()?;
    let keys = concat(&maps.iter().map(|m| m.keys().as_ref()).collect::<Vec<_>>())?;
    let values = concat(&maps.iter().map(|m| m.values().as_ref()).collect::<Vec<_>>())?;
    let mut starts = Vec::with_capacity(maps.len());
    let mut total = 0;
    for m in &maps {
        starts.push(total);
        total += m.keys().len();
    }
    let mut taker = MapTaker::new(call, call.param(0), keys, values)?;
    for row in 0..rows {
        if maps.iter().any(|m| m.is_null(row)) {
            taker.null();
            continue;
        }
        let pairs = maps.iter().zip(&starts).flat_map(|(m, start)| {
            let o = m.value_offsets();
            (o[row] as usize..o[row + 1] as usize).map(move |j| (start + j, start + j))
        });
        taker.row(pairs)?;
    }
    Ok(ColumnarValue::Array(taker.finish()?))
}

/// The list of key-value structs of a map array, sharing its data.
pub(crate) fn entries_as_list(map: &MapArray) -> DfResult<ListArray> {
    let field = Arc::new(datafusion::arrow::datatypes::Field::new(
        vonk_expr::arrow_types::ELEMENT,
        map.entries().data_type().clone(),
        true,
    ));
    Ok(ListArray::try_new(field, map.offsets().clone(), Arc::new(map.entries().clone()), map.nulls().cloned())?)
}
