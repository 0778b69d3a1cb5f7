//! One execution: its state, its responses, and the client that may come and go.
//!
//! A runner ([`run`]) produces responses into the [`buffer`]; at most one client stream ([`stream`])
//! takes them out. Ending is decided once: by the runner, by an interruption or by abandonment,
//! whichever is first.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use vonk_common::limits::REPLAY_BUFFER_BYTES;
use vonk_common::{SparkError, SparkResult};

use crate::backend::{OperationContext, cancelled};
use crate::session::KeptError;

mod buffer;
mod response;
mod run;
mod stream;

use buffer::{Buffer, Next};
pub use response::{Chunking, Reply};
pub use run::{run, unpacked};
pub use stream::{ResponseStream, attach};

pub struct Operation {
    pub context: Arc<OperationContext>,
    /// Tells a repeated request from another one with the same id.
    pub request_hash: u64,
    pub reattachable: bool,
    state: Mutex<State>,
    /// Told whenever the stream may find something new.
    news: watch::Sender<()>,
    /// Told whenever the runner may find room.
    room: Notify,
}

struct State {
    buffer: Buffer<Reply>,
    failure: Option<KeptError>,
    outcome: Outcome,
    /// Counts attachments: an older one has been taken over.
    attachment: u64,
    detached_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl Operation {
    pub fn new(context: OperationContext, request_hash: u64, reattachable: bool) -> Self {
        Operation {
            context: Arc::new(context),
            request_hash,
            reattachable,
            state: Mutex::new(State {
                buffer: Buffer::new(REPLAY_BUFFER_BYTES, reattachable),
                failure: None,
                outcome: Outcome::Running,
                attachment: 0,
                detached_since: Some(Instant::now()),
            }),
            news: watch::Sender::new(()),
            room: Notify::new(),
        }
    }

    pub fn id(&self) -> &str {
        &self.context.id
    }

    pub fn outcome(&self) -> Outcome {
        self.state.lock().outcome
    }

    /// Since when no client has been there.
    pub fn detached_since(&self) -> Option<Instant> {
        self.state.lock().detached_since
    }

    /// Adds a response; waits while the client is far behind.
    async fn push(&self, response: Reply) {
        loop {
            let room = self.room.notified();
            if self.has_room() {
                break;
            }
            room.await;
        }
        self.push_now(response);
    }

    fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.buffer.has_room() || state.buffer.is_ended()
    }

    fn push_now(&self, mut response: Reply) {
        let bytes = response.encoded_len();
        self.state.lock().buffer.push(bytes, |id| {
            response.message.response_id = id;
            response
        });
        self.news.send_replace(());
    }

    /// Ends the operation with success, unless it has ended otherwise.
    fn complete(&self) {
        let mut state = self.state.lock();
        if state.buffer.end(true) {
            state.outcome = Outcome::Succeeded;
        }
        drop(state);
        self.news.send_replace(());
    }

    /// Ends the operation with an error, unless it has ended already. True if it had not.
    pub fn fail(&self, error: KeptError) -> bool {
        let mut state = self.state.lock();
        let ended = state.buffer.end(false);
        if ended {
            let cancelled = error.error.class() == cancelled().class();
            state.outcome = if cancelled { Outcome::Cancelled } else { Outcome::Failed };
            state.failure = Some(error);
        }
        drop(state);
        self.context.cancel();
        self.news.send_replace(());
        self.room.notify_waiters();
        ended
    }

    /// Drops the responses up to the one with this id.
    pub fn release_until(&self, id: &str) -> SparkResult<()> {
        if !self.reattachable {
            return Err(SparkError::new("INVALID_CURSOR.NOT_REATTACHABLE"));
        }
        let released = self.state.lock().buffer.release_until(id);
        self.room.notify_waiters();
        released
    }
}
