//! `INSERT`: casting a value to the type of the column it is stored in
//! (`spark.sql.storeAssignmentPolicy`).

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use super::upcast::can_up_cast;
use crate::cast;
use crate::context::QueryFacts;
use crate::typed::TypedExpr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorePolicy {
    Ansi,
    Legacy,
    Strict,
}

impl StorePolicy {
    pub fn of(conf: &SessionConf) -> StorePolicy {
        match conf.get("spark.sql.storeAssignmentPolicy").map(str::to_ascii_uppercase).as_deref() {
            Some("LEGACY") => StorePolicy::Legacy,
            Some("STRICT") => StorePolicy::Strict,
            _ => StorePolicy::Ansi,
        }
    }
}

/// The types that ANSI store assignment lets through: near enough that only the value can be at
/// fault.
pub fn can_ansi_store_assign(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let keeps_null = |from: bool, to: bool| !from || to;
    match (from, to) {
        (a, b) if a == b => true,
        (T::Null, _) => true,
        (f, t) if f.is_numeric() && t.is_numeric() => true,
        (f, t) if f.is_atomic() && t.is_string() => true,
        (f, t) if f.is_datetime() && t.is_datetime() => true,
        // What would be cut off is not stored.
        (f, T::Date | T::Time(_)) if f.is_nanos() => true,
        (f, t) if (f.is_datetime() || matches!(f, T::Time(_))) && t.is_nanos() => true,
        (f, t) if f.nanos().zip(t.nanos()).is_some_and(|((a, _), (b, _))| a <= b) => true,
        (T::Time(_), T::Time(_)) => true,
        (T::YearMonthInterval(..), T::YearMonthInterval(..)) => true,
        (T::DayTimeInterval(..), T::DayTimeInterval(..)) => true,
        (T::Array(a, n), T::Array(b, m)) => keeps_null(*n, *m) && can_ansi_store_assign(a, b),
        (T::Map(ak, av, n), T::Map(bk, bv, m)) => {
            keeps_null(*n, *m) && can_ansi_store_assign(ak, bk) && can_ansi_store_assign(av, bv)
        }
        (T::Struct(a), T::Struct(b)) => {
            a.len() == b.len()
                && a.fields.iter().zip(b.fields.iter()).all(|(x, y)| {
                    keeps_null(x.nullable, y.nullable) && can_ansi_store_assign(&x.data_type, &y.data_type)
                })
        }
        (T::Udt(a), T::Udt(b)) => a.sql_type.same_type(&b.sql_type),
        _ => false,
    }
}

/// Casts `value` for a column. Errors: `INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST`, and at run
/// time overflow errors under ANSI.
pub fn store_assignment_cast(
    facts: &QueryFacts,
    value: TypedExpr,
    to: &DataType,
    policy: StorePolicy,
    table: &[String],
    column: &[String],
) -> SparkResult<TypedExpr> {
    let from = value.data_type.clone();
    if from == *to {
        return Ok(value);
    }
    let (allowed, mode) = match policy {
        StorePolicy::Ansi => (can_ansi_store_assign(&from.as_nullable(), &to.as_nullable()), CastMode::Ansi),
        StorePolicy::Strict => (can_up_cast(&from.as_nullable(), &to.as_nullable()), CastMode::Session),
        StorePolicy::Legacy => (cast::can_cast(&from, to, cast::Mode::Legacy), CastMode::Legacy),
    };
    if !allowed {
        return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST")
            .param("tableName", quote_id(table))
            .param("colName", quote_id(column))
            .param("srcType", quote_sql(from.to_string().to_uppercase()))
            .param("targetType", quote_sql(to.to_string().to_uppercase()))
            .at(value.origin.clone()));
    }
    cast::implicit_cast(facts, value, to, mode)
}
