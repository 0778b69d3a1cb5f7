//! `EXECUTE IMMEDIATE text [INTO variables] [USING arguments]`.
//!
//! The text and the arguments are computed first; the arguments stand in the text as their values are
//! written.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::literal_name_in;
use vonk_expr::cast::zone::Zone;
use vonk_plan::command::{Command, Name, Statement};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal};
use vonk_sql::ParseOptions;

use super::rows::Rows;
use super::{run_statement, variable};
use crate::defaults::has_subquery;
use crate::session::Session;

/// The statement's text. Error `INVALID_EXPR_TYPE_FOR_QUERY_EXECUTE_IMMEDIATE`.
async fn text(session: &Arc<Session>, query: Expr) -> SparkResult<Arc<str>> {
    match constant(session, query).await? {
        Literal::String(text) => Ok(text),
        Literal::Null(DataType::String(_)) => {
            Err(SparkError::new("NULL_QUERY_STRING_EXECUTE_IMMEDIATE").param("varName", "`NULL`"))
        }
        other => Err(SparkError::new("INVALID_EXPR_TYPE_FOR_QUERY_EXECUTE_IMMEDIATE")
            .param("exprType", quote_sql(other.data_type().sql()))),
    }
}

/// The value of an expression of constants and variables. Error `UNSUPPORTED_EXPR_FOR_PARAMETER`.
async fn constant(session: &Arc<Session>, e: Expr) -> SparkResult<Literal> {
    if matches!(e.kind, ExprKind::Literal(_)) {
        return session.constant(e).await;
    }
    let unsupported = |shown: String| SparkError::new("UNSUPPORTED_EXPR_FOR_PARAMETER").param("invalidExprSql", shown);
    if matches!(e.kind, ExprKind::Subquery(_)) {
        return Err(unsupported(quote_sql("scalarsubquery()")));
    }
    let (shown, plan) = variable::analyzed(session, &e).await?;
    if has_subquery(&e) || variable::over_rows(&plan) || varies(&plan) {
        return Err(unsupported(shown));
    }
    session.constant(e).await
}

fn varies(plan: &LogicalPlan) -> bool {
    plan.exists(|p| Ok(p.expressions().iter().any(|e| e.is_volatile()))).unwrap_or(false)
}

/// What USING gives.
#[derive(Default)]
struct Arguments {
    /// All values, in order.
    all: Vec<Expr>,
    /// Those with a name: an alias, or that of a variable.
    named: BTreeMap<String, Expr>,
    /// The texts of those without.
    unnamed: Vec<String>,
}

impl Arguments {
    async fn of(session: &Arc<Session>, using: Vec<Expr>) -> SparkResult<Arguments> {
        let mut out = Arguments::default();
        let mut aliases: Vec<String> = vec![];
        for argument in using {
            let own = match &argument.kind {
                ExprKind::Attribute { name, .. } => name.last().cloned(),
                _ => None,
            };
            let (name, value) = match argument.kind {
                ExprKind::Alias { child, names, .. } => {
                    let alias = names.into_iter().next().unwrap_or_default();
                    if aliases.contains(&alias) {
                        return Err(SparkError::new("EXEC_IMMEDIATE_DUPLICATE_ARGUMENT_ALIASES")
                            .param("aliases", quote_id([alias])));
                    }
                    aliases.push(alias.clone());
                    (Some(alias), *child)
                }
                kind => (own, Expr { kind, ..argument }),
            };
            let literal = constant(session, value).await?;
            if name.is_none() {
                let zone = Zone::named(session.conf().time_zone())?;
                out.unnamed.push(quote_sql(literal_name_in(&literal, &zone)));
            }
            let value = literal.written();
            out.named.extend(name.map(|n| (n, value.clone())));
            out.all.push(value);
        }
        Ok(out)
    }
}

pub(super) async fn run(session: &Arc<Session>, query: Expr, into: Vec<Name>, using: Vec<Expr>) -> SparkResult<Rows> {
    check_targets(session, &into)?;
    let text = text(session, query).await?;
    let arguments = Arguments::of(session, using).await?;
    let statement = parsed(session, text.clone(), arguments).await?;
    if let Statement::Command(Command::Script(_)) = &statement {
        return Err(SparkError::new("SQL_SCRIPT_IN_EXECUTE_IMMEDIATE").param("sqlString", text));
    }
    // The variables of a script around are for its own statements: to this one they are given by USING.
    let scopes = std::mem::take(&mut session.names.write().scopes);
    let in_script = !scopes.is_empty();
    let out = match (statement, into.is_empty()) {
        (Statement::Query(query), false) => session.single_row(query, &[]).await.map(Outcome::Row),
        (_, false) => {
            let shown = text.to_uppercase();
            Err(SparkError::new("INVALID_STATEMENT_FOR_EXECUTE_INTO").param("sqlString", shown))
        }
        (statement, true) => {
            let shows = !in_script || matches!(statement, Statement::Query(_));
            let rows = Box::pin(run_statement(session, statement)).await;
            rows.map(|rows| Outcome::Rows(if shows { rows } else { Rows::none() }))
        }
    };
    session.names.write().scopes = scopes;
    match out? {
        Outcome::Rows(rows) => Ok(rows),
        Outcome::Row(values) => variable::assign(session, &into, values).await.map(|_| Rows::none()),
    }
}

/// What the statement gives.
enum Outcome {
    Rows(Rows),
    /// The values for INTO.
    Row(Vec<Literal>),
}

/// The statement with its arguments in it. Error `ALL_PARAMETERS_MUST_BE_NAMED`.
async fn parsed(session: &Arc<Session>, text: Arc<str>, arguments: Arguments) -> SparkResult<Statement> {
    let conf = session.conf();
    let parse = move || {
        let Arguments { all, named, unnamed } = arguments;
        let plain = ParseOptions::new(&conf);
        let by_name = !unnamed.is_empty() && matches!(vonk_sql::parameters_of(&text, &plain), Ok((true, false)));
        if by_name {
            return Err(SparkError::new("ALL_PARAMETERS_MUST_BE_NAMED").param("exprs", unnamed.join(", ")));
        }
        vonk_sql::parse_statement(&text, &ParseOptions { named, positional: all, ..plain })
    };
    vonk_common::planner::run(parse).await?
}

/// The variables of INTO, which are looked for as columns are.
fn check_targets(session: &Session, into: &[Name]) -> SparkResult<()> {
    variable::check_targets(session, into).map_err(|e| match e.class() {
        "UNRESOLVED_VARIABLE" => {
            let missing = into.iter().find(|n| session.names.read().find_variable(n).is_none());
            SparkError::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION")
                .param("objectName", missing.map(quote_id).unwrap_or_default())
        }
        _ => e,
    })
}
