//! SQL functions: what is checked when one is made, and calls as the body over the arguments.

use std::rc::Rc;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::error::quote_id;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::expr::{ExprKind, FunctionCall};
use vonk_plan::types::DataType;

use super::call::{contains_aggregate, contains_window};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::resolver::{SessionFunction, SqlBody, SqlParameter};
use crate::scope::{Scope, ScopeColumn};
use crate::subqueries::contains_subquery;

type At<'a> = Option<&'a Arc<Origin>>;

impl Analyzer {
    /// A temporary or catalog function.
    pub fn session_call(&self, env: &Env, call: &FunctionCall, at: At) -> SparkResult<TypedExpr> {
        match self.resolver().function(&call.name)? {
            None => Err(self.unresolved_routine(&call.name, at)),
            Some(SessionFunction::Table(_)) => Err(SparkError::new("NOT_A_SCALAR_FUNCTION")
                .param("functionName", quote_id(&call.name))
                .at(at.cloned())),
            Some(SessionFunction::Python(udf)) => self.registered_udf(env, &udf, call, at),
            Some(SessionFunction::Sql { columns: Some(_), .. }) => Err(SparkError::new("NOT_A_SCALAR_FUNCTION")
                .param("functionName", quote_id(self.resolver().function_name(&call.name).split('.')))
                .at(at.cloned())),
            Some(SessionFunction::Sql { parameters, return_type, body, .. }) => {
                self.sql_function(env, call, &parameters, return_type, &body)
            }
        }
    }

    /// Analyses the body of a SQL function that is about to be made: the schema of what it gives. `text`: the body
    /// as it is written.
    pub fn check_function(
        &self,
        name: &str,
        parameters: &[SqlParameter],
        returns: Option<&DataType>,
        body: &SqlBody,
        text: &str,
    ) -> SparkResult<vonk_plan::types::StructType> {
        let complex =
            || SparkError::new("USER_DEFINED_FUNCTIONS.CANNOT_CONTAIN_COMPLEX_FUNCTIONS").param("queryText", text);
        for p in parameters {
            self.check_default(name, p, complex)?;
        }
        let qualifier: Arc<[String]> = Arc::from([name.to_string()]);
        let columns = parameters.iter().map(|p| ScopeColumn {
            qualifier: qualifier.clone(),
            ..ScopeColumn::new(self.fresh(), p.name.as_str(), p.data_type.clone(), true)
        });
        let env = Env::new(Arc::new(Scope::new(columns.collect())), None);
        match body {
            SqlBody::Expr(e) => {
                if self.generator(&env, e)?.is_some() {
                    return Err(complex());
                }
                let mut e = self.expr(&env, e)?;
                if contains_aggregate(&e.expr) || contains_window(&e.expr) {
                    return Err(complex());
                }
                let name = e.output_name();
                if let Some(to) = returns {
                    e = self.cast_of(e, to)?;
                }
                let field = vonk_plan::types::StructField::new(name, e.data_type.clone(), e.nullable);
                Ok(vonk_plan::types::StructType::new(vec![field]))
            }
            SqlBody::Query(q) => Ok(self.relation(q, Some(&Rc::new(env)))?.scope.struct_type()),
        }
    }

    /// The default of a parameter is a value of its type.
    fn check_default(&self, function: &str, p: &SqlParameter, complex: impl Fn() -> SparkError) -> SparkResult<()> {
        let Some(default) = &p.default else { return Ok(()) };
        let value = self.constant(default)?;
        if contains_subquery(&value.expr) {
            return Err(SparkError::new("USER_DEFINED_FUNCTIONS.NOT_A_VALID_DEFAULT_EXPRESSION")
                .param("functionName", function)
                .param("parameterName", p.name.as_str()));
        }
        if contains_aggregate(&value.expr) || contains_window(&value.expr) {
            return Err(complex());
        }
        self.cast_of(value, &p.data_type).map(|_| ())
    }

    /// The value as one of the type. An error names the value, not the cast.
    fn cast_of(&self, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
        let shown = value.quoted_sql();
        vonk_expr::cast::cast(self.facts(), value, to).map_err(|e| e.with("sqlExpr", shown))
    }

    /// A SQL function: its body with the parameters as names for the arguments.
    fn sql_function(
        &self,
        env: &Env,
        call: &FunctionCall,
        parameters: &[SqlParameter],
        return_type: Option<DataType>,
        body: &SqlBody,
    ) -> SparkResult<TypedExpr> {
        let name = sql_name(call);
        self.no_clauses(call, &self.fn_context(&name, None))?;
        if let Some(clause) = env.clause {
            return Err(sql_function_in(call, clause));
        }
        let args = self.sql_arguments(env, call, parameters)?;
        if args.iter().any(|a| reads_lambda(env, &a.expr)) {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_SQL_UDF").param("funcName", name));
        }
        let aliases: SparkResult<Vec<_>> = parameters
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let value = match (args.get(i), &p.default) {
                    (Some(a), _) => a.clone(),
                    (None, Some(d)) => self.constant(d)?,
                    (None, None) => TypedExpr::null(p.data_type.clone())?,
                };
                let mut value = vonk_expr::cast::cast(self.facts(), value, &p.data_type)?;
                value.name = Some(p.name.as_str().into());
                // The body sees a value of the parameter's type, not a literal.
                if matches!(value.expr, DfExpr::Literal(..)) {
                    let to = vonk_expr::arrow_types::to_arrow(&p.data_type);
                    value.expr = datafusion::logical_expr::cast(value.expr, to);
                }
                Ok(crate::env::LateralAlias { name: p.name.clone(), value })
            })
            .collect();
        let aliases = aliases?;
        let named = call.args.iter().any(|a| matches!(a.kind, ExprKind::NamedArgument { .. }));
        // Where arguments have names, defaults are shown too.
        let defaults = parameters.iter().skip(args.len()).filter_map(|p| p.default.as_ref()).filter(|_| named);
        let defaults = defaults.map(|d| self.constant(d).map(|d| d.sql)).collect::<SparkResult<Vec<_>>>()?;
        let (parameters, function) = (Some(Rc::new(aliases)), Some(name.as_str().into()));
        let inner = Env { parameters, function, ..Env::default() };
        let mut out = match body {
            SqlBody::Expr(e) => self.expr(&inner, e)?,
            SqlBody::Query(q) => self.scalar_subquery(&inner, q)?,
        };
        if let Some(t) = return_type {
            out = vonk_expr::cast::cast(self.facts(), out, &t)?;
        }
        let full = self.resolver().function_name(&call.name);
        out.sql = SqlText::call(&full, args.iter().map(|a| a.sql.clone()).chain(defaults));
        out.name = None;
        Ok(out)
    }

    /// The arguments of a SQL function in the order of its parameters, the last of which may be left out.
    pub fn sql_arguments(
        &self,
        env: &Env,
        call: &FunctionCall,
        parameters: &[SqlParameter],
    ) -> SparkResult<Vec<TypedExpr>> {
        let first = call.args.iter().find_map(|a| match &a.kind {
            ExprKind::NamedArgument { name, .. } => Some(name),
            _ => None,
        });
        let args = match first {
            Some(argument) if parameters.is_empty() => {
                return Err(SparkError::new("UNRECOGNIZED_PARAMETER_NAME")
                    .param("routineName", quote_id([sql_name(call)]))
                    .param("argumentName", quote_id([argument]))
                    .param("proposal", ""));
            }
            Some(_) => {
                let names: Vec<_> = parameters.iter().map(|p| p.name.as_str()).collect();
                self.exprs(env, &super::named_arguments::in_order_of(&names, &[], call)?)?
            }
            None => {
                let mut out = vec![];
                for e in &call.args {
                    match e.kind {
                        ExprKind::Star { .. } | ExprKind::Regex { .. } => {
                            out.extend(self.expand_star(env, e)?.into_iter().map(|n| n.typed()));
                        }
                        _ => out.push(self.expr(env, e)?),
                    }
                }
                out
            }
        };
        let missing = parameters.iter().skip(args.len()).any(|p| p.default.is_none());
        if missing || args.len() > parameters.len() {
            self.fn_context(&sql_name(call), None).arity(&args, parameters.len()..=parameters.len())?;
        }
        Ok(args)
    }
}

/// The name of a SQL function, without what it is qualified by.
fn sql_name(call: &FunctionCall) -> String {
    call.name.last().map(|n| n.to_lowercase()).unwrap_or_default()
}

/// A SQL function is called where Spark takes none.
pub fn sql_function_in(call: &FunctionCall, clause: &str) -> SparkError {
    SparkError::new("UNSUPPORTED_SQL_UDF_USAGE")
        .param("functionName", quote_id([sql_name(call)]))
        .param("nodeName", clause)
}

/// Does the expression read the parameter of a lambda around it?
fn reads_lambda(env: &Env, e: &DfExpr) -> bool {
    let names: Vec<String> = env.lambdas.iter().map(|l| crate::scope::column_name(l.1.slot)).collect();
    let reads = |e: &DfExpr| Ok(matches!(e, DfExpr::Column(c) if names.contains(&c.name)));
    !names.is_empty() && e.exists(reads).unwrap_or(true)
}
