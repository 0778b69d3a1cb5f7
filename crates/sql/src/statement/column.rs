//! Column definitions of CREATE TABLE and ALTER TABLE, and table constraints.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::ColumnDef;

use crate::parser::Parser;

impl Parser<'_> {
    /// `name type [NOT NULL] [DEFAULT …] [GENERATED …] [COMMENT '…'] …`.
    pub fn column_def(&mut self) -> SparkResult<ColumnDef> {
        let name = self.strict_ident()?;
        self.column_def_named(name, &mut vec![])
    }

    /// The definition behind the name. Texts of column constraints go to `constraints`.
    pub fn column_def_named(&mut self, name: String, constraints: &mut Vec<String>) -> SparkResult<ColumnDef> {
        let data_type = self.data_type()?;
        let mut column = ColumnDef {
            name,
            data_type,
            nullable: true,
            comment: None,
            default: None,
            generated: None,
            identity: false,
        };
        loop {
            let start = self.pos;
            let clause = if self.eat_all(&["NOT", "NULL"]) {
                let twice = !column.nullable;
                column.nullable = false;
                ("NOT NULL", twice)
            } else if self.eat("DEFAULT") {
                let at = self.pos;
                let value = self.expression()?;
                let text = self.text_since(at).to_string();
                ("DEFAULT", column.default.replace((value, text)).is_some())
            } else if self.eat("GENERATED") {
                let twice = column.generated.is_some() || column.identity;
                self.generated(&mut column)?;
                ("GENERATED ALWAYS AS", twice)
            } else if self.eat("COMMENT") {
                let twice = column.comment.replace(self.string_constant()?).is_some();
                ("COMMENT", twice)
            } else if let Some(text) = self.constraint()? {
                constraints.push(text);
                continue;
            } else {
                return Ok(column);
            };
            if clause.1 {
                let error = SparkError::new("CREATE_TABLE_COLUMN_DESCRIPTOR_DUPLICATE")
                    .param("columnName", &column.name)
                    .param("optionName", clause.0);
                self.defer(self.error(error, start));
            }
        }
    }

    /// Behind GENERATED: `ALWAYS AS (expr)`, `ALWAYS | BY DEFAULT AS IDENTITY [(…)]`.
    fn generated(&mut self, column: &mut ColumnDef) -> SparkResult<()> {
        let by_default = self.eat_all(&["BY", "DEFAULT"]);
        if !by_default {
            self.expect("ALWAYS")?;
        }
        self.expect("AS")?;
        if by_default || self.at("IDENTITY") {
            self.expect("IDENTITY")?;
            column.identity = true;
            if self.sym("(") {
                self.skip_parens()?;
            }
            return Ok(());
        }
        let start = self.pos + 1;
        self.expect_sym("(")?;
        self.expression()?;
        column.generated = Some(self.text_since(start).to_string());
        self.expect_sym(")")
    }

    /// A parenthesis and all that is in it.
    pub fn skip_parens(&mut self) -> SparkResult<()> {
        match self.parens.close(self.pos) {
            Some(close) => {
                self.skip(close + 1 - self.pos);
                Ok(())
            }
            None => self.fail(),
        }
    }

    /// `[CONSTRAINT name] PRIMARY KEY … | UNIQUE … | CHECK (…) | [FOREIGN KEY (…)] REFERENCES …`, as text.
    pub fn constraint(&mut self) -> SparkResult<Option<String>> {
        let start = self.pos;
        let named = self.at("CONSTRAINT") && self.is_name_n(1) && !self.ends_n(1);
        if named {
            self.next();
            if !(self.at_any(&["CHECK", "UNIQUE", "REFERENCES"]) || self.at_all(&["PRIMARY", "KEY"])) {
                self.strict_ident()?;
            }
        }
        let found = if self.eat_all(&["PRIMARY", "KEY"]) || self.eat("UNIQUE") {
            if self.sym("(") {
                self.ident_list()?;
            }
            true
        } else if self.at("CHECK") && self.sym_n(1, "(") {
            self.next();
            self.in_parens(|p| p.expression())?;
            true
        } else if self.at_all(&["FOREIGN", "KEY"]) || self.at("REFERENCES") {
            if self.eat_all(&["FOREIGN", "KEY"]) {
                self.ident_list()?;
            }
            self.expect("REFERENCES")?;
            self.multipart()?;
            if self.sym("(") {
                self.ident_list()?;
            }
            true
        } else {
            false
        };
        if !found {
            return if named { self.fail() } else { Ok(None) };
        }
        loop {
            let traits: [&[&str]; 10] = [
                &["NOT", "ENFORCED"],
                &["ENFORCED"],
                &["NORELY"],
                &["RELY"],
                &["NOT", "DEFERRABLE"],
                &["INITIALLY", "DEFERRED"],
                &["MATCH", "FULL"],
                &["ON", "UPDATE", "NO", "ACTION"],
                &["ON", "DELETE", "NO", "ACTION"],
                &["NOVALIDATE"],
            ];
            if !traits.iter().any(|t| self.eat_all(t)) {
                break;
            }
        }
        Ok(Some(self.text_since(start).to_string()))
    }
}
