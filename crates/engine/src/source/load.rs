//! From a format, paths, options and perhaps a schema to a table over files.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::StringArray;
use datafusion::common::ScalarValue;
use tokio::runtime::Handle;
use vonk_catalog::{Partition, Table};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::relation::Options;
use vonk_plan::types::{StructField, StructType};

use super::csv::{self, Dialect, Fields};
use super::existing::Existing;
use super::json_text::{Liberties, Reader};
use super::lines::{self, Lines};
use super::listing::{self, Listing};
use super::options::{ParseMode, flag, parse_mode, text};
use super::scan::{corrupt_name, fixed_schema};
use super::table::DataFile;
use super::{FileTable, Format, check_duplicates, infer, json, orc, parquet, partitions};
use crate::fs::{FileEntry, Files};

/// A table over files, and its columns in the order that Spark shows them.
pub struct Loaded {
    pub table: Arc<FileTable>,
    pub schema: StructType,
}

/// Lists the files and finds the schema. `schema` is the user's or the catalog's.
pub async fn load(
    files: &Files,
    format: Format,
    paths: &[String],
    schema: Option<&StructType>,
    options: &Options,
    conf: &Arc<SessionConf>,
) -> SparkResult<Loaded> {
    let listing = listing::list(files, paths, options, conf).await?;
    load_listing(files, format, listing, schema, options, conf).await
}

async fn load_listing(
    files: &Files,
    format: Format,
    listing: Listing,
    schema: Option<&StructType>,
    options: &Options,
    conf: &Arc<SessionConf>,
) -> SparkResult<Loaded> {
    let case = conf.case_sensitive();
    let (partition_schema, values) = partitions::discover(&listing, schema, conf)?;
    let same = |a: &str, b: &str| a == b || !case && a.to_lowercase() == b.to_lowercase();
    let in_folders = |f: &&StructField| partition_schema.fields.iter().any(|p| same(&p.name, &f.name));
    let data_schema = match schema {
        Some(given) => given.as_nullable(),
        None => infer_schema(files, format, &listing, options, conf).await?,
    };
    check_duplicates(data_schema.fields.iter().map(|f| f.name.as_str()), case)?;
    let data_schema = StructType::new(data_schema.fields.iter().filter(|f| !in_folders(f)).cloned());
    let data_files = listing.files.into_iter().zip(values).map(|(entry, partition)| DataFile { entry, partition });
    let table = FileTable::new(
        format,
        data_schema,
        partition_schema,
        data_files.collect(),
        listing.roots,
        options.clone(),
        Arc::clone(conf),
    );
    let schema = table.spark_schema();
    Ok(Loaded { table: Arc::new(table), schema })
}

/// The files of a table of the catalog: its columns, partition columns and, where it keeps a list of them,
/// partitions are the catalog's.
pub fn load_table(
    format: Format,
    listing: Listing,
    of: &Table,
    registered: Option<&[Partition]>,
    options: &Options,
    conf: &Arc<SessionConf>,
    existing: Existing,
) -> SparkResult<Loaded> {
    let is_partition = |f: &&StructField| of.partition_columns.iter().any(|p| p.eq_ignore_ascii_case(&f.name));
    let data_schema = StructType::new(of.schema.as_nullable().fields.iter().filter(|f| !is_partition(f)).cloned());
    let by_name = |p: &String| of.schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(p)).cloned();
    let partition_schema = StructType::new(of.partition_columns.iter().filter_map(by_name)).as_nullable();
    let values_of = |raw: &dyn Fn(&str) -> Option<String>| -> SparkResult<Vec<ScalarValue>> {
        let values = partition_schema.fields.iter().map(|f| {
            let raw = raw(&f.name).unwrap_or_else(|| partitions::NULL_NAME.into());
            partitions::value_of(&raw, &f.data_type, conf.time_zone())
        });
        values.collect()
    };
    let find = |spec: &[(String, Option<String>)], name: &str| {
        spec.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.clone())
    };
    // Folders that the catalog knows nothing of are not read: `MSCK REPAIR TABLE` tells it.
    let known = registered.map(|all| all.iter().map(|p| values_of(&|name| find(&p.values, name))).collect());
    let known: Option<HashSet<Vec<ScalarValue>>> = known.transpose()?;
    let mut data_files = vec![];
    for entry in listing.files {
        let spec = partitions::spec_of(&entry.place, &listing.bases);
        let spec: Vec<_> = spec.into_iter().map(|(n, v)| (n, Some(v))).collect();
        let partition = values_of(&|name| find(&spec, name))?;
        if known.as_ref().is_none_or(|known| known.contains(&partition)) {
            data_files.push(DataFile { partition, entry });
        }
    }
    let table = FileTable::new(
        format,
        data_schema,
        partition_schema,
        data_files,
        listing.roots,
        options.clone(),
        Arc::clone(conf),
    )
    .with_existing(existing);
    // Columns of the files may hold NULLs whatever the table says; those of its folders do as it says.
    let never_null = |f: &StructField| by_name(&f.name).is_some_and(|own| !own.nullable);
    let read = table.spark_schema();
    let schema = StructType::new(read.fields.iter().map(|f| match is_partition(&f) && never_null(f) {
        true => StructField { nullable: false, ..f.clone() },
        false => f.clone(),
    }));
    Ok(Loaded { table: Arc::new(table), schema })
}

/// The schema that the files tell. Error: `UNABLE_TO_INFER_SCHEMA`.
async fn infer_schema(
    files: &Files,
    format: Format,
    listing: &Listing,
    options: &Options,
    conf: &SessionConf,
) -> SparkResult<StructType> {
    if matches!(format, Format::Text | Format::BinaryFile) {
        return Ok(fixed_schema(format));
    }
    if listing.files.is_empty() {
        return Err(SparkError::new("UNABLE_TO_INFER_SCHEMA").param("format", format.title()));
    }
    if matches!(format, Format::Parquet | Format::Orc) {
        let merge = match text(options, "mergeschema") {
            Some(_) => flag(options, "mergeschema", false)?,
            None => conf.bool(&format!("spark.sql.{}.mergeSchema", format.provider())),
        };
        let mut by_name: Vec<&FileEntry> = listing.files.iter().collect();
        by_name.sort_by(|a, b| a.place.cmp(&b.place));
        let mut out: Option<StructType> = None;
        for file in by_name {
            let found = match format {
                Format::Orc => orc::schema_of(files, file).await?,
                _ => Some(parquet::schema_of(files, file).await?),
            };
            let Some(found) = found else { continue };
            out = Some(match out {
                None => found,
                Some(before) => infer::merge(&before, &found, conf.case_sensitive())?,
            });
            if !merge {
                break;
            }
        }
        return out.ok_or_else(|| SparkError::new("UNABLE_TO_INFER_SCHEMA").param("format", format.title()));
    }
    let (files, entries, options, conf) = (files.clone(), listing.files.clone(), options.clone(), conf.clone());
    let runtime = Handle::current();
    let work = tokio::task::spawn_blocking(move || match format {
        Format::Csv => infer_csv(&files, &entries, &options, &conf, &runtime),
        _ => infer_json(&files, &entries, &options, &conf, &runtime),
    });
    work.await.map_err(|e| SparkError::internal(format!("schema inference: {e}")))?
}

const SAMPLE_ROWS: usize = 8192;

fn infer_csv(
    files: &Files,
    entries: &[FileEntry],
    options: &Options,
    conf: &SessionConf,
    runtime: &Handle,
) -> SparkResult<StructType> {
    let dialect = Dialect::new(options)?;
    let has_header = flag(options, "header", false)?;
    let infers = flag(options, "inferschema", false)?;
    let mut fields = Fields::default();
    let mut names: Option<Vec<String>> = None;
    let mut inference: Option<csv::Inference> = None;
    let mut held: Vec<Vec<Option<String>>> = vec![];
    for entry in entries {
        let mut first = true;
        let mut on_record = |fields: &Fields| -> SparkResult<bool> {
            let is_first = std::mem::take(&mut first);
            if names.is_none() {
                let found = csv::header(fields, has_header, conf.case_sensitive());
                held = vec![vec![]; found.len()];
                inference = Some(csv::Inference::new(found.len(), options, conf)?);
                names = Some(found);
            }
            if !infers {
                return Ok(false);
            }
            if is_first && has_header {
                return Ok(true);
            }
            for (i, column) in held.iter_mut().enumerate() {
                column.push(fields.get(i).map(|b| String::from_utf8_lossy(b).into_owned()));
            }
            if held.first().is_some_and(|c| c.len() >= SAMPLE_ROWS) {
                settle(&mut inference, &mut held)?;
            }
            Ok(true)
        };
        each_csv_record(files, entry, options, &dialect, runtime, &mut fields, &mut on_record)?;
        if names.is_some() && !infers {
            break;
        }
    }
    settle(&mut inference, &mut held)?;
    Ok(match (inference, names) {
        (Some(inference), Some(names)) => inference.schema(names),
        _ => StructType::default(),
    })
}

/// Gives the held values to the inference.
fn settle(inference: &mut Option<csv::Inference>, held: &mut [Vec<Option<String>>]) -> SparkResult<()> {
    let columns: Vec<StringArray> = held.iter_mut().map(|c| std::mem::take(c).into_iter().collect()).collect();
    match inference {
        Some(i) => i.add(&columns).map_err(spark_error),
        None => Ok(()),
    }
}

/// Calls `on_record` for the records of a file until it says no.
fn each_csv_record(
    files: &Files,
    entry: &FileEntry,
    options: &Options,
    dialect: &Dialect,
    runtime: &Handle,
    fields: &mut Fields,
    on_record: &mut dyn FnMut(&Fields) -> SparkResult<bool>,
) -> SparkResult<()> {
    let encoding = lines::encoding(options);
    if flag(options, "multiline", false)? {
        let input = lines::open(files, &entry.place, 0, runtime)?;
        let bytes = lines::read_all(input, encoding.as_deref(), &entry.place)?;
        let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        while !rest.is_empty() {
            let line_end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            if !dialect.is_record(rest.get(..line_end).unwrap_or_default()) {
                rest = rest.get(line_end + 1..).unwrap_or_default();
                continue;
            }
            let length = csv::record(rest, dialect, true, fields).max(1);
            if !on_record(fields)? {
                return Ok(());
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        return Ok(());
    }
    let separator = text(options, "linesep").map(super::options::unescape);
    let mut lines =
        Lines::open(files, &entry.place, (0, u64::MAX), separator.as_deref(), encoding.as_deref(), runtime)?;
    while let Some(line) = lines.next_line()? {
        if !dialect.is_record(line) {
            continue;
        }
        csv::record(line, dialect, false, fields);
        if !on_record(fields)? {
            return Ok(());
        }
    }
    Ok(())
}

fn infer_json(
    files: &Files,
    entries: &[FileEntry],
    options: &Options,
    conf: &SessionConf,
    runtime: &Handle,
) -> SparkResult<StructType> {
    let allow = Liberties::new(options)?;
    let encoding = lines::encoding(options);
    let mode = parse_mode(options);
    let mut inference = json::Inference::new(options, conf)?;
    let mut add = |text: &str| -> SparkResult<()> {
        match Reader::new(text, allow).next_value() {
            None => {}
            Some(Ok(value)) => inference.add(&value).map_err(spark_error)?,
            Some(Err(_)) => inference.corrupt = true,
        }
        if inference.corrupt && mode == ParseMode::FailFast {
            return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                .param("badRecord", corrupt_name(options, conf))
                .param("failFastMode", "FAILFAST"));
        }
        Ok(())
    };
    for entry in entries {
        if flag(options, "multiline", false)? {
            let input = lines::open(files, &entry.place, 0, runtime)?;
            let bytes = lines::read_all(input, encoding.as_deref(), &entry.place)?;
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            add(&String::from_utf8_lossy(bytes))?;
            continue;
        }
        let separator = text(options, "linesep").map(super::options::unescape);
        let mut lines =
            Lines::open(files, &entry.place, (0, u64::MAX), separator.as_deref(), encoding.as_deref(), runtime)?;
        while let Some(line) = lines.next_line()? {
            if line.iter().any(|b| *b > b' ') {
                add(&String::from_utf8_lossy(line))?;
            }
        }
    }
    let corrupt = corrupt_name(options, conf);
    Ok(inference.schema((mode == ParseMode::Permissive).then_some(corrupt.as_str())))
}
