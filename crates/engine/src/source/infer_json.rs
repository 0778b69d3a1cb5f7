//! The schema of JSON files: of all lines, or with `multiline` of each file as a whole.

use tokio::runtime::Handle;
use vonk_common::error::quote_sql;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::relation::Options;
use vonk_plan::types::StructType;

use super::json::Inference;
use super::json_text::{Liberties, Reader};
use super::lines::{self, Lines};
use super::options::{ParseMode, flag, parse_mode, text, unescape};
use super::sampled::Sample;
use super::scan::corrupt_name;
use super::single_variant;
use crate::fs::{FileEntry, Files};

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
    let allow = Liberties::new(options)?;
    let encoding = lines::encoding(options);
    let mode = parse_mode(options);
    let mut sample = Sample::new(options)?;
    let mut inference = Inference::new(options, conf)?;
    let mut add = |text: &str| -> SparkResult<()> {
        match Reader::new(text, allow).next_value() {
            None => {}
            Some(Ok(value)) => inference.add(&value).map_err(spark_error)?,
            Some(Err(_)) => inference.corrupt = true,
        }
        if let (Some(stray), ParseMode::FailFast) = (&inference.stray, mode) {
            return Err(SparkError::new("INVALID_JSON_RECORD_TYPE")
                .param("invalidType", quote_sql(stray.sql()))
                .param("failFastMode", "FAILFAST"));
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
            if sample.takes_next() {
                add(&String::from_utf8_lossy(&bytes))?;
            }
            continue;
        }
        let separator = text(options, "linesep").map(unescape);
        let mut lines =
            Lines::open(files, &entry.place, (0, u64::MAX), separator.as_deref(), encoding.as_deref(), runtime)?;
        while let Some(line) = lines.next_line()? {
            if sample.takes_next() && line.iter().any(|b| *b > b' ') {
                add(&String::from_utf8_lossy(line))?;
            }
        }
    }
    let corrupt = corrupt_name(options, conf);
    Ok(inference.schema((mode == ParseMode::Permissive).then_some(corrupt.as_str())))
}
