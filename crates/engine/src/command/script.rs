//! SQL scripts: `BEGIN … END` with variables, control flow, handlers and cursors.
//!
//! A block opens a scope of variables in the session's names and closes it when it ends, however
//! it ends. The result is that of the last query that ran. `SIGNAL` is not in the grammar, and
//! scopes are seen by everything that runs in the session meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use vonk_catalog::{Scope, Variable};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::literal::from_scalar;
use vonk_plan::command::{Block, Command, Handler, Name, Script, ScriptStatement, Statement};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal, Relation};

use super::rows::Rows;
use super::{run_statement, script_check, variable};
use crate::session::Session;

/// How a statement ended.
enum Flow {
    Next,
    Leave(String),
    Iterate(String),
}

/// What a loop does after its body.
enum Turn {
    Again,
    Stop(Flow),
}

struct Cursor {
    query: Relation,
    /// The rows and how many of them were fetched, while it is open.
    open: Option<(Vec<Vec<Literal>>, usize)>,
}

struct Runner {
    session: Arc<Session>,
    last: Option<Rows>,
    cursors: HashMap<String, Cursor>,
    /// For each open block, whether it handles the end of a cursor.
    end_handled: Vec<bool>,
}

pub(super) async fn run(session: &Arc<Session>, script: Script) -> SparkResult<Rows> {
    script_check::block(&script.body, &mut vec![])?;
    script_check::handlers(&script.body, &mut vec![])?;
    let depth = session.names.read().scopes.len();
    let mut runner = Runner { session: session.clone(), last: None, cursors: HashMap::new(), end_handled: vec![] };
    let out = runner.block(&script.body).await;
    session.names.write().scopes.truncate(depth);
    out?;
    let rows = runner.last.unwrap_or_else(Rows::none);
    match rows.schema.fields.iter().map(|f| &f.data_type).find(|t| **t != t.without_limits()) {
        Some(t) => Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_ENCODER").param("dataType", quote_sql(t.sql()))),
        None => Ok(rows),
    }
}

/// Only queries have results in a script.
fn is_query(statement: &Statement) -> bool {
    match statement {
        Statement::Query(_) => true,
        Statement::Command(Command::ExecuteImmediate { into, .. }) => into.is_empty(),
        Statement::Command(_) => false,
    }
}

fn same(label: &Option<String>, wanted: &str) -> bool {
    label.as_ref().is_some_and(|l| l.eq_ignore_ascii_case(wanted))
}

/// Does the handler's condition mean the error? The higher, the closer. A condition that a script declares
/// is met by its name only, whatever its state.
fn closeness(condition: &str, e: &SparkError) -> Option<u8> {
    let state = e.sqlstate().unwrap_or("XX000");
    if let Some(wanted) = condition.strip_prefix("SQLSTATE:") {
        return wanted.eq_ignore_ascii_case(state).then_some(3);
    }
    if condition.eq_ignore_ascii_case("SQLEXCEPTION") {
        return (!state.starts_with("XX") && !state.starts_with("02")).then_some(1);
    }
    if condition.eq_ignore_ascii_case("NOT FOUND") {
        return state.starts_with("02").then_some(1);
    }
    if condition.eq_ignore_ascii_case(e.class()) {
        return Some(5);
    }
    let main = e.class().split('.').next().unwrap_or_default();
    condition.eq_ignore_ascii_case(main).then_some(4)
}

fn handler<'b>(block: &'b Block, e: &SparkError) -> Option<&'b Handler> {
    let rated = block.handlers.iter().filter_map(|h| {
        let best = h.conditions.iter().filter_map(|c| closeness(c, e)).max()?;
        Some((best, h))
    });
    rated.max_by_key(|(c, _)| *c).map(|(_, h)| h)
}

impl Runner {
    fn open_scope(&self, label: Option<String>, variables: Vec<Variable>) {
        let variables = variables.into_iter().map(|v| (v.name.to_lowercase(), Arc::new(v))).collect();
        let id = uuid::Uuid::new_v4().to_string();
        self.session.names.write().scopes.push(Scope { id, label, variables });
    }

    fn block<'a>(&'a mut self, block: &'a Block) -> BoxFuture<'a, SparkResult<Flow>> {
        Box::pin(async move {
            let depth = self.session.names.read().scopes.len();
            self.open_scope(block.label.clone(), vec![]);
            self.end_handled.push(handler(block, &no_more_rows("")).is_some());
            let mut out = self.statements(&block.statements).await;
            self.end_handled.pop();
            if let Err(e) = &out
                && let Some(h) = handler(block, e)
            {
                self.session.names.write().scopes.truncate(depth + 1);
                out = self.block(&h.body).await;
            }
            self.session.names.write().scopes.truncate(depth);
            match out? {
                Flow::Leave(l) if same(&block.label, &l) => Ok(Flow::Next),
                other => Ok(other),
            }
        })
    }

    fn statements<'a>(&'a mut self, all: &'a [ScriptStatement]) -> BoxFuture<'a, SparkResult<Flow>> {
        Box::pin(async move {
            for s in all {
                match self.statement(s).await? {
                    Flow::Next => {}
                    jump => return Ok(jump),
                }
            }
            Ok(Flow::Next)
        })
    }

    async fn statement(&mut self, s: &ScriptStatement) -> SparkResult<Flow> {
        use ScriptStatement as S;
        match s {
            S::Block(b) => return self.block(b).await,
            S::Statement(statement) => {
                let rows = Box::pin(run_statement(&self.session, statement.clone())).await?;
                if matches!(statement, Statement::Query(_)) || (is_query(statement) && !rows.schema.fields.is_empty()) {
                    self.last = Some(rows);
                }
            }
            S::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.holds(condition).await? {
                        return self.statements(body).await;
                    }
                }
                return self.statements(otherwise).await;
            }
            S::Case { operand, branches, otherwise } => {
                for (value, body) in branches {
                    let holds = match operand {
                        Some(o) => {
                            let equal = Expr::call("==", vec![o.clone(), value.clone()]);
                            self.session.constant(equal).await? == Literal::Boolean(true)
                        }
                        None => self.holds(value).await?,
                    };
                    if holds {
                        return self.statements(body).await;
                    }
                }
                return self.statements(otherwise.as_deref().unwrap_or_default()).await;
            }
            S::While { label, condition, body } => {
                while self.holds(condition).await? {
                    if let Turn::Stop(flow) = self.turn(label, body).await? {
                        return Ok(flow);
                    }
                }
            }
            S::Repeat { label, body, until } => loop {
                if let Turn::Stop(flow) = self.turn(label, body).await? {
                    return Ok(flow);
                }
                if self.holds(until).await? {
                    break;
                }
            },
            S::Loop { label, body } => loop {
                if let Turn::Stop(flow) = self.turn(label, body).await? {
                    return Ok(flow);
                }
            },
            S::For { label, variable, query, body } => return self.each(label, variable, query, body).await,
            S::Leave(label) => return Ok(Flow::Leave(label.clone())),
            S::Iterate(label) => return Ok(Flow::Iterate(label.clone())),
            S::DeclareCursor { name, query } => {
                let cursor = Cursor { query: query.clone(), open: None };
                if self.cursors.insert(name.to_lowercase(), cursor).is_some() {
                    return Err(SparkError::new("CURSOR_ALREADY_EXISTS").param("cursorName", quote_id([name])));
                }
            }
            S::OpenCursor { name, .. } => {
                let query = self.cursor(name)?.query.clone();
                if self.cursor(name)?.open.is_some() {
                    return Err(SparkError::new("CURSOR_ALREADY_OPEN").param("cursorName", quote_id([name])));
                }
                let rows = self.rows(query).await?.1;
                self.cursor(name)?.open = Some((rows, 0));
            }
            S::FetchCursor { name, into } => self.fetch(name, into).await?,
            S::CloseCursor { name } => {
                if self.cursor(name)?.open.take().is_none() {
                    return Err(SparkError::new("CURSOR_NOT_OPEN").param("cursorName", quote_id([name])));
                }
            }
            S::Signal { .. } | S::Resignal => return Err(SparkError::unsupported("SIGNAL and RESIGNAL")),
        }
        Ok(Flow::Next)
    }

    /// One turn of a loop.
    async fn turn(&mut self, label: &Option<String>, body: &[ScriptStatement]) -> SparkResult<Turn> {
        Ok(match self.statements(body).await? {
            Flow::Next => Turn::Again,
            Flow::Leave(l) if same(label, &l) => Turn::Stop(Flow::Next),
            Flow::Iterate(l) if same(label, &l) => Turn::Again,
            jump => Turn::Stop(jump),
        })
    }

    async fn each(
        &mut self,
        label: &Option<String>,
        row: &Option<String>,
        query: &Relation,
        body: &[ScriptStatement],
    ) -> SparkResult<Flow> {
        let (columns, rows) = self.rows(query.clone()).await?;
        let depth = self.session.names.read().scopes.len();
        if !rows.is_empty() {
            distinct(row, columns.iter().map(|(name, _)| name))?;
        }
        for values in rows {
            let variables = columns.iter().zip(values).map(|((name, data_type), value)| Variable {
                name: name.clone(),
                data_type: data_type.clone(),
                default: (value.clone(), String::new()),
                value,
            });
            self.open_scope(row.clone(), variables.collect());
            let turn = self.turn(label, body).await;
            self.session.names.write().scopes.truncate(depth);
            if let Turn::Stop(flow) = turn? {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// The columns and rows of a query.
    async fn rows(&self, query: Relation) -> SparkResult<(Vec<(String, DataType)>, Vec<Vec<Literal>>)> {
        let Rows { schema, batches } = Box::pin(run_statement(&self.session, Statement::Query(query))).await?;
        let mut rows = vec![];
        for batch in &batches {
            for i in 0..batch.num_rows() {
                let cells = schema.fields.iter().zip(batch.columns()).map(|(f, column)| {
                    let value = datafusion::common::ScalarValue::try_from_array(column, i);
                    from_scalar(&value.map_err(vonk_expr::spark_error)?, &f.data_type)
                });
                rows.push(cells.collect::<SparkResult<Vec<_>>>()?);
            }
        }
        Ok((schema.fields.iter().map(|f| (f.name.clone(), f.data_type.clone())).collect(), rows))
    }

    /// The value of a condition; NULL does not hold. Error `INVALID_BOOLEAN_STATEMENT`.
    async fn holds(&self, condition: &Expr) -> SparkResult<bool> {
        match self.session.constant(condition.clone()).await? {
            Literal::Boolean(b) => Ok(b),
            Literal::Null(DataType::Boolean) => Ok(false),
            Literal::Null(_) if matches!(condition.kind, ExprKind::Subquery(_)) => {
                Err(SparkError::new("BOOLEAN_STATEMENT_WITH_EMPTY_ROW").param("invalidStatement", shown(condition)))
            }
            _ => Err(SparkError::new("INVALID_BOOLEAN_STATEMENT").param("invalidStatement", shown(condition))),
        }
    }

    fn cursor(&mut self, name: &str) -> SparkResult<&mut Cursor> {
        self.cursors
            .get_mut(&name.to_lowercase())
            .ok_or_else(|| SparkError::new("CURSOR_NOT_FOUND").param("cursorName", quote_id([name])))
    }

    async fn fetch(&mut self, name: &str, into: &[Name]) -> SparkResult<()> {
        variable::check_targets(&self.session, into)?;
        let Some((rows, next)) = &mut self.cursor(name)?.open else {
            return Err(SparkError::new("CURSOR_NOT_OPEN").param("cursorName", quote_id([name])));
        };
        let Some(row) = rows.get(*next).cloned() else {
            // A completion condition: it ends nothing where nobody waits for it.
            return if self.end_handled.contains(&true) { Err(no_more_rows(name)) } else { Ok(()) };
        };
        *next += 1;
        variable::assign(&self.session, into, row).await
    }
}

/// The columns of a row are variables. Error `VARIABLE_ALREADY_EXISTS`.
fn distinct<'c>(row: &Option<String>, columns: impl Iterator<Item = &'c String>) -> SparkResult<()> {
    let mut seen = std::collections::HashSet::new();
    for name in columns.map(|c| c.to_lowercase()) {
        if !seen.insert(name.clone()) {
            let row = row.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            return Err(SparkError::new("VARIABLE_ALREADY_EXISTS").param("variableName", quote_id([row, name])));
        }
    }
    Ok(())
}

fn no_more_rows(cursor: &str) -> SparkError {
    SparkError::new("CURSOR_NO_MORE_ROWS").param("cursorName", quote_id([cursor]))
}

fn shown(condition: &Expr) -> String {
    condition.origin.as_ref().map(|o| o.fragment().to_uppercase()).unwrap_or_default()
}
