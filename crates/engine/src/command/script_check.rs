//! What is wrong with a script before it runs: labels and places of declarations.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Block, Command, ScriptStatement, Statement};

/// A label in sight, and whether it belongs to a loop.
type Label = (Option<String>, bool);

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

/// The variable that the statement declares.
fn declared(s: &ScriptStatement) -> Option<String> {
    match s {
        ScriptStatement::Statement(Statement::Command(Command::DeclareVariable { name, .. })) => Some(quote_id(name)),
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
        _ => Ok(()),
    }
}
