//! A pool with the Python of the tests, functions pickled by it, and tasks over a few columns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use vonk_common::SparkResult;
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_python::{Arg, Environment, Frame, Function, Pool, Task};

/// The interpreter with PySpark: `$VONK_PYTHON`, or the environment that scripts/setup.sh makes.
pub fn python() -> String {
    std::env::var("VONK_PYTHON").unwrap_or_else(|_| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
        root.to_string_lossy().into_owned()
    })
}

/// What `expression` is after `code`, pickled by PySpark's cloudpickle.
pub fn pickle(code: &str, expression: &str) -> Arc<[u8]> {
    let script = format!(
        "import sys\nfrom pyspark import cloudpickle\nfrom pyspark.sql.types import *\n{code}\n\
         sys.stdout.buffer.write(cloudpickle.dumps({expression}))"
    );
    let out = Command::new(python()).args(["-c", &script]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout.into()
}

pub fn environment() -> Environment {
    Environment { python: Some(python()), ..Environment::default() }
}

pub fn fields(types: &[DataType]) -> StructType {
    StructType::new(types.iter().enumerate().map(|(i, t)| StructField::new(format!("c{i}"), t.clone(), true)))
}

/// A task of one function `f` that `code` defines, over all columns.
pub fn task(eval_type: i32, code: &str, returns: &str, input: &[DataType], output: &[DataType]) -> Task {
    let function = Function {
        chain: vec![pickle(code, &format!("(f, {returns})"))],
        args: (0..input.len()).map(Arg::Positional).collect(),
        name: "f".to_string(),
        ..Function::default()
    };
    Task {
        eval_type,
        functions: vec![function],
        input: fields(input),
        output: fields(output),
        keys: vec![],
        right: None,
        table: None,
        conf: Default::default(),
        environment: Arc::new(environment()),
    }
}

pub fn longs(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    batch(vec![Arc::new(Int64Array::from_iter_values(values))])
}

pub fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(i, c)| (format!("c{i}"), c))).unwrap()
}

pub fn frames(frames: Vec<Frame>) -> BoxStream<'static, SparkResult<Frame>> {
    stream::iter(frames.into_iter().map(Ok)).boxed()
}

/// All results, or the first error.
pub async fn collect(pool: &Pool, task: Task, input: Vec<Frame>) -> SparkResult<Vec<RecordBatch>> {
    let mut results = pool.run(Arc::new(task), frames(input));
    let mut out = vec![];
    while let Some(batch) = tokio::time::timeout(Duration::from_secs(60), results.next()).await.expect("in time") {
        out.push(batch?);
    }
    Ok(out)
}

pub fn long_column(batches: &[RecordBatch], column: usize) -> Vec<Option<i64>> {
    batches
        .iter()
        .flat_map(|b| b.column(column).as_any().downcast_ref::<Int64Array>().unwrap().iter().collect::<Vec<_>>())
        .collect()
}

pub fn text_column(batches: &[RecordBatch], column: usize) -> Vec<Option<String>> {
    let texts = |b: &RecordBatch| -> Vec<Option<String>> {
        let column = b.column(column).as_any().downcast_ref::<StringArray>().unwrap();
        column.iter().map(|v| v.map(str::to_string)).collect()
    };
    batches.iter().flat_map(texts).collect()
}
