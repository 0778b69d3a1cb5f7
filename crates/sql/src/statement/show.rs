//! SHOW.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, FunctionScope, Name};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn show(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        let refused = ["GRANT", "ROLE", "ROLES", "PRINCIPALS", "COMPACTIONS", "TRANSACTIONS", "INDEXES", "LOCKS"];
        if self.any_n(1, &refused) || (self.at_n(1, "CURRENT") && self.at_n(2, "ROLES")) {
            return Err(self.invalid_statement(start));
        }
        self.next();
        let what = self.word(0).to_ascii_uppercase();
        if self.kind(0) != Kind::Word {
            return self.fail();
        }
        if self.at_n(1, "FUNCTIONS") || self.at("FUNCTIONS") {
            return self.show_functions();
        }
        self.next();
        Ok(match what.as_str() {
            "DATABASES" | "SCHEMAS" | "NAMESPACES" => {
                let in_catalog = self.in_namespace()?;
                Command::ShowDatabases { in_catalog, pattern: self.pattern()? }
            }
            "TABLES" => {
                let namespace = self.in_namespace()?;
                Command::ShowTables { namespace, pattern: self.pattern()? }
            }
            "TABLE" => {
                self.expect("EXTENDED")?;
                let namespace = self.in_namespace()?;
                self.expect("LIKE")?;
                let pattern = self.string_constant()?;
                Command::ShowTableExtended { namespace, pattern, partition: self.optional_partition_values()? }
            }
            "TBLPROPERTIES" => {
                let table = self.name()?;
                let key = if self.sym("(") { Some(self.in_parens(|p| p.property_key())?) } else { None };
                Command::ShowTblProperties { table, key }
            }
            "COLUMNS" => {
                if !self.at_any(&["FROM", "IN"]) {
                    return self.fail();
                }
                self.next();
                let table = self.name()?;
                Command::ShowColumns { table, namespace: self.in_namespace()? }
            }
            "VIEWS" => {
                let namespace = self.in_namespace()?;
                Command::ShowViews { namespace, pattern: self.pattern()? }
            }
            "PARTITIONS" => {
                let table = self.name()?;
                Command::ShowPartitions { table, partition: self.optional_partition_values()? }
            }
            "CREATE" => {
                self.expect("TABLE")?;
                let table = self.name()?;
                Command::ShowCreateTable { table, as_serde: self.eat_all(&["AS", "SERDE"]) }
            }
            "CURRENT" => {
                if !self.at_namespace() {
                    return self.fail();
                }
                self.next();
                Command::ShowCurrentNamespace
            }
            "CATALOGS" => Command::ShowCatalogs { pattern: self.pattern()? },
            "COLLATIONS" => Command::ShowCollations { pattern: self.pattern()? },
            "PROCEDURES" => {
                self.in_namespace()?;
                let error = SparkError::new("MISSING_CATALOG_ABILITY.PROCEDURES").param("plugin", "spark_catalog");
                return Err(error);
            }
            _ => return self.fail(),
        })
    }

    fn show_functions(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        let scope = if self.at("FUNCTIONS") {
            FunctionScope::All
        } else {
            let scope = match self.word(0).to_ascii_uppercase().as_str() {
                "ALL" => FunctionScope::All,
                "SYSTEM" => FunctionScope::System,
                "USER" => FunctionScope::User,
                other => {
                    let error = SparkError::new("INVALID_SQL_SYNTAX.SHOW_FUNCTIONS_INVALID_SCOPE")
                        .param("scope", format!("`{}`", other.to_lowercase()));
                    self.skip_to_end();
                    return Err(self.error(error, start));
                }
            };
            self.next();
            scope
        };
        self.next();
        let mut namespace = self.in_namespace()?;
        let like = self.eat("LIKE");
        let pattern = if self.kind(0) == Kind::String {
            Some(self.string_constant()?)
        } else if like || self.is_name_n(0) {
            // The old form: a name in place of the pattern.
            let mut name = self.multipart()?;
            let last = name.pop();
            if !name.is_empty() {
                namespace = Some(name);
            }
            last
        } else {
            None
        };
        Ok(Command::ShowFunctions { scope, namespace, pattern })
    }

    /// `[FROM | IN name]`.
    pub fn in_namespace(&mut self) -> SparkResult<Option<Name>> {
        if !self.at_any(&["FROM", "IN"]) {
            return Ok(None);
        }
        self.next();
        self.name().map(Some)
    }

    /// `[[LIKE] 'pattern']`.
    fn pattern(&mut self) -> SparkResult<Option<String>> {
        if self.eat("LIKE") || self.kind(0) == Kind::String { self.string_constant().map(Some) } else { Ok(None) }
    }
}
