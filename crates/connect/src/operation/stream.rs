//! The stream of responses that one call of a client gets: from a position on, until the end of the
//! operation, until the limits of one stream, or until another call takes the operation over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use vonk_common::limits::{STREAM_BYTES, STREAM_DURATION};
use vonk_common::{SparkError, SparkResult};

use super::{Next, Operation, Reply};
use crate::session::Session;

/// The responses of one call.
pub struct ResponseStream(Pin<Box<dyn Stream<Item = Result<Reply, Status>> + Send>>);

impl Stream for ResponseStream {
    type Item = Result<Reply, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

/// A client's hold on an operation. When it is dropped the client is gone.
struct Attachment {
    session: Arc<Session>,
    operation: Arc<Operation>,
    number: u64,
    news: watch::Receiver<()>,
    next: u64,
    sent_bytes: usize,
    deadline: Instant,
    over: bool,
}

/// Attaches a client behind the response `last` (or at the start), taking over from any other.
pub fn attach(session: Arc<Session>, operation: Arc<Operation>, last: Option<&str>) -> SparkResult<ResponseStream> {
    let (number, next) = {
        let mut state = operation.state.lock();
        let next = match last {
            Some(id) => state.buffer.number_of(id)? + 1,
            None => 1,
        };
        state.attachment += 1;
        state.detached_since = None;
        (state.attachment, next)
    };
    operation.news.send_replace(());
    let attachment = Attachment {
        news: operation.news.subscribe(),
        session,
        operation,
        number,
        next,
        sent_bytes: 0,
        deadline: Instant::now() + STREAM_DURATION,
        over: false,
    };
    Ok(ResponseStream(Box::pin(futures::stream::unfold(attachment, |mut attachment| async {
        let item = attachment.next().await?;
        Some((item, attachment))
    }))))
}

enum Step {
    Send(Box<Reply>),
    Error(SparkError),
    Failed(Status),
    Wait,
    End,
}

impl Attachment {
    async fn next(&mut self) -> Option<Result<Reply, Status>> {
        while !self.over {
            self.news.mark_unchanged();
            let late = Instant::now() >= self.deadline || self.sent_bytes >= STREAM_BYTES;
            if late && self.operation.reattachable {
                return None;
            }
            match self.step() {
                Step::Send(response) => return Some(Ok(*response)),
                Step::Error(error) => {
                    self.over = true;
                    return Some(Err(self.session.status(error)));
                }
                Step::Failed(status) => {
                    self.over = true;
                    return Some(Err(status));
                }
                Step::End => return None,
                Step::Wait if self.operation.reattachable => {
                    let _ = tokio::time::timeout_at(self.deadline, self.news.changed()).await;
                }
                Step::Wait => {
                    let _ = self.news.changed().await;
                }
            }
        }
        None
    }

    fn step(&mut self) -> Step {
        let mut state = self.operation.state.lock();
        if state.attachment != self.number {
            return Step::Error(SparkError::new("INVALID_CURSOR.DISCONNECTED"));
        }
        match state.buffer.get(self.next) {
            Next::Response(response) => {
                state.buffer.sent(self.next);
                drop(state);
                self.operation.room.notify_waiters();
                self.next += 1;
                self.sent_bytes += response.encoded_len();
                Step::Send(Box::new(response))
            }
            Next::Wait => Step::Wait,
            Next::Complete => Step::End,
            Next::Failed => match &state.failure {
                Some(failure) => Step::Failed(failure.status()),
                None => Step::Error(SparkError::internal("an operation failed without an error")),
            },
            Next::Gone => Step::Error(state.buffer.not_available(self.next)),
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let current = {
            let mut state = self.operation.state.lock();
            let current = state.attachment == self.number;
            if current {
                state.detached_since = Some(Instant::now());
            }
            current
        };
        // Nobody can come back to an operation that is not reattachable.
        if current && !self.operation.reattachable {
            self.session.end_operation(self.operation.id(), false);
        }
    }
}
