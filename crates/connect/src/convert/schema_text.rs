//! Schemas as text: the tree of `printSchema` and the DDL of `toDDL`.

use serde_json::Value;
use vonk_plan::types::{json, quote_if_needed};
use vonk_plan::{DataType, StructField, StructType};

/// The tree of a schema, `levels` deep; 0 is all of it.
pub fn tree(schema: &StructType, levels: i32) -> String {
    let mut out = String::from("root\n");
    fields(schema, " |", if levels > 0 { levels } else { i32::MAX }, &mut out);
    out
}

fn fields(schema: &StructType, prefix: &str, levels: i32, out: &mut String) {
    for f in schema.fields.iter() {
        line(prefix, &f.name, &f.data_type, &format!(" (nullable = {})", f.nullable), levels, out);
    }
}

fn line(prefix: &str, name: &str, t: &DataType, note: &str, levels: i32, out: &mut String) {
    if levels <= 0 {
        return;
    }
    out.push_str(&format!("{prefix}-- {name}: {}{note}\n", type_name(t)));
    let prefix = format!("{prefix}    |");
    match t {
        DataType::Struct(s) => fields(s, &prefix, levels - 1, out),
        DataType::Array(e, contains_null) => {
            line(&prefix, "element", e, &format!(" (containsNull = {contains_null})"), levels - 1, out);
        }
        DataType::Map(k, v, contains_null) => {
            line(&prefix, "key", k, "", levels - 1, out);
            line(&prefix, "value", v, &format!(" (valueContainsNull = {contains_null})"), levels - 1, out);
        }
        _ => {}
    }
}

fn type_name(t: &DataType) -> String {
    match t {
        DataType::Array(..) => "array".into(),
        DataType::Map(..) => "map".into(),
        DataType::Struct(_) => "struct".into(),
        DataType::Udt(u) if u.jvm_class.is_none() => "pythonuserdefined".into(),
        DataType::Udt(_) => t.to_string(),
        atomic => match json::to_json(atomic) {
            Value::String(name) => name,
            other => other.to_string(),
        },
    }
}

/// The columns of a schema as a table definition lists them.
pub fn ddl(schema: &StructType) -> String {
    let columns: Vec<_> = schema.fields.iter().map(|f| column(f, " ")).collect();
    columns.join(",")
}

fn column(f: &StructField, separator: &str) -> String {
    let null = if f.nullable { "" } else { " NOT NULL" };
    let comment = f.metadata.as_deref().and_then(|m| serde_json::from_str::<Value>(m).ok()).and_then(|m| {
        let comment = m.get("comment")?.as_str()?;
        Some(format!(" COMMENT '{}'", comment.replace('\\', "\\\\").replace('\'', "\\'")))
    });
    let name = quote_if_needed(&f.name);
    format!("{name}{separator}{}{null}{}", sql(&f.data_type), comment.unwrap_or_default())
}

/// The SQL form of a type, with the comments of nested fields.
fn sql(t: &DataType) -> String {
    match t {
        DataType::Array(e, _) => format!("ARRAY<{}>", sql(e)),
        DataType::Map(k, v, _) => format!("MAP<{}, {}>", sql(k), sql(v)),
        DataType::Struct(s) => {
            let fields: Vec<_> = s.fields.iter().map(|f| column(f, ": ")).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        other => other.sql(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> StructType {
        let inner = DataType::structure([
            StructField::new("x", DataType::Int, false),
            StructField::new("y", DataType::map(DataType::STRING, DataType::Date, false), false),
        ]);
        let mut d = StructField::new("a b", DataType::Decimal(3, 1), true);
        d.metadata = Some(r#"{"comment":"it's"}"#.into());
        StructType::new([StructField::new("b", DataType::array(inner, false), false), d])
    }

    #[test]
    fn the_tree_is_as_deep_as_asked() {
        let full = "root\n |-- b: array (nullable = false)\n |    |-- element: struct (containsNull = false)\n \
                    |    |    |-- x: integer (nullable = false)\n |    |    |-- y: map (nullable = false)\n \
                    |    |    |    |-- key: string\n |    |    |    |-- value: date (valueContainsNull = false)\n \
                    |-- a b: decimal(3,1) (nullable = true)\n";
        assert_eq!(tree(&schema(), 0), full);
        assert_eq!(
            tree(&schema(), 1),
            "root\n |-- b: array (nullable = false)\n |-- a b: decimal(3,1) (nullable = true)\n"
        );
    }

    #[test]
    fn ddl_has_comments_and_nullability() {
        let expected = r"b ARRAY<STRUCT<x: INT NOT NULL, y: MAP<STRING, DATE> NOT NULL>> NOT NULL,`a b` DECIMAL(3,1) COMMENT 'it\'s'";
        assert_eq!(ddl(&schema()), expected);
    }
}
