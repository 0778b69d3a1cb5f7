//! The input of one task, on its way to a worker while results come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::buffer::Buffer;
use futures::stream::Fuse;
use futures::{FutureExt, StreamExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vonk_common::{SparkError, SparkResult};

use crate::batch::Encoder;
use crate::segment::Segment;
use crate::wire::{self, Part};
use crate::worker::Input;
use crate::{Frame, Task, describe};

/// A message takes more frames while they are there at once, it has fewer bytes and took less time.
const MESSAGE_BYTES: usize = 512 * 1024;
const MESSAGE_TIME: Duration = Duration::from_millis(5);

/// Writes a task, its frames and the end in the background.
pub struct Feeding {
    handle: JoinHandle<Option<SparkError>>,
    stop: watch::Sender<bool>,
    ended: Option<Ended>,
}

#[derive(PartialEq)]
enum Ended {
    /// The worker was told all, and knows that there is no more.
    Whole,
    Broken,
}

impl Feeding {
    pub fn start(writer: UnixStream, segment: Option<Arc<Segment>>, task: Arc<Task>, input: Input) -> Self {
        let (stop, stopped) = watch::channel(false);
        Feeding { handle: tokio::spawn(feed(writer, segment, task, input, stopped)), stop, ended: None }
    }

    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether the next task can follow on the same connection.
    pub fn is_whole(&self) -> bool {
        self.ended == Some(Ended::Whole)
    }

    pub fn stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Waits for the end; the input's error, if there was one. Once it has ended it says nothing more.
    pub async fn end(&mut self) -> Option<SparkError> {
        if self.has_ended() {
            return None;
        }
        let (ended, error) = match (&mut self.handle).await {
            Ok(error) => (Ended::Whole, error),
            Err(e) => (Ended::Broken, Some(SparkError::internal(format!("the input of a Python worker: {e}")))),
        };
        self.ended = Some(ended);
        error
    }

    /// Stops, and waits for the end.
    pub async fn finish(&mut self) -> Option<SparkError> {
        self.stop();
        self.end().await
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Writes everything; a worker that is gone is for its reader to notice. The input's error.
async fn feed(
    mut writer: UnixStream,
    segment: Option<Arc<Segment>>,
    task: Arc<Task>,
    input: Input,
    mut stop: watch::Receiver<bool>,
) -> Option<SparkError> {
    let mut input = input.fuse();
    let mut sides = match Sides::of(&task) {
        Ok(sides) => sides,
        Err(e) => return Some(e),
    };
    let kind = wire::TASK | if segment.is_some() { wire::OPENED } else { 0 };
    if !wire::write(&mut writer, kind, &describe::task(&task)).await {
        return None;
    }
    let mut error = None;
    loop {
        let frame = tokio::select! {
            biased;
            _ = stop.changed() => break,
            frame = input.next() => match frame {
                Some(frame) => frame,
                None => break,
            },
        };
        let (parts, failed) = sides.message(frame, &mut input);
        if !parts.is_empty() {
            let slot = tokio::select! {
                biased;
                _ = stop.changed() => break,
                slot = filled(segment.as_deref(), &parts) => slot,
            };
            let sent = match slot {
                Some(slot) => wire::write_head(&mut writer, wire::FRAME, &parts, slot).await,
                None => wire::write(&mut writer, wire::FRAME, &parts).await,
            };
            if !sent {
                return failed;
            }
        }
        if failed.is_some() {
            error = failed;
            break;
        }
    }
    drop(input);
    wire::write(&mut writer, wire::END, &[]).await;
    error
}

/// The slot that the parts have been put into; none if they have to go through the socket.
async fn filled(segment: Option<&Segment>, parts: &[Part]) -> Option<usize> {
    let slot = segment?.empty(wire::total(parts)).await?;
    let mut pieces: Vec<_> = wire::body(parts).collect();
    match segment?.write(slot, &mut pieces) {
        Ok(()) => Some(slot),
        Err(e) => {
            log::warn!("a message for a Python worker goes through the socket: {e}");
            None
        }
    }
}

/// The encoders of a task's inputs.
struct Sides {
    left: Encoder,
    right: Option<Encoder>,
}

impl Sides {
    fn of(task: &Task) -> SparkResult<Self> {
        let right = task.right.as_ref().map(|r| Encoder::new(&r.input)).transpose()?;
        Ok(Sides { left: Encoder::new(&task.input)?, right })
    }

    /// The parts of a frame, and of those that are there with it; the error that ended them.
    fn message(&mut self, first: SparkResult<Frame>, input: &mut Fuse<Input>) -> (Vec<Part>, Option<SparkError>) {
        let (mut parts, mut bytes, begin, mut next) = (vec![], 0, Instant::now(), Some(first));
        while let Some(frame) = next {
            let before = parts.len();
            if let Err(e) = frame.and_then(|f| self.add(f, &mut parts)) {
                return (parts, Some(e));
            }
            bytes += parts.iter().skip(before).flatten().map(Buffer::len).sum::<usize>();
            let full = bytes >= MESSAGE_BYTES || begin.elapsed() >= MESSAGE_TIME;
            next = if full { None } else { input.next().now_or_never().flatten() };
        }
        (parts, None)
    }

    fn add(&mut self, frame: Frame, parts: &mut Vec<Part>) -> SparkResult<()> {
        let left = self.left.encode(&frame.left)?;
        match (frame.right, self.right.as_mut()) {
            (Some((batch, right_ends)), Some(right)) => {
                let right = right.encode(&batch)?;
                parts.extend([left, ends(frame.ends), right, ends(right_ends)]);
            }
            (None, None) => parts.extend([left, ends(frame.ends)]),
            _ => {
                return Err(SparkError::internal(
                    "a frame for a Python worker has another number of sides than its task",
                ));
            }
        }
        Ok(())
    }
}

fn ends(ends: Vec<u32>) -> Part {
    vec![Buffer::from_vec(ends)]
}
