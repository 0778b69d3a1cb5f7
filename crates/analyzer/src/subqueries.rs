//! Takes sub-queries out of expressions and joins them to the relation, where DataFusion's own
//! rules do not: correlated scalar sub-queries of any form, EXISTS and IN outside of filters.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Case, Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Distinct, Expr as DfExpr, Filter, LogicalPlan, Projection, Subquery, lit};
use vonk_common::limits::MAX_OPEN_SUBQUERIES;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::conjuncts::with_not_inside;
use crate::constants::is_written_null;
use crate::keyed::marked;
use crate::node::Node;
use crate::nodes::alone::Alone;
use crate::scope::{ColumnId, ScopeColumn, column_expr, column_id, column_name};
use crate::tuple::{self, is_tuple};
use crate::unnest::{Carried, keyed_join, outer_slots};

/// Sub-queries, and what stands for them since they were joined. A condition may hold one in several places, also in several
/// of its conjuncts, where one waits for another: it is joined once.
pub type Taken = Vec<(DfExpr, DfExpr)>;

impl Analyzer {
    /// Replaces the sub-queries of the expressions by columns of the node.
    pub fn take_subqueries(&self, node: &mut Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        let mut taken = Taken::new();
        for e in exprs.iter_mut() {
            if contains_subquery(&e.expr) {
                let found = self.take(node, std::mem::take(&mut e.expr), &mut taken);
                e.expr = found.map_err(|err| err.at(e.origin.clone()))?;
            }
        }
        Ok(())
    }

    /// The same where Spark knows no correlated values, and no EXISTS and IN.
    pub fn take_plain_subqueries(
        &self,
        node: &mut Node,
        exprs: &mut [&mut TypedExpr],
        operator: &str,
    ) -> SparkResult<()> {
        no_predicates(exprs, operator)?;
        for e in exprs.iter() {
            let correlated = |x: &DfExpr| match x {
                DfExpr::ScalarSubquery(q) => !outer_slots(&q.subquery).is_empty(),
                _ => false,
            };
            if e.expr.exists(|x| Ok(correlated(x))).unwrap_or(false) {
                return Err(unsupported("UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY", operator, e));
            }
        }
        self.take_subqueries(node, exprs)
    }

    /// The same for a condition: conjuncts that DataFusion turns into joins itself stay.
    pub fn take_subqueries_of_filter(&self, node: &mut Node, condition: DfExpr) -> SparkResult<DfExpr> {
        if !contains_subquery(&condition) {
            return Ok(condition);
        }
        let available = self.slots_of(node)?;
        let (mut out, mut taken) = (vec![], Taken::new());
        for conjunct in split_conjunction_owned(condition) {
            let conjunct = with_output(without_double_negation(conjunct))?;
            let plain = match &conjunct {
                DfExpr::Not(inner) => inner,
                other => other,
            };
            let not = !std::ptr::eq(plain, &conjunct);
            let native = match plain {
                DfExpr::Exists(e) => simple(&e.subquery, &available),
                DfExpr::InSubquery(i) if i.negated != not => {
                    out.push(self.take_not_in(node, i.clone(), &mut taken)?);
                    continue;
                }
                DfExpr::InSubquery(i) if is_tuple(&i.expr) && !contains_subquery(&i.expr) => {
                    let query = self.equal_rows(node, tuple::values(*i.expr.clone()), &i.subquery, false)?;
                    let exists = Exists { subquery: as_subquery(query), negated: false };
                    let native = simple(&exists.subquery, &self.slots_of(node)?);
                    let exists = DfExpr::Exists(exists);
                    out.push(if native { exists } else { self.take(node, exists, &mut taken)? });
                    continue;
                }
                DfExpr::InSubquery(i) => simple(&i.subquery, &available) && !contains_subquery(&i.expr),
                _ => false,
            };
            out.push(if native { conjunct } else { self.take(node, conjunct, &mut taken)? });
        }
        conjunction(out).ok_or_else(|| SparkError::internal("no condition"))
    }

    /// The same for one bare expression.
    pub fn take_subqueries_of(&self, node: &mut Node, e: DfExpr, taken: &mut Taken) -> SparkResult<DfExpr> {
        if contains_subquery(&e) { self.take(node, e, taken) } else { Ok(e) }
    }

    fn slots_of(&self, node: &mut Node) -> SparkResult<Vec<ColumnId>> {
        Ok(node.plan()?.schema().fields().iter().filter_map(|f| column_id(f.name())).collect())
    }

    fn take(&self, node: &mut Node, e: DfExpr, before: &mut Taken) -> SparkResult<DfExpr> {
        let mut failure = None;
        let out = with_not_inside(e)?.transform_down(|e| {
            if let Some((_, taken)) = before.iter().find(|(query, _)| same_subquery(query, &e)) {
                return Ok(Transformed::new(taken.clone(), true, TreeNodeRecursion::Jump));
            }
            let written = same_subquery(&e, &e).then(|| e.clone());
            let taken = match e {
                DfExpr::ScalarSubquery(q) => self.take_scalar(node, q),
                DfExpr::Exists(x) => self
                    .take_exists(node, &x.subquery.subquery)
                    .map(|e| if x.negated { DfExpr::Not(Box::new(e)) } else { e }),
                DfExpr::InSubquery(i) => {
                    let found = self.take_in(node, *i.expr, &i.subquery, i.negated, before);
                    found.map(|e| if i.negated { DfExpr::Not(Box::new(e)) } else { e })
                }
                DfExpr::Not(inner) => match *inner {
                    DfExpr::InSubquery(i) if !i.negated => {
                        let found = self.take_in(node, *i.expr, &i.subquery, true, before);
                        found.map(|e| DfExpr::Not(Box::new(e)))
                    }
                    other => return Ok(Transformed::no(DfExpr::Not(Box::new(other)))),
                },
                other => return Ok(Transformed::no(other)),
            };
            match taken {
                Ok(e) => {
                    before.extend(written.map(|written| (written, e.clone())));
                    Ok(Transformed::new(e, true, TreeNodeRecursion::Jump))
                }
                Err(err) => {
                    failure = Some(err);
                    Ok(Transformed::new(lit(false), true, TreeNodeRecursion::Stop))
                }
            }
        });
        match failure {
            Some(err) => Err(err),
            None => Ok(out.map_err(spark_error)?.data),
        }
    }

    /// The outer slots of the sub-query that are this node's.
    fn correlated(&self, node: &mut Node, query: &LogicalPlan) -> SparkResult<Vec<ColumnId>> {
        let available = self.slots_of(node)?;
        Ok(outer_slots(query).into_iter().filter(|s| available.contains(s)).collect())
    }

    fn take_scalar(&self, node: &mut Node, q: Subquery) -> SparkResult<DfExpr> {
        let slots = self.correlated(node, &q.subquery)?;
        if slots.is_empty() {
            return Ok(DfExpr::ScalarSubquery(q));
        }
        let name = q.subquery.schema().fields().first().map(|f| f.name().clone()).unwrap_or_default();
        let one = one_row(&q.subquery);
        let value = DfExpr::Column(Column::new_unqualified(&name));
        let (plan, carried, nulls) = match self.keyed(&q.subquery, &slots)? {
            Some(keyed) => {
                let found = self.fresh();
                if let Some(taken) = keyed.or_empty(&name, found)? {
                    let nulls = NullEquality::NullEqualsNothing;
                    self.attach(node, marked(keyed.plan, found)?, &keyed.carried, nulls)?;
                    return Ok(taken);
                }
                (keyed.plan, keyed.carried, NullEquality::NullEqualsNothing)
            }
            None => {
                let domain = self.domain(node.plan()?, slots)?;
                let (plan, carried) = self.unnest(&q.subquery, &domain)?;
                (plan, carried, NullEquality::NullEqualsNull)
            }
        };
        if one {
            self.attach(node, plan, &carried, nulls)?;
            return Ok(value);
        }
        // One row for each outer row, or an error.
        let keys: Vec<DfExpr> = carried.iter().map(|(_, to)| column_expr(*to)).collect();
        let (count, first) = (column_name(self.fresh()), column_name(self.fresh()));
        let calls = vec![
            datafusion::functions_aggregate::expr_fn::count(lit(1i64)).alias(&count),
            datafusion::functions_aggregate::expr_fn::first_value(value, vec![]).alias(&first),
        ];
        let grouped = Aggregate::try_new(Arc::new(plan), keys, calls).map_err(spark_error)?;
        let column = |n: &str| DfExpr::Column(Column::new_unqualified(n));
        let data_type = grouped.schema.field_with_unqualified_name(&first).map_err(spark_error)?.data_type().clone();
        let data_type = vonk_expr::arrow_types::from_arrow(&data_type)?;
        let checked = vonk_expr::extract::only_row(self.facts(), column(&count), column(&first), data_type);
        self.attach(node, LogicalPlan::Aggregate(grouped), &carried, nulls)?;
        Ok(checked)
    }

    fn take_exists(&self, node: &mut Node, query: &Arc<LogicalPlan>) -> SparkResult<DfExpr> {
        let slots = self.correlated(node, query)?;
        let count = || datafusion::functions_aggregate::expr_fn::count(lit(1i64)).alias(column_name(self.fresh()));
        if slots.is_empty() {
            let counted = Aggregate::try_new(query.clone(), vec![], vec![count()]).map_err(spark_error)?;
            let plan = self.alone_if_deep(Arc::new(LogicalPlan::Aggregate(counted)))?;
            return Ok(DfExpr::ScalarSubquery(as_subquery(plan)).gt(lit(0i64)));
        }
        let (plan, carried, nulls) = match self.keyed(query, &slots)? {
            Some(keyed) if keyed.on_empty.is_none() => (keyed.plan, keyed.carried, NullEquality::NullEqualsNothing),
            _ => {
                let domain = self.domain(node.plan()?, slots)?;
                let (plan, carried) = self.unnest(query, &domain)?;
                (plan, carried, NullEquality::NullEqualsNull)
            }
        };
        let keys = carried.iter().map(|(_, to)| column_expr(*to)).collect();
        let keys = Projection::try_new(keys, Arc::new(plan)).map_err(spark_error)?;
        let keys = LogicalPlan::Distinct(Distinct::All(Arc::new(LogicalPlan::Projection(keys))));
        let flag = self.fresh();
        let exprs =
            carried.iter().map(|(_, to)| column_expr(*to)).chain([lit(true).alias(column_name(flag))]).collect();
        let flagged = Projection::try_new(exprs, Arc::new(keys)).map_err(spark_error)?;
        self.attach(node, LogicalPlan::Projection(flagged), &carried, nulls)?;
        Ok(column_expr(flag).is_not_null())
    }

    /// NOT IN as a condition. DataFusion's own join for it knows what NULLs mean, but takes one plain
    /// column on the outer side and nothing from there into the sub-query.
    fn take_not_in(&self, node: &mut Node, i: InSubquery, before: &mut Taken) -> SparkResult<DfExpr> {
        let constant = !i.expr.any_column_refs();
        if constant || is_tuple(&i.expr) || contains_subquery(&i.expr) || !outer_slots(&i.subquery.subquery).is_empty()
        {
            return Ok(DfExpr::Not(Box::new(self.take_in(node, *i.expr, &i.subquery, true, before)?)));
        }
        let schema = node.plan()?.schema().clone();
        let column = column_expr(self.as_column(node, &schema, *i.expr)?.slot);
        Ok(DfExpr::InSubquery(InSubquery::new(Box::new(column), i.subquery, true)))
    }

    /// TRUE if a row is equal, else FALSE: outside of plain filters Spark has no NULL here either.
    /// `maybe`: TRUE if a row is equal or may be, because of a NULL; what NOT IN asks.
    fn take_in(
        &self,
        node: &mut Node,
        value: DfExpr,
        q: &Subquery,
        maybe: bool,
        before: &mut Taken,
    ) -> SparkResult<DfExpr> {
        let values = tuple::values(value);
        let values = values.into_iter().map(|value| self.take(node, value, before)).collect::<SparkResult<Vec<_>>>()?;
        if let [value] = values.as_slice()
            && is_written_null(value)
            && let Some(taken) = self.take_null_in(node, q)?
        {
            return Ok(taken);
        }
        let query = self.equal_rows(node, values, q, maybe)?;
        self.take_exists(node, &query)
    }

    /// The rows of the sub-query that are equal to the values, with `maybe` also those that may be.
    fn equal_rows(
        &self,
        node: &mut Node,
        values: Vec<DfExpr>,
        q: &Subquery,
        maybe: bool,
    ) -> SparkResult<Arc<LogicalPlan>> {
        let schema = node.plan()?.schema().clone();
        let mut equal = vec![];
        for (value, column) in values.into_iter().zip(q.subquery.schema().columns()) {
            let outer = crate::names::outer_column(&self.as_column(node, &schema, value)?).expr;
            equal.push(outer.eq(DfExpr::Column(column)));
        }
        let Some(equal) = conjunction(equal) else { return Err(SparkError::internal("IN without columns")) };
        let equal = if maybe { equal.is_not_false() } else { equal };
        let filter = Filter::try_new(equal, q.subquery.clone()).map_err(spark_error)?;
        Ok(Arc::new(LogicalPlan::Filter(filter)))
    }

    /// The value, of a node of the schema, as a column of that node, which is computed if it is none.
    fn as_column(&self, node: &mut Node, schema: &DFSchema, value: DfExpr) -> SparkResult<ScopeColumn> {
        let arrow = datafusion::logical_expr::ExprSchemable::get_type(&value, schema).map_err(spark_error)?;
        let data_type = vonk_expr::arrow_types::from_arrow(&arrow)?;
        let own = match &value {
            DfExpr::Column(c) => column_id(&c.name),
            _ => None,
        };
        let id = own.unwrap_or_else(|| self.fresh());
        if own.is_none() {
            node.compute(vec![(id, value, data_type.clone())])?;
        }
        Ok(ScopeColumn::new(id, "", data_type, true))
    }

    /// `NULL IN (…)` of a NULL that is written: NULL, but FALSE where the sub-query is without rows; in legacy mode
    /// NULL in any case. Of a sub-query that asks for the outer row nothing is known so early.
    fn take_null_in(&self, node: &mut Node, q: &Subquery) -> SparkResult<Option<DfExpr>> {
        let null = DfExpr::Literal(ScalarValue::Boolean(None), None);
        let conf = &self.facts().conf;
        let legacy = conf.get("spark.sql.legacy.nullInEmptyListBehavior").map(|v| v.eq_ignore_ascii_case("true"));
        if legacy.unwrap_or(!conf.ansi()) {
            return Ok(Some(null));
        }
        if !outer_slots(&q.subquery).is_empty() {
            return Ok(None);
        }
        let any = self.take_exists(node, &q.subquery)?;
        let branch = vec![(Box::new(any), Box::new(null))];
        Ok(Some(DfExpr::Case(Case::new(None, branch, Some(Box::new(lit(false)))))))
    }

    /// Joins rows that belong to values of the node's columns.
    fn attach(&self, node: &mut Node, plan: LogicalPlan, carried: &Carried, nulls: NullEquality) -> SparkResult<()> {
        let on = carried.iter().map(|(own, to)| (column_expr(*own), column_expr(*to))).collect();
        let mut failure = None;
        node.keep_all(|outer| {
            match keyed_join(Arc::unwrap_or_clone(outer.clone()), plan, on, nulls, None, JoinType::Left) {
                Ok(joined) => Ok(joined),
                Err(e) => {
                    failure = Some(e);
                    Ok(Arc::unwrap_or_clone(outer))
                }
            }
        })?;
        failure.map_or(Ok(()), Err)
    }
}

impl Analyzer {
    /// A plan that has many levels of sub-queries below it, to be planned by itself.
    pub fn alone_if_deep(&self, plan: Arc<LogicalPlan>) -> SparkResult<Arc<LogicalPlan>> {
        let deep = levels(&plan, MAX_OPEN_SUBQUERIES) >= MAX_OPEN_SUBQUERIES;
        if !deep || !plan.all_out_ref_exprs().is_empty() {
            return Ok(plan);
        }
        let plan = Arc::new(self.extract_python(Arc::unwrap_or_clone(plan))?);
        Ok(Arc::new(Alone::over(plan, self.fresh())))
    }
}

/// The plan as DataFusion's sub-query.
pub fn as_subquery(plan: Arc<LogicalPlan>) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: plan, outer_ref_columns, spans: Spans::new() }
}

/// Error: there is an EXISTS or IN of a sub-query in one of the expressions.
pub fn no_predicates(exprs: &[&mut TypedExpr], operator: &str) -> SparkResult<()> {
    let predicate = |x: &DfExpr| matches!(x, DfExpr::Exists(_) | DfExpr::InSubquery(_));
    match exprs.iter().find(|e| e.expr.exists(|x| Ok(predicate(x))).unwrap_or(false)) {
        Some(e) => Err(unsupported("UNSUPPORTED_IN_EXISTS_SUBQUERY", operator, e)),
        None => Ok(()),
    }
}

fn unsupported(category: &str, operator: &str, e: &TypedExpr) -> SparkError {
    SparkError::new(format!("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.{category}"))
        .param("treeNode", operator)
        .at(e.origin.clone())
}

/// `NOT (x NOT IN q)` is `x IN q`, also where NULLs are asked for.
fn without_double_negation(e: DfExpr) -> DfExpr {
    let DfExpr::Not(inner) = e else { return e };
    match *inner {
        DfExpr::InSubquery(i) if i.negated => DfExpr::InSubquery(InSubquery { negated: false, ..i }),
        DfExpr::Exists(x) if x.negated => DfExpr::Exists(Exists { negated: false, ..x }),
        DfExpr::Not(inner) => without_double_negation(*inner),
        other => DfExpr::Not(Box::new(other)),
    }
}

/// The optimizer asks for the expression that an IN compares with; rows by themselves have none.
fn with_output(e: DfExpr) -> SparkResult<DfExpr> {
    match e {
        DfExpr::InSubquery(mut i) if i.subquery.subquery.head_output_expr().map_err(spark_error)?.is_none() => {
            let plan = Arc::clone(&i.subquery.subquery);
            let columns = plan.schema().columns().into_iter().map(DfExpr::Column).collect();
            i.subquery.subquery =
                Arc::new(LogicalPlan::Projection(Projection::try_new(columns, plan).map_err(spark_error)?));
            Ok(DfExpr::InSubquery(i))
        }
        DfExpr::Not(inner) => Ok(DfExpr::Not(Box::new(with_output(*inner)?))),
        other => Ok(other),
    }
}

/// Is it one sub-query, written once?
fn same_subquery(a: &DfExpr, b: &DfExpr) -> bool {
    match (a, b) {
        (DfExpr::ScalarSubquery(a), DfExpr::ScalarSubquery(b)) => Arc::ptr_eq(&a.subquery, &b.subquery),
        (DfExpr::Exists(x), DfExpr::Exists(y)) => {
            x.negated == y.negated && Arc::ptr_eq(&x.subquery.subquery, &y.subquery.subquery)
        }
        (DfExpr::InSubquery(x), DfExpr::InSubquery(y)) => {
            x.negated == y.negated && Arc::ptr_eq(&x.subquery.subquery, &y.subquery.subquery) && x.expr == y.expr
        }
        (DfExpr::Not(a), DfExpr::Not(b)) => same_subquery(a, b),
        _ => false,
    }
}

/// How deep sub-queries are nested in the plan's expressions, counted up to `most`.
fn levels(plan: &LogicalPlan, most: usize) -> usize {
    if most == 0 {
        return 0;
    }
    let mut deepest = 0;
    // The visitors never fail.
    let _ = plan.apply(|node| {
        node.apply_expressions(|e| {
            e.apply(|e| {
                let query = match e {
                    DfExpr::ScalarSubquery(q) => q,
                    DfExpr::Exists(x) => &x.subquery,
                    DfExpr::InSubquery(i) => &i.subquery,
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                deepest = deepest.max(1 + levels(&query.subquery, most - 1));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    deepest
}

pub fn contains_subquery(e: &DfExpr) -> bool {
    e.exists(|e| Ok(matches!(e, DfExpr::ScalarSubquery(_) | DfExpr::Exists(_) | DfExpr::InSubquery(_))))
        .unwrap_or(false)
}

/// Does the plan give one row whatever its input?
fn one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => one_row(&p.input),
        LogicalPlan::Sort(s) => one_row(&s.input),
        LogicalPlan::Aggregate(a) => a.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(e) => e.produce_one_row,
        _ => false,
    }
}

/// Can DataFusion turn it into a semi-join: are outer columns named in plain filters only, and are
/// they all of the relation right around?
fn simple(q: &Subquery, available: &[ColumnId]) -> bool {
    fn only_filters(plan: &LogicalPlan) -> bool {
        if plan.all_out_ref_exprs().is_empty() {
            return true;
        }
        match plan {
            LogicalPlan::Filter(f) => !contains_subquery(&f.predicate) && only_filters(&f.input),
            LogicalPlan::Projection(p) => !p.expr.iter().any(has_outer) && only_filters(&p.input),
            _ => false,
        }
    }
    levels(&q.subquery, MAX_OPEN_SUBQUERIES) < MAX_OPEN_SUBQUERIES
        && outer_slots(&q.subquery).iter().all(|s| available.contains(s))
        && only_filters(&q.subquery)
}

fn has_outer(e: &DfExpr) -> bool {
    e.exists(|e| Ok(matches!(e, DfExpr::OuterReferenceColumn(..)))).unwrap_or(true)
}
