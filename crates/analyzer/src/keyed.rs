//! Takes correlation out of a plan by columns of its own: where the plan keeps only rows whose
//! column equals the outer one (`WHERE inner.k = outer.k`), that column carries the outer value, and
//! the outer plan need not be read again as [`crate::unnest`] does.
//!
//! The result may have rows for values that the outer plan does not have; the join to the outer plan
//! drops them. An aggregate without keys has no row where nothing is aggregated: [`Keyed::on_empty`]
//! says what its columns would be there. Plans of other shapes are left to the general way.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, GroupingSet, Join, LogicalPlan, Operator, Projection, Sort, lit, when,
};
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::create_physical_expr;
use vonk_common::SparkResult;
use vonk_expr::spark_error;

use crate::analyzer::Analyzer;
use crate::scope::{ColumnId, column_expr, column_id, column_name};
use crate::subqueries::contains_subquery;
use crate::unnest::{Carried, filter, join, outer_slots};

/// A plan without correlation.
pub struct Keyed {
    /// The plan's own columns, then (anywhere) the carried ones.
    pub plan: LogicalPlan,
    /// Outer slots and the columns that are equal to them.
    pub carried: Carried,
    /// For a plan that has a row where nothing is found: its columns there, over no columns.
    pub on_empty: Option<HashMap<String, Expr>>,
}

/// Outer slots, and what is equal to them in a plan.
type Keys = Vec<(ColumnId, Expr)>;

struct Pulled {
    plan: LogicalPlan,
    keys: Keys,
    on_empty: Option<HashMap<String, Expr>>,
}

impl Analyzer {
    /// `None` where a slot has no equal column, or the plan has another shape.
    pub fn keyed(&self, plan: &LogicalPlan, slots: &[ColumnId]) -> SparkResult<Option<Keyed>> {
        let Some(Pulled { plan, keys, on_empty }) = self.pull(plan, slots)? else { return Ok(None) };
        if slots.iter().any(|s| keys.iter().all(|(k, _)| k != s)) {
            return Ok(None);
        }
        let (plan, carried) = self.with_key_columns(own_columns(&plan), plan, keys)?;
        Ok(Some(Keyed { plan, carried, on_empty }))
    }

    fn pull(&self, plan: &LogicalPlan, slots: &[ColumnId]) -> SparkResult<Option<Pulled>> {
        if !outer_slots(plan).iter().any(|s| slots.contains(s)) {
            return Ok(Some(Pulled { plan: plan.clone(), keys: vec![], on_empty: None }));
        }
        let pull = |input: &LogicalPlan| self.pull(input, slots);
        Ok(match plan {
            LogicalPlan::Projection(p) => match pull(&p.input)? {
                Some(input) => self.projection(p, input, slots)?,
                None => None,
            },
            LogicalPlan::Filter(f) => match pull(&f.input)? {
                Some(input) if input.on_empty.is_none() => pull_filter(&f.predicate, input, slots)?,
                _ => None,
            },
            LogicalPlan::Aggregate(a) => match pull(&a.input)? {
                Some(input) if input.on_empty.is_none() => self.aggregate_by_keys(a, input, slots)?,
                _ => None,
            },
            LogicalPlan::Join(j) => match (pull(&j.left)?, pull(&j.right)?) {
                (Some(left), Some(right)) if left.on_empty.is_none() && right.on_empty.is_none() => {
                    pull_join(j, left, right, slots)?
                }
                _ => None,
            },
            LogicalPlan::Distinct(Distinct::All(input)) => match pull(input)? {
                Some(input) if input.on_empty.is_none() => {
                    let (plan, carried) = self.with_key_columns(own_columns(&input.plan), input.plan, input.keys)?;
                    let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(plan)));
                    Some(Pulled { plan, keys: column_keys(&carried), on_empty: None })
                }
                _ => None,
            },
            LogicalPlan::Sort(s) if s.fetch.is_none() && !s.expr.iter().any(|k| refers(&k.expr, slots)) => {
                pull(&s.input)?.map(|input| {
                    let sort = Sort { expr: s.expr.clone(), input: Arc::new(input.plan), fetch: None };
                    Pulled { plan: LogicalPlan::Sort(sort), ..input }
                })
            }
            _ => None,
        })
    }

    fn projection(&self, p: &Projection, input: Pulled, slots: &[ColumnId]) -> SparkResult<Option<Pulled>> {
        let mut exprs = vec![];
        for e in &p.expr {
            let Some(e) = replaced(e, &input.keys, slots)? else { return Ok(None) };
            exprs.push(e);
        }
        let on_empty = match input.on_empty {
            Some(_) if p.expr.iter().any(|e| refers(e, slots)) => return Ok(None),
            Some(values) => {
                let mut out = HashMap::new();
                for (e, (_, field)) in p.expr.iter().zip(p.schema.iter()) {
                    let value = e.clone().unalias().transform_up(|e| {
                        Ok(match &e {
                            Expr::Column(c) => match values.get(&c.name) {
                                Some(value) => Transformed::yes(value.clone()),
                                None => Transformed::no(e),
                            },
                            _ => Transformed::no(e),
                        })
                    });
                    out.insert(field.name().clone(), value.map_err(spark_error)?.data);
                }
                Some(out)
            }
            None => None,
        };
        let (plan, carried) = self.with_key_columns(exprs, input.plan, input.keys)?;
        Ok(Some(Pulled { plan, keys: column_keys(&carried), on_empty }))
    }

    fn aggregate_by_keys(&self, a: &Aggregate, input: Pulled, slots: &[ColumnId]) -> SparkResult<Option<Pulled>> {
        if input.keys.is_empty() || matches!(a.group_expr.as_slice(), [Expr::GroupingSet(GroupingSet::GroupingSets(_))])
        {
            return Ok(None);
        }
        let (plan, carried) = self.with_key_columns(own_columns(&input.plan), input.plan, input.keys)?;
        let keys = column_keys(&carried);
        let (mut group, mut calls) = (vec![], vec![]);
        for (from, to) in [(&a.group_expr, &mut group), (&a.aggr_expr, &mut calls)] {
            for e in from {
                let Some(e) = replaced(e, &keys, slots)? else { return Ok(None) };
                to.push(e);
            }
        }
        let on_empty = match group.is_empty() {
            true => {
                let mut values = HashMap::new();
                for (call, (_, field)) in calls.iter().zip(a.schema.iter()) {
                    let Some(value) = value_of_nothing(call, plan.schema()) else { return Ok(None) };
                    values.insert(field.name().clone(), Expr::Literal(value, None));
                }
                Some(values)
            }
            false => None,
        };
        group.extend(keys.iter().map(|(_, key)| key.clone()));
        let aggregate = Aggregate::try_new(Arc::new(plan), group, calls).map_err(spark_error)?;
        Ok(Some(Pulled { plan: LogicalPlan::Aggregate(aggregate), keys, on_empty }))
    }

    /// The expressions over the plan, and each key as a column.
    fn with_key_columns(
        &self,
        mut exprs: Vec<Expr>,
        plan: LogicalPlan,
        keys: Keys,
    ) -> SparkResult<(LogicalPlan, Carried)> {
        let mut carried = vec![];
        for (slot, key) in keys {
            let id = self.fresh();
            exprs.push(key.alias(column_name(id)));
            carried.push((slot, id));
        }
        let plan = Projection::try_new(exprs, Arc::new(plan)).map_err(spark_error)?;
        Ok((LogicalPlan::Projection(plan), carried))
    }
}

impl Keyed {
    /// The column once the plan is left-joined to the outer one; `found` is a column that is TRUE in
    /// the plan's rows. `None` where NULL is right for rows without a partner.
    pub fn or_empty(&self, name: &str, found: ColumnId) -> SparkResult<Option<Expr>> {
        let Some(value) = self.on_empty.as_ref().and_then(|all| all.get(name)) else { return Ok(None) };
        let value = match constant(value) {
            Some(value) if value.is_null() => return Ok(None),
            Some(value) => Expr::Literal(value, None),
            None => value.clone(),
        };
        let column = Expr::Column(Column::new_unqualified(name));
        let out = when(column_expr(found).is_null(), value).otherwise(column);
        Ok(Some(out.map_err(spark_error)?))
    }
}

fn pull_filter(predicate: &Expr, input: Pulled, slots: &[ColumnId]) -> SparkResult<Option<Pulled>> {
    let Pulled { plan, mut keys, .. } = input;
    let conjuncts = split_conjunction(predicate);
    let mut rest = vec![];
    for conjunct in conjuncts {
        match equality(conjunct, slots) {
            Some((slot, key)) if keys.iter().all(|(k, _)| *k != slot) => {
                // An outer NULL is equal to nothing.
                rest.push(key.clone().is_not_null());
                keys.push((slot, key));
            }
            _ => rest.push(conjunct.clone()),
        }
    }
    let mut out = vec![];
    for e in &rest {
        let Some(e) = replaced(e, &keys, slots)? else { return Ok(None) };
        out.push(e);
    }
    let plan = match conjunction(out) {
        Some(predicate) => filter(predicate, plan)?,
        None => plan,
    };
    Ok(Some(Pulled { plan, keys, on_empty: None }))
}

fn pull_join(j: &Join, left: Pulled, right: Pulled, slots: &[ColumnId]) -> SparkResult<Option<Pulled>> {
    let inner = j.join_type == JoinType::Inner;
    let left_only = matches!(j.join_type, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti);
    let known = inner || left_only && right.keys.is_empty();
    if !known || !j.on.is_empty() {
        return Ok(None);
    }
    let mut conditions = vec![];
    let mut keys = left.keys;
    for (slot, key) in right.keys {
        match keys.iter().find(|(k, _)| *k == slot) {
            Some((_, same)) => conditions.push(same.clone().eq(key)),
            None => keys.push((slot, key)),
        }
    }
    for e in j.filter.iter().flat_map(split_conjunction) {
        if inner
            && let Some((slot, key)) = equality(e, slots)
            && keys.iter().all(|(k, _)| *k != slot)
        {
            conditions.push(key.clone().is_not_null());
            keys.push((slot, key));
        } else {
            conditions.push(e.clone());
        }
    }
    let mut out = vec![];
    for e in &conditions {
        let Some(e) = replaced(e, &keys, slots)? else { return Ok(None) };
        out.push(e);
    }
    let plan = join(left.plan, right.plan, vec![], conjunction(out), j.join_type)?;
    Ok(Some(Pulled { plan, keys, on_empty: None }))
}

/// `column = outer` in either order: the outer slot, and what is equal to it.
fn equality(e: &Expr, slots: &[ColumnId]) -> Option<(ColumnId, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = e else { return None };
    let slot = |e: &Expr| match e {
        Expr::OuterReferenceColumn(_, c) => column_id(&c.name).filter(|id| slots.contains(id)),
        _ => None,
    };
    let own = |e: &Expr| !e.contains_outer() && !contains_subquery(e) && !e.column_refs().is_empty();
    match (slot(left), slot(right)) {
        (Some(slot), None) if own(right) => Some((slot, right.as_ref().clone())),
        (None, Some(slot)) if own(left) => Some((slot, left.as_ref().clone())),
        _ => None,
    }
}

/// Does the expression, or a sub-query in it, refer to one of the slots?
fn refers(e: &Expr, slots: &[ColumnId]) -> bool {
    let found = e.exists(|e| {
        Ok(match e {
            Expr::OuterReferenceColumn(_, c) => column_id(&c.name).is_some_and(|id| slots.contains(&id)),
            Expr::ScalarSubquery(q) => outer_slots(&q.subquery).iter().any(|s| slots.contains(s)),
            Expr::Exists(x) => outer_slots(&x.subquery.subquery).iter().any(|s| slots.contains(s)),
            Expr::InSubquery(i) => outer_slots(&i.subquery.subquery).iter().any(|s| slots.contains(s)),
            _ => false,
        })
    });
    found.unwrap_or(true)
}

/// The expression with outer references as the keys that are equal to them, if all of them have one.
fn replaced(e: &Expr, keys: &Keys, slots: &[ColumnId]) -> SparkResult<Option<Expr>> {
    let out = e.clone().transform_up(|e| {
        Ok(match &e {
            Expr::OuterReferenceColumn(_, c) => {
                match column_id(&c.name).and_then(|id| keys.iter().find(|(k, _)| *k == id)) {
                    Some((_, key)) => Transformed::yes(key.clone()),
                    None => Transformed::no(e),
                }
            }
            _ => Transformed::no(e),
        })
    });
    let out = out.map_err(spark_error)?.data;
    Ok((!refers(&out, slots)).then_some(out))
}

fn own_columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}

fn column_keys(carried: &Carried) -> Keys {
    carried.iter().map(|(slot, id)| (*slot, column_expr(*id))).collect()
}

/// What the aggregate gives over no rows: asked of its accumulator.
fn value_of_nothing(call: &Expr, schema: &DFSchema) -> Option<ScalarValue> {
    let Expr::AggregateFunction(call) = call.clone().unalias() else { return None };
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let args = call.params.args.iter().map(|a| create_physical_expr(a, schema, &props, &context));
    let args = args.collect::<Result<Vec<_>, _>>().ok()?;
    let aggregate = AggregateExprBuilder::new(call.func, args)
        .schema(Arc::clone(schema.inner()))
        .alias("nothing")
        .with_distinct(call.params.distinct)
        .build()
        .ok()?;
    aggregate.create_accumulator().ok()?.evaluate().ok()
}

/// The value of an expression over no columns.
fn constant(e: &Expr) -> Option<ScalarValue> {
    if let Expr::Literal(value, _) = e {
        return Some(value.clone());
    }
    let schema = DFSchema::empty();
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let compiled = create_physical_expr(e, &schema, &props, &context).ok()?;
    let row = arrow_row()?;
    let value = compiled.evaluate(&row).ok()?;
    match value {
        datafusion::logical_expr::ColumnarValue::Scalar(value) => Some(value),
        datafusion::logical_expr::ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0).ok(),
    }
}

/// One row without columns.
fn arrow_row() -> Option<RecordBatch> {
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(datafusion::arrow::datatypes::Schema::empty()), vec![], &options).ok()
}

/// A column of TRUE beside the plan's own.
pub fn marked(plan: LogicalPlan, found: ColumnId) -> SparkResult<LogicalPlan> {
    let mut exprs = own_columns(&plan);
    exprs.push(lit(true).alias(column_name(found)));
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan)).map_err(spark_error)?))
}
