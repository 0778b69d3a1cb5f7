//! DESCRIBE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Command;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn describe(&mut self) -> SparkResult<Command> {
        self.next();
        if self.at("FUNCTION") && !self.ends_n(1) {
            self.next();
            return self.describe_function();
        }
        if self.at("PROCEDURE") && self.is_name_n(1) {
            self.next();
            // There are no procedures: it is told as of a call.
            return Ok(Command::Call(self.name()?));
        }
        if self.at_namespace() && !self.ends_n(1) && !self.sym_n(1, ".") {
            self.next();
            let extended = self.eat("EXTENDED");
            return Ok(Command::DescribeDatabase { name: self.name()?, extended });
        }
        if self.at("QUERY") && !self.ends_n(1) {
            self.next();
            return Ok(Command::DescribeQuery(Box::new(self.query()?)));
        }
        if !self.at("TABLE") && self.query_starts() {
            return Ok(Command::DescribeQuery(Box::new(self.query()?)));
        }
        self.describe_table()
    }

    fn describe_table(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        if self.at("TABLE") && !self.ends_n(1) {
            self.next();
        }
        let extended = self.at_any(&["EXTENDED", "FORMATTED"]) && !self.ends_n(1) && {
            self.next();
            true
        };
        let name = self.name()?;
        let partition = self.optional_partition_values()?;
        let column = if self.is_name_n(0) && !self.at("AS") { Some(self.multipart()?) } else { None };
        let as_json = self.eat_all(&["AS", "JSON"]);
        if as_json && !extended {
            let error = SparkError::new("DESCRIBE_JSON_NOT_EXTENDED").param("tableName", name.join("."));
            self.defer(self.error(error, start));
        }
        Ok(match column {
            Some(_) if partition.is_some() => {
                let error = SparkError::new("UNSUPPORTED_FEATURE.DESC_TABLE_COLUMN_PARTITION");
                return Err(self.error(error, start));
            }
            Some(column) => Command::DescribeColumn { name, column, extended },
            None => Command::DescribeTable { name, extended, partition, as_json },
        })
    }

    fn describe_function(&mut self) -> SparkResult<Command> {
        let extended = self.at("EXTENDED") && !self.ends_n(1) && {
            self.next();
            true
        };
        let name = match self.kind(0) {
            Kind::String => vec![self.string_constant()?],
            Kind::Symbol => {
                let symbol = self.word(0).to_string();
                self.next();
                vec![symbol]
            }
            _ => self.name()?,
        };
        Ok(Command::DescribeFunction { name, extended })
    }
}
