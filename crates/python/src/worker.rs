//! A worker process that is connected: what runs a task's frames through it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::stream::BoxStream;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow_schema;

use crate::batch::Decoder;
use crate::feeding::Feeding;
use crate::launcher::{Connection, Launcher};
use crate::wire::{self, Message, Reader};
use crate::{Call, Environment, Frame, Reply, Task, describe, eval_type, fault};

/// How long a worker whose work is no longer wanted may take to come to an end of its own.
const GRACE: Duration = Duration::from_millis(250);

/// Takes what one message of a worker holds.
pub type Results = mpsc::Sender<SparkResult<Vec<RecordBatch>>>;
pub type Input = BoxStream<'static, SparkResult<Frame>>;

/// Killed when dropped.
pub struct Worker {
    connection: Connection,
    launcher: Arc<Launcher>,
    pub environment: Arc<Environment>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.launcher.kill(self.connection.pid);
    }
}

/// How a task ended: the worker, if it can be used again; what it reported; the error.
pub struct Outcome {
    pub worker: Option<Worker>,
    pub updates: Vec<Vec<u8>>,
    pub error: Option<SparkError>,
}

impl Outcome {
    fn failed(error: SparkError) -> Self {
        Outcome { worker: None, updates: vec![], error: Some(error) }
    }
}

/// The schema of a task's results.
pub fn result_schema(task: &Task) -> SchemaRef {
    let table = to_arrow_schema(&task.output);
    if !eval_type::is_table(task.eval_type) {
        return Arc::new(table);
    }
    let row = Arc::new(Field::new("row", DataType::Int64, true));
    Arc::new(Schema::new(std::iter::once(row).chain(table.fields().iter().cloned()).collect::<Vec<_>>()))
}

impl Worker {
    pub fn new(connection: Connection, launcher: Arc<Launcher>, environment: Arc<Environment>) -> Self {
        Worker { connection, launcher, environment }
    }

    pub fn has_ended(&self) -> bool {
        self.launcher.has_ended(self.connection.pid)
    }

    /// Feeds the task's input and passes on its results, until there are no more or nobody wants them.
    pub async fn run(self, task: Arc<Task>, input: Input, results: &Results) -> Outcome {
        let (mut reader, writer) = match self.connection.open() {
            Ok(halves) => halves,
            Err(e) => return Outcome::failed(fault::protocol(e)),
        };
        let mut decoder = match Decoder::new(&result_schema(&task)) {
            Ok(decoder) => decoder,
            Err(e) => return Outcome::failed(e),
        };
        let mut feeding = Feeding::start(writer, self.connection.segment.clone(), task, input);
        loop {
            tokio::select! {
                _ = results.closed() => return self.wind_down(reader, feeding, None).await,
                error = feeding.end(), if !feeding.has_ended() => {
                    if error.is_some() {
                        return self.wind_down(reader, feeding, error).await;
                    }
                }
                message = reader.next() => match message {
                    Ok(Some(message)) if message.kind == wire::BATCH => {
                        let batches: SparkResult<Vec<_>> = message.parts.into_iter().map(|p| decoder.decode(p)).collect();
                        let failed = batches.is_err();
                        if results.send(batches).await.is_err() || failed {
                            return self.wind_down(reader, feeding, None).await;
                        }
                    }
                    Ok(Some(message)) => return self.end(feeding, message).await,
                    Ok(None) => return Outcome::failed(self.launcher.crash(self.connection.pid).await),
                    Err(e) => return Outcome::failed(e),
                },
            }
        }
    }

    /// The worker's last word about a task: done, or an error.
    async fn end(self, mut feeding: Feeding, message: Message) -> Outcome {
        let value = message.json();
        let last = value.get("last").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let mut updates = vec![];
        let error = match message.kind {
            wire::DONE => {
                updates.extend(message.parts.into_iter().skip(1).map(|p| p.to_vec()));
                None
            }
            wire::ERROR => Some(fault::reported(&value)),
            other => Some(fault::protocol(format!("message {other}"))),
        };
        // The worker reads what is left and forgets it.
        let input_error = timeout(GRACE, feeding.finish()).await.unwrap_or_default();
        let reusable = !last && feeding.is_whole() && message.kind != wire::REPLY;
        Outcome { worker: reusable.then_some(self), updates, error: error.or(input_error) }
    }

    /// The results are no longer wanted: the worker may finish what it does, for a moment.
    async fn wind_down(
        self,
        mut reader: Reader<UnixStream>,
        mut feeding: Feeding,
        error: Option<SparkError>,
    ) -> Outcome {
        let quiet = timeout(GRACE, async {
            feeding.stop();
            loop {
                tokio::select! {
                    _ = feeding.end(), if !feeding.has_ended() => {
                        if !feeding.is_whole() {
                            return false;
                        }
                    }
                    message = reader.next() => match message {
                        Ok(Some(m)) if m.kind == wire::BATCH => {}
                        Ok(Some(m)) => {
                            let last = m.json().get("last").and_then(serde_json::Value::as_bool).unwrap_or(false);
                            feeding.finish().await;
                            return !last;
                        }
                        _ => return false,
                    },
                }
            }
        });
        let quiet = quiet.await.unwrap_or(false);
        let reusable = quiet && feeding.is_whole();
        Outcome { worker: reusable.then_some(self), updates: vec![], error }
    }

    /// Asks one question.
    pub async fn call(self, call: &Call) -> (Option<Worker>, SparkResult<Reply>) {
        let (mut reader, mut writer) = match self.connection.open() {
            Ok(halves) => halves,
            Err(e) => return (None, Err(fault::protocol(e))),
        };
        let sent = wire::write(&mut writer, wire::CALL, &describe::call(call)).await;
        let message = if sent { reader.next().await } else { Ok(None) };
        match message {
            Ok(Some(message)) if message.kind == wire::REPLY => {
                let blobs = message.parts.iter().skip(1).map(|p| Arc::from(p.as_ref())).collect();
                let reply = Reply { value: message.json(), blobs };
                (Some(self), Ok(reply))
            }
            Ok(Some(message)) => {
                let value = message.json();
                let last = value.get("last").and_then(serde_json::Value::as_bool).unwrap_or(false);
                ((!last).then_some(self), Err(fault::reported(&value)))
            }
            Ok(None) => {
                let error = self.launcher.crash(self.connection.pid).await;
                (None, Err(error))
            }
            Err(e) => (None, Err(e)),
        }
    }
}
