//! Where an expression stands: what its names may refer to.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;

use crate::node::Node;
use crate::scope::{Scope, ScopeColumn};

/// Cheap to clone: lambdas keep one until they are bound.
#[derive(Clone, Default)]
pub struct Env {
    pub scope: Arc<Scope>,
    /// The query around this sub-query.
    pub outer: Option<Rc<Env>>,
    /// A relation whose left-out columns are within reach too (ORDER BY, filters).
    pub reach: Option<Rc<Node>>,
    /// Aliases to the left in the same SELECT list.
    pub aliases: Option<Rc<RefCell<Vec<LateralAlias>>>>,
    /// The aliases among them that were used so far.
    pub laterals: Rc<RefCell<Vec<String>>>,
    /// An error of the list that is told where there is no other.
    pub waiting: Rc<RefCell<Option<SparkError>>>,
    /// Names that come before the scope's own: the output of a SELECT, in its HAVING and ORDER BY.
    pub first: Option<Rc<Vec<LateralAlias>>>,
    /// In ORDER BY, what is shown: a name that means nothing clear is unknown there, and one of these may be meant.
    pub shown: Option<Rc<Scope>>,
    /// This is around an EXISTS or IN, whose stars do not mean the columns here.
    pub without_stars: bool,
    /// Parameters of the SQL function whose body this is.
    pub parameters: Option<Rc<Vec<LateralAlias>>>,
    /// That function's name, which may stand before those of its parameters.
    pub function: Option<Rc<str>>,
    /// What Spark calls a clause that takes no calls of SQL functions.
    pub clause: Option<&'static str>,
    /// Parameters of enclosing lambdas, innermost last.
    pub lambdas: Vec<Rc<(String, ScopeColumn)>>,
}

#[derive(Clone)]
pub struct LateralAlias {
    pub name: String,
    pub value: TypedExpr,
}

impl Env {
    pub fn new(scope: Arc<Scope>, outer: Option<&Rc<Env>>) -> Self {
        Env { scope, outer: outer.cloned(), ..Env::default() }
    }

    pub fn of(node: &Node, outer: Option<&Rc<Env>>) -> Self {
        Env::new(node.scope.clone(), outer)
    }

    /// Keeps an error for when there is no other.
    pub fn postpone(&self, fault: SparkError) {
        self.waiting.borrow_mut().get_or_insert(fault);
    }

    /// What was made of the list, unless an error of the list waits to be told.
    pub fn settle<T>(&self, done: SparkResult<T>) -> SparkResult<T> {
        match (done, self.waiting.borrow_mut().take()) {
            (Ok(_), Some(fault)) => Err(fault),
            // What such a list is made of cannot be planned.
            (Err(e), Some(fault)) if e.class() == "INTERNAL_ERROR" => Err(fault),
            (done, _) => done,
        }
    }

    /// In an ORDER BY of a relation that shows these columns.
    pub fn ordering(mut self, shown: &[ScopeColumn]) -> Self {
        self.shown = Some(Rc::new(Scope::new(shown.to_vec())));
        self.without_functions("Sort")
    }

    /// In a clause that takes no calls of SQL functions.
    pub fn without_functions(mut self, clause: &'static str) -> Self {
        self.clause = Some(clause);
        self
    }

    /// With the columns that projections below left out.
    pub fn reaching(mut self, node: &Node) -> Self {
        self.reach = Some(Rc::new(node.clone()));
        self
    }
}
