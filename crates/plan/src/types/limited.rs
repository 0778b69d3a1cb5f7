//! Columns of type CHAR(n) and VARCHAR(n): queries see strings, and the field's metadata keeps what was
//! declared (Spark's `CharVarcharUtils`).

use std::borrow::Cow;

use vonk_common::{SparkError, SparkResult};

use super::{DataType, StructField, StructType, metadata};

/// Where the metadata keeps the declared type, e.g. `char(3)` or `array<char(3)>`.
pub const DECLARED_TYPE: &str = "__CHAR_VARCHAR_TYPE_STRING";

impl DataType {
    /// The type with strings in place of CHAR and VARCHAR, at every level.
    pub fn without_limits(&self) -> DataType {
        match self {
            DataType::Char(_) | DataType::VarChar(_) => DataType::STRING,
            DataType::Array(e, n) => DataType::array(e.without_limits(), *n),
            DataType::Map(k, v, n) => DataType::map(k.without_limits(), v.without_limits(), *n),
            DataType::Struct(s) => {
                let plain = |f: &StructField| StructField { data_type: f.data_type.without_limits(), ..f.clone() };
                DataType::Struct(StructType::new(s.fields.iter().map(plain).collect::<Vec<_>>()))
            }
            other => other.clone(),
        }
    }

    /// What a column of the type keeps of a text, see [`kept`]; all of it where the type has no limit.
    pub fn kept<'t>(&self, text: &'t str) -> SparkResult<Cow<'t, str>> {
        let (limit, fills) = match self {
            DataType::Char(n) => (*n, true),
            DataType::VarChar(n) => (*n, false),
            _ => return Ok(Cow::Borrowed(text)),
        };
        kept(text, usize::try_from(limit).unwrap_or(usize::MAX), fills)
    }
}

/// What a column of `limit` characters keeps of a text: spaces at the end that are too many are cut off, and CHAR
/// `fills` up with spaces. Error `EXCEED_LIMIT_LENGTH`.
pub fn kept(text: &str, limit: usize, fills: bool) -> SparkResult<Cow<'_, str>> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(if fills { filled(text, length, limit) } else { Cow::Borrowed(text) });
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    let (kept, rest) = text.split_at(end);
    match rest.bytes().all(|b| b == b' ') {
        true => Ok(Cow::Borrowed(kept)),
        false => Err(SparkError::new("EXCEED_LIMIT_LENGTH").param("limit", limit)),
    }
}

/// The text of `length` characters with spaces up to the length `to`.
pub fn filled(text: &str, length: usize, to: usize) -> Cow<'_, str> {
    match length < to {
        true => Cow::Owned(format!("{text}{}", " ".repeat(to - length))),
        false => Cow::Borrowed(text),
    }
}

impl StructField {
    /// The column as queries see it.
    pub fn without_limits(&self) -> StructField {
        let data_type = self.data_type.without_limits();
        if data_type == self.data_type {
            return self.clone();
        }
        let declared = self.data_type.to_string();
        StructField { data_type, ..self.with_metadata_text(DECLARED_TYPE, Some(&declared)) }
    }
}

/// The length of a column of type CHAR(n).
pub fn char_length(column: Option<&str>) -> Option<usize> {
    let declared = metadata::text(column, DECLARED_TYPE)?;
    declared.strip_prefix("char(")?.strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_column_is_a_string_that_knows_its_limit() {
        let field = StructField::new("c", DataType::Char(3), true).without_limits();
        assert_eq!(field.data_type, DataType::STRING);
        assert_eq!(char_length(field.metadata.as_deref()), Some(3));
        let list = StructField::new("a", DataType::array(DataType::VarChar(4), true), true).without_limits();
        assert_eq!(list.metadata_text(DECLARED_TYPE).as_deref(), Some("array<varchar(4)>"));
        assert_eq!(char_length(list.metadata.as_deref()), None);
    }
}
