//! Takes the calls of Python functions out of a plan's expressions.
//!
//! It runs before DataFusion's optimizer, which then moves filters and limits below the nodes, prunes
//! their columns, and never sees a call. A call inside of another's argument is computed first, by a
//! node further down, unless it is the only argument and of the same kind: then both are one call.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, JoinType};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Expr, Extension, Filter, Join, LogicalPlan, Projection};
use indexmap::IndexMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{exec_err, spark_error};
use vonk_plan::types::{StructField, StructType};
use vonk_python::{Task, eval_type};

use super::function::{PythonFunction, scalar_call};
use super::sent::Sent;
use crate::analyzer::Analyzer;
use crate::nodes::python::{Python, PythonInput, PythonKind};
use crate::scope::{ColumnId, column_expr, column_name};

type Plan = Arc<LogicalPlan>;

/// A call that can be computed: its functions, innermost first, and the arguments of the innermost.
type Chain<'a> = (Vec<&'a Arc<PythonFunction>>, &'a [Expr]);

pub fn contains_python(e: &Expr) -> bool {
    e.exists(|e| Ok(scalar_call(e).is_some())).unwrap_or(false)
}

impl Analyzer {
    pub fn extract_python(&self, plan: LogicalPlan) -> SparkResult<LogicalPlan> {
        if !self.calls_python() {
            return Ok(plan);
        }
        let taken = plan.transform_up_with_subqueries(|node| self.extract_node(node).map_err(exec_err));
        Ok(taken.map_err(spark_error)?.data)
    }

    fn extract_node(&self, node: LogicalPlan) -> SparkResult<Transformed<LogicalPlan>> {
        let done = match node {
            LogicalPlan::Aggregate(a) => return self.extract_aggregate(a),
            LogicalPlan::Window(w) => return self.extract_window(w),
            node if !node.expressions().iter().any(contains_python) => return Ok(Transformed::no(node)),
            LogicalPlan::Projection(p) => {
                let (input, exprs) = self.take_python(p.input, p.expr)?;
                let projection = Projection::try_new_with_schema(exprs, input, p.schema).map_err(spark_error)?;
                LogicalPlan::Projection(projection)
            }
            LogicalPlan::Filter(f) => self.extract_filter(f)?,
            LogicalPlan::Join(j) => self.extract_join(j)?,
            other => {
                let schema = other.schema().clone();
                let (exprs, inputs) = (other.expressions(), other.inputs());
                let [input] = inputs.as_slice() else {
                    return Err(SparkError::unsupported("Python functions in an operator of several inputs"));
                };
                let (input, exprs) = self.take_python(Arc::new((*input).clone()), exprs)?;
                let inputs = vec![Arc::unwrap_or_clone(input)];
                restore(other.with_new_exprs(exprs, inputs).map_err(spark_error)?, &schema)?
            }
        };
        Ok(Transformed::yes(done))
    }

    /// Conditions without Python go first.
    fn extract_filter(&self, f: Filter) -> SparkResult<LogicalPlan> {
        let schema = f.input.schema().clone();
        let (late, early): (Vec<_>, Vec<_>) =
            split_conjunction_owned(f.predicate).into_iter().partition(contains_python);
        let input = match conjunction(early) {
            Some(early) => Arc::new(LogicalPlan::Filter(Filter::try_new(early, f.input).map_err(spark_error)?)),
            None => f.input,
        };
        let (input, late) = self.take_python(input, late)?;
        let late = conjunction(late).ok_or_else(|| SparkError::internal("no condition"))?;
        restore(LogicalPlan::Filter(Filter::try_new(late, input).map_err(spark_error)?), &schema)
    }

    /// A call over one side's columns is computed on that side; a call over both after an inner join.
    fn extract_join(&self, j: Join) -> SparkResult<LogicalPlan> {
        let schema = j.schema.clone();
        let (l, r): (Vec<_>, Vec<_>) = j.on.into_iter().unzip();
        let pairs = l.len();
        let conditions = j.filter.map(split_conjunction_owned).unwrap_or_default();
        let (left, mut own) = self.take_python(j.left, l.into_iter().chain(conditions).collect())?;
        let conditions = own.split_off(pairs);
        let (right, mut other) = self.take_python(j.right, r.into_iter().chain(conditions).collect())?;
        let conditions = other.split_off(pairs);
        let (mixed, plain): (Vec<_>, Vec<_>) = conditions.into_iter().partition(contains_python);
        if !mixed.is_empty() && j.join_type != JoinType::Inner {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE")
                .param("joinType", join_name(j.join_type)));
        }
        let on = own.into_iter().zip(other).collect();
        let join = Join::try_new(
            left,
            right,
            on,
            conjunction(plain),
            j.join_type,
            j.join_constraint,
            j.null_equality,
            j.null_aware,
        );
        let join = LogicalPlan::Join(join.map_err(spark_error)?);
        match conjunction(mixed) {
            None => restore(join, &schema),
            Some(mixed) => {
                let filter = Filter::try_new(mixed, Arc::new(join)).map_err(spark_error)?;
                restore(self.extract_filter(filter)?, &schema)
            }
        }
    }

    /// Scalar calls below an aggregation; then the aggregation itself, where it is Python.
    fn extract_aggregate(&self, a: Aggregate) -> SparkResult<Transformed<LogicalPlan>> {
        let scalar = a.group_expr.iter().chain(&a.aggr_expr).any(contains_python);
        let python = self.is_python_aggregate(&a)?;
        if !scalar && !python {
            return Ok(Transformed::no(LogicalPlan::Aggregate(a)));
        }
        let groups = a.group_expr.len();
        let exprs = a.group_expr.into_iter().chain(a.aggr_expr).collect();
        let (input, mut group) = self.take_python(a.input, exprs)?;
        let calls = group.split_off(groups);
        let a = Aggregate::try_new_with_schema(input, group, calls, a.schema).map_err(spark_error)?;
        Ok(Transformed::yes(if python { self.python_aggregate(a)? } else { LogicalPlan::Aggregate(a) }))
    }

    /// Puts nodes over the input that compute all calls in the expressions that only need its columns,
    /// and makes the expressions refer to them.
    pub(super) fn take_python(&self, mut input: Plan, mut exprs: Vec<Expr>) -> SparkResult<(Plan, Vec<Expr>)> {
        loop {
            let known: HashSet<String> = input.schema().fields().iter().map(|f| f.name().clone()).collect();
            let mut calls: Vec<(Expr, ColumnId)> = vec![];
            let mut found: IndexMap<Expr, ColumnId> = IndexMap::new();
            for e in exprs.iter_mut().filter(|e| contains_python(e)) {
                let taken = std::mem::take(e).transform_down(|e| {
                    let ready = chain(&e).is_some_and(|(_, args)| args.iter().all(|a| within(a, &known)));
                    if !ready {
                        return Ok(Transformed::no(e));
                    }
                    let id = match found.get(&e) {
                        Some(id) if !e.is_volatile() => *id,
                        _ => {
                            let id = self.fresh();
                            found.insert(e.clone(), id);
                            calls.push((e, id));
                            id
                        }
                    };
                    Ok(Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump))
                });
                *e = taken.map_err(spark_error)?.data;
            }
            if calls.is_empty() {
                return Ok((input, exprs));
            }
            input = self.compute_python(input, &calls)?;
        }
    }

    /// The input with the results of the calls beside its columns.
    fn compute_python(&self, mut input: Plan, calls: &[(Expr, ColumnId)]) -> SparkResult<Plan> {
        let mut kinds: IndexMap<(i32, usize), Vec<(Chain, ColumnId)>> = IndexMap::new();
        for (i, (call, id)) in calls.iter().enumerate() {
            let Some((functions, args)) = chain(call) else { continue };
            let kind = functions.first().map(|f| f.eval_type).unwrap_or_default();
            // A function over an iterator of batches is alone with its iterator.
            let alone = matches!(kind, eval_type::SCALAR_PANDAS_ITER | eval_type::SCALAR_ARROW_ITER);
            kinds.entry((kind, if alone { i } else { 0 })).or_default().push(((functions, args), *id));
        }
        for ((eval_type, _), calls) in kinds {
            let mut sent = Sent::default();
            let (mut functions, mut output, mut results) = (vec![], vec![], vec![]);
            let mut deterministic = true;
            for ((chain, args), id) in &calls {
                functions.push(sent.function(self, chain, args));
                let Some(last) = chain.last() else { continue };
                output.push(StructField::new(last.name.to_string(), last.output.clone(), true));
                results.push(column_name(*id));
                deterministic &= chain.iter().all(|f| f.deterministic);
            }
            let plan = sent.over(input)?;
            let task = Arc::new(Task {
                eval_type,
                functions,
                input: sent.schema(),
                output: StructType::new(output),
                ..Task::default()
            });
            let inputs = vec![PythonInput { plan, sent: sent.columns, keys: vec![], order: vec![] }];
            let mut node = Python::try_new(PythonKind::Scalar, task, inputs, results).map_err(spark_error)?;
            node.deterministic = deterministic;
            input = extension(node);
        }
        Ok(input)
    }
}

pub fn extension(node: Python) -> Plan {
    Arc::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// The functions of a call that needs no other call first.
fn chain(e: &Expr) -> Option<Chain<'_>> {
    let (function, args) = scalar_call(e)?;
    if let ([only], [(None, ..)]) = (args, function.args.as_slice())
        && scalar_call(only).is_some_and(|(inner, _)| inner.eval_type == function.eval_type)
        && let Some((mut functions, args)) = chain(only)
    {
        functions.push(function);
        return Some((functions, args));
    }
    (!args.iter().any(contains_python)).then(|| (vec![function], args))
}

/// Does the expression need these columns only?
fn within(e: &Expr, known: &HashSet<String>) -> bool {
    let foreign = e.exists(|e| {
        Ok(match e {
            Expr::Column(c) => !known.contains(&c.name),
            Expr::OuterReferenceColumn(..) => true,
            _ => false,
        })
    });
    !foreign.unwrap_or(true)
}

/// The plan with exactly the columns of the schema.
pub(super) fn restore(plan: LogicalPlan, schema: &DFSchemaRef) -> SparkResult<LogicalPlan> {
    let own = plan.schema().fields();
    if own.len() == schema.fields().len() && own.iter().zip(schema.fields()).all(|(a, b)| a.name() == b.name()) {
        return Ok(plan);
    }
    let columns = schema.iter().map(|(q, f)| Expr::Column(Column::new(q.cloned(), f.name()))).collect();
    let projection = Projection::try_new_with_schema(columns, Arc::new(plan), schema.clone()).map_err(spark_error)?;
    Ok(LogicalPlan::Projection(projection))
}

fn join_name(kind: JoinType) -> &'static str {
    match kind {
        JoinType::Inner => "INNER",
        JoinType::Left => "LEFT OUTER",
        JoinType::Right => "RIGHT OUTER",
        JoinType::Full => "FULL OUTER",
        JoinType::LeftSemi | JoinType::RightSemi => "LEFT SEMI",
        JoinType::LeftAnti | JoinType::RightAnti => "LEFT ANTI",
        JoinType::LeftMark | JoinType::RightMark => "EXISTENCE",
    }
}
