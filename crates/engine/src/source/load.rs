//! From a format, paths, options and perhaps a schema to a table over files.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use tokio::runtime::Handle;
use vonk_catalog::{Partition, Table};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::types::{StructField, StructType};

use super::existing::Existing;
use super::listing::{self, Listing};
use super::options::{flag, text};
use super::scan::{corrupt_name, fixed_schema};
use super::table::DataFile;
use super::{
    FileTable, Format, check_duplicates, infer, infer_csv, infer_json, orc, parquet, partitions, single_variant,
};
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
    check_schema(format, &data_schema)?;
    check_duplicates(data_schema.fields.iter().map(|f| f.name.as_str()), case)?;
    let data_schema = StructType::new(data_schema.fields.iter().filter(|f| !in_folders(f)).cloned());
    if matches!(format, Format::Csv | Format::Json) {
        single_variant::check(&data_schema, options, &corrupt_name(options, conf))?;
    }
    let data_files = listing.files.into_iter().zip(values);
    let data_files = data_files.filter_map(|(entry, partition)| Some(DataFile { entry, partition: partition? }));
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

/// Are files that cannot be read left out?
pub fn ignores_corrupt_files(options: &Options, conf: &SessionConf) -> SparkResult<bool> {
    flag(options, "ignorecorruptfiles", conf.bool("spark.sql.files.ignoreCorruptFiles"))
}

/// Files of text have one column, a string; those of bytes are always of the same columns.
fn check_schema(format: Format, schema: &StructType) -> SparkResult<()> {
    match (format, schema.fields.as_ref()) {
        (Format::Text, [one]) if !one.data_type.is_string() => {
            Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                .param("format", format.title())
                .param("columnName", quote_id([&*one.name]))
                .param("columnType", quote_sql(one.data_type.sql())))
        }
        (Format::Text, several) if several.len() != 1 => {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1290").param("schemaSize", several.len()))
        }
        (Format::BinaryFile, _) if *schema != fixed_schema(format) => {
            Err(SparkError::unsupported("another schema of the data source binaryFile"))
        }
        _ => Ok(()),
    }
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
    let unknown = || SparkError::new("UNABLE_TO_INFER_SCHEMA").param("format", format.title());
    if listing.files.is_empty() {
        return Err(unknown());
    }
    if matches!(format, Format::Parquet | Format::Orc) {
        let merge = match text(options, "mergeschema") {
            Some(_) => flag(options, "mergeschema", false)?,
            None => conf.bool(&format!("spark.sql.{}.mergeSchema", format.provider())),
        };
        let ignores_corrupt = ignores_corrupt_files(options, conf)?;
        let mut by_name: Vec<&FileEntry> = listing.files.iter().collect();
        by_name.sort_by(|a, b| a.place.cmp(&b.place));
        let mut out: Option<StructType> = None;
        for file in by_name {
            let found = match format {
                Format::Orc => orc::schema_of(files, file).await,
                _ => parquet::schema_of(files, file).await.map(Some),
            };
            let found = match found {
                Err(_) if ignores_corrupt => continue,
                found => found?,
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
        return out.map(|s| s.as_nullable()).ok_or_else(unknown);
    }
    let (files, entries, options, conf) = (files.clone(), listing.files.clone(), options.clone(), conf.clone());
    let runtime = Handle::current();
    let work = tokio::task::spawn_blocking(move || match format {
        Format::Csv => infer_csv::schema(&files, &entries, &options, &conf, &runtime),
        _ => infer_json::schema(&files, &entries, &options, &conf, &runtime),
    });
    work.await.map_err(|e| SparkError::internal(format!("schema inference: {e}")))?
}
