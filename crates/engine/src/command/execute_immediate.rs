//! `EXECUTE IMMEDIATE text [INTO variables] [USING arguments]`.
//!
//! The text and the arguments are computed first; the arguments stand in the text as literals.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Name, Statement};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal};
use vonk_sql::ParseOptions;

use super::rows::Rows;
use super::{run_statement, variable};
use crate::session::Session;

/// The statement's text. Error `INVALID_EXPR_TYPE_FOR_QUERY_EXECUTE_IMMEDIATE`.
async fn text(session: &Arc<Session>, query: Expr) -> SparkResult<Arc<str>> {
    match session.constant(query).await? {
        Literal::String(text) => Ok(text),
        Literal::Null(DataType::String(_)) => {
            Err(SparkError::new("NULL_QUERY_STRING_EXECUTE_IMMEDIATE").param("varName", "`NULL`"))
        }
        other => Err(SparkError::new("INVALID_EXPR_TYPE_FOR_QUERY_EXECUTE_IMMEDIATE")
            .param("exprType", quote_sql(other.data_type().sql()))),
    }
}

pub(super) async fn run(session: &Arc<Session>, query: Expr, into: Vec<Name>, using: Vec<Expr>) -> SparkResult<Rows> {
    variable::check_targets(session, &into)?;
    let text = text(session, query).await?;
    let mut named = BTreeMap::new();
    let mut positional = vec![];
    let mut unnamed = vec![];
    for argument in using {
        let (name, value) = match argument.kind {
            ExprKind::Alias { child, names, .. } => (names.into_iter().next(), *child),
            kind => (None, Expr { kind, ..argument }),
        };
        let shown = value.origin.as_ref().map(|o| o.fragment()).unwrap_or_default();
        let value = Expr::literal(session.constant(value).await?);
        match name {
            Some(name) => {
                named.insert(name, value);
            }
            None => {
                unnamed.push(quote_sql(shown));
                positional.push(value);
            }
        }
    }
    if !named.is_empty() && !unnamed.is_empty() {
        return Err(SparkError::new("ALL_PARAMETERS_MUST_BE_NAMED").param("exprs", unnamed.join(", ")));
    }
    let conf = session.conf();
    let sql = text.clone();
    let parse =
        move || vonk_sql::parse_statement(&sql, &ParseOptions { named, positional, ..ParseOptions::new(&conf) });
    let statement = vonk_common::planner::run(parse).await??;
    if let Statement::Command(Command::Script(_)) = &statement {
        return Err(SparkError::new("SQL_SCRIPT_IN_EXECUTE_IMMEDIATE").param("sqlString", text));
    }
    if into.is_empty() {
        return run_statement(session, statement).await;
    }
    let Statement::Query(query) = statement else {
        return Err(SparkError::new("INVALID_STATEMENT_FOR_EXECUTE_INTO").param("sqlString", text));
    };
    let set = Command::SetVariable { names: into, value: vonk_plan::command::VariableValue::Query(query) };
    session.run_command(set).await
}
