//! `schema_of_variant`: the type of a variant's value, as text.

use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::cast::variant::{Value, Variant, Variants, json::stripped};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, not_null};
use vonk_plan::types::{DataType, StructField};

use super::exact;

static SCHEMA_KERNEL: Kernel = Kernel::new("schema_of_variant", eval);

pub static SCHEMA_OF_VARIANT: FunctionSpec = FunctionSpec::scalar("schema_of_variant", "variant_funcs", build)
    .usage("schema_of_variant(v) - the type of the variant's value")
    .kernels(&[&SCHEMA_KERNEL])
    .literal_nulls();

/// Deepest nesting that is described.
const MAX_DEPTH: usize = 500;

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let args = exact(ctx, args, &[DataType::Variant])?;
    Ok(ctx.call(&SCHEMA_KERNEL, args, DataType::STRING, Nullability::Args))
}

fn eval(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let variants = Variants::new(&array)?;
    string_rows(rows, rows * 16, |row, out| {
        out.push_str(&text(&type_of(&not_null!(variants.get(row)), 0)));
        Ok(Some(()))
    })
}

/// The type of a value; what has no common type is VARIANT.
pub fn type_of(variant: &Variant, depth: usize) -> DataType {
    match variant.get() {
        _ if depth > MAX_DEPTH => DataType::Variant,
        None | Some(Value::Null) => DataType::Null,
        Some(Value::Boolean(_)) => DataType::Boolean,
        Some(Value::Long(_)) => DataType::Long,
        Some(Value::Double(_)) => DataType::Double,
        Some(Value::Float(_)) => DataType::Float,
        Some(Value::Decimal(v, scale)) => {
            let (v, scale) = stripped(v, scale);
            let digits = v.unsigned_abs().checked_ilog10().map_or(1, |n| n as u8 + 1);
            DataType::Decimal(digits.max(scale), scale as i8)
        }
        Some(Value::Date(_)) => DataType::Date,
        Some(Value::Timestamp(_)) => DataType::Timestamp,
        Some(Value::TimestampNtz(_)) => DataType::TimestampNtz,
        Some(Value::String(_) | Value::Uuid(_)) => DataType::STRING,
        Some(Value::Binary(_)) => DataType::Binary,
        Some(Value::Array(items)) => {
            let element = items.fold(DataType::Null, |t, item| merged(t, type_of(&item, depth + 1)));
            DataType::array(element, true)
        }
        Some(Value::Object(fields)) => {
            DataType::structure(fields.map(|(name, f)| StructField::new(name, type_of(&f, depth + 1), true)))
        }
    }
}

/// The type that holds values of both.
pub fn merged(a: DataType, b: DataType) -> DataType {
    match (a, b) {
        (a, b) if a == b => a,
        (DataType::Null, t) | (t, DataType::Null) => t,
        (DataType::Array(x, _), DataType::Array(y, _)) => DataType::array(merged(*x, *y), true),
        (DataType::Struct(x), DataType::Struct(y)) => {
            let mut fields = x.fields.to_vec();
            for f in y.fields.iter() {
                match fields.iter_mut().find(|own| own.name == f.name) {
                    Some(own) => {
                        let before = std::mem::replace(&mut own.data_type, DataType::Null);
                        own.data_type = merged(before, f.data_type.clone());
                    }
                    None => fields.push(f.clone()),
                }
            }
            fields.sort_by(|l, r| l.name.cmp(&r.name));
            DataType::structure(fields)
        }
        (DataType::Decimal(p1, s1), DataType::Decimal(p2, s2)) => decimals((p1, s1), (p2, s2)),
        (DataType::Long, DataType::Decimal(p, s)) | (DataType::Decimal(p, s), DataType::Long) => {
            decimals((20, 0), (p, s))
        }
        (DataType::Double, t) | (t, DataType::Double) if t.is_numeric() => DataType::Double,
        (DataType::Float, DataType::Long) | (DataType::Long, DataType::Float) => DataType::Float,
        (DataType::Float, DataType::Decimal(..)) | (DataType::Decimal(..), DataType::Float) => DataType::Double,
        (DataType::Timestamp, DataType::TimestampNtz) | (DataType::TimestampNtz, DataType::Timestamp) => {
            DataType::Timestamp
        }
        _ => DataType::Variant,
    }
}

fn decimals((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> DataType {
    let whole = |p: u8, s: i8| i32::from(p) - i32::from(s);
    let scale = s1.max(s2);
    match u8::try_from(whole(p1, s1).max(whole(p2, s2)) + i32::from(scale)) {
        Ok(precision) if precision <= 38 => DataType::Decimal(precision, scale),
        _ => DataType::Double,
    }
}

/// As SQL, with OBJECT for structs.
pub fn text(t: &DataType) -> String {
    match t {
        DataType::Array(e, _) => format!("ARRAY<{}>", text(e)),
        DataType::Struct(s) => {
            let fields: Vec<_> =
                s.fields.iter().map(|f| format!("{}: {}", quoted(&f.name), text(&f.data_type))).collect();
            format!("OBJECT<{}>", fields.join(", "))
        }
        t => t.sql(),
    }
}

/// In back quotes unless it is a plain name.
fn quoted(name: &str) -> String {
    let plain =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.bytes().all(|b| b.is_ascii_digit());
    if plain { name.to_string() } else { vonk_common::error::quote_id([name]) }
}
