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

/// What of a type cannot be stored: where it is in the column, what it is, and what it should be.
struct Misfit<'t> {
    path: Vec<String>,
    from: &'t DataType,
    to: &'t DataType,
}

/// The first part that the policy does not let through (Spark's `DataTypeUtils.canWrite`).
fn misfit<'t>(from: &'t DataType, to: &'t DataType, policy: StorePolicy, path: &[String]) -> Option<Misfit<'t>> {
    use DataType as T;
    let below = |name: &str| [path, &[name.to_string()]].concat();
    match (from, to) {
        (T::Array(a, _), T::Array(b, _)) => misfit(a, b, policy, &below("element")),
        (T::Map(ak, av, _), T::Map(bk, bv, _)) => {
            misfit(ak, bk, policy, &below("key")).or_else(|| misfit(av, bv, policy, &below("value")))
        }
        (T::Struct(a), T::Struct(b)) if a.len() == b.len() => {
            let mut fields = a.fields.iter().zip(b.fields.iter());
            fields.find_map(|(x, y)| misfit(&x.data_type, &y.data_type, policy, &below(&y.name)))
        }
        _ => {
            let fits = match (from, to) {
                (a, b) if a == b => true,
                (T::Null, _) => policy != StorePolicy::Strict,
                (T::YearMonthInterval(..), T::YearMonthInterval(..)) => false,
                (T::DayTimeInterval(..), T::DayTimeInterval(..)) => false,
                (T::Variant, to) if to.is_string() => true,
                _ if policy == StorePolicy::Strict => can_up_cast(from, to),
                _ => can_ansi_store_assign(from, to),
            };
            (!fits).then(|| Misfit { path: path.to_vec(), from, to })
        }
    }
}

/// Casts `value` for a column. Errors: `INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST`, under the LEGACY policy
/// `DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION`, and at run time overflow errors under ANSI.
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
    let plain = to.without_limits();
    if policy == StorePolicy::Legacy {
        if !cast::can_cast(&from, to, cast::Mode::Legacy) {
            return Err(SparkError::new("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
                .param("sqlExpr", value.quoted_sql())
                .param("srcType", quote_sql(from.sql()))
                .param("targetType", quote_sql(plain.sql()))
                .at(value.origin.clone()));
        }
        return cast::implicit_cast(facts, value, to, CastMode::Legacy);
    }
    if let Some(wrong) = misfit(&from.as_nullable(), &plain.as_nullable(), policy, column) {
        return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST")
            .param("tableName", quote_id(table))
            .param("colName", quote_id(&wrong.path))
            .param("srcType", quote_sql(wrong.from.to_string().to_uppercase()))
            .param("targetType", quote_sql(wrong.to.to_string().to_uppercase()))
            .at(value.origin.clone()));
    }
    let mode = if policy == StorePolicy::Ansi { CastMode::Ansi } else { CastMode::Session };
    cast::implicit_cast(facts, value, to, mode)
}
