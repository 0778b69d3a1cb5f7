//! Variables of the session and of scripts: DECLARE, SET VAR, DROP.

use std::sync::Arc;

use vonk_catalog::{Variable, VariableHome};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Name, VariableValue};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal};

use super::rows::Rows;
use crate::session::Session;

/// The name of a session variable; it may be qualified by `session` or `system.session`.
fn single(name: &Name) -> SparkResult<String> {
    match name.as_slice() {
        [v] => Ok(v.clone()),
        [s, v] if s.eq_ignore_ascii_case("session") => Ok(v.clone()),
        [y, s, v] if y.eq_ignore_ascii_case("system") && s.eq_ignore_ascii_case("session") => Ok(v.clone()),
        other => Err(SparkError::new("UNRESOLVED_VARIABLE")
            .param("variableName", quote_id(other))
            .param("searchPath", "[`system`.`session`]")),
    }
}

fn unresolved(name: &[String]) -> SparkError {
    SparkError::new("UNRESOLVED_VARIABLE")
        .param("variableName", quote_id(name))
        .param("searchPath", "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]")
}

pub(super) async fn declare(
    session: &Arc<Session>,
    name: Name,
    data_type: Option<DataType>,
    default: Option<Expr>,
    replace: bool,
) -> SparkResult<Rows> {
    let own = single(&name)?;
    let home = match session.names.read().scopes.len() {
        n if n > 0 && name.len() == 1 => VariableHome::Script(n - 1),
        _ => VariableHome::Session,
    };
    if !replace {
        let names = session.names.read();
        let key = own.to_lowercase();
        let qualified = match home {
            VariableHome::Session => names.variables.contains_key(&key).then(|| quote_id(["system", "session", &key])),
            VariableHome::Script(i) => {
                names.scopes.get(i).filter(|s| s.variables.contains_key(&key)).map(|s| quote_id([&s.id, &key]))
            }
        };
        if let Some(qualified) = qualified {
            return Err(SparkError::new("VARIABLE_ALREADY_EXISTS").param("variableName", qualified));
        }
    }
    let text = default.as_ref().and_then(|d| d.origin.as_ref()).map(|o| o.fragment()).unwrap_or_else(|| "null".into());
    let value = match (default, &data_type) {
        (Some(d), Some(t)) => session.constant(d.cast(t.clone())).await?,
        (Some(d), None) => session.constant(d).await?,
        (None, t) => Literal::Null(t.clone().unwrap_or(DataType::Null)),
    };
    let data_type = data_type.unwrap_or_else(|| value.data_type());
    let variable = Variable { name: own, data_type, value: value.clone(), default: (value, text) };
    session.names.write().put_variable(home, variable);
    Ok(Rows::none())
}

/// The variables that an assignment names, each once.
fn targets(session: &Session, names: &[Name]) -> SparkResult<Vec<(VariableHome, Arc<Variable>)>> {
    let mut variables: Vec<(VariableHome, Arc<Variable>)> = Vec::with_capacity(names.len());
    for name in names {
        let found = session.names.read().find_variable(name).ok_or_else(|| unresolved(name))?;
        if variables.iter().any(|(h, v)| *h == found.0 && v.name.eq_ignore_ascii_case(&found.1.name)) {
            return Err(SparkError::new("DUPLICATE_ASSIGNMENTS").param("nameList", quote_id([&found.1.name])));
        }
        variables.push(found);
    }
    Ok(variables)
}

/// Checks the targets of an assignment before anything runs.
pub(crate) fn check_targets(session: &Session, names: &[Name]) -> SparkResult<()> {
    targets(session, names).map(|_| ())
}

/// Gives values to variables, cast as a store is.
pub(crate) async fn assign(session: &Arc<Session>, names: &[Name], values: Vec<Literal>) -> SparkResult<()> {
    let exprs = values.into_iter().map(Expr::literal).collect();
    set(session, names.to_vec(), VariableValue::Exprs(exprs)).await.map(|_| ())
}

pub(super) async fn set(session: &Arc<Session>, names: Vec<Name>, value: VariableValue) -> SparkResult<Rows> {
    let variables = targets(session, &names)?;
    let arity = |sources: usize| match sources == variables.len() {
        true => Ok(()),
        false => Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
            .param("numTarget", variables.len())
            .param("numExpr", sources)),
    };
    let mut values = Vec::with_capacity(variables.len());
    match value {
        VariableValue::Exprs(exprs) => {
            arity(exprs.len())?;
            for ((_, variable), e) in variables.iter().zip(exprs) {
                values.push(match e.kind {
                    ExprKind::Default => variable.default.0.clone(),
                    _ => session.constant(e.cast(variable.data_type.clone())).await?,
                });
            }
        }
        VariableValue::Query(query) => {
            let types: Vec<_> = variables.iter().map(|(_, v)| v.data_type.clone()).collect();
            values = session.single_row(query, &types).await?;
            arity(values.len())?;
        }
    }
    let mut session_names = session.names.write();
    for ((home, variable), value) in variables.iter().zip(values) {
        session_names.put_variable(*home, Variable { value, ..(**variable).clone() });
    }
    Ok(Rows::none())
}

pub(super) fn drop(session: &Session, name: Name, if_exists: bool) -> SparkResult<Rows> {
    let own = single(&name)?;
    let removed = session.names.write().variables.remove(&own.to_lowercase()).is_some();
    if !removed && !if_exists {
        return Err(SparkError::new("VARIABLE_NOT_FOUND")
            .param("variableName", quote_id(["system", "session", &own.to_lowercase()])));
    }
    Ok(Rows::none())
}
