//! What the analyzer asks of a session: tables, views, sources, functions, variables.
//!
//! Calls come on a planner thread and may block on I/O, which runs on the session's runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use vonk_analyzer::resolver::{
    MlColumns, MlRows, SessionFunction, Source, SqlBody, SqlParameter, UdtfAnalysis, UdtfArgument,
};
use vonk_analyzer::{ResolvedTable, Resolver, View};
use vonk_catalog::{GLOBAL_TEMP, SPARK_CATALOG, Table, TempFunction, TempView};
use vonk_common::error::{quote_id, search_path};
use vonk_common::planner::Deep;
use vonk_common::{SessionConf, SparkError, SparkResult, wanted};
use vonk_expr::TypedExpr;
use vonk_plan::command::{Command, CreateFunction, FunctionBody};
use vonk_plan::relation::{DataSource, MlMethod, MlOperatorRef, Options, TimeTravel, UdtfCall};
use vonk_plan::types::{DataType, StructField, StructType, UTF8_BINARY};
use vonk_plan::{Expr, Literal, Relation, RelationKind};
use vonk_sql::ParseOptions;

use crate::defaults;
use crate::fs::{Files, Place};
use crate::session::Session;
use crate::source::listing::{self, Listing};
use crate::source::{self, Format};

/// Views inside views, at most.
const MAX_VIEW_DEPTH: usize = 100;

/// The metrics of a `df.observe`: a query of one row.
#[derive(Debug, Clone)]
pub struct Observation {
    pub name: String,
    pub plan_id: Option<i64>,
    pub totals: Arc<Deep<Relation>>,
}

/// A view that a query refers to.
#[derive(Debug, Clone, PartialEq)]
pub enum NamedView {
    Temporary(String),
    /// Itself, or by way of another view.
    Permanent(vonk_catalog::TableName),
    /// A function of the session.
    Function(String),
    /// A variable, as it is written.
    Variable(Vec<String>),
}

impl NamedView {
    /// Error `INVALID_TEMP_OBJ_REFERENCE`, if it goes with the session while what refers to it stays. `by` are the
    /// kind and the name of the latter.
    pub fn refused(&self, by: (&str, &str)) -> SparkResult<()> {
        let (kind, name) = match self {
            NamedView::Temporary(name) => ("VIEW", std::slice::from_ref(name)),
            NamedView::Function(name) => ("FUNCTION", std::slice::from_ref(name)),
            NamedView::Variable(name) => ("VARIABLE", name.as_slice()),
            NamedView::Permanent(_) => return Ok(()),
        };
        Err(SparkError::new("INVALID_TEMP_OBJ_REFERENCE")
            .param("obj", by.0)
            .param("objName", by.1)
            .param("tempObj", kind)
            .param("tempObjName", quote_id(name)))
    }
}

pub struct SessionResolver {
    session: Arc<Session>,
    conf: Arc<SessionConf>,
    runtime: Handle,
    /// Catalog and database that unqualified names mean, where a view's text says so.
    namespace: Option<(String, String)>,
    /// The temporary views that names mean where a view keeps the meaning they had.
    uses: Arc<BTreeMap<String, Arc<TempView>>>,
    depth: usize,
    /// Views that the query names, noted by the analysis.
    views: Arc<Mutex<Vec<NamedView>>>,
    /// What `df.observe` wants to know, noted by the analysis.
    observed: Arc<Mutex<Vec<Observation>>>,
    /// Persisted relations whose own rows are being computed.
    building: Vec<u64>,
}

impl SessionResolver {
    /// Call it where a tokio runtime is current.
    pub fn new(session: Arc<Session>, conf: Arc<SessionConf>, runtime: Handle, building: Vec<u64>) -> Self {
        SessionResolver {
            session,
            conf,
            runtime,
            namespace: None,
            uses: Arc::default(),
            depth: 0,
            views: Arc::default(),
            observed: Arc::default(),
            building,
        }
    }

    /// Waits on this planner thread, as long as its work is wanted.
    fn wait<T>(&self, work: impl Future<Output = SparkResult<T>>) -> SparkResult<T> {
        self.runtime.block_on(wanted::while_wanted(work))
    }

    /// The views that the analysis met so far.
    pub fn views(&self) -> Arc<Mutex<Vec<NamedView>>> {
        self.views.clone()
    }

    /// What the analysis noted so far.
    pub fn observations(&self) -> Arc<Mutex<Vec<Observation>>> {
        self.observed.clone()
    }

    fn inside_view(&self, namespace: (String, String), conf: Arc<SessionConf>) -> SparkResult<Arc<dyn Resolver>> {
        self.inside(namespace, conf, Arc::default(), MAX_VIEW_DEPTH)
    }

    fn inside(
        &self,
        namespace: (String, String),
        conf: Arc<SessionConf>,
        uses: Arc<BTreeMap<String, Arc<TempView>>>,
        max_depth: usize,
    ) -> SparkResult<Arc<dyn Resolver>> {
        if self.depth >= max_depth {
            return Err(SparkError::new("VIEW_EXCEED_MAX_NESTED_DEPTH")
                .param("viewName", quote_id([&namespace.1]))
                .param("maxNestedDepth", max_depth));
        }
        Ok(Arc::new(SessionResolver {
            session: self.session.clone(),
            conf,
            runtime: self.runtime.clone(),
            namespace: Some(namespace),
            uses,
            depth: self.depth + 1,
            views: self.views.clone(),
            observed: self.observed.clone(),
            building: self.building.clone(),
        }))
    }

    fn namespace(&self) -> (String, String) {
        self.namespace.clone().unwrap_or_else(|| {
            let names = self.session.names.read();
            (names.current_catalog.clone(), names.current_database.clone())
        })
    }

    fn not_found(&self, name: &[String]) -> SparkError {
        let (catalog, database) = self.namespace();
        SparkError::new("TABLE_OR_VIEW_NOT_FOUND")
            .param("relationName", quote_id(name))
            .param("searchPath", search_path(&catalog, &database))
    }

    fn temp_view_named(&self, name: &str) -> Option<Arc<TempView>> {
        self.uses.get(&name.to_lowercase()).cloned().or_else(|| self.session.names.read().temp_view(name))
    }

    fn temp_view(&self, view: &TempView, qualifier: Vec<String>) -> SparkResult<ResolvedTable> {
        if self.depth == 0 {
            self.views.lock().push(NamedView::Temporary(view.name.clone()));
        }
        let Some(relation) = view.query.get() else { return Err(SparkError::internal("a view's query is gone")) };
        let mut relation = relation.clone();
        if !view.columns.is_empty() {
            let names = view.columns.iter().map(|(n, _)| n.clone()).collect();
            relation = Relation::new(RelationKind::ToDf { input: Box::new(relation), names });
        }
        // A view made of SQL text keeps the database it was written in, a DataFrame's view also the views
        // that it was made of. Of those Spark has any number, one in the other: each was analysed once.
        let namespace = view.namespace.clone();
        let resolver = Some(match view.text {
            Some(_) => self.inside_view(namespace, self.conf.clone())?,
            None => self.inside(namespace, self.conf.clone(), Arc::new(view.uses.clone()), 4 * MAX_VIEW_DEPTH)?,
        });
        Ok(ResolvedTable::View(View { relation, schema: None, query_columns: None, qualifier, resolver }))
    }

    fn catalog_table(&self, table: Table, options: &Options) -> SparkResult<ResolvedTable> {
        let qualifier: Vec<String> = table.name.parts().map(str::to_string).to_vec();
        if let Some(view) = &table.view {
            self.views.lock().push(NamedView::Permanent(table.name.clone()));
            let mut conf = (*self.conf).clone();
            for (k, v) in &view.conf {
                conf.force(k.as_str(), v.as_str());
            }
            let conf = Arc::new(conf);
            let collation = table.collation.clone().filter(|c| c != UTF8_BINARY);
            let opts = ParseOptions { collation, ..ParseOptions::new(&conf) };
            let relation = vonk_sql::parse_query(&view.text, &opts)?;
            let query_columns = Some(view.query_columns.clone());
            let resolver = self.inside_view((view.catalog.clone(), view.database.clone()), conf.clone())?;
            return Ok(ResolvedTable::View(View {
                relation,
                schema: Some(table.schema.clone()),
                query_columns,
                qualifier,
                resolver: Some(resolver),
            }));
        }
        let source = self.table_source(&table, options)?;
        Ok(ResolvedTable::Source(Source { qualifier, ..source }))
    }

    /// The files of a table of the catalog: none when its folder is not there.
    fn table_source(&self, table: &Table, options: &Options) -> SparkResult<Source> {
        let provider = table.provider.as_deref().unwrap_or("parquet");
        let format = match (Format::named(provider), self.session.python_source(provider)) {
            (Err(_), Some(class)) => {
                let load = source::python::load(&self.session, provider, class, Some(&table.schema), &table.options);
                return self.runtime.block_on(load);
            }
            (format, _) => format?,
        };
        let place = Place::parse(table.location.as_deref().unwrap_or_default())?;
        let mut all = table.options.clone();
        all.extend(options.iter().map(|(k, v)| (k.clone(), v.clone())));
        let files = Files::new(self.session.server.runtime.clone());
        let listing = self.wait(async {
            Ok::<_, SparkError>(match files.exists(&place).await? {
                true => listing::list(&files, &[place.to_string()], &all, &self.conf).await?,
                false => Listing { roots: vec![place.clone()], bases: vec![place], ..Listing::default() },
            })
        })?;
        let registered = match table.tracks_partitions && !table.partition_columns.is_empty() {
            true => Some(self.session.catalog().partitions(&table.name.database, &table.name.table)?),
            false => None,
        };
        let existing = self.wait(defaults::existing(&self.session, &self.conf, &table.schema))?;
        let loaded =
            source::load::load_table(format, listing, table, registered.as_deref(), &all, &self.conf, existing)?;
        let as_text = self.conf.bool("spark.sql.legacy.charVarcharAsString");
        let plain = loaded.schema.fields.iter().map(|f| match as_text {
            true => StructField { data_type: f.data_type.without_limits(), ..f.clone() },
            false => f.without_limits(),
        });
        let schema = StructType::new(plain.collect::<Vec<_>>());
        naming_files(loaded.table, schema)
    }

    fn files(
        &self,
        format: Format,
        paths: &[String],
        schema: Option<&StructType>,
        options: &Options,
    ) -> SparkResult<Source> {
        let files = Files::new(self.session.server.runtime.clone());
        let loaded = self.wait(source::load(&files, format, paths, schema, options, &self.conf))?;
        naming_files(loaded.table, loaded.schema)
    }
}

/// The source over files, with hidden columns about them.
fn naming_files(table: Arc<source::FileTable>, schema: StructType) -> SparkResult<Source> {
    Ok(match Arc::try_unwrap(table) {
        Ok(table) => {
            let about = table.about_files();
            let hidden = about.len();
            let schema = StructType::new(schema.fields.iter().cloned().chain(about));
            let table = table.naming_files().map_err(vonk_expr::spark_error)?;
            Source { provider: Arc::new(table), schema, qualifier: vec![], hidden }
        }
        Err(shared) => Source { provider: shared, schema, qualifier: vec![], hidden: 0 },
    })
}

impl Resolver for SessionResolver {
    fn table(
        &self,
        name: &[String],
        options: &Options,
        time_travel: Option<&TimeTravel>,
    ) -> SparkResult<ResolvedTable> {
        if time_travel.is_some() {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.TIME_TRAVEL").param("relationId", quote_id(name)));
        }
        if let [single] = name
            && let Some(view) = self.temp_view_named(single)
        {
            return self.temp_view(&view, vec![single.to_lowercase()]);
        }
        if let [database, single] = name
            && database.eq_ignore_ascii_case(GLOBAL_TEMP)
        {
            return match self.session.server.shared_names.global_temp_view(single) {
                Some(view) => self.temp_view(&view, vec![GLOBAL_TEMP.into(), single.to_lowercase()]),
                None => Err(self.not_found(name)),
            };
        }
        let (catalog, database) = self.namespace();
        let full = match name {
            [table] => [&catalog, &database, table],
            [database, table] => [&catalog, database, table],
            [c, database, table] if c.eq_ignore_ascii_case(SPARK_CATALOG) => [&catalog, database, table],
            [_, _, _] => {
                return Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                    .param("sessionCatalog", SPARK_CATALOG)
                    .param("identifier", quote_id(name)));
            }
            [_, _, _, _, ..] => {
                return Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                    .param("sessionCatalog", SPARK_CATALOG)
                    .param("identifier", quote_id(name)));
            }
            _ => return Err(self.not_found(name)),
        };
        if self.session.catalog().database(full[1])?.is_some()
            && let Some(table) = self.session.catalog().table(full[1], full[2])?
        {
            return self.catalog_table(table, options);
        }
        // SELECT … FROM parquet.`/path`.
        if let [format, path] = name
            && self.conf.bool("spark.sql.runSQLOnFiles")
            && let Ok(format) = Format::named(format)
        {
            return Ok(ResolvedTable::Source(self.files(format, std::slice::from_ref(path), None, &Options::new())?));
        }
        Err(self.not_found(name))
    }

    fn data_source(&self, source: &DataSource) -> SparkResult<Source> {
        if source.streaming {
            return Err(SparkError::unsupported("streaming reads"));
        }
        let default = self.conf.get("spark.sql.sources.default").unwrap_or("parquet");
        let name = source.format.as_deref().unwrap_or(default);
        if let Some(class) = self.session.python_source(name) {
            let mut options = source.options.clone();
            match source.paths.as_slice() {
                [] => {}
                [path] => _ = options.insert("path".into(), path.clone()),
                paths => _ = options.insert("paths".into(), serde_json::json!(paths).to_string()),
            }
            let schema = source.schema.as_ref();
            return self.wait(source::python::load(&self.session, name, class, schema, &options));
        }
        let format = Format::named(name)?;
        let mut paths = source.paths.clone();
        let mut options = source.options.clone();
        if let Some(path) = options.remove("path")
            && paths.is_empty()
        {
            paths.push(path);
        }
        if paths.is_empty() {
            return Err(SparkError::new("UNABLE_TO_INFER_SCHEMA").param("format", format.title()));
        }
        self.files(format, &paths, source.schema.as_ref(), &options)
    }

    fn cached_remote(&self, id: &str) -> SparkResult<Source> {
        self.session.checkpointed(id)
    }

    fn cached(&self, relation: &Relation) -> Option<Source> {
        // A name that means something else here than in the session.
        if let RelationKind::Table { name, .. } = &relation.kind
            && let [single] = name.as_slice()
            && let Some(meant) = self.uses.get(&single.to_lowercase())
            && !self.session.names.read().temp_view(single).is_some_and(|now| Arc::ptr_eq(meant, &now))
        {
            return None;
        }
        self.session.cached_source(relation, &self.building, &self.runtime)
    }

    fn function(&self, name: &[String]) -> SparkResult<Option<SessionFunction>> {
        let temporary = temporary(name);
        let found = temporary.and_then(|f| self.session.names.read().temp_functions.get(&f.to_lowercase()).cloned());
        if let (Some(_), Some(name)) = (&found, temporary) {
            self.views.lock().push(NamedView::Function(name.clone()));
        }
        match found.as_deref() {
            Some(TempFunction::Sql(f)) => return sql_function(f).map(Some),
            Some(TempFunction::Python(f)) => return Ok(Some(SessionFunction::Python(f.clone()))),
            Some(TempFunction::PythonTable(f)) => return Ok(Some(SessionFunction::Table(f.clone()))),
            None => {}
        }
        let (_, current) = self.namespace();
        let (database, function) = match name {
            [f] => (current, f),
            [d, f] => (d.clone(), f),
            [c, d, f] if c.eq_ignore_ascii_case(SPARK_CATALOG) => (d.clone(), f),
            [_, _, _, ..] => {
                return Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                    .param("sessionCatalog", SPARK_CATALOG)
                    .param("identifier", quote_id(name)));
            }
            _ => return Ok(None),
        };
        if self.session.catalog().database(&database)?.is_none() {
            return Ok(None);
        }
        let Some(f) = self.session.catalog().function(&database, function)? else { return Ok(None) };
        if let Some(class) = &f.class {
            return Err(SparkError::new("CANNOT_LOAD_FUNCTION_CLASS")
                .param("className", class)
                .param("functionName", quote_id([&f.catalog, &f.database, &f.name])));
        }
        let opts = ParseOptions::new(&self.conf);
        let parameters = f.parameters.fields.iter().map(|p| parameter(p, &opts)).collect::<SparkResult<Vec<_>>>()?;
        let return_type = f.returns.as_deref().map(|t| vonk_sql::parse_data_type(t, &opts)).transpose()?;
        let body = match f.is_query {
            true => SqlBody::Query(vonk_sql::parse_query(&f.body, &opts)?),
            false => SqlBody::Expr(vonk_sql::parse_expression(&f.body, &opts)?),
        };
        Ok(Some(SessionFunction::Sql { parameters, return_type, columns: f.returns_table, body }))
    }

    fn function_name(&self, name: &[String]) -> String {
        if let Some(own) = temporary(name).map(|f| f.to_lowercase())
            && self.session.names.read().temp_functions.contains_key(&own)
        {
            return own;
        }
        let (catalog, current) = self.namespace();
        match name {
            [f] => [&catalog, &current, f].map(String::as_str).join("."),
            [d, f] => [&catalog, d, f].map(String::as_str).join("."),
            _ => name.join("."),
        }
    }

    fn analyze_udtf(&self, call: &UdtfCall, args: &[UdtfArgument]) -> SparkResult<UdtfAnalysis> {
        self.wait(crate::python::analyze_udtf(&self.session, call, args))
    }

    fn variable(&self, name: &[String]) -> SparkResult<Option<(Literal, DataType, String)>> {
        let names = self.session.names.read();
        let found = names.find_variable(name);
        if found.is_some() {
            self.views.lock().push(NamedView::Variable(name.to_vec()));
        }
        Ok(found.map(|(home, v)| (v.value.clone(), v.data_type.clone(), names.variable_path(home))))
    }

    fn command_output(&self, command: &Command) -> SparkResult<(StructType, Vec<RecordBatch>)> {
        let rows = self.wait(self.session.run_command(command.clone()))?;
        Ok((rows.schema, rows.batches))
    }

    fn collect(&self, relation: &Relation) -> SparkResult<(StructType, Vec<RecordBatch>)> {
        self.wait(async {
            let (query, observed) = self.session.query_observing(relation.clone()).await?;
            self.observed.lock().extend(observed);
            let rows = query.run()?;
            let schema = rows.schema.clone();
            Ok((schema, rows.collect().await?))
        })
    }

    fn observe(&self, name: &str, plan_id: Option<i64>, totals: Relation) {
        let mut all = self.observed.lock();
        if !all.iter().any(|o| o.name == name) {
            all.push(Observation { name: name.into(), plan_id, totals: Arc::new(Deep::new(totals)) });
        }
    }

    fn parse(
        &self,
        format: &str,
        lines: Vec<RecordBatch>,
        schema: Option<&StructType>,
        options: &Options,
    ) -> SparkResult<Source> {
        let io = |e: std::io::Error| SparkError::internal(format!("rows of text: {e}"));
        let mut text = vec![];
        for batch in &lines {
            let Some(column) = batch.columns().first() else { continue };
            let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8)
                .map_err(|e| SparkError::internal(e.to_string()))?;
            for line in column.as_string::<i32>().iter().flatten() {
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }
        }
        let path = std::env::temp_dir().join(format!("vonk-{}.{format}", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).map_err(io)?;
        let source = DataSource {
            format: Some(format.to_string()),
            schema: schema.cloned(),
            options: options.clone(),
            paths: vec![path.to_string_lossy().into_owned()],
            predicates: vec![],
            streaming: false,
        };
        let rows = self.collect(&Relation::new(RelationKind::DataSource(source)));
        std::fs::remove_file(&path).map_err(io)?;
        let (schema, batches) = rows?;
        let arrow = crate::exact::exact_schema(&schema);
        let table = datafusion::datasource::MemTable::try_new(arrow, vec![batches]).map_err(vonk_expr::spark_error)?;
        Ok(Source { provider: Arc::new(table), schema, qualifier: vec![], hidden: 0 })
    }

    fn ml_transform(
        &self,
        operator: &MlOperatorRef,
        params: &[(String, Literal)],
        input: &StructType,
        columns: &[TypedExpr],
    ) -> SparkResult<MlColumns> {
        self.session.ml()?.transform(operator, params, input, columns)
    }

    fn ml_fetch(&self, object: &str, methods: &[MlMethod], dataset: Option<&Relation>) -> SparkResult<MlRows> {
        let library = self.session.ml()?;
        self.wait(library.fetch(&self.session, object, methods, dataset))
    }

    fn function_search_path(&self) -> String {
        let (catalog, database) = self.namespace();
        search_path(&catalog, &database)
    }
}

/// The own name of a function of the session, if the name may be one.
fn temporary(name: &[String]) -> Option<&String> {
    match name {
        [f] => Some(f),
        [s, f] if s.eq_ignore_ascii_case("session") => Some(f),
        [y, s, f] if y.eq_ignore_ascii_case("system") && s.eq_ignore_ascii_case("session") => Some(f),
        _ => None,
    }
}

fn parameter(p: &StructField, opts: &ParseOptions<'_>) -> SparkResult<SqlParameter> {
    let default = defaults::text_of(p);
    let default: Option<Expr> = default.map(|d| vonk_sql::parse_expression(&d, opts)).transpose()?;
    Ok(SqlParameter { name: p.name.clone(), data_type: p.data_type.clone(), default })
}

/// A temporary SQL function, as parsed.
pub(crate) fn sql_function(f: &CreateFunction) -> SparkResult<SessionFunction> {
    let parameters = f
        .parameters
        .iter()
        .map(|p| SqlParameter {
            name: p.name.clone(),
            data_type: p.data_type.clone(),
            default: p.default.as_ref().map(|(e, _)| e.clone()),
        })
        .collect();
    let body = match &f.body {
        FunctionBody::Expr(e, _) => SqlBody::Expr(e.clone()),
        FunctionBody::Query(q, _) => SqlBody::Query(q.clone()),
        FunctionBody::Class(c) => return Err(SparkError::unsupported(format!("the JVM function class {c}"))),
    };
    let columns = f.returns_table.as_ref().map(|t| StructType::new(t.iter().map(crate::command::field_of)));
    Ok(SessionFunction::Sql { parameters, return_type: f.returns.clone(), columns, body })
}
