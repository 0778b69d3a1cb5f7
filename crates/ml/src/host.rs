//! What the ML library asks of the engine that runs it: analysis of relations, running of plans,
//! keeping of training data, and files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use vonk_common::SparkResult;
use vonk_expr::{TypedExpr, spark_error};
use vonk_plan::Relation;
use vonk_plan::types::StructType;

/// An analysed relation: a plan, and the columns of the relation over it, with their names.
#[derive(Debug, Clone)]
pub struct Frame {
    pub plan: LogicalPlan,
    pub columns: Vec<TypedExpr>,
}

#[async_trait]
pub trait MlHost: Send + Sync {
    async fn analyze(&self, relation: Relation) -> SparkResult<Frame>;

    /// The rows of the plan, partition by partition.
    async fn collect(&self, plan: LogicalPlan) -> SparkResult<Vec<Vec<RecordBatch>>>;

    /// The rows of the plan, kept ready for many passes until the result is dropped, with one more
    /// column [`PARTITION`]: the number of the partition that each row is in. On a cluster rows stay
    /// where they are.
    async fn cache(&self, plan: LogicalPlan) -> SparkResult<LogicalPlan> {
        let parts = self.collect(plan.clone()).await?;
        keep_in_memory(&plan, parts)
    }

    fn conf(&self, key: &str) -> Option<String>;

    // ---- files; paths are as the client wrote them.

    async fn exists(&self, path: &str) -> SparkResult<bool>;

    /// Removes a file or a folder with all that is in it; nothing there is no error.
    async fn remove(&self, path: &str) -> SparkResult<()>;

    /// Writes a folder of one text file of one line, `part-00000…`, with `_SUCCESS`.
    async fn write_text(&self, folder: &str, text: &str) -> SparkResult<()>;

    /// All lines of a folder of text files.
    async fn read_text(&self, folder: &str) -> SparkResult<String>;

    /// Writes a folder of one Parquet file with Spark's schema in its metadata, and `_SUCCESS`.
    async fn write_parquet(&self, folder: &str, schema: &StructType, rows: RecordBatch) -> SparkResult<()>;

    /// All rows of a folder of Parquet files.
    async fn read_parquet(&self, folder: &str) -> SparkResult<Vec<RecordBatch>>;
}

/// Name of the column with the partition's number in cached plans.
pub const PARTITION: &str = "#partition";

/// A plan over rows in memory.
pub fn keep_in_memory(plan: &LogicalPlan, parts: Vec<Vec<RecordBatch>>) -> SparkResult<LogicalPlan> {
    let mut fields: Vec<_> =
        plan.schema().fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
    fields.push(Field::new(PARTITION, Arrow::Int32, true));
    let schema = Arc::new(Schema::new(fields));
    let numbered = |(part, batches): (usize, Vec<RecordBatch>)| {
        let number = |b: RecordBatch| {
            let mut columns = b.columns().to_vec();
            columns.push(Arc::new(Int32Array::from(vec![part as i32; b.num_rows()])) as ArrayRef);
            RecordBatch::try_new(schema.clone(), columns).map_err(|e| spark_error(e.into()))
        };
        batches.into_iter().map(number).collect::<SparkResult<Vec<_>>>()
    };
    let parts: Vec<_> = parts.into_iter().enumerate().map(numbered).collect::<SparkResult<_>>()?;
    let parts = if parts.is_empty() { vec![vec![]] } else { parts };
    let table = MemTable::try_new(schema.clone(), parts).map_err(spark_error)?;
    LogicalPlanBuilder::scan("ml_data", provider_as_source(Arc::new(table)), None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(spark_error)
}
