//! ALTER DATABASE, ALTER TABLE, ALTER VIEW.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{AlterAction, ColumnDef, ColumnPosition, Command, Name, PartitionSpec, Properties};

use crate::parser::Parser;

impl Parser<'_> {
    pub fn alter(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        if self.at_n(1, "INDEX") {
            return Err(self.invalid_statement(start));
        }
        self.next();
        if self.at_namespace() {
            self.next();
            return self.alter_database();
        }
        let view = self.at("VIEW");
        if !view {
            self.expect("TABLE")?;
        } else {
            self.next();
        }
        let name = self.name()?;
        let partition = self.optional_partition_values()?;
        if let Some(operation) = self.hive_alteration() {
            self.skip_to_end();
            let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", operation);
            return Err(self.error(error, start));
        }
        let mut action = self.alter_action(view, partition)?;
        if let (AlterAction::AlterColumn { name: first, .. }, true) = (&action, self.sym(",")) {
            let mut names = vec![first.clone()];
            while self.eat_sym(",") {
                if let AlterAction::AlterColumn { name, .. } = self.alter_column()? {
                    names.push(name);
                }
            }
            action = AlterAction::AlterColumns(names);
        }
        Ok(Command::AlterTable { name, if_exists: false, view, action })
    }

    /// An alteration of Hive that Spark reads only to refuse it.
    fn hive_alteration(&self) -> Option<String> {
        let found = self.at_any(&["CONCATENATE", "TOUCH", "COMPACT", "ARCHIVE", "UNARCHIVE", "EXCHANGE", "SKEWED"])
            || (self.at("NOT") && self.any_n(1, &["CLUSTERED", "SORTED", "SKEWED", "STORED"]))
            || (self.at("CLUSTERED") && self.at_n(1, "BY"))
            || (self.at("SET") && self.any_n(1, &["FILEFORMAT", "SKEWED"]));
        let words = if self.at_any(&["CONCATENATE", "TOUCH", "COMPACT"]) { 1 } else { 2 };
        let said: Vec<_> = (0..words).map(|i| self.word(i).to_ascii_uppercase()).collect();
        found.then(|| format!("ALTER TABLE {}", said.join(" ")))
    }

    fn alter_database(&mut self) -> SparkResult<Command> {
        let name = self.name()?;
        let (mut properties, mut unset, mut location) = (Properties::new(), vec![], None);
        if self.eat("UNSET") {
            if !self.at_any(&["DBPROPERTIES", "PROPERTIES"]) {
                return self.fail();
            }
            self.next();
            self.if_exists();
            unset = self.property_list()?.into_iter().map(|(k, _)| k).collect();
            return Ok(Command::AlterDatabase { name, properties, unset, location });
        }
        self.expect("SET")?;
        if self.at_any(&["DBPROPERTIES", "PROPERTIES"]) {
            self.next();
            properties = self.properties()?;
        } else {
            self.expect("LOCATION")?;
            location = Some(self.string_constant()?);
        }
        Ok(Command::AlterDatabase { name, properties, unset, location })
    }

    fn alter_action(&mut self, view: bool, partition: Option<PartitionSpec>) -> SparkResult<AlterAction> {
        let word = self.word(0).to_ascii_uppercase();
        if view && self.schema_binding() {
            return Ok(AlterAction::Other("WITH SCHEMA".into()));
        }
        if view && (self.at("AS") || self.query_starts()) {
            self.eat("AS");
            let at = self.pos;
            let query = Box::new(self.query()?);
            return Ok(AlterAction::ViewQuery { query, text: self.text_since(at).to_string() });
        }
        self.next();
        Ok(match word.as_str() {
            "RENAME" => self.alter_rename(partition)?,
            "SET" => self.alter_set(partition)?,
            "UNSET" => {
                self.expect("TBLPROPERTIES")?;
                let if_exists = self.if_exists();
                let keys = self.property_list()?.into_iter().map(|(k, _)| k).collect();
                AlterAction::UnsetProperties { keys, if_exists }
            }
            "ADD" => self.alter_add()?,
            "DROP" => self.alter_drop()?,
            "ALTER" | "CHANGE" => self.alter_column()?,
            "REPLACE" => {
                self.expect("COLUMNS")?;
                let columns = self.in_parens(|p| p.comma_list(|p| p.positioned_column()))?;
                AlterAction::ReplaceColumns(columns.into_iter().map(|(_, c, _)| c).collect())
            }
            "RECOVER" => {
                self.expect("PARTITIONS")?;
                AlterAction::RecoverPartitions
            }
            "CLUSTER" => {
                self.expect("BY")?;
                if self.eat("NONE") {
                    AlterAction::ClusterBy(vec![])
                } else {
                    AlterAction::ClusterBy(self.in_parens(|p| p.comma_list(|p| p.multipart()))?)
                }
            }
            "DEFAULT" => {
                self.expect("COLLATION")?;
                AlterAction::DefaultCollation(self.collation()?)
            }
            _ => {
                self.pos -= 1;
                return self.fail();
            }
        })
    }

    fn alter_rename(&mut self, partition: Option<PartitionSpec>) -> SparkResult<AlterAction> {
        if self.eat("COLUMN") {
            let from = self.multipart()?;
            self.expect("TO")?;
            return Ok(AlterAction::RenameColumn { from, to: self.strict_ident()? });
        }
        self.expect("TO")?;
        match partition {
            Some(from) => Ok(AlterAction::RenamePartition { from, to: self.partition_values()? }),
            None => Ok(AlterAction::Rename(self.multipart()?)),
        }
    }

    fn alter_set(&mut self, partition: Option<PartitionSpec>) -> SparkResult<AlterAction> {
        if self.eat("TBLPROPERTIES") {
            return Ok(AlterAction::SetProperties(self.properties()?));
        }
        if self.eat("LOCATION") {
            return Ok(AlterAction::SetLocation { partition, location: self.string_constant()? });
        }
        if self.eat("SERDEPROPERTIES") {
            self.property_list()?;
            return Ok(AlterAction::SetSerde);
        }
        self.expect("SERDE")?;
        self.string_constant()?;
        if self.eat_all(&["WITH", "SERDEPROPERTIES"]) {
            self.property_list()?;
        }
        Ok(AlterAction::SetSerde)
    }

    fn alter_add(&mut self) -> SparkResult<AlterAction> {
        if self.at_any(&["COLUMN", "COLUMNS"]) {
            self.next();
            let parens = self.eat_sym("(");
            let columns = self.comma_list(|p| p.positioned_column())?;
            if parens {
                self.expect_sym(")")?;
            }
            return Ok(AlterAction::AddColumns(columns));
        }
        if self.constraint()?.is_some() {
            return Ok(AlterAction::Other("ADD CONSTRAINT".into()));
        }
        let if_not_exists = self.if_not_exists();
        let mut partitions = vec![];
        while self.at("PARTITION") {
            let spec = self.partition_values()?;
            let location = if self.eat("LOCATION") { Some(self.string_constant()?) } else { None };
            partitions.push((spec, location));
        }
        if partitions.is_empty() {
            return self.fail();
        }
        Ok(AlterAction::AddPartitions { if_not_exists, partitions })
    }

    fn alter_drop(&mut self) -> SparkResult<AlterAction> {
        if self.eat("CONSTRAINT") {
            self.if_exists();
            self.strict_ident()?;
            let _ = self.eat("RESTRICT") || self.eat("CASCADE");
            return Ok(AlterAction::Other("DROP CONSTRAINT".into()));
        }
        if self.at_any(&["COLUMN", "COLUMNS"]) {
            self.next();
            let if_exists = self.if_exists();
            let names = if self.sym("(") {
                self.in_parens(|p| p.comma_list(|p| p.multipart()))?
            } else {
                self.comma_list(|p| p.multipart())?
            };
            return Ok(AlterAction::DropColumns { names, if_exists });
        }
        let if_exists = self.if_exists();
        let partitions = self.comma_list(|p| p.partition_values())?;
        Ok(AlterAction::DropPartitions { if_exists, partitions, purge: self.eat("PURGE") })
    }

    /// `a.b type … [FIRST | AFTER c]`.
    fn positioned_column(&mut self) -> SparkResult<(Name, ColumnDef, ColumnPosition)> {
        let mut parents = self.multipart()?;
        let name = parents.pop().unwrap_or_default();
        let column = self.column_def_named(name, &mut vec![])?;
        Ok((parents, column, self.position_clause()?))
    }

    pub fn position_clause(&mut self) -> SparkResult<ColumnPosition> {
        if self.eat("FIRST") {
            return Ok(ColumnPosition::First);
        }
        if self.eat("AFTER") {
            return Ok(ColumnPosition::After(self.strict_ident()?));
        }
        Ok(ColumnPosition::Unspecified)
    }
}
