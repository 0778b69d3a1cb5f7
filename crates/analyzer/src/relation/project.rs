//! SELECT lists and `DataFrame.select`: stars, aliases, generators, references to aliases further
//! left.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::logical_expr::{Expr as DfExpr, Extension, LogicalPlan};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::Expr;
use vonk_plan::expr::ExprKind;

use super::select::has_aggregate;
use super::{Outer, time_window};
use crate::analyzer::Analyzer;
use crate::env::{Env, LateralAlias};
use crate::expr::call::contains_window;
use crate::names::Named;
use crate::node::{Node, columns_of};
use crate::nodes::generate::Generate;
use crate::scope::{ColumnId, Scope, ScopeColumn, column_expr, column_name};

/// One item of a list, after resolution against the input.
pub enum Item {
    /// A column as it is, maybe under a new name.
    Column(ScopeColumn),
    /// A computed value with the id it will have.
    Value(ColumnId, TypedExpr),
    /// A generator: its rows, and the columns they become.
    Generated { rows: TypedExpr, columns: Vec<ScopeColumn>, outer: bool },
}

impl Item {
    /// The expression of the item over the input.
    pub fn typed(&self) -> Option<TypedExpr> {
        match self {
            Item::Column(c) => Some(c.typed()),
            Item::Value(_, v) => Some(v.clone()),
            Item::Generated { .. } => None,
        }
    }

    pub fn typed_mut(&mut self) -> Option<&mut TypedExpr> {
        match self {
            Item::Value(_, v) => Some(v),
            Item::Generated { rows, .. } => Some(rows),
            Item::Column(_) => None,
        }
    }

    /// The columns that the item gives.
    pub fn columns(&self) -> Vec<ScopeColumn> {
        match self {
            Item::Column(c) => vec![c.clone()],
            Item::Value(id, v) => vec![ScopeColumn::of(*id, v)],
            Item::Generated { columns, .. } => columns.clone(),
        }
    }
}

impl Analyzer {
    pub fn project(&self, node: Node, exprs: &[Expr], outer: Outer) -> SparkResult<Node> {
        let env = Env::of(&node, outer);
        let items = self.items(env.clone(), exprs)?;
        env.settle(self.put_items(node, items))
    }

    fn put_items(&self, mut node: Node, items: Vec<Item>) -> SparkResult<Node> {
        if items.iter().any(has_aggregate) {
            return self.grouped(node, vec![], None, items, vec![]).map(|(node, _)| node);
        }
        time_window::only_with_times(&mut node, &items)?;
        self.place(node, items)
    }

    /// Resolves a list. Aliases are in sight of the items to their right.
    pub fn items(&self, env: Env, exprs: &[Expr]) -> SparkResult<Vec<Item>> {
        match self.list(env.clone(), exprs, vec![]) {
            Err(e) if e.class().starts_with("UNRESOLVED_COLUMN") => match self.generated_first(env, exprs)? {
                Some(items) => Ok(items),
                None => Err(e),
            },
            done => done,
        }
    }

    /// The list where those of its generators that are given are resolved already.
    fn list(&self, mut env: Env, exprs: &[Expr], generated: Vec<Option<Item>>) -> SparkResult<Vec<Item>> {
        let aliases = Rc::new(RefCell::new(vec![]));
        env.aliases = Some(aliases.clone());
        let mut out = Vec::with_capacity(exprs.len());
        let mut generated = generated.into_iter();
        for e in exprs {
            match generated.next().flatten() {
                Some(item) => out.push(item),
                None => self.item(&env, e, &aliases, &mut out)?,
            }
        }
        Ok(out)
    }

    /// The list whose other items may name what its generators give: where rows are not grouped, these come first.
    fn generated_first(&self, mut env: Env, exprs: &[Expr]) -> SparkResult<Option<Vec<Item>>> {
        env.aliases = Some(Rc::default());
        let mut generated = vec![];
        for e in exprs {
            let (call, names) = match &e.kind {
                ExprKind::Alias { child, names, .. } => (&**child, names.as_slice()),
                _ => (e, Default::default()),
            };
            let item = match self.generator_of_list(&env, call) {
                Ok(Some(rows)) => Some(self.generated(rows, names)?),
                _ => None,
            };
            if let Some(item) = &item {
                let hidden = env.scope.hidden.iter().cloned().chain(item.columns()).collect();
                env.scope = Arc::new(Scope::with_hidden(env.scope.columns.clone(), hidden));
            }
            generated.push(item);
        }
        if generated.iter().all(Option::is_none) {
            return Ok(None);
        }
        let items = self.list(env, exprs, generated)?;
        Ok((!items.iter().any(has_aggregate)).then_some(items))
    }

    /// Adds what one expression of a list gives.
    pub fn item(
        &self,
        env: &Env,
        e: &Expr,
        aliases: &RefCell<Vec<LateralAlias>>,
        out: &mut Vec<Item>,
    ) -> SparkResult<()> {
        match &e.kind {
            ExprKind::Star { .. } | ExprKind::Regex { .. } => {
                for named in self.expand_star(env, e)? {
                    out.push(match named {
                        Named::Column(c) => Item::Column(c),
                        Named::Value(v) => Item::Value(self.fresh(), v),
                    });
                }
            }
            ExprKind::Attribute { name, plan_id, .. } => {
                out.push(match self.name(env, name, *plan_id, e.origin.as_ref())? {
                    Named::Column(c) => Item::Column(c),
                    Named::Value(v) => Item::Value(self.fresh(), v.at(e.origin.clone())),
                });
            }
            ExprKind::Alias { child, names, .. } => {
                if let Some(generator) = self.generator_of_list(env, child)? {
                    out.push(self.generated(generator, names)?);
                    return Ok(());
                }
                if names.len() > 1 {
                    return Err(SparkError::new("MULTI_ALIAS_WITHOUT_GENERATOR")
                        .param("expr", quote_sql(self.expr(env, child)?.sql))
                        .param("names", names.join(", "))
                        .at(e.origin.clone()));
                }
                let value = self.expr(env, e)?;
                let id = self.fresh();
                let name = value.output_name();
                let mut column = ScopeColumn::of(id, &value);
                let item = match (&value.expr, slot_of(env, &value.expr)) {
                    // Another name for a column: nothing is computed.
                    (DfExpr::Column(_), Some(slot)) => {
                        column.slot = slot;
                        Item::Column(column.clone())
                    }
                    _ => Item::Value(id, value),
                };
                aliases.borrow_mut().push(LateralAlias { name, value: column.typed() });
                out.push(item);
            }
            _ => match self.generator_of_list(env, e)? {
                Some(generator) => out.push(self.generated(generator, &[])?),
                None => out.push(Item::Value(self.fresh(), self.expr(env, e)?)),
            },
        }
        Ok(())
    }

    /// The columns of a generator under the given names, or its own.
    pub fn generated(&self, g: vonk_expr::GeneratorCall, names: &[String]) -> SparkResult<Item> {
        if !names.is_empty() && names.len() != g.columns.len() {
            return Err(SparkError::new("UDTF_ALIAS_NUMBER_MISMATCH")
                .param("aliasesSize", g.columns.len())
                .param("aliasesNames", names.join(",")));
        }
        let columns = g.columns.iter().enumerate().map(|(i, f)| {
            let name = names.get(i).unwrap_or(&f.name).as_str();
            ScopeColumn {
                metadata: f.metadata.clone(),
                ..ScopeColumn::new(self.fresh(), name, f.data_type.clone(), f.nullable || g.outer)
            }
        });
        Ok(Item::Generated { columns: columns.collect(), rows: g.rows, outer: g.outer })
    }

    /// Computes the items over the node and shows exactly them.
    pub fn place(&self, mut node: Node, items: Vec<Item>) -> SparkResult<Node> {
        let hidden = node.scope.hidden.clone();
        let mut columns = Vec::with_capacity(items.len());
        for item in &items {
            columns.extend(item.columns());
        }
        self.compute(&mut node, items)?;
        Ok(node.projected(Scope::with_hidden(columns, hidden)))
    }

    /// Computes the items: windows first, then values, then the generator.
    pub fn compute(&self, node: &mut Node, mut items: Vec<Item>) -> SparkResult<()> {
        for v in items.iter().filter_map(Item::typed) {
            crate::aggregate::no_grouping(&v)?;
        }
        let own: HashSet<ColumnId> = items.iter().flat_map(made_by).collect();
        let lateral = items.iter().any(|i| match i {
            Item::Value(..) | Item::Generated { .. } => used_by(i).iter().any(|id| own.contains(id)),
            Item::Column(c) => c.slot != c.id && own.contains(&c.slot),
        });
        if lateral {
            for mut item in in_order_of_use(items, own) {
                if let Some(v) = item.typed_mut() {
                    self.take_subqueries(node, &mut [&mut *v])?;
                    self.take_row_ids(node, &mut [&mut *v])?;
                    self.take_windows(node, &mut [v])?;
                }
                self.compute_values(node, vec![item])?;
            }
            return Ok(());
        }
        // Windows are of the rows that the generator gives.
        if items.iter().any(|i| matches!(i, Item::Value(_, v) if contains_window(&v.expr))) {
            let (generated, others): (Vec<_>, Vec<_>) =
                items.into_iter().partition(|i| matches!(i, Item::Generated { .. }));
            if !generated.is_empty() {
                self.compute(node, generated)?;
            }
            items = others;
        }
        for item in &mut items {
            if let Item::Generated { rows, .. } = item {
                self.take_plain_subqueries(node, &mut [rows], "Generate")?;
            }
        }
        let mut exprs: Vec<&mut TypedExpr> = items.iter_mut().filter_map(Item::typed_mut).collect();
        self.take_subqueries(node, &mut exprs)?;
        self.take_row_ids(node, &mut exprs)?;
        self.take_windows(node, &mut exprs)?;
        self.compute_values(node, items)
    }

    fn compute_values(&self, node: &mut Node, items: Vec<Item>) -> SparkResult<()> {
        let mut values = vec![];
        let mut generators = vec![];
        for item in items {
            match item {
                Item::Column(_) => {}
                Item::Value(id, v) => values.push((id, v.expr, v.data_type)),
                Item::Generated { rows, columns, outer } => generators.push((rows, columns, outer)),
            }
        }
        node.compute(values)?;
        for (rows, columns, outer) in generators {
            self.generate(node, rows, &columns, outer)?;
        }
        Ok(())
    }

    /// Puts a `Generate` over the node.
    pub fn generate(&self, node: &mut Node, rows: TypedExpr, columns: &[ScopeColumn], outer: bool) -> SparkResult<()> {
        let names = columns.iter().map(|c| column_name(c.slot)).collect();
        node.keep_all(|plan| {
            let generate = Generate::try_new(plan, rows.expr, outer, names)?;
            Ok(LogicalPlan::Extension(Extension { node: Arc::new(generate) }))
        })
    }
}

/// The columns that are computed for an item.
fn made_by(item: &Item) -> Vec<ColumnId> {
    match item {
        Item::Column(_) => vec![],
        Item::Value(id, _) => vec![*id],
        Item::Generated { columns, .. } => columns.iter().map(|c| c.slot).collect(),
    }
}

/// The columns that an item is computed of.
fn used_by(item: &Item) -> HashSet<ColumnId> {
    let mut used = HashSet::new();
    if let Item::Value(_, v) | Item::Generated { rows: v, .. } = item {
        columns_of(&v.expr, &mut used);
    }
    used
}

/// The items so that each comes behind those it is computed of, generators as early as may be; `missing` is what
/// they all make.
fn in_order_of_use(mut rest: Vec<Item>, mut missing: HashSet<ColumnId>) -> Vec<Item> {
    let mut out = Vec::with_capacity(rest.len());
    rest.sort_by_key(|i| !matches!(i, Item::Generated { .. }));
    while !rest.is_empty() {
        let mut later = vec![];
        let before = out.len();
        for item in rest {
            if used_by(&item).is_disjoint(&missing) {
                made_by(&item).iter().for_each(|id| {
                    missing.remove(id);
                });
                out.push(item);
            } else {
                later.push(item);
            }
        }
        if out.len() == before {
            out.append(&mut later);
        }
        rest = later;
    }
    out
}

/// The slot of a plain column of the scope.
fn slot_of(env: &Env, e: &DfExpr) -> Option<ColumnId> {
    let DfExpr::Column(c) = e else { return None };
    let slot = crate::scope::column_id(&c.name)?;
    (column_expr(slot) == *e && !env.lambdas.iter().any(|l| l.1.slot == slot)).then_some(slot)
}
