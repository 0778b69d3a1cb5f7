//! `hll_sketch_agg`, `theta_sketch_agg`, `tuple_sketch_agg_…` and the aggregates that unite and
//! intersect sketches.

use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Accumulator, Expr};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr, Want};
use vonk_functions_math::hash::fold::XXHASH64;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::theta::{Kind, Theta};
use super::{LG_K_AND_MODE, parameter, whole, wrong_parameter};
use crate::build::{cast_to, text, text_named, typed};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

macro_rules! spec {
    ($name:literal, $build:expr, $usage:literal $(, $parameters:expr)?) => {
        FunctionSpec::new($name, "agg_funcs", Body::Aggregate($build))
            .usage($usage)
            $(.parameters($parameters).defaults(LG_K_AND_MODE))?
    };
}

pub const SPECS: &[&FunctionSpec] = &[
    &spec!(
        "hll_sketch_agg",
        |c, a| keys(c, a, Kind::Hll),
        "hll_sketch_agg(expr[, lgK]) - A sketch of the different values."
    )
    .literal_nulls(),
    &spec!("hll_union_agg", hll_union_agg, "hll_union_agg(sketch[, allowDifferentLgK]) - The union of sketches.")
        .literal_nulls(),
    &spec!(
        "theta_sketch_agg",
        |c, a| keys(c, a, Kind::Theta),
        "theta_sketch_agg(expr[, lgK]) - A sketch of the different values."
    )
    .literal_nulls(),
    &spec!(
        "theta_union_agg",
        |c, a| merged(c, a, Kind::Theta, "union"),
        "theta_union_agg(sketch[, lgK]) - The union of sketches."
    )
    .literal_nulls(),
    &spec!(
        "theta_intersection_agg",
        |c, a| merged(c, a, Kind::Theta, "intersect"),
        "theta_intersection_agg(sketch) - The intersection of sketches."
    )
    .literal_nulls(),
    &spec!(
        "tuple_sketch_agg_double",
        |c, a| tuples(c, a, Kind::TupleDouble),
        "tuple_sketch_agg_double(key, summary[, lgK[, mode]]) - A sketch of keys with summaries.",
        &["key", "summary", "lgNomEntries", "mode"]
    ),
    &spec!(
        "tuple_sketch_agg_integer",
        |c, a| tuples(c, a, Kind::TupleInteger),
        "tuple_sketch_agg_integer(key, summary[, lgK[, mode]]) - A sketch of keys with summaries.",
        &["key", "summary", "lgNomEntries", "mode"]
    ),
    &spec!(
        "tuple_union_agg_double",
        |c, a| merged(c, a, Kind::TupleDouble, "union"),
        "tuple_union_agg_double(sketch[, lgK[, mode]]) - The union of sketches.",
        &["child", "lgNomEntries", "mode"]
    ),
    &spec!(
        "tuple_union_agg_integer",
        |c, a| merged(c, a, Kind::TupleInteger, "union"),
        "tuple_union_agg_integer(sketch[, lgK[, mode]]) - The union of sketches.",
        &["child", "lgNomEntries", "mode"]
    ),
    &spec!(
        "tuple_intersection_agg_double",
        |c, a| merged(c, a, Kind::TupleDouble, "intersect"),
        "tuple_intersection_agg_double(sketch[, mode]) - The intersection of sketches."
    ),
    &spec!(
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

/// The checked logarithm of a sketch's size, at `index` of the arguments. A NULL counts as 0 in the older families,
/// whose errors are not wrapped either.
pub fn checked_lgk(ctx: &FnContext, sql: &SqlText, args: &[TypedExpr], index: usize, kind: Kind) -> SparkResult<i64> {
    let tuple = matches!(kind, Kind::TupleDouble | Kind::TupleInteger);
    let function = vonk_common::error::quote_id([&*ctx.name]);
    let value = match args.get(index).map(|a| a.constant()).transpose()?.flatten() {
        _ if tuple => parameter(ctx, sql, args, index, "lgNomEntries")?,
        Some(v) => v,
        // A scalar function computes with whatever the row gives; ours is the default then.
        None if ctx.name.ends_with("_union") => return Ok(12),
        None => {
            let hll = kind == Kind::Hll;
            let class = if hll { "HLL_K_MUST_BE_CONSTANT" } else { "THETA_LG_NOM_ENTRIES_MUST_BE_CONSTANT" };
            return Err(SparkError::new(class).param("function", function).at(ctx.origin.clone()));
        }
    };
    let (least, most) = if kind == Kind::Hll { (4, 21) } else { (4, 26) };
    let lgk = whole(&value);
    if (least..=most).contains(&lgk) {
        return Ok(lgk);
    }
    let class = if kind == Kind::Hll { "HLL_INVALID_LG_K" } else { "SKETCH_INVALID_LG_NOM_ENTRIES" };
    let error = SparkError::new(class)
        .param("function", function)
        .param("min", least)
        .param("max", most)
        .param("value", lgk)
        .at(ctx.origin.clone());
    Err(if tuple { wrong_parameter(ctx, sql, error) } else { error })
}

/// The checked mode of a tuple sketch, in lower case.
pub fn checked_mode(ctx: &FnContext, sql: &SqlText, args: &[TypedExpr], index: usize) -> SparkResult<String> {
    const MODES: [&str; 4] = ["alwaysone", "max", "min", "sum"];
    let value = parameter(ctx, sql, args, index, "mode")?.to_string();
    let mode = value.to_lowercase();
    if MODES.contains(&mode.as_str()) {
        return Ok(mode);
    }
    let cause = SparkError::new("TUPLE_INVALID_SKETCH_MODE")
        .param("function", vonk_common::error::quote_id([&*ctx.name]))
        .param("mode", value)
        .param("validModes", MODES.join(", "));
    Err(wrong_parameter(ctx, sql, cause))
}

/// The hash of a key column, NULL for NULL; integers of all sizes hash alike.
fn key_hash(ctx: &FnContext, key: &TypedExpr) -> SparkResult<TypedExpr> {
    let key = match &key.data_type {
        t if t.is_integral() || *t == DataType::Null => cast_to(ctx, key.clone(), &DataType::Long)?,
        DataType::Float => cast_to(ctx, key.clone(), &DataType::Double)?,
        _ => key.clone(),
    };
    let mut hash = ctx.call(&XXHASH64, vec![key.clone()], DataType::Long, Nullability::Never);
    let present = Expr::IsNotNull(Box::new(key.expr));
    hash.expr = Expr::Case(Case::new(None, vec![(Box::new(present), Box::new(hash.expr))], None));
    Ok(hash)
}

/// The keys that a sketch takes.
fn key_want(kind: Kind) -> Want {
    let list = |t: DataType| Want::ArrayOf(Box::new(Want::Type(t)));
    Want::OneOf(match kind {
        Kind::Hll => vec![Want::INT, Want::LONG, Want::Str, Want::BINARY],
        _ => vec![
            list(DataType::Int),
            list(DataType::Long),
            Want::BINARY,
            Want::DOUBLE,
            Want::Type(DataType::Float),
            Want::INT,
            Want::LONG,
            Want::Str,
        ],
    })
}

fn keys(ctx: &FnContext, call: AggregateCall, kind: Kind) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let all = shown(&call, &[Literal::Int(12)], 1)?;
    let sql = text(ctx, &call, &all);
    // A NULL key is no key of any type: it is not cast.
    let void = call.args.first().is_some_and(|a| a.data_type == DataType::Null);
    let all = ctx.expect(all, 2, &[if void { Want::Any } else { key_want(kind) }, Want::INT])?;
    let lgk = checked_lgk(ctx, &sql, &all, 1, kind)?;
    let Some(key) = all.first() else { return Err(SparkError::internal("a key is due")) };
    let hash = key_hash(ctx, key)?;
    let data = data(ctx, vec![DataType::Long], kind, lgk, "sum".into(), "build");
    Ok(typed(&call, data, &[hash], false, sql))
}

fn tuples(ctx: &FnContext, call: AggregateCall, kind: Kind) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=4)?;
    let all = shown(&call, &[Literal::Int(12), Literal::string("sum")], 2)?;
    let sql = text(ctx, &call, &all);
    let void = call.args.first().is_some_and(|a| a.data_type == DataType::Null);
    let key = if void { Want::Any } else { key_want(kind) };
    let summary = if kind == Kind::TupleInteger { Want::INT } else { Want::DOUBLE };
    let all = ctx.coerce(all, 4, &[key, summary, Want::INT, Want::Str])?;
    let lgk = checked_lgk(ctx, &sql, &all, 2, kind)?;
    let mode = checked_mode(ctx, &sql, &all, 3)?;
    let [key, summary, ..] = all.as_slice() else { return Err(SparkError::internal("key and summary")) };
    let hash = key_hash(ctx, key)?;
    let summary = cast_to(ctx, summary.clone(), &DataType::Double)?;
    let data = data(ctx, vec![DataType::Long, DataType::Double], kind, lgk, mode, "build");
    Ok(typed(&call, data, &[hash, summary], false, sql))
}

fn hll_union_agg(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=2)?;
    let all = shown(&call, &[Literal::Boolean(false)], 1)?;
    let sql = text(ctx, &call, &all);
    let mut all = ctx.expect(all, 2, &[Want::BINARY, Want::BOOLEAN])?;
    let any = match all.pop() {
        Some(a) => a.constant()?.is_some_and(|v| v.to_string() == "true"),
        None => false,
    };
    let mode = if any { "any" } else { "same" };
    let data = data(ctx, vec![DataType::Binary], Kind::Hll, 0, mode.into(), "union");
    Ok(typed(&call, data, &all, false, sql))
}

fn merged(ctx: &FnContext, call: AggregateCall, kind: Kind, what: &str) -> SparkResult<TypedExpr> {
    let tuple = matches!(kind, Kind::TupleDouble | Kind::TupleInteger);
    let (mut wants, mut defaults) = (vec![Want::BINARY], vec![]);
    if what == "union" {
        wants.push(Want::INT);
        defaults.push(Literal::Int(12));
    }
    if tuple {
        wants.push(Want::Str);
        defaults.push(Literal::string("sum"));
    }
    ctx.arity(&call.args, 1..=wants.len())?;
    let all = shown(&call, &defaults, 1)?;
    let sql = text_named(&ctx.name, &call, &all);
    let mut all = match tuple {
        true => ctx.coerce(all, wants.len(), &wants)?,
        false => ctx.expect(all, wants.len(), &wants)?,
    };
    let lgk = if what == "union" { checked_lgk(ctx, &sql, &all, 1, kind)? } else { 26 };
    let mode = if tuple { checked_mode(ctx, &sql, &all, wants.len().saturating_sub(1))? } else { "sum".into() };
    all.truncate(1);
    let data = data(ctx, vec![DataType::Binary], kind, lgk, mode, what);
    Ok(typed(&call, data, &all, false, sql))
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
