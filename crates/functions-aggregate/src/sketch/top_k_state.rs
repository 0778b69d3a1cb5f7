//! The state of `approx_top_k` as a value, and `approx_top_k_estimate`, which reads it.
//!
//! It is `STRUCT<sketch, maxItemsTracked, itemDataType, itemDataTypeDDL>`. The item is always NULL: its
//! type is what counts.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, ListArray, StringArray, StructArray, new_empty_array,
    new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType as Arrow, Int32Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::types::{DataType, StructField};

use super::frequent::Frequent;
use super::items;
use super::top_k::{counts_type, failed_check, less_than_k, positive, rows_of, with_defaults};
use crate::udaf::AggregateCallData;

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::scalar("approx_top_k_estimate", "misc_funcs", build)
    .usage("approx_top_k_estimate(state[, k]) - The k most frequent values of a sketch with their counts.")
    .kernels(KERNELS)];

const KERNELS: &[&Kernel] = &[&ESTIMATE];

/// Parameter: k.
static ESTIMATE: Kernel = Kernel::new("approx_top_k_estimate", estimate);

/// A sketch with what its struct says of it.
pub struct Part {
    pub sketch: Frequent,
    pub tracked: i64,
    pub ddl: Box<str>,
}

impl Part {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.tracked.to_le_bytes().to_vec();
        out.extend((self.ddl.len() as u32).to_le_bytes());
        out.extend(self.ddl.as_bytes());
        out.extend(self.sketch.to_bytes());
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tracked, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (ddl, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let ddl = std::str::from_utf8(ddl).ok()?.into();
        Some(Part { sketch: Frequent::from_bytes(rest)?, tracked: i64::from_le_bytes(*tracked), ddl })
    }
}

/// Two sketches as one. Their items are of one type, and their sizes are the same if so asked.
pub fn merged(mut own: Part, other: Part, same_size: bool) -> SparkResult<Part> {
    if same_size && own.tracked != other.tracked {
        return Err(SparkError::new("APPROX_TOP_K_SKETCH_SIZE_NOT_MATCH")
            .param("size1", own.tracked)
            .param("size2", other.tracked));
    }
    if own.ddl != other.ddl {
        return Err(SparkError::new("APPROX_TOP_K_SKETCH_TYPE_NOT_MATCH")
            .param("type1", item_type(&own.ddl))
            .param("type2", item_type(&other.ddl)));
    }
    own.sketch.merge(&other.sketch);
    Ok(own)
}

/// The type in `item INT NOT NULL`, in quotes.
fn item_type(ddl: &str) -> String {
    let words: Vec<&str> = ddl.split(' ').skip(1).collect();
    vonk_common::error::quote_sql(
        words.get(..words.len().saturating_sub(2)).unwrap_or_default().join(" ").to_uppercase(),
    )
}

pub fn state_type(item: &DataType) -> DataType {
    DataType::structure([
        StructField::new("sketch", DataType::Binary, false),
        StructField::new("maxItemsTracked", DataType::Int, false),
        StructField::new("itemDataType", item.clone(), true),
        StructField::new("itemDataTypeDDL", DataType::STRING, false),
    ])
}

/// The type of the items of a state.
pub fn checked_state(ctx: &FnContext, sql: &SqlText, state: &TypedExpr) -> SparkResult<DataType> {
    let none: &[StructField] = &[];
    let fields = match &state.data_type {
        DataType::Struct(s) => &s.fields[..],
        DataType::Null => none,
        _ => return Err(crate::build::unexpected(ctx, sql, 0, "\"STRUCT\"", state)),
    };
    let [sketch, tracked, item, ddl] = fields else {
        let got: Vec<_> = fields.iter().map(|f| format!("{}:{}", f.name, f.data_type)).collect();
        return Err(failed_check(
            ctx,
            sql,
            format!(
                "State must be a struct with 4 fields. Expected struct: struct<sketch:binary,maxItemsTracked:int,\
                 itemDataType:any,itemDataTypeDDL:string>. Got: struct<{}>",
                got.join(",")
            ),
        ));
    };
    let wrong = |nth: &str, wanted: &str, f: &StructField| {
        failed_check(ctx, sql, format!("State struct must have the {nth} field to be {wanted}. Got: {}", f.data_type))
    };
    if sketch.data_type != DataType::Binary {
        return Err(wrong("first", "binary", sketch));
    }
    if tracked.data_type != DataType::Int {
        return Err(wrong("second", "int", tracked));
    }
    if items::unsupported(&item.data_type).is_some() {
        return Err(wrong("third", "a supported data type", item));
    }
    if !ddl.data_type.is_string() {
        return Err(wrong("fourth", "string", ddl));
    }
    Ok(item.data_type.clone())
}

pub fn state_value(call: &AggregateCallData, part: &Part) -> DfResult<ScalarValue> {
    let Arrow::Struct(fields) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a state is due")));
    };
    let item = fields.get(2).map_or(Arrow::Null, |f| f.data_type().clone());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BinaryArray::from_iter_values([part.sketch.to_bytes()])),
        Arc::new(Int32Array::from_iter_values([part.tracked as i32])),
        new_null_array(&item, 1),
        Arc::new(StringArray::from_iter_values([&part.ddl])),
    ];
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields, columns, None)?)))
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let shown = with_defaults(&args, &[5])?;
    let sql = ctx.sql(&shown);
    let [state, k] = shown.as_slice() else { return Err(SparkError::internal("a state is due")) };
    let item = checked_state(ctx, &sql, state)?;
    let k = positive(ctx, &sql, (1, k), "k", "K")?;
    let state = vec![state.clone()];
    let mut out = ctx.call_with(&ESTIMATE, state, counts_type(&item), Nullability::Args, vec![k.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn estimate(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let unreadable = || call.error(SparkError::internal("a state of approx_top_k"));
    let states = array_arg(args, 0, rows)?;
    let states = states.as_struct_opt().ok_or_else(unreadable)?;
    let [sketches, tracked, _, _] = states.columns() else { return Err(unreadable()) };
    let sketches = sketches.as_binary_opt::<i32>().ok_or_else(unreadable)?;
    let tracked = tracked.as_primitive_opt::<Int32Type>().ok_or_else(unreadable)?;
    let k: usize = call.param(0).parse().unwrap_or(5);
    let Arrow::List(item) = call.arrow_return_type() else { return Err(unreadable()) };
    let (mut parts, mut lengths): (Vec<ArrayRef>, Vec<usize>) = (vec![new_empty_array(item.data_type())], vec![]);
    for i in 0..rows {
        if states.is_null(i) {
            lengths.push(0);
            continue;
        }
        let most = i64::from(tracked.value(i));
        if most < k as i64 {
            return Err(call.error(less_than_k(most, k as i64)));
        }
        let sketch = Frequent::from_bytes(sketches.value(i)).ok_or_else(unreadable)?;
        let found = rows_of(&sketch.top(k), item.data_type()).map_err(|e| call.error(e))?;
        lengths.push(found.len());
        parts.push(Arc::new(found));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let lists =
        ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), concat(&parts)?, states.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(lists)))
}
