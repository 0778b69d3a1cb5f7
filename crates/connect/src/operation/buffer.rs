//! The responses of one operation, numbered from 1, kept until the client has them for sure.
//!
//! What the client has been sent stays for a while in case it comes back for it: up to a number of
//! bytes, and the last one always. What it has not been sent yet is never dropped; when that grows
//! past the same number of bytes the producer has to wait. This is a plain state machine: waiting and
//! waking are the business of the operation around it.

use std::collections::VecDeque;

use uuid::Uuid;
use vonk_common::{SparkError, SparkResult};

/// What there is at a position.
#[derive(Debug, PartialEq)]
pub enum Next<T> {
    Response(T),
    /// Not produced yet.
    Wait,
    /// The result is complete: nothing more comes.
    Complete,
    /// The operation failed; all that it had produced is before this position.
    Failed,
    /// Dropped already.
    Gone,
}

pub struct Buffer<T> {
    ids: Ids,
    kept: VecDeque<Kept<T>>,
    /// Number of `kept[0]`.
    first: u64,
    /// Highest number ever sent to a client.
    sent: u64,
    sent_bytes: usize,
    unsent_bytes: usize,
    limit: usize,
    /// Whether sent responses are kept at all.
    replay: bool,
    end: Option<bool>,
}

struct Kept<T> {
    response: T,
    bytes: usize,
}

impl<T: Clone> Buffer<T> {
    pub fn new(limit: usize, replay: bool) -> Self {
        Buffer {
            ids: Ids::new(),
            kept: VecDeque::new(),
            first: 1,
            sent: 0,
            sent_bytes: 0,
            unsent_bytes: 0,
            limit,
            replay,
            end: None,
        }
    }

    /// Whether the producer may go on.
    pub fn has_room(&self) -> bool {
        self.unsent_bytes < self.limit
    }

    /// Adds the response that `make` makes of its id. Nothing is added after the end.
    pub fn push(&mut self, bytes: usize, make: impl FnOnce(String) -> T) {
        if self.end.is_some() {
            return;
        }
        let number = self.first + self.kept.len() as u64;
        self.unsent_bytes += bytes;
        self.kept.push_back(Kept { response: make(self.ids.of(number)), bytes });
    }

    /// Marks the end, once: success, or a failure. True if this call was the one.
    pub fn end(&mut self, success: bool) -> bool {
        let open = self.end.is_none();
        self.end.get_or_insert(success);
        open
    }

    pub fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// What is at position `number`.
    pub fn get(&self, number: u64) -> Next<T> {
        let Some(offset) = number.checked_sub(self.first) else { return Next::Gone };
        match (usize::try_from(offset).ok().and_then(|i| self.kept.get(i)), self.end) {
            (Some(kept), _) => Next::Response(kept.response.clone()),
            (None, None) => Next::Wait,
            (None, Some(true)) => Next::Complete,
            (None, Some(false)) => Next::Failed,
        }
    }

    /// Notes that the client is being sent `number`, and drops what need not be kept any more.
    pub fn sent(&mut self, number: u64) {
        while self.sent < number {
            self.sent += 1;
            let offset = self.sent.checked_sub(self.first).and_then(|i| usize::try_from(i).ok());
            let bytes = offset.and_then(|i| self.kept.get(i)).map_or(0, |k| k.bytes);
            self.unsent_bytes = self.unsent_bytes.saturating_sub(bytes);
            self.sent_bytes += bytes;
        }
        let keep = if self.replay { self.limit } else { 0 };
        while self.first <= self.sent && self.sent_bytes > keep && !(self.replay && self.kept.len() == 1) {
            self.drop_first();
        }
    }

    /// Drops everything up to the response with this id. Error: `INVALID_CURSOR.POSITION_NOT_FOUND`.
    pub fn release_until(&mut self, id: &str) -> SparkResult<()> {
        let number = self.number_of(id)?;
        while self.first <= number && !self.kept.is_empty() {
            self.drop_first();
        }
        Ok(())
    }

    fn drop_first(&mut self) {
        let Some(kept) = self.kept.pop_front() else { return };
        if self.first <= self.sent {
            self.sent_bytes = self.sent_bytes.saturating_sub(kept.bytes);
        } else {
            self.unsent_bytes = self.unsent_bytes.saturating_sub(kept.bytes);
            self.sent = self.first;
        }
        self.first += 1;
    }

    /// The number of the response with this id.
    pub fn number_of(&self, id: &str) -> SparkResult<u64> {
        let produced = self.first + self.kept.len() as u64;
        self.ids
            .number(id)
            .filter(|n| (1..produced).contains(n))
            .ok_or_else(|| SparkError::new("INVALID_CURSOR.POSITION_NOT_FOUND").param("responseId", id))
    }

    /// The error for a position that is gone.
    pub fn not_available(&self, number: u64) -> SparkError {
        SparkError::new("INVALID_CURSOR.POSITION_NOT_AVAILABLE")
            .param("index", number)
            .param("responseId", self.ids.of(number))
    }
}

/// Ids of responses: UUIDs that hide the number of the response, so that no table of them is needed.
struct Ids {
    nonce: u64,
    key: u64,
}

/// The bits of a random UUID's second half that are free.
const LOW_BITS: u64 = (1 << 62) - 1;

impl Ids {
    fn new() -> Self {
        let (nonce, key) = Uuid::new_v4().as_u64_pair();
        Ids { nonce, key }
    }

    fn of(&self, number: u64) -> String {
        Uuid::from_u64_pair(self.nonce, self.key ^ (number & LOW_BITS)).to_string()
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (nonce, low) = Uuid::try_parse(id).ok()?.as_u64_pair();
        let number = low ^ self.key;
        (nonce == self.nonce && number <= LOW_BITS).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u32, bytes: usize, limit: usize, replay: bool) -> (Buffer<String>, Vec<String>) {
        let mut buffer = Buffer::new(limit, replay);
        for _ in 0..count {
            buffer.push(bytes, |id| id);
        }
        let ids = (1..=u64::from(count)).map(|n| buffer.ids.of(n)).collect();
        (buffer, ids)
    }

    #[test]
    fn responses_come_in_order_and_then_the_end() {
        let (mut buffer, ids) = filled(2, 1, 10, true);
        assert_eq!(buffer.get(1), Next::Response(ids[0].clone()));
        assert_eq!(buffer.get(3), Next::Wait);
        assert!(buffer.end(true));
        assert!(!buffer.end(false));
        assert_eq!(buffer.get(3), Next::Complete);
        buffer.push(1, |id| id);
        assert_eq!(buffer.get(3), Next::Complete);
    }

    #[test]
    fn sent_responses_are_kept_up_to_the_limit_and_the_last_always() {
        let (mut buffer, ids) = filled(5, 4, 10, true);
        buffer.sent(3);
        assert_eq!(buffer.get(1), Next::Gone);
        assert_eq!(buffer.get(2), Next::Response(ids[1].clone()));
        let (mut big, ids) = filled(1, 100, 10, true);
        big.sent(1);
        assert_eq!(big.get(1), Next::Response(ids[0].clone()));
        big.push(100, |id| id);
        big.sent(2);
        assert_eq!(big.get(1), Next::Gone);
        assert!(matches!(big.get(2), Next::Response(_)));
    }

    #[test]
    fn without_replay_nothing_sent_is_kept() {
        let (mut buffer, _) = filled(2, 4, 10, false);
        buffer.sent(1);
        assert_eq!(buffer.get(1), Next::Gone);
        assert!(matches!(buffer.get(2), Next::Response(_)));
    }

    #[test]
    fn the_producer_waits_for_the_client() {
        let (mut buffer, _) = filled(2, 6, 10, true);
        assert!(!buffer.has_room());
        buffer.sent(1);
        assert!(buffer.has_room());
        // Sending again after a reattach does not count twice.
        buffer.sent(1);
        assert!(buffer.has_room());
        assert_eq!(buffer.unsent_bytes, 6);
    }

    #[test]
    fn release_drops_up_to_the_id() {
        let (mut buffer, ids) = filled(3, 1, 10, true);
        buffer.sent(2);
        assert_eq!(buffer.release_until(&ids[1]), Ok(()));
        assert_eq!(buffer.get(2), Next::Gone);
        assert_eq!(buffer.number_of(&ids[2]), Ok(3));
        assert!(buffer.release_until(&Uuid::new_v4().to_string()).is_err());
        assert!(buffer.release_until("x").is_err());
        assert_eq!(buffer.release_until(&ids[2]), Ok(()));
        assert_eq!(buffer.unsent_bytes, 0);
    }
}
