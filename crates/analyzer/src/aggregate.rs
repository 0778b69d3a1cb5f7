//! Splits expressions at the GROUP BY: grouping keys and aggregate calls are computed by the
//! aggregate operator, what is around them above it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{Case, Placeholder};
use datafusion::logical_expr::{
    Aggregate, Expr as DfExpr, Filter, GroupingSet, LogicalPlan, WindowFunctionDefinition, bitwise_and, bitwise_or,
    bitwise_shift_left, bitwise_shift_right, cast,
};
use indexmap::IndexMap;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::{SqlText, TypedExpr, collation, exec_err, spark_error};
use vonk_plan::expr::FunctionCall;
use vonk_plan::types::DataType;

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::{contains_aggregate, contains_window};
use crate::node::Node;
use crate::python::function::aggregate_call;
use crate::scope::{ColumnId, Scope, ScopeColumn, column_expr, column_id, column_name};
use crate::subqueries::{Taken, contains_subquery};
use crate::unnest::outer_slots;
use crate::window::no_window_in;

const MARKER: &str = "grouping:";

/// The keys of a GROUP BY, and for ROLLUP and the like the sets of keys by position.
#[derive(Default)]
pub struct Keys {
    pub exprs: Vec<TypedExpr>,
    pub sets: Option<Vec<Vec<usize>>>,
}

impl Keys {
    /// The position of a key, added if it is new.
    pub fn add(&mut self, key: TypedExpr) -> usize {
        match self.exprs.iter().position(|k| k.expr == key.expr) {
            Some(i) => i,
            None => {
                self.exprs.push(key);
                self.exprs.len() - 1
            }
        }
    }
}

/// Is there a call of `grouping` in the expression, whose grouping is not known yet?
pub fn calls_grouping(e: &TypedExpr) -> bool {
    let marker = |x: &DfExpr| matches!(x, DfExpr::Placeholder(p) if is_marker(&p.id) && p.id.ends_with(":grouping"));
    e.expr.exists(|x| Ok(marker(x))).unwrap_or(false)
}

fn is_marker(placeholder: &str) -> bool {
    placeholder.starts_with(MARKER)
}

/// `grouping` and `grouping_id` have a meaning above grouping sets alone.
pub fn no_grouping(e: &TypedExpr) -> SparkResult<()> {
    let marker = |x: &DfExpr| matches!(x, DfExpr::Placeholder(p) if is_marker(&p.id));
    match e.expr.exists(|x| Ok(marker(x))).unwrap_or(false) {
        true => Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION").at(e.origin.clone())),
        false => Ok(()),
    }
}

/// Where Spark aggregates, nothing may refer to the query around.
fn check_references(part: &DfExpr, whole: &TypedExpr) -> SparkResult<()> {
    let fault = |class: &str| {
        SparkError::new(format!("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.{class}")).at(whole.origin.clone())
    };
    let outer = |e: &DfExpr| e.exists(|x| Ok(matches!(x, DfExpr::OuterReferenceColumn(..)))).unwrap_or(false);
    if !outer(part) {
        return Ok(());
    }
    let mixed = |e: &DfExpr| matches!(e, DfExpr::AggregateFunction(_)) && outer(e) && !e.column_refs().is_empty();
    if part.exists(|x| Ok(mixed(x))).unwrap_or(false) {
        return Err(fault("AGGREGATE_FUNCTION_MIXED_OUTER_LOCAL_REFERENCES").param("function", whole.sql.to_string()));
    }
    Err(fault("CORRELATED_REFERENCE").param("sqlExprs", whole.quoted_sql()))
}

/// Values of sub-queries that ask for the outer row are keys, or inside of aggregates.
fn check_values(e: &TypedExpr, keys: &[TypedExpr], scope: &Scope) -> SparkResult<()> {
    let check = |x: &DfExpr| match x {
        DfExpr::AggregateFunction(_) => Ok(TreeNodeRecursion::Jump),
        DfExpr::ScalarSubquery(q) if !keys.iter().any(|k| k.expr == *x) => {
            let slots = outer_slots(&q.subquery);
            if slots.is_empty() {
                return Ok(TreeNodeRecursion::Continue);
            }
            let named = |c: &&ScopeColumn| slots.contains(&c.slot);
            let names: Vec<&str> = scope.columns.iter().filter(named).map(|c| &*c.name).collect();
            Err(exec_err(
                SparkError::new("SCALAR_SUBQUERY_IS_IN_GROUP_BY_OR_AGGREGATE_FUNCTION")
                    .param("sqlExpr", quote_sql(format!("scalarsubquery({})", names.join(", "))))
                    .at(e.origin.clone()),
            ))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    };
    e.expr.apply(check).map(|_| ()).map_err(spark_error)
}

impl Analyzer {
    /// `grouping(a)` and `grouping_id(a, b)`: placeholders until the grouping is known.
    pub fn grouping_call(&self, env: &Env, call: &FunctionCall) -> SparkResult<Option<TypedExpr>> {
        let [name] = call.name.as_slice() else { return Ok(None) };
        let name = name.to_lowercase();
        if name != "grouping" && name != "grouping_id" {
            return Ok(None);
        }
        let args = self.exprs(env, &call.args)?;
        let ctx = self.fn_context(&name, None);
        if name == "grouping" {
            ctx.arity(&args, 1..=1)?;
        }
        let data_type = if name == "grouping" { DataType::Byte } else { DataType::Long };
        let text = SqlText::call(&name, args.iter().map(|a| a.sql.clone()));
        let mut all = self.groupings().borrow_mut();
        let field = Arc::new(Field::new(&name, to_arrow(&data_type), true));
        // Equal calls are one column: two of them would be one to a sort and two to the window above it.
        let same = |known: &Vec<TypedExpr>| {
            known.len() == args.len() && known.iter().zip(&args).all(|(a, b)| a.expr == b.expr)
        };
        let index = all.iter().position(same).unwrap_or(all.len());
        if index == all.len() {
            all.push(args);
        }
        let marker = DfExpr::Placeholder(Placeholder::new_with_field(format!("{MARKER}{index}:{name}"), Some(field)));
        Ok(Some(TypedExpr::new(marker, data_type, false, text)))
    }

    /// Puts the aggregate operator over the node, and makes the expressions refer to its output.
    /// `above` are columns that will be computed above it. The first `own` expressions are the
    /// list's; names in the others that are neither grouped nor in the `output` are unknown.
    pub fn split_aggregate(
        &self,
        mut node: Node,
        keys: Keys,
        exprs: &mut [&mut TypedExpr],
        above: &HashSet<ColumnId>,
        (own, output): (usize, &Scope),
    ) -> SparkResult<Node> {
        let input = node.scope.clone();
        let mut keys = keys;
        for e in exprs.iter().take(own).map(|e| &**e).chain(&keys.exprs) {
            check_references(&e.expr, e)?;
        }
        exprs.iter().take(own).try_for_each(|e| check_values(e, &keys.exprs, &input))?;
        for e in exprs.iter().skip(own) {
            e.expr
                .apply(|x| match x {
                    DfExpr::AggregateFunction(_) => {
                        check_references(x, e).map(|()| TreeNodeRecursion::Jump).map_err(exec_err)
                    }
                    _ => Ok(TreeNodeRecursion::Continue),
                })
                .map_err(spark_error)?;
        }
        if keys.sets.is_some() {
            exprs.iter().try_for_each(|e| self.check_markers(e, &keys.exprs, &input))?;
        }
        self.take_correlated_keys(&mut node, &mut keys, exprs)?;
        let mut of_keys: Vec<&mut TypedExpr> = keys.exprs.iter_mut().collect();
        self.take_subqueries(&mut node, &mut of_keys)?;
        for e in exprs.iter_mut() {
            self.take_subqueries_of_calls(&mut node, e)?;
        }
        // Keys become columns: they are looked up by slot, and by expression where computed.
        let mut slots: Vec<ColumnId> = vec![];
        let mut computed: HashMap<DfExpr, ColumnId> = HashMap::new();
        let mut added = vec![];
        for key in &keys.exprs {
            self.check_key(key)?;
            let slot = match &key.expr {
                DfExpr::Column(c) => column_id(&c.name),
                _ => None,
            };
            slots.push(match slot {
                Some(slot) => slot,
                None => {
                    let id = self.fresh();
                    added.push((id, key.expr.clone(), key.data_type.clone()));
                    // Windows of the list are computed of the keys, and are none.
                    if !contains_window(&key.expr) {
                        computed.insert(key.expr.clone(), id);
                    }
                    id
                }
            });
        }
        // Of values that a collation holds equal the first stands for the group: it is grouped by what
        // stands for them.
        let mut firsts: HashMap<usize, (ColumnId, DfExpr)> = HashMap::new();
        let mut group_keys = vec![];
        for (i, (key, slot)) in
            keys.exprs.iter().zip(&slots).enumerate().filter(|(_, (k, _))| k.data_type.is_collated())
        {
            let value = TypedExpr::new(column_expr(*slot), key.data_type.clone(), true, key.sql.clone());
            let id = self.fresh();
            group_keys.push((id, collation::key(value.expr.clone(), &key.data_type), key.data_type.clone()));
            firsts.insert(i, (id, self.call_aggregate("first", vec![value])?.expr));
        }
        let key_slots: HashSet<ColumnId> = slots.iter().copied().collect();
        let nulled: HashSet<ColumnId> = match &keys.sets {
            Some(sets) => {
                slots.iter().enumerate().filter(|(i, _)| sets.iter().any(|s| !s.contains(i))).map(|(_, s)| *s).collect()
            }
            None => HashSet::new(),
        };
        let mut calls: IndexMap<DfExpr, ColumnId> = IndexMap::new();
        let mut markers: IndexMap<String, ColumnId> = IndexMap::new();
        for (i, e) in exprs.iter_mut().enumerate() {
            let at = e.origin.clone();
            let (mut touched, mut is_root) = (false, true);
            let rewritten = std::mem::take(&mut e.expr).transform_down(|x| {
                if !computed.is_empty()
                    && let Some(id) = computed.get(&x)
                {
                    touched |= nulled.contains(id) && is_root;
                    is_root = false;
                    return Ok(Transformed::new(column_expr(*id), true, TreeNodeRecursion::Jump));
                }
                let done = match x {
                    DfExpr::AggregateFunction(_) => {
                        let id = *calls.entry(x).or_insert_with(|| self.fresh());
                        Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump)
                    }
                    DfExpr::Placeholder(p) if is_marker(&p.id) => {
                        let id = *markers.entry(p.id).or_insert_with(|| self.fresh());
                        Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump)
                    }
                    DfExpr::Column(c) => {
                        let slot = column_id(&c.name);
                        match slot {
                            Some(s) if key_slots.contains(&s) || above.contains(&s) => {
                                touched |= nulled.contains(&s) && is_root;
                            }
                            _ if i >= own && !keys.exprs.is_empty() => {
                                let name = name_of(&input, slot);
                                return Err(exec_err(self.unresolved_column(output, &[name], at.as_ref())));
                            }
                            _ => return Err(exec_err(missing_aggregation(&input, slot, keys.exprs.is_empty()))),
                        }
                        Transformed::no(DfExpr::Column(c))
                    }
                    other => Transformed::no(other),
                };
                is_root = false;
                Ok(done)
            });
            e.expr = rewritten.map_err(|err| spark_error(err).at(at))?.data;
            e.nullable |= touched;
            e.foldable = false;
        }
        check_windows(&keys.exprs)?;
        for (_, key, data_type) in &mut added {
            let mut typed = TypedExpr::new(std::mem::take(key), data_type.clone(), true, "");
            self.take_row_ids(&mut node, &mut [&mut typed])?;
            *key = typed.expr;
        }
        node.compute(added)?;
        node.compute(group_keys)?;
        let grouped: Vec<ColumnId> =
            slots.iter().enumerate().map(|(i, slot)| firsts.get(&i).map_or(*slot, |(id, _)| *id)).collect();
        // A key of a grouping set is no constant above, though it may be one below: it is NULL in
        // some sets. Under a name of its own the optimizer does not mix them up.
        let inner: Vec<ColumnId> = match keys.sets {
            Some(_) => slots.iter().map(|_| self.fresh()).collect(),
            None => grouped.clone(),
        };
        if keys.sets.is_some() {
            let copies = inner.iter().zip(&grouped).zip(&keys.exprs);
            node.compute(copies.map(|((i, s), k)| (*i, column_expr(*s), k.data_type.clone())).collect())?;
        }
        let mut aggregates: Vec<DfExpr> = calls.iter().map(|(call, id)| call.clone().alias(column_name(*id))).collect();
        let mut first_of: HashMap<ColumnId, ColumnId> = HashMap::new();
        for (i, (_, first)) in firsts {
            let (Some(slot), id) = (slots.get(i), self.fresh()) else { continue };
            aggregates.push(first.alias(column_name(id)));
            first_of.insert(*slot, id);
        }
        let mut columns: Vec<ScopeColumn> = vec![];
        let group: Vec<DfExpr> = match &keys.sets {
            None => grouped.iter().map(|s| column_expr(*s)).collect(),
            Some(sets) => {
                let sets =
                    sets.iter().map(|s| s.iter().filter_map(|i| inner.get(*i)).map(|s| column_expr(*s)).collect());
                vec![DfExpr::GroupingSet(GroupingSet::GroupingSets(sets.collect()))]
            }
        };
        let slots_empty = slots.is_empty();
        // Without keys there is one row all the same. The total of grouping sets over no rows is none.
        let python = calls.keys().any(|c| aggregate_call(c).is_some());
        let total = !slots_empty && !python && keys.sets.as_ref().is_some_and(|sets| sets.iter().any(Vec::is_empty));
        let count_id = self.fresh();
        if total || (slots_empty && aggregates.is_empty()) {
            let one = DfExpr::Literal(ScalarValue::Int64(Some(1)), None);
            let count = datafusion::functions_aggregate::expr_fn::count(one);
            aggregates.push(count.alias(column_name(count_id)));
        }
        let group = if slots_empty { vec![] } else { group };
        if aggregates.iter().any(follows_order) {
            self.keep_order(&mut node)?;
        }
        node.over(|plan| Ok(LogicalPlan::Aggregate(Aggregate::try_new(plan, group, aggregates)?)))?;
        if total {
            let some = column_expr(count_id).gt(DfExpr::Literal(ScalarValue::Int64(Some(0)), None));
            node.over(|plan| Ok(LogicalPlan::Filter(Filter::try_new(some, plan)?)))?;
        }
        let plan = node.plan()?;
        for field in plan.schema().fields() {
            if let Some(id) = column_id(field.name()) {
                // Names and types are of no use here: nothing resolves against these columns.
                columns.push(ScopeColumn::new(id, "", DataType::Null, true));
            }
        }
        let mut above_keys = vec![];
        if keys.sets.is_some() && !slots_empty {
            let fields = plan.schema().fields();
            let grouped: Vec<Option<ColumnId>> = fields
                .iter()
                .take_while(|f| f.name() != Aggregate::INTERNAL_GROUPING_ID)
                .map(|f| column_id(f.name()))
                .collect();
            for ((key, slot), inner) in keys.exprs.iter().zip(&slots).zip(&inner) {
                let value = match grouped.contains(&Some(*inner)) {
                    true => in_its_sets(match first_of.get(slot) {
                        Some(first) => where_not_null(column_expr(*inner), column_expr(*first)),
                        None => column_expr(*inner),
                    }),
                    false => {
                        DfExpr::Literal(ScalarValue::try_from(&to_arrow(&key.data_type)).map_err(spark_error)?, None)
                    }
                };
                above_keys.push((*slot, value, key.data_type.clone()));
            }
            let positions: Vec<Option<usize>> = inner
                .iter()
                .map(|s| grouped.iter().position(|g| g == &Some(*s)).map(|i| grouped.len() - 1 - i))
                .collect();
            for (marker, id) in &markers {
                let (value, data_type) = self.grouping_value(marker, &keys.exprs, &positions)?;
                above_keys.push((*id, value, data_type));
            }
        } else if keys.sets.is_some() {
            // Nothing but the total.
            for (marker, id) in &markers {
                let (value, data_type) = self.grouping_value(marker, &keys.exprs, &[])?;
                above_keys.push((*id, value, data_type));
            }
        } else if !markers.is_empty() {
            return Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION"));
        } else {
            for (key, slot) in keys.exprs.iter().zip(&slots) {
                if let Some(first) = first_of.get(slot) {
                    above_keys.push((*slot, column_expr(*first), key.data_type.clone()));
                }
            }
        }
        let mut out = Node::new(Arc::unwrap_or_clone(plan), Scope::with_hidden(vec![], columns));
        out.compute(above_keys)?;
        Ok(out)
    }

    /// Sub-queries within the arguments of aggregates are joined below the aggregation.
    /// A correlated value that is grouped by must be shown, too: it is computed once for both.
    fn take_correlated_keys(&self, node: &mut Node, keys: &mut Keys, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        for key in keys.exprs.iter_mut() {
            let correlated = |x: &DfExpr| match x {
                DfExpr::ScalarSubquery(q) => !crate::unnest::outer_slots(&q.subquery).is_empty(),
                _ => false,
            };
            if !key.expr.exists(|x| Ok(correlated(x))).unwrap_or(false) {
                continue;
            }
            let whole = std::mem::take(&mut key.expr);
            if !exprs.iter().any(|e| e.expr.exists(|x| Ok(*x == whole)).unwrap_or(false)) {
                return Err(SparkError::new(
                    "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.MUST_AGGREGATE_CORRELATED_SCALAR_SUBQUERY",
                )
                .at(key.origin.clone()));
            }
            let id = self.fresh();
            for e in exprs.iter_mut() {
                let same = |x: DfExpr| match x == whole {
                    true => Ok(Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump)),
                    false => Ok(Transformed::no(x)),
                };
                e.expr = std::mem::take(&mut e.expr).transform_down(same).map_err(spark_error)?.data;
            }
            let taken = self.take_subqueries_of(node, whole, &mut Taken::new())?;
            node.compute(vec![(id, taken, key.data_type.clone())])?;
            key.expr = column_expr(id);
        }
        Ok(())
    }

    fn take_subqueries_of_calls(&self, node: &mut Node, e: &mut TypedExpr) -> SparkResult<()> {
        if !contains_aggregate(&e.expr) || !contains_subquery(&e.expr) {
            return Ok(());
        }
        let (mut failure, mut before) = (None, Taken::new());
        let out = std::mem::take(&mut e.expr).transform_down(|x| {
            let DfExpr::AggregateFunction(mut f) = x else { return Ok(Transformed::no(x)) };
            let params = &mut f.params;
            for arg in params.args.iter_mut().chain(params.filter.as_deref_mut()) {
                match self.take_subqueries_of(node, std::mem::take(arg), &mut before) {
                    Ok(taken) => *arg = taken,
                    Err(err) => failure = Some(err),
                }
            }
            Ok(Transformed::new(DfExpr::AggregateFunction(f), true, TreeNodeRecursion::Jump))
        });
        e.expr = out.map_err(spark_error)?.data;
        failure.map_or(Ok(()), Err)
    }

    /// The arguments of the `grouping` or `grouping_id` call that a placeholder stands for.
    fn asked(&self, marker: &str) -> Vec<TypedExpr> {
        let index: usize =
            marker.strip_prefix(MARKER).and_then(|n| n.split(':').next()?.parse().ok()).unwrap_or_default();
        self.groupings().borrow().get(index).cloned().unwrap_or_default()
    }

    /// The calls of `grouping` and `grouping_id` in the expression are about the keys.
    fn check_markers(&self, e: &TypedExpr, keys: &[TypedExpr], scope: &Scope) -> SparkResult<()> {
        let check = |x: &DfExpr| match x {
            DfExpr::Placeholder(p) if is_marker(&p.id) => {
                let checked = check_asked(p.id.ends_with("_id"), &self.asked(&p.id), keys, scope);
                checked.map(|()| TreeNodeRecursion::Continue).map_err(|fault| exec_err(fault.at(e.origin.clone())))
            }
            _ => Ok(TreeNodeRecursion::Continue),
        };
        e.expr.apply(check).map(|_| ()).map_err(spark_error)
    }

    /// The value of a `grouping` or `grouping_id` call from DataFusion's grouping id, whose bits
    /// are 1 for keys left out, the last key lowest.
    fn grouping_value(
        &self,
        marker: &str,
        keys: &[TypedExpr],
        positions: &[Option<usize>],
    ) -> SparkResult<(DfExpr, DataType)> {
        let args = self.asked(marker);
        let is_id = marker.ends_with("_id");
        let long = |n: i64| DfExpr::Literal(ScalarValue::Int64(Some(n)), None);
        let id = cast(DfExpr::Column(Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID)), Arrow::Int64);
        let bit_of = |i: usize| match positions.get(i) {
            Some(Some(p)) => {
                bitwise_and(bitwise_shift_right(id.clone(), long(i64::try_from(*p).unwrap_or_default())), long(1))
            }
            _ => long(1),
        };
        let mut wanted = vec![];
        for a in &args {
            let key = keys.iter().position(|k| k.expr == a.expr);
            wanted.push(key.ok_or_else(|| SparkError::internal("grouping of something else"))?);
        }
        if args.is_empty() {
            wanted = (0..keys.len()).collect();
        }
        let n = wanted.len();
        let value = wanted
            .into_iter()
            .enumerate()
            .map(|(i, key)| bitwise_shift_left(bit_of(key), long(i64::try_from(n - 1 - i).unwrap_or_default())))
            .reduce(bitwise_or)
            .unwrap_or_else(|| long(0));
        Ok(if is_id { (value, DataType::Long) } else { (cast(value, Arrow::Int8), DataType::Byte) })
    }

    fn check_key(&self, key: &TypedExpr) -> SparkResult<()> {
        no_grouping(key)?;
        if contains_aggregate(&key.expr) {
            return Err(group_by_aggregate(key));
        }
        if matches!(key.data_type, DataType::Variant) {
            return Err(SparkError::new("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
                .param("sqlExpr", key.quoted_sql())
                .param("dataType", quote_sql(key.data_type.sql()))
                .at(key.origin.clone()));
        }
        Ok(())
    }
}

/// The key of a grouping set in a form that depends on the set, as the key does.
fn in_its_sets(key: DfExpr) -> DfExpr {
    let id = cast(DfExpr::Column(Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID)), Arrow::Int64);
    let any_set = id.gt_eq(DfExpr::Literal(ScalarValue::Int64(Some(0)), None));
    DfExpr::Case(Case::new(None, vec![(Box::new(any_set), Box::new(key))], None))
}

/// The value where the key is not NULL.
fn where_not_null(key: DfExpr, value: DfExpr) -> DfExpr {
    DfExpr::Case(Case::new(None, vec![(Box::new(key.is_not_null()), Box::new(value))], None))
}

/// A column as Spark's plans show it, other expressions by their text.
fn plan_text(scope: &Scope, e: &TypedExpr) -> String {
    let slot = match &e.expr {
        DfExpr::Column(c) => column_id(&c.name),
        _ => None,
    };
    let found = scope.columns.iter().chain(&scope.hidden).find(|c| Some(c.slot) == slot);
    match found {
        Some(c) if c.data_type == DataType::Long => format!("{}#{}L", c.name, c.id),
        Some(c) => format!("{}#{}", c.name, c.id),
        None => e.sql.to_string(),
    }
}

fn plan_texts(scope: &Scope, all: &[TypedExpr]) -> String {
    all.iter().map(|e| plan_text(scope, e)).collect::<Vec<_>>().join(",")
}

/// `grouping` is asked about one of the keys, `grouping_id` about all of them in order, or about none.
fn check_asked(is_id: bool, args: &[TypedExpr], keys: &[TypedExpr], scope: &Scope) -> SparkResult<()> {
    let same = |(arg, key): (&TypedExpr, &TypedExpr)| arg.expr == key.expr;
    if is_id && !args.is_empty() && !(args.len() == keys.len() && args.iter().zip(keys).all(same)) {
        return Err(SparkError::new("GROUPING_ID_COLUMN_MISMATCH")
            .param("groupingIdColumn", plan_texts(scope, args))
            .param("groupByColumns", plan_texts(scope, keys)));
    }
    match args.iter().find(|a| !keys.iter().any(|k| k.expr == a.expr)) {
        Some(other) => Err(SparkError::new("GROUPING_COLUMN_MISMATCH")
            .param("grouping", plan_text(scope, other))
            .param("groupingColumns", plan_texts(scope, keys))),
        None => Ok(()),
    }
}

/// The error for the first column of an expression that is not grouped by.
pub fn missing_in(input: &Scope, e: &TypedExpr) -> SparkError {
    let refs = e.expr.column_refs();
    let named = |c: &&ScopeColumn| refs.iter().any(|r| column_id(&r.name) == Some(c.slot));
    let slot = input.columns.iter().chain(&input.hidden).find(named).map(|c| c.slot);
    missing_aggregation(input, slot, false)
}

/// Is there an aggregate in the expression, be it over a window?
pub fn contains_any_aggregate(e: &DfExpr) -> bool {
    contains_aggregate(e) || contains_aggregate_over(e)
}

/// Is there an aggregate over a window in the expression?
fn contains_aggregate_over(e: &DfExpr) -> bool {
    let over = |x: &DfExpr| match x {
        DfExpr::WindowFunction(f) => matches!(f.fun, WindowFunctionDefinition::AggregateUDF(_)),
        _ => false,
    };
    e.exists(|x| Ok(over(x))).unwrap_or(false)
}

fn group_by_aggregate(key: &TypedExpr) -> SparkError {
    SparkError::new("GROUP_BY_AGGREGATE").param("sqlExpr", key.sql.to_string()).at(key.origin.clone())
}

/// Error: rows are not grouped by what a window gives.
fn check_windows(keys: &[TypedExpr]) -> SparkResult<()> {
    match keys.iter().find(|k| contains_aggregate_over(&k.expr)) {
        Some(key) => Err(group_by_aggregate(key)),
        None => keys.iter().try_for_each(|k| no_window_in("Aggregate", k)),
    }
}

fn name_of(input: &Scope, slot: Option<ColumnId>) -> String {
    let all = input.columns.iter().chain(&input.hidden);
    all.filter(|c| Some(c.slot) == slot).map(|c| c.name.to_string()).next().unwrap_or_default()
}

fn missing_aggregation(input: &Scope, slot: Option<ColumnId>, no_keys: bool) -> SparkError {
    let name = name_of(input, slot);
    if no_keys {
        return SparkError::new("MISSING_GROUP_BY");
    }
    SparkError::new("MISSING_AGGREGATION")
        .param("expression", quote_sql(&name))
        .param("expressionAnyValue", quote_sql(format!("any_value({name})")))
}

fn follows_order(aggregate: &DfExpr) -> bool {
    match aggregate {
        DfExpr::Alias(alias) => follows_order(&alias.expr),
        DfExpr::AggregateFunction(f) => vonk_functions::follows_order(&f.func),
        _ => false,
    }
}
