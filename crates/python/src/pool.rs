//! The pool of worker processes: started ahead of need, used again, one fork server an interpreter.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, mpsc};
use vonk_common::SparkResult;

use crate::launcher::Launcher;
use crate::worker::{Input, Results, Worker};
use crate::{Call, Environment, Frame, Reply, Task, interpreter};

/// Messages of results that wait for the consumer of one task.
const QUEUE: usize = 2;
/// Idle workers that are kept above one a core.
const SPARE: usize = 2;
/// Ended sessions that are remembered, for workers that were busy at the time.
const ENDED_SESSIONS: usize = 1000;
/// Bytes of reports that are kept for one session.
const MAX_UPDATES: usize = 64 * 1024 * 1024;

/// Cheap to clone; the processes end with the last clone.
#[derive(Clone, Default)]
pub struct Pool(Arc<Inner>);

#[derive(Default)]
struct Inner {
    launchers: Mutex<HashMap<String, Arc<OnceCell<Arc<Launcher>>>>>,
    idle: Mutex<HashMap<Arc<Environment>, Vec<Worker>>>,
    ended_sessions: Mutex<VecDeque<String>>,
    updates: Mutex<HashMap<String, Vec<Vec<u8>>>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Pool {
    pub fn new() -> Self {
        Pool::default()
    }

    /// Runs a task over frames. Frames are taken as the worker needs them, and it works on only as
    /// results are taken. Dropping the result stops the worker's work within half a second.
    pub fn run(
        &self,
        task: Arc<Task>,
        input: BoxStream<'static, SparkResult<Frame>>,
    ) -> BoxStream<'static, SparkResult<RecordBatch>> {
        let pool = self.clone();
        let begin = async move {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(pool.drive(task, input, sender));
            let messages =
                stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|r| (r, receiver)) });
            messages.flat_map(|batches| match batches {
                Ok(batches) => stream::iter(batches).map(Ok).left_stream(),
                Err(e) => stream::iter([Err(e)]).right_stream(),
            })
        };
        stream::once(begin).flatten().boxed()
    }

    async fn drive(self, task: Arc<Task>, input: Input, results: Results) {
        let worker = tokio::select! {
            worker = self.acquire(&task.environment) => worker,
            _ = results.closed() => return,
        };
        let error = match worker {
            Ok(worker) => {
                let outcome = worker.run(Arc::clone(&task), input, &results).await;
                self.keep_updates(&task.environment.session, outcome.updates);
                if let Some(worker) = outcome.worker {
                    self.release(worker);
                }
                outcome.error
            }
            Err(e) => Some(e),
        };
        if let Some(e) = error {
            let _ = results.send(Err(e)).await;
        }
    }

    /// Asks a worker one question. A caller that gives up ends the worker.
    pub async fn call(&self, call: Call) -> SparkResult<Reply> {
        let worker = self.acquire(&call.environment).await?;
        let (worker, reply) = worker.call(&call).await;
        if let Some(worker) = worker {
            self.release(worker);
        }
        reply
    }

    /// Starts the interpreter of such an environment in the background, and a worker for every core.
    pub fn warm(&self, environment: Environment) {
        let (pool, environment) = (self.clone(), Arc::new(environment));
        tokio::spawn(async move {
            for _ in 0..cores() {
                match pool.fork(&environment).await {
                    Ok(worker) => pool.release(worker),
                    Err(e) => return log::info!("Python is not started ahead: {e}"),
                }
            }
        });
    }

    /// Ends the session's idle workers: what they could import has changed.
    pub fn renew(&self, session: &str) {
        self.0.idle.lock().retain(|environment, _| environment.session != session);
    }

    /// Ends the workers that serve this session alone, and forgets what it reported.
    pub fn end_session(&self, session: &str) {
        {
            let mut ended = self.0.ended_sessions.lock();
            if ended.len() >= ENDED_SESSIONS {
                ended.pop_front();
            }
            ended.push_back(session.to_string());
        }
        self.0.idle.lock().retain(|environment, _| environment.session != session);
        self.0.updates.lock().remove(session);
    }

    /// What the session's tasks reported since the last call: pickled pairs (accumulator, update),
    /// as PySpark's client takes them.
    pub fn take_updates(&self, session: &str) -> Vec<Vec<u8>> {
        self.0.updates.lock().remove(session).unwrap_or_default()
    }

    fn keep_updates(&self, session: &str, new: Vec<Vec<u8>>) {
        if new.is_empty() {
            return;
        }
        let mut updates = self.0.updates.lock();
        let held = updates.entry(session.to_string()).or_default();
        held.extend(new);
        let mut bytes: usize = held.iter().map(Vec::len).sum();
        while bytes > MAX_UPDATES && !held.is_empty() {
            bytes -= held.remove(0).len();
        }
    }

    /// An idle worker, or a new one.
    async fn acquire(&self, environment: &Arc<Environment>) -> SparkResult<Worker> {
        while let Some((worker, left)) = self.pop(environment) {
            if worker.has_ended() {
                continue;
            }
            if left == 0 {
                self.spare(environment);
            }
            return Ok(worker);
        }
        self.fork(environment).await
    }

    fn pop(&self, environment: &Arc<Environment>) -> Option<(Worker, usize)> {
        let mut idle = self.0.idle.lock();
        let workers = idle.get_mut(environment)?;
        workers.pop().map(|w| (w, workers.len()))
    }

    /// The last idle worker was taken: the next one is made before it is asked for.
    fn spare(&self, environment: &Arc<Environment>) {
        let (pool, environment) = (self.clone(), Arc::clone(environment));
        tokio::spawn(async move {
            if let Ok(worker) = pool.fork(&environment).await {
                pool.release(worker);
            }
        });
    }

    async fn fork(&self, environment: &Arc<Environment>) -> SparkResult<Worker> {
        let launcher = self.launcher(environment.python.as_deref()).await?;
        let connection = launcher.fork(environment).await?;
        Ok(Worker::new(connection, launcher, Arc::clone(environment)))
    }

    async fn launcher(&self, python: Option<&str>) -> SparkResult<Arc<Launcher>> {
        let python = python.map_or_else(interpreter::default, str::to_string);
        let cell = {
            let mut launchers = self.0.launchers.lock();
            let cell = launchers.entry(python.clone()).or_default();
            if cell.get().is_some_and(|l| l.is_gone()) {
                *cell = Arc::default();
            }
            Arc::clone(cell)
        };
        cell.get_or_try_init(|| Launcher::start(&python)).await.cloned()
    }

    /// Keeps a worker for the next task, unless there are enough.
    fn release(&self, worker: Worker) {
        let session = &worker.environment.session;
        if worker.has_ended() || (!session.is_empty() && self.0.ended_sessions.lock().contains(session)) {
            return;
        }
        let mut idle = self.0.idle.lock();
        let workers = idle.entry(Arc::clone(&worker.environment)).or_default();
        if workers.len() < cores() + SPARE {
            workers.push(worker);
        }
    }
}
