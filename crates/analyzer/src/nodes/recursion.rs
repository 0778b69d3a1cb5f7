//! `Recursion`: the rows of an anchor, then those of a part that reads the rows of the round before, again and
//! again until a round gives none.
//!
//! DataFusion's own recursive query hands the rows of a round to one reader only, and knows no limits.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableType, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use parking_lot::{Mutex, RwLock};
use vonk_common::SparkError;
use vonk_expr::exec_err;

/// The rows of the round before: a table that any number of places read.
#[derive(Debug)]
pub struct WorkingRows {
    schema: SchemaRef,
    rows: Mutex<Arc<Vec<RecordBatch>>>,
}

impl WorkingRows {
    pub fn new(schema: SchemaRef) -> Self {
        WorkingRows { schema, rows: Mutex::default() }
    }

    /// The rows that the next round reads.
    pub fn put(&self, rows: Vec<RecordBatch>) {
        *self.rows.lock() = Arc::new(rows);
    }

    fn rows(&self) -> Arc<Vec<RecordBatch>> {
        Arc::clone(&self.rows.lock())
    }
}

/// The table as a provider. Equal to itself only.
#[derive(Debug, Clone)]
pub struct Working(pub Arc<WorkingRows>);

impl PartialEq for Working {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Working {}

impl Hash for Working {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[async_trait]
impl TableProvider for Working {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.0.schema.project(columns)?),
            None => Arc::clone(&self.0.schema),
        };
        let reader = Reader { table: Arc::clone(&self.0), projection: projection.cloned(), rows: None, next: 0 };
        let reader: Arc<RwLock<dyn LazyBatchGenerator>> = Arc::new(RwLock::new(reader));
        Ok(Arc::new(LazyMemoryExec::try_new(schema, vec![reader])?))
    }
}

/// One reading of the table.
#[derive(Debug)]
struct Reader {
    table: Arc<WorkingRows>,
    projection: Option<Vec<usize>>,
    /// What is read, once it has begun.
    rows: Option<Arc<Vec<RecordBatch>>>,
    next: usize,
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows of the round before")
    }
}

impl LazyBatchGenerator for Reader {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn generate_next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let table = &self.table;
        let batch = self.rows.get_or_insert_with(|| table.rows()).get(self.next).cloned();
        self.next += 1;
        match (batch, &self.projection) {
            (Some(batch), Some(columns)) => Ok(Some(batch.project(columns)?)),
            (batch, _) => Ok(batch),
        }
    }

    fn reset_state(&self) -> Arc<RwLock<dyn LazyBatchGenerator>> {
        let (table, projection) = (Arc::clone(&self.table), self.projection.clone());
        Arc::new(RwLock::new(Reader { table, projection, rows: None, next: 0 }))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recursion {
    pub anchor: Arc<LogicalPlan>,
    pub part: Arc<LogicalPlan>,
    pub working: Working,
    pub schema: DFSchemaRef,
    /// How many rounds there may be; any number if negative.
    pub level_limit: i64,
    /// So many rows are too many, unless the number is negative.
    pub row_limit: i64,
}

impl Recursion {
    pub fn plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }
}

impl PartialOrd for Recursion {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Recursion {
    fn name(&self) -> &str {
        "Recursion"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.anchor, &self.part]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Recursion: levels={} rows={}", self.level_limit, self.row_limit)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut inputs = inputs.into_iter();
        match (inputs.next(), inputs.next()) {
            (Some(anchor), Some(part)) => {
                Ok(Recursion { anchor: Arc::new(anchor), part: Arc::new(part), ..self.clone() })
            }
            _ => Err(exec_err(SparkError::internal("Recursion needs two inputs"))),
        }
    }
}
