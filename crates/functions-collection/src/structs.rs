//! `struct` and `named_struct`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, exec_err};
use vonk_plan::types::{DataType, StructField};

use crate::lists::{arrays, retype};

static STRUCT_KERNEL: Kernel = Kernel::new("struct", eval_struct).eager();

pub static SPECS: &[&FunctionSpec] = &[&STRUCT, &NAMED_STRUCT];

pub static STRUCT: FunctionSpec = FunctionSpec::scalar("struct", "struct_funcs", build_struct)
    .usage("struct(expr, ...) - a struct of the values; columns keep their names, others are col1, col2, ...")
    .kernels(&[&STRUCT_KERNEL]);

pub static NAMED_STRUCT: FunctionSpec = FunctionSpec::scalar("named_struct", "struct_funcs", build_named)
    .usage("named_struct(name, value, ...) - a struct with the given field names");

fn field(name: String, value: &TypedExpr) -> StructField {
    StructField { metadata: value.metadata.clone(), ..StructField::new(name, value.data_type.clone(), value.nullable) }
}

fn build_struct(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let fields = args.iter().enumerate().map(|(i, a)| field(a.field_name(i), a));
    let ty = DataType::structure(fields);
    Ok(ctx.call(&STRUCT_KERNEL, args, ty, Nullability::Never))
}

fn build_named(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    if args.is_empty() || !args.len().is_multiple_of(2) {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .param("docroot", vonk_common::error::DOCROOT)
            .param("functionName", "`named_struct`")
            .param("expectedNum", "2n (n > 0)")
            .param("actualNum", args.len())
            .at(ctx.origin.clone()));
    }
    let sql = ctx.sql(&args);
    let mut fields = Vec::with_capacity(args.len() / 2);
    for pair in args.chunks(2) {
        if !pair[0].foldable || !pair[0].data_type.is_string() {
            let names: Vec<_> = args.iter().step_by(2).map(|a| a.quoted_sql()).collect();
            return Err(ctx
                .mismatch("CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING", &args)
                .param("inputExprs", format!("[{}]", names.join(", "))));
        }
        let Some(name) = pair[0].constant_str("named_struct", "name")? else {
            return Err(ctx.mismatch("UNEXPECTED_NULL", &args).param("exprName", pair[0].quoted_sql()));
        };
        fields.push(field(name, &pair[1]));
    }
    let values = args.into_iter().skip(1).step_by(2).collect();
    let mut out = ctx.call(&STRUCT_KERNEL, values, DataType::structure(fields), Nullability::Never);
    out.sql = sql;
    Ok(out)
}

fn eval_struct(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let Arrow::Struct(fields) = call.arrow_return_type() else {
        return Err(exec_err(SparkError::internal("not a struct")));
    };
    let columns: Vec<ArrayRef> =
        arrays(args, rows)?.into_iter().zip(fields.iter()).map(|(c, f)| retype(c, f.data_type())).collect();
    let array = match columns.is_empty() {
        true => StructArray::new_empty_fields(rows, None),
        false => StructArray::try_new(fields, columns, None)?,
    };
    Ok(ColumnarValue::Array(Arc::new(array)))
}
