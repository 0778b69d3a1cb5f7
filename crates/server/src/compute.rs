//! The threads that compute, apart from those that talk to clients.
//!
//! A query may keep every thread of its runtime busy for as long as a batch takes. Interrupts, new
//! connections and results of other clients must not wait for that, so they are served by another
//! runtime, and queries run here. Dropping what [`Compute`] returns stops the work at its next await, or
//! sooner where it asks whether it is wanted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vonk_common::wanted::{self, Wanted};
use vonk_common::{SparkError, SparkResult};

/// Results that wait for the client at most, per query; each is one batch.
const AHEAD: usize = 2;

#[derive(Clone)]
pub struct Compute(Handle);

impl Compute {
    pub fn new(handle: Handle) -> Self {
        Compute(handle)
    }

    /// The items of the stream that `work` makes, both made there, a few items ahead of the reader. A panic
    /// goes on in the caller or the reader.
    pub async fn results<T: Send + 'static>(
        &self,
        work: impl Future<Output = SparkResult<BoxStream<'static, SparkResult<T>>>> + Send + 'static,
    ) -> SparkResult<BoxStream<'static, SparkResult<T>>> {
        let hold = Arc::new(Hold(Wanted::part_of_current()));
        let mut task = Task::new(&self.0, &hold, work);
        match (&mut task.handle).await {
            Ok(items) => Ok(self.stream(&hold, items?)),
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(e) => Err(SparkError::internal(format!("a query's task has ended: {e}"))),
        }
    }

    fn stream<T: Send + 'static>(
        &self,
        hold: &Arc<Hold>,
        mut items: BoxStream<'static, SparkResult<T>>,
    ) -> BoxStream<'static, SparkResult<T>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let task = Task::new(&self.0, hold, async move {
            while let Some(item) = items.next().await {
                if sender.send(item).await.is_err() {
                    break;
                }
            }
        });
        Received { receiver, task: Some(task) }.boxed()
    }
}

/// Whoever has one wants the work; when the last is gone, nobody does.
struct Hold(Arc<Wanted>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// A task that is stopped when nobody waits for it any more.
struct Task<T> {
    handle: JoinHandle<T>,
    _hold: Arc<Hold>,
}

impl<T: Send + 'static> Task<T> {
    fn new(runtime: &Handle, hold: &Arc<Hold>, work: impl Future<Output = T> + Send + 'static) -> Self {
        let handle = runtime.spawn(wanted::scope(Arc::clone(&hold.0), work));
        Task { handle, _hold: Arc::clone(hold) }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

struct Received<T> {
    receiver: mpsc::Receiver<SparkResult<T>>,
    task: Option<Task<()>>,
}

impl<T> Stream for Received<T> {
    type Item = SparkResult<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.receiver.poll_recv(cx) {
            Poll::Ready(None) => {}
            other => return other,
        }
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let ended = std::task::ready!(Pin::new(&mut task.handle).poll(cx));
        self.task = None;
        match ended {
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            _ => Poll::Ready(None),
        }
    }
}
