//! Blocks: what tails and streams are cut into and compressed by. Each begins with three bytes that say how
//! long it is and whether it is compressed at all.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::Orc;

/// Bytes of a block before it is compressed, in the files that are written.
pub const BLOCK_BYTES: usize = 256 << 10;
/// What three bytes can say.
const MAX_BLOCK_BYTES: u64 = 1 << 23;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None,
    Zlib,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    /// As the postscript numbers it.
    pub fn number(self) -> i32 {
        match self {
            Codec::None => 0,
            Codec::Zlib => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 4,
            Codec::Zstd => 5,
        }
    }

    fn decompressed(self, block: &[u8], limit: usize) -> Orc<Vec<u8>> {
        let out = match self {
            Codec::None => block.to_vec(),
            Codec::Zlib => {
                let mut out = vec![];
                DeflateDecoder::new(block).take(limit as u64 + 1).read_to_end(&mut out).map_err(text)?;
                out
            }
            Codec::Snappy => {
                if snap::raw::decompress_len(block).map_err(text)? > limit {
                    return Err("a block is longer than the file says".into());
                }
                snap::raw::Decoder::new().decompress_vec(block).map_err(text)?
            }
            Codec::Lz4 => lz4_flex::block::decompress(block, limit).map_err(text)?,
            Codec::Zstd => zstd::bulk::decompress(block, limit).map_err(text)?,
        };
        if out.len() > limit { Err("a block is longer than the file says".into()) } else { Ok(out) }
    }

    fn compressed(self, block: &[u8]) -> Orc<Vec<u8>> {
        Ok(match self {
            Codec::None => block.to_vec(),
            Codec::Zlib => {
                let mut encoder = DeflateEncoder::new(vec![], Compression::default());
                encoder.write_all(block).map_err(text)?;
                encoder.finish().map_err(text)?
            }
            Codec::Snappy => snap::raw::Encoder::new().compress_vec(block).map_err(text)?,
            Codec::Lz4 => lz4_flex::block::compress(block),
            Codec::Zstd => zstd::bulk::compress(block, 3).map_err(text)?,
        })
    }
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// How a file's bytes are read.
#[derive(Debug, Clone, Copy)]
pub struct Blocks {
    codec: Codec,
    limit: usize,
}

impl Blocks {
    /// By the postscript: the number of the codec and the most that a block holds.
    pub fn new(codec: i32, block_bytes: Option<u64>) -> Orc<Self> {
        let all = [Codec::None, Codec::Zlib, Codec::Snappy, Codec::Lz4, Codec::Zstd];
        let known = all.into_iter().find(|c| c.number() == codec);
        let codec = known.ok_or_else(|| format!("codec {codec} is not supported"))?;
        let limit = block_bytes.unwrap_or(BLOCK_BYTES as u64).min(MAX_BLOCK_BYTES) as usize;
        Ok(Blocks { codec, limit })
    }

    /// The bytes of a stream, at most `room` of them.
    pub fn decompress(&self, mut input: &[u8], room: usize) -> Orc<Vec<u8>> {
        let mut out = vec![];
        if self.codec == Codec::None {
            out.extend_from_slice(input);
        }
        while self.codec != Codec::None && !input.is_empty() && out.len() <= room {
            let (&[a, b, c], rest) = input.split_first_chunk::<3>().ok_or_else(super::ended)?;
            let header = u32::from_le_bytes([a, b, c, 0]);
            let (block, rest) = rest.split_at_checked((header >> 1) as usize).ok_or_else(super::ended)?;
            match header & 1 {
                1 => out.extend_from_slice(block),
                _ => out.append(&mut self.codec.decompressed(block, self.limit)?),
            }
            input = rest;
        }
        if out.len() > room { Err("a stripe is larger than stripes may be".into()) } else { Ok(out) }
    }
}

/// The bytes in blocks of the codec; as they are where compression does not make them fewer.
pub fn compress(codec: Codec, bytes: &[u8]) -> Orc<Vec<u8>> {
    if codec == Codec::None {
        return Ok(bytes.to_vec());
    }
    let mut out = vec![];
    for block in bytes.chunks(BLOCK_BYTES) {
        let small = codec.compressed(block)?;
        let (kept, raw) = if small.len() < block.len() { (small.as_slice(), 0) } else { (block, 1) };
        let [a, b, c, _] = ((kept.len() as u32) << 1 | raw).to_le_bytes();
        out.extend_from_slice(&[a, b, c]);
        out.extend_from_slice(kept);
    }
    Ok(out)
}
