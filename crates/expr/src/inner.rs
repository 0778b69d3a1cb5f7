//! An expression kept inside a function: DataFusion sees a call, and the expression is compiled when
//! the call first runs. Lambdas have one, and so has what [`crate::sealed`] takes out of sight.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

/// Cheap to clone, to hash and (mostly) to compare, however large the expression is.
#[derive(Debug, Clone)]
pub struct InnerExpr(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    expr: Expr,
    digest: u64,
    compiled: OnceLock<Arc<dyn PhysicalExpr>>,
}

impl InnerExpr {
    pub fn new(expr: Expr) -> Self {
        let mut hasher = DefaultHasher::new();
        expr.hash(&mut hasher);
        InnerExpr(Arc::new(Shared { expr, digest: hasher.finish(), compiled: OnceLock::new() }))
    }

    pub fn expr(&self) -> &Expr {
        &self.0.expr
    }

    /// The value for columns of these names, which have the same types at every call.
    pub fn evaluate(&self, columns: Vec<(&str, ArrayRef)>, rows: usize) -> DfResult<ColumnarValue> {
        let fields: Vec<_> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let compiled = match self.0.compiled.get() {
            Some(done) => done,
            None => {
                let names = DFSchema::try_from(schema.as_ref().clone())?;
                let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
                let new = create_physical_expr(&self.0.expr, &names, &props, &context)?;
                self.0.compiled.get_or_init(|| new)
            }
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let columns = columns.into_iter().map(|(_, a)| a).collect();
        compiled.evaluate(&RecordBatch::try_new_with_options(schema, columns, &options)?)
    }
}

impl PartialEq for InnerExpr {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.digest == other.0.digest && self.0.expr == other.0.expr
    }
}

impl Eq for InnerExpr {}

impl Hash for InnerExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}
