//! `CAST`: explicit, implicit, ANSI, legacy and `TRY_CAST`.

use vonk_common::SparkResult;
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::context::QueryFacts;
use crate::typed::TypedExpr;

pub mod text;

/// An implicit cast: in the session's mode, invisible in names.
pub fn cast(facts: &QueryFacts, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    let sql = value.sql.clone();
    let name = value.name.clone();
    let mut out = explicit_cast(facts, value, to, CastMode::Session)?;
    out.sql = sql;
    out.name = name;
    Ok(out)
}

/// A cast the user wrote: its text is `CAST(x AS INT)`.
pub fn explicit_cast(facts: &QueryFacts, value: TypedExpr, to: &DataType, mode: CastMode) -> SparkResult<TypedExpr> {
    let _ = (facts, mode);
    let mut out = value;
    out.expr = datafusion::logical_expr::cast(out.expr, crate::arrow_types::to_arrow(to));
    out.data_type = to.clone();
    Ok(out)
}

/// The kernels that casts use.
pub const KERNELS: &[&crate::kernel::Kernel] = &[];
