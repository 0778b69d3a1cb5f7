//! Rows that came with the query as an Arrow IPC stream.

use std::io::Cursor;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::{from_arrow_field, to_arrow};
use vonk_expr::spark_error;
use vonk_plan::types::StructType;

use super::values::schema_of;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::resolver::Source;
use crate::scope::{Scope, ScopeColumn, column_name};

impl Analyzer {
    pub fn local(&self, data: Option<&[u8]>, schema: Option<&StructType>) -> SparkResult<Node> {
        let Some(data) = data else {
            let schema = schema.ok_or_else(|| SparkError::internal("a local relation without data and schema"))?;
            let columns: Vec<_> = schema
                .fields
                .iter()
                .map(|f| ScopeColumn {
                    metadata: f.metadata.clone(),
                    ..ScopeColumn::new(self.fresh(), f.name.as_str(), f.data_type.clone(), f.nullable)
                })
                .collect();
            let empty = EmptyRelation { produce_one_row: false, schema: schema_of(&columns)? };
            return Ok(Node::new(LogicalPlan::EmptyRelation(empty), Scope::new(columns)));
        };
        let bad = |e: ArrowError| SparkError::internal(format!("the rows of a local relation: {e}"));
        let reader = StreamReader::try_new(Cursor::new(data), None).map_err(bad)?;
        let given = reader.schema();
        let schema = match schema {
            Some(s) if s.len() == given.fields().len() => s.clone(),
            Some(_) => return Err(SparkError::internal("the rows of a local relation do not fit its schema")),
            None => {
                let fields: SparkResult<Vec<_>> = given.fields().iter().map(|f| from_arrow_field(f)).collect();
                StructType::new(fields?)
            }
        };
        // Names of columns may repeat: in the table they are numbers.
        let fields: Vec<_> = schema
            .fields
            .iter()
            .enumerate()
            .map(|(i, f)| Field::new(column_name(i as u64), to_arrow(&f.data_type), true))
            .collect();
        let target = Arc::new(Schema::new(fields));
        let mut batches = vec![];
        let options = CastOptions { safe: false, ..CastOptions::default() };
        for batch in reader {
            let batch = batch.map_err(bad)?;
            let columns: Result<Vec<ArrayRef>, ArrowError> = batch
                .columns()
                .iter()
                .zip(target.fields())
                .map(|(column, field)| match column.data_type() == field.data_type() {
                    true => Ok(column.clone()),
                    false => cast_with_options(column, field.data_type(), &options),
                })
                .collect();
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            batches.push(RecordBatch::try_new_with_options(target.clone(), columns.map_err(bad)?, &rows).map_err(bad)?);
        }
        if let [batch] = batches.as_slice() {
            batches = pieces(batch, parallelism(&self.facts().conf));
        }
        let table = MemTable::try_new(target, vec![batches]).map_err(spark_error)?;
        self.source(Source { provider: Arc::new(table), schema, qualifier: vec![], hidden: 0 })
    }
}

/// How many partitions Spark makes of rows that come from nowhere: as many as cores, of which small machines
/// are taken to have four, so that answers that depend on it do not change from one to the next.
pub fn parallelism(conf: &SessionConf) -> usize {
    const LEAST_CORES: usize = 4;
    let asked = |key| conf.i64(key).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let cores = || std::thread::available_parallelism().map_or(LEAST_CORES, |n| n.get().max(LEAST_CORES));
    asked("spark.sql.leafNodeDefaultParallelism").or_else(|| asked("spark.default.parallelism")).unwrap_or_else(cores)
}

/// A batch for each partition that Spark would have of these rows.
pub fn pieces(batch: &RecordBatch, parallelism: usize) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let parts = parallelism.min(rows).max(1);
    let at = |n: usize| n * rows / parts;
    (0..parts).map(|n| batch.slice(at(n), at(n + 1) - at(n))).collect()
}
