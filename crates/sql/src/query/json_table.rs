//! `JSON_TABLE(json, 'row path' COLUMNS (…) [NULL | ERROR ON ERROR])` in FROM.
//!
//! Without COLUMNS it is a call of a table function that there is not, whose error comes later.

use std::collections::HashMap;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{ExprKind, FunctionCall};
use vonk_plan::json_table::{JsonTable, JsonTableColumn};
use vonk_plan::relation::{Relation, RelationKind};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// The word alone begins it: a name in quotes does not.
    pub fn at_json_table(&self) -> bool {
        self.at("JSON_TABLE") && self.sym_n(1, "(")
    }

    pub fn json_table(&mut self) -> SparkResult<Relation> {
        let start = self.pos;
        let name = self.multipart()?;
        if self.sym_n(1, ")") {
            return self.table_function(name, start);
        }
        self.expect_sym("(")?;
        let json = self.argument()?;
        let plain = !matches!(json.kind, ExprKind::NamedArgument { .. });
        let comma = self.eat_sym(",");
        let behind = self.pos;
        if comma && plain && (self.kind(0) == Kind::String || self.sym(":") || self.sym("?")) {
            let path = self.string_constant();
            if self.eat("COLUMNS") {
                let (row_path, columns) = (path?, self.json_columns()?);
                let error_on_error = self.on_error()?;
                self.expect_sym(")")?;
                let kind = RelationKind::JsonTable(Box::new(JsonTable { json, row_path, columns, error_on_error }));
                return self.function_relation(kind, start);
            }
            self.pos = behind;
        }
        let mut call = FunctionCall::new(name, vec![json]);
        if comma {
            call.args.extend(self.comma_list(|p| p.argument())?);
        }
        self.expect_sym(")")?;
        self.function_relation(RelationKind::TableFunction(call), start)
    }

    fn json_columns(&mut self) -> SparkResult<Vec<JsonTableColumn>> {
        let start = self.pos;
        let columns = self.in_parens(|p| p.comma_list(|p| p.json_column()))?;
        let exact = self.opts.conf.case_sensitive();
        let key = |c: &JsonTableColumn| if exact { c.name().to_string() } else { c.name().to_lowercase() };
        let mut seen = HashMap::new();
        if let Some(first) = columns.iter().find_map(|c| seen.insert(key(c), c)) {
            let error = SparkError::new("INVALID_SQL_SYNTAX.DUPLICATE_JSON_TABLE_COLUMN")
                .param("columnName", quote_id([first.name()]));
            let error = self.error(error, start);
            self.defer(error);
        }
        Ok(columns)
    }

    /// `name FOR ORDINALITY` or `name type [PATH 'path']`.
    fn json_column(&mut self) -> SparkResult<JsonTableColumn> {
        let name = self.strict_ident()?;
        if self.eat_all(&["FOR", "ORDINALITY"]) {
            return Ok(JsonTableColumn::Ordinality { name });
        }
        let data_type = self.data_type()?;
        let path = if self.eat("PATH") { self.string_constant()? } else { format!("$['{name}']") };
        Ok(JsonTableColumn::Value { name, data_type, path })
    }

    fn on_error(&mut self) -> SparkResult<bool> {
        let error = self.at("ERROR");
        if error || self.at("NULL") {
            self.next();
            self.expect_all(&["ON", "ERROR"])?;
        }
        Ok(error)
    }
}
