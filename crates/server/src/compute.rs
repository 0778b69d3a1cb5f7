//! The threads that compute, apart from those that talk to clients.
//!
//! A query may keep every thread of its runtime busy for as long as a batch takes. Interrupts, new
//! connections and results of other clients must not wait for that, so they are served by another
//! runtime, and queries run here. Dropping what [`Compute`] returns stops the work at its next await.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vonk_common::{SparkError, SparkResult};

/// Results that wait for the client at most, per query; each is one batch.
const AHEAD: usize = 2;

#[derive(Clone)]
pub struct Compute(Handle);

impl Compute {
    pub fn new(handle: Handle) -> Self {
        Compute(handle)
    }

    /// Does the work there. A panic goes on in the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = SparkResult<T>> + Send + 'static,
    ) -> SparkResult<T> {
        let mut task = Task(self.0.spawn(work));
        match (&mut task.0).await {
            Ok(out) => out,
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(e) => Err(SparkError::internal(format!("a query's task has ended: {e}"))),
        }
    }

    /// The same items, made there, a few ahead of the reader. A panic goes on in the reader.
    pub fn stream<T: Send + 'static>(
        &self,
        mut items: BoxStream<'static, SparkResult<T>>,
    ) -> BoxStream<'static, SparkResult<T>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let task = self.0.spawn(async move {
            while let Some(item) = items.next().await {
                if sender.send(item).await.is_err() {
                    break;
                }
            }
        });
        Received { receiver, task: Some(Task(task)) }.boxed()
    }
}

/// A task that is stopped when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
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
        let ended = std::task::ready!(Pin::new(&mut task.0).poll(cx));
        self.task = None;
        match ended {
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            _ => Poll::Ready(None),
        }
    }
}
