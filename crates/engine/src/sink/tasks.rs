//! The tasks of one write and the staging folder that they fill.
//!
//! Tasks are never aborted: a file that is just being put would still appear, after the folder is
//! gone. They are told to stop, and the folder is removed when the last one has.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use vonk_common::{SparkError, SparkResult};

use super::stage::Stage;
use super::write::{Task, TaskResult};

/// Running tasks; dropping them undoes the write.
pub struct Tasks {
    stage: Option<Stage>,
    running: JoinSet<SparkResult<TaskResult>>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    pub fn new(stage: Stage) -> Self {
        Tasks { stage: Some(stage), running: JoinSet::new(), stop: watch::Sender::new(false) }
    }

    pub fn start(&mut self, task: Arc<Task>, partition: usize, input: SendableRecordBatchStream) {
        let Some(folder) = self.stage.as_ref().map(|s| s.folder.clone()) else { return };
        let stop = self.stop.subscribe();
        self.running.spawn(async move { task.run(partition, input, &folder, stop).await });
    }

    /// What the next task that ends has done.
    pub async fn next(&mut self) -> Option<SparkResult<TaskResult>> {
        Some(self.running.join_next().await?.unwrap_or_else(|e| {
            Err(match e.try_into_panic() {
                Ok(panic) => SparkError::internal(vonk_common::planner::panic_message(panic.as_ref())),
                Err(e) => SparkError::internal(e),
            })
        }))
    }

    /// The staging folder of a write that went well; otherwise all is undone before this returns.
    pub async fn finish(mut self, outcome: SparkResult<()>) -> SparkResult<Stage> {
        if outcome.is_err() {
            self.stop.send_replace(true);
            while self.running.join_next().await.is_some() {}
        }
        let stage = self.stage.take().ok_or_else(|| SparkError::internal("a write ended twice"))?;
        outcome.map(|()| stage)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let Some(stage) = self.stage.take() else { return };
        self.stop.send_replace(true);
        let mut running = std::mem::take(&mut self.running);
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            while running.join_next().await.is_some() {}
            drop(stage);
        });
    }
}
