//! Takes correlation out of a plan: the plan is made to compute its rows for all values of the
//! outer columns at once (the domain), each row with the values it belongs to.
//!
//! Every operator is rewritten by one rule; below the last outer reference the domain is joined in.
//! After that, the plan is joined to the outer one on the domain's columns. This is the general
//! way; [`crate::keyed`] and DataFusion's own rules (EXISTS, IN in filters) come first where they can.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinConstraint, JoinType, NullEquality, ScalarValue};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr as DfExpr, Extension, Filter, GroupingSet, Join, LogicalPlan, Projection,
    Sort, Union, UserDefinedLogicalNodeCore, Window, WindowFunctionDefinition, lit,
};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;

use crate::analyzer::Analyzer;
use crate::nodes::generate::Generate;
use crate::nodes::hinted::Hinted;
use crate::nodes::python::{Python, PythonKind};
use crate::scope::{ColumnId, column_expr, column_id, column_name};

/// Outer slots and the columns that carry their values.
pub type Carried = Vec<(ColumnId, ColumnId)>;

/// The values of the outer columns, each combination once.
pub struct Domain {
    plan: Arc<LogicalPlan>,
    slots: Vec<ColumnId>,
}

/// Outer slots that the plan refers to.
pub fn outer_slots(plan: &LogicalPlan) -> Vec<ColumnId> {
    let mut out = vec![];
    for e in plan.all_out_ref_exprs() {
        if let DfExpr::OuterReferenceColumn(_, c) = e
            && let Some(id) = column_id(&c.name)
            && !out.contains(&id)
        {
            out.push(id);
        }
    }
    out
}

/// References of the plan to columns of outer ones, in order.
pub fn outer_references(plan: &LogicalPlan) -> SparkResult<Vec<ColumnId>> {
    let mut out = vec![];
    let found = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|e| {
            e.apply(|e| {
                if let DfExpr::OuterReferenceColumn(_, c) = e {
                    out.extend(column_id(&c.name));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found.map_err(spark_error)?;
    Ok(out)
}

impl Analyzer {
    /// The domain of those columns of the outer plan.
    pub fn domain(&self, outer: Arc<LogicalPlan>, slots: Vec<ColumnId>) -> SparkResult<Domain> {
        let exprs = slots.iter().map(|s| column_expr(*s)).collect();
        let projection = Projection::try_new(exprs, outer).map_err(spark_error)?;
        let distinct = Distinct::All(Arc::new(LogicalPlan::Projection(projection)));
        Ok(Domain { plan: Arc::new(LogicalPlan::Distinct(distinct)), slots })
    }

    /// The plan without references to the domain's columns; its columns are the plan's own, then
    /// (anywhere) the carried ones.
    pub fn unnest(&self, plan: &LogicalPlan, domain: &Domain) -> SparkResult<(LogicalPlan, Carried)> {
        if !outer_slots(plan).iter().any(|s| domain.slots.contains(s)) {
            let (d, carried) = self.domain_copy(domain)?;
            return Ok((join(d, plan.clone(), vec![], None, JoinType::Inner)?, carried));
        }
        match plan {
            LogicalPlan::Projection(p) => {
                let (input, carried) = self.unnest(&p.input, domain)?;
                let mut exprs = replaced_all(&p.expr, &carried)?;
                exprs.extend(columns(&carried));
                let projection = Projection::try_new(exprs, Arc::new(input)).map_err(spark_error)?;
                Ok((LogicalPlan::Projection(projection), carried))
            }
            LogicalPlan::Filter(f) => {
                let (input, carried) = self.unnest(&f.input, domain)?;
                let predicate = replaced(&f.predicate, &carried)?;
                Ok((filter(predicate, input)?, carried))
            }
            LogicalPlan::Sort(s) => {
                let (input, carried) = self.unnest(&s.input, domain)?;
                let mut expr = s.expr.clone();
                for key in &mut expr {
                    key.expr = replaced(&key.expr, &carried)?;
                }
                Ok((LogicalPlan::Sort(Sort { expr, input: Arc::new(input), fetch: None }), carried))
            }
            LogicalPlan::Limit(l) => {
                let (input, carried) = self.unnest(&l.input, domain)?;
                let (order, input) = match input {
                    LogicalPlan::Sort(s) => (s.expr, Arc::unwrap_or_clone(s.input)),
                    other => (vec![], other),
                };
                let function =
                    WindowFunctionDefinition::WindowUDF(datafusion::functions_window::row_number::row_number_udwf());
                let mut call = WindowFunction::new(function, vec![]);
                call.params.partition_by = columns(&carried).collect();
                call.params.order_by = order;
                let number = column_name(self.fresh());
                let call = DfExpr::WindowFunction(Box::new(call)).alias(&number);
                let window = Window::try_new(vec![call], Arc::new(input)).map_err(spark_error)?;
                let number = DfExpr::Column(Column::new_unqualified(number));
                let skip = rows(l.skip.as_deref())?.unwrap_or(0);
                let mut keep = number.clone().gt(lit(skip as u64));
                if let Some(fetch) = rows(l.fetch.as_deref())? {
                    keep = keep.and(number.lt_eq(lit(skip.saturating_add(fetch) as u64)));
                }
                Ok((filter(keep, LogicalPlan::Window(window))?, carried))
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let (input, carried) = self.unnest(input, domain)?;
                Ok((LogicalPlan::Distinct(Distinct::All(Arc::new(input))), carried))
            }
            LogicalPlan::Distinct(Distinct::On(on)) => {
                let (input, carried) = self.unnest(&on.input, domain)?;
                let keys = replaced_all(&on.on_expr, &carried)?.into_iter().chain(columns(&carried)).collect();
                let select = replaced_all(&on.select_expr, &carried)?.into_iter().chain(columns(&carried)).collect();
                let on = DistinctOn::try_new(keys, select, None, Arc::new(input)).map_err(spark_error)?;
                Ok((LogicalPlan::Distinct(Distinct::On(on)), carried))
            }
            LogicalPlan::Window(w) => {
                let (input, carried) = self.unnest(&w.input, domain)?;
                let mut exprs = replaced_all(&w.window_expr, &carried)?;
                for e in &mut exprs {
                    let inner = match e {
                        DfExpr::Alias(a) => &mut *a.expr,
                        other => other,
                    };
                    if let DfExpr::WindowFunction(f) = inner {
                        f.params.partition_by.extend(columns(&carried));
                    }
                }
                let window = Window::try_new(exprs, Arc::new(input)).map_err(spark_error)?;
                Ok((LogicalPlan::Window(window), carried))
            }
            LogicalPlan::Aggregate(a) => self.unnest_aggregate(a, domain),
            LogicalPlan::Join(j) => self.unnest_join(j, domain),
            LogicalPlan::Union(u) => {
                let mut inputs = vec![];
                let mut first: Option<(Vec<String>, Carried)> = None;
                for input in &u.inputs {
                    let own: Vec<String> = input.schema().fields().iter().map(|f| f.name().clone()).collect();
                    let (plan, carried) = self.unnest(input, domain)?;
                    let (names, places) = first.get_or_insert_with(|| (own.clone(), carried.clone()));
                    let mut exprs = vec![];
                    for (name, target) in own.iter().zip(names.iter()) {
                        exprs.push(DfExpr::Column(Column::new_unqualified(name)).alias(target));
                    }
                    for ((_, from), (_, to)) in carried.iter().zip(places.iter()) {
                        exprs.push(column_expr(*from).alias(column_name(*to)));
                    }
                    let projection = Projection::try_new(exprs, Arc::new(plan)).map_err(spark_error)?;
                    inputs.push(Arc::new(LogicalPlan::Projection(projection)));
                }
                let carried = first.map(|(_, c)| c).unwrap_or_default();
                let union = Union::try_new_with_loose_types(inputs).map_err(spark_error)?;
                Ok((LogicalPlan::Union(union), carried))
            }
            LogicalPlan::Extension(e) => {
                if let Some(python) = e.node.as_any().downcast_ref::<Python>()
                    && let (PythonKind::Table { keep: true, .. }, [only]) = (&python.kind, python.inputs.as_slice())
                {
                    let (input, carried) = self.unnest(&only.plan, domain)?;
                    let python = python.with_exprs_and_inputs(vec![], vec![input]).map_err(spark_error)?;
                    return Ok((LogicalPlan::Extension(Extension { node: Arc::new(python) }), carried));
                }
                if e.node.as_any().is::<Hinted>()
                    && let [input] = e.node.inputs().as_slice()
                {
                    return self.unnest(input, domain);
                }
                let Some(g) = e.node.as_any().downcast_ref::<Generate>() else { return Err(not_supported()) };
                let (input, carried) = self.unnest(&g.input, domain)?;
                let rows = replaced(&g.rows, &carried)?;
                let generate =
                    Generate::try_new(Arc::new(input), rows, g.outer, g.columns.clone()).map_err(spark_error)?;
                Ok((LogicalPlan::Extension(Extension { node: Arc::new(generate) }), carried))
            }
            _ => Err(not_supported()),
        }
    }

    /// The domain once more, under fresh slots.
    fn domain_copy(&self, domain: &Domain) -> SparkResult<(LogicalPlan, Carried)> {
        let carried: Carried = domain.slots.iter().map(|s| (*s, self.fresh())).collect();
        let exprs = carried.iter().map(|(from, to)| column_expr(*from).alias(column_name(*to))).collect();
        let projection = Projection::try_new(exprs, domain.plan.clone()).map_err(spark_error)?;
        Ok((LogicalPlan::Projection(projection), carried))
    }

    /// Groups by the carried columns too. An aggregate without keys has a row for each value of the
    /// domain, also where nothing is aggregated: the domain is joined in, and rows that come of the
    /// join alone are filtered out of each aggregate.
    fn unnest_aggregate(&self, a: &Aggregate, domain: &Domain) -> SparkResult<(LogicalPlan, Carried)> {
        let (input, carried) = self.unnest(&a.input, domain)?;
        let mut group = replaced_all(&a.group_expr, &carried)?;
        let mut calls = replaced_all(&a.aggr_expr, &carried)?;
        if !group.is_empty() {
            match group.as_mut_slice() {
                [DfExpr::GroupingSet(GroupingSet::GroupingSets(sets))] => {
                    sets.iter_mut().for_each(|s| s.extend(columns(&carried)));
                }
                _ => group.extend(columns(&carried)),
            }
            let aggregate = Aggregate::try_new(Arc::new(input), group, calls).map_err(spark_error)?;
            return Ok((LogicalPlan::Aggregate(aggregate), carried));
        }
        let marker = column_name(self.fresh());
        let mut exprs: Vec<DfExpr> = input.schema().columns().into_iter().map(DfExpr::Column).collect();
        exprs.push(lit(true).alias(&marker));
        let marked = Projection::try_new(exprs, Arc::new(input)).map_err(spark_error)?;
        let (d, own) = self.domain_copy(domain)?;
        let joined = join(d, LogicalPlan::Projection(marked), pairs(&own, &carried), None, JoinType::Left)?;
        let present = DfExpr::Column(Column::new_unqualified(marker)).is_not_null();
        for call in &mut calls {
            let inner = match call {
                DfExpr::Alias(alias) => &mut *alias.expr,
                other => other,
            };
            if let DfExpr::AggregateFunction(f) = inner {
                let all = match f.params.filter.take() {
                    Some(own) => own.and(present.clone()),
                    None => present.clone(),
                };
                f.params.filter = Some(Box::new(all));
            }
        }
        let aggregate = Aggregate::try_new(Arc::new(joined), columns(&own).collect(), calls).map_err(spark_error)?;
        Ok((LogicalPlan::Aggregate(aggregate), own))
    }

    fn unnest_join(&self, j: &Join, domain: &Domain) -> SparkResult<(LogicalPlan, Carried)> {
        let refers = |p: &LogicalPlan| outer_slots(p).iter().any(|s| domain.slots.contains(s));
        let right_first = matches!(j.join_type, JoinType::Right | JoinType::RightSemi | JoinType::RightAnti);
        let (in_left, in_right) = (refers(&j.left), refers(&j.right));
        if j.join_type == JoinType::Full {
            return Err(not_supported());
        }
        let inner = j.join_type == JoinType::Inner;
        // The side whose rows are kept carries the domain.
        let left =
            (in_left || !(right_first || inner && in_right)).then(|| self.unnest(&j.left, domain)).transpose()?;
        let right = (in_right || right_first).then(|| self.unnest(&j.right, domain)).transpose()?;
        let (left, left_carried) = match left {
            Some((p, c)) => (p, Some(c)),
            None => (LogicalPlan::clone(&j.left), None),
        };
        let (right, right_carried) = match right {
            Some((p, c)) => (p, Some(c)),
            None => (LogicalPlan::clone(&j.right), None),
        };
        let carried = match (right_first, &left_carried, &right_carried) {
            (true, _, Some(c)) | (false, Some(c), _) | (_, None, Some(c)) | (_, Some(c), None) => c.clone(),
            (_, None, None) => return Err(SparkError::internal("a join without a domain")),
        };
        let mut conditions = vec![];
        for (l, r) in &j.on {
            conditions.push(replaced(l, &carried)?.eq(replaced(r, &carried)?));
        }
        if let Some(f) = &j.filter {
            conditions.push(replaced(f, &carried)?);
        }
        if let (Some(l), Some(r)) = (&left_carried, &right_carried) {
            for (a, b) in pairs(l, r) {
                conditions.push(datafusion::logical_expr::binary_expr(
                    a,
                    datafusion::logical_expr::Operator::IsNotDistinctFrom,
                    b,
                ));
            }
        }
        let condition = datafusion::logical_expr::utils::conjunction(conditions);
        Ok((join(left, right, vec![], condition, j.join_type)?, carried))
    }
}

/// A join whose keys may be NULL and then match.
pub fn join(
    left: LogicalPlan,
    right: LogicalPlan,
    on: Vec<(DfExpr, DfExpr)>,
    condition: Option<DfExpr>,
    kind: JoinType,
) -> SparkResult<LogicalPlan> {
    let nulls = if on.is_empty() { NullEquality::NullEqualsNothing } else { NullEquality::NullEqualsNull };
    keyed_join(left, right, on, nulls, condition, kind)
}

pub fn keyed_join(
    left: LogicalPlan,
    right: LogicalPlan,
    on: Vec<(DfExpr, DfExpr)>,
    nulls: NullEquality,
    condition: Option<DfExpr>,
    kind: JoinType,
) -> SparkResult<LogicalPlan> {
    let join = Join::try_new(Arc::new(left), Arc::new(right), on, condition, kind, JoinConstraint::On, nulls, false);
    Ok(LogicalPlan::Join(join.map_err(spark_error)?))
}

pub fn pairs(left: &Carried, right: &Carried) -> Vec<(DfExpr, DfExpr)> {
    left.iter().zip(right).map(|((_, a), (_, b))| (column_expr(*a), column_expr(*b))).collect()
}

fn columns(carried: &Carried) -> impl Iterator<Item = DfExpr> + '_ {
    carried.iter().map(|(_, to)| column_expr(*to))
}

pub fn filter(predicate: DfExpr, input: LogicalPlan) -> SparkResult<LogicalPlan> {
    Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input)).map_err(spark_error)?))
}

fn replaced_all(exprs: &[DfExpr], carried: &Carried) -> SparkResult<Vec<DfExpr>> {
    exprs.iter().map(|e| replaced(e, carried)).collect()
}

/// The expression with outer references as columns.
fn replaced(e: &DfExpr, carried: &Carried) -> SparkResult<DfExpr> {
    let map: HashMap<ColumnId, ColumnId> = carried.iter().copied().collect();
    let out = e.clone().transform_up(|e| {
        Ok(match &e {
            DfExpr::OuterReferenceColumn(_, c) => match column_id(&c.name).and_then(|id| map.get(&id)) {
                Some(to) => Transformed::yes(column_expr(*to)),
                None => Transformed::no(e),
            },
            _ => Transformed::no(e),
        })
    });
    Ok(out.map_err(spark_error)?.data)
}

fn rows(e: Option<&DfExpr>) -> SparkResult<Option<usize>> {
    match e {
        None => Ok(None),
        Some(DfExpr::Literal(ScalarValue::Int64(Some(n)), _)) => Ok(usize::try_from(*n).ok()),
        Some(_) => Err(not_supported()),
    }
}

fn not_supported() -> SparkError {
    SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.ACCESSING_OUTER_QUERY_COLUMN_IS_NOT_ALLOWED")
        .param("treeNode", "this operator")
}
