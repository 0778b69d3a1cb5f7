//! `Alone`: a query inside a query that is planned by itself.
//!
//! DataFusion's rules and checks look into sub-queries from several places at each level, so that time
//! doubles with every level. A sub-query of many levels that refers to nothing around it is a leaf for
//! them: the physical planner makes a query of its own of it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::scope::ColumnId;

/// Compared by its number in the query, never by what it holds.
#[derive(Debug, Clone)]
pub struct Alone {
    pub plan: Arc<LogicalPlan>,
    id: ColumnId,
}

impl Alone {
    pub fn over(plan: Arc<LogicalPlan>, id: ColumnId) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Alone { plan, id }) })
    }
}

impl PartialEq for Alone {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Alone {}

impl Hash for Alone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialOrd for Alone {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Alone {
    fn name(&self) -> &str {
        "Alone"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.plan.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Alone")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}
