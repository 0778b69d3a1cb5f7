//! The end of a file: how long its parts are, its types and its stripes. It is read in one piece where it is
//! short, in two where not.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use vonk_common::SparkResult;
use vonk_plan::types::StructType;

use super::blocks::Blocks;
use super::messages::{Footer, PROLEPTIC_GREGORIAN, PostScript, StripeInformation};
use super::{Orc, types};
use crate::fs::{Files, Place};

/// Bytes that are read first: most tails are shorter.
const FIRST_BYTES: u64 = 16 << 10;
/// The longest footer that is believed in.
const MAX_FOOTER_BYTES: usize = 256 << 20;

/// What a file says of itself.
#[derive(Debug)]
pub struct Tail {
    pub blocks: Blocks,
    pub footer: Footer,
}

/// Bytes of a file.
pub async fn range(files: &Files, place: &Place, range: Range<u64>) -> Orc<Bytes> {
    ranges(files, place, &[range]).await?.pop().ok_or_else(super::ended)
}

/// Bytes of a file in several places, neighbours together.
pub async fn ranges(files: &Files, place: &Place, ranges: &[Range<u64>]) -> Orc<Vec<Bytes>> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let store = files.store(place).map_err(|e| text(&e))?;
    let key = place.key().map_err(|e| text(&e))?;
    let found = store.get_ranges(&key, ranges).await.map_err(|e| text(&e))?;
    let whole = ranges.iter().zip(&found).all(|(r, b)| b.len() as u64 == r.end.saturating_sub(r.start));
    if whole && found.len() == ranges.len() { Ok(found) } else { Err(super::ended()) }
}

impl Tail {
    pub async fn read(files: &Files, place: &Place, size: u64) -> Orc<Tail> {
        let bytes = range(files, place, size.saturating_sub(FIRST_BYTES)..size).await?;
        let (last, rest) = bytes.split_last().ok_or("the file is empty")?;
        let at = rest.len().checked_sub((*last).into()).ok_or_else(super::ended)?;
        let postscript = PostScript::decode(rest.get(at..).unwrap_or_default()).map_err(|e| e.to_string())?;
        if postscript.magic() != "ORC" {
            return Err("the file is not ORC".into());
        }
        let blocks = Blocks::new(postscript.compression(), postscript.block_bytes)?;
        let end = size - 1 - u64::from(*last);
        let start = end.checked_sub(postscript.footer_length()).ok_or_else(super::ended)?;
        let held = (end - start <= at as u64).then(|| rest.get(at - (end - start) as usize..at)).flatten();
        let footer = match held {
            Some(bytes) => blocks.decompress(bytes, MAX_FOOTER_BYTES)?,
            None => blocks.decompress(&range(files, place, start..end).await?, MAX_FOOTER_BYTES)?,
        };
        let footer = Footer::decode(footer.as_slice()).map_err(|e| e.to_string())?;
        if footer.encryption.is_some() {
            return Err("the file is encrypted".into());
        }
        types::check(&footer.types)?;
        for stripe in &footer.stripes {
            if parts(stripe).is_none_or(|(.., stripe_end)| stripe_end > start) {
                return Err("a stripe reaches beyond its file".into());
            }
        }
        // What counts rows and reads no column has nothing else to notice it by.
        let rows = footer.stripes.iter().try_fold(0u64, |rows, s| rows.checked_add(s.rows()));
        if rows != Some(footer.rows()) {
            return Err("the stripes have other rows than the file".into());
        }
        Ok(Tail { blocks, footer })
    }

    /// The columns, every level nullable.
    pub fn schema(&self) -> SparkResult<StructType> {
        types::schema(&self.footer.types)
    }

    /// Are days before October 1582 those of the Julian calendar?
    pub fn is_hybrid(&self) -> bool {
        self.footer.calendar() != PROLEPTIC_GREGORIAN
    }
}

/// Where a stripe begins, where its footer does, and where it ends.
pub fn parts(stripe: &StripeInformation) -> Option<(u64, u64, u64)> {
    let start = stripe.offset();
    let footer = start.checked_add(stripe.index_length())?.checked_add(stripe.data_length())?;
    Some((start, footer, footer.checked_add(stripe.footer_length())?))
}
