//! Whether anybody still waits for a piece of work.
//!
//! Work that computes cannot be stopped from outside: neither a planner thread, nor a task between two
//! of its awaits, which may be minutes apart in a join that finds nothing. So who hands work out keeps a
//! [`Wanted`] and gives it up when the result is of no use any more, and the work asks [`check`] where
//! it has come a step further. Work that is begun by other work is a part of it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::{SparkError, SparkResult};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Wanted>>> = const { RefCell::new(None) };
}

/// Whether a piece of work is wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    given_up: AtomicBool,
    part_of: Option<Arc<Wanted>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Wanted {
    /// For a part of what this thread is doing now.
    pub fn part_of_current() -> Arc<Self> {
        Arc::new(Wanted { part_of: current(), ..Wanted::default() })
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) || self.part_of.as_ref().is_some_and(|whole| whole.is_given_up())
    }

    /// Nobody wants the work any more.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        std::mem::take(&mut *self.waiting()).into_iter().for_each(Waker::wake);
    }

    /// An error when the work is given up. Error: `OPERATION_CANCELED`.
    pub fn check(&self) -> SparkResult<()> {
        match self.is_given_up() {
            true => Err(SparkError::new("OPERATION_CANCELED")),
            false => Ok(()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the waker called when this work, or the whole, is given up.
    fn tell(&self, waker: &Waker) {
        let mut waiting = self.waiting();
        if !waiting.iter().any(|w| w.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        drop(waiting);
        if let Some(whole) = &self.part_of {
            whole.tell(waker);
        }
    }
}

/// What this thread is doing now, if it is known.
pub fn current() -> Option<Arc<Wanted>> {
    CURRENT.with_borrow(Clone::clone)
}

/// An error when nobody waits any more for what this thread is doing. Error: `OPERATION_CANCELED`.
pub fn check() -> SparkResult<()> {
    CURRENT.with_borrow(|w| w.as_ref().map_or(Ok(()), |w| w.check()))
}

/// Does the work as what is wanted by this.
pub fn during<T>(wanted: Arc<Wanted>, work: impl FnOnce() -> T) -> T {
    /// Puts back what was there before, after a panic as well.
    struct Before(Option<Arc<Wanted>>);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _before = Before(CURRENT.replace(Some(wanted)));
    work()
}

/// The same for work that waits: whenever it is polled.
pub async fn scope<T>(wanted: Arc<Wanted>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(move |cx| during(Arc::clone(&wanted), || work.as_mut().poll(cx))).await
}

/// The result of `work`, for which this thread waits, or `OPERATION_CANCELED` as soon as nobody waits any
/// more for what the thread is doing.
pub async fn while_wanted<T>(work: impl Future<Output = SparkResult<T>>) -> SparkResult<T> {
    let wanted = current();
    let mut work = pin!(work);
    std::future::poll_fn(move |cx| {
        if let Some(wanted) = &wanted {
            wanted.tell(cx.waker());
            if let Err(e) = wanted.check() {
                return Poll::Ready(Err(e));
            }
        }
        work.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::planner::run;

    #[test]
    fn work_that_nobody_waits_for_is_told_so_and_so_are_its_parts() {
        let (told, heard) = std::sync::mpsc::channel();
        let (begin, begun) = std::sync::mpsc::channel();
        let whole = run(move || {
            let never = futures::future::pending::<SparkResult<()>>();
            let part = run(move || {
                let _ = begin.send(check());
                futures::executor::block_on(while_wanted(never))
            });
            let waited = futures::executor::block_on(while_wanted(async { part.await? }));
            let _ = told.send((waited, check()));
        });
        let limit = Duration::from_secs(10);
        assert_eq!(begun.recv_timeout(limit), Ok(Ok(())));
        drop(whole);
        let (waited, checked) = heard.recv_timeout(limit).expect("the work went on");
        assert_eq!(waited.unwrap_err().class(), "OPERATION_CANCELED");
        assert_eq!(checked.unwrap_err().class(), "OPERATION_CANCELED");
    }
}
