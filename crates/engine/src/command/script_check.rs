//! What is wrong with a script before it runs: labels, places of declarations, conditions of handlers.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Block, Command, Handler, ScriptStatement, Statement};

/// A label in sight, and whether it belongs to a loop.
type Label = (Option<String>, bool);

/// What may be handled besides the conditions of the system and the declared ones.
const GENERAL: [&str; 2] = ["SQLEXCEPTION", "NOT FOUND"];

pub(super) fn block(b: &Block, labels: &mut Vec<Label>) -> SparkResult<()> {
    labelled(&b.label, false, labels, |labels| {
        let mut declarations = true;
        for s in &b.statements {
            match declared(s) {
                Some(name) if !declarations => {
                    return Err(
                        SparkError::new("INVALID_VARIABLE_DECLARATION.ONLY_AT_BEGINNING").param("varName", name)
                    );
                }
                Some(_) => {}
                None => declarations &= matches!(s, ScriptStatement::DeclareCursor { .. }),
            }
            statement(s, labels)?;
        }
        b.handlers.iter().try_for_each(|h| block(&h.body, labels))
    })
}

/// The handlers of the block and of those in it. `declared` are the conditions that blocks around declare.
pub(super) fn handlers(b: &Block, declared: &mut Vec<String>) -> SparkResult<()> {
    let around = declared.len();
    declared.extend(b.conditions.iter().map(|(name, _)| name.to_uppercase()));
    let mut handled: Vec<String> = vec![];
    for h in &b.handlers {
        let own = conditions(h, declared)?;
        if let Some(twice) = own.iter().find(|c| handled.contains(c)) {
            let (named, by_state) = ("DUPLICATE_EXCEPTION_HANDLER.CONDITION", "DUPLICATE_EXCEPTION_HANDLER.SQLSTATE");
            return Err(of_condition(named, by_state, twice));
        }
        handled.extend(own);
        handlers(&h.body, declared)?;
    }
    nested_blocks(&b.statements).into_iter().try_for_each(|inner| handlers(inner, declared))?;
    declared.truncate(around);
    Ok(())
}

/// The conditions of a handler in upper case: all known, none twice, general ones apart from special ones.
fn conditions(h: &Handler, declared: &[String]) -> SparkResult<Vec<String>> {
    let mut seen: Vec<String> = vec![];
    for condition in h.conditions.iter().map(|c| c.to_uppercase()) {
        let known = condition.starts_with("SQLSTATE:")
            || GENERAL.contains(&condition.as_str())
            || declared.contains(&condition)
            || SparkError::is_condition(&condition);
        if !known {
            let error = SparkError::new("INVALID_HANDLER_DECLARATION.CONDITION_NOT_FOUND");
            return Err(error.param("condition", condition));
        }
        if seen.contains(&condition) {
            return Err(of_condition(
                "INVALID_HANDLER_DECLARATION.DUPLICATE_CONDITION_IN_HANDLER_DECLARATION",
                "INVALID_HANDLER_DECLARATION.DUPLICATE_SQLSTATE_IN_HANDLER_DECLARATION",
                &condition,
            ));
        }
        seen.push(condition);
    }
    let general = seen.iter().filter(|c| GENERAL.contains(&c.as_str())).count();
    match general > 0 && general < seen.len() {
        true => Err(SparkError::new("INVALID_HANDLER_DECLARATION.INVALID_CONDITION_COMBINATION")),
        false => Ok(seen),
    }
}

/// An error about a condition, or about a state.
fn of_condition(named: &'static str, by_state: &'static str, condition: &str) -> SparkError {
    match condition.strip_prefix("SQLSTATE:") {
        Some(state) => SparkError::new(by_state).param("sqlState", state),
        None => SparkError::new(named).param("condition", condition),
    }
}

/// The blocks among the statements, however deep in control flow.
fn nested_blocks(all: &[ScriptStatement]) -> Vec<&Block> {
    use ScriptStatement as S;
    let mut out = vec![];
    for s in all {
        match s {
            S::Block(b) => out.push(b),
            S::If { branches, otherwise } => {
                branches.iter().for_each(|(_, b)| out.extend(nested_blocks(b)));
                out.extend(nested_blocks(otherwise));
            }
            S::Case { branches, otherwise, .. } => {
                branches.iter().for_each(|(_, b)| out.extend(nested_blocks(b)));
                out.extend(nested_blocks(otherwise.as_deref().unwrap_or_default()));
            }
            S::While { body, .. } | S::Repeat { body, .. } | S::Loop { body, .. } | S::For { body, .. } => {
                out.extend(nested_blocks(body));
            }
            _ => {}
        }
    }
    out
}

/// The variable that the statement declares.
fn declared(s: &ScriptStatement) -> Option<String> {
    match s {
        ScriptStatement::Statement(Statement::Command(Command::DeclareVariable { names, .. })) => {
            names.first().map(quote_id)
        }
        _ => None,
    }
}

fn labelled(
    label: &Option<String>,
    is_loop: bool,
    labels: &mut Vec<Label>,
    inner: impl FnOnce(&mut Vec<Label>) -> SparkResult<()>,
) -> SparkResult<()> {
    if let Some(l) = label
        && labels.iter().any(|(known, _)| known.as_ref().is_some_and(|k| k.eq_ignore_ascii_case(l)))
    {
        return Err(SparkError::new("LABEL_ALREADY_EXISTS").param("label", quote_id([l.to_lowercase()])));
    }
    labels.push((label.clone(), is_loop));
    let out = inner(labels);
    labels.pop();
    out
}

fn body(all: &[ScriptStatement], labels: &mut Vec<Label>) -> SparkResult<()> {
    for s in all {
        if let Some(name) = declared(s) {
            return Err(SparkError::new("INVALID_VARIABLE_DECLARATION.NOT_ALLOWED_IN_SCOPE").param("varName", name));
        }
        statement(s, labels)?;
    }
    Ok(())
}

fn statement(s: &ScriptStatement, labels: &mut Vec<Label>) -> SparkResult<()> {
    use ScriptStatement as S;
    let known = |label: &String, labels: &[Label]| {
        labels.iter().rev().find(|(l, _)| l.as_ref().is_some_and(|l| l.eq_ignore_ascii_case(label))).map(|l| l.1)
    };
    let missing = |label: &String, statement: &str| {
        Err(SparkError::new("INVALID_LABEL_USAGE.DOES_NOT_EXIST")
            .param("labelName", label.to_uppercase())
            .param("statementType", statement))
    };
    match s {
        S::Block(b) => block(b, labels),
        S::If { branches, otherwise } => {
            branches.iter().try_for_each(|(_, b)| body(b, labels))?;
            body(otherwise, labels)
        }
        S::Case { branches, otherwise, .. } => {
            branches.iter().try_for_each(|(_, b)| body(b, labels))?;
            otherwise.as_deref().map_or(Ok(()), |b| body(b, labels))
        }
        S::While { label, body: b, .. }
        | S::Repeat { label, body: b, .. }
        | S::Loop { label, body: b }
        | S::For { label, body: b, .. } => labelled(label, true, labels, |labels| body(b, labels)),
        S::Leave(l) => match known(l, labels) {
            None => missing(l, "LEAVE"),
            Some(_) => Ok(()),
        },
        S::Iterate(l) => match known(l, labels) {
            None => missing(l, "ITERATE"),
            Some(false) => {
                Err(SparkError::new("INVALID_LABEL_USAGE.ITERATE_IN_COMPOUND").param("labelName", l.to_uppercase()))
            }
            Some(true) => Ok(()),
        },
        S::Statement(Statement::Command(Command::DropVariable { .. })) => {
            Err(SparkError::new("UNSUPPORTED_FEATURE.SQL_SCRIPTING_DROP_TEMPORARY_VARIABLE"))
        }
        _ => Ok(()),
    }
}
