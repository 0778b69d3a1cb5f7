//! ORC as a source: the schema of a file, and its rows for a scan.

use tokio::runtime::Handle;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{StructField, StructType};

use super::lines::read_failed;
use super::scan::Split;
use crate::fs::{FileEntry, Files};
use crate::orc::read::{Batch, Reader, Wrong};
use crate::orc::tail::Tail;

/// The schema of one file; none of one without bytes.
pub async fn schema_of(files: &Files, file: &FileEntry) -> SparkResult<Option<StructType>> {
    if file.size == 0 {
        return Ok(None);
    }
    let tail = Tail::read(files, &file.place, file.size).await.map_err(|cause| {
        log::debug!("{}: {cause}", file.place);
        SparkError::new("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER").param("path", &file.place)
    })?;
    tail.schema().map(Some)
}

/// Why reading a split ends early: the file is at fault, or the one who takes the rows has said so.
pub enum Ended<E> {
    File(SparkError),
    Taker(E),
}

/// Calls `put` with the rows of a split, on a thread that may wait.
pub fn read<E>(
    (files, runtime, batch_rows): (&Files, &Handle, usize),
    split: &Split,
    wanted: &[(usize, &StructField)],
    case_sensitive: bool,
    put: &mut dyn FnMut(Batch) -> Result<(), E>,
) -> Result<(), Ended<E>> {
    if split.size == 0 {
        return Ok(());
    }
    let failed = |cause: String| Ended::File(read_failed(&split.place, cause));
    let tail = runtime.block_on(Tail::read(files, &split.place, split.size)).map_err(failed)?;
    let reader = Reader { files, place: &split.place, tail: &tail, runtime, batch_rows };
    let mut put = |batch: Batch| put(batch).map_err(Stop::Taker);
    reader.stripes((split.start, split.end), wanted, case_sensitive, &mut put).map_err(|stop| match stop {
        Stop::Taker(e) => Ended::Taker(e),
        Stop::Wrong(Wrong(cause)) => failed(cause),
    })
}

enum Stop<E> {
    Taker(E),
    Wrong(Wrong),
}

impl<E> From<Wrong> for Stop<E> {
    fn from(wrong: Wrong) -> Self {
        Stop::Wrong(wrong)
    }
}
