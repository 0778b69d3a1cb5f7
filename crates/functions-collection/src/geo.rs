//! Points, lines and areas: GEOMETRY on a plane, GEOGRAPHY on the globe.
//!
//! A value is the number of its reference system (four bytes, little-endian) and its well-known
//! binary form ([`wkb`]), little-endian. The type names the system too, unless it is mixed (-1).

use datafusion::arrow::array::{BinaryArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::columns::{binary_rows, primitive_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub mod wkb;

static FROM_KERNEL: Kernel = Kernel::new("st_from_wkb", eval_from);
static TO_KERNEL: Kernel = Kernel::new("st_asbinary", eval_to);
static SRID_KERNEL: Kernel = Kernel::new("st_srid", eval_srid);
static SET_KERNEL: Kernel = Kernel::new("st_setsrid", eval_set);

const GROUP: &str = "st_funcs";

pub static SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("st_geogfromwkb", GROUP, build_geography)
        .usage("st_geogfromwkb(wkb) - the GEOGRAPHY of the well-known binary form")
        .kernels(&[&FROM_KERNEL, &TO_KERNEL, &SRID_KERNEL, &SET_KERNEL]),
    &FunctionSpec::scalar("st_geomfromwkb", GROUP, build_geometry)
        .usage("st_geomfromwkb(wkb[, srid]) - the GEOMETRY of the well-known binary form"),
    &FunctionSpec::scalar("st_asbinary", GROUP, build_to)
        .usage("st_asbinary(geo[, endianness]) - the well-known binary form, NDR or XDR"),
    &FunctionSpec::scalar("st_srid", GROUP, build_srid).usage("st_srid(geo) - the number of the reference system"),
    &FunctionSpec::scalar("st_setsrid", GROUP, build_set)
        .usage("st_setsrid(geo, srid) - the value under another reference system"),
];

/// The reference systems of the globe, and of planes.
const GLOBE: i32 = 4326;
const PLANES: [i32; 3] = [0, 3857, 4326];
/// Values of one column have different systems.
const MIXED: i32 = -1;

fn check_srid(srid: i32, globe: bool) -> SparkResult<i32> {
    let known = if globe { srid == GLOBE } else { PLANES.contains(&srid) };
    if known { Ok(srid) } else { Err(SparkError::new("ST_INVALID_SRID_VALUE").param("srid", srid)) }
}

/// The system that a constant names; mixed for a column.
fn srid_of(ctx: &FnContext, arg: &TypedExpr, globe: bool) -> SparkResult<i32> {
    match arg.foldable.then(|| arg.constant_i64(&ctx.name, "srid")).transpose()?.flatten() {
        Some(srid) => check_srid(i32::try_from(srid).unwrap_or(MIXED), globe),
        None => Ok(MIXED),
    }
}

fn build_geography(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::BINARY])?;
    Ok(ctx.call(&FROM_KERNEL, args, DataType::Geography(GLOBE), Nullability::Args))
}

fn build_geometry(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::Int(0))?);
    }
    let args = ctx.coerce(args, 2, &[Want::BINARY, Want::INT])?;
    let srid = srid_of(ctx, &args[1], false)?;
    Ok(ctx.call(&FROM_KERNEL, args, DataType::Geometry(srid), Nullability::Args))
}

/// The first argument has to be a GEOGRAPHY or a GEOMETRY; NULL counts as the latter.
fn check_geo(ctx: &FnContext, args: &mut [TypedExpr]) -> SparkResult<()> {
    match args.first().map(|a| &a.data_type) {
        Some(DataType::Geography(_) | DataType::Geometry(_)) => Ok(()),
        Some(DataType::Null) => {
            args[0] = cast(&ctx.facts, args[0].clone(), &DataType::Geometry(0))?;
            Ok(())
        }
        _ => Err(ctx.unexpected_type(args, 0, "(\"GEOGRAPHY\" or \"GEOMETRY\")")),
    }
}

fn build_to(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::string("NDR"))?);
    }
    check_geo(ctx, &mut args)?;
    let args = ctx.coerce(args, 2, &[Want::Any, Want::Str])?;
    Ok(ctx.call(&TO_KERNEL, args, DataType::Binary, Nullability::Args))
}

fn build_srid(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    check_geo(ctx, &mut args)?;
    Ok(ctx.call(&SRID_KERNEL, args, DataType::Int, Nullability::Args))
}

fn build_set(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    check_geo(ctx, &mut args)?;
    let args = ctx.coerce(args, 2, &[Want::Any, Want::INT])?;
    let globe = matches!(args[0].data_type, DataType::Geography(_));
    let srid = srid_of(ctx, &args[1], globe)?;
    let ty = if globe { DataType::Geography(srid) } else { DataType::Geometry(srid) };
    Ok(ctx.call(&SET_KERNEL, args, ty, Nullability::Args))
}

fn eval_from(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let srids = if args.len() > 1 { Some(Col::<Int32Array>::new(args, 1)?) } else { None };
    let globe = srids.is_none();
    binary_rows(rows, |row, out| {
        let bytes = not_null!(bytes.get(row));
        let srid = match &srids {
            Some(srids) => check_srid(not_null!(srids.get(row)), false).map_err(|e| call.error(e))?,
            None => GLOBE,
        };
        out.extend(srid.to_le_bytes());
        wkb::rewrite(bytes, true, globe, out).map_err(|e| call.error(e.error()))?;
        Ok(Some(()))
    })
}

/// System and well-known binary form of a value.
fn parts(value: &[u8]) -> DfResult<(i32, &[u8])> {
    match value.split_first_chunk::<4>() {
        Some((srid, wkb)) => Ok((i32::from_le_bytes(*srid), wkb)),
        None => Err(exec_err(SparkError::internal("a geometry without its reference system"))),
    }
}

fn eval_to(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = Col::<BinaryArray>::new(args, 0)?;
    let orders = Col::<StringArray>::new(args, 1)?;
    binary_rows(rows, |row, out| {
        let (value, order) = not_null!(values.get(row), orders.get(row));
        let little = match order {
            o if o.eq_ignore_ascii_case("NDR") => true,
            o if o.eq_ignore_ascii_case("XDR") => false,
            o => return Err(call.error(SparkError::new("ST_INVALID_ENDIANNESS_VALUE").param("endianness", o))),
        };
        wkb::rewrite(parts(value)?.1, little, false, out).map_err(|e| call.error(e.error()))?;
        Ok(Some(()))
    })
}

fn eval_srid(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = Col::<BinaryArray>::new(args, 0)?;
    primitive_rows::<Int32Type>(call, rows, |row| Ok(Some(parts(not_null!(values.get(row)))?.0)))
}

fn eval_set(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = Col::<BinaryArray>::new(args, 0)?;
    let srids = Col::<Int32Array>::new(args, 1)?;
    let globe = matches!(call.return_type, DataType::Geography(_));
    binary_rows(rows, |row, out| {
        let (value, srid) = not_null!(values.get(row), srids.get(row));
        let srid = check_srid(srid, globe).map_err(|e| call.error(e))?;
        out.extend(srid.to_le_bytes());
        out.extend_from_slice(parts(value)?.1);
        Ok(Some(()))
    })
}
