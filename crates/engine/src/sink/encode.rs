//! One file being written: rows to bytes in the format and compression asked for.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::common::Result;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_functions_string::formats::write::{Kind, TextFormat};
use vonk_plan::relation::Options;
use vonk_plan::types::{StructType, json};

use crate::exact::{exact_batch, exact_schema};
use crate::fs::{Files, Place, store_error};
use crate::orc::blocks::Codec;
use crate::orc::write as orc;
use crate::source::options::text;
use crate::source::{Format, lines};

/// How all files of a write are encoded.
pub struct Encoding {
    schema: StructType,
    text: Option<TextFormat>,
    parquet: Option<WriterProperties>,
    orc: Option<Codec>,
    compression: FileCompressionType,
    /// What text is encoded in, if not in UTF-8.
    charset: Option<String>,
    /// What file names end in: `.snappy.parquet`, `.csv.gz`.
    pub extension: String,
}

/// Bytes of a row group in memory.
const ROW_GROUP_BYTES: usize = 128 << 20;
const TEXT_CHUNK: usize = 1 << 20;

/// What a file in UTF-16 of no order that is said begins with.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Encoding {
    pub fn new(format: Format, schema: &StructType, options: &Options, conf: &SessionConf) -> SparkResult<Self> {
        let mut out = Encoding {
            schema: schema.clone(),
            text: None,
            parquet: None,
            orc: None,
            compression: FileCompressionType::UNCOMPRESSED,
            charset: if matches!(format, Format::Csv | Format::Json) { lines::encoding(options) } else { None },
            extension: String::new(),
        };
        if format == Format::Parquet {
            let (compression, prefix) = parquet_compression(options, conf)?;
            out.parquet = Some(parquet_properties(schema, compression));
            out.extension = format!("{prefix}.parquet");
        } else if format == Format::Orc {
            let (codec, prefix) = orc::codec(options, conf)?;
            out.orc = Some(codec);
            out.extension = format!("{prefix}.orc");
        } else {
            let kind = match format {
                Format::Csv => Kind::Csv,
                Format::Json => Kind::Json,
                _ => Kind::Plain,
            };
            out.text = Some(TextFormat::new(kind, schema.clone(), options, conf)?);
            let (compression, suffix) = text_compression(options, format)?;
            out.compression = compression;
            let name = match format {
                Format::Text => "txt",
                other => other.provider(),
            };
            out.extension = format!(".{name}{suffix}");
        }
        Ok(out)
    }

    fn bytes<'t>(&self, text: &'t str) -> SparkResult<Cow<'t, [u8]>> {
        match &self.charset {
            Some(name) => lines::encode(text, name).map(Cow::Owned),
            None => Ok(Cow::Borrowed(text.as_bytes())),
        }
    }

    /// Begins a file.
    pub async fn create(self: &Arc<Self>, files: &Files, place: &Place) -> SparkResult<OpenFile> {
        let store = files.store(place)?;
        if let Some(parent) = place.parent() {
            files.make_folder(&parent).await?;
        }
        let sink = BufWriter::new(store, place.key()?);
        let writer = match (&self.parquet, self.orc) {
            (_, Some(codec)) => Writer::Orc(sink, Box::new(orc::Writer::new(&self.schema, codec)?)),
            (Some(properties), _) => {
                let options =
                    ArrowWriterOptions::new().with_properties(properties.clone()).with_skip_arrow_metadata(true);
                let writer = AsyncArrowWriter::try_new_with_options(sink, parquet_schema(&self.schema), options);
                Writer::Parquet(Box::new(writer.map_err(store_error)?))
            }
            _ => Writer::Text(self.compression.convert_async_writer(sink).map_err(spark_error)?, String::new()),
        };
        let mut file = OpenFile { encoding: Arc::clone(self), writer, rows: 0 };
        if let (Some("UTF-16"), Writer::Text(_, buffer)) = (self.charset.as_deref(), &mut file.writer) {
            buffer.push(BYTE_ORDER_MARK);
        }
        if let (Some(format), Writer::Text(_, buffer)) = (&self.text, &mut file.writer)
            && format.header
        {
            format.write_header(buffer);
        }
        Ok(file)
    }
}

/// A file that takes rows.
pub struct OpenFile {
    encoding: Arc<Encoding>,
    writer: Writer,
    pub rows: usize,
}

enum Writer {
    Parquet(Box<AsyncArrowWriter<BufWriter>>),
    Orc(BufWriter, Box<orc::Writer>),
    Text(Box<dyn AsyncWrite + Send + Unpin>, String),
}

impl OpenFile {
    pub async fn write(&mut self, batch: &RecordBatch) -> SparkResult<()> {
        self.rows += batch.num_rows();
        match &mut self.writer {
            Writer::Parquet(writer) => {
                let batch = for_parquet(batch, &self.encoding.schema).map_err(spark_error)?;
                writer.write(&batch).await.map_err(store_error)?;
                if writer.in_progress_size() > ROW_GROUP_BYTES {
                    writer.flush().await.map_err(store_error)?;
                }
            }
            Writer::Orc(sink, writer) => {
                sink.write_all(&writer.write(batch)?).await.map_err(store_error)?;
            }
            Writer::Text(sink, buffer) => {
                if let Some(format) = &self.encoding.text {
                    format.write_batch(batch, buffer).map_err(spark_error)?;
                }
                if buffer.len() >= TEXT_CHUNK {
                    sink.write_all(&self.encoding.bytes(buffer)?).await.map_err(store_error)?;
                    buffer.clear();
                }
            }
        }
        Ok(())
    }

    /// Completes the file.
    pub async fn close(self) -> SparkResult<()> {
        match self.writer {
            Writer::Parquet(writer) => writer.close().await.map(|_| ()).map_err(store_error),
            Writer::Orc(mut sink, writer) => {
                sink.write_all(&writer.finish()?).await.map_err(store_error)?;
                sink.shutdown().await.map_err(store_error)
            }
            Writer::Text(mut sink, buffer) => {
                sink.write_all(&self.encoding.bytes(&buffer)?).await.map_err(store_error)?;
                sink.shutdown().await.map_err(store_error)
            }
        }
    }
}

/// The exact batch, with intervals as the integers that Parquet files hold.
fn for_parquet(batch: &RecordBatch, schema: &StructType) -> Result<RecordBatch> {
    let exact = exact_batch(batch, schema, &exact_schema(schema))?;
    let target = parquet_schema(schema);
    let columns = exact.columns().iter().zip(target.fields()).map(|(column, field)| -> Result<ArrayRef> {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        // The same bits under another name.
        let data = column.to_data().into_builder().data_type(field.data_type().clone()).build()?;
        Ok(arrow::array::make_array(data))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let fields = target.fields().iter().zip(&columns);
    // NULLs against the promise: better a nullable column than no file.
    let fields =
        fields.map(|(f, c)| Field::new(f.name(), c.data_type().clone(), f.is_nullable() || c.null_count() > 0));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn parquet_schema(schema: &StructType) -> Arc<Schema> {
    use arrow::datatypes::DataType as Arrow;
    let exact = exact_schema(schema);
    let fields = exact.fields().iter().map(|f| match f.data_type() {
        Arrow::Duration(_) => Field::new(f.name(), Arrow::Int64, f.is_nullable()),
        Arrow::Interval(arrow::datatypes::IntervalUnit::YearMonth) => {
            Field::new(f.name(), Arrow::Int32, f.is_nullable())
        }
        _ => f.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn parquet_properties(schema: &StructType, compression: Compression) -> WriterProperties {
    let spark = json::struct_to_json(schema).to_string();
    WriterProperties::builder()
        .set_compression(compression)
        .set_coerce_types(true)
        .set_created_by("vonk".into())
        .set_key_value_metadata(Some(vec![
            KeyValue::new("org.apache.spark.version".into(), "4.3.0".to_string()),
            KeyValue::new("org.apache.spark.sql.parquet.row.metadata".into(), spark),
        ]))
        .build()
}

fn parquet_compression(options: &Options, conf: &SessionConf) -> SparkResult<(Compression, &'static str)> {
    let by_conf = conf.get("spark.sql.parquet.compression.codec");
    let name = text(options, "compression").or_else(|| text(options, "parquet.compression")).or(by_conf);
    Ok(match name.unwrap_or("snappy").to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => (Compression::UNCOMPRESSED, ""),
        "snappy" => (Compression::SNAPPY, ".snappy"),
        "gzip" => (Compression::GZIP(GzipLevel::default()), ".gz"),
        "zstd" => (Compression::ZSTD(ZstdLevel::try_new(3).map_err(store_error)?), ".zstd"),
        "lz4" | "lz4_raw" | "lz4raw" => (Compression::LZ4_RAW, ".lz4raw"),
        "brotli" => (Compression::BROTLI(Default::default()), ".br"),
        other => {
            return Err(SparkError::new("CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION")
                .param("codecName", other)
                .param("availableCodecs", "brotli, uncompressed, lzo, snappy, lz4_raw, none, zstd, lz4, gzip"));
        }
    })
}

fn text_compression(options: &Options, format: Format) -> SparkResult<(FileCompressionType, &'static str)> {
    let name = text(options, "compression").or_else(|| text(options, "codec")).unwrap_or("none");
    Ok(match name.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => (FileCompressionType::UNCOMPRESSED, ""),
        "gzip" => (FileCompressionType::GZIP, ".gz"),
        "bzip2" => (FileCompressionType::BZIP2, ".bz2"),
        other @ ("lz4" | "snappy" | "deflate") => {
            return Err(SparkError::unsupported(format!("{other} compression of {} files", format.title())));
        }
        other => {
            return Err(SparkError::new("CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION")
                .param("codecName", other)
                .param("availableCodecs", "bzip2, deflate, uncompressed, snappy, none, lz4, gzip"));
        }
    })
}
