//! Values as text, the way `CAST(x AS STRING)` and column names show them.

use vonk_plan::Literal;

/// The text of a literal in an automatic column name.
pub fn literal_name(value: &Literal) -> String {
    match value {
        Literal::Null(_) => "NULL".into(),
        Literal::Boolean(v) => v.to_string(),
        Literal::Byte(v) => v.to_string(),
        Literal::Short(v) => v.to_string(),
        Literal::Int(v) => v.to_string(),
        Literal::Long(v) => v.to_string(),
        Literal::String(v) => v.to_string(),
        other => format!("{other:?}"),
    }
}
