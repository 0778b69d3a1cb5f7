//! A file being written: rows are encoded as they come, a stripe leaves when it is large enough, the tail
//! says where all of them are. Without indexes and minima, so that readers skip nothing in it.

use arrow::array::RecordBatch;
use prost::Message;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::relation::Options;
use vonk_plan::types::StructType;

use super::Malformed;
use super::blocks::{BLOCK_BYTES, Codec, compress};
use super::encode::Column;
use super::messages::{
    ColumnEncoding, Footer, PROLEPTIC_GREGORIAN, PostScript, Stream, StripeFooter, StripeInformation, Type,
    UserMetadata, encoding,
};
use super::types::orc_types;
use crate::source::options::text;

/// Bytes of a stripe before compression (`orc.stripe.size`).
const STRIPE_BYTES: usize = 64 << 20;
const MAGIC: &[u8] = b"ORC";
/// The version of the format, and that of its Java writer whose ways with instants are followed.
const VERSION: [u32; 2] = [0, 12];
const WRITER_VERSION: u32 = 6;
/// A writer that has registered no number.
const UNKNOWN_WRITER: u32 = 5_000;

/// The codec asked for, and what file names say of it.
pub fn codec(options: &Options, conf: &SessionConf) -> SparkResult<(Codec, &'static str)> {
    let by_conf = conf.get("spark.sql.orc.compression.codec");
    let name = text(options, "compression").or_else(|| text(options, "orc.compress")).or(by_conf);
    let name = name.unwrap_or("zstd").to_ascii_lowercase();
    Ok(match name.as_str() {
        "none" | "uncompressed" => (Codec::None, ""),
        "zlib" => (Codec::Zlib, ".zlib"),
        "snappy" => (Codec::Snappy, ".snappy"),
        "lz4" => (Codec::Lz4, ".lz4"),
        "zstd" => (Codec::Zstd, ".zstd"),
        "lzo" | "brotli" => return Err(SparkError::unsupported(format!("{name} compression of ORC files"))),
        _ => {
            return Err(SparkError::new("CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION")
                .param("codecName", name)
                .param("availableCodecs", "brotli, uncompressed, lz4, lzo, snappy, zlib, none, zstd"));
        }
    })
}

/// Rows into the bytes of a file, which the caller takes away.
pub struct Writer {
    codec: Codec,
    types: Vec<Type>,
    root: Column,
    rows_in_stripe: u64,
    rows: u64,
    written: u64,
    stripes: Vec<StripeInformation>,
}

impl Writer {
    pub fn new(schema: &StructType, codec: Codec) -> SparkResult<Self> {
        let types = orc_types(schema)?;
        let root = Column::new(&types, 0);
        Ok(Writer { codec, types, root, rows_in_stripe: 0, rows: 0, written: 0, stripes: vec![] })
    }

    /// Adds rows; gives the bytes that are complete.
    pub fn write(&mut self, batch: &RecordBatch) -> SparkResult<Vec<u8>> {
        self.root.add_parts(batch.columns()).map_err(failed)?;
        self.root.add_rows(batch.num_rows() as u64);
        self.rows_in_stripe += batch.num_rows() as u64;
        let mut out = vec![];
        if self.root.size() >= STRIPE_BYTES {
            self.stripe(&mut out)?;
        }
        Ok(out)
    }

    /// The rest of the file.
    pub fn finish(mut self) -> SparkResult<Vec<u8>> {
        let mut out = vec![];
        if self.rows_in_stripe > 0 {
            self.stripe(&mut out)?;
        }
        self.begin(&mut out);
        let mut statistics = vec![];
        self.root.statistics(&mut statistics);
        let version = UserMetadata { name: Some("org.apache.spark.version".into()), value: Some("4.3.0".into()) };
        let footer = Footer {
            header_length: Some(MAGIC.len() as u64),
            content_length: Some(self.written),
            stripes: self.stripes,
            types: self.types,
            metadata: vec![version],
            rows: Some(self.rows),
            statistics,
            row_index_stride: Some(0),
            writer: Some(UNKNOWN_WRITER),
            encryption: None,
            calendar: Some(PROLEPTIC_GREGORIAN),
        };
        let footer = compress(self.codec, &footer.encode_to_vec()).map_err(failed)?;
        let postscript = PostScript {
            footer_length: Some(footer.len() as u64),
            compression: Some(self.codec.number()),
            block_bytes: (self.codec != Codec::None).then_some(BLOCK_BYTES as u64),
            version: VERSION.to_vec(),
            metadata_length: Some(0),
            writer_version: Some(WRITER_VERSION),
            magic: Some("ORC".into()),
        };
        let postscript = postscript.encode_to_vec();
        out.extend(footer);
        out.extend_from_slice(&postscript);
        out.push(postscript.len() as u8);
        Ok(out)
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.written == 0 {
            out.extend_from_slice(MAGIC);
            self.written = MAGIC.len() as u64;
        }
    }

    fn stripe(&mut self, out: &mut Vec<u8>) -> SparkResult<()> {
        self.begin(out);
        let mut streams = vec![];
        self.root.finish(&mut streams);
        let start = out.len();
        let mut of_stripe = vec![];
        for (column, kind, bytes) in streams {
            let bytes = compress(self.codec, &bytes).map_err(failed)?;
            of_stripe.push(Stream { kind: Some(kind), column: Some(column), length: Some(bytes.len() as u64) });
            out.extend(bytes);
        }
        let data_length = (out.len() - start) as u64;
        let direct = ColumnEncoding { kind: Some(encoding::DIRECT), dictionary_size: None };
        let columns = vec![direct; self.types.len()];
        let footer = StripeFooter { streams: of_stripe, columns, writer_timezone: Some("UTC".into()) };
        let footer = compress(self.codec, &footer.encode_to_vec()).map_err(failed)?;
        self.stripes.push(StripeInformation {
            offset: Some(self.written),
            index_length: Some(0),
            data_length: Some(data_length),
            footer_length: Some(footer.len() as u64),
            rows: Some(self.rows_in_stripe),
        });
        self.written += data_length + footer.len() as u64;
        self.rows += std::mem::take(&mut self.rows_in_stripe);
        out.extend(footer);
        Ok(())
    }
}

fn failed(e: Malformed) -> SparkError {
    SparkError::internal(format!("ORC: {e}"))
}
