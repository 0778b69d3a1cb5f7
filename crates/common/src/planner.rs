//! Threads with a big stack, for work that recurses over plans: decoding, parsing, analysing,
//! optimising, and dropping them. A plan may be thousands of levels deep, far beyond the stack of an
//! async worker thread, and a deep tree overflows a small stack even when it is only dropped.
//!
//! [`run`] hands work to such a thread and gives a future of its result; a panic in the work becomes
//! an error. [`Deep`] holds a value that must not be dropped elsewhere. Threads are started when all
//! are busy and end after some idle time; their stacks are reserved, not committed.
//!
//! Who drops the future wants the result no longer; the work is told so by [`crate::wanted`].

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;

use crate::limits::{MAX_PLANNER_THREADS, PLANNER_STACK_BYTES};
use crate::wanted::{self, Wanted};
use crate::{SparkError, SparkResult};

const IDLE: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(Arc::default);

thread_local! {
    static ON_PLANNER: Cell<bool> = const { Cell::new(false) };
}

/// The result of work given to [`run`].
pub struct Pending<T> {
    answer: oneshot::Receiver<thread::Result<T>>,
    wanted: Arc<Wanted>,
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.wanted.give_up();
    }
}

impl<T> Future for Pending<T> {
    type Output = SparkResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(SparkError::internal(panic_message(panic.as_ref()))),
            Err(_) => Err(SparkError::internal("a planner thread could not be started")),
        })
    }
}

/// Runs `work` on a thread with [`PLANNER_STACK_BYTES`] of stack. When the future is dropped the work
/// is not begun any more; if it has begun, it goes on to where it asks [`wanted::check`].
pub fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
    let (send, answer) = oneshot::channel();
    let wanted = Wanted::part_of_current();
    let for_thread = Arc::clone(&wanted);
    POOL.submit(Box::new(move || {
        if for_thread.is_given_up() {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(|| wanted::during(for_thread, work)));
        let _ = send.send(result);
    }));
    Pending { answer, wanted }
}

/// What a panic said.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic")
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads >= MAX_PLANNER_THREADS {
            self.wake.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        if !self.start() {
            let mut state = self.lock();
            state.threads -= 1;
            // Without any thread the jobs would wait for ever: let their futures fail instead.
            let orphans = if state.threads == 0 { std::mem::take(&mut state.jobs) } else { VecDeque::new() };
            drop(state);
            drop(orphans);
        }
    }

    /// Starts a thread, with a smaller stack where the system refuses the big one.
    fn start(self: &Arc<Self>) -> bool {
        [PLANNER_STACK_BYTES, PLANNER_STACK_BYTES / 4, PLANNER_STACK_BYTES / 16].into_iter().any(|stack| {
            let pool = Arc::clone(self);
            thread::Builder::new().name("vonk-planner".into()).stack_size(stack).spawn(move || pool.work()).is_ok()
        })
    }

    fn work(&self) {
        ON_PLANNER.set(true);
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // What the job returns or owns may itself panic when dropped.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (woken, timeout) = self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

/// A value with deep trees in it: wherever it is dropped, it is taken apart on a planner thread.
#[derive(Debug)]
pub struct Deep<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Deep<T> {
    pub fn new(value: T) -> Self {
        Deep(Some(value))
    }

    /// The value itself. Call this on a planner thread: the guard is gone.
    pub fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }

    /// The value, none only after it was taken.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// Turns the value into another on a planner thread.
    pub async fn map<U: Send + 'static>(
        self,
        f: impl FnOnce(T) -> SparkResult<U> + Send + 'static,
    ) -> SparkResult<Deep<U>> {
        run(move || match self.into_inner() {
            Some(value) => f(value).map(Deep::new),
            None => Err(SparkError::internal("a plan was taken twice")),
        })
        .await?
    }
}

impl<T: Send + 'static> From<T> for Deep<T> {
    fn from(value: T) -> Self {
        Deep::new(value)
    }
}

impl<T: Send + 'static> Drop for Deep<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            if ON_PLANNER.get() {
                drop(value);
            } else {
                POOL.submit(Box::new(move || drop(value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node(#[allow(dead_code)] Option<Box<Node>>);

    #[test]
    fn a_deep_tree_is_built_and_dropped_and_a_panic_is_an_error() {
        let deep = run(|| Deep::new((0..1_000_000).fold(None, |tail, _| Some(Box::new(Node(tail))))));
        drop(futures::executor::block_on(deep));
        let panicked: SparkResult<()> =
            futures::executor::block_on(run(|| std::panic::resume_unwind(Box::new("boom"))));
        assert!(panicked.is_err_and(|e| e.message().contains("boom")));
    }
}
