//! `JSON_TABLE(json, 'row path' COLUMNS (…))`: a generator whose rows are cast to the types of its columns.
//!
//! The casts are part of the generator, not a projection above it: text that is no number fails the query even
//! where the column is not asked for.

use std::sync::Arc;

use vonk_common::error::quote_sql;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::cast::{Mode, can_cast, cast};
use vonk_expr::{GeneratorCall, SqlText, TypedExpr};
use vonk_functions::json_table as kernel;
use vonk_plan::ExprKind;
use vonk_plan::json_table::{JsonTable, JsonTableColumn};
use vonk_plan::types::{DataType, StructField};

use super::{Outer, checks};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::{contains_aggregate, contains_window};
use crate::node::Node;

impl Analyzer {
    pub fn json_table(&self, table: &JsonTable, at: Option<&Arc<Origin>>, outer: Outer) -> SparkResult<Node> {
        let json = self.json_of_table(table, outer)?;
        let sql = text(table, &json);
        let wrong = |class: &str| {
            SparkError::new(format!("DATATYPE_MISMATCH.{class}")).param("sqlExpr", quote_sql(&sql)).at(at.cloned())
        };
        if !(json.data_type.is_atomic() || matches!(json.data_type, DataType::Null | DataType::Variant)) {
            return Err(wrong("UNEXPECTED_INPUT_TYPE")
                .param("paramIndex", "first")
                .param("requiredType", "\"STRING\"")
                .param("inputSql", json.quoted_sql())
                .param("inputType", quote_sql(json.data_type.sql())));
        }
        let path = |location: String, path: &str| {
            let path = path.replace('\\', "\\\\").replace('\'', "\\'");
            wrong("INVALID_JSON_TABLE_PATH").param("location", location).param("path", format!("'{path}'"))
        };
        if !kernel::is_row_path(&table.row_path) {
            return Err(path("row path".into(), &table.row_path));
        }
        for column in &table.columns {
            match column {
                JsonTableColumn::Value { name, path: own, .. } if !kernel::is_column_path(own) => {
                    return Err(path(format!("column '{name}'"), own));
                }
                _ => {}
            }
        }
        let mode = if self.facts().conf.ansi() { Mode::Ansi } else { Mode::Legacy };
        for column in &table.columns {
            let JsonTableColumn::Value { data_type, .. } = column else { continue };
            if !can_cast(&DataType::STRING, data_type, mode) {
                return Err(wrong("CAST_WITHOUT_SUGGESTION")
                    .param("srcType", "\"STRING\"")
                    .param("targetType", quote_sql(data_type.without_limits().sql())));
            }
            data_type.check_collations().map_err(|e| e.at(at.cloned()))?;
        }
        self.generated_rows(self.json_rows(table, json)?)
    }

    /// The argument that is text, or becomes text.
    fn json_of_table(&self, table: &JsonTable, outer: Outer) -> SparkResult<TypedExpr> {
        if matches!(table.json.kind, ExprKind::Star { .. } | ExprKind::Regex { .. }) {
            return Err(checks::star_in("explode/json_tuple/UDTF"));
        }
        let env = Env::new(Default::default(), outer);
        // A generator is of the type of its rows, which is none for this.
        let json = match self.generator(&env, &table.json)? {
            Some(generator) => generator.rows,
            None => self.expr(&env, &table.json)?,
        };
        if contains_aggregate(&json.expr) || contains_window(&json.expr) {
            return Err(checks::not_in("Generate", json.quoted_sql()));
        }
        Ok(json)
    }

    fn json_rows(&self, table: &JsonTable, json: TypedExpr) -> SparkResult<GeneratorCall> {
        let json = cast(self.facts(), json, &DataType::STRING)?;
        let field = |column: &JsonTableColumn| match column {
            JsonTableColumn::Ordinality { name } => StructField::new(name, DataType::Long, false),
            JsonTableColumn::Value { name, data_type, .. } => StructField::new(name, data_type.without_limits(), true),
        };
        let columns: Vec<_> = table.columns.iter().map(field).collect();
        let paths: Vec<_> = table
            .columns
            .iter()
            .map(|column| match column {
                JsonTableColumn::Ordinality { name } => (name.as_str(), None),
                JsonTableColumn::Value { name, path, .. } => (name.as_str(), Some(path.as_str())),
            })
            .collect();
        // The errors of its rows have no place in the text.
        let context = self.fn_context("json_table", None);
        let mut rows = kernel::rows(&context, json, &table.row_path, &paths, table.error_on_error);
        rows.origin = None;
        let typed = DataType::array(DataType::structure(columns.iter().cloned()), false);
        let rows = cast(self.facts(), rows, &typed)?;
        Ok(GeneratorCall { rows, columns, outer: false })
    }
}

/// The call as messages show it.
fn text(table: &JsonTable, json: &TypedExpr) -> SqlText {
    let column = |column: &JsonTableColumn| match column {
        JsonTableColumn::Ordinality { name } => format!("{name} FOR ORDINALITY"),
        JsonTableColumn::Value { name, data_type, path } => {
            format!("{name} {} PATH '{path}'", data_type.without_limits().sql())
        }
    };
    let columns: Vec<_> = table.columns.iter().map(column).collect();
    let on_error = if table.error_on_error { "ERROR" } else { "NULL" };
    let end = format!(", '{}' COLUMNS ({}) {on_error} ON ERROR)", table.row_path, columns.join(", "));
    SqlText::wrap("JSON_TABLE(", json.sql.clone(), &end)
}
