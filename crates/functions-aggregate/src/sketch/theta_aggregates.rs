//! `hll_sketch_agg`, `theta_sketch_agg`, `tuple_sketch_agg_…` and the aggregates that unite and
//! intersect sketches.

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Accumulator, Expr};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_functions_math::hash::fold::XXHASH64;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::theta::{Kind, Theta};
use super::{LG_K_AND_MODE, constant_number, constant_word};
use crate::build::{cast_to, text, text_named, typed, unexpected};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

macro_rules! spec {
    ($name:literal, $build:expr, $usage:literal $(, $parameters:expr)?) => {
        &FunctionSpec::new($name, "agg_funcs", Body::Aggregate($build))
            .usage($usage)
            $(.parameters($parameters).defaults(LG_K_AND_MODE))?
    };
}

pub const SPECS: &[&FunctionSpec] = &[
    spec!(
        "hll_sketch_agg",
        |c, a| keys(c, a, Kind::Hll),
        "hll_sketch_agg(expr[, lgK]) - A sketch of the different values."
    ),
    spec!("hll_union_agg", hll_union_agg, "hll_union_agg(sketch[, allowDifferentLgK]) - The union of sketches."),
    spec!(
        "theta_sketch_agg",
        |c, a| keys(c, a, Kind::Theta),
        "theta_sketch_agg(expr[, lgK]) - A sketch of the different values."
    ),
    spec!(
        "theta_union_agg",
        |c, a| merged(c, a, Kind::Theta, "union"),
        "theta_union_agg(sketch[, lgK]) - The union of sketches."
    ),
    spec!(
        "theta_intersection_agg",
        |c, a| merged(c, a, Kind::Theta, "intersect"),
        "theta_intersection_agg(sketch) - The intersection of sketches."
    ),
    spec!(
        "tuple_sketch_agg_double",
        |c, a| tuples(c, a, Kind::TupleDouble),
        "tuple_sketch_agg_double(key, summary[, lgK[, mode]]) - A sketch of keys with summaries.",
        &["key", "summary", "lgNomEntries", "mode"]
    ),
    spec!(
        "tuple_sketch_agg_integer",
        |c, a| tuples(c, a, Kind::TupleInteger),
        "tuple_sketch_agg_integer(key, summary[, lgK[, mode]]) - A sketch of keys with summaries.",
        &["key", "summary", "lgNomEntries", "mode"]
    ),
    spec!(
        "tuple_union_agg_double",
        |c, a| merged(c, a, Kind::TupleDouble, "union"),
        "tuple_union_agg_double(sketch[, lgK[, mode]]) - The union of sketches.",
        &["child", "lgNomEntries", "mode"]
    ),
    spec!(
        "tuple_union_agg_integer",
        |c, a| merged(c, a, Kind::TupleInteger, "union"),
        "tuple_union_agg_integer(sketch[, lgK[, mode]]) - The union of sketches.",
        &["child", "lgNomEntries", "mode"]
    ),
    spec!(
        "tuple_intersection_agg_double",
        |c, a| merged(c, a, Kind::TupleDouble, "intersect"),
        "tuple_intersection_agg_double(sketch[, mode]) - The intersection of sketches."
    ),
    spec!(
        "tuple_intersection_agg_integer",
        |c, a| merged(c, a, Kind::TupleInteger, "intersect"),
        "tuple_intersection_agg_integer(sketch[, mode]) - The intersection of sketches."
    ),
];

/// Parameters: kind, lgk, mode, and `build`, `union` or `intersect`.
pub static SKETCH: Aggregate = Aggregate {
    name: "spark_sketch",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Box::new(Sketching { call: c.clone(), sketch: None })),
    groups: None,
};

fn shown(call: &AggregateCall, defaults: &[Literal], required: usize) -> SparkResult<Vec<TypedExpr>> {
    let mut out = call.args.clone();
    for default in defaults.iter().skip(out.len().saturating_sub(required)) {
        out.push(TypedExpr::literal(default)?);
    }
    Ok(out)
}

fn data(ctx: &FnContext, types: Vec<DataType>, kind: Kind, lgk: i64, mode: String, what: &str) -> AggregateCallData {
    let params = vec![kind.name().to_string(), lgk.to_string(), mode, what.to_string()];
    AggregateCallData::new(ctx, &SKETCH, types, DataType::Binary).with_params(params)
}

fn checked_lgk(ctx: &FnContext, arg: Option<&TypedExpr>, kind: Kind) -> SparkResult<i64> {
    let (least, most) = if kind == Kind::Hll { (4, 21) } else { (4, 26) };
    let lgk = constant_number(arg, 12)?;
    if (least..=most).contains(&lgk) {
        return Ok(lgk);
    }
    let class = match kind {
        Kind::Hll => "HLL_INVALID_LG_K",
        Kind::Theta => "THETA_INVALID_LG_NOM_ENTRIES",
        _ => "TUPLE_INVALID_LG_NOM_ENTRIES",
    };
    Err(SparkError::new(class)
        .param("function", vonk_common::error::quote_id([&*ctx.name]))
        .param("min", least)
        .param("max", most)
        .param("value", lgk)
        .at(ctx.origin.clone()))
}

/// The hash of a key column, NULL for NULL; integers of all sizes hash alike.
fn key_hash(ctx: &FnContext, sql: &vonk_expr::SqlText, key: &TypedExpr) -> SparkResult<TypedExpr> {
    let key = match &key.data_type {
        t if t.is_integral() || *t == DataType::Null => cast_to(ctx, key.clone(), &DataType::Long)?,
        DataType::Float => cast_to(ctx, key.clone(), &DataType::Double)?,
        DataType::Double | DataType::String(_) | DataType::Binary | DataType::Array(..) => key.clone(),
        _ => return Err(unexpected(ctx, sql, 0, "(\"INT\" or \"BIGINT\" or \"STRING\" or \"BINARY\")", key)),
    };
    let mut hash = ctx.call(&XXHASH64, vec![key.clone()], DataType::Long, Nullability::Never);
    let present = Expr::IsNotNull(Box::new(key.expr));
    hash.expr = Expr::Case(Case::new(None, vec![(Box::new(present), Box::new(hash.expr))], None));
    Ok(hash)
}

fn keys(ctx: &FnContext, call: AggregateCall, kind: Kind) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let sql = text(ctx, &call, &shown(&call, &[Literal::Int(12)], 1)?);
    let lgk = checked_lgk(ctx, call.args.get(1), kind)?;
    let Some(key) = call.args.first() else { return Err(SparkError::internal("a key is due")) };
    let hash = key_hash(ctx, &sql, key)?;
    let data = data(ctx, vec![DataType::Long], kind, lgk, "sum".into(), "build");
    Ok(typed(&call, data, &[hash], false, sql))
}

fn tuples(ctx: &FnContext, call: AggregateCall, kind: Kind) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=4)?;
    let sql = text(ctx, &call, &shown(&call, &[Literal::Int(12), Literal::string("sum")], 2)?);
    let lgk = checked_lgk(ctx, call.args.get(2), kind)?;
    let mode = constant_word(call.args.get(3), "sum")?;
    let [key, summary, ..] = call.args.as_slice() else { return Err(SparkError::internal("key and summary")) };
    let hash = key_hash(ctx, &sql, key)?;
    let want = if kind == Kind::TupleInteger { Want::LONG } else { Want::DOUBLE };
    let Some(summary) = ctx.coerce(vec![summary.clone()], 1, &[want])?.pop() else {
        return Err(SparkError::internal("key and summary"));
    };
    let summary = cast_to(ctx, summary, &DataType::Double)?;
    let data = data(ctx, vec![DataType::Long, DataType::Double], kind, lgk, mode, "build");
    Ok(typed(&call, data, &[hash, summary], false, sql))
}

fn hll_union_agg(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let sql = text(ctx, &call, &shown(&call, &[Literal::Boolean(false)], 1)?);
    let allow = constant_word(call.args.get(1), "false")?;
    let any = call.args.get(1).and_then(|a| a.constant().ok().flatten()).is_some_and(|v| v.to_string() == "true");
    let mode = if any || allow == "true" { "any" } else { "same" };
    let args = ctx.coerce(call.args.iter().take(1).cloned().collect(), 1, &[Want::BINARY])?;
    let data = data(ctx, vec![DataType::Binary], Kind::Hll, 0, mode.into(), "union");
    Ok(typed(&call, data, &args, false, sql))
}

fn merged(ctx: &FnContext, call: AggregateCall, kind: Kind, what: &str) -> SparkResult<TypedExpr> {
    let tuple = matches!(kind, Kind::TupleDouble | Kind::TupleInteger);
    let mut defaults = vec![];
    if what == "union" {
        defaults.push(Literal::Int(12));
    }
    if tuple {
        defaults.push(Literal::string("sum"));
    }
    ctx.arity(&call.args, 1..=1 + defaults.len())?;
    let all = shown(&call, &defaults, 1)?;
    let sql = text_named(&ctx.name, &call, &all);
    let lgk = if what == "union" { checked_lgk(ctx, all.get(1), kind)? } else { 26 };
    let mode = if tuple { constant_word(all.last(), "sum")? } else { "sum".into() };
    let args = ctx.coerce(call.args.iter().take(1).cloned().collect(), 1, &[Want::BINARY])?;
    let data = data(ctx, vec![DataType::Binary], kind, lgk, mode, what);
    Ok(typed(&call, data, &args, false, sql))
}

#[derive(Debug)]
struct Sketching {
    call: AggregateCallData,
    sketch: Option<Theta>,
}

/// The error of bytes that are no sketch.
pub fn invalid_sketch(kind: Kind, function: &str) -> SparkError {
    let class = match kind {
        Kind::Hll => "HLL_INVALID_INPUT_SKETCH_BUFFER",
        Kind::Theta => "THETA_INVALID_INPUT_SKETCH_BUFFER",
        _ => "TUPLE_INVALID_INPUT_SKETCH_BUFFER",
    };
    SparkError::new(class).param("function", vonk_common::error::quote_id([function]))
}

impl Sketching {
    fn kind(&self) -> Kind {
        Kind::from_name(self.call.param(0))
    }

    fn fresh(&self) -> Theta {
        Theta::new(self.kind(), self.call.param(1).parse().unwrap_or(12))
    }

    fn merge(&mut self, other: Theta) -> DfResult<()> {
        let call = self.call.clone();
        let mode = call.param(2);
        match (&mut self.sketch, call.param(3)) {
            (Some(s), "intersect") => s.intersect(&other, mode),
            (Some(s), _) => {
                if s.kind == Kind::Hll && s.lgk != other.lgk {
                    if mode == "same" {
                        return Err(call.error(
                            SparkError::new("HLL_UNION_DIFFERENT_LG_K")
                                .param("left", s.lgk)
                                .param("right", other.lgk)
                                .param("function", "`hll_union_agg`"),
                        ));
                    }
                    s.lgk = s.lgk.min(other.lgk);
                }
                s.union(&other, mode);
            }
            (None, "intersect") => self.sketch = Some(other),
            (None, _) => {
                let mut s = self.fresh();
                if s.kind == Kind::Hll && call.param(3) == "union" {
                    s.lgk = other.lgk;
                }
                s.union(&other, mode);
                self.sketch = Some(s);
            }
        }
        Ok(())
    }

    fn merge_all(&mut self, sketches: &[ArrayRef]) -> DfResult<()> {
        let all: BinaryArray = column(sketches, 0)?;
        for bytes in all.iter().flatten() {
            let Some(other) = Theta::from_bytes(bytes, self.kind()) else {
                return Err(self.call.error(invalid_sketch(self.kind(), "sketch")));
            };
            self.merge(other)?;
        }
        Ok(())
    }
}

impl Accumulator for Sketching {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        if self.call.param(3) != "build" {
            return self.merge_all(values);
        }
        let hashes: Int64Array = column(values, 0)?;
        let summaries: Option<Float64Array> = if values.len() > 1 { Some(column(values, 1)?) } else { None };
        let mut sketch = match self.sketch.take() {
            Some(s) => s,
            None => self.fresh(),
        };
        for (i, hash) in hashes.iter().enumerate() {
            let Some(hash) = hash else { continue };
            let summary = match &summaries {
                Some(s) if s.is_null(i) => continue,
                Some(s) => s.value(i),
                None => 1.0,
            };
            sketch.add(hash as u64, summary, self.call.param(2));
        }
        self.sketch = Some(sketch);
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let bytes = match &self.sketch {
            Some(s) => s.to_bytes(),
            None => Theta::new(self.kind(), self.call.param(1).parse::<u8>().unwrap_or(12).max(4)).to_bytes(),
        };
        Ok(ScalarValue::Binary(Some(bytes)))
    }

    fn size(&self) -> usize {
        self.sketch.as_ref().map_or(0, |s| s.to_bytes().len() * 3)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(self.sketch.as_ref().map(Theta::to_bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.merge_all(states)
    }
}
