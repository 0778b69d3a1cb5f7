//! Messages between the server and its workers: a kind, a number of parts, their lengths, the parts; or in place of the
//! parts the slot of the shared [`Segment`] that they lie in. The upper half of a kind counts the messages
//! that the sender has taken out of their slots since it last told.
//!
//! `python/vonk/worker/wire.py` is the other side, and says the same about the bytes.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use vonk_common::SparkResult;

use crate::fault;
use crate::segment::Segment;

/// Server to worker.
pub const TASK: u32 = 1;
pub const FRAME: u32 = 2;
pub const END: u32 = 3;
pub const CALL: u32 = 4;
pub const FORK: u32 = 5;
pub const KILL: u32 = 6;
/// Worker to server.
/// The first message of a connection is 10, of no further interest here.
pub const BATCH: u32 = 11;
pub const ERROR: u32 = 12;
pub const DONE: u32 = 13;
pub const REPLY: u32 = 14;
/// Nothing but how many messages were taken.
const TAKEN: u32 = 16;

/// The parts lie in a slot.
pub const SHARED: u32 = 0x100;
/// Of a task: the server has opened the worker's segment.
pub const OPENED: u32 = 0x200;
const KIND: u32 = 0xff;

/// Parts begin on multiples of this.
const ALIGN: usize = 64;
const PADDING: [u8; ALIGN] = [0; ALIGN];
/// Most parts and bytes of one message from a worker.
const MAX_PARTS: usize = 1 << 20;
const MAX_BYTES: usize = 1 << 31;

const fn padded(n: usize) -> usize {
    n.div_ceil(ALIGN) * ALIGN
}

/// A message that has arrived.
pub struct Message {
    pub kind: u32,
    pub parts: Vec<Bytes>,
}

impl Message {
    pub fn part(&self, index: usize) -> &[u8] {
        self.parts.get(index).map_or(&[], |p| p.as_ref())
    }

    /// Part 0 as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.part(0)).unwrap_or_default()
    }
}

/// Reads messages. A read that is given up half-way goes on where it was.
pub struct Reader<R> {
    from: R,
    segment: Option<Arc<Segment>>,
    held: BytesMut,
    lengths: Option<(u32, Vec<usize>, Option<usize>)>,
    count: Option<(u32, usize)>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(from: R) -> Self {
        Reader { from, segment: None, held: BytesMut::new(), lengths: None, count: None }
    }

    /// The same of a worker whose messages may lie in its segment.
    pub fn sharing(from: R, segment: Option<Arc<Segment>>) -> Self {
        Reader { segment, ..Reader::new(from) }
    }

    /// What it read from.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// The next message, or `None` when the other side is gone.
    pub async fn next(&mut self) -> SparkResult<Option<Message>> {
        loop {
            match self.message().await? {
                Some(message) if message.kind == TAKEN => {}
                other => return Ok(other),
            }
        }
    }

    async fn message(&mut self) -> SparkResult<Option<Message>> {
        let (kind, count) = match self.count {
            Some(head) => head,
            None => {
                if !self.fill(8).await? {
                    return Ok(None);
                }
                let mut head = self.held.split_to(8);
                let head = (head.get_u32_le(), head.get_u32_le() as usize);
                if head.1 > MAX_PARTS {
                    return Err(fault::protocol("a message has too many parts"));
                }
                if let Some(segment) = &self.segment {
                    segment.taken((head.0 >> 16) as usize);
                }
                self.count = Some(head);
                head
            }
        };
        if self.lengths.is_none() {
            let in_slot = kind & SHARED != 0;
            let numbers = 8 * (count + usize::from(in_slot));
            if !self.fill(numbers).await? {
                return Ok(None);
            }
            let mut raw = self.held.split_to(numbers);
            let lengths: Vec<usize> = (0..count).map(|_| raw.get_u64_le() as usize).collect();
            let slot = in_slot.then(|| raw.get_u64_le() as usize);
            if lengths.iter().any(|n| *n > MAX_BYTES) || lengths.iter().sum::<usize>() > MAX_BYTES {
                return Err(fault::protocol("a message is too large"));
            }
            self.lengths = Some((kind, lengths, slot));
        }
        let total = self.lengths.iter().flat_map(|(_, l, _)| l).map(|n| padded(*n)).sum();
        let slot = self.lengths.as_ref().and_then(|(_, _, slot)| *slot);
        if slot.is_none() && !self.fill(total).await? {
            return Ok(None);
        }
        self.count = None;
        let Some((kind, lengths, _)) = self.lengths.take() else {
            return Err(fault::protocol("a message has no lengths"));
        };
        let mut body = match (slot, &self.segment) {
            (None, _) => self.held.split_to(total).freeze(),
            (Some(slot), Some(segment)) => segment.read(slot, total)?,
            (Some(_), None) => return Err(fault::protocol("a message lies nowhere")),
        };
        let parts = lengths
            .into_iter()
            .map(|n| {
                let mut part = body.split_to(padded(n));
                part.truncate(n);
                part
            })
            .collect();
        Ok(Some(Message { kind: kind & KIND, parts }))
    }

    /// Until `n` bytes are held and not a byte of the next message more; false when there is an end before.
    async fn fill(&mut self, n: usize) -> SparkResult<bool> {
        self.held.reserve(n.saturating_sub(self.held.len()));
        while self.held.len() < n {
            let missing = (n - self.held.len()) as u64;
            match (&mut self.from).take(missing).read_buf(&mut self.held).await {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return Ok(false),
                Err(e) => return Err(fault::protocol(e)),
            }
        }
        Ok(true)
    }
}

/// One part of a message to be sent: pieces that follow each other.
pub type Part = Vec<arrow::buffer::Buffer>;

/// Sends a message; false when the other side is gone.
pub async fn write<W: AsyncWrite + Unpin>(to: &mut W, kind: u32, parts: &[Part]) -> bool {
    let head = head(kind, parts, None);
    let mut slices = vec![IoSlice::new(&head)];
    slices.extend(body(parts));
    send(to, &mut slices).await.is_ok()
}

/// Sends the head of a message whose parts lie in a slot.
pub async fn write_head<W: AsyncWrite + Unpin>(to: &mut W, kind: u32, parts: &[Part], slot: usize) -> bool {
    let head = head(kind | SHARED, parts, Some(slot));
    send(to, &mut [IoSlice::new(&head)]).await.is_ok()
}

fn length(part: &Part) -> usize {
    part.iter().map(|b| b.len()).sum()
}

/// Bytes of the parts where they lie.
pub fn total(parts: &[Part]) -> usize {
    parts.iter().map(|p| padded(length(p))).sum()
}

fn head(kind: u32, parts: &[Part], slot: Option<usize>) -> Vec<u8> {
    let mut head = Vec::with_capacity(16 + 8 * parts.len());
    head.extend_from_slice(&kind.to_le_bytes());
    head.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    for n in parts.iter().map(length).chain(slot) {
        head.extend_from_slice(&(n as u64).to_le_bytes());
    }
    head
}

/// The parts as they lie, and what fills them up.
pub fn body(parts: &[Part]) -> impl Iterator<Item = IoSlice<'_>> {
    parts.iter().flat_map(|part| {
        let n = length(part);
        let padding = PADDING.get(..padded(n) - n).filter(|p| !p.is_empty()).map(IoSlice::new);
        part.iter().filter(|b| !b.is_empty()).map(|b| IoSlice::new(b)).chain(padding)
    })
}

/// Everything goes as it lies, with as few calls of the kernel as it takes.
async fn send<W: AsyncWrite + Unpin>(to: &mut W, slices: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    let mut left = slices;
    while !left.is_empty() {
        match to.write_vectored(left).await? {
            0 => return Err(std::io::ErrorKind::WriteZero.into()),
            n => IoSlice::advance_slices(&mut left, n),
        }
    }
    Ok(())
}

/// A part of these bytes.
pub fn bytes(value: impl Into<Vec<u8>>) -> Part {
    vec![arrow::buffer::Buffer::from_vec(value.into())]
}

/// A part of a JSON value.
pub fn json(value: &serde_json::Value) -> Part {
    bytes(value.to_string())
}
