//! `pyspark.ml` over the engine: the library's session beside the engine's, and the host it trains on.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::logical_expr::{Expr, LogicalPlan};
use futures::TryStreamExt;
use vonk_analyzer::resolver::{MlColumns, MlRows};
use vonk_common::{SparkError, SparkResult};
use vonk_connect::backend::{MlOperatorInfo, MlResult};
use vonk_engine::Session;
use vonk_engine::fs::{Files, Place};
use vonk_engine::session::MachineLearning;
use vonk_expr::{TypedExpr, spark_error};
use vonk_ml::host::{Frame, MlHost};
use vonk_ml::session::{MlAnswer, MlSession};
use vonk_ml::summary::Answer;
use vonk_plan::command::{MlCommand, SaveMode, Write, WriteTarget};
use vonk_plan::relation::{DataSource, MlMethod, MlOperatorRef};
use vonk_plan::types::StructType;
use vonk_plan::{Command, Literal, Relation, RelationKind};

/// The library's part of a session.
#[derive(Default)]
pub struct Library {
    session: MlSession,
}

/// The engine as the library sees it.
struct Host<'a> {
    session: &'a Arc<Session>,
}

impl Library {
    /// Runs a command of the client.
    pub async fn execute(&self, session: &Arc<Session>, command: MlCommand) -> SparkResult<Option<MlResult>> {
        let host = Host { session };
        Ok(match self.session.execute(&host, command).await? {
            MlAnswer::Done => None,
            MlAnswer::Value(v) => Some(MlResult::Value(v)),
            MlAnswer::Summary(id) => Some(MlResult::Summary(id)),
            MlAnswer::Operator(o) => Some(MlResult::Operator(MlOperatorInfo {
                object: o.object,
                name: o.name,
                uid: o.uid,
                params: o.params,
                warning: o.warning,
            })),
        })
    }
}

#[async_trait]
impl MachineLearning for Library {
    fn transform(
        &self,
        operator: &MlOperatorRef,
        params: &[(String, Literal)],
        input: &StructType,
        columns: &[TypedExpr],
    ) -> SparkResult<MlColumns> {
        let out = self.session.transform(operator, params, input, columns)?;
        Ok(MlColumns { columns: out.columns, filter: out.filter })
    }

    async fn fetch(
        &self,
        session: &Arc<Session>,
        object: &str,
        methods: &[MlMethod],
        dataset: Option<&Relation>,
    ) -> SparkResult<MlRows> {
        Ok(match self.session.relation(&Host { session }, object, methods, dataset).await? {
            Answer::Rows(schema, batch) => MlRows::Rows(schema, vec![batch]),
            Answer::Relation(r) => MlRows::Relation(r),
            Answer::Value(_) => return Err(SparkError::internal("an attribute that is no DataFrame")),
        })
    }
}

fn data_source(format: &str, folder: &str) -> Relation {
    Relation::new(RelationKind::DataSource(DataSource {
        format: Some(format.into()),
        schema: None,
        options: Default::default(),
        paths: vec![folder.to_string()],
        predicates: vec![],
        streaming: false,
    }))
}

impl Host<'_> {
    fn files(&self) -> Files {
        Files::new(self.session.server.runtime.clone())
    }

    async fn write(&self, format: &str, folder: &str, schema: &StructType, rows: RecordBatch) -> SparkResult<()> {
        let data = vonk_engine::exact::to_ipc(schema, &[rows])?;
        let input = Relation::new(RelationKind::Local { data: Some(data.into()), schema: Some(schema.clone()) });
        let write = Write {
            input,
            format: Some(format.into()),
            target: WriteTarget::Path(folder.to_string()),
            mode: SaveMode::ErrorIfExists,
            partition_by: vec![],
            sort_by: vec![],
            bucket_by: None,
            cluster_by: vec![],
            options: Default::default(),
        };
        self.session.run_command(Command::Write(Box::new(write))).await.map(|_| ())
    }
}

#[async_trait]
impl MlHost for Host<'_> {
    async fn analyze(&self, relation: Relation) -> SparkResult<Frame> {
        let analyzed = self.session.analyze(relation).await?;
        let columns = analyzed
            .schema
            .fields
            .iter()
            .zip(&analyzed.columns)
            .map(|(f, id)| {
                let column = Expr::Column(datafusion::common::Column::new_unqualified(id));
                let mut typed = TypedExpr::new(column, f.data_type.clone(), f.nullable, f.name.as_str());
                typed.name = Some(f.name.as_str().into());
                typed.metadata = f.metadata.clone();
                typed
            })
            .collect();
        Ok(Frame { plan: analyzed.plan, columns })
    }

    async fn collect(&self, plan: LogicalPlan) -> SparkResult<Vec<Vec<RecordBatch>>> {
        let query = self.session.prepare(plan, StructType::default()).await?;
        let streams = query.run_partitions()?;
        let parts = streams.into_iter().map(|s| {
            // Partitions run side by side, each on a task of its own.
            tokio::spawn(s.try_collect::<Vec<RecordBatch>>())
        });
        let mut out = vec![];
        for part in parts.collect::<Vec<_>>() {
            let batches = part.await.map_err(|e| SparkError::internal(format!("a training task: {e}")))?;
            out.push(batches.map_err(spark_error)?);
        }
        Ok(out)
    }

    fn conf(&self, key: &str) -> Option<String> {
        self.session.conf().get(key).map(str::to_string)
    }

    async fn exists(&self, path: &str) -> SparkResult<bool> {
        self.files().exists(&Place::parse(path)?).await
    }

    async fn remove(&self, path: &str) -> SparkResult<()> {
        let place = Place::parse(path)?;
        match self.files().exists(&place).await? {
            true => self.files().remove(&place).await,
            false => Ok(()),
        }
    }

    async fn write_text(&self, folder: &str, text: &str) -> SparkResult<()> {
        let place = Place::parse(folder)?;
        let files = self.files();
        files.put(&place.join("part-00000"), format!("{text}\n").into_bytes()).await?;
        files.put(&place.join("_SUCCESS"), vec![]).await
    }

    async fn read_text(&self, folder: &str) -> SparkResult<String> {
        let rows = self.session.execute(data_source("text", folder)).await?.collect().await?;
        let mut out = vec![];
        for batch in rows {
            let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)
                .map_err(|e| SparkError::internal(format!("text: {e}")))?;
            if let Some(lines) = column.as_any().downcast_ref::<arrow::array::StringArray>() {
                out.extend(lines.iter().flatten().map(str::to_string));
            }
        }
        Ok(out.join("\n"))
    }

    async fn write_parquet(&self, folder: &str, schema: &StructType, rows: RecordBatch) -> SparkResult<()> {
        self.write("parquet", folder, schema, rows).await
    }

    async fn read_parquet(&self, folder: &str) -> SparkResult<Vec<RecordBatch>> {
        self.session.execute(data_source("parquet", folder)).await?.collect().await
    }
}
