//! CREATE VIEW, in its three kinds, and CREATE TEMPORARY VIEW … USING.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, CreateView, Properties, ViewKind};
use vonk_plan::relation::Options;
use vonk_plan::types::UTF8_BINARY;

use crate::parser::Parser;

impl Parser<'_> {
    /// What follows `CREATE … VIEW`.
    pub fn create_view(&mut self, replace: bool, global: bool, temporary: bool) -> SparkResult<Command> {
        let start = self.pos;
        if global && !temporary {
            return self.fail();
        }
        let if_not_exists = self.if_not_exists();
        let name = self.name()?;
        if temporary && (self.at("USING") || (self.sym("(") && self.using_follows_parens())) {
            return self.view_using(name, replace, global);
        }
        let columns = if self.sym("(") { self.in_parens(|p| p.comma_list(|p| p.view_column()))? } else { vec![] };
        let (mut comment, mut properties, mut collation) = (None, Properties::new(), None);
        loop {
            let at = self.pos;
            let clause = if self.eat("COMMENT") {
                let twice = comment.replace(self.string_constant()?).is_some();
                ("COMMENT", twice)
            } else if self.eat("TBLPROPERTIES") {
                let twice = !properties.is_empty();
                properties = self.properties()?;
                ("TBLPROPERTIES", twice)
            } else if self.schema_binding() {
                ("WITH SCHEMA", false)
            } else if self.eat_all(&["PARTITIONED", "ON"]) {
                self.ident_list()?;
                ("PARTITIONED ON", false)
            } else if self.eat_all(&["DEFAULT", "COLLATION"]) {
                ("DEFAULT COLLATION", collation.replace(self.collation()?).is_some())
            } else {
                break;
            };
            self.refuse_duplicate(clause, at);
        }
        self.expect("AS")?;
        let at = self.pos;
        self.collation = collation.clone().filter(|c| c != UTF8_BINARY);
        let query = self.query()?;
        let text = self.text_since(at).to_string();
        let kind = match (temporary, global) {
            (true, true) => ViewKind::GlobalTemporary,
            (true, false) => ViewKind::Temporary,
            _ => ViewKind::Permanent,
        };
        if replace && if_not_exists {
            let error = SparkError::new("CREATE_VIEW_WITH_IF_NOT_EXISTS_AND_REPLACE").param("viewName", name.join("."));
            self.defer(self.error(error, start));
        } else if temporary && if_not_exists {
            self.defer(self.error(SparkError::new("_LEGACY_ERROR_TEMP_0053"), start));
        }
        let view =
            CreateView { name, columns, comment, properties, collation, query, text, replace, if_not_exists, kind };
        Ok(Command::CreateView(Box::new(view)))
    }

    fn view_column(&mut self) -> SparkResult<(String, Option<String>)> {
        let name = self.strict_ident()?;
        let comment = if self.eat("COMMENT") { Some(self.string_constant()?) } else { None };
        Ok((name, comment))
    }

    /// `WITH SCHEMA BINDING | COMPENSATION | EVOLUTION | TYPE EVOLUTION`.
    pub fn schema_binding(&mut self) -> bool {
        if !self.at_all(&["WITH", "SCHEMA"]) {
            return false;
        }
        self.skip(2);
        self.eat("TYPE");
        if self.at_any(&["BINDING", "COMPENSATION", "EVOLUTION"]) {
            self.next();
        }
        true
    }

    fn using_follows_parens(&self) -> bool {
        self.parens.close(self.pos).is_some_and(|c| self.at_n(c + 1 - self.pos, "USING"))
    }

    fn view_using(&mut self, name: Vec<String>, replace: bool, global: bool) -> SparkResult<Command> {
        let schema = if self.sym("(") { Some(self.in_parens(|p| p.schema())?) } else { None };
        self.expect("USING")?;
        let provider = self.multipart()?.join(".");
        let options = if self.eat("OPTIONS") { self.options()? } else { Options::new() };
        Ok(Command::CreateTempViewUsing { name, replace, global, schema, provider, options })
    }
}
