//! Rows into a table of the catalog: matching columns, casting values for storage, writing files,
//! and telling the catalog.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Projection};
use vonk_analyzer::scope::column_expr;
use vonk_analyzer::{Analyzed, Analyzer};
use vonk_catalog::{Partition, Table};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::planner::Deep;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::coercion::{StorePolicy, store_assignment_cast};
use vonk_expr::spark_error;
use vonk_plan::expr::ExprKind;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_plan::{Expr, Relation, RelationKind};

use crate::defaults::{EXISTS_DEFAULT, expression_of, text_of};
use crate::fs::Place;
use crate::limits::declared;
use crate::session::Session;
use crate::sink::{Overwrite, WriteJob, WriteStats};
use crate::source::Format;
use crate::source::partitions::{folder_name, unescape};

/// How the query's columns meet the table's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    Position,
    Name,
    /// Names listed in the statement, for the query's columns in order; other columns get NULL.
    Listed(Vec<String>),
}

/// An insert.
#[derive(Debug, Clone)]
pub struct InsertJob {
    pub table: Table,
    pub matching: Matching,
    pub overwrite: bool,
    /// Nothing is written where there is the partition already.
    pub if_not_exists: bool,
    /// `PARTITION (a = 1, b)`: values as text (`Some(None)` is NULL), none for dynamic ones.
    pub partition: Vec<(String, Option<Option<String>>)>,
    pub options: Options,
}

impl InsertJob {
    /// Without a PARTITION clause.
    pub fn new(table: Table, matching: Matching, overwrite: bool, options: Options) -> Self {
        InsertJob { table, matching, overwrite, if_not_exists: false, partition: vec![], options }
    }
}

/// Casts the query's columns for the table: its plan then has the table's columns, in order. On a
/// planner thread.
pub fn for_table(analyzer: &Analyzer, input: Analyzed, job: &InsertJob) -> SparkResult<Analyzed> {
    let table = &job.table;
    let fixed: Vec<(&str, Option<&str>)> =
        job.partition.iter().filter_map(|(n, v)| v.as_ref().map(|v| (n.as_str(), v.as_deref()))).collect();
    let is_fixed = |f: &StructField| fixed.iter().any(|(n, _)| n.eq_ignore_ascii_case(&f.name));
    let open: Vec<&StructField> = table.schema.fields.iter().filter(|f| !is_fixed(f)).collect();
    let columns: Vec<TypedExpr> = input
        .schema
        .fields
        .iter()
        .zip(&input.columns)
        .map(|(f, slot)| {
            let expr = match vonk_analyzer::scope::column_id(slot) {
                Some(id) => column_expr(id),
                None => DfExpr::Column(datafusion::common::Column::new_unqualified(slot)),
            };
            let mut e = TypedExpr::new(expr, f.data_type.clone(), f.nullable, f.name.clone());
            e.name = Some(f.name.as_str().into());
            e
        })
        .collect();
    let case = analyzer.case_sensitive();
    let names: Vec<&str> = fixed.iter().map(|(n, _)| *n).collect();
    let matched = matched(&columns, &open, &job.matching, table, case, &names)?;
    let name = table.name.parts().map(String::from);
    let mut matched = matched.into_iter();
    let (mut exprs, mut fields) = (vec![], vec![]);
    for (i, field) in table.schema.fields.iter().enumerate() {
        let fixed_value = fixed.iter().find(|(n, _)| n.eq_ignore_ascii_case(&field.name)).map(|(_, v)| *v);
        let value = match fixed_value {
            Some(Some(text)) => {
                let literal = TypedExpr::literal(&vonk_plan::Literal::String(text.into()))?;
                vonk_expr::cast::cast(analyzer.facts(), literal, &field.data_type)?
            }
            Some(None) => TypedExpr::null(field.data_type.clone())?,
            None => match matched.next().flatten() {
                Some(e) => {
                    let policy = StorePolicy::of(&analyzer.facts().conf);
                    let column = [field.name.clone()];
                    let e = store_assignment_cast(analyzer.facts(), e, &field.data_type, policy, &name, &column)?;
                    let e = fixed_length(analyzer, e, &field.data_type)?;
                    match policy != StorePolicy::Legacy && takes_no_nulls(table, field) {
                        true => never_null(analyzer, e, &field.name)?,
                        false => e,
                    }
                }
                None if lacks_default(table, field) => {
                    return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA")
                        .param("tableName", table.name.quoted())
                        .param("colName", quote_id([&field.name])));
                }
                None => {
                    let value = analyzer.constant(&expression_of(&analyzer.facts().conf, field)?)?;
                    vonk_expr::cast::cast(analyzer.facts(), value, &field.data_type)?
                }
            },
        };
        let slot = format!("#out{i}");
        fields.push((None, Arc::new(arrow::datatypes::Field::new(&slot, to_arrow(&field.data_type), true))));
        exprs.push(value.expr.alias(slot));
    }
    check_partition(table, &job.partition)?;
    let columns = fields.iter().map(|(_, f): &(_, Arc<arrow::datatypes::Field>)| f.name().clone()).collect();
    let schema = DFSchema::new_with_metadata(fields, Default::default()).map_err(spark_error)?;
    let plan = Projection::try_new_with_schema(exprs, Arc::new(input.plan), Arc::new(schema)).map_err(spark_error)?;
    Ok(Analyzed { plan: LogicalPlan::Projection(plan), schema: table.schema.as_nullable(), columns })
}

/// A PARTITION clause names all partition columns, those with a fixed value first.
/// Errors `_LEGACY_ERROR_TEMP_1169` and `_LEGACY_ERROR_TEMP_1147`.
fn check_partition(table: &Table, partition: &[(String, Option<Option<String>>)]) -> SparkResult<()> {
    let all = table.partition_columns.join(",");
    if !partition.is_empty() && partition.len() != table.partition_columns.len() {
        let given: Vec<_> = partition.iter().map(|(n, _)| n.as_str()).collect();
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1169")
            .param("tableName", table.name.quoted())
            .param("normalizedPartSpec", given.join(","))
            .param("partColNames", all));
    }
    let fixed = |p: &&String| partition.iter().any(|(n, v)| v.is_some() && n.eq_ignore_ascii_case(p));
    let mut after_open = table.partition_columns.iter().skip_while(fixed);
    if after_open.any(|p| fixed(&p)) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1147").param("partColumns", format!("[{all}]")));
    }
    Ok(())
}

/// Of the columns that were defined NOT NULL, those that a query reads as such: files may hold NULLs.
fn takes_no_nulls(table: &Table, field: &StructField) -> bool {
    !field.nullable && table.partition_columns.iter().any(|p| p.eq_ignore_ascii_case(&field.name))
}

/// The column is to have a value in every row, and there is none where a statement gives none.
fn lacks_default(table: &Table, field: &StructField) -> bool {
    takes_no_nulls(table, field) && text_of(field).is_none()
}

/// The value of a column without NULLs: a NULL is error `NOT_NULL_ASSERT_VIOLATION` when the query runs.
fn never_null(analyzer: &Analyzer, e: TypedExpr, column: &str) -> SparkResult<TypedExpr> {
    if !e.nullable {
        return Ok(e);
    }
    let column = TypedExpr::literal(&vonk_plan::Literal::string(column))?;
    analyzer.call_builtin(&Default::default(), "$not_null", vec![e, column], None)
}

/// For each open column of the table the query's column, none where it gets NULL.
fn matched(
    columns: &[TypedExpr],
    open: &[&StructField],
    matching: &Matching,
    table: &Table,
    case: bool,
    fixed: &[&str],
) -> SparkResult<Vec<Option<TypedExpr>>> {
    let same = |a: &str, b: &str| a == b || !case && a.to_lowercase() == b.to_lowercase();
    let all_names = || list(table.schema.fields.iter().map(|f| f.name.as_str()));
    let beside_fixed = |data: String| {
        SparkError::new("INSERT_PARTITION_COLUMN_ARITY_MISMATCH")
            .param("tableName", table.name.quoted())
            .param("tableColumns", all_names())
            .param("staticPartCols", list(fixed.iter().copied()))
            .param("dataColumns", data)
    };
    let arity = |sub: &str, wanted: Vec<&str>| {
        if !fixed.is_empty() {
            return beside_fixed(list(columns.iter().map(|c| c.name.as_deref().unwrap_or_default())));
        }
        SparkError::new(format!("INSERT_COLUMN_ARITY_MISMATCH.{sub}"))
            .param("tableName", table.name.quoted())
            .param("tableColumns", list(wanted))
            .param("dataColumns", list(columns.iter().map(|c| c.name.as_deref().unwrap_or_default())))
    };
    let open_names = || open.iter().map(|f| f.name.as_str()).collect::<Vec<_>>();
    match matching {
        Matching::Position => {
            if columns.len() < open.len() {
                return Err(arity("NOT_ENOUGH_DATA_COLUMNS", open_names()));
            }
            if columns.len() > open.len() {
                return Err(arity("TOO_MANY_DATA_COLUMNS", open_names()));
            }
            Ok(columns.iter().cloned().map(Some).collect())
        }
        Matching::Name => {
            let of = |f: &&StructField| {
                columns.iter().find(|c| c.name.as_deref().is_some_and(|n| same(n, &f.name))).cloned()
            };
            let found: Vec<_> = open.iter().map(of).collect();
            let extra = columns.iter().filter_map(|c| c.name.as_deref());
            let extra: Vec<_> = extra.filter(|n| !open.iter().any(|f| same(n, &f.name))).collect();
            if !extra.is_empty() {
                return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS")
                    .param("tableName", table.name.quoted())
                    .param("extraColumns", list(extra)));
            }
            Ok(found)
        }
        Matching::Listed(names) => {
            if columns.len() != names.len() {
                let sub = if columns.len() < names.len() { "NOT_ENOUGH_DATA_COLUMNS" } else { "TOO_MANY_DATA_COLUMNS" };
                return Err(arity(sub, names.iter().map(String::as_str).collect()));
            }
            if let Some(unknown) = names.iter().find(|n| !table.schema.fields.iter().any(|f| same(n, &f.name))) {
                return Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
                    .param("objectName", quote_id([unknown]))
                    .param("proposal", all_names()));
            }
            if names.iter().any(|n| !open.iter().any(|f| same(n, &f.name))) {
                return Err(beside_fixed(list(names.iter().map(String::as_str))));
            }
            let of =
                |f: &&StructField| names.iter().position(|n| same(n, &f.name)).and_then(|i| columns.get(i)).cloned();
            Ok(open.iter().map(of).collect())
        }
    }
}

/// The value as a column of limited length keeps it.
fn fixed_length(analyzer: &Analyzer, e: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    let (name, limit) = match to {
        DataType::Char(n) => ("$char", *n),
        DataType::VarChar(n) => ("$varchar", *n),
        _ => return Ok(e),
    };
    let limit = TypedExpr::literal(&vonk_plan::Literal::Int(i32::try_from(limit).unwrap_or(i32::MAX)))?;
    analyzer.call_builtin(&Default::default(), name, vec![e, limit], None)
}

/// A column that an INSERT fills, and what `DEFAULT` means in it.
pub struct ColumnDefault {
    column: String,
    /// None where the column is to have a value and has no default.
    value: Option<Expr>,
}

impl ColumnDefault {
    fn of(conf: &SessionConf, table: &Table, field: &StructField) -> SparkResult<Self> {
        let value = if lacks_default(table, field) { None } else { Some(expression_of(conf, field)?) };
        Ok(ColumnDefault { column: field.name.clone(), value })
    }

    /// Error `NO_DEFAULT_COLUMN_VALUE_AVAILABLE`.
    fn value(&self) -> SparkResult<Expr> {
        let none = || SparkError::new("NO_DEFAULT_COLUMN_VALUE_AVAILABLE").param("colName", quote_id([&self.column]));
        self.value.clone().ok_or_else(none)
    }
}

/// What `DEFAULT` means in each column of an INSERT's query. `fixed` are the columns that PARTITION gives values.
pub fn defaults(
    conf: &SessionConf,
    table: &Table,
    matching: &Matching,
    fixed: &[&str],
) -> SparkResult<Vec<ColumnDefault>> {
    let is_fixed = |f: &&StructField| fixed.iter().any(|n| n.eq_ignore_ascii_case(&f.name));
    match matching {
        Matching::Position => {
            table.schema.fields.iter().filter(|f| !is_fixed(f)).map(|f| ColumnDefault::of(conf, table, f)).collect()
        }
        Matching::Listed(names) => {
            let of = |n: &String| table.schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(n));
            names.iter().filter_map(of).map(|f| ColumnDefault::of(conf, table, f)).collect()
        }
        Matching::Name => Ok(vec![]),
    }
}

/// Puts the defaults where an INSERT's rows or SELECT list say `DEFAULT`.
pub fn put_defaults(query: &mut Relation, defaults: &[ColumnDefault]) -> SparkResult<()> {
    let fill = |list: &mut Vec<Expr>| -> SparkResult<()> {
        for (e, default) in list.iter_mut().zip(defaults) {
            if e.kind == ExprKind::Default {
                *e = default.value()?;
            }
        }
        Ok(())
    };
    match &mut query.kind {
        RelationKind::Values(rows) => rows.iter_mut().try_for_each(|row| match row.as_mut_slice() {
            // A row in parentheses.
            [Expr { kind: ExprKind::Function(f), .. }] if defaults.len() > 1 => fill(&mut f.args),
            _ => fill(row),
        }),
        RelationKind::Project { exprs, .. } => fill(exprs),
        RelationKind::Select(s) => fill(&mut s.projection),
        RelationKind::Alias { input, .. } => put_defaults(input, defaults),
        _ => Ok(()),
    }
}

/// A value that is too large for its column, told as Spark tells it of an INSERT.
fn overflow_in(table: &Table, query: &StructType, e: SparkError) -> SparkError {
    let param = |name: &str| e.params().iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()).unwrap_or_default();
    let shown = |t: &DataType| quote_sql(t.sql());
    let mut columns = table.schema.fields.iter().zip(query.fields.iter());
    let found = match e.class() {
        "CAST_OVERFLOW" => {
            let (from, to) = (param("sourceType"), param("targetType"));
            columns.find(|(t, q)| shown(&t.data_type) == to && shown(&q.data_type) == from)
        }
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION" => {
            let digits = |t: &DataType| match t {
                DataType::Decimal(p, s) => p.to_string() == param("precision") && s.to_string() == param("scale"),
                _ => false,
            };
            columns.find(|(t, q)| digits(&t.data_type) && q.data_type.is_numeric() && q.data_type != t.data_type)
        }
        _ => None,
    };
    match found {
        Some((column, value)) => SparkError::new("CAST_OVERFLOW_IN_TABLE_INSERT")
            .param("sourceType", shown(&value.data_type))
            .param("targetType", shown(&column.data_type))
            .param("columnName", quote_id([&column.name])),
        None => e,
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|n| quote_id([n])).collect::<Vec<_>>().join(", ")
}

impl Session {
    /// Writes an analysed query into a table. The catalog learns of new partitions.
    pub async fn insert(self: &Arc<Self>, input: Deep<Analyzed>, job: InsertJob) -> SparkResult<WriteStats> {
        let location = job.table.location.clone().ok_or_else(|| SparkError::internal("a table without location"))?;
        let target = Place::parse(&location)?;
        if job.overwrite && input.get().is_some_and(|a| crate::save::reads_below(&a.plan, &target)) {
            return Err(SparkError::new("UNSUPPORTED_OVERWRITE.TABLE").param("table", job.table.name.quoted()));
        }
        let query = input.get().map(|a| a.schema.clone()).unwrap_or_default();
        let for_analyzer = job.clone();
        let input = self
            .with_analyzer(move |analyzer| {
                let input = input.into_inner().ok_or_else(|| SparkError::internal("a plan was taken twice"))?;
                for_table(analyzer, input, &for_analyzer).map(Deep::new)
            })
            .await?;
        let table = &job.table;
        if job.if_not_exists && self.has_partition(table, &job.partition)? {
            return Ok(WriteStats::default());
        }
        let conf = Arc::new(self.conf());
        let mut options = table.options.clone();
        options.extend(job.options.clone());
        let overwrite = match (job.overwrite, fixed_folder(&job)) {
            (false, _) => Overwrite::Append,
            (true, _) if Overwrite::by_mode(&job.options, &conf, true) == Overwrite::Dynamic => {
                if table.partition_columns.is_empty() { Overwrite::Static } else { Overwrite::Dynamic }
            }
            (true, Some(folder)) => Overwrite::Folder(folder),
            (true, None) => Overwrite::Static,
        };
        let policy = StorePolicy::of(&conf);
        let write = WriteJob {
            format: Format::named(table.provider.as_deref().unwrap_or("parquet"))?,
            target,
            schema: table.schema.as_nullable(),
            partition_by: table.partition_columns.clone(),
            overwrite: overwrite.clone(),
            options: keeping_nulls(options, table, &conf),
            conf,
        };
        let stats = self.write_files(input, write).await.map_err(|e| match policy {
            StorePolicy::Ansi => overflow_in(&job.table, &query, e),
            StorePolicy::Legacy | StorePolicy::Strict => e,
        })?;
        if !table.partition_columns.is_empty() && table.tracks_partitions {
            self.note_partitions(table, &stats, overwrite == Overwrite::Static)?;
        }
        self.invalidate_cache();
        Ok(stats)
    }

    /// Is there a partition of these values?
    fn has_partition(&self, table: &Table, values: &[(String, Option<Option<String>>)]) -> SparkResult<bool> {
        let known = self.catalog().partitions(&table.name.database, &table.name.table)?;
        let is = |p: &Partition, name: &String, value: &Option<Option<String>>| {
            p.values.iter().any(|(k, own)| k.eq_ignore_ascii_case(name) && Some(own) == value.as_ref())
        };
        Ok(known.iter().any(|p| values.iter().all(|(name, value)| is(p, name, value))))
    }

    pub(crate) fn note_partitions(&self, table: &Table, stats: &WriteStats, replaced_all: bool) -> SparkResult<()> {
        let catalog = self.catalog();
        if replaced_all {
            let old = catalog.partitions(&table.name.database, &table.name.table)?;
            catalog.drop_partitions(&table.name.database, &table.name.table, &old)?;
        }
        let new = stats.partitions.iter().map(|folder| {
            let values = folder.split('/').filter_map(|part| part.split_once('='));
            let values = values.map(|(n, v)| {
                let value = (v != crate::source::partitions::NULL_NAME).then(|| unescape(v));
                (unescape(n), value)
            });
            Partition {
                values: values.collect(),
                location: None,
                properties: Default::default(),
                created: chrono::Utc::now().timestamp_millis(),
            }
        });
        let new: Vec<_> = new.collect();
        catalog.put_partitions(&table.name.database, &table.name.table, &new)
    }
}

/// JSON leaves NULLs out; where leaving out means the default of a column, it must not.
fn keeping_nulls(mut options: Options, table: &Table, conf: &SessionConf) -> Options {
    let has_default = table.schema.fields.iter().any(|f| f.metadata_text(EXISTS_DEFAULT).is_some());
    if has_default && conf.bool("spark.sql.jsonGenerator.writeNullIfWithDefaultValue") {
        options.entry("ignorenullfields".into()).or_insert("false".into());
    }
    options
}

/// The folder that the fixed values of a PARTITION clause name, when they come first.
fn fixed_folder(job: &InsertJob) -> Option<String> {
    let mut parts = vec![];
    for column in &job.table.partition_columns {
        match job.partition.iter().find(|(n, _)| n.eq_ignore_ascii_case(column)) {
            Some((_, Some(value))) => parts.push(folder_name(column, value.as_deref())),
            _ => break,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The schema of a table made from a query (`CREATE TABLE … AS`, `saveAsTable`): every level
/// nullable, partition columns last.
pub fn table_schema(query: &StructType, partition_by: &[String]) -> SparkResult<StructType> {
    let query = declared(&query.as_nullable())?;
    let is_partition = |f: &&StructField| partition_by.iter().any(|p| p.eq_ignore_ascii_case(&f.name));
    let data = query.fields.iter().filter(|f| !is_partition(f)).cloned();
    let parts =
        partition_by.iter().filter_map(|p| query.fields.iter().find(|f| f.name.eq_ignore_ascii_case(p)).cloned());
    Ok(StructType::new(data.chain(parts)))
}
