//! Function calls: which function a name means, its arguments, and the clauses of aggregates.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::error::quote_id;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::lambda::{BoundLambda, HigherOrderArg, LambdaParameter};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, GeneratorCall, INTERNAL, SqlText, TypedExpr};
use vonk_plan::expr::{CallSyntax, ExprKind, FunctionCall};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Literal};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::python::extract::contains_python;
use crate::relation::checks::star_in;
use crate::scope::ScopeColumn;

type At<'a> = Option<&'a Arc<Origin>>;

/// Aggregates that take WITHIN GROUP.
const TAKE_ORDER: [&str; 4] = ["percentile_cont", "percentile_disc", "mode", "listagg"];

/// Aggregates that take IGNORE NULLS.
const TAKE_NULLS: [&str; 4] = ["first", "last", "collect_list", "collect_set"];

impl Analyzer {
    pub fn fn_context(&self, name: &str, at: At) -> FnContext {
        FnContext { facts: self.facts().clone(), name: name.to_lowercase().into(), origin: at.cloned() }
    }

    /// The built-in function that a name in parts means.
    pub fn builtin(&self, name: &[String]) -> Option<&'static FunctionSpec> {
        let plain = match name {
            [f] => f,
            [schema, f] if schema.eq_ignore_ascii_case("builtin") => f,
            [catalog, schema, f]
                if catalog.eq_ignore_ascii_case("system") && schema.eq_ignore_ascii_case("builtin") =>
            {
                f
            }
            _ => return None,
        };
        vonk_functions::lookup(&plain.to_lowercase())
    }

    /// A scalar built-in over typed arguments.
    pub fn call_builtin(&self, _env: &Env, name: &str, args: Vec<TypedExpr>, at: At) -> SparkResult<TypedExpr> {
        match vonk_functions::lookup(name).map(|s| (s.body, s.collating)) {
            Some((Body::Scalar(build), collating)) => collating.build(&self.fn_context(name, at), args, build),
            _ => Err(self.unresolved_routine(&[name.to_string()], at)),
        }
    }

    /// An aggregate built-in over typed arguments.
    pub fn call_aggregate(&self, name: &str, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
        let call = AggregateCall { args, distinct: false, filter: None, within_group: vec![], ignore_nulls: false };
        match vonk_functions::lookup(name).map(|s| s.body) {
            Some(Body::Aggregate(build)) => build(&self.fn_context(name, None), call),
            _ => Err(self.unresolved_routine(&[name.to_string()], None)),
        }
    }

    pub fn unresolved_routine(&self, name: &[String], at: At) -> SparkError {
        SparkError::new("UNRESOLVED_ROUTINE")
            .param("routineName", quote_id(name))
            .param("searchPath", self.resolver().function_search_path())
            .at(at.cloned())
    }

    pub fn call(&self, env: &Env, call: &FunctionCall, at: At) -> SparkResult<TypedExpr> {
        if let Some(meaning) = super::internal::meaning(call) {
            return self.expr(env, &meaning);
        }
        if let Some(marker) = self.grouping_call(env, call)? {
            return Ok(marker);
        }
        let reached = |spec: &&FunctionSpec| spec.group != INTERNAL || call.syntax != CallSyntax::Text;
        let Some(spec) = self.builtin(&call.name).filter(reached) else { return self.session_call(env, call, at) };
        self.builtin_call(env, spec, call, at).map_err(|e| missing_parameter(e, spec, call))
    }

    fn builtin_call(
        &self,
        env: &Env,
        spec: &'static FunctionSpec,
        call: &FunctionCall,
        at: At,
    ) -> SparkResult<TypedExpr> {
        let name = call.name.last().map(String::as_str).unwrap_or_default();
        let ctx = self.fn_context(name, at);
        match spec.body {
            Body::Scalar(build) => {
                self.no_clauses(call, &ctx)?;
                // Of the operators `a IN (*)` alone takes a star, in lists and conditions on rows.
                let values = if &*ctx.name == "in" && env.first.is_none() { 1 } else { call.args.len() };
                if call.syntax == CallSyntax::Operator
                    && call
                        .args
                        .iter()
                        .take(values)
                        .any(|a| matches!(a.kind, ExprKind::Star { .. } | ExprKind::Regex { .. }))
                {
                    return Err(star_in(&format!("expression `{name}`")));
                }
                let written = self.arguments(env, spec, call)?;
                let mut args = self.exprs(env, &written)?;
                if &*ctx.name == "struct" {
                    name_extracted(&written, &mut args);
                }
                super::void::literal_nulls(spec, &mut args);
                self.pad_char_columns(&ctx.name, &mut args)?;
                let names: Vec<_> = args.iter().filter_map(|a| a.name.clone()).collect();
                // `(- a)` when written as an operator; `(a, b)` has a long name.
                let text = match (call.syntax, &*ctx.name, args.as_slice()) {
                    (CallSyntax::Operator, "struct", all) => Some(tuple_text(all)),
                    (CallSyntax::Operator, "negative", [a]) => Some(SqlText::wrap("(- ", a.sql.clone(), ")")),
                    (CallSyntax::Operator, "positive", [a]) => Some(SqlText::wrap("(+ ", a.sql.clone(), ")")),
                    _ => None,
                };
                let shelf = self.shelve(&mut args, call.syntax == CallSyntax::Operator);
                let mut out = spec.collating.build(&ctx, args, build)?;
                super::shelf::put_back(&mut out, shelf)?;
                // What hands an argument through does not hand its name through.
                if out.name.as_ref().is_some_and(|n| names.iter().any(|own| Arc::ptr_eq(own, n))) {
                    out.name = None;
                }
                if let Some(text) = text {
                    out.sql = text;
                }
                Ok(out)
            }
            Body::HigherOrder(build) => {
                self.no_clauses(call, &ctx)?;
                let args = self.arguments(env, spec, call)?;
                let args: SparkResult<Vec<_>> = args.iter().map(|a| self.higher_order_arg(env, a)).collect();
                // The parameter of a lambda is no constant, nor is what is made of it.
                Ok(TypedExpr { foldable: false, ..build(&ctx, args?)? })
            }
            Body::Aggregate(build) => self.aggregate_call(env, spec, call, &ctx, build),
            Body::Window(build) => {
                build(&ctx, self.aggregate_data(env, spec, call)?)?;
                self.window_clauses(spec, call, &ctx)?;
                Err(SparkError::new("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE")
                    .param("funcName", vonk_common::error::quote_sql(format!("{name}()"))))
            }
            Body::Generator(_) if env.aliases.is_none() => {
                Err(SparkError::new("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT").param("plan", name))
            }
            Body::Generator(_) => Err(SparkError::new("UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS")
                .param("expression", vonk_common::error::quote_sql(name))),
        }
    }

    /// The arguments of a call in the order of its parameters, stars expanded.
    pub fn arguments<'c>(
        &self,
        env: &Env,
        spec: &FunctionSpec,
        call: &'c FunctionCall,
    ) -> SparkResult<Cow<'c, [Expr]>> {
        let plain = |e: &Expr| {
            !matches!(e.kind, ExprKind::Star { .. } | ExprKind::Regex { .. } | ExprKind::NamedArgument { .. })
        };
        if call.args.iter().all(plain) {
            return Ok(Cow::Borrowed(&call.args));
        }
        if call.args.iter().any(|e| matches!(e.kind, ExprKind::NamedArgument { .. })) {
            return super::named_arguments::in_order(spec, call).map(Cow::Owned);
        }
        let count = matches!(call.args.as_slice(), [Expr { kind: ExprKind::Star { target: None, except, .. }, .. }] if except.is_empty());
        if count && spec.name == "count" && !call.distinct {
            return Ok(Cow::Owned(vec![Expr::literal(vonk_plan::Literal::Int(1))]));
        }
        if spec.name == "count" {
            self.no_table_star(env, &call.args)?;
        }
        let mut out = vec![];
        for e in &call.args {
            match &e.kind {
                ExprKind::Star { .. } | ExprKind::Regex { .. } => out.extend(self.expand_star_exprs(env, e)?),
                _ => out.push(e.clone()),
            }
        }
        Ok(Cow::Owned(out))
    }

    /// Error: `count(t.*)` of a table, which would not count rows with NULLs as `count(*)` does.
    fn no_table_star(&self, env: &Env, args: &[Expr]) -> SparkResult<()> {
        let [Expr { kind: ExprKind::Star { target: Some(table), .. }, origin }] = args else { return Ok(()) };
        let case = self.case_sensitive();
        let within = |c: &ScopeColumn| crate::names::qualifies(&c.qualifier, table, case);
        let allowed = self.facts().conf.bool("spark.sql.legacy.allowStarWithSingleTableIdentifierInCount");
        match !allowed && env.scope.columns.iter().any(within) {
            true => Err(SparkError::new("INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT")
                .param("tableName", quote_id(table))
                .at(origin.clone())),
            false => Ok(()),
        }
    }

    /// Error: a scalar function has a clause of aggregates.
    pub fn no_clauses(&self, call: &FunctionCall, ctx: &FnContext) -> SparkResult<()> {
        if call.distinct {
            Err(unsupported_clause(ctx, "DISTINCT"))
        } else if call.filter.is_some() {
            Err(unsupported_clause(ctx, "FILTER CLAUSE"))
        } else if !call.within_group.is_empty() {
            Err(unsupported_clause(ctx, "WITHIN GROUP (ORDER BY ...)"))
        } else if call.ignore_nulls == Some(true) {
            Err(unsupported_clause(ctx, "IGNORE NULLS"))
        } else {
            Ok(())
        }
    }

    /// Error: a window function has a clause that it does not take.
    pub fn window_clauses(&self, spec: &FunctionSpec, call: &FunctionCall, ctx: &FnContext) -> SparkResult<()> {
        if !["lag", "lead", "nth_value"].contains(&spec.name) {
            return self.no_clauses(call, ctx);
        }
        self.no_clauses(&FunctionCall { ignore_nulls: None, ..call.clone() }, ctx)
    }

    /// Error: an aggregate has a clause that it does not take.
    pub fn aggregate_clauses(&self, spec: &FunctionSpec, call: &FunctionCall, ctx: &FnContext) -> SparkResult<()> {
        if spec.group == INTERNAL {
            return Ok(());
        }
        if !call.within_group.is_empty() && !TAKE_ORDER.contains(&spec.name) {
            return Err(unsupported_clause(ctx, "WITHIN GROUP (ORDER BY ...)"));
        }
        if call.ignore_nulls == Some(true) && !TAKE_NULLS.contains(&spec.name) {
            return Err(unsupported_clause(ctx, "IGNORE NULLS"));
        }
        Ok(())
    }

    fn aggregate_call(
        &self,
        env: &Env,
        spec: &FunctionSpec,
        call: &FunctionCall,
        ctx: &FnContext,
        build: fn(&FnContext, AggregateCall) -> SparkResult<TypedExpr>,
    ) -> SparkResult<TypedExpr> {
        let ctx = &as_shown(ctx, call);
        // Inside an aggregate, names are those of its input.
        let env = &Env { first: None, ..env.clone() };
        let laterals = env.laterals.borrow().len();
        let call_data = self.aggregate_data(env, spec, call)?;
        let nested = call_data.args.iter().chain(&call_data.filter).any(|a| contains_aggregate(&a.expr));
        if nested {
            return Err(SparkError::new("NESTED_AGGREGATE_FUNCTION").at(ctx.origin.clone()));
        }
        if let Some(filter) = &call_data.filter
            && contains_window(&filter.expr)
        {
            return Err(SparkError::new("INVALID_AGGREGATE_FILTER.CONTAINS_WINDOW_FUNCTION")
                .param("filterExpr", filter.quoted_sql())
                .param("windowExpr", filter.quoted_sql()));
        }
        let random = call_data.args.iter().any(|a| !a.deterministic);
        let out = self.finish_aggregate(ctx, call_data, build)?;
        self.aggregate_clauses(spec, call, ctx)?;
        if let Some(alias) = env.laterals.borrow().get(laterals) {
            env.postpone(
                SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC")
                    .param("lca", alias)
                    .param("aggFunc", out.quoted_sql())
                    .at(ctx.origin.clone()),
            );
        }
        match random {
            true => Err(random_aggregate(ctx, &out)),
            false => Ok(out),
        }
    }

    /// Builds an aggregate and puts its clauses into its text.
    pub fn finish_aggregate(
        &self,
        ctx: &FnContext,
        data: AggregateCall,
        build: fn(&FnContext, AggregateCall) -> SparkResult<TypedExpr>,
    ) -> SparkResult<TypedExpr> {
        let distinct = data.distinct;
        let random = data.args.iter().any(|a| !a.deterministic && contains_python(&a.expr));
        let filter = data.filter.as_ref().map(|f| f.sql.clone());
        let strength = data.args.iter().map(|a| a.strength).max().unwrap_or_default();
        let mut out = build(ctx, data)?;
        out.strength = out.strength.max(strength);
        out.foldable = false;
        if random {
            return Err(random_aggregate(ctx, &out));
        }
        if distinct {
            let text = out.sql.to_string();
            if let Some((head, tail)) = text.split_once('(')
                && !tail.starts_with("DISTINCT ")
            {
                out.sql = format!("{head}(DISTINCT {tail}").into();
            }
        }
        if let Some(filter) = filter
            && !out.sql.to_string().contains(" FILTER (WHERE ")
        {
            out.sql = SqlText::concat([out.sql.clone(), " FILTER (WHERE ".into(), filter, ")".into()]);
        }
        Ok(out)
    }

    /// Arguments and clauses of an aggregate or window function.
    pub fn aggregate_data(&self, env: &Env, spec: &FunctionSpec, call: &FunctionCall) -> SparkResult<AggregateCall> {
        let args = self.arguments(env, spec, call)?;
        let mut args = self.exprs(env, &args)?;
        super::void::literal_nulls(spec, &mut args);
        let filter = call.filter.as_ref().map(|f| self.aggregate_filter(env, f)).transpose()?;
        if let Some(f) = &filter {
            if !f.deterministic {
                return Err(
                    SparkError::new("INVALID_AGGREGATE_FILTER.NON_DETERMINISTIC").param("filterExpr", f.quoted_sql())
                );
            }
            if contains_aggregate(&f.expr) {
                return Err(SparkError::new("INVALID_AGGREGATE_FILTER.CONTAINS_AGGREGATE")
                    .param("filterExpr", f.quoted_sql())
                    .param("aggExpr", f.quoted_sql()));
            }
        }
        let mut within_group = vec![];
        for order in &call.within_group {
            let key = self.expr(env, &order.child)?;
            let by = vonk_expr::order::ordering_key(key.expr.clone(), &key.data_type);
            let sort = datafusion::logical_expr::SortExpr::new(by, order.ascending, order.nulls_first);
            within_group.push((key, sort));
        }
        Ok(AggregateCall {
            args,
            distinct: call.distinct,
            filter,
            within_group,
            ignore_nulls: call.ignore_nulls == Some(true),
        })
    }

    fn aggregate_filter(&self, env: &Env, e: &Expr) -> SparkResult<TypedExpr> {
        let typed = self.expr(env, e)?;
        let wrong = SparkError::new("INVALID_AGGREGATE_FILTER.NOT_BOOLEAN").param("filterExpr", typed.quoted_sql());
        match typed.data_type {
            DataType::Boolean => Ok(typed),
            _ => Err(wrong.at(e.origin.clone())),
        }
    }

    fn higher_order_arg(&self, env: &Env, e: &Expr) -> SparkResult<HigherOrderArg> {
        let ExprKind::Lambda { parameters, body } = &e.kind else {
            return self.expr(env, e).map(HigherOrderArg::Value);
        };
        let case = self.case_sensitive();
        for (i, name) in parameters.iter().enumerate() {
            if parameters.iter().take(i).any(|n| crate::scope::same_name(n, name, case)) {
                return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES")
                    .param("args", parameters.join(", "))
                    .param("caseSensitiveConfig", "\"spark.sql.caseSensitive\""));
            }
        }
        let (this, env, body, names) = (self.clone(), env.clone(), body.clone(), parameters.clone());
        let bind = move |types: &[LambdaParameter]| this.bind_lambda(env, &names, &body, types);
        Ok(HigherOrderArg::Lambda { parameters: parameters.len(), bind: Box::new(bind) })
    }

    fn bind_lambda(
        &self,
        mut env: Env,
        names: &[String],
        body: &Expr,
        types: &[LambdaParameter],
    ) -> SparkResult<BoundLambda> {
        if names.len() != types.len() {
            return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
                .param("expectedNumArgs", names.len())
                .param("actualNumArgs", types.len()));
        }
        let mut columns = vec![];
        for (name, p) in names.iter().zip(types) {
            let column = ScopeColumn::new(self.fresh(), name.as_str(), p.data_type.clone(), p.nullable);
            columns.push(crate::scope::column_name(column.slot));
            env.lambdas.push(Rc::new((name.clone(), column)));
        }
        let mut body = self.expr(&env, body)?;
        if contains_python(&body.expr) {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_PYTHON_UDF")
                .param("funcName", body.quoted_sql()));
        }
        let parts = std::iter::once(body.sql.clone()).chain(names.iter().map(|_| "namedlambdavariable()".into()));
        body.sql = SqlText::call("lambdafunction", parts);
        Ok(BoundLambda { columns, body })
    }

    /// A generator in a SELECT list, where those of FROM alone do not stand.
    pub fn generator_of_list(&self, env: &Env, e: &Expr) -> SparkResult<Option<GeneratorCall>> {
        if let ExprKind::Function(call) = &e.kind
            && self.builtin(&call.name).is_some_and(|spec| spec.table_only)
        {
            return Err(SparkError::new("NOT_A_SCALAR_FUNCTION")
                .param("functionName", quote_id(&call.name))
                .at(e.origin.clone()));
        }
        self.generator(env, e)
    }

    /// A generator, if the expression is a call of one.
    pub fn generator(&self, env: &Env, e: &Expr) -> SparkResult<Option<GeneratorCall>> {
        let ExprKind::Function(call) = &e.kind else { return Ok(None) };
        let Some(spec) = self.builtin(&call.name) else { return Ok(None) };
        let Body::Generator(build) = spec.body else { return Ok(None) };
        let name = call.name.last().map(String::as_str).unwrap_or_default();
        let ctx = self.fn_context(name, e.origin.as_ref());
        let args = self.arguments(env, spec, call)?;
        build(&ctx, self.exprs(env, &args)?)
            .map(Some)
            .map_err(|err| missing_parameter(err, spec, call).at(e.origin.clone()))
    }
}

fn unsupported_clause(ctx: &FnContext, syntax: &str) -> SparkError {
    SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
        .param("prettyName", quote_id([&*ctx.name]))
        .param("syntax", syntax)
        .at(ctx.origin.clone())
}

/// Spark forgets an alias where it is said what becomes of NULLs.
pub fn as_shown(ctx: &FnContext, call: &FunctionCall) -> FnContext {
    let name: Arc<str> = match (&*ctx.name, call.ignore_nulls) {
        ("first_value", Some(_)) => "first".into(),
        ("last_value", Some(_)) => "last".into(),
        _ => ctx.name.clone(),
    };
    FnContext { name, ..ctx.clone() }
}

/// An aggregate of values that each run of the query gives anew.
fn random_aggregate(ctx: &FnContext, aggregate: &TypedExpr) -> SparkError {
    SparkError::new("AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION")
        .param("sqlExpr", aggregate.quoted_sql())
        .at(ctx.origin.clone())
}

/// Functions whose parameters have names say which one is missing.
fn missing_parameter(error: SparkError, spec: &FunctionSpec, call: &FunctionCall) -> SparkError {
    let given = call.args.len();
    match spec.parameters.get(given) {
        Some(parameter) if error.class() == "WRONG_NUM_ARGS.WITHOUT_SUGGESTION" => {
            SparkError::new("REQUIRED_PARAMETER_NOT_FOUND")
                .param("routineName", quote_id(call.name.last()))
                .param("parameterName", quote_id([parameter]))
                .param("index", 0)
        }
        _ => error,
    }
}

pub fn contains_aggregate(e: &DfExpr) -> bool {
    e.exists(|e| Ok(matches!(e, DfExpr::AggregateFunction(_)))).unwrap_or(false)
}

pub fn contains_window(e: &DfExpr) -> bool {
    e.exists(|e| Ok(matches!(e, DfExpr::WindowFunction(_)))).unwrap_or(false)
}

/// `named_struct(a, a, col2, 1)`: what Spark calls the tuple `(a, 1)`.
fn tuple_text(items: &[TypedExpr]) -> SqlText {
    let parts = items.iter().enumerate().flat_map(|(i, item)| [item.field_name(i).into(), item.sql.clone()]);
    SqlText::call("named_struct", parts)
}

/// A field of a struct has the name of what is extracted by name: `struct(f(x).a)` has a field `a`.
fn name_extracted(written: &[Expr], args: &mut [TypedExpr]) {
    for (e, arg) in written.iter().zip(args) {
        if let ExprKind::Extract { extraction, .. } = &e.kind
            && let ExprKind::Literal(Literal::String(name)) = &extraction.kind
            && arg.name.is_none()
        {
            arg.name = Some(Arc::clone(name));
        }
    }
}
