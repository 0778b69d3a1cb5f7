//! CACHE, REFRESH, TRUNCATE, ANALYZE, MSCK REPAIR, LOAD DATA, COMMENT ON, ADD and LIST.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{AlterAction, AnalyzeColumns, ColumnPosition, Command};
use vonk_plan::relation::Options;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn maintenance(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        let word = self.word(0).to_ascii_uppercase();
        self.next();
        Ok(match word.as_str() {
            "CACHE" => self.cache()?,
            "UNCACHE" => {
                self.expect("TABLE")?;
                let if_exists = self.if_exists();
                Command::UncacheTable { name: self.name()?, if_exists }
            }
            "CLEAR" => {
                self.expect("CACHE")?;
                Command::ClearCache
            }
            "REFRESH" => self.refresh()?,
            "TRUNCATE" => {
                self.expect("TABLE")?;
                let name = self.name()?;
                Command::TruncateTable { name, partition: self.optional_partition_values()? }
            }
            "ANALYZE" => self.analyze(start)?,
            "MSCK" => {
                self.expect("REPAIR")?;
                self.repair()?
            }
            "REPAIR" => self.repair()?,
            "LOAD" => self.load_data()?,
            "COMMENT" => self.comment_on()?,
            _ => self.resource(&word)?,
        })
    }

    fn cache(&mut self) -> SparkResult<Command> {
        let lazy = self.eat("LAZY");
        self.expect("TABLE")?;
        let name = self.name()?;
        let options = if self.eat("OPTIONS") { self.options()? } else { Options::new() };
        let asked = self.eat("AS");
        let query = if asked || self.query_starts() { Some(Box::new(self.query()?)) } else { None };
        Ok(Command::CacheTable { name, lazy, options, query })
    }

    fn refresh(&mut self) -> SparkResult<Command> {
        if self.at("TABLE") && !self.ends_n(1) {
            self.next();
            return Ok(Command::RefreshTable(self.name()?));
        }
        if self.at("FUNCTION") && !self.ends_n(1) {
            self.next();
            return Ok(Command::RefreshFunction(self.name()?));
        }
        if self.kind(0) == Kind::String {
            return Ok(Command::RefreshPath(self.string_constant()?));
        }
        let path = self.rest().trim().to_string();
        if path.is_empty() {
            return Err(self.error(SparkError::new("INVALID_SQL_SYNTAX.EMPTY_REFRESH_RESOURCE_PATH"), self.pos));
        }
        self.skip_to_end();
        Ok(Command::RefreshPath(path))
    }

    fn analyze(&mut self, start: usize) -> SparkResult<Command> {
        if self.eat("TABLES") {
            let namespace = self.in_namespace()?;
            self.expect_all(&["COMPUTE", "STATISTICS"])?;
            return Ok(Command::AnalyzeTables { namespace, no_scan: self.no_scan(start)? });
        }
        self.expect("TABLE")?;
        let name = self.name()?;
        let partition = self.optional_partition()?;
        self.expect_all(&["COMPUTE", "STATISTICS"])?;
        let (mut columns, mut no_scan) = (AnalyzeColumns::None, false);
        if self.eat_all(&["FOR", "ALL", "COLUMNS"]) {
            columns = AnalyzeColumns::All;
        } else if self.eat_all(&["FOR", "COLUMNS"]) {
            columns = AnalyzeColumns::Some(self.comma_list(|p| p.strict_ident())?);
        } else {
            no_scan = self.no_scan(start)?;
        }
        Ok(Command::AnalyzeTable { name, partition, columns, no_scan })
    }

    fn no_scan(&mut self, start: usize) -> SparkResult<bool> {
        if self.eat("NOSCAN") {
            return Ok(true);
        }
        if self.is_name_n(0) {
            let word = self.ident()?;
            let error = SparkError::new("INVALID_SQL_SYNTAX.ANALYZE_TABLE_UNEXPECTED_NOSCAN").param("ctx", word);
            self.defer(self.error(error, start));
        }
        Ok(false)
    }

    fn repair(&mut self) -> SparkResult<Command> {
        self.expect("TABLE")?;
        let name = self.name()?;
        let (mut add, mut drop) = (true, false);
        if self.at_any(&["ADD", "DROP", "SYNC"]) && self.at_n(1, "PARTITIONS") {
            add = !self.at("DROP");
            drop = !self.at("ADD");
            self.skip(2);
        }
        Ok(Command::RepairTable { name, add, drop })
    }

    fn load_data(&mut self) -> SparkResult<Command> {
        self.expect("DATA")?;
        let local = self.eat("LOCAL");
        self.expect("INPATH")?;
        let path = self.string_constant()?;
        let overwrite = self.eat("OVERWRITE");
        self.expect_all(&["INTO", "TABLE"])?;
        let table = self.name()?;
        Ok(Command::LoadData { path, local, overwrite, table, partition: self.optional_partition_values()? })
    }

    fn comment_on(&mut self) -> SparkResult<Command> {
        self.expect("ON")?;
        let namespace = self.at_namespace();
        let column = self.at("COLUMN");
        if !namespace && !column && !self.at("TABLE") {
            return self.fail();
        }
        self.next();
        let mut name = self.name()?;
        self.expect("IS")?;
        let comment = if self.eat("NULL") { None } else { Some(self.string_constant()?) };
        if !column {
            return Ok(match namespace {
                true => Command::CommentOnDatabase { name, comment },
                false => Command::CommentOnTable { name, comment },
            });
        }
        let column = name.pop().into_iter().collect();
        let action = AlterAction::AlterColumn {
            name: column,
            data_type: None,
            nullable: None,
            comment: Some(comment.unwrap_or_default()),
            position: ColumnPosition::Unspecified,
            default: None,
        };
        Ok(Command::AlterTable { name, if_exists: false, view: false, action })
    }

    /// `ADD JAR path`, `LIST FILES`.
    fn resource(&mut self, verb: &str) -> SparkResult<Command> {
        let kind = self.ident()?;
        let text = self.rest().trim().trim_end_matches(';').trim().to_string();
        self.skip_to_end();
        let paths = if text.is_empty() { vec![] } else { text.split_whitespace().map(unquoted).collect() };
        Ok(if verb == "ADD" { Command::AddResource { kind, paths } } else { Command::ListResource { kind, paths } })
    }
}

fn unquoted(word: &str) -> String {
    word.trim_matches(['\'', '"']).to_string()
}
