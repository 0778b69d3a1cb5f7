//! Table-valued functions in FROM: `range`, generators, session functions.

use std::sync::Arc;

use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::GeneratorCall;
use vonk_plan::Expr;
use vonk_plan::expr::{ExprKind, FunctionCall};
use vonk_plan::types::DataType;
use vonk_plan::{Relation, RelationKind};

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::resolver::{SessionFunction, SqlBody};
use crate::scope::{Scope, ScopeColumn};

impl Analyzer {
    pub fn table_function(&self, call: &FunctionCall, at: Option<&Arc<Origin>>, outer: Outer) -> SparkResult<Node> {
        let name = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
        if name == "range" && call.name.len() == 1 {
            return self.range_function(call, outer);
        }
        let env = Env::new(Default::default(), outer);
        let e = Expr::new(ExprKind::Function(call.clone())).at(at.cloned());
        if let Some(generator) = self.generator(&env, &e)? {
            return self.generated_rows(generator);
        }
        if name == "unnest" && call.name.len() == 1 {
            return self.relation(&unnest(call), outer);
        }
        let full = || vonk_common::error::quote_id(self.resolver().function_name(&call.name).split('.'));
        match self.resolver().function(&call.name)? {
            Some(SessionFunction::Sql { body: SqlBody::Query(query), parameters, columns: Some(columns), .. }) => {
                if call.args.iter().any(|a| super::udtf::table_argument(a).is_some()) {
                    return Err(SparkError::new("TABLE_VALUED_ARGUMENTS_NOT_YET_IMPLEMENTED_FOR_SQL_FUNCTIONS")
                        .param("action", "call")
                        .param("functionName", full()));
                }
                let args = self.sql_arguments(&env, call, &parameters)?;
                let mut node = self.sql_table_function(&name, &query, &parameters, args)?;
                if columns.len() == node.scope.columns.len() {
                    let types: Vec<_> = columns.fields.iter().map(|f| f.data_type.clone()).collect();
                    self.cast_columns(&mut node, &types)?;
                    let named = node.scope.columns.iter().zip(columns.fields.iter());
                    let named = named.map(|(c, f)| ScopeColumn { name: f.name.as_str().into(), ..c.clone() });
                    let scope = Scope::new(named.collect());
                    node = node.with_scope(scope);
                }
                return Ok(node);
            }
            Some(SessionFunction::Table(udtf)) => return self.udtf(&udtf, &call.args, at, outer),
            Some(SessionFunction::Python(_)) => {
                return Err(SparkError::new("NOT_A_TABLE_FUNCTION")
                    .param("functionName", vonk_common::error::quote_id(&call.name))
                    .at(at.cloned()));
            }
            Some(SessionFunction::Sql { .. }) => {
                return Err(SparkError::new("NOT_A_TABLE_FUNCTION").param("functionName", full()).at(at.cloned()));
            }
            _ => {}
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

    /// The rows of a generator that stands alone.
    pub fn generated_rows(&self, generator: GeneratorCall) -> SparkResult<Node> {
        let Item::Generated { rows, columns, outer } = self.generated(generator, &[])? else {
            return Err(SparkError::internal("generator"));
        };
        let mut node = self.one_row()?;
        self.generate(&mut node, rows, &columns, outer)?;
        Ok(node.with_scope(Scope::new(columns)))
    }

    /// A SQL table function: its query with the parameters as columns around it.
    fn sql_table_function(
        &self,
        name: &str,
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
        let (parameters, function) = (Some(std::rc::Rc::new(aliases)), Some(name.into()));
        let around = Env { parameters, function, ..Env::default() };
        Ok(self.relation(query, Some(&std::rc::Rc::new(around)))?.sealed())
    }

    fn range_function(&self, call: &FunctionCall, outer: Outer) -> SparkResult<Node> {
        let env = Env::new(Default::default(), outer);
        let env = env.without_functions("Range");
        const NAMES: [&str; 4] = ["start", "end", "step", "numSlices"];
        let not_constant = |i: usize| {
            let name = NAMES.get(if call.args.len() == 1 { 1 } else { i }).copied().unwrap_or_default();
            let t = if name == "numSlices" { "\"INT\"" } else { "\"BIGINT\"" };
            SparkError::new("NON_FOLDABLE_ARGUMENT")
                .param("funcName", "`range`")
                .param("paramName", vonk_common::error::quote_id([name]))
                .param("paramType", t)
        };
        let number = |(i, e): (usize, &Expr)| {
            self.expr(&env, e).map_err(|fault| match fault.class() {
                "UNSUPPORTED_SQL_UDF_USAGE" => not_constant(i),
                _ => fault,
            })
        };
        let args = call.args.iter().enumerate().map(number).collect::<SparkResult<Vec<_>>>()?;
        let ctx = self.fn_context("range", None);
        ctx.arity(&args, 1..=4)?;
        let mut numbers = vec![];
        for (i, (a, given)) in args.iter().zip(&call.args).enumerate() {
            // Named arguments are none to `range`.
            if !a.foldable || matches!(given.kind, ExprKind::NamedArgument { .. }) {
                return Err(not_constant(i));
            }
            let wrong = || {
                let position = if args.len() == 1 { 2 } else { i + 1 };
                SparkError::new("UNEXPECTED_INPUT_TYPE")
                    .param("functionName", "`range`")
                    .param("paramIndex", vonk_expr::signature::ordinal(position))
                    .param("requiredType", "\"BIGINT\"")
                    .param("inputSql", a.quoted_sql())
                    .param("inputType", vonk_common::error::quote_sql(a.data_type.sql()))
            };
            if !a.data_type.is_string() && !a.data_type.is_numeric() {
                return Err(wrong());
            }
            let number = vonk_expr::cast::cast(self.facts(), a.clone(), &DataType::Long)?;
            numbers.push(number.constant_i64("range", "argument")?.ok_or_else(wrong)?);
        }
        if let [_, _, 0, ..] = numbers.as_slice() {
            return Err(
                SparkError::new("FAILED_FUNCTION_CALL").param("funcName", vonk_common::error::quote_id(["range"]))
            );
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

/// `UNNEST(arrays…) [WITH ORDINALITY]` by the generators: arrays side by side, and the position.
fn unnest(call: &FunctionCall) -> Relation {
    let arrays = call.args.iter().filter(|a| !matches!(a.kind, ExprKind::NamedArgument { .. }));
    let arrays: Vec<Expr> = arrays.cloned().collect();
    let ordinality = arrays.len() < call.args.len();
    let several = arrays.len() > 1;
    let width = arrays.len();
    let source = match arrays.as_slice() {
        [one] => one.clone(),
        _ => Expr::call("arrays_zip", arrays),
    };
    let table = |name: &str, arg: Expr| {
        Relation::new(RelationKind::TableFunction(FunctionCall::new(vec![name.to_string()], vec![arg])))
    };
    match (ordinality, several) {
        (false, false) => table("explode", source),
        (false, true) => table("inline", source),
        (true, _) => {
            let field = |i: usize| Expr::attribute(vec!["col".into(), i.to_string()]);
            let mut columns: Vec<Expr> = match several {
                true => (0..width).map(field).collect(),
                false => vec![Expr::column("col")],
            };
            let one = Expr::literal(vonk_plan::Literal::Int(1));
            let position = Expr::column("pos").cast(vonk_plan::types::DataType::Long);
            columns.push(Expr::call("+", vec![position, one]).alias("ordinality"));
            table("posexplode", source).project(columns)
        }
    }
}
