//! Texts in a field's metadata, which is a JSON object.

use serde_json::{Map, Value};

use super::StructField;

/// The text under a key.
pub fn text(metadata: Option<&str>, key: &str) -> Option<String> {
    let metadata = metadata.filter(|m| m.contains(key))?;
    let value: Value = serde_json::from_str(metadata).ok()?;
    value.get(key)?.as_str().map(str::to_string)
}

impl StructField {
    /// The text under a key of the metadata.
    pub fn metadata_text(&self, key: &str) -> Option<String> {
        text(self.metadata.as_deref(), key)
    }

    /// The field with a text in its metadata set, or removed.
    pub fn with_metadata_text(&self, key: &str, value: Option<&str>) -> StructField {
        let parsed = self.metadata.as_deref().and_then(|m| serde_json::from_str(m).ok());
        let mut metadata: Map<String, Value> = parsed.unwrap_or_default();
        match value {
            Some(v) => metadata.insert(key.into(), v.into()),
            None => metadata.shift_remove(key),
        };
        let metadata = (!metadata.is_empty()).then(|| Value::Object(metadata).to_string().into());
        StructField { metadata, ..self.clone() }
    }
}
