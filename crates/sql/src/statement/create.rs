//! CREATE and DROP: which object, and databases.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Properties};

use crate::parser::Parser;

impl Parser<'_> {
    /// CREATE or REPLACE.
    pub fn create(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        let must_exist = self.at("REPLACE");
        if self.at("CREATE") && (self.at_n(1, "ROLE") || (self.at_n(1, "TEMPORARY") && self.at_n(2, "MACRO"))) {
            return Err(self.invalid_statement(start));
        }
        self.next();
        let replace = must_exist || self.eat_all(&["OR", "REPLACE"]);
        if must_exist {
            self.expect("TABLE")?;
            return self.create_table(true, true, false, false);
        }
        if self.at_namespace() {
            self.next();
            return self.create_database();
        }
        if self.at("INDEX") {
            self.skip_to_end();
            return Ok(Command::Unsupported("CREATE INDEX".into()));
        }
        let global = self.eat("GLOBAL");
        let temporary = self.eat("TEMPORARY") || self.eat("TEMP");
        let external = self.eat("EXTERNAL");
        if self.eat("TABLE") {
            return self.create_table(replace, false, temporary, external);
        }
        if self.eat("VIEW") {
            return self.create_view(replace, global, temporary);
        }
        if self.eat("FUNCTION") {
            return self.create_function(replace, temporary);
        }
        if self.at_all(&["METRIC", "VIEW"]) || self.at("MATERIALIZED") || self.at("STREAMING") || self.at("FLOW") {
            let what = self.word(0).to_ascii_uppercase();
            self.skip_to_end();
            return Ok(Command::Unsupported(format!("CREATE {what}")));
        }
        self.fail()
    }

    fn create_database(&mut self) -> SparkResult<Command> {
        let if_not_exists = self.if_not_exists();
        let name = self.name()?;
        let (mut comment, mut location, mut properties) = (None, None, Properties::new());
        loop {
            let start = self.pos;
            let clause = if self.eat("COMMENT") {
                let twice = comment.replace(self.string_constant()?).is_some();
                ("COMMENT", twice)
            } else if self.eat("LOCATION") {
                let twice = location.replace(self.string_constant()?).is_some();
                ("LOCATION", twice)
            } else if self.at("WITH") && self.any_n(1, &["DBPROPERTIES", "PROPERTIES"]) {
                self.skip(2);
                let twice = !properties.is_empty();
                properties = self.properties()?;
                ("WITH PROPERTIES", twice)
            } else if self.eat_all(&["DEFAULT", "COLLATION"]) {
                self.multipart()?;
                ("DEFAULT COLLATION", false)
            } else {
                break;
            };
            self.refuse_duplicate(clause, start);
        }
        Ok(Command::CreateDatabase { name, if_not_exists, comment, location, properties })
    }

    /// A clause that was said twice.
    pub fn refuse_duplicate(&mut self, (name, twice): (&str, bool), start: usize) {
        if twice {
            let error = SparkError::new("DUPLICATE_CLAUSES").param("clauseName", name);
            self.defer(self.error(error, start));
        }
    }

    pub fn drop(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        if self.at_n(1, "ROLE") || (self.at_n(1, "TEMPORARY") && self.at_n(2, "MACRO")) {
            return Err(self.invalid_statement(start));
        }
        self.next();
        if self.at_namespace() {
            self.next();
            let if_exists = self.if_exists();
            let name = self.name()?;
            let cascade = self.eat("CASCADE");
            if !cascade {
                self.eat("RESTRICT");
            }
            return Ok(Command::DropDatabase { name, if_exists, cascade });
        }
        if self.at_any(&["TABLE", "VIEW"]) {
            let view = self.at("VIEW");
            self.next();
            let if_exists = self.if_exists();
            let name = self.name()?;
            let purge = !view && self.eat("PURGE");
            return Ok(Command::DropTable { name, if_exists, purge, view });
        }
        if self.at("INDEX") {
            self.skip_to_end();
            return Ok(Command::Unsupported("DROP INDEX".into()));
        }
        let temporary = self.eat("TEMPORARY") || self.eat("TEMP");
        if temporary && (self.eat("VARIABLE") || self.eat("VAR")) {
            let if_exists = self.if_exists();
            return Ok(Command::DropVariable { name: self.name()?, if_exists });
        }
        self.expect("FUNCTION")?;
        let if_exists = self.if_exists();
        Ok(Command::DropFunction { name: self.name()?, if_exists, temporary })
    }
}
