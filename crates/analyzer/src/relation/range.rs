//! `range(start, end, step)`: a source that makes its rows as they are read.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr as DfExpr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use parking_lot::RwLock;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::resolver::Source;

impl Analyzer {
    pub fn range(&self, start: i64, end: i64, step: i64, partitions: Option<i32>) -> SparkResult<Node> {
        if step == 0 {
            return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE").param("exprName", "step"));
        }
        let table = RangeTable { start, end, step, partitions: partitions.and_then(|p| usize::try_from(p).ok()) };
        self.source(Source {
            provider: Arc::new(table),
            schema: StructType::new([StructField::new("id", DataType::Long, false)]),
            qualifier: vec![],
            hidden: 0,
        })
    }
}

/// The numbers `start`, `start + step`, … before `end`, in `partitions` even parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeTable {
    pub start: i64,
    pub end: i64,
    pub step: i64,
    /// If none, one for few rows, else the session's parallelism.
    pub partitions: Option<usize>,
}

impl RangeTable {
    pub fn rows(&self) -> i128 {
        let (start, end, step) = (i128::from(self.start), i128::from(self.end), i128::from(self.step));
        let span = if step > 0 { end - start } else { start - end };
        if span <= 0 { 0 } else { (span + step.abs() - 1) / step.abs() }
    }
}

#[async_trait]
impl TableProvider for RangeTable {
    fn schema(&self) -> SchemaRef {
        schema(true)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[DfExpr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.rows();
        let batch = state.config().batch_size();
        // What is one batch is one partition, unless told otherwise.
        let small = rows <= i128::try_from(batch).unwrap_or(i128::MAX);
        let parts = if small { 1 } else { state.config().target_partitions() };
        let parts = self.partitions.unwrap_or(parts).max(1);
        let shown = projection.is_none_or(|p| !p.is_empty());
        let at = |n: usize| i128::try_from(n).unwrap_or_default() * rows / i128::try_from(parts).unwrap_or(1);
        let numbers = (0..parts).map(|part| Numbers::new(self.start, self.step, at(part)..at(part + 1), batch, shown));
        let rows = exec(numbers.collect(), shown)?;
        Ok(match self.partitions {
            // One that was asked for: nothing is to be cut.
            Some(1) => Arc::new(CoalescePartitionsExec::new(rows)),
            _ => rows,
        })
    }
}

/// The operator over these parts of a range, one partition each.
pub fn exec(parts: Vec<Numbers>, shown: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let generators = parts.into_iter().map(|n| Arc::new(RwLock::new(n)) as Arc<RwLock<dyn LazyBatchGenerator>>);
    Ok(Arc::new(LazyMemoryExec::try_new(schema(shown), generators.collect())?))
}

/// The parts of the operator, if it is one of a range.
pub fn parts(operator: &dyn Any) -> Option<Vec<Numbers>> {
    let generators = operator.downcast_ref::<LazyMemoryExec>()?.generators().iter();
    generators.map(|g| g.read().as_any().downcast_ref::<Numbers>().cloned()).collect()
}

fn schema(shown: bool) -> SchemaRef {
    let id = shown.then(|| Field::new("id", Arrow::Int64, true));
    Arc::new(Schema::new(id.into_iter().collect::<Vec<_>>()))
}

/// Some rows of a range, by their numbers.
#[derive(Debug, Clone)]
pub struct Numbers {
    pub start: i64,
    pub step: i64,
    pub rows: Range<i128>,
    /// Rows of a batch.
    pub batch: usize,
    /// Else the rows have no column.
    pub shown: bool,
    next: i128,
}

impl Numbers {
    pub fn new(start: i64, step: i64, rows: Range<i128>, batch: usize, shown: bool) -> Self {
        let next = rows.start;
        Numbers { start, step, rows, batch, shown, next }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "range {} step {}, rows {}..{}", self.start, self.step, self.rows.start, self.rows.end)
    }
}

impl LazyBatchGenerator for Numbers {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn generate_next_batch(&mut self) -> Result<Option<RecordBatch>> {
        use datafusion::arrow::record_batch::RecordBatchOptions;
        let count = (self.rows.end - self.next).min(i128::try_from(self.batch).unwrap_or(i128::MAX));
        if count <= 0 {
            return Ok(None);
        }
        let first = i128::from(self.start) + self.next * i128::from(self.step);
        self.next += count;
        let count = usize::try_from(count).unwrap_or_default();
        if !self.shown {
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            return Ok(Some(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?));
        }
        let first = i64::try_from(first).unwrap_or_default();
        let step = self.step;
        let values = (0..count as i64).map(|i| first.wrapping_add(i.wrapping_mul(step)));
        let array = Int64Array::from_iter_values(values);
        Ok(Some(RecordBatch::try_new(schema(true), vec![Arc::new(array)])?))
    }

    fn reset_state(&self) -> Arc<RwLock<dyn LazyBatchGenerator>> {
        Arc::new(RwLock::new(Numbers { next: self.rows.start, ..self.clone() }))
    }
}
