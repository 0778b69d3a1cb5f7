//! Memory that a worker and the server share: the bodies of messages lie in it, and only their heads go through the
//! socket.
//!
//! The worker makes an anonymous file (memfd) when it starts, before it runs anything of the user's, and describes it in its
//! first message; the server opens it by the worker's process. It holds two rows of slots, one a direction, each a
//! message long, that are used in turn.
//! - To the worker: the server counts the slots that hold nothing. The worker copies a message out and tells, with
//!   what it sends next, that it has.
//! - To the server: a byte for each slot says that it is full. The worker sets it, the server clears it once it has
//!   copied the message out. A worker that finds no empty slot uses the socket.
//!
//! The server never maps the file: it writes and reads by calls of the kernel. Whatever a worker does to it meanwhile, it makes
//! its own messages wrong, and nothing else. Through the socket every page would be allocated, copied, charged and
//! freed once more. `python/vonk/worker/segment.py` is the other side. Where there is no memfd or no `/proc`, all goes
//! through the socket.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use vonk_common::SparkResult;

use crate::fault;

/// Before the slots: the flags of those that lead to the server.
const FLAGS: usize = 4096;
/// More than this no worker has.
const MAX_SLOTS: u64 = 64;
const MAX_SLOT_BYTES: u64 = 64 << 20;
/// What one call of the kernel takes.
const MAX_PIECES: usize = 1000;

pub struct Segment {
    file: File,
    slots: usize,
    slot_bytes: usize,
    out: Mutex<Out>,
    freed: Notify,
}

/// The slots that lead to the worker.
struct Out {
    free: usize,
    next: usize,
}

impl Segment {
    /// Opens what the worker has described; none where that is not possible.
    pub fn open(pid: u32, described: &Value) -> Option<Self> {
        let number = |name: &str| described.get(name).and_then(Value::as_u64);
        let (fd, slots, slot_bytes) = (number("fd")?, number("slots")?, number("slot_bytes")?);
        if !(1..=MAX_SLOTS).contains(&slots) || slot_bytes > MAX_SLOT_BYTES {
            return None;
        }
        let file = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/fd/{fd}")).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() < FLAGS as u64 + 2 * slots * slot_bytes {
            return None;
        }
        let (slots, slot_bytes) = (slots as usize, slot_bytes as usize);
        Some(Segment { file, slots, slot_bytes, out: Mutex::new(Out { free: slots, next: 0 }), freed: Notify::new() })
    }

    /// Waits for a slot that leads to the worker; none for a message that none is large enough for.
    pub async fn empty(&self, bytes: usize) -> Option<usize> {
        if bytes > self.slot_bytes {
            return None;
        }
        loop {
            if let Some(slot) = self.take() {
                return Some(slot);
            }
            self.freed.notified().await;
        }
    }

    fn take(&self) -> Option<usize> {
        let mut out = self.out.lock();
        out.free = out.free.checked_sub(1)?;
        let slot = out.next;
        out.next = (slot + 1) % self.slots;
        Some(slot)
    }

    /// The worker has taken so many messages out of their slots.
    pub fn taken(&self, messages: usize) {
        if messages > 0 {
            let mut out = self.out.lock();
            out.free = (out.free + messages).min(self.slots);
            self.freed.notify_one();
        }
    }

    /// Fills a slot that leads to the worker.
    pub fn write(&self, slot: usize, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let (mut at, mut left) = (self.place(slot), pieces);
        while !left.is_empty() {
            let few = left.get(..MAX_PIECES).unwrap_or(left);
            let n = rustix::io::pwritev(&self.file, few, at)?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            at += n as u64;
            IoSlice::advance_slices(&mut left, n);
        }
        Ok(())
    }

    /// Empties a slot that leads to the server.
    pub fn read(&self, slot: usize, bytes: usize) -> SparkResult<Bytes> {
        if slot >= self.slots || bytes > self.slot_bytes {
            return Err(fault::protocol("a message lies nowhere"));
        }
        let (mut out, place) = (Vec::with_capacity(bytes), self.place(self.slots + slot));
        while out.len() < bytes {
            let at = place + out.len() as u64;
            let n = rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut out), at);
            if n.map_err(fault::protocol)? == 0 {
                return Err(fault::protocol("a message is cut off"));
            }
        }
        out.truncate(bytes);
        self.file.write_all_at(&[0], slot as u64).map_err(fault::protocol)?;
        Ok(Bytes::from(out))
    }

    fn place(&self, index: usize) -> u64 {
        (FLAGS + index * self.slot_bytes) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use serde_json::json;

    use super::*;

    const SLOT: usize = 4096;

    fn segment(slots: usize) -> (File, Option<Segment>) {
        let file = tempfile::tempfile().expect("a file");
        file.set_len((FLAGS + 2 * slots * SLOT) as u64).expect("room");
        let described = json!({"fd": file.as_raw_fd(), "slots": slots, "slot_bytes": SLOT});
        let opened = Segment::open(std::process::id(), &described);
        (file, opened)
    }

    #[test]
    fn what_is_written_lies_in_the_slot() {
        let (file, Some(segment)) = segment(2) else { panic!("not opened") };
        let many = vec![7u8; MAX_PIECES + 500];
        let mut pieces: Vec<_> = many.chunks(1).map(IoSlice::new).collect();
        segment.write(1, &mut pieces).expect("written");
        let mut found = vec![0; many.len()];
        file.read_exact_at(&mut found, (FLAGS + SLOT) as u64).expect("read");
        assert_eq!(found, many);
    }

    #[test]
    fn a_slot_that_was_read_is_empty() {
        let (file, Some(segment)) = segment(2) else { panic!("not opened") };
        file.write_all_at(b"result", (FLAGS + 3 * SLOT) as u64).expect("written");
        file.write_all_at(&[1], 1).expect("full");
        assert_eq!(segment.read(1, 6).expect("read").as_ref(), b"result");
        let mut flag = [1];
        file.read_exact_at(&mut flag, 1).expect("flag");
        assert_eq!(flag, [0]);
    }

    #[test]
    fn a_worker_that_tells_nonsense_harms_itself() {
        let (file, Some(segment)) = segment(2) else { panic!("not opened") };
        assert!(segment.read(2, 1).is_err() && segment.read(0, SLOT + 1).is_err());
        segment.taken(1000);
        assert_eq!([segment.take(), segment.take(), segment.take()], [Some(0), Some(1), None]);
        segment.taken(1);
        assert_eq!([segment.take(), segment.take()], [Some(0), None]);
        file.set_len(0).expect("cut off");
        assert!(segment.read(0, 1).is_err());
    }

    #[test]
    fn a_file_that_is_too_short_is_not_opened() {
        let file = tempfile::tempfile().expect("a file");
        let described = json!({"fd": file.as_raw_fd(), "slots": 1, "slot_bytes": SLOT});
        assert!(Segment::open(std::process::id(), &described).is_none());
        assert!(Segment::open(std::process::id(), &json!({"fd": 0, "slots": 1000, "slot_bytes": 1})).is_none());
    }
}
