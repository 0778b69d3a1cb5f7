//! `_metadata`: which file a row is from (Spark's `FileSourceMetadataAttribute`).
//!
//! A column of the table behind those of the folders, one value a file, that is read only where it is asked for.
//! The place of a row in its Parquet file is put in by [`crate::operators::row_index`]. Blocks are whole files here.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use datafusion::common::{Result, ScalarValue};
use vonk_analyzer::row_ids::{FILE_METADATA, FILE_METADATA_FIELD};
use vonk_expr::arrow_types::{struct_fields, to_arrow};
use vonk_plan::types::{DataType, StructField, StructType};

use super::Format;
use crate::fs::FileEntry;

/// The first field of the column.
pub const FILE_PATH: &str = "file_path";

/// The last field of the column over Parquet files.
pub const ROW_INDEX: &str = "row_index";

/// The fields over files of a format.
fn fields(format: Format) -> StructType {
    let text = |name: &str| StructField::new(name, DataType::STRING, false);
    let number = |name: &str| StructField::new(name, DataType::Long, false);
    let mut fields = vec![
        text(FILE_PATH),
        text("file_name"),
        number("file_size"),
        number("file_block_start"),
        number("file_block_length"),
        StructField::new("file_modification_time", DataType::Timestamp, false),
    ];
    fields.extend((format == Format::Parquet).then(|| number(ROW_INDEX)));
    StructType::new(fields)
}

/// The column over files of a format.
pub fn column(format: Format) -> StructField {
    StructField {
        metadata: Some(FILE_METADATA_FIELD.into()),
        ..StructField::new(FILE_METADATA, DataType::Struct(fields(format)), false)
    }
}

/// What it says of the rows of a file, with the place of the first row.
pub fn value(format: Format, file: &FileEntry) -> Result<ScalarValue> {
    let fields = fields(format);
    let size = i64::try_from(file.size).unwrap_or(i64::MAX);
    let values = fields.fields.iter().map(|field| {
        let value = match field.name.as_str() {
            FILE_PATH => ScalarValue::Utf8(Some(file.place.to_string())),
            "file_name" => ScalarValue::Utf8(Some(file.place.name().to_string())),
            "file_size" | "file_block_length" => ScalarValue::Int64(Some(size)),
            "file_modification_time" => ScalarValue::Int64(Some(file.modified.saturating_mul(1000))),
            _ => ScalarValue::Int64(Some(0)),
        };
        value.cast_to(&to_arrow(&field.data_type))?.to_array()
    });
    let columns: Vec<ArrayRef> = values.collect::<Result<_>>()?;
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(struct_fields(&fields), columns, None)?)))
}
