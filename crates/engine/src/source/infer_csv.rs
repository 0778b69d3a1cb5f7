//! The schema of CSV files: names of the first record, and types of all where `inferSchema` asks for them.

use arrow::array::StringArray;
use tokio::runtime::Handle;
use vonk_common::{SessionConf, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::relation::Options;
use vonk_plan::types::StructType;

use super::csv::{self, Dialect, Fields, Inference};
use super::lines::{self, Lines};
use super::options::{flag, text, unescape};
use super::sampled::Sample;
use super::single_variant;
use crate::fs::{FileEntry, Files};

/// Records that are looked at together.
const SAMPLE_ROWS: usize = 8192;

pub fn schema(
    files: &Files,
    entries: &[FileEntry],
    options: &Options,
    conf: &SessionConf,
    runtime: &Handle,
) -> SparkResult<StructType> {
    if let Some(schema) = single_variant::schema(options) {
        return Ok(schema);
    }
    let (dialect, sample) = (Dialect::new(options)?, Sample::new(options)?);
    let mut input = Input { files, options, runtime, dialect, sample };
    let has_header = flag(options, "header", false)?;
    let infers = flag(options, "inferschema", false)?;
    let mut names: Option<Vec<String>> = None;
    let mut inference: Option<Inference> = None;
    let mut held: Vec<Vec<Option<String>>> = vec![];
    for entry in entries {
        let mut first = true;
        let mut on_record = |fields: &Fields, taken: bool| -> SparkResult<bool> {
            let is_first = std::mem::take(&mut first);
            if names.is_none() {
                let found = csv::header(fields, has_header, conf.case_sensitive());
                held = vec![vec![]; found.len()];
                inference = Some(Inference::new(found.len(), options, conf)?);
                names = Some(found);
            }
            if !infers {
                return Ok(false);
            }
            if is_first && has_header || !taken {
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
        input.each_record(entry, &mut on_record)?;
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
fn settle(inference: &mut Option<Inference>, held: &mut [Vec<Option<String>>]) -> SparkResult<()> {
    let columns: Vec<StringArray> = held.iter_mut().map(|c| std::mem::take(c).into_iter().collect()).collect();
    match inference {
        Some(i) => i.add(&columns).map_err(spark_error),
        None => Ok(()),
    }
}

/// How the files are read.
struct Input<'i> {
    files: &'i Files,
    options: &'i Options,
    runtime: &'i Handle,
    dialect: Dialect,
    sample: Sample,
}

impl Input<'_> {
    /// Calls `on_record` for the records of a file, and whether they are of the sample, until it says no.
    /// Error: `MALFORMED_CSV_RECORD`.
    fn each_record(
        &mut self,
        entry: &FileEntry,
        on_record: &mut dyn FnMut(&Fields, bool) -> SparkResult<bool>,
    ) -> SparkResult<()> {
        let Input { files, options, runtime, dialect, sample } = self;
        let mut fields = Fields::default();
        let encoding = lines::encoding(options);
        if flag(options, "multiline", false)? {
            let input = lines::open(files, &entry.place, 0, runtime)?;
            let bytes = lines::read_all(input, encoding.as_deref(), &entry.place)?;
            return csv::each_record(&bytes, dialect, &mut fields, |fields, record| {
                fields.check(record)?;
                on_record(fields, sample.takes_next())
            });
        }
        let separator = text(options, "linesep").map(unescape);
        let mut lines =
            Lines::open(files, &entry.place, (0, u64::MAX), separator.as_deref(), encoding.as_deref(), runtime)?;
        while let Some(line) = lines.next_line()? {
            let taken = sample.takes_next();
            if !dialect.is_record(line) {
                continue;
            }
            csv::record(line, dialect, false, &mut fields);
            fields.check(line)?;
            if !on_record(&fields, taken)? {
                return Ok(());
            }
        }
        Ok(())
    }
}
