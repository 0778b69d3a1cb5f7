//! A worker process that is connected: what runs a task's frames through it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow_schema;

use crate::batch::{Decoder, Encoder};
use crate::launcher::{Connection, Launcher, Writer};
use crate::wire::{self, Message, Part, Reader};
use crate::{Call, Environment, Frame, Reply, Task, describe, eval_type, fault};

/// How long a worker whose work is no longer wanted may take to come to an end of its own.
const GRACE: Duration = Duration::from_millis(250);

pub type Results = mpsc::Sender<SparkResult<RecordBatch>>;
pub type Input = BoxStream<'static, SparkResult<Frame>>;

/// Killed when dropped.
pub struct Worker {
    pid: u32,
    reader: Reader<OwnedReadHalf>,
    /// Away while a feeder has it.
    writer: Option<Writer>,
    launcher: Arc<Launcher>,
    pub environment: Arc<Environment>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.launcher.kill(self.pid);
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
        let Connection { pid, reader, writer } = connection;
        Worker { pid, reader, writer: Some(writer), launcher, environment }
    }

    pub fn has_ended(&self) -> bool {
        self.launcher.has_ended(self.pid)
    }

    /// Feeds the task's input and passes on its results, until there are no more or nobody wants them.
    pub async fn run(mut self, task: Arc<Task>, input: Input, results: &Results) -> Outcome {
        let Some(writer) = self.writer.take() else { return Outcome::failed(SparkError::internal("a busy worker")) };
        let mut decoder = match Decoder::new(&result_schema(&task)) {
            Ok(decoder) => decoder,
            Err(e) => return Outcome::failed(e),
        };
        let (stop, stopped) = watch::channel(false);
        let mut feeding = Feeding { handle: tokio::spawn(feed(writer, task, input, stopped)), fed: None, stop };
        loop {
            tokio::select! {
                _ = results.closed() => return self.wind_down(feeding, None).await,
                fed = &mut feeding.handle, if feeding.fed.is_none() => {
                    let error = feeding.take(fed);
                    if error.is_some() {
                        return self.wind_down(feeding, error).await;
                    }
                }
                message = self.reader.next() => match message {
                    Ok(Some(message)) if message.kind == wire::BATCH => {
                        let batch = message.parts.into_iter().next().unwrap_or_default();
                        let batch = decoder.decode(batch);
                        let failed = batch.is_err();
                        if results.send(batch).await.is_err() || failed {
                            return self.wind_down(feeding, None).await;
                        }
                    }
                    Ok(Some(message)) => return self.end(feeding, message).await,
                    Ok(None) => return Outcome::failed(self.launcher.crash(self.pid).await),
                    Err(e) => return Outcome::failed(e),
                },
            }
        }
    }

    /// The worker's last word about a task: done, or an error.
    async fn end(mut self, mut feeding: Feeding, message: Message) -> Outcome {
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
        self.writer = feeding.fed.take();
        let reusable = !last && self.writer.is_some() && message.kind != wire::REPLY;
        Outcome { worker: reusable.then_some(self), updates, error: error.or(input_error) }
    }

    /// The results are no longer wanted: the worker may finish what it does, for a moment.
    async fn wind_down(mut self, mut feeding: Feeding, error: Option<SparkError>) -> Outcome {
        let quiet = timeout(GRACE, async {
            feeding.stop();
            loop {
                tokio::select! {
                    fed = &mut feeding.handle, if feeding.fed.is_none() => {
                        feeding.take(fed);
                        if feeding.fed.is_none() {
                            return false;
                        }
                    }
                    message = self.reader.next() => match message {
                        Ok(Some(m)) if m.kind == wire::BATCH => {}
                        Ok(Some(m)) => {
                            let last = m.json().get("last").and_then(serde_json::Value::as_bool).unwrap_or(false);
                            if feeding.fed.is_none() {
                                feeding.finish().await;
                            }
                            return !last;
                        }
                        _ => return false,
                    },
                }
            }
        });
        let quiet = quiet.await.unwrap_or(false);
        self.writer = feeding.fed.take();
        let reusable = quiet && self.writer.is_some();
        Outcome { worker: reusable.then_some(self), updates: vec![], error }
    }

    /// Asks one question.
    pub async fn call(mut self, call: &Call) -> (Option<Worker>, SparkResult<Reply>) {
        let Some(writer) = self.writer.as_mut() else { return (None, Err(SparkError::internal("a busy worker"))) };
        let sent = wire::write(writer, wire::CALL, &describe::call(call)).await;
        let message = if sent { self.reader.next().await } else { Ok(None) };
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
                let error = self.launcher.crash(self.pid).await;
                (None, Err(error))
            }
            Err(e) => (None, Err(e)),
        }
    }
}

/// The task that writes frames, and the writer once it is back.
struct Feeding {
    handle: JoinHandle<Fed>,
    fed: Option<Writer>,
    stop: watch::Sender<bool>,
}

struct Fed {
    writer: Writer,
    error: Option<SparkError>,
}

impl Feeding {
    fn stop(&self) {
        let _ = self.stop.send(true);
    }

    fn take(&mut self, fed: Result<Fed, tokio::task::JoinError>) -> Option<SparkError> {
        match fed {
            Ok(fed) => {
                self.fed = Some(fed.writer);
                fed.error
            }
            Err(e) => Some(SparkError::internal(format!("the input of a Python worker: {e}"))),
        }
    }

    /// Stops the feeder and waits for it; the input's error, if there was one.
    async fn finish(&mut self) -> Option<SparkError> {
        self.stop();
        if self.fed.is_some() {
            return None;
        }
        let fed = (&mut self.handle).await;
        self.take(fed)
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Writes the task, its frames and the end.
async fn feed(mut writer: Writer, task: Arc<Task>, mut input: Input, mut stop: watch::Receiver<bool>) -> Fed {
    let mut error = None;
    let encoders = Encoder::new(&task.input).and_then(|left| {
        let right = task.right.as_ref().map(|r| Encoder::new(&r.input)).transpose()?;
        Ok((left, right))
    });
    let (mut left, mut right) = match encoders {
        Ok(encoders) => encoders,
        Err(e) => return Fed { writer, error: Some(e) },
    };
    if !wire::write(&mut writer, wire::TASK, &describe::task(&task)).await {
        return Fed { writer, error };
    }
    loop {
        let frame = tokio::select! {
            biased;
            _ = stop.changed() => break,
            frame = input.next() => match frame {
                Some(frame) => frame,
                None => break,
            },
        };
        match frame.and_then(|f| frame_parts(f, &mut left, right.as_mut())) {
            Ok(parts) => {
                if !wire::write(&mut writer, wire::FRAME, &parts).await {
                    return Fed { writer, error };
                }
            }
            Err(e) => {
                error = Some(e);
                break;
            }
        }
    }
    drop(input);
    wire::write(&mut writer, wire::END, &[]).await;
    Fed { writer, error }
}

fn frame_parts(frame: Frame, left: &mut Encoder, right: Option<&mut Encoder>) -> SparkResult<Vec<Part>> {
    let mut parts = vec![left.encode(&frame.left)?, ends(frame.ends)];
    match (frame.right, right) {
        (Some((batch, right_ends)), Some(right)) => {
            parts.push(right.encode(&batch)?);
            parts.push(ends(right_ends));
        }
        (None, None) => {}
        _ => return Err(SparkError::internal("a frame for a Python worker has another number of sides than its task")),
    }
    Ok(parts)
}

fn ends(ends: Vec<u32>) -> Part {
    vec![Buffer::from_vec(ends)]
}
