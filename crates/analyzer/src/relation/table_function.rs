//! Table-valued functions in FROM: `range`, generators, session functions.

use std::sync::Arc;

use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::Expr;
use vonk_plan::expr::{ExprKind, FunctionCall};

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::resolver::{SessionFunction, SqlBody};
use crate::scope::Scope;

impl Analyzer {
    pub fn table_function(&self, call: &FunctionCall, at: Option<&Arc<Origin>>, outer: Outer) -> SparkResult<Node> {
        let name = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
        if name == "range" && call.name.len() == 1 {
            return self.range_function(call, outer);
        }
        let env = Env::new(Default::default(), outer);
        let e = Expr::new(ExprKind::Function(call.clone())).at(at.cloned());
        if let Some(generator) = self.generator(&env, &e)? {
            let Item::Generated { rows, columns, outer } = self.generated(generator, &[])? else {
                return Err(SparkError::internal("generator"));
            };
            let mut node = self.one_row()?;
            self.generate(&mut node, rows, &columns, outer)?;
            return Ok(node.with_scope(Scope::new(columns)));
        }
        if let Some(SessionFunction::Sql { body: SqlBody::Query(query), parameters, .. }) =
            self.resolver().function(&call.name)?
        {
            let args = self.exprs(&env, &call.args)?;
            return self.sql_table_function(&query, &parameters, args);
        }
        if self.builtin(&call.name).is_some() {
            return Err(SparkError::new("NOT_A_TABLE_FUNCTION")
                .param("functionName", vonk_common::error::quote_id(&call.name))
                .at(at.cloned()));
        }
        Err(SparkError::new("UNRESOLVABLE_TABLE_VALUED_FUNCTION")
            .param("name", vonk_common::error::quote_id(&call.name))
            .at(at.cloned()))
    }

    /// A SQL table function: its query with the parameters as columns around it.
    fn sql_table_function(
        &self,
        query: &vonk_plan::Relation,
        parameters: &[crate::resolver::SqlParameter],
        args: Vec<vonk_expr::TypedExpr>,
    ) -> SparkResult<Node> {
        let mut aliases = vec![];
        for (i, p) in parameters.iter().enumerate() {
            let value = match (args.get(i), &p.default) {
                (Some(a), _) => a.clone(),
                (None, Some(d)) => self.constant(d)?,
                (None, None) => {
                    return Err(SparkError::new("REQUIRED_PARAMETER_NOT_FOUND")
                        .param("parameterName", vonk_common::error::quote_id([&p.name]))
                        .param("index", i));
                }
            };
            let value = vonk_expr::cast::cast(self.facts(), value, &p.data_type)?;
            aliases.push(crate::env::LateralAlias { name: p.name.clone(), value });
        }
        let around = Env { parameters: Some(std::rc::Rc::new(aliases)), ..Env::default() };
        Ok(self.relation(query, Some(&std::rc::Rc::new(around)))?.sealed())
    }

    fn range_function(&self, call: &FunctionCall, outer: Outer) -> SparkResult<Node> {
        let env = Env::new(Default::default(), outer);
        let args = self.exprs(&env, &call.args)?;
        let ctx = self.fn_context("range", None);
        ctx.arity(&args, 1..=4)?;
        let mut numbers = vec![];
        for (i, a) in args.iter().enumerate() {
            if a.data_type.is_string() || !a.data_type.is_integral() && !a.data_type.is_numeric() {
                return Err(SparkError::new("UNEXPECTED_INPUT_TYPE")
                    .param("functionName", "`range`")
                    .param("paramIndex", vonk_expr::signature::ordinal(i + 1))
                    .param("requiredType", "\"BIGINT\"")
                    .param("inputSql", a.quoted_sql())
                    .param("inputType", vonk_common::error::quote_sql(a.data_type.sql())));
            }
            let value = a.constant_i64("range", "argument")?;
            numbers.push(value.ok_or_else(|| {
                SparkError::new("UNEXPECTED_INPUT_TYPE")
                    .param("functionName", "`range`")
                    .param("paramIndex", vonk_expr::signature::ordinal(i + 1))
                    .param("requiredType", "\"BIGINT\"")
                    .param("inputSql", a.quoted_sql())
                    .param("inputType", vonk_common::error::quote_sql(a.data_type.sql()))
            })?);
        }
        match numbers.as_slice() {
            [end] => self.range(0, *end, 1, None),
            [start, end] => self.range(*start, *end, 1, None),
            [start, end, step] => self.range(*start, *end, *step, None),
            [start, end, step, parts] => self.range(*start, *end, *step, i32::try_from(*parts).ok()),
            _ => Err(SparkError::internal("range")),
        }
    }
}
