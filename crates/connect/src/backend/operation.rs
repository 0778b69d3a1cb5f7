//! What a running operation is told and may tell: its id and tags, whether it has been cancelled,
//! and how far it has come.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The engine's view of one operation.
#[derive(Debug)]
pub struct OperationContext {
    pub id: String,
    pub tags: BTreeSet<String>,
    cancel: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

/// How far a query has come, as the client's progress bar shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub stages: Vec<StageProgress>,
    pub running_tasks: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageProgress {
    pub id: i64,
    pub tasks: u64,
    pub completed_tasks: u64,
    pub input_bytes: u64,
    pub done: bool,
}

impl OperationContext {
    pub fn new(id: impl Into<String>, tags: impl IntoIterator<Item = String>) -> Self {
        OperationContext {
            id: id.into(),
            tags: tags.into_iter().collect(),
            cancel: watch::Sender::new(false),
            progress: Mutex::default(),
        }
    }

    /// True once the client has interrupted the operation or gone away. Long loops ask this.
    pub fn is_cancelled(&self) -> bool {
        *self.cancel.borrow()
    }

    /// Waits until the operation is cancelled.
    pub async fn cancelled(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.cancel.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// Replaces what the client's next progress report shows. Cheap: call it as often as wanted.
    pub fn report(&self, progress: Progress) {
        *self.progress.lock() = progress;
    }

    pub fn progress(&self) -> Progress {
        self.progress.lock().clone()
    }
}
