//! `f(b => 1, a => 2)`: arguments by name, put into the order of the parameters.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::FunctionSpec;
use vonk_expr::spec::ParameterDefault;
use vonk_plan::Expr;
use vonk_plan::expr::{ExprKind, FunctionCall};

use crate::names::edit_distance;

/// The arguments in order; those left out before the last one given have their defaults.
pub fn in_order(spec: &FunctionSpec, call: &FunctionCall) -> SparkResult<Vec<Expr>> {
    in_order_of(spec.parameters, spec.defaults, call)
}

/// The same for any list of parameters, the last of which may have defaults.
pub fn in_order_of<P: AsRef<str>>(
    parameters: &[P],
    defaults: &[ParameterDefault],
    call: &FunctionCall,
) -> SparkResult<Vec<Expr>> {
    let function = quote_id(&call.name);
    if parameters.is_empty() {
        return Err(SparkError::new("NAMED_PARAMETERS_NOT_SUPPORTED").param("functionName", function));
    }
    let by_place = call.args.iter().take_while(|a| name_of(a).is_none()).count();
    for pair in call.args.windows(2) {
        if let [before, Expr { kind, .. }] = pair
            && let (Some(name), false) = (name_of(before), matches!(kind, ExprKind::NamedArgument { .. }))
        {
            return Err(SparkError::new("UNEXPECTED_POSITIONAL_ARGUMENT")
                .param("routineName", function)
                .param("parameterName", quote_id([name])));
        }
    }
    let mut slots: Vec<Option<Expr>> = call.args.iter().take(by_place).cloned().map(Some).collect();
    slots.resize(parameters.len().max(by_place), None);
    for arg in call.args.iter().skip(by_place) {
        let ExprKind::NamedArgument { name, value } = &arg.kind else { continue };
        let Some(at) = parameters.iter().position(|p| p.as_ref().eq_ignore_ascii_case(name)) else {
            return Err(SparkError::new("UNRECOGNIZED_PARAMETER_NAME")
                .param("routineName", function)
                .param("argumentName", quote_id([name]))
                .param("proposal", nearest(name, parameters)));
        };
        let slot = slots.get_mut(at).ok_or_else(|| SparkError::internal("parameter"))?;
        if slot.is_some() {
            let how = if at < by_place { "BOTH_POSITIONAL_AND_NAMED" } else { "DOUBLE_NAMED_ARGUMENT_REFERENCE" };
            return Err(SparkError::new(format!("DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.{how}"))
                .param("routineName", function)
                .param("parameterName", quote_id([name])));
        }
        *slot = Some((**value).clone());
    }
    while matches!(slots.last(), Some(None)) {
        slots.pop();
    }
    let required = parameters.len().saturating_sub(defaults.len());
    let default = |i: usize| Some(Expr::literal(defaults.get(i.checked_sub(required)?)?.literal()));
    let filled = slots.into_iter().enumerate().map(|(i, slot)| {
        slot.or_else(|| default(i)).ok_or_else(|| {
            SparkError::new("REQUIRED_PARAMETER_NOT_FOUND")
                .param("routineName", function.clone())
                .param("parameterName", quote_id(parameters.get(i)))
                .param("index", i - by_place)
        })
    });
    filled.collect()
}

fn name_of(arg: &Expr) -> Option<&String> {
    match &arg.kind {
        ExprKind::NamedArgument { name, .. } => Some(name),
        _ => None,
    }
}

/// The three names that come nearest, as they are quoted.
fn nearest<P: AsRef<str>>(name: &str, parameters: &[P]) -> String {
    let mut names: Vec<String> = parameters.iter().map(|p| quote_id([p])).collect();
    names.sort_by_cached_key(|n| edit_distance(name, n));
    names.truncate(3);
    names.join(" ")
}
