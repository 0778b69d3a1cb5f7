//! Aggregates whose state is a block of bytes: `approx_count_distinct` (HyperLogLog++) and the
//! bitmaps `bitmap_construct_agg`, `bitmap_or_agg`, `bitmap_and_agg`.

use datafusion::arrow::array::{ArrayRef, BinaryArray, Int64Array};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Case;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_functions_math::hash::fold::XXHASH64;
use vonk_plan::types::DataType;

use crate::build::{cast_to, coerced, text, typed, unexpected};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("approx_count_distinct", "agg_funcs", Body::Aggregate(approx_count_distinct))
        .usage("approx_count_distinct(expr[, relativeSD]) - About how many different values there are."),
    &FunctionSpec::new(
        "bitmap_construct_agg",
        "agg_funcs",
        Body::Aggregate(|c, a| bitmap(c, a, &CONSTRUCT, Want::LONG)),
    )
    .usage("bitmap_construct_agg(expr) - A bitmap with the bits at all positions set."),
    &FunctionSpec::new("bitmap_or_agg", "agg_funcs", Body::Aggregate(|c, a| bitmap(c, a, &OR, Want::BINARY)))
        .usage("bitmap_or_agg(expr) - The bitwise OR of bitmaps."),
    &FunctionSpec::new("bitmap_and_agg", "agg_funcs", Body::Aggregate(|c, a| bitmap(c, a, &AND, Want::BINARY)))
        .usage("bitmap_and_agg(expr) - The bitwise AND of bitmaps."),
];

pub const AGGREGATES: &[&Aggregate] = &[&APPROX_COUNT_DISTINCT, &CONSTRUCT, &OR, &AND];

const BITMAP: usize = 4096;

/// Parameter: number of bits of a register's number.
static APPROX_COUNT_DISTINCT: Aggregate = Aggregate {
    name: "spark_approx_count_distinct",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| {
        let size = 1usize << c.param(0).parse::<u32>().unwrap_or(9);
        Ok(Block::boxed(c, 0, size, add_hashes, max))
    },
    groups: None,
};
static CONSTRUCT: Aggregate = Aggregate {
    name: "spark_bitmap_construct",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Block::boxed(c, 0, BITMAP, set_bits, or)),
    groups: None,
};
static OR: Aggregate = Aggregate {
    name: "spark_bitmap_or",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Block::boxed(c, 0, BITMAP, |b, v| blocks(b, v, or), or)),
    groups: None,
};
static AND: Aggregate = Aggregate {
    name: "spark_bitmap_and",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Block::boxed(c, 0xff, BITMAP, |b, v| blocks(b, v, and), and)),
    groups: None,
};

fn max(a: &mut u8, b: u8) {
    *a = (*a).max(b);
}

fn or(a: &mut u8, b: u8) {
    *a |= b;
}

fn and(a: &mut u8, b: u8) {
    *a &= b;
}

fn approx_count_distinct(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let [value, ..] = call.args.as_slice() else { return Err(SparkError::internal("count of one")) };
    let sql = text(ctx, &call, std::slice::from_ref(value));
    let sd = match call.args.get(1) {
        None => 0.05,
        // Spark takes a number that is written as such, and nothing that is computed.
        Some(sd) => match (&sd.expr, &sd.data_type) {
            (Expr::Literal(..), DataType::Double | DataType::Decimal(..)) => {
                let value = cast_to(ctx, sd.clone(), &DataType::Double)?.constant()?;
                value.and_then(|v| v.to_string().parse::<f64>().ok()).unwrap_or_default()
            }
            _ => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1104").at(ctx.origin.clone())),
        },
    };
    let bits = (2.0 * (1.106 / sd).log2()).ceil();
    if !(4.0..=24.0).contains(&bits) {
        return Err(SparkError::new("FAILED_FUNCTION_CALL")
            .param("funcName", "`approx_count_distinct`")
            .at(ctx.origin.clone()));
    }
    let hash = ctx.call(&XXHASH64, vec![crate::build::keyed(value.clone())], DataType::Long, Nullability::Never);
    let present = Expr::IsNotNull(Box::new(value.expr.clone()));
    let mut arg = hash.clone();
    arg.expr = Expr::Case(Case::new(None, vec![(Box::new(present), Box::new(hash.expr))], None));
    let data = AggregateCallData::new(ctx, &APPROX_COUNT_DISTINCT, vec![DataType::Long], DataType::Long)
        .with_params(vec![(bits as u32).to_string()]);
    let plain = AggregateCall { distinct: false, ..call };
    Ok(typed(&plain, data, &[arg], false, sql))
}

fn bitmap(ctx: &FnContext, call: AggregateCall, which: &'static Aggregate, want: Want) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    // Bitmaps are made by no cast, not even of NULL.
    if let Some(a) = call.args.first().filter(|a| want == Want::BINARY && a.data_type != DataType::Binary) {
        return Err(unexpected(ctx, &sql, 0, "\"BINARY\"", a));
    }
    let args = coerced(ctx, &call, 1, &[want])?;
    let types = args.iter().map(|a| a.data_type.clone()).collect();
    let data = AggregateCallData::new(ctx, which, types, DataType::Binary);
    Ok(typed(&call, data, &args, false, sql))
}

struct Block {
    call: AggregateCallData,
    bytes: Vec<u8>,
    update: fn(&mut Block, &[ArrayRef]) -> DfResult<()>,
    merge: fn(&mut u8, u8),
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.call.fmt(f)
    }
}

impl Block {
    fn boxed(
        call: &AggregateCallData,
        fill: u8,
        size: usize,
        update: fn(&mut Block, &[ArrayRef]) -> DfResult<()>,
        merge: fn(&mut u8, u8),
    ) -> Box<dyn Accumulator> {
        Box::new(Block { call: call.clone(), bytes: vec![fill; size], update, merge })
    }
}

impl Accumulator for Block {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        (self.update)(self, values)
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(match self.call.return_type {
            DataType::Long => ScalarValue::Int64(Some(estimate(&self.bytes))),
            _ => ScalarValue::Binary(Some(self.bytes.clone())),
        })
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.bytes.clone()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let merge = self.merge;
        blocks(self, states, merge)
    }
}

/// Joins whole blocks into the state; shorter ones end with the bytes that change nothing for OR.
fn blocks(block: &mut Block, values: &[ArrayRef], merge: fn(&mut u8, u8)) -> DfResult<()> {
    let all: BinaryArray = column(values, 0)?;
    for other in all.iter().flatten() {
        let rest = std::iter::repeat(&0u8);
        for (a, b) in block.bytes.iter_mut().zip(other.iter().chain(rest)) {
            merge(a, *b);
        }
    }
    Ok(())
}

fn set_bits(block: &mut Block, values: &[ArrayRef]) -> DfResult<()> {
    let positions: Int64Array = column(values, 0)?;
    for p in positions.iter().flatten() {
        let slot = usize::try_from(p).ok().and_then(|p| block.bytes.get_mut(p / 8).map(|b| (b, p % 8)));
        match slot {
            Some((byte, bit)) => *byte |= 1 << bit,
            None => {
                return Err(block.call.error(
                    SparkError::new("INVALID_BITMAP_POSITION")
                        .param("bitPosition", p)
                        .param("bitmapNumBytes", BITMAP)
                        .param("bitmapNumBits", BITMAP * 8),
                ));
            }
        }
    }
    Ok(())
}

fn add_hashes(block: &mut Block, values: &[ArrayRef]) -> DfResult<()> {
    let hashes: Int64Array = column(values, 0)?;
    let bits = block.bytes.len().trailing_zeros();
    for h in hashes.iter().flatten() {
        let h = h as u64;
        let rank = ((h << bits) | 1 << (bits - 1)).leading_zeros() as u8 + 1;
        if let Some(register) = block.bytes.get_mut((h >> (64 - bits)) as usize) {
            *register = (*register).max(rank);
        }
    }
    Ok(())
}

/// Up to which count the number of empty registers tells more, by the bits of a register's number
/// from 4.
const THRESHOLDS: [f64; 15] = [
    10.0, 20.0, 40.0, 80.0, 220.0, 400.0, 900.0, 1800.0, 3100.0, 6500.0, 11500.0, 20000.0, 50000.0, 120000.0, 350000.0,
];

fn estimate(registers: &[u8]) -> i64 {
    let m = registers.len() as f64;
    let bits = registers.len().trailing_zeros();
    let inverse: f64 = registers.iter().map(|r| 1.0 / (1u64 << r) as f64).sum();
    let zeros = registers.iter().filter(|r| **r == 0).count() as f64;
    let alpha = match bits {
        4 => 0.673,
        5 => 0.697,
        6 => 0.709,
        _ => 0.7213 / (1.0 + 1.079 / m),
    };
    let raw = alpha * m * m / inverse;
    let linear = m * (m / zeros).ln();
    let threshold = THRESHOLDS.get(bits.saturating_sub(4) as usize).copied();
    let small = zeros > 0.0 && threshold.map_or(raw <= 2.5 * m, |t| linear <= t);
    (if small { linear } else { raw }).round() as i64
}
