//! Rows that wait for their results.
//!
//! Results come in the order of the rows, in batches of other sizes. What waits counts as memory of
//! the query: there is at most as much of it as is on its way to a worker and back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{interleave_record_batch, take};
use arrow::datatypes::{DataType as Arrow, Int64Type, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::exec_err;

use crate::exact::retype;

type Batches = BoxStream<'static, Result<RecordBatch>>;
pub type Results = BoxStream<'static, SparkResult<RecordBatch>>;

/// Shared by the stream that feeds a worker and the stream of its results.
pub struct Held(Mutex<State>);

struct State {
    batches: VecDeque<RecordBatch>,
    /// Rows that are gone.
    before: usize,
    memory: MemoryReservation,
    /// Why the input ended early: kept as it was for whoever handles it.
    failure: Option<DataFusionError>,
}

impl Held {
    pub fn new(memory: MemoryReservation) -> Arc<Self> {
        Arc::new(Held(Mutex::new(State { batches: VecDeque::new(), before: 0, memory, failure: None })))
    }

    pub fn push(&self, batch: RecordBatch) -> Result<()> {
        let mut state = self.0.lock();
        state.memory.try_grow(bytes(&batch))?;
        state.batches.push_back(batch);
        Ok(())
    }

    /// Remembers the error and gives what the worker is told.
    pub fn fail(&self, error: DataFusionError) -> SparkError {
        self.0.lock().failure = Some(error);
        SparkError::internal("the input of a Python function failed")
    }

    fn failure(&self, error: SparkError) -> DataFusionError {
        self.0.lock().failure.take().unwrap_or_else(|| exec_err(error))
    }

    /// At most so many rows from the front.
    fn take(&self, rows: usize) -> Option<RecordBatch> {
        let mut state = self.0.lock();
        let front = state.batches.pop_front()?;
        let taken = if front.num_rows() <= rows {
            front
        } else {
            state.batches.push_front(front.slice(rows, front.num_rows() - rows));
            front.slice(0, rows)
        };
        let share = bytes(&taken).min(state.memory.size());
        state.memory.shrink(share);
        state.before += taken.num_rows();
        Some(taken)
    }

    fn is_empty(&self) -> bool {
        self.0.lock().batches.iter().all(|b| b.num_rows() == 0)
    }

    /// How many rows were ever held.
    fn total(&self) -> i64 {
        let state = self.0.lock();
        (state.before + state.batches.iter().map(RecordBatch::num_rows).sum::<usize>()) as i64
    }

    /// The rows of these numbers, counted from the first that was ever held.
    fn rows(&self, numbers: &[i64]) -> Result<RecordBatch> {
        let mut state = self.0.lock();
        let before = state.before;
        let mut ends = Vec::with_capacity(state.batches.len());
        let mut end = before;
        for batch in &state.batches {
            end += batch.num_rows();
            ends.push(end);
        }
        let mut picked = Vec::with_capacity(numbers.len());
        for number in numbers {
            let row = usize::try_from(*number).ok().filter(|r| *r >= before && *r < end);
            let row = row.ok_or_else(|| wrong("a result of a row that was not sent"))?;
            let batch = ends.partition_point(|e| *e <= row);
            let start = batch.checked_sub(1).and_then(|b| ends.get(b)).copied().unwrap_or(before);
            picked.push((batch, row - start));
        }
        let all: Vec<&RecordBatch> = state.batches.iter().collect();
        let rows = match all.first() {
            Some(first) if first.num_columns() > 0 => interleave_record_batch(&all, &picked)?,
            _ => batch(&Arc::new(Schema::empty()), vec![], picked.len())?,
        };
        // Results never go back by a batch.
        let done = picked.last().map_or(0, |(batch, _)| *batch);
        for _ in 0..done {
            if let Some(batch) = state.batches.pop_front() {
                state.before += batch.num_rows();
                let share = bytes(&batch).min(state.memory.size());
                state.memory.shrink(share);
            }
        }
        Ok(rows)
    }
}

/// Bytes of the rows that the batch shows.
pub fn bytes(batch: &RecordBatch) -> usize {
    let size = |c: &ArrayRef| c.to_data().get_slice_memory_size().unwrap_or_else(|_| c.get_array_memory_size());
    batch.columns().iter().map(size).sum()
}

fn wrong(what: &str) -> DataFusionError {
    exec_err(SparkError::internal(format!("a Python worker gave {what}")))
}

/// The columns with exactly these types.
fn typed(columns: &[ArrayRef], types: &[Arrow]) -> Result<Vec<ArrayRef>> {
    if columns.len() != types.len() {
        return Err(wrong("another number of columns"));
    }
    Ok(columns.iter().zip(types).map(|(c, t)| retype(c, t)).collect::<std::result::Result<_, _>>()?)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The types of the last columns of a schema.
fn last_types(schema: &SchemaRef, count: usize) -> Vec<Arrow> {
    let fields = schema.fields();
    fields.iter().skip(fields.len().saturating_sub(count)).map(|f| f.data_type().clone()).collect()
}

/// A result for each row that is held: the row, then the results.
pub fn beside(held: Arc<Held>, results: Results, schema: SchemaRef, functions: usize) -> Batches {
    let types = last_types(&schema, functions);
    let rest = Arc::clone(&held);
    let rows = results.flat_map(move |result| {
        let join = || -> Result<Vec<RecordBatch>> {
            let result = result.map_err(|e| held.failure(e))?;
            let columns = typed(result.columns(), &types)?;
            let (mut done, mut out) = (0, vec![]);
            while done < result.num_rows() {
                let row = held.take(result.num_rows() - done).ok_or_else(|| wrong("too many results"))?;
                let n = row.num_rows();
                let own = columns.iter().map(|c| c.slice(done, n));
                out.push(batch(&schema, row.columns().iter().cloned().chain(own).collect(), n)?);
                done += n;
            }
            Ok(out)
        };
        stream::iter(match join() {
            Ok(batches) => batches.into_iter().map(Ok).collect(),
            Err(e) => vec![Err(e)],
        })
    });
    let end = stream::once(async move {
        match rest.is_empty() {
            true => None,
            false => Some(Err(wrong("too few results"))),
        }
    });
    // After an error nothing is missing.
    let mut failed = false;
    let all = rows.map(Some).chain(end).filter_map(|b| async { b });
    all.scan((), move |_, b| {
        let over = failed;
        failed |= b.is_err();
        std::future::ready((!over).then_some(b))
    })
    .boxed()
}

/// Results that stand alone.
pub fn alone(held: Arc<Held>, results: Results, schema: SchemaRef) -> Batches {
    let types = last_types(&schema, schema.fields().len());
    results
        .map(move |result| {
            let result = result.map_err(|e| held.failure(e))?;
            batch(&schema, typed(result.columns(), &types)?, result.num_rows())
        })
        .boxed()
}

/// Results that name their row in a first column: the row again for each of them, or none of it.
/// `outer`: a row without results stands beside NULLs.
pub fn numbered(
    held: Arc<Held>,
    results: Results,
    schema: SchemaRef,
    functions: usize,
    keep: bool,
    outer: bool,
) -> Batches {
    let types = last_types(&schema, functions);
    let mut next = 0;
    let end = stream::iter(outer.then_some(None));
    let batches = results.map(Some).chain(end).map(move |result| {
        let Some(result) = result else {
            let rows = held.rows(&(next..held.total()).collect::<Vec<_>>())?;
            let nulls = types.iter().map(|t| new_null_array(t, rows.num_rows()));
            return batch(&schema, rows.columns().iter().cloned().chain(nulls).collect(), rows.num_rows());
        };
        let result = result.map_err(|e| held.failure(e))?;
        let Some((numbers, columns)) = result.columns().split_first() else { return Err(wrong("no columns")) };
        let mut columns = typed(columns, &types)?;
        if !keep {
            return batch(&schema, columns, result.num_rows());
        }
        let numbers = numbers.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong("rows without numbers"))?;
        let mut numbers: Cow<[i64]> = Cow::Borrowed(numbers.values());
        if outer {
            let (mut all, mut places) = (vec![], vec![]);
            for (place, number) in numbers.iter().enumerate() {
                all.extend(next..*number);
                places.extend((next..*number).map(|_| None));
                all.push(*number);
                places.push(u32::try_from(place).ok());
                next = next.max(*number + 1);
            }
            let places = UInt32Array::from(places);
            let taken = columns.iter().map(|c| take(c, &places, None));
            columns = taken.collect::<std::result::Result<_, _>>()?;
            numbers = Cow::Owned(all);
        }
        let rows = held.rows(&numbers)?;
        batch(&schema, rows.columns().iter().cloned().chain(columns).collect(), rows.num_rows())
    });
    batches.boxed()
}
