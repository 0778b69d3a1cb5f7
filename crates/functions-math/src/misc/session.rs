//! What a query can ask of its session: user, catalog, database, version; and of its input file.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::{FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::math::random::partition_numbers;

/// The revision that Spark names after its version.
const REVISION: &str = "0000000000000000000000000000000000000000";

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("current_user", "misc_funcs", |c, a| text(c, a, &c.facts.user, &c.name))
        .aliases(&["user", "session_user"])
        .usage("current_user() - The name of the session's user."),
    &FunctionSpec::scalar("current_schema", "misc_funcs", |c, a| {
        text(c, a, &c.facts.current_database, "current_schema")
    })
    .aliases(&["current_database"])
    .usage("current_schema() - The session's current database."),
    &FunctionSpec::scalar("current_catalog", "misc_funcs", |c, a| {
        text(c, a, &c.facts.current_catalog, "current_catalog")
    })
    .usage("current_catalog() - The session's current catalog."),
    &FunctionSpec::scalar("current_path", "misc_funcs", |c, a| {
        let path = format!("system.builtin,system.session,{}.{}", c.facts.current_catalog, c.facts.current_database);
        text(c, a, &path, "current_path")
    })
    .usage("current_path() - Where functions are looked for."),
    &FunctionSpec::scalar("version", "misc_funcs", |c, a| {
        text(c, a, &format!("{} {REVISION}", c.facts.version), "version")
    })
    .usage("version() - The version of Spark that this server speaks."),
    &FunctionSpec::scalar("input_file_name", "misc_funcs", |c, a| {
        c.arity(&a, 0..=0)?;
        let mut out = c.call(&INPUT_FILE_NAME, vec![], DataType::STRING, Nullability::Never);
        out.sql = c.sql(&[]);
        Ok(out)
    })
    .kernels(KERNELS)
    .usage("input_file_name() - The file that the row comes from; empty if there is none."),
    &FunctionSpec::scalar("input_file_block_start", "misc_funcs", |c, a| input(c, a, Literal::Long(-1)))
        .usage("input_file_block_start() - The start of the block read; -1 if there is none."),
    &FunctionSpec::scalar("input_file_block_length", "misc_funcs", |c, a| input(c, a, Literal::Long(-1)))
        .usage("input_file_block_length() - The length of the block read; -1 if there is none."),
    &FunctionSpec::scalar("spark_partition_id", "misc_funcs", |c, a| {
        c.arity(&a, 0..=0)?;
        let mut out = partition_numbers(c)?;
        out.sql = SqlText::call("SPARK_PARTITION_ID", []);
        Ok(out)
    })
    .usage("spark_partition_id() - The number of the partition."),
];

const KERNELS: &[&Kernel] = &[&INPUT_FILE_NAME];

/// Stands for a column of the source; without one, rows come from no file.
pub static INPUT_FILE_NAME: Kernel = Kernel::volatile("input_file_name", |_, _, rows| {
    Ok(ColumnarValue::Array(Arc::new(StringArray::from(vec![""; rows]))))
});

fn text(ctx: &FnContext, args: Vec<TypedExpr>, value: &str, name: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=0)?;
    let mut out = TypedExpr::literal(&Literal::string(value))?;
    out.sql = SqlText::call(name, []);
    Ok(out)
}

/// The value where rows come from no file.
fn input(ctx: &FnContext, args: Vec<TypedExpr>, value: Literal) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=0)?;
    let mut out = TypedExpr::literal(&value)?;
    out.sql = ctx.sql(&[]);
    out.foldable = false;
    out.deterministic = false;
    Ok(out)
}
