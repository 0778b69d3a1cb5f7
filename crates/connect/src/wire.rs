//! Decoding of requests that may be hostile: the nesting of the raw bytes is measured first, without
//! recursion and without a schema, then prost (whose own limit of 100 levels is switched off) decodes
//! them on a thread with a big stack.
//!
//! Every length-delimited field is taken for a message as long as its bytes read as one, so that a
//! string can only make the answer too high, and text cannot do so by more than some sixty levels.

use std::io::Read;

use bytes::Bytes;
use prost::Message;
use vonk_common::limits::{MAX_DECOMPRESSED_PLAN_BYTES, MAX_MESSAGE_DEPTH, MAX_PLAN_COMPRESSION_RATIO};
use vonk_common::{SparkError, SparkResult};

/// Decodes a message whose depth has been checked. Call this on a planner thread.
pub fn decode<M: Message + Default>(bytes: Bytes) -> SparkResult<M> {
    check_depth(&bytes)?;
    M::decode(bytes).map_err(|e| cannot_parse(&e.to_string()))
}

/// Unpacks zstd. Neither the size nor the ratio may be out of proportion.
pub fn decompress(data: &[u8]) -> SparkResult<Bytes> {
    let limit = data.len().saturating_mul(MAX_PLAN_COMPRESSION_RATIO).min(MAX_DECOMPRESSED_PLAN_BYTES);
    let decoder = zstd::stream::read::Decoder::new(data).map_err(|e| cannot_parse(&e.to_string()))?;
    let mut out = vec![];
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|e| cannot_parse(&e.to_string()))?;
    if out.len() > limit {
        return Err(SparkError::new("CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX")
            .param("planSize", "unknown")
            .param("maxPlanSize", limit));
    }
    Ok(out.into())
}

pub fn cannot_parse(reason: &str) -> SparkError {
    SparkError::new("CONNECT_INVALID_PLAN.CANNOT_PARSE").param("errorMsg", reason)
}

/// Refuses bytes that may nest deeper than `MAX_MESSAGE_DEPTH`.
pub fn check_depth(bytes: &[u8]) -> SparkResult<()> {
    if exceeds_depth(bytes, MAX_MESSAGE_DEPTH) {
        return Err(cannot_parse(&format!("messages nest deeper than {MAX_MESSAGE_DEPTH} levels")));
    }
    Ok(())
}

/// A field that is being read as a message: where it ends, and the group it is, if any.
struct Level {
    end: usize,
    group: Option<u64>,
}

/// Whether the bytes, read as a message, could nest deeper than `limit`. One pass: bytes that turn out
/// not to be a message are left behind, never read again.
fn exceeds_depth(bytes: &[u8], limit: usize) -> bool {
    let mut levels = vec![Level { end: bytes.len(), group: None }];
    let mut at = 0;
    while let Some(level) = levels.last() {
        let end = level.end;
        if at == end && level.group.is_none() {
            levels.pop();
            continue;
        }
        match next_field(bytes, at, end) {
            Some(Field::Skip(next)) => at = next,
            Some(Field::Enter { start, end }) => {
                at = start;
                levels.push(Level { end, group: None });
            }
            Some(Field::Group { start, number }) => {
                at = start;
                levels.push(Level { end, group: Some(number) });
            }
            Some(Field::EndGroup { next, number }) if level.group == Some(number) => {
                at = next;
                levels.pop();
            }
            // Not a message after all: go on behind the innermost length-delimited field.
            _ => {
                while levels.pop().is_some_and(|l| l.group.is_some()) {}
                at = end;
            }
        }
        if levels.len() > limit {
            return true;
        }
    }
    false
}

enum Field {
    Skip(usize),
    Enter { start: usize, end: usize },
    Group { start: usize, number: u64 },
    EndGroup { next: usize, number: u64 },
}

fn next_field(bytes: &[u8], at: usize, end: usize) -> Option<Field> {
    let bytes = bytes.get(..end)?;
    let (tag, at) = varint(bytes, at)?;
    let number = tag >> 3;
    if number == 0 {
        return None;
    }
    let within = |next: usize| (next <= end).then_some(Field::Skip(next));
    match tag & 7 {
        0 => within(varint(bytes, at)?.1),
        1 => within(at.checked_add(8)?),
        2 => {
            let (length, start) = varint(bytes, at)?;
            let stop = start.checked_add(usize::try_from(length).ok()?)?;
            (stop <= end).then_some(Field::Enter { start, end: stop })
        }
        3 => Some(Field::Group { start: at, number }),
        4 => Some(Field::EndGroup { next: at, number }),
        5 => within(at.checked_add(4)?),
        _ => None,
    }
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        // Built from the inside: field 1 holding the message so far, reversed to stay linear.
        let mut reversed: Vec<u8> = vec![];
        for _ in 0..levels {
            let mut length = vec![];
            prost::encoding::encode_varint(reversed.len() as u64, &mut length);
            reversed.extend(length.iter().rev());
            reversed.push(0x0a);
        }
        reversed.reverse();
        reversed
    }

    #[test]
    fn depth_is_counted_without_recursion() {
        assert!(!exceeds_depth(&nested(99), 100));
        assert!(exceeds_depth(&nested(100), 100));
        assert!(exceeds_depth(&nested(1_000_000), 4096));
    }

    #[test]
    fn decompression_is_limited() -> Result<(), std::io::Error> {
        let packed = zstd::encode_all(&b"abc"[..], 0)?;
        assert_eq!(decompress(&packed), Ok(Bytes::from_static(b"abc")));
        let bomb = zstd::encode_all(std::io::repeat(0).take(1 << 28), 1)?;
        assert!(decompress(&bomb).is_err_and(|e| e.class().ends_with("PLAN_SIZE_LARGER_THAN_MAX")));
        assert!(decompress(b"abc").is_err());
        Ok(())
    }

    #[test]
    fn groups_count_and_broken_bytes_are_opaque() {
        assert!(exceeds_depth(&[0x0b; 200], 100));
        let text = "jjjj select * from nothing where kkkkkkkkkkkkkkk = 1".repeat(1000);
        let mut message = vec![0x0a];
        prost::encoding::encode_varint(text.len() as u64, &mut message);
        message.extend(text.as_bytes());
        assert!(!exceeds_depth(&message, 200));
        assert!(!exceeds_depth(&[0xff; 64], 100));
        assert!(!exceeds_depth(&[], 100));
    }
}
