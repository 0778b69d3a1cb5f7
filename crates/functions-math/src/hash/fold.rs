//! `hash` (MurmurHash3) and `xxhash64` of any values: column by column, each column's hash the seed
//! of the next. NULL leaves the hash as it is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Int32Array, Int64Array};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use twox_hash::XxHash64;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, nanos};
use vonk_plan::types::DataType;

use super::murmur3;

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("hash", "hash_funcs", |c, a| build(c, a, &HASH, DataType::Int))
        .usage("hash(expr, …) - A 32-bit hash of the values.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("xxhash64", "hash_funcs", |c, a| build(c, a, &XXHASH64, DataType::Long))
        .usage("xxhash64(expr, …) - A 64-bit hash of the values."),
];

const KERNELS: &[&Kernel] = &[&HASH, &XXHASH64];
pub static HASH: Kernel = Kernel::total("hash", |call, args, rows| {
    let mut hashes = vec![SEED as i32; rows];
    fold_all::<Murmur>(call, args, rows, &mut hashes)?;
    Ok(ColumnarValue::Array(Arc::new(Int32Array::from(hashes))))
})
.eager();
pub static XXHASH64: Kernel = Kernel::total("xxhash64", |call, args, rows| {
    let mut hashes = vec![SEED; rows];
    fold_all::<Xx>(call, args, rows, &mut hashes)?;
    Ok(ColumnarValue::Array(Arc::new(Int64Array::from(hashes))))
})
.eager();

const SEED: i64 = 42;

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, ty: DataType) -> SparkResult<TypedExpr> {
    if args.is_empty() {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .param("docroot", vonk_common::error::DOCROOT)
            .param("functionName", quote_id([&*ctx.name]))
            .param("expectedNum", "> 0")
            .param("actualNum", 0)
            .at(ctx.origin.clone()));
    }
    let has = |is: fn(&DataType) -> bool| args.iter().any(|a| contains(&a.data_type, is));
    if has(|t| matches!(t, DataType::Map(..))) && !ctx.facts.conf.bool("spark.sql.legacy.allowHashOnMapType") {
        return Err(SparkError::new("DATATYPE_MISMATCH.HASH_MAP_TYPE")
            .param("sqlExpr", quote_sql(ctx.sql(&args)))
            .param("functionName", quote_id([&*ctx.name]))
            .at(ctx.origin.clone()));
    }
    if has(|t| *t == DataType::Variant) {
        return Err(SparkError::new("DATATYPE_MISMATCH.HASH_VARIANT_TYPE")
            .param("sqlExpr", quote_sql(ctx.sql(&args)))
            .param("functionName", quote_id([&*ctx.name]))
            .at(ctx.origin.clone()));
    }
    Ok(ctx.call(kernel, args, ty, Nullability::Never))
}

/// The type or one that it is made of.
fn contains(t: &DataType, is: fn(&DataType) -> bool) -> bool {
    is(t)
        || match t {
            DataType::Map(k, v, _) => contains(k, is) || contains(v, is),
            DataType::Array(e, _) => contains(e, is),
            DataType::Struct(s) => s.fields.iter().any(|f| contains(&f.data_type, is)),
            _ => false,
        }
}

/// A hash function over the primitive forms that values come down to.
trait Hasher {
    type Hash: Copy;
    fn int(v: i32, seed: Self::Hash) -> Self::Hash;
    fn long(v: i64, seed: Self::Hash) -> Self::Hash;
    fn bytes(v: &[u8], seed: Self::Hash) -> Self::Hash;
}

struct Murmur;
struct Xx;

impl Hasher for Murmur {
    type Hash = i32;
    fn int(v: i32, seed: i32) -> i32 {
        murmur3::int(v, seed)
    }
    fn long(v: i64, seed: i32) -> i32 {
        murmur3::long(v, seed)
    }
    fn bytes(v: &[u8], seed: i32) -> i32 {
        murmur3::bytes(v, seed)
    }
}

impl Hasher for Xx {
    type Hash = i64;
    fn int(v: i32, seed: i64) -> i64 {
        XxHash64::oneshot(seed as u64, &v.to_le_bytes()) as i64
    }
    fn long(v: i64, seed: i64) -> i64 {
        XxHash64::oneshot(seed as u64, &v.to_le_bytes()) as i64
    }
    fn bytes(v: &[u8], seed: i64) -> i64 {
        XxHash64::oneshot(seed as u64, v) as i64
    }
}

fn fold_all<H: Hasher>(call: &Call, args: &[ColumnarValue], rows: usize, hashes: &mut [H::Hash]) -> DfResult<()> {
    for i in 0..args.len() {
        let array = array_arg(args, i, rows)?;
        fold::<H>(call, &array, hashes)?;
    }
    Ok(())
}

/// `hash` of the rows of some columns: what Spark partitions by.
pub fn murmur_rows(columns: &[ArrayRef], rows: usize) -> DfResult<Vec<i32>> {
    let call = Call {
        kernel: &HASH,
        arg_types: [].into(),
        return_type: DataType::Int,
        ansi: true,
        time_zone: "UTC".into(),
        params: [].into(),
        origin: None,
    };
    let mut hashes = vec![SEED as i32; rows];
    columns.iter().try_for_each(|c| fold::<Murmur>(&call, c, &mut hashes))?;
    Ok(hashes)
}

fn primitive<T: ArrowPrimitiveType, H: Copy>(array: &ArrayRef, hashes: &mut [H], f: impl Fn(T::Native, H) -> H) {
    let Some(a) = array.as_primitive_opt::<T>() else { return };
    for (i, (v, h)) in a.values().iter().zip(hashes.iter_mut()).enumerate() {
        if a.is_valid(i) {
            *h = f(*v, *h);
        }
    }
}

/// Puts each row's value into its hash.
fn fold<H: Hasher>(call: &Call, array: &ArrayRef, hashes: &mut [H::Hash]) -> DfResult<()> {
    match array.data_type() {
        Arrow::Null => {}
        Arrow::Boolean => {
            for (v, h) in array.as_boolean().iter().zip(hashes.iter_mut()) {
                if let Some(v) = v {
                    *h = H::int(i32::from(v), *h);
                }
            }
        }
        Arrow::Int8 => primitive::<Int8Type, _>(array, hashes, |v, h| H::int(i32::from(v), h)),
        Arrow::Int16 => primitive::<Int16Type, _>(array, hashes, |v, h| H::int(i32::from(v), h)),
        Arrow::Int32 => primitive::<Int32Type, _>(array, hashes, H::int),
        Arrow::Date32 => primitive::<Date32Type, _>(array, hashes, H::int),
        Arrow::Interval(IntervalUnit::YearMonth) => primitive::<IntervalYearMonthType, _>(array, hashes, H::int),
        Arrow::Int64 => primitive::<Int64Type, _>(array, hashes, H::long),
        Arrow::Timestamp(TimeUnit::Nanosecond, _) => primitive::<TimestampNanosecondType, _>(array, hashes, |v, h| {
            let (micros, below) = nanos::split(v);
            H::int(below as i32, H::long(micros, h))
        }),
        Arrow::Timestamp(..) => primitive::<TimestampMicrosecondType, _>(array, hashes, H::long),
        Arrow::Duration(_) => primitive::<DurationMicrosecondType, _>(array, hashes, H::long),
        Arrow::Time64(_) => primitive::<Time64NanosecondType, _>(array, hashes, H::long),
        Arrow::Float32 => primitive::<Float32Type, _>(array, hashes, |v, h| {
            let v = if v.is_nan() { f32::NAN } else { v + 0.0 };
            H::int(v.to_bits() as i32, h)
        }),
        Arrow::Float64 => primitive::<Float64Type, _>(array, hashes, |v, h| {
            let v = if v.is_nan() { f64::NAN } else { v + 0.0 };
            H::long(v.to_bits() as i64, h)
        }),
        Arrow::Decimal128(p, _) if *p <= 18 => {
            primitive::<Decimal128Type, _>(array, hashes, |v, h| H::long(v as i64, h))
        }
        Arrow::Decimal128(..) => {
            primitive::<Decimal128Type, _>(array, hashes, |v, h| H::bytes(shortest(&v.to_be_bytes()), h))
        }
        Arrow::Interval(_) => primitive::<IntervalMonthDayNanoType, _>(array, hashes, |v, h| {
            H::int(v.months, H::int(v.days, H::long(v.nanoseconds / 1000, h)))
        }),
        Arrow::Utf8 => {
            for (v, h) in array.as_string::<i32>().iter().zip(hashes.iter_mut()) {
                if let Some(v) = v {
                    *h = H::bytes(v.as_bytes(), *h);
                }
            }
        }
        Arrow::Binary => {
            for (v, h) in array.as_binary::<i32>().iter().zip(hashes.iter_mut()) {
                if let Some(v) = v {
                    *h = H::bytes(v, *h);
                }
            }
        }
        Arrow::Struct(_) => {
            let s = array.as_struct();
            let before: Option<Vec<_>> = s.nulls().map(|_| hashes.to_vec());
            for column in s.columns() {
                fold::<H>(call, column, hashes)?;
            }
            if let (Some(before), Some(nulls)) = (before, s.nulls()) {
                for (i, (h, b)) in hashes.iter_mut().zip(before).enumerate() {
                    if nulls.is_null(i) {
                        *h = b;
                    }
                }
            }
        }
        Arrow::List(_) => {
            let list = array.as_list::<i32>();
            for (i, h) in hashes.iter_mut().enumerate() {
                if list.is_valid(i) {
                    *h = sequence::<H>(call, &list.value(i), *h)?;
                }
            }
        }
        Arrow::Map(..) => {
            let map = array.as_map();
            for (i, h) in hashes.iter_mut().enumerate() {
                if map.is_valid(i) {
                    let entries = map.value(i);
                    let entries: ArrayRef = Arc::new(entries);
                    *h = sequence::<H>(call, &entries, *h)?;
                }
            }
        }
        other => return Err(call.error(SparkError::internal(format!("no hash of {other}")))),
    }
    Ok(())
}

/// The elements of one value, one after the other into one hash.
fn sequence<H: Hasher>(call: &Call, items: &ArrayRef, seed: H::Hash) -> DfResult<H::Hash> {
    let mut hash = [seed];
    for i in 0..items.len() {
        fold::<H>(call, &items.slice(i, 1), &mut hash)?;
    }
    let [out] = hash;
    Ok(out)
}

/// The fewest bytes that hold a signed number, as Java's `BigInteger.toByteArray` gives.
pub fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest {
        let spare = (*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0);
        match rest.get(1..) {
            Some(r) if spare => rest = r,
            _ => break,
        }
    }
    rest
}
