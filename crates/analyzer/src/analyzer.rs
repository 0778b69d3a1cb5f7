//! The analysis of one query: its state, shared by all parts of it.
//!
//! An [`Analyzer`] is a handle (cheap to clone) to that state, for use on one planner thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::context::QueryFacts;
use vonk_plan::types::StructType;
use vonk_plan::{Expr, Relation};

use crate::env::Env;
use crate::resolver::Resolver;
use crate::scope::{ColumnId, Scope};

/// A relation after analysis.
#[derive(Debug, Clone)]
pub struct Analyzed {
    /// Its output is exactly the columns of `schema`, in order, named by `columns`.
    pub plan: LogicalPlan,
    pub schema: StructType,
    /// The plan's column names, in order: `#1`, `#2`, ….
    pub columns: Vec<String>,
}

#[derive(Clone)]
pub struct Analyzer(Rc<State>);

struct State {
    resolver: RefCell<Arc<dyn Resolver>>,
    facts: Arc<QueryFacts>,
    next: Cell<ColumnId>,
    /// Scopes of the DataFrames met so far: a self-join meets one several times.
    dataframes: RefCell<HashMap<i64, Vec<Arc<Scope>>>>,
    /// Relations given beside the root, by plan id.
    references: RefCell<HashMap<i64, Rc<Relation>>>,
    /// Arguments of the calls of `grouping` and `grouping_id`, which wait for their GROUP BY.
    groupings: RefCell<Vec<Vec<TypedExpr>>>,
    /// Has a call of a Python function been met?
    python: Cell<bool>,
    /// The DataFrames that observe metrics, by the names of those.
    observed: RefCell<HashMap<String, i64>>,
    /// Common table expressions in sight, innermost last.
    pub(crate) ctes: RefCell<Vec<Rc<crate::relation::with::Visible>>>,
}

impl Analyzer {
    pub fn new(resolver: Arc<dyn Resolver>, facts: Arc<QueryFacts>) -> Self {
        Analyzer(Rc::new(State {
            resolver: RefCell::new(resolver),
            facts,
            next: Cell::new(1),
            dataframes: RefCell::default(),
            references: RefCell::default(),
            groupings: RefCell::default(),
            python: Cell::new(false),
            observed: RefCell::default(),
            ctes: RefCell::default(),
        }))
    }

    /// Analyses a whole query.
    pub fn analyze(&self, relation: &Relation) -> SparkResult<Analyzed> {
        let mut node = self.relation(relation, None)?;
        let plan = node.exact(&|| self.fresh())?;
        let schema = node.scope.struct_type();
        let columns = node.scope.columns.iter().map(|c| crate::scope::column_name(c.slot)).collect();
        let plan = self.extract_python(Arc::unwrap_or_clone(plan))?;
        Ok(Analyzed { plan, schema, columns })
    }

    /// Analyses an expression without columns: arguments of commands, defaults, variables.
    pub fn constant(&self, e: &Expr) -> SparkResult<TypedExpr> {
        self.expr(&Env::default(), e)
    }

    pub fn facts(&self) -> &Arc<QueryFacts> {
        &self.0.facts
    }

    pub fn resolver(&self) -> Arc<dyn Resolver> {
        self.0.resolver.borrow().clone()
    }

    /// Runs with another view of the session, and without the CTEs in sight: for view bodies.
    pub fn as_seen_by<T>(
        &self,
        resolver: Option<Arc<dyn Resolver>>,
        run: impl FnOnce() -> SparkResult<T>,
    ) -> SparkResult<T> {
        let ctes = std::mem::take(&mut *self.0.ctes.borrow_mut());
        let before = resolver.map(|r| self.0.resolver.replace(r));
        let out = run();
        if let Some(before) = before {
            self.0.resolver.replace(before);
        }
        *self.0.ctes.borrow_mut() = ctes;
        out
    }

    pub fn case_sensitive(&self) -> bool {
        self.0.facts.conf.case_sensitive()
    }

    pub fn ansi(&self) -> bool {
        self.0.facts.conf.ansi()
    }

    pub fn fresh(&self) -> ColumnId {
        let id = self.0.next.get();
        self.0.next.set(id + 1);
        id
    }

    pub(crate) fn note_python(&self) {
        self.0.python.set(true);
    }

    pub(crate) fn calls_python(&self) -> bool {
        self.0.python.get()
    }

    pub(crate) fn ctes(&self) -> &RefCell<Vec<Rc<crate::relation::with::Visible>>> {
        &self.0.ctes
    }

    pub(crate) fn groupings(&self) -> &RefCell<Vec<Vec<TypedExpr>>> {
        &self.0.groupings
    }

    /// Error: two DataFrames observe metrics of one name.
    pub(crate) fn note_metrics(&self, name: &str, plan_id: Option<i64>) -> SparkResult<()> {
        let Some(plan_id) = plan_id else { return Ok(()) };
        match *self.0.observed.borrow_mut().entry(name.to_string()).or_insert(plan_id) == plan_id {
            true => Ok(()),
            false => Err(SparkError::new("DUPLICATED_METRICS_NAME").param("metricName", name)),
        }
    }

    /// Remembers what columns a DataFrame has.
    pub(crate) fn register(&self, plan_id: i64, scope: &Arc<Scope>) {
        self.0.dataframes.borrow_mut().entry(plan_id).or_default().push(scope.clone());
    }

    pub(crate) fn scopes_of(&self, plan_id: i64) -> Vec<Arc<Scope>> {
        self.0.dataframes.borrow().get(&plan_id).cloned().unwrap_or_default()
    }

    pub(crate) fn add_reference(&self, plan_id: i64, relation: Relation) {
        self.0.references.borrow_mut().insert(plan_id, Rc::new(relation));
    }

    pub(crate) fn reference(&self, plan_id: i64) -> Option<Rc<Relation>> {
        self.0.references.borrow().get(&plan_id).cloned()
    }
}
