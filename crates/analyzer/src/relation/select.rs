//! A SELECT block: WHERE, GROUP BY, HAVING, windows, QUALIFY, DISTINCT, and the ORDER BY above it,
//! which may name what the list leaves out.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::logical_expr::{LogicalPlan, Sort};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::expr::{ExprKind, SortOrder};
use vonk_plan::relation::{Grouping, Select};
use vonk_plan::{Expr, Literal};

use super::Outer;
use super::project::Item;
use crate::aggregate::Keys;
use crate::analyzer::Analyzer;
use crate::env::{Env, LateralAlias};
use crate::expr::call::{contains_aggregate, contains_window};
use crate::expr::order::SortKey;
use crate::node::{Node, columns_of};
use crate::scope::{Scope, ScopeColumn};
use crate::window::{no_window_in, no_window_in_aggregates};

/// What stands around the list of a SELECT.
#[derive(Default)]
pub struct Clauses<'a> {
    pub having: Option<&'a Expr>,
    pub qualify: Option<&'a Expr>,
    pub order: &'a [SortOrder],
}

impl Analyzer {
    pub fn select(&self, s: &Select, order: &[SortOrder], outer: Outer) -> SparkResult<Node> {
        let mut node = self.select_list(s, order, outer)?;
        if s.hints.is_empty() {
            return Ok(node);
        }
        // The order is above the partitions, and makes others of them.
        let sorted = (!order.is_empty()).then(|| node.clone());
        for (name, parameters) in s.hints.iter().rev() {
            node = self.hint(node, name, parameters, outer)?;
        }
        Ok(sorted.unwrap_or(node))
    }

    fn select_list(&self, s: &Select, order: &[SortOrder], outer: Outer) -> SparkResult<Node> {
        if let Some(s) = super::time_window::select(s) {
            return self.select_list(&s, order, outer);
        }
        let mut node = self.relation(&*self.with_join_hints(&s.from, &s.hints)?, outer)?;
        if let Some(condition) = &s.filter {
            node = self.filter(node, condition, outer)?;
        }
        let env = self.with_nullable_keys(Env::of(&node, outer), s.group_by.as_ref());
        let items = self.items(env.clone(), &s.projection)?;
        let by_all = matches!(s.group_by, Some(Grouping::All));
        super::time_window::only_with_times(&mut node, &items)?;
        let clauses = Clauses {
            having: s.having.as_ref(),
            qualify: s.qualify.as_ref(),
            order: if s.distinct { &[] } else { order },
        };
        let aggregated = s.group_by.is_some() || s.having.is_some() || items.iter().any(has_aggregate);
        let node = if aggregated {
            let keys = match &s.group_by {
                Some(grouping) => self.keys(&env, &items, grouping)?,
                None => Keys::default(),
            };
            let done = self.finish(node, &env, Some(keys), items, clauses);
            env.settle(done).map_err(|e| match by_all && e.class() == "MISSING_GROUP_BY" {
                true => SparkError::new("UNRESOLVED_ALL_IN_GROUP_BY").at(e.origin().cloned()),
                false => e,
            })?
        } else {
            env.settle(self.finish(node, &env, None, items, clauses))?
        };
        if !s.distinct {
            return Ok(node);
        }
        let node = self.distinct(node)?;
        if order.is_empty() { Ok(node) } else { self.sort_node(node, order, outer) }
    }

    /// The aggregation of a list without further clauses.
    pub fn grouped(
        &self,
        node: Node,
        keys: Vec<TypedExpr>,
        sets: Option<Vec<Vec<usize>>>,
        items: Vec<Item>,
        order: Vec<SortOrder>,
    ) -> SparkResult<(Node, ())> {
        let env = Env::of(&node, None);
        let clauses = Clauses { order: &order, ..Clauses::default() };
        self.finish(node, &env, Some(Keys { exprs: keys, sets }), items, clauses).map(|n| (n, ()))
    }

    /// Everything from GROUP BY to ORDER BY.
    pub fn finish(
        &self,
        mut node: Node,
        env: &Env,
        keys: Option<Keys>,
        mut items: Vec<Item>,
        clauses: Clauses,
    ) -> SparkResult<Node> {
        let input_hidden = node.scope.hidden.clone();
        let mut having = clauses.having.map(|h| self.having(&with_output(env, inline(&items)), h)).transpose()?;
        if let Some(q) = clauses.qualify {
            self.check_qualify(env, keys.is_some(), &items, q)?;
        }
        let mut qualify = clauses.qualify.map(|q| self.expr(&with_output(env, inline(&items)), q)).transpose()?;
        if let Some(h) = having.as_ref().filter(|h| contains_window(&h.expr)) {
            return Err(super::filter::no_window("HAVING", h));
        }
        for item in &items {
            if let Item::Value(_, v) | Item::Generated { rows: v, .. } = item {
                no_window_in_aggregates(v)?;
            }
        }
        if let Some(q) = &qualify
            && !contains_window(&q.expr)
            && !items.iter().filter_map(Item::typed).any(|i| contains_window(&i.expr))
        {
            return Err(SparkError::new("QUALIFY_REQUIRES_WINDOW_FUNCTION").at(q.origin.clone()));
        }
        qualify = qualify.map(|q| self.boolean(q)).transpose()?;
        let shown: Vec<ScopeColumn> = items.iter().flat_map(Item::columns).collect();
        let mut order = vec![];
        if !clauses.order.is_empty() {
            let output = with_output(env, shown.iter().map(|c| alias_of(c.typed())).collect());
            let output = if keys.is_some() { output } else { output.reaching(&node) }.ordering(&shown);
            for o in clauses.order {
                order.push(self.sort_key(&output, &shown, o)?);
            }
        }
        let aggregated_late = order.iter().any(|k| contains_aggregate(&k.value.expr))
            || qualify.as_ref().is_some_and(|q| contains_aggregate(&q.expr));
        let keys = if aggregated_late { Some(keys.unwrap_or_default()) } else { keys };
        let is_aggregate = keys.is_some();
        let mut renewed = None;
        if let Some(keys) = keys {
            // A column that is merely shown must be grouped by.
            let computed = items.iter().filter(|i| !matches!(i, Item::Column(_)));
            let above = computed.flat_map(Item::columns).map(|c| c.id).collect();
            // Plain columns are checked like any other expression.
            let mut plain: Vec<TypedExpr> = items
                .iter()
                .map(|i| if let Item::Column(c) = i { Some(c.typed()) } else { None })
                .map(|t| t.unwrap_or_else(empty))
                .collect();
            let mut exprs: Vec<&mut TypedExpr> = items.iter_mut().filter_map(Item::typed_mut).collect();
            exprs.extend(plain.iter_mut());
            let own = exprs.len();
            exprs.extend(having.iter_mut());
            exprs.extend(qualify.iter_mut());
            exprs.extend(order.iter_mut().map(|k| &mut k.value));
            let output = Scope::new(shown.clone());
            node = self.split_aggregate(node, keys, &mut exprs, &above, (own, &output))?;
            for (item, typed) in items.iter_mut().zip(plain) {
                if let Item::Column(c) = item {
                    c.nullable |= typed.nullable;
                }
            }
            renewed = Some(items.iter().flat_map(Item::columns).collect::<Vec<_>>());
        }
        let shown = renewed.unwrap_or(shown);
        let (early, late) = match having {
            Some(having) if is_generated(&having, &items) => (None, Some(having)),
            having => (having, None),
        };
        if let Some(having) = early {
            node = self.keep(node, having)?;
        }
        self.compute(&mut node, items)?;
        if let Some(having) = late {
            node = self.keep(node, having)?;
        }
        let mut sorted: Vec<&mut TypedExpr> = order.iter_mut().map(|k| &mut k.value).collect();
        self.take_plain_subqueries(&mut node, &mut sorted, "Sort")?;
        let mut late: Vec<&mut TypedExpr> = order.iter_mut().map(|k| &mut k.value).chain(qualify.iter_mut()).collect();
        self.take_subqueries(&mut node, &mut late)?;
        self.take_row_ids(&mut node, &mut late)?;
        if late.iter().any(|e| contains_window(&e.expr)) {
            self.take_windows(&mut node, &mut late)?;
        }
        if let Some(qualify) = qualify {
            node = self.keep(node, qualify)?;
        }
        if !order.is_empty() {
            self.put_sort(&mut node, &order)?;
        }
        let hidden = if is_aggregate { vec![] } else { input_hidden };
        Ok(node.projected(Scope::with_hidden(shown, hidden)))
    }

    /// One ORDER BY item: a position in the list, or an expression.
    pub fn sort_key(&self, env: &Env, shown: &[ScopeColumn], o: &SortOrder) -> SparkResult<SortKey> {
        if let ExprKind::Literal(Literal::Int(position)) = &o.child.kind
            && self.facts().conf.bool("spark.sql.orderByOrdinal")
        {
            let column = usize::try_from(*position).ok().and_then(|p| shown.get(p.checked_sub(1)?));
            let Some(column) = column else {
                return Err(SparkError::new("ORDER_BY_POS_OUT_OF_RANGE")
                    .param("index", position)
                    .param("size", shown.len())
                    .at(o.child.origin.clone()));
            };
            return SortKey::new(column.typed(), o);
        }
        let value = self.expr(env, &o.child)?;
        no_window_in_aggregates(&value)?;
        no_window_in("Sort", &value)?;
        SortKey::new(value, o)
    }

    pub fn put_sort(&self, node: &mut Node, order: &[SortKey]) -> SparkResult<()> {
        let expr = order.iter().map(SortKey::sort).collect();
        node.over(|plan| Ok(LogicalPlan::Sort(Sort { expr, input: Arc::clone(&plan), fetch: None })))
    }
}

fn empty() -> TypedExpr {
    TypedExpr::new(
        datafusion::logical_expr::Expr::Literal(datafusion::common::ScalarValue::Null, None),
        vonk_plan::types::DataType::Null,
        true,
        "",
    )
}

pub fn has_aggregate(item: &Item) -> bool {
    match item {
        Item::Column(_) => false,
        Item::Value(_, v) => contains_aggregate(&v.expr),
        Item::Generated { rows, .. } => contains_aggregate(&rows.expr),
    }
}

/// The items by name, as the expressions that they are; of generators the columns that they will be.
fn inline(items: &[Item]) -> Vec<LateralAlias> {
    let values = items.iter().flat_map(|item| match item.typed() {
        Some(value) => vec![value],
        None => item.columns().iter().map(ScopeColumn::typed).collect(),
    });
    values.map(alias_of).collect()
}

/// Is the expression made of what a generator of the list gives?
fn is_generated(e: &TypedExpr, items: &[Item]) -> bool {
    let mut used = HashSet::new();
    columns_of(&e.expr, &mut used);
    let mut generated = items.iter().filter(|i| matches!(i, Item::Generated { .. })).flat_map(Item::columns);
    generated.any(|c| used.contains(&c.slot))
}

pub fn alias_of(value: TypedExpr) -> LateralAlias {
    LateralAlias { name: value.output_name(), value }
}

/// Where the names of the output come first.
pub fn with_output(env: &Env, first: Vec<LateralAlias>) -> Env {
    Env { first: Some(Rc::new(first)), ..env.clone() }
}
