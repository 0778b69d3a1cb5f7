//! Statements that make tables and fill them: CREATE TABLE, INSERT, TRUNCATE, `df.write`, `writeTo`.

use std::sync::Arc;

use vonk_catalog::{Bucketing, Partition, Table, TableKind, TableName};
use vonk_common::error::quote_id;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Relation;
use vonk_plan::command::{
    CreateTable, Insert, Name, PartitionSpec, SaveMode, Write, WriteTable, WriteTableMode, WriteTarget,
};
use vonk_plan::expr::{ExprKind, FunctionCall};
use vonk_plan::relation::Options;
use vonk_plan::types::{StructField, StructType};
use vonk_sql::ParseOptions;

use super::rows::Rows;
use super::table::{collated, field_of, unsupported_operation};
use super::{expect_table, find_relation, no_views, now_millis, partition, qualify, temporary_view};
use crate::defaults;
use crate::fs::Place;
use crate::insert::{InsertJob, Matching, table_schema};
use crate::session::Session;
use crate::source::{self, Format, check_duplicates};

pub(super) async fn insert(session: &Arc<Session>, insert: Insert) -> SparkResult<Rows> {
    let replaces = insert.replace_where.is_some();
    let table = insert_target(session, &insert.table, replaces)?;
    let matching = match (insert.by_name, insert.columns.is_empty()) {
        (true, _) => Matching::Name,
        (false, false) => Matching::Listed(insert.columns),
        (false, true) => Matching::Position,
    };
    if let Matching::Listed(names) = &matching {
        check_duplicates(names.iter().map(String::as_str), session.conf().case_sensitive())?;
    }
    let mut query = insert.query;
    let fixed: Vec<_> = insert.partition.iter().filter(|(_, v)| v.is_some()).map(|(n, _)| n.as_str()).collect();
    let defaults = crate::insert::defaults(&session.conf(), &table, &matching, &fixed)?;
    crate::insert::put_defaults(&mut query, &defaults)?;
    let input = Deep::new(session.analyze(query).await?);
    if replaces {
        return Err(unsupported_operation(&table, "INSERT INTO ... REPLACE WHERE"));
    }
    let partition = partition_values(session, &table, &insert.partition).await?;
    let (overwrite, if_not_exists) = (insert.overwrite, insert.if_not_exists);
    let job = InsertJob { table, matching, overwrite, if_not_exists, partition, options: Options::new() };
    session.insert(input, job).await?;
    Ok(Rows::none())
}

fn is_bucket(name: &[String]) -> bool {
    name.last().is_some_and(|n| n.eq_ignore_ascii_case("bucket"))
}

fn unsupported_transform(call: &FunctionCall) -> SparkError {
    let columns = call.args.iter().filter_map(|arg| match &arg.kind {
        ExprKind::Attribute { name, .. } => Some(name.join(".")),
        _ => None,
    });
    let columns: Vec<_> = columns.collect();
    let transform = format!("{}({})", call.name.join("."), columns.join(", "));
    SparkError::new("UNSUPPORTED_PARTITION_TRANSFORM").param("transform", quote_id([transform]))
}

/// The table that an INSERT fills. Errors `EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE`, and `VIEW_WRITE_NOT_ALLOWED`
/// where it replaces what a condition says.
fn insert_target(session: &Session, name: &Name, replaces: bool) -> SparkResult<Table> {
    let refused = |view: String| match replaces {
        true => SparkError::new("VIEW_WRITE_NOT_ALLOWED").param("name", view),
        false => no_views(view, "INSERT"),
    };
    if let Some(view) = temporary_view(session, name) {
        return Err(refused(view));
    }
    let table = find_relation(session, name)?;
    if table.is_view() { Err(refused(table.name.quoted())) } else { Ok(table) }
}

/// The columns of a PARTITION clause with their values as text. Errors `PARTITIONS_NOT_FOUND`, those of casting a
/// value to its column's type, and `INVALID_PARTITION_SPEC`.
async fn partition_values(
    session: &Arc<Session>,
    table: &Table,
    spec: &PartitionSpec,
) -> SparkResult<Vec<(String, Option<Option<String>>)>> {
    let mut out = Vec::with_capacity(spec.len());
    for (column, value) in spec {
        let (name, to) = partition::column_of(table, column)?;
        let value = match value {
            Some(value) => Some(partition::value_in(session, value, to).await?),
            None => None,
        };
        out.push((name.to_string(), value));
    }
    if table.tracks_partitions && out.iter().any(|(_, v)| matches!(v, Some(Some(text)) if text.is_empty())) {
        return Err(partition::empty_value(&out.iter().map(shown_as_option).collect::<Vec<_>>()));
    }
    Ok(out)
}

/// A column of a PARTITION clause as the message of an empty value shows it.
fn shown_as_option((name, value): &(String, Option<Option<String>>)) -> String {
    match value {
        Some(text) => format!("{name}=Some({})", text.as_deref().unwrap_or("null")),
        None => format!("{name}=None"),
    }
}

pub(super) async fn insert_directory(
    session: &Arc<Session>,
    path: Option<String>,
    provider: String,
    options: Options,
    query: Relation,
) -> SparkResult<Rows> {
    let path = path.or_else(|| options.get("path").cloned());
    let write = Write {
        input: query,
        format: Some(provider),
        target: path.map_or(WriteTarget::None, WriteTarget::Path),
        mode: SaveMode::Overwrite,
        partition_by: vec![],
        sort_by: vec![],
        bucket_by: None,
        cluster_by: vec![],
        options,
    };
    session.save(Deep::new(write)).await?;
    Ok(Rows::none())
}

pub(super) async fn create(session: &Arc<Session>, create: CreateTable) -> SparkResult<Rows> {
    let full = qualify(session, &create.name)?;
    session.catalog().expect_database(&full.database)?;
    let existing = session.catalog().table(&full.database, &full.table)?;
    if create.replace {
        let table = Table::new(full, now_millis());
        let operation = if create.must_exist { "REPLACE TABLE" } else { "CREATE OR REPLACE TABLE" };
        return Err(unsupported_operation(&table, operation));
    }
    if existing.is_some() {
        return if create.if_not_exists {
            Ok(Rows::none())
        } else {
            Err(vonk_catalog::errors::table_exists(&full.catalog, &full.database, &full.table))
        };
    }
    refuse_definition(&full, &create)?;
    let (table, query) = definition(session, full, create).await?;
    match query {
        Some(query) => {
            let analyzed = Deep::new(session.analyze(query).await?);
            let schema = analyzed.get().map(|a| a.schema.clone()).unwrap_or_default();
            let table = Table { schema: table_schema(&schema, &table.partition_columns)?, ..table };
            session.create_table_as(table, analyzed, None).await?;
        }
        None => {
            if let Some(location) = table.location.as_ref().filter(|_| table.kind == TableKind::Managed) {
                session.files().make_folder(&Place::parse(location)?).await?;
            }
            session.catalog().create_table(table, false, false)?;
        }
    }
    Ok(Rows::none())
}

/// What a CREATE TABLE may ask for and tables of files do not have.
fn refuse_definition(full: &TableName, create: &CreateTable) -> SparkResult<()> {
    if create.external && create.location.is_none() && !create.options.contains_key("path") {
        return Err(SparkError::new("CREATE_EXTERNAL_TABLE_WITHOUT_LOCATION"));
    }
    let no = |operation| Err(unsupported_operation(&Table::new(full.clone(), now_millis()), operation));
    if create.columns.iter().any(|c| c.generated.is_some()) {
        return no("generated columns");
    }
    if create.columns.iter().any(|c| c.identity) {
        return no("identity columns");
    }
    if !create.constraints.is_empty() {
        return no("CONSTRAINT");
    }
    Ok(())
}

/// The table that a CREATE TABLE describes, and its query.
async fn definition(
    session: &Arc<Session>,
    full: TableName,
    create: CreateTable,
) -> SparkResult<(Table, Option<Relation>)> {
    let conf = session.conf();
    let by_conf = conf.get("spark.sql.sources.default").unwrap_or("parquet");
    let provider = create.provider.as_deref().unwrap_or(by_conf);
    let format = match (Format::named(provider), session.python_source(provider)) {
        (Err(_), Some(class)) => return Ok((python_table(session, full, &create, class).await?, None)),
        (format, _) => format?,
    };
    let mut table = Table::new(full, now_millis());
    table.provider = Some(format.provider().to_string());
    table.options = create.options;
    table.properties = create.properties;
    table.comment = create.comment;
    table.owner = session.acts_as.to_string();
    table.clustering = create.clustered_by.iter().map(|n| n.join(".")).collect();
    table.bucketing =
        create.bucketed_by.map(|b| Bucketing { columns: b.columns, sort_columns: b.sort_columns, buckets: b.buckets });
    let path = create.location.or_else(|| table.options.remove("path"));
    match path {
        Some(path) => {
            table.kind = TableKind::External;
            table.location = Some(Place::parse(&path)?.to_string());
        }
        None => table.location = Some(session.default_location(&table)?),
    }
    let mut partitions: Vec<String> = vec![];
    for e in &create.partitioned_by {
        match &e.kind {
            ExprKind::Attribute { name, .. } if name.len() == 1 => partitions.extend(name.iter().cloned()),
            ExprKind::Function(call) if call.name.len() == 1 && !is_bucket(&call.name) => {
                return Err(unsupported_transform(call));
            }
            _ => return Err(unsupported_operation(&table, "Partitioning by expressions")),
        }
    }
    table.collation = create.collation;
    let mut fields = vec![];
    for c in create.columns.iter().chain(&create.partition_columns) {
        let mut field = defaults::new_field(session, "CREATE TABLE", c).await?;
        if conf.bool("spark.sql.legacy.charVarcharAsString") {
            field.data_type = field.data_type.without_limits();
        }
        fields.push(collated(field, table.collation.as_deref())?);
    }
    partitions.extend(create.partition_columns.iter().map(|c| c.name.clone()));
    check_duplicates(fields.iter().map(|f| f.name.as_str()), conf.case_sensitive())?;
    let mut schema = StructType::new(fields);
    if schema.is_empty()
        && create.query.is_none()
        && let Some(location) = table.location.as_ref().filter(|_| table.kind == TableKind::External)
    {
        let conf = Arc::new(conf.clone());
        let paths = [location.clone()];
        let loaded = source::load(&session.files(), format, &paths, None, &table.options, &conf).await?;
        partitions = loaded.table.partition_schema.fields.iter().map(|f| f.name.clone()).collect();
        schema = loaded.schema;
    }
    if create.query.is_none() {
        let find = |p: &String| schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(p));
        if let Some(missing) = partitions.iter().find(|p| find(p).is_none()) {
            return Err(SparkError::new("COLUMN_NOT_DEFINED_IN_TABLE")
                .param("colType", "partition")
                .param("colName", vonk_common::error::quote_id([missing]))
                .param("tableName", table.name.quoted())
                .param("tableCols", names(&schema)));
        }
        partitions = partitions.iter().filter_map(find).map(|f| f.name.clone()).collect();
        if !partitions.is_empty() && partitions.len() == schema.len() {
            return Err(SparkError::new("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
        }
        let bad_type = |f: &StructField| vonk_common::error::quote_sql(f.data_type.sql());
        if let Some(bad) = partitions.iter().filter_map(find).find(|f| f.data_type.is_collated()) {
            return Err(SparkError::new("INVALID_PARTITION_COLUMN_DATA_TYPE").param("type", bad_type(bad)));
        }
        let buckets = table.bucketing.iter().flat_map(|b| &b.columns);
        if let Some(bad) = buckets.filter_map(find).find(|f| f.data_type.is_collated()) {
            return Err(SparkError::new("INVALID_BUCKET_COLUMN_DATA_TYPE").param("type", bad_type(bad)));
        }
        let is_partition = |name: &str| partitions.iter().any(|p| p == name);
        let parts = partitions.iter().filter_map(find).cloned();
        let nullable = schema.as_nullable();
        let data = nullable.fields.iter().filter(|f| !is_partition(&f.name)).cloned();
        // Files may hold NULLs, whatever the definition says: only partition columns keep NOT NULL.
        table.schema = StructType::new(data.chain(parts));
    }
    table.tracks_partitions = !partitions.is_empty();
    table.partition_columns = partitions;
    Ok((table, create.query))
}

/// A table over a data source written in Python: its columns, unless given, are what the source says.
async fn python_table(
    session: &Arc<Session>,
    full: TableName,
    create: &CreateTable,
    class: Arc<[u8]>,
) -> SparkResult<Table> {
    let provider = create.provider.as_deref().unwrap_or_default();
    let mut table = Table::new(full, now_millis());
    if create.query.is_some() {
        return Err(unsupported_operation(&table, "CREATE TABLE AS SELECT"));
    }
    let fields: Vec<_> = create.columns.iter().map(field_of).collect();
    table.kind = TableKind::External;
    table.schema = match fields.is_empty() {
        true => source::python::load(session, provider, class, None, &create.options).await?.schema,
        false => StructType::new(fields),
    };
    table.provider = Some(provider.to_string());
    table.options = create.options.clone();
    table.properties = create.properties.clone();
    table.comment = create.comment.clone();
    table.owner = session.acts_as.to_string();
    Ok(table)
}

fn names(schema: &StructType) -> String {
    let all: Vec<_> = schema.fields.iter().map(|f| vonk_common::error::quote_id([&f.name])).collect();
    all.join(", ")
}

pub(super) async fn truncate(
    session: &Arc<Session>,
    name: &Name,
    partition: Option<PartitionSpec>,
) -> SparkResult<Rows> {
    let table = expect_table(session, name, "TRUNCATE TABLE")?;
    if table.kind == TableKind::External {
        return Err(SparkError::new("CANNOT_TRUNCATE_EXTERNAL_TABLE").param("tableName", table.name.quoted()));
    }
    let files = session.files();
    let folder = Place::parse(table.location.as_deref().unwrap_or_default())?;
    let folders = match partition {
        None => vec![folder],
        Some(spec) => {
            let found = truncated_partitions(session, &table, &spec).await?;
            found.iter().map(|p| folder.join(&super::show::partition_path(p))).collect()
        }
    };
    for folder in folders {
        files.remove(&folder).await?;
        files.make_folder(&folder).await?;
    }
    session.invalidate_cache();
    Ok(Rows::none())
}

/// The partitions that a TRUNCATE names: there may be none unless it names all columns.
/// Errors `_LEGACY_ERROR_TEMP_1267`, `PARTITIONS_NOT_FOUND`, `INVALID_PARTITION_SPEC`.
async fn truncated_partitions(
    session: &Arc<Session>,
    table: &Table,
    spec: &PartitionSpec,
) -> SparkResult<Vec<Partition>> {
    if table.partition_columns.is_empty() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1267").param("tableIdentWithDB", table.name.quoted()));
    }
    let values = partition::values_of(session, table, spec).await?;
    partition::expect_no_empty_value(&values)?;
    let found = partition::matching(&partition::known(session, table)?, &values);
    if found.is_empty() && values.len() == table.partition_columns.len() {
        // Spark shows the values of this statement as they were written.
        return Err(partition::not_there(table, &[partition::texts_of(session, table, spec).await?]));
    }
    Ok(found)
}

/// `df.writeTo(table)`.
pub(super) async fn write_to(session: &Arc<Session>, w: WriteTable) -> SparkResult<Rows> {
    let conf = session.conf();
    let name = vonk_sql::parse_identifier(&w.table, &ParseOptions::new(&conf))?;
    match w.mode {
        WriteTableMode::Create => {
            let create_table = CreateTable {
                name,
                columns: vec![],
                provider: w.provider,
                options: w.options,
                partitioned_by: w.partition_by,
                partition_columns: vec![],
                bucketed_by: None,
                clustered_by: w.cluster_by.into_iter().map(|c| vec![c]).collect(),
                location: None,
                comment: None,
                properties: w.properties,
                collation: None,
                query: Some(w.input),
                if_not_exists: false,
                replace: false,
                must_exist: false,
                external: false,
                constraints: Default::default(),
            };
            create(session, create_table).await
        }
        WriteTableMode::Append => {
            let table = find_relation(session, &name)?;
            let job = InsertJob::new(table, Matching::Name, false, w.options);
            let input = Deep::new(session.analyze(w.input).await?);
            session.insert(input, job).await?;
            Ok(Rows::none())
        }
        WriteTableMode::OverwritePartitions => {
            let table = find_relation(session, &name)?;
            let mut options = w.options;
            options.insert("partitionoverwritemode".into(), "dynamic".into());
            let job = InsertJob::new(table, Matching::Name, true, options);
            let input = Deep::new(session.analyze(w.input).await?);
            session.insert(input, job).await?;
            Ok(Rows::none())
        }
        mode => {
            let full = qualify(session, &name)?;
            let what = match mode {
                WriteTableMode::Overwrite => "OVERWRITE",
                _ => "REPLACE TABLE AS SELECT",
            };
            Err(unsupported_operation(&Table::new(full, now_millis()), what))
        }
    }
}
