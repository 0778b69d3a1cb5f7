//! Session variables: DECLARE, SET VAR, DROP.

use std::sync::Arc;

use vonk_catalog::Variable;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Name, VariableValue};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal};

use super::rows::Rows;
use crate::session::Session;

/// The variable's own name; it may be qualified by `session` or `system.session`.
fn single(name: &Name) -> SparkResult<String> {
    match name.as_slice() {
        [v] => Ok(v.clone()),
        [s, v] if s.eq_ignore_ascii_case("session") => Ok(v.clone()),
        [y, s, v] if y.eq_ignore_ascii_case("system") && s.eq_ignore_ascii_case("session") => Ok(v.clone()),
        other => Err(unresolved(other)),
    }
}

fn unresolved(name: &[String]) -> SparkError {
    SparkError::new("UNRESOLVED_VARIABLE")
        .param("variableName", quote_id(name))
        .param("searchPath", "`system`.`session`")
}

pub(super) async fn declare(
    session: &Arc<Session>,
    name: Name,
    data_type: Option<DataType>,
    default: Option<Expr>,
    replace: bool,
) -> SparkResult<Rows> {
    let name = single(&name)?;
    if !replace && session.names.read().variable(&name).is_some() {
        return Err(SparkError::new("VARIABLE_ALREADY_EXISTS")
            .param("variableName", quote_id(["system", "session", &name.to_lowercase()])));
    }
    let text = default.as_ref().and_then(|d| d.origin.as_ref()).map(|o| o.fragment()).unwrap_or_else(|| "null".into());
    let value = match (default, &data_type) {
        (Some(d), Some(t)) => session.constant(d.cast(t.clone())).await?,
        (Some(d), None) => session.constant(d).await?,
        (None, t) => Literal::Null(t.clone().unwrap_or(DataType::Null)),
    };
    let variable = Variable {
        name: name.clone(),
        data_type: data_type.unwrap_or_else(|| value.data_type()),
        value: value.clone(),
        default: (value, text),
    };
    session.names.write().variables.insert(name.to_lowercase(), Arc::new(variable));
    Ok(Rows::none())
}

pub(super) async fn set(session: &Arc<Session>, names: Vec<Name>, value: VariableValue) -> SparkResult<Rows> {
    let mut variables = Vec::with_capacity(names.len());
    for name in &names {
        let variable = session.names.read().variable(&single(name)?).ok_or_else(|| unresolved(name))?;
        if variables.iter().any(|v: &Arc<Variable>| v.name.eq_ignore_ascii_case(&variable.name)) {
            return Err(SparkError::new("DUPLICATE_ASSIGNMENTS").param("nameList", quote_id([&variable.name])));
        }
        variables.push(variable);
    }
    let mut values = Vec::with_capacity(variables.len());
    match value {
        VariableValue::Exprs(exprs) => {
            for (variable, e) in variables.iter().zip(exprs) {
                values.push(match e.kind {
                    ExprKind::Default => variable.default.0.clone(),
                    _ => session.constant(e.cast(variable.data_type.clone())).await?,
                });
            }
        }
        VariableValue::Query(query) => {
            let types: Vec<_> = variables.iter().map(|v| v.data_type.clone()).collect();
            values = session.single_row(query, &types).await?;
        }
    }
    let mut session_names = session.names.write();
    for (variable, value) in variables.iter().zip(values) {
        let new = Variable { value, ..(**variable).clone() };
        session_names.variables.insert(variable.name.to_lowercase(), Arc::new(new));
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
