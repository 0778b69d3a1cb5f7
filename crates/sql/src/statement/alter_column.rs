//! ALTER COLUMN.

use vonk_common::SparkResult;
use vonk_plan::command::{AlterAction, ColumnPosition};

use crate::parser::Parser;

impl Parser<'_> {
    /// Behind ALTER or CHANGE: `[COLUMN] name` and one change, or Hive's whole new definition.
    pub fn alter_column(&mut self) -> SparkResult<AlterAction> {
        if self.at("COLUMN") && !self.ends_n(1) {
            self.next();
        }
        let name = self.multipart()?;
        let (mut data_type, mut nullable, mut comment, mut default) = (None, None, None, None);
        let mut position = ColumnPosition::Unspecified;
        if self.eat("TYPE") {
            data_type = Some(self.data_type()?);
        } else if self.eat("COMMENT") {
            comment = Some(self.string_constant()?);
        } else if self.at_any(&["FIRST", "AFTER"]) {
            position = self.position_clause()?;
        } else if self.eat_all(&["SET", "NOT", "NULL"]) {
            nullable = Some(false);
        } else if self.eat_all(&["DROP", "NOT", "NULL"]) {
            nullable = Some(true);
        } else if self.eat_all(&["SET", "DEFAULT"]) {
            let at = self.pos;
            let value = self.expression()?;
            default = Some(Some((value, self.text_since(at).to_string())));
        } else if self.eat_all(&["DROP", "DEFAULT"]) {
            default = Some(None);
        } else if self.is_name_n(0) && self.is_name_n(1) {
            // Hive: the new name and type.
            self.strict_ident()?;
            data_type = Some(self.data_type()?);
            if self.eat("COMMENT") {
                comment = Some(self.string_constant()?);
            }
            position = self.position_clause()?;
        } else {
            return self.fail();
        }
        Ok(AlterAction::AlterColumn { name, data_type, nullable, comment, position, default })
    }
}
