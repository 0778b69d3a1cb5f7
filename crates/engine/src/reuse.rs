//! What a query asks for several times is computed once.
//!
//! A common table expression is analysed anew at each of its references and optimised for what is asked
//! of it there, so that nothing of it is computed in vain. Where the same is asked, the plans are equal
//! but for the names of their columns. Nodes are numbered bottom-up: two have one number when they are of
//! one kind, their expressions are equal once columns are named by their places in the inputs, and their
//! inputs have the same numbers. The largest plans that occur more than once become [`Shared`] ones.
//!
//! Plans with random values are never equal, nor are kinds of nodes that are not listed in [`Numbers::kind`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Projection, Subquery};
use vonk_analyzer::nodes::recursion::Recursion;
use vonk_analyzer::relation::range::RangeTable;

use crate::operators::shared::{Share, Shared};
use crate::source::FileTable;

/// The plan with shared parts.
pub fn reuse(plan: LogicalPlan) -> Result<LogicalPlan> {
    // The rows of a recursive query's plan differ from one round to the next.
    let mut recursive = false;
    plan.apply_with_subqueries(|node| {
        recursive |= matches!(node, LogicalPlan::Extension(e) if e.node.as_any().is::<Recursion>());
        Ok(TreeNodeRecursion::Continue)
    })?;
    if recursive {
        return Ok(plan);
    }
    let mut numbers = Numbers::default();
    numbers.visit(&plan)?;
    let mut uses = vec![0_usize; numbers.keys.len()];
    count(&numbers.places, &mut uses);
    if uses.iter().all(|n| *n < 2) {
        return Ok(plan);
    }
    Rewriting { places: &numbers.places, uses: &uses, shares: HashMap::new(), at: 0 }.node(plan)
}

/// A node in the order of visits: its number if it can be shared, and how many nodes are below it.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: Option<usize>,
    below: usize,
}

/// What a node is, up to the names of its columns.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: String,
    exprs: Vec<Expr>,
    inputs: Vec<usize>,
}

#[derive(Default)]
struct Numbers {
    keys: Vec<Key>,
    /// The numbers of keys by their hashes.
    known: HashMap<u64, Vec<usize>>,
    /// By number: is it more than the reading of a table?
    works: Vec<bool>,
    tables: Vec<Arc<dyn TableProvider>>,
    places: Vec<Place>,
}

impl Numbers {
    /// Visits the sub-queries of a node's expressions, then its inputs.
    fn visit(&mut self, plan: &LogicalPlan) -> Result<Option<usize>> {
        let place = self.places.len();
        self.places.push(Place { number: None, below: 0 });
        let mut queries = vec![];
        let mut comparable = true;
        for query in subqueries(plan)? {
            match self.visit(&query.subquery)? {
                Some(number) if query.outer_ref_columns.is_empty() => queries.push((query, number)),
                _ => comparable = false,
            }
        }
        let mut inputs = vec![];
        for input in plan.inputs() {
            match self.visit(input)? {
                Some(number) => inputs.push(number),
                None => comparable = false,
            }
        }
        let number = match comparable {
            true => self.key(plan, inputs, &queries)?.map(|key| self.number(key, plan)),
            false => None,
        };
        let works = number.is_some_and(|n| self.works.get(n).copied().unwrap_or(false));
        let below = self.places.len() - place - 1;
        if let Some(at) = self.places.get_mut(place) {
            *at = Place { number: number.filter(|_| works), below };
        }
        Ok(number)
    }

    fn number(&mut self, key: Key, plan: &LogicalPlan) -> usize {
        let own = matches!(
            plan,
            LogicalPlan::Aggregate(_) | LogicalPlan::Join(_) | LogicalPlan::Window(_) | LogicalPlan::Distinct(_)
        );
        let works = own || key.inputs.iter().any(|n| self.works.get(*n).copied().unwrap_or(false));
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let alike = self.known.entry(hasher.finish()).or_default();
        if let Some(known) = alike.iter().find(|n| self.keys.get(**n) == Some(&key)) {
            return *known;
        }
        let number = self.keys.len();
        alike.push(number);
        self.keys.push(key);
        self.works.push(works);
        number
    }

    fn key(&mut self, plan: &LogicalPlan, inputs: Vec<usize>, queries: &[(Subquery, usize)]) -> Result<Option<Key>> {
        let Some(kind) = self.kind(plan) else { return Ok(None) };
        let mut exprs = vec![];
        for e in plan.expressions() {
            match by_place(e, plan, queries)? {
                Some(e) => exprs.push(e),
                None => return Ok(None),
            }
        }
        Ok(Some(Key { kind, exprs, inputs }))
    }

    /// All that is not an expression or an input.
    fn kind(&mut self, plan: &LogicalPlan) -> Option<String> {
        Some(match plan {
            LogicalPlan::Projection(_) => "projection".into(),
            LogicalPlan::Filter(_) => "filter".into(),
            LogicalPlan::Aggregate(a) => format!("aggregate {}", a.group_expr.len()),
            LogicalPlan::Window(_) => "window".into(),
            LogicalPlan::Join(j) => {
                let (on, rest) = (j.on.len(), j.filter.is_some());
                format!("join {:?} {:?} {} {on} {rest}", j.join_type, j.null_equality, j.null_aware)
            }
            LogicalPlan::Sort(s) => {
                let flags: Vec<_> = s.expr.iter().map(|e| (e.asc, e.nulls_first)).collect();
                format!("sort {flags:?} {:?}", s.fetch)
            }
            LogicalPlan::Limit(l) => format!("limit {} {}", l.skip.is_some(), l.fetch.is_some()),
            LogicalPlan::Distinct(Distinct::All(_)) => "distinct".into(),
            LogicalPlan::Union(_) => "union".into(),
            LogicalPlan::SubqueryAlias(_) => "alias".into(),
            LogicalPlan::EmptyRelation(e) => {
                let types: Vec<_> = e.schema.fields().iter().map(|f| f.data_type().clone()).collect();
                format!("empty {} {types:?}", e.produce_one_row)
            }
            LogicalPlan::TableScan(scan) => {
                let table = source_as_provider(&scan.source).ok()?;
                let known = self.tables.iter().position(|t| same_table(t, &table));
                let number = known.unwrap_or_else(|| {
                    self.tables.push(table);
                    self.tables.len() - 1
                });
                format!("table {number} {:?} {:?}", scan.projection, scan.fetch)
            }
            _ => return None,
        })
    }
}

/// The sub-queries in a node's own expressions, each once, in order.
fn subqueries(plan: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut out: Vec<Subquery> = vec![];
    plan.apply_expressions(|e| {
        e.apply(|e| {
            let query = match e {
                Expr::ScalarSubquery(q) => q,
                Expr::Exists(x) => &x.subquery,
                Expr::InSubquery(i) => &i.subquery,
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            if !out.contains(query) {
                out.push(query.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(out)
}

/// The expression with columns named by their places in the node's inputs, and without names of its own.
/// `None` where its value is not the same each time.
fn by_place(e: Expr, plan: &LogicalPlan, queries: &[(Subquery, usize)]) -> Result<Option<Expr>> {
    let inputs: Vec<&DFSchema> = plan.inputs().iter().map(|i| i.schema().as_ref()).collect();
    let place = |c: &Column| {
        let in_input = |(i, schema): (usize, &&DFSchema)| {
            schema.maybe_index_of_column(c).map(|at| Column::new_unqualified(format!("{i}.{at}")))
        };
        match plan {
            // Filters of a scan name the columns of its table.
            LogicalPlan::TableScan(_) => Some(Column::new_unqualified(&c.name)),
            _ => inputs.iter().enumerate().find_map(in_input),
        }
    };
    let mut comparable = true;
    let out = e.transform_up(|e| {
        Ok(match e {
            Expr::Column(c) => match place(&c) {
                Some(c) => Transformed::yes(Expr::Column(c)),
                None => {
                    comparable = false;
                    Transformed::no(Expr::Column(c))
                }
            },
            Expr::Alias(a) => Transformed::yes(*a.expr),
            Expr::ScalarSubquery(q) => match queries.iter().find(|(known, _)| *known == q) {
                Some((_, number)) => Transformed::yes(Expr::Column(Column::new_unqualified(format!("query {number}")))),
                None => {
                    comparable = false;
                    Transformed::no(Expr::ScalarSubquery(q))
                }
            },
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::OuterReferenceColumn(..) => {
                comparable = false;
                Transformed::no(e)
            }
            other => Transformed::no(other),
        })
    })?;
    Ok((comparable && !out.data.is_volatile()).then_some(out.data))
}

fn same_table(a: &Arc<dyn TableProvider>, b: &Arc<dyn TableProvider>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    if let (Some(a), Some(b)) = (a.downcast_ref::<RangeTable>(), b.downcast_ref::<RangeTable>()) {
        return a == b;
    }
    match (a.downcast_ref::<FileTable>(), b.downcast_ref::<FileTable>()) {
        (Some(a), Some(b)) => a.reads_the_same(b),
        _ => false,
    }
}

/// How often each number is met. What is below a plan that was met before is not counted again.
fn count(places: &[Place], uses: &mut [usize]) {
    let mut at = 0;
    while let Some(place) = places.get(at) {
        at += 1;
        if let Some(uses) = place.number.and_then(|n| uses.get_mut(n)) {
            *uses += 1;
            if *uses > 1 {
                at += place.below;
            }
        }
    }
}

/// Walks the plan in the order of [`Numbers::visit`].
struct Rewriting<'a> {
    places: &'a [Place],
    uses: &'a [usize],
    shares: HashMap<usize, Arc<Share>>,
    at: usize,
}

impl Rewriting<'_> {
    fn node(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let Some(place) = self.places.get(self.at).copied() else { return Ok(plan) };
        self.at += 1;
        let readers = place.number.and_then(|n| self.uses.get(n)).copied().unwrap_or(0);
        let (Some(number), true) = (place.number, readers > 1) else { return self.below(plan) };
        if let Some(share) = self.shares.get(&number) {
            self.at += place.below;
            return renamed(share, plan.schema());
        }
        let share = Arc::new(Share::new(self.below(plan)?, readers));
        self.shares.insert(number, Arc::clone(&share));
        Ok(Shared::node(&share))
    }

    fn below(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let mut queries = vec![];
        for mut query in subqueries(&plan)? {
            let before = query.clone();
            query.subquery = Arc::new(self.node(Arc::unwrap_or_clone(query.subquery))?);
            queries.push((before, query));
        }
        let plan = match queries.is_empty() {
            true => plan,
            false => plan.map_expressions(|e| replaced(e, &queries))?.data,
        };
        Ok(plan.map_children(|child| Ok(Transformed::yes(self.node(child)?)))?.data)
    }
}

fn replaced(e: Expr, queries: &[(Subquery, Subquery)]) -> Result<Transformed<Expr>> {
    let found = |q: &mut Subquery| {
        if let Some((_, to)) = queries.iter().find(|(from, _)| from == q) {
            *q = to.clone();
        }
    };
    e.transform_up(|mut e| {
        match &mut e {
            Expr::ScalarSubquery(q) => found(q),
            Expr::Exists(x) => found(&mut x.subquery),
            Expr::InSubquery(i) => found(&mut i.subquery),
            _ => return Ok(Transformed::no(e)),
        }
        Ok(Transformed::yes(e))
    })
}

/// The shared rows under the names of another place.
fn renamed(share: &Arc<Share>, schema: &DFSchema) -> Result<LogicalPlan> {
    let from = share.plan.schema().iter().map(Column::from);
    let exprs = from.zip(schema.iter()).map(|(from, (qualifier, field))| {
        let to = Column::new(qualifier.cloned(), field.name());
        match from == to {
            true => Expr::Column(from),
            false => Expr::Column(from).alias_qualified(to.relation, to.name),
        }
    });
    let plan = Projection::try_new(exprs.collect(), Arc::new(Shared::node(share)))?;
    Ok(LogicalPlan::Projection(plan))
}
