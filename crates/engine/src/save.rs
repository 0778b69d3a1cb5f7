//! `df.write`: to a path, to a table, into a table, or nowhere (`noop`).

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;
use vonk_analyzer::Analyzed;
use vonk_catalog::{Table, TableKind};
use vonk_common::error::quote_sql;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{SaveMode, Write, WriteTarget};
use vonk_sql::ParseOptions;

use crate::fs::{Place, local_uri};
use crate::insert::{InsertJob, Matching, table_schema};
use crate::query::{physical_plan, running};
use crate::session::Session;
use crate::sink::{Overwrite, WriteJob, WriteStats, stage, write};
use crate::source::{FileTable, Format};
use crate::state;

/// Does the plan read files in that folder?
pub fn reads_below(plan: &LogicalPlan, target: &Place) -> bool {
    let mut found = false;
    // The visitor never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<FileTable>()
        {
            found |= table.roots.iter().any(|r| r.is_within(target) || target.is_within(r));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

impl Session {
    /// Runs an analysed query into files. When memory runs out for a hash join, once more without.
    pub async fn write_files(self: &Arc<Self>, input: Deep<Analyzed>, job: WriteJob) -> SparkResult<WriteStats> {
        job.check()?;
        let logical = Arc::new(input.map(|a| Ok(a.plan)).await?);
        let state = self.state();
        let plan = running(physical_plan(Arc::clone(&state), Arc::clone(&logical)).await?)?;
        let files = self.files();
        match write(&files, job.clone(), plan, state.task_ctx()).await {
            Err(e) if e.class() == "UNABLE_TO_ACQUIRE_MEMORY" => {
                let state = Arc::new(state::without_hash_joins(&state));
                let plan = running(physical_plan(Arc::clone(&state), logical).await?)?;
                write(&files, job, plan, state.task_ctx()).await
            }
            done => done,
        }
    }

    /// Runs `df.write`.
    pub async fn save(self: &Arc<Self>, command: Deep<Write>) -> SparkResult<()> {
        let Some(shape) = command.get().map(Shape::of) else { return Ok(()) };
        let input = command.map(|w| Ok(w.input)).await?;
        if !shape.sort_by.is_empty() && !shape.bucketed {
            return Err(SparkError::new("SORT_BY_WITHOUT_BUCKETING"));
        }
        if let Some(name) = &shape.format
            && let Some(class) = self.python_source(name)
            && matches!(shape.target, WriteTarget::Path(_) | WriteTarget::None)
        {
            shape.append_or_overwrite(name)?;
            let mut options = shape.options.clone();
            if let WriteTarget::Path(path) = &shape.target {
                options.insert("path".into(), path.clone());
            }
            return self.save_python(input, name, class, &options, shape.mode == SaveMode::Overwrite).await;
        }
        match &shape.target {
            WriteTarget::Path(path) => self.save_path(input, &shape, path).await,
            WriteTarget::None => match shape.options.get("path").cloned() {
                Some(path) => self.save_path(input, &shape, &path).await,
                None if shape.is_noop() => self.save_nowhere(input, &shape).await,
                None => {
                    self.format(&shape)?;
                    Err(SparkError::new("_LEGACY_ERROR_TEMP_2047"))
                }
            },
            WriteTarget::Table(name) => self.save_as_table(input, &shape, name).await,
            WriteTarget::InsertInto(name) => self.insert_by_position(input, &shape, name).await,
        }
    }

    fn format(&self, shape: &Shape) -> SparkResult<Format> {
        let conf = self.conf();
        let by_conf = conf.get("spark.sql.sources.default").unwrap_or("parquet");
        Format::named(shape.format.as_deref().unwrap_or(by_conf))
    }

    async fn save_nowhere(self: &Arc<Self>, input: Deep<vonk_plan::Relation>, shape: &Shape) -> SparkResult<()> {
        shape.append_or_overwrite("noop")?;
        let mut rows = self.query(input).await?.run()?.batches;
        while rows.try_next().await?.is_some() {}
        Ok(())
    }

    async fn save_path(
        self: &Arc<Self>,
        input: Deep<vonk_plan::Relation>,
        shape: &Shape,
        path: &str,
    ) -> SparkResult<()> {
        if shape.is_noop() {
            return self.save_nowhere(input, shape).await;
        }
        let format = self.format(shape)?;
        if shape.bucketed {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1312").param("operation", "save"));
        }
        let target = Place::parse(path)?;
        let files = self.files();
        let conf = Arc::new(self.conf());
        let exists = files.exists(&target).await?;
        let overwrite = match shape.mode {
            SaveMode::Unspecified | SaveMode::ErrorIfExists if exists => {
                return Err(SparkError::new("PATH_ALREADY_EXISTS").param("outputPath", &target));
            }
            SaveMode::Ignore if exists && stage::has_data(&files, &target).await? => return Ok(()),
            SaveMode::Overwrite => Overwrite::by_mode(&shape.options, &conf, !shape.partition_by.is_empty()),
            _ => Overwrite::Append,
        };
        let analyzed = Deep::new(self.analyze(input).await?);
        if overwrite != Overwrite::Append && analyzed.get().is_some_and(|a| reads_below(&a.plan, &target)) {
            return Err(SparkError::new("UNSUPPORTED_OVERWRITE.PATH").param("path", &target));
        }
        let schema = analyzed.get().map(|a| a.schema.clone()).unwrap_or_default();
        let job = WriteJob {
            format,
            target,
            schema,
            partition_by: shape.partition_by.clone(),
            overwrite,
            options: shape.options.clone(),
            conf,
        };
        self.write_files(analyzed, job).await.map(|_| ())
    }

    fn table_name(&self, name: &str) -> SparkResult<vonk_catalog::TableName> {
        let conf = self.conf();
        let parts = vonk_sql::parse_identifier(name, &ParseOptions::new(&conf))?;
        self.names.read().qualify(&parts)
    }

    async fn save_as_table(
        self: &Arc<Self>,
        input: Deep<vonk_plan::Relation>,
        shape: &Shape,
        name: &str,
    ) -> SparkResult<()> {
        let full = self.table_name(name)?;
        self.catalog().expect_database(&full.database)?;
        let existing = self.catalog().table(&full.database, &full.table)?;
        match (existing, shape.mode) {
            (Some(_), SaveMode::Ignore) => Ok(()),
            (Some(_), SaveMode::Unspecified | SaveMode::ErrorIfExists) => {
                Err(vonk_catalog::errors::table_exists(&full.catalog, &full.database, &full.table))
            }
            (Some(table), SaveMode::Append) => {
                let analyzed = Deep::new(self.analyze(input).await?);
                check_append(&table, &analyzed, shape, self)?;
                self.insert(analyzed, shape.insert(table, Matching::Name, false)).await.map(|_| ())
            }
            (existing, _) => {
                let analyzed = Deep::new(self.analyze(input).await?);
                let schema = analyzed.get().map(|a| a.schema.clone()).unwrap_or_default();
                let table = self.new_table(full, &schema, shape)?;
                self.create_table_as(table, analyzed, existing).await
            }
        }
    }

    /// A table as `saveAsTable` makes it.
    fn new_table(
        &self,
        name: vonk_catalog::TableName,
        schema: &vonk_plan::types::StructType,
        shape: &Shape,
    ) -> SparkResult<Table> {
        let format = self.format(shape)?;
        let mut table = Table::new(name, chrono::Utc::now().timestamp_millis());
        table.provider = Some(format.provider().to_string());
        table.schema = table_schema(schema, &shape.partition_by)?;
        table.partition_columns.clone_from(&shape.partition_by);
        table.tracks_partitions = !shape.partition_by.is_empty();
        table.options.clone_from(&shape.options);
        table.owner = self.acts_as.to_string();
        match table.options.remove("path") {
            Some(path) => {
                table.kind = TableKind::External;
                table.location = Some(Place::parse(&path)?.to_string());
            }
            None => table.location = Some(self.default_location(&table)?),
        }
        Ok(table)
    }

    /// Where a managed table lives: a folder of its database's.
    pub fn default_location(&self, table: &Table) -> SparkResult<String> {
        let database = self.catalog().expect_database(&table.name.database)?;
        let base = Place::parse(&database.location)?;
        Ok(base.join(&table.name.table.to_lowercase()).to_string())
    }

    /// Makes a table and fills it, in the place of `existing` if there is one. When the query fails,
    /// nothing has changed.
    pub async fn create_table_as(
        self: &Arc<Self>,
        table: Table,
        input: Deep<Analyzed>,
        existing: Option<Table>,
    ) -> SparkResult<()> {
        let location = table.location.clone().unwrap_or_else(|| local_uri(std::path::Path::new("/")));
        let target = Place::parse(&location)?;
        if existing.is_some() && input.get().is_some_and(|a| reads_below(&a.plan, &target)) {
            return Err(SparkError::new("UNSUPPORTED_OVERWRITE.TABLE").param("table", table.name.quoted()));
        }
        let files = self.files();
        if existing.is_none() && table.kind == TableKind::Managed && stage::has_data(&files, &target).await? {
            return Err(SparkError::new("LOCATION_ALREADY_EXISTS")
                .param("location", vonk_common::error::quote_id([target.to_string()]).replace('`', "'"))
                .param("identifier", table.name.quoted()));
        }
        let overwrite = existing.is_some() || table.kind == TableKind::Managed;
        let filled = Table { tracks_partitions: false, ..table.clone() };
        let job = InsertJob::new(filled, Matching::Name, overwrite, Default::default());
        let stats = self.insert(input, job).await?;
        self.catalog().create_table(table.clone(), false, existing.is_some())?;
        if table.tracks_partitions {
            self.note_partitions(&table, &stats, false)?;
        }
        if let Some(old) = existing.filter(|old| old.kind == TableKind::Managed && old.location != table.location)
            && let Some(location) = old.location
        {
            files.remove(&Place::parse(&location)?).await?;
        }
        Ok(())
    }

    async fn insert_by_position(
        self: &Arc<Self>,
        input: Deep<vonk_plan::Relation>,
        shape: &Shape,
        name: &str,
    ) -> SparkResult<()> {
        if !shape.partition_by.is_empty() {
            return Err(SparkError::new("PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO").param("tableName", name));
        }
        let full = self.table_name(name)?;
        let Some(table) = self.catalog().table(&full.database, &full.table)? else {
            let parts = vonk_sql::parse_identifier(name, &ParseOptions::new(&self.conf()))?;
            return Err(crate::command::relation_not_found(self, &parts));
        };
        let analyzed = Deep::new(self.analyze(input).await?);
        let overwrite = shape.mode == SaveMode::Overwrite;
        self.insert(analyzed, shape.insert(table, Matching::Position, overwrite)).await.map(|_| ())
    }
}

/// `df.write` without its input.
struct Shape {
    format: Option<String>,
    target: WriteTarget,
    mode: SaveMode,
    partition_by: Vec<String>,
    sort_by: Vec<String>,
    bucketed: bool,
    options: vonk_plan::relation::Options,
}

impl Shape {
    fn of(w: &Write) -> Self {
        Shape {
            format: w.format.clone(),
            target: w.target.clone(),
            mode: w.mode,
            partition_by: w.partition_by.clone(),
            sort_by: w.sort_by.clone(),
            bucketed: w.bucket_by.is_some(),
            options: w.options.clone(),
        }
    }

    /// The modes of a source that cannot tell whether there is something already.
    fn append_or_overwrite(&self, source: &str) -> SparkResult<()> {
        if matches!(self.mode, SaveMode::Append | SaveMode::Overwrite) {
            return Ok(());
        }
        let mode = if self.mode == SaveMode::Ignore { "Ignore" } else { "ErrorIfExists" };
        Err(SparkError::new("UNSUPPORTED_DATA_SOURCE_SAVE_MODE")
            .param("source", source)
            .param("createMode", quote_sql(mode)))
    }

    fn is_noop(&self) -> bool {
        self.format.as_deref().is_some_and(|f| f.eq_ignore_ascii_case("noop"))
    }

    fn insert(&self, table: Table, matching: Matching, overwrite: bool) -> InsertJob {
        InsertJob::new(table, matching, overwrite, self.options.clone())
    }
}

/// What `saveAsTable` in append mode asks of the table.
fn check_append(table: &Table, input: &Deep<Analyzed>, shape: &Shape, session: &Session) -> SparkResult<()> {
    let name = table.name.parts().join(".");
    let schema = input.get().map(|a| a.schema.clone()).unwrap_or_default();
    if shape.format.is_some() {
        let format = session.format(shape)?;
        if table.provider.as_deref().is_some_and(|p| !p.eq_ignore_ascii_case(format.provider())) {
            let source = |f: Format| match f {
                Format::Json => "JsonDataSourceV2".to_string(),
                other => format!("{}DataSourceV2", other.title()),
            };
            let existing = Format::named(table.provider.as_deref().unwrap_or_default())?;
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1159")
                .param("tableName", name)
                .param("existingProvider", source(existing))
                .param("specifiedProvider", source(format)));
        }
    }
    if schema.len() != table.schema.len() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1161")
            .param("tableName", name)
            .param("existingTableSchema", vonk_plan::DataType::Struct(table.schema.clone()))
            .param("querySchema", vonk_plan::DataType::Struct(schema)));
    }
    let has = |n: &str| schema.fields.iter().any(|f| f.name.eq_ignore_ascii_case(n));
    if let Some(missing) = table.schema.fields.iter().find(|f| !has(&f.name)) {
        let given: Vec<_> = schema.fields.iter().map(|f| f.name.as_str()).collect();
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1162")
            .param("col", &missing.name)
            .param("inputColumns", given.join(", ")));
    }
    let same = shape.partition_by.len() == table.partition_columns.len()
        && shape.partition_by.iter().zip(&table.partition_columns).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !shape.partition_by.is_empty() && !same {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1163")
            .param("tableName", name)
            .param("specifiedPartCols", shape.partition_by.join(", "))
            .param("existingPartCols", table.partition_columns.join(", ")));
    }
    Ok(())
}
