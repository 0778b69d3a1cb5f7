//! Calls of Python functions: those that travel with the query, and those that were registered.

use std::sync::Arc;

use vonk_common::error::quote_id;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::Expr;
use vonk_plan::expr::{CastMode, ExprKind, FunctionCall, UdfCall, UserCode};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::contains_aggregate;
use crate::python::function::PythonFunction;

type At<'a> = Option<&'a Arc<Origin>>;

impl Analyzer {
    pub fn udf(&self, env: &Env, call: &UdfCall, at: At) -> SparkResult<TypedExpr> {
        self.python_call(env, call, &call.args, at)
    }

    /// A call of a registered function.
    pub fn registered_udf(&self, env: &Env, udf: &UdfCall, call: &FunctionCall, at: At) -> SparkResult<TypedExpr> {
        let aggregate = matches!(&udf.code, UserCode::Python { eval_type, .. }
            if crate::python::function::is_aggregate(*eval_type));
        let pretty = if aggregate { "pythonudaf" } else { "pythonudf" };
        self.no_clauses(call, &self.fn_context(pretty, at))?;
        self.python_call(env, udf, &call.args, at)
    }

    fn python_call(&self, env: &Env, call: &UdfCall, args: &[Expr], at: At) -> SparkResult<TypedExpr> {
        let UserCode::Python { output_type, eval_type, command, python_version } = &call.code else {
            return Err(SparkError::unsupported("functions in Java and Scala"));
        };
        check_names(&call.name, args, at)?;
        let (mut values, mut described, mut texts) = (vec![], vec![], vec![]);
        for e in args {
            if let ExprKind::NamedArgument { name, value } = &e.kind {
                let value = self.expr(env, value)?;
                texts.push(SqlText::concat([format!("{name} => ").into(), value.sql.clone()]));
                described.push((Some(name.clone()), value.data_type.clone(), value.nullable));
                values.push(value);
                continue;
            }
            let all = match e.kind {
                ExprKind::Star { .. } | ExprKind::Regex { .. } => {
                    self.expand_star(env, e)?.into_iter().map(|n| n.typed()).collect()
                }
                _ => vec![self.expr(env, e)?],
            };
            for value in all {
                texts.push(shown(e, &value));
                described.push((None, value.data_type.clone(), value.nullable));
                values.push(value);
            }
        }
        let function = PythonFunction {
            name: call.name.as_str().into(),
            eval_type: *eval_type,
            command: command.clone(),
            python_version: python_version.as_str().into(),
            output: output_type.clone(),
            deterministic: call.deterministic,
            args: described,
        };
        if function.is_aggregate() && values.iter().any(|v| contains_aggregate(&v.expr)) {
            return Err(SparkError::new("NESTED_AGGREGATE_FUNCTION").at(at.cloned()));
        }
        self.note_python();
        let deterministic = call.deterministic && values.iter().all(|v| v.deterministic);
        let expr = function.call(values.into_iter().map(|v| v.expr).collect());
        let mut out = TypedExpr::new(expr, output_type.clone(), true, SqlText::call(&call.name, texts));
        out.deterministic = deterministic;
        Ok(out)
    }

    /// The registered Python function that a name means.
    pub fn registered_python(&self, call: &FunctionCall) -> SparkResult<Option<Arc<UdfCall>>> {
        Ok(match self.resolver().function(&call.name)? {
            Some(crate::resolver::SessionFunction::Python(udf)) => Some(udf),
            _ => None,
        })
    }
}

/// An argument in the name of a call: casts are in lower case there.
fn shown(e: &Expr, value: &TypedExpr) -> SqlText {
    let ExprKind::Cast { to, mode: CastMode::Session, .. } = &e.kind else { return value.sql.clone() };
    let upper = value.sql.to_string();
    let end = format!(" AS {})", to.sql());
    match upper.strip_prefix("CAST(").and_then(|t| t.strip_suffix(&end)) {
        Some(child) => format!("cast({child} as {to})").into(),
        None => value.sql.clone(),
    }
}

/// Positional arguments stand before named ones, and no name comes twice.
pub fn check_names(function: &str, args: &[Expr], at: At) -> SparkResult<()> {
    let mut seen: Vec<&str> = vec![];
    for e in args {
        match &e.kind {
            ExprKind::NamedArgument { name, .. } => {
                if seen.contains(&name.as_str()) {
                    return Err(SparkError::new(
                        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
                    )
                    .param("routineName", quote_id([function]))
                    .param("parameterName", quote_id([name]))
                    .at(at.cloned()));
                }
                seen.push(name);
            }
            _ => {
                if let Some(last) = seen.last() {
                    return Err(SparkError::new("UNEXPECTED_POSITIONAL_ARGUMENT")
                        .param("routineName", quote_id([function]))
                        .param("parameterName", quote_id([*last]))
                        .at(at.cloned()));
                }
            }
        }
    }
    Ok(())
}
