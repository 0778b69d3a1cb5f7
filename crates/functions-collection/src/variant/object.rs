//! `to_variant_object`: structs, maps with text keys and arrays as variants.

use datafusion::arrow::array::Array;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::to_variant;
use vonk_expr::cast::zone::Zone;
use vonk_expr::cast::{Caster, Mode, can_cast};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::types::DataType;

static OBJECT_KERNEL: Kernel = Kernel::new("to_variant_object", eval);

pub static TO_VARIANT_OBJECT: FunctionSpec = FunctionSpec::scalar("to_variant_object", "variant_funcs", build)
    .usage("to_variant_object(value) - a struct, map or array as a variant")
    .kernels(&[&OBJECT_KERNEL]);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let ty = &args[0].data_type;
    let nested = matches!(ty, DataType::Struct(_) | DataType::Map(..) | DataType::Array(..));
    if !nested || !fits(ty) {
        return Err(ctx
            .mismatch("CAST_WITHOUT_SUGGESTION", &args)
            .param("srcType", quote_sql(ty.sql()))
            .param("targetType", "\"VARIANT\""));
    }
    Ok(ctx.call(&OBJECT_KERNEL, args, DataType::Variant, Nullability::Args))
}

fn fits(ty: &DataType) -> bool {
    match ty {
        DataType::Array(e, _) => fits(e),
        DataType::Map(k, v, _) => k.is_string() && fits(v),
        DataType::Struct(s) => s.fields.iter().all(|f| fits(&f.data_type)),
        scalar => can_cast(scalar, &DataType::Variant, Mode::Ansi),
    }
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let caster = Caster { mode: Mode::Ansi, zone: &Zone::utc(), origin: call.origin.as_ref() };
    let from = call.arg_types.first().unwrap_or(&DataType::Null);
    let values = array_arg(args, 0, rows)?;
    if let Some(key) = name_given_twice(from).filter(|_| values.null_count() < values.len()) {
        return Err(call.error(SparkError::new("VARIANT_DUPLICATE_KEY").param("key", key)));
    }
    Ok(ColumnarValue::Array(to_variant(&caster, &values, from)?))
}

/// A name that two fields of a struct share.
fn name_given_twice(ty: &DataType) -> Option<&str> {
    match ty {
        DataType::Array(e, _) => name_given_twice(e),
        DataType::Map(_, v, _) => name_given_twice(v),
        DataType::Struct(s) => {
            let mut names: Vec<&str> = s.fields.iter().map(|f| f.name.as_str()).collect();
            names.sort_unstable();
            let twice =
                names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied());
            twice.or_else(|| s.fields.iter().find_map(|f| name_given_twice(&f.data_type)))
        }
        _ => None,
    }
}
