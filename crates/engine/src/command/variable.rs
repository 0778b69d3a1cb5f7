//! Variables of the session and of scripts: DECLARE, SET VAR, DROP.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use vonk_catalog::{Variable, VariableHome};
use vonk_common::error::{quote_id, quote_sql, search_path};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Name, VariableValue};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, ExprKind, Literal, Relation, RelationKind};

use super::rows::Rows;
use crate::defaults::has_subquery;
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

fn unresolved(session: &Session, name: &[String]) -> SparkError {
    let names = session.names.read();
    SparkError::new("UNRESOLVED_VARIABLE")
        .param("variableName", quote_id(name))
        .param("searchPath", search_path(&names.current_catalog, &names.current_database))
}

/// Declares variables that begin with one value.
pub(super) async fn declare(
    session: &Arc<Session>,
    names: &[Name],
    data_type: Option<DataType>,
    default: Option<Expr>,
    replace: bool,
) -> SparkResult<Rows> {
    let own: Vec<String> = names.iter().map(single).collect::<SparkResult<_>>()?;
    let qualified = names.iter().any(|n| n.len() > 1);
    let home = match session.names.read().scopes.len() {
        n if n > 0 && !qualified => VariableHome::Script(n - 1),
        _ => VariableHome::Session,
    };
    let text = default.as_ref().and_then(|d| d.origin.as_ref()).map(|o| o.fragment()).unwrap_or_else(|| "null".into());
    if let (Some(d), Some(first)) = (&default, own.first()) {
        check_default(session, home, first, d, &text).await?;
    }
    check_names(session, home, &own, replace)?;
    let value = match (default, &data_type) {
        (Some(d), Some(t)) => value_of(session, d, t, None).await?,
        (Some(d), None) => session.constant(d).await?,
        (None, t) => Literal::Null(t.as_ref().map_or(DataType::Null, DataType::without_limits)),
    };
    let data_type = data_type.unwrap_or_else(|| value.data_type());
    for name in own {
        let (value, data_type) = (value.clone(), data_type.clone());
        let variable = Variable { name, data_type, value: value.clone(), default: (value, text.clone()) };
        session.names.write().put_variable(home, variable);
    }
    Ok(Rows::none())
}

/// Names of new variables: each once, and none of a variable that there is.
fn check_names(session: &Session, home: VariableHome, own: &[String], replace: bool) -> SparkResult<()> {
    let names = session.names.read();
    let scope = match home {
        VariableHome::Session => None,
        VariableHome::Script(i) => names.scopes.get(i),
    };
    let qualified = |key: &String| match scope {
        Some(scope) => quote_id([&scope.id, key]),
        None => quote_id(["system", "session", key]),
    };
    let known = scope.map_or(&names.variables, |s| &s.variables);
    let mut seen: Vec<String> = vec![];
    for key in own.iter().map(|n| n.to_lowercase()) {
        let fault = |class: &'static str| Err(SparkError::new(class).param("variableName", qualified(&key)));
        if seen.contains(&key) {
            return fault("DUPLICATE_VARIABLE_NAME_INSIDE_DECLARE");
        }
        if !replace && known.contains_key(&key) {
            return fault("VARIABLE_ALREADY_EXISTS");
        }
        seen.push(key);
    }
    Ok(())
}

/// The value that a variable begins with is of no query, and of no rows.
async fn check_default(
    session: &Arc<Session>,
    home: VariableHome,
    name: &str,
    default: &Expr,
    text: &str,
) -> SparkResult<()> {
    if has_subquery(default) {
        let own = match home {
            VariableHome::Session => quote_id(["system", "session", name]),
            VariableHome::Script(i) => {
                let names = session.names.read();
                quote_id(["local", names.scopes.get(i).map_or("", |s| s.id.as_str()), name])
            }
        };
        return Err(SparkError::new("INVALID_DEFAULT_VALUE.SUBQUERY_EXPRESSION")
            .param("colName", own)
            .param("defaultValue", text)
            .param("statement", "DECLARE VARIABLE"));
    }
    if matches!(default.kind, ExprKind::Literal(_)) {
        return Ok(());
    }
    let (shown, plan) = analyzed(session, default).await?;
    match over_rows(&plan) {
        true => Err(SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR")
            .param("invalidExprSqls", shown)
            .param("operator", "CreateVariable")),
        false => Ok(()),
    }
}

/// The text of an expression without columns for messages, and the plan that computes it.
pub(super) async fn analyzed(session: &Arc<Session>, e: &Expr) -> SparkResult<(String, LogicalPlan)> {
    let query = Relation::new(RelationKind::OneRow).project(vec![e.clone()]);
    let analyzed = session.analyze(query).await?;
    let shown = analyzed.schema.fields.first().map(|f| f.name.clone()).unwrap_or_default();
    Ok((quote_sql(shown), analyzed.plan))
}

/// Are there aggregates or window functions in the plan?
pub(super) fn over_rows(plan: &LogicalPlan) -> bool {
    plan.exists(|p| Ok(matches!(p, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)))).unwrap_or(false)
}

/// The value of an expression in a variable of that type. `shown` is how messages call what is stored, if
/// not by itself.
async fn value_of(session: &Arc<Session>, e: Expr, to: &DataType, shown: Option<&str>) -> SparkResult<Literal> {
    let source = e.clone();
    match session.constant(e.cast(to.without_limits())).await {
        Ok(value) => within(value, to),
        Err(error) if error.class().starts_with("DATATYPE_MISMATCH.CAST_") => {
            let shown = match shown {
                Some(name) => quote_sql(name),
                None => analyzed(session, &source).await?.0,
            };
            Err(error.with("sqlExpr", shown))
        }
        Err(error) => Err(error),
    }
}

/// The value as a type of limited length keeps it, at every level. Error `EXCEED_LIMIT_LENGTH`.
fn within(value: Literal, to: &DataType) -> SparkResult<Literal> {
    let all = |items: Vec<Literal>, t: &DataType| -> SparkResult<Vec<Literal>> {
        items.into_iter().map(|i| within(i, t)).collect()
    };
    Ok(match (value, to) {
        (Literal::String(text), DataType::Char(_) | DataType::VarChar(_)) => Literal::string(&*to.kept(&text)?),
        (Literal::Array(t, items), DataType::Array(e, _)) => Literal::Array(t, all(items, e)?),
        (Literal::Map { key_type, value_type, keys, values }, DataType::Map(k, v, _)) => {
            Literal::Map { key_type, value_type, keys: all(keys, k)?, values: all(values, v)? }
        }
        (Literal::Struct(fields, items), DataType::Struct(s)) => {
            let items = items.into_iter().zip(s.fields.iter()).map(|(i, f)| within(i, &f.data_type));
            Literal::Struct(fields, items.collect::<SparkResult<_>>()?)
        }
        (value, _) => value,
    })
}

/// The variables that an assignment names, each once.
fn targets(session: &Session, names: &[Name]) -> SparkResult<Vec<(VariableHome, Arc<Variable>)>> {
    let mut variables: Vec<(VariableHome, Arc<Variable>)> = Vec::with_capacity(names.len());
    for name in names {
        let found = session.names.read().find_variable(name).ok_or_else(|| unresolved(session, name))?;
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
                    _ => value_of(session, e, &variable.data_type, Some(&variable.name)).await?,
                });
            }
        }
        VariableValue::Query(query) => {
            let types: Vec<_> = variables.iter().map(|(_, v)| v.data_type.without_limits()).collect();
            let row = session.single_row(query, &types).await?;
            arity(row.len())?;
            for ((_, variable), value) in variables.iter().zip(row) {
                values.push(within(value, &variable.data_type)?);
            }
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
