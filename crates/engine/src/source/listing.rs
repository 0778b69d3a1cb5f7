//! Which files a set of paths means.
//!
//! Paths may hold wildcards. Files and folders whose names start with `_` or `.` are not data
//! (`_a=1` is a partition, though). The order is Spark's: large files first.

use chrono::{DateTime, NaiveDateTime};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::relation::Options;

use super::options::{flag, text};
use crate::fs::{FileEntry, Files, Place, is_glob, path_not_found};

/// The files below some root paths.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub roots: Vec<Place>,
    pub files: Vec<FileEntry>,
    /// Folders below which partition columns are looked for.
    pub bases: Vec<Place>,
    /// `recursiveFileLookup`: folder names mean nothing.
    pub recursive: bool,
}

/// Filters by name and time.
struct Wanted {
    name: Option<glob::Pattern>,
    before: Option<i64>,
    after: Option<i64>,
}

impl Wanted {
    fn new(options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let pattern = text(options, "pathglobfilter").map(glob::Pattern::new).transpose();
        let name = pattern.map_err(|e| SparkError::internal(format!("pathGlobFilter: {e}")))?;
        let time = |key| text(options, key).map(|v| instant(v, key, conf)).transpose();
        Ok(Wanted { name, before: time("modifiedbefore")?, after: time("modifiedafter")? })
    }

    fn takes(&self, file: &FileEntry) -> bool {
        self.name.as_ref().is_none_or(|p| p.matches(file.place.name()))
            && self.before.is_none_or(|t| file.modified < t)
            && self.after.is_none_or(|t| file.modified > t)
    }
}

/// `2020-06-01T13:00:00` in the session's zone, in milliseconds.
fn instant(value: &str, key: &str, conf: &SessionConf) -> SparkResult<i64> {
    let invalid = || SparkError::new("_LEGACY_ERROR_TEMP_1294").param("strategy", key).param("timeString", value);
    if let Ok(with_zone) = DateTime::parse_from_rfc3339(value) {
        return Ok(with_zone.timestamp_millis());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let local = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(value, f).ok()).ok_or_else(invalid)?;
    let array = arrow::array::TimestampMicrosecondArray::from(vec![local.and_utc().timestamp_micros()]);
    let zone =
        arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some(conf.time_zone().into()));
    let moved = arrow::compute::cast(&array, &zone).map_err(|_| invalid())?;
    let moved = arrow::array::AsArray::as_primitive::<arrow::datatypes::TimestampMicrosecondType>(&moved);
    Ok(moved.value(0).div_euclid(1000))
}

/// Is a file or folder of that name left out?
pub fn is_hidden(name: &str) -> bool {
    (name.starts_with('_') && !name.contains('=')) || name.starts_with('.') || name.ends_with("._COPYING_")
}

/// Lists the files of the paths. Error: `PATH_NOT_FOUND`.
pub async fn list(files: &Files, paths: &[String], options: &Options, conf: &SessionConf) -> SparkResult<Listing> {
    let wanted = Wanted::new(options, conf)?;
    let recursive = flag(options, "recursivefilelookup", false)?;
    let ignore_missing = match text(options, "ignoremissingfiles") {
        Some(_) => flag(options, "ignoremissingfiles", false)?,
        None => conf.bool("spark.sql.files.ignoreMissingFiles"),
    };
    let mut out = Listing { recursive, ..Listing::default() };
    for path in paths {
        let place = Place::parse(path)?;
        if is_glob(&place.path) && !files.exists(&place).await? {
            let found = files.glob(&place).await?;
            if found.is_empty() && !ignore_missing {
                return Err(path_not_found(&place));
            }
            out.roots.extend(found);
        } else if files.exists(&place).await? {
            out.roots.push(place);
        } else if !ignore_missing {
            return Err(path_not_found(&place));
        }
    }
    for root in out.roots.clone() {
        let mut folders = vec![root.clone()];
        let mut is_file = false;
        while let Some(folder) = folders.pop() {
            let (found, below) = files.list(&folder).await?;
            is_file |= found.iter().any(|f| f.place == root);
            out.files.extend(found.into_iter().filter(|f| !is_hidden(f.place.name()) && wanted.takes(f)));
            folders.extend(below.into_iter().filter(|f| !is_hidden(f.name())));
        }
        out.bases.push(match (is_file, root.parent()) {
            (true, Some(parent)) => parent,
            _ => root,
        });
    }
    if let Some(base) = text(options, "basepath") {
        let base = Place::parse(base)?;
        if let Some(stray) = out.roots.iter().find(|r| !r.is_within(&base)) {
            return Err(SparkError::internal(format!("the basePath {base} is not above {stray}")));
        }
        out.bases = vec![base];
    }
    sort(&mut out.files);
    Ok(out)
}

/// Spark's order of files: by size, the largest first; then by name.
pub fn sort(files: &mut [FileEntry]) {
    files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.place.cmp(&b.place)));
}
