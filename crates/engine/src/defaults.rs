//! `DEFAULT` of a table's columns: what it means in an INSERT, and what rows have that are older than the column.
//!
//! A field's metadata keeps both as SQL text, as Spark does (`ResolveDefaultColumns`): `CURRENT_DEFAULT` is
//! what was written, `EXISTS_DEFAULT` its value on the day the column was made.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::cast::zone::Zone;
use vonk_expr::coercion::can_up_cast;
use vonk_expr::literal::to_scalar;
use vonk_expr::literal_source::literal_source;
use vonk_plan::command::ColumnDef;
use vonk_plan::expr::{CastMode, ExprKind};
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_plan::{Expr, Literal, Relation, RelationKind};
use vonk_sql::{ParseOptions, parse_expression};

use crate::command::field_of;
use crate::session::Session;
use crate::source::existing::Existing;

/// The metadata's entry with the SQL text of a column's DEFAULT.
pub const CURRENT_DEFAULT: &str = "CURRENT_DEFAULT";
/// The metadata's entry with the value of rows that are older than the column.
pub const EXISTS_DEFAULT: &str = "EXISTS_DEFAULT";

/// The field of a new column of a table. `statement` is for messages. Errors `INVALID_DEFAULT_VALUE.*`.
pub async fn new_field(session: &Arc<Session>, statement: &str, c: &ColumnDef) -> SparkResult<StructField> {
    let field = field_of(c);
    let Some((value, text)) = &c.default else { return Ok(field) };
    let value = value_of(session, statement, &c.name, &c.data_type, value, text).await?;
    let zone = Zone::named(session.conf().time_zone())?;
    Ok(field.with_metadata_text(EXISTS_DEFAULT, Some(&literal_source(&value, &zone))))
}

/// The value of a DEFAULT in a column of that type. Errors `INVALID_DEFAULT_VALUE.*`, and
/// `EXCEED_LIMIT_LENGTH` for CHAR and VARCHAR.
pub async fn value_of(
    session: &Arc<Session>,
    statement: &str,
    column: &str,
    to: &DataType,
    value: &Expr,
    text: &str,
) -> SparkResult<Literal> {
    let error = |sub: &str| {
        SparkError::new(format!("INVALID_DEFAULT_VALUE.{sub}"))
            .param("statement", statement)
            .param("colName", quote_id([column]))
            .param("defaultValue", text)
    };
    if has_subquery(value) {
        return Err(error("SUBQUERY_EXPRESSION"));
    }
    let query = Relation::new(RelationKind::OneRow).project(vec![value.clone()]);
    let analyzed = match session.analyze(query).await {
        Ok(analyzed) => analyzed,
        Err(e) if e.class().starts_with("UNRESOLVED_COLUMN") => return Err(error("NOT_CONSTANT")),
        Err(e) if e.class() == "UNRESOLVED_ROUTINE" => return Err(e),
        Err(_) => return Err(error("UNRESOLVED_EXPRESSION")),
    };
    let from = analyzed.schema.fields.first().map(|f| f.data_type.clone()).unwrap_or(DataType::Null);
    let mismatch =
        || error("DATA_TYPE").param("expectedType", quote_sql(to.sql())).param("actualType", quote_sql(from.sql()));
    let plain = to.without_limits();
    let fits = can_up_cast(&from.as_nullable(), &plain.as_nullable());
    let constant = is_constant(&analyzed.plan);
    if !(fits || constant && fits_by_value(&from, &plain)) {
        return Err(mismatch());
    }
    if !constant {
        return Err(error("NON_DETERMINISTIC"));
    }
    match session.constant(as_column(value.clone(), plain)).await {
        Err(_) if !fits => Err(mismatch()),
        Ok(value) if !fits && value.is_null() => Err(mismatch()),
        Ok(Literal::String(s)) => to.kept(&s).map(|_| Literal::String(Arc::clone(&s))),
        other => other,
    }
}

/// Is there a sub-query in the value? Neither columns nor variables begin with one.
pub fn has_subquery(value: &Expr) -> bool {
    value.any(|part| matches!(part.kind, ExprKind::Subquery(_)))
}

/// Does it depend on the value whether the column can hold it? Spark tries all casts between types that have no
/// parts, but for truth values.
fn fits_by_value(from: &DataType, to: &DataType) -> bool {
    let simple = |t: &DataType| t.is_atomic() && !matches!(t, DataType::Boolean | DataType::Variant);
    simple(from) && simple(to)
}

/// The DEFAULT as a value of the column's type, under whatever settings. (Spark makes bytes of whole numbers here,
/// which is no cast of ANSI's.)
fn as_column(value: Expr, to: DataType) -> Expr {
    let mode = if to == DataType::Binary { CastMode::Legacy } else { CastMode::Ansi };
    Expr::new(ExprKind::Cast { child: Box::new(value), to, mode })
}

fn is_constant(plan: &LogicalPlan) -> bool {
    let varies =
        |p: &LogicalPlan| matches!(p, LogicalPlan::Aggregate(_)) || p.expressions().iter().any(|e| e.is_volatile());
    !plan.exists(|p| Ok(varies(p))).unwrap_or(true)
}

/// The SQL text of a column's DEFAULT.
pub fn text_of(f: &StructField) -> Option<String> {
    f.metadata_text(CURRENT_DEFAULT)
}

/// The expression of a column's DEFAULT, or NULL.
pub fn expression_of(conf: &SessionConf, field: &StructField) -> SparkResult<Expr> {
    match text_of(field) {
        Some(text) => {
            let value = parse_expression(&text, &ParseOptions::new(conf))?;
            Ok(as_column(value, field.data_type.without_limits()))
        }
        None => Ok(Expr::literal(Literal::Null(field.data_type.clone()))),
    }
}

/// What rows have in the table's columns that are younger than they.
pub async fn existing(session: &Arc<Session>, conf: &SessionConf, schema: &StructType) -> SparkResult<Existing> {
    let mut values: HashMap<String, ScalarValue> = HashMap::new();
    for f in schema.fields.iter() {
        let Some(text) = f.metadata_text(EXISTS_DEFAULT) else { continue };
        let to = f.data_type.without_limits();
        let written = parse_expression(&text, &ParseOptions::new(conf))?;
        let value = match written.kind {
            ExprKind::Literal(literal) if literal.data_type() == to => literal,
            _ => session.constant(written.cast(to)).await?,
        };
        if !value.is_null() {
            values.insert(f.name.clone(), to_scalar(&value)?);
        }
    }
    Ok(Existing::new(values))
}
