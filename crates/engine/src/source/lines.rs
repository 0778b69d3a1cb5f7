//! Bytes of a file, decompressed and decoded, cut into lines.
//!
//! A line belongs to the piece of a file in which it begins: a piece that does not start the file
//! skips to the first line break at or before its start.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use futures::StreamExt;
use tokio::runtime::Handle;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::Options;

use super::options::text;
use crate::fs::{Files, Place, store_error};
use object_store::{GetOptions, GetRange};

const CHUNK: usize = 1 << 20;

/// What some programs begin a file in UTF-8 with. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The compression that a file name tells.
pub fn compression(place: &Place) -> SparkResult<FileCompressionType> {
    let name = place.name().to_ascii_lowercase();
    Ok(match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("gz") => FileCompressionType::GZIP,
        Some("bz2") => FileCompressionType::BZIP2,
        Some("xz") => FileCompressionType::XZ,
        Some("zst") => FileCompressionType::ZSTD,
        Some(other @ ("snappy" | "lz4" | "deflate" | "lzo")) => {
            return Err(SparkError::unsupported(format!("files compressed with {other}")));
        }
        _ => FileCompressionType::UNCOMPRESSED,
    })
}

/// The `encoding` option, when it is not UTF-8.
pub fn encoding(options: &Options) -> Option<String> {
    let name = text(options, "encoding").or_else(|| text(options, "charset"))?.to_ascii_uppercase();
    (!matches!(name.as_str(), "UTF-8" | "UTF8" | "US-ASCII" | "ASCII")).then_some(name)
}

/// A reader of the file's bytes from `start` on, decompressed. Blocking.
pub fn open(files: &Files, place: &Place, start: u64, runtime: &Handle) -> SparkResult<Box<dyn Read + Send>> {
    let kind = compression(place)?;
    let raw: Box<dyn Read + Send> = if place.is_local() {
        let mut file = File::open(place.local()).map_err(|e| missing(place, &e))?;
        file.seek(SeekFrom::Start(start)).map_err(|e| missing(place, &e))?;
        Box::new(file)
    } else {
        let store = files.store(place)?;
        let key = place.key()?;
        let options = GetOptions { range: (start > 0).then_some(GetRange::Offset(start)), ..Default::default() };
        let got = runtime.block_on(store.get_opts(&key, options)).map_err(store_error)?;
        Box::new(Remote { stream: got.into_stream(), chunk: bytes::Bytes::new(), runtime: runtime.clone() })
    };
    kind.convert_read(raw).map_err(vonk_expr::spark_error)
}

fn missing(place: &Place, e: &std::io::Error) -> SparkError {
    match e.kind() {
        std::io::ErrorKind::NotFound => SparkError::new("FAILED_READ_FILE.FILE_NOT_EXIST").param("path", uri(place)),
        _ => read_failed(place, e),
    }
}

/// A file that cannot be read, for a cause that has no class of its own.
pub fn read_failed(place: &Place, cause: impl std::fmt::Display) -> SparkError {
    log::debug!("{place}: {cause}");
    SparkError::new("FAILED_READ_FILE.NO_HINT").param("path", uri(place))
}

/// The place as run-time errors name it: `file:///a`.
pub fn uri(place: &Place) -> String {
    if place.is_local() { format!("file://{}", place.path) } else { place.to_string() }
}

struct Remote {
    stream: futures::stream::BoxStream<'static, object_store::Result<bytes::Bytes>>,
    chunk: bytes::Bytes,
    runtime: Handle,
}

impl Read for Remote {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                Some(next) => self.chunk = next.map_err(std::io::Error::other)?,
                None => return Ok(0),
            }
        }
        let n = out.len().min(self.chunk.len());
        if let Some(to) = out.get_mut(..n) {
            to.copy_from_slice(&self.chunk.split_to(n));
        }
        Ok(n)
    }
}

/// The whole text of a reader in UTF-8, without a byte order mark; bytes that are none become U+FFFD.
pub fn read_all(mut input: Box<dyn Read + Send>, encoding: Option<&str>, place: &Place) -> SparkResult<Vec<u8>> {
    let mut bytes = vec![];
    input.read_to_end(&mut bytes).map_err(|e| read_failed(place, e))?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(match encoding {
        None => bytes,
        Some(name) => decode(&bytes, name)?.into_bytes(),
    })
}

fn decode(bytes: &[u8], name: &str) -> SparkResult<String> {
    let utf16 = |bytes: &[u8], big: bool| {
        let units = bytes.chunks_exact(2).map(|c| match c {
            [a, b] if big => u16::from_be_bytes([*a, *b]),
            [a, b] => u16::from_le_bytes([*a, *b]),
            _ => 0,
        });
        char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect::<String>()
    };
    Ok(match name {
        "ISO-8859-1" | "LATIN1" | "ISO8859-1" | "ISO_8859_1" => bytes.iter().map(|b| char::from(*b)).collect(),
        "WINDOWS-1252" | "CP1252" => bytes.iter().map(|b| windows_1252(*b)).collect(),
        "UTF-16LE" => utf16(bytes, false),
        "UTF-16BE" => utf16(bytes, true),
        "UTF-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => utf16(rest, false),
            [0xfe, 0xff, rest @ ..] => utf16(rest, true),
            all => utf16(all, true),
        },
        "UTF-32" | "UTF-32LE" | "UTF-32BE" => {
            let little = name == "UTF-32LE" || bytes.starts_with(&[0xff, 0xfe, 0, 0]);
            let chars = bytes.chunks_exact(4).filter_map(|c| <[u8; 4]>::try_from(c).ok());
            let chars = chars.map(|c| if little { u32::from_le_bytes(c) } else { u32::from_be_bytes(c) });
            chars.filter(|c| *c != 0xfeff).map(|c| char::from_u32(c).unwrap_or('\u{fffd}')).collect()
        }
        other => return Err(SparkError::unsupported(format!("the encoding {other}"))),
    })
}

/// Text in an encoding; characters that it lacks become `?`. Error: the encoding is not supported.
pub fn encode(text: &str, name: &str) -> SparkResult<Vec<u8>> {
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    let utf32 = |to_bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| to_bytes(u32::from(c))).collect::<Vec<u8>>();
    let single = |byte_of: &dyn Fn(char) -> Option<u8>| text.chars().map(|c| byte_of(c).unwrap_or(b'?')).collect();
    Ok(match name {
        "ISO-8859-1" | "LATIN1" | "ISO8859-1" | "ISO_8859_1" => single(&|c| u8::try_from(u32::from(c)).ok()),
        "WINDOWS-1252" | "CP1252" => single(&|c| (0..=u8::MAX).find(|b| windows_1252(*b) == c)),
        "UTF-16LE" => utf16(u16::to_le_bytes),
        "UTF-16" | "UTF-16BE" => utf16(u16::to_be_bytes),
        "UTF-32LE" => utf32(u32::to_le_bytes),
        "UTF-32" | "UTF-32BE" => utf32(u32::to_be_bytes),
        other => return Err(SparkError::unsupported(format!("the encoding {other}"))),
    })
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
        _ => char::from(byte),
    }
}

/// Lines of a reader, without their breaks.
pub struct Lines {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    /// Bytes of the file that lie before `buffer[at]`.
    position: u64,
    /// Lines that begin at this place or later belong to the next piece.
    end: u64,
    separator: Option<Vec<u8>>,
    place: Place,
}

impl Lines {
    /// The lines that begin in `start..end` of the file.
    pub fn open(
        files: &Files,
        place: &Place,
        (start, end): (u64, u64),
        separator: Option<&str>,
        encoding: Option<&str>,
        runtime: &Handle,
    ) -> SparkResult<Self> {
        let from = start.saturating_sub(1);
        let mut input = open(files, place, from, runtime)?;
        if encoding.is_some() {
            input = Box::new(std::io::Cursor::new(read_all(input, encoding, place)?));
        }
        let mut lines = Lines {
            input,
            buffer: vec![0; CHUNK],
            at: 0,
            filled: 0,
            ended: false,
            position: from,
            end,
            separator: separator.map(|s| s.as_bytes().to_vec()),
            place: place.clone(),
        };
        if start > 0 {
            lines.line()?;
        } else {
            while lines.filled < BYTE_ORDER_MARK.len() && lines.fill()? {}
            if lines.buffer.get(..lines.filled).is_some_and(|b| b.starts_with(BYTE_ORDER_MARK)) {
                lines.consume(BYTE_ORDER_MARK.len());
            }
        }
        Ok(lines)
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.position += bytes as u64;
    }

    /// Reads more bytes behind those there are; false at the end of the file.
    fn fill(&mut self) -> SparkResult<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
        }
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let n = self.input.read(room).map_err(|e| read_failed(&self.place, e))?;
        self.filled += n;
        self.ended = n == 0;
        Ok(n > 0)
    }

    /// The next line of this piece.
    pub fn next_line(&mut self) -> SparkResult<Option<&[u8]>> {
        if self.position >= self.end {
            return Ok(None);
        }
        self.line()
    }

    fn line(&mut self) -> SparkResult<Option<&[u8]>> {
        let mut scanned = 0;
        loop {
            let window = self.buffer.get(self.at..self.filled).unwrap_or_default();
            if let Some((length, skip)) = self.line_break(window, scanned) {
                let from = self.at;
                self.consume(length + skip);
                return Ok(self.buffer.get(from..from + length));
            }
            scanned = window.len().saturating_sub(self.separator.as_ref().map_or(1, Vec::len));
            if !self.fill()? {
                let (from, to) = (self.at, self.filled);
                self.consume(to - from);
                let line = self.buffer.get(from..to).filter(|line| !line.is_empty());
                let bare = self.separator.is_none();
                return Ok(line.map(|line| line.strip_suffix(b"\r").filter(|_| bare).unwrap_or(line)));
            }
        }
    }

    /// Length of the line at the window's start and of the break after it.
    fn line_break(&self, window: &[u8], scanned: usize) -> Option<(usize, usize)> {
        let tail = window.get(scanned..)?;
        if let Some(separator) = &self.separator {
            let found = tail.windows(separator.len().max(1)).position(|w| w == separator.as_slice())?;
            return Some((scanned + found, separator.len()));
        }
        let at = scanned + tail.iter().position(|b| *b == b'\n' || *b == b'\r')?;
        match (window.get(at), window.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some((at, 2)),
            // The break may go on in bytes that are not read yet.
            (Some(b'\r'), None) if !self.ended => None,
            _ => Some((at, 1)),
        }
    }
}
