//! SQL scripts: BEGIN … END blocks with their declarations.

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Block, Command, Handler, Script, ScriptStatement, Statement};
use vonk_plan::relation::Relation;

use crate::parser::Parser;
use crate::tokens::Kind;

/// What may have a label.
const LABELLED: &[&str] = &["BEGIN", "WHILE", "REPEAT", "LOOP", "FOR"];

impl Parser<'_> {
    pub fn script(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        let body = self.nested(|p| p.unlabelled_block())?;
        if !self.opts.positional.is_empty() {
            let error = SparkError::new("UNSUPPORTED_FEATURE.SQL_SCRIPTING_WITH_POSITIONAL_PARAMETERS");
            self.defer(self.error(error, start));
        }
        Ok(Command::Script(Box::new(Script { body })))
    }

    /// `BEGIN … END [label]`.
    pub fn block(&mut self, label: Option<String>) -> SparkResult<Block> {
        self.nested(|p| p.block_here(label))
    }

    fn block_here(&mut self, label: Option<String>) -> SparkResult<Block> {
        self.begin()?;
        let block = self.block_body(label.clone())?;
        self.end_label(label.as_deref())?;
        Ok(block)
    }

    /// The outermost block takes no label.
    fn unlabelled_block(&mut self) -> SparkResult<Block> {
        self.begin()?;
        self.block_body(None)
    }

    /// `BEGIN [NOT ATOMIC]`.
    fn begin(&mut self) -> SparkResult<()> {
        self.expect("BEGIN")?;
        self.eat_all(&["NOT", "ATOMIC"]);
        Ok(())
    }

    /// From behind BEGIN to END.
    fn block_body(&mut self, label: Option<String>) -> SparkResult<Block> {
        let mut block = Block { label, conditions: vec![], handlers: vec![], statements: vec![] };
        while !self.at_block_end() {
            let start = self.pos;
            if self.at("DECLARE") && self.at_n(1 + self.name_width(1), "CONDITION") {
                self.condition(&mut block)?;
            } else if self.at("DECLARE") && self.any_n(1, &["EXIT", "CONTINUE"]) && self.at_n(2, "HANDLER") {
                let handler = self.handler()?;
                if !block.statements.iter().all(declares) {
                    let error = SparkError::new("INVALID_HANDLER_DECLARATION.WRONG_PLACE_OF_DECLARATION");
                    self.defer(self.error(error, start));
                }
                block.handlers.push(handler);
            } else {
                let statement = self.script_statement()?;
                self.check_local_variable(&block, &statement, start);
                block.statements.push(statement);
            }
            self.statement_end()?;
        }
        self.expect("END")?;
        Ok(block)
    }

    /// A variable of a block is declared at its beginning, under a plain name, and once.
    fn check_local_variable(&mut self, block: &Block, statement: &ScriptStatement, start: usize) {
        let ScriptStatement::Statement(Statement::Command(Command::DeclareVariable { names, replace, .. })) = statement
        else {
            return;
        };
        let Some(first) = names.first() else { return };
        let (kind, name) = match names.iter().find(|n| n.len() > 1) {
            Some(qualified) => ("QUALIFIED_LOCAL_VARIABLE", qualified),
            None if *replace => ("REPLACE_LOCAL_VARIABLE", first),
            None if !block.handlers.is_empty() => ("ONLY_AT_BEGINNING", first),
            None => return,
        };
        let error = SparkError::new(format!("INVALID_VARIABLE_DECLARATION.{kind}")).param("varName", quote_id(name));
        self.defer(self.error(error, start));
    }

    fn at_block_end(&self) -> bool {
        self.at("END") && (self.ends_n(1) || self.is_name_n(1))
    }

    /// The semicolon behind a statement.
    pub fn statement_end(&mut self) -> SparkResult<()> {
        self.expect_sym(";")
    }

    /// The label behind END must be the one before BEGIN.
    pub fn end_label(&mut self, begin: Option<&str>) -> SparkResult<()> {
        if !self.is_name_n(0) {
            return Ok(());
        }
        let start = self.pos;
        let end = self.ident()?;
        let error = match begin {
            Some(begin) if begin.eq_ignore_ascii_case(&end) => return Ok(()),
            Some(begin) => {
                SparkError::new("LABELS_MISMATCH").param("beginLabel", quoted(begin)).param("endLabel", quoted(&end))
            }
            None => SparkError::new("END_LABEL_WITHOUT_BEGIN_LABEL").param("endLabel", quoted(&end)),
        };
        self.defer(self.error(error, start));
        Ok(())
    }

    /// `DECLARE name CONDITION [FOR [SQLSTATE] [VALUE] 'state']`.
    fn condition(&mut self, block: &mut Block) -> SparkResult<()> {
        let start = self.pos;
        self.next();
        let name = self.strict_ident()?;
        self.expect("CONDITION")?;
        let mut state = None;
        if self.eat("FOR") {
            self.expect("SQLSTATE")?;
            self.eat("VALUE");
            state = Some(self.sql_state()?);
        }
        let error = |class: &'static str, parameter: &'static str| {
            SparkError::new(class).param(parameter, quote_id([name.to_uppercase()]))
        };
        if block.conditions.iter().any(|(n, _)| n.eq_ignore_ascii_case(&name)) {
            self.defer(self.error(error("DUPLICATE_CONDITION_IN_SCOPE", "condition"), start));
        } else if !block.statements.iter().all(declares) {
            let class = "INVALID_ERROR_CONDITION_DECLARATION.NOT_AT_START_OF_COMPOUND_STATEMENT";
            self.defer(self.error(error(class, "conditionName"), start));
        }
        block.conditions.push((name, state));
        Ok(())
    }

    /// A state that may be declared: five letters or digits, and no success, warning or internal error.
    fn sql_state(&mut self) -> SparkResult<String> {
        let start = self.pos;
        let state = self.string_constant()?;
        let plain = state.len() == 5 && state.bytes().all(|b| b.is_ascii_alphanumeric());
        let reserved = ["00", "01", "XX"].iter().any(|class| state.to_ascii_uppercase().starts_with(class));
        if !plain || reserved {
            let error = SparkError::new("INVALID_SQLSTATE").param("sqlState", &state);
            self.defer(self.error(error, start));
        }
        Ok(state)
    }

    /// `DECLARE EXIT HANDLER FOR conditions statement`.
    fn handler(&mut self) -> SparkResult<Handler> {
        let start = self.pos;
        self.next();
        let exit = self.at("EXIT");
        self.skip(2);
        self.expect("FOR")?;
        let conditions = self.comma_list(|p| p.handler_condition())?;
        let body = if self.at("BEGIN") {
            self.block(None)?
        } else {
            let statement = self.script_statement()?;
            Block { label: None, conditions: vec![], handlers: vec![], statements: vec![statement] }
        };
        let enabled = self.opts.conf.bool("spark.sql.scripting.continueHandlerEnabled");
        if !exit && !enabled {
            self.defer(self.error(SparkError::new("UNSUPPORTED_FEATURE.CONTINUE_EXCEPTION_HANDLER"), start));
        }
        Ok(Handler { exit, conditions, body })
    }

    /// A condition's name, `SQLSTATE '…'` as `SQLSTATE:…`, SQLEXCEPTION, NOT FOUND.
    fn handler_condition(&mut self) -> SparkResult<String> {
        if self.at("SQLSTATE") && (self.kind(1) == Kind::String || self.at_n(1, "VALUE")) {
            self.next();
            self.eat("VALUE");
            return Ok(format!("SQLSTATE:{}", self.sql_state()?));
        }
        if self.eat_all(&["NOT", "FOUND"]) {
            return Ok("NOT FOUND".into());
        }
        Ok(self.multipart()?.join("."))
    }

    /// A statement in a block, possibly with a label.
    pub fn script_statement(&mut self) -> SparkResult<ScriptStatement> {
        if self.is_name_n(0) && self.sym_n(1, ":") && self.any_n(2, LABELLED) {
            let label = self.strict_ident()?;
            self.next();
            if self.at("BEGIN") {
                return Ok(ScriptStatement::Block(self.block(Some(label))?));
            }
            return match self.flow(Some(label))? {
                Some(statement) => Ok(statement),
                None => self.fail(),
            };
        }
        if self.at("BEGIN") {
            return Ok(ScriptStatement::Block(self.block(None)?));
        }
        if let Some(statement) = self.flow(None)? {
            return Ok(statement);
        }
        if let Some(statement) = self.cursor()? {
            return Ok(statement);
        }
        // In a block SET is for variables alone.
        if self.eat("SET") {
            return Ok(ScriptStatement::Statement(Statement::Command(self.set_variable()?)));
        }
        Ok(ScriptStatement::Statement(self.statement()?))
    }

    /// DECLARE … CURSOR, OPEN, FETCH, CLOSE.
    fn cursor(&mut self) -> SparkResult<Option<ScriptStatement>> {
        let start = self.pos;
        let declares = self.at("DECLARE") && (self.at_n(2, "CURSOR") || self.at_n(3, "CURSOR"));
        let statement = if declares {
            self.next();
            let name = self.strict_ident()?;
            let _ = self.eat("ASENSITIVE") || self.eat("INSENSITIVE");
            self.expect_all(&["CURSOR", "FOR"])?;
            let query: Relation = self.query()?;
            if self.eat_all(&["FOR", "READ"]) {
                self.expect("ONLY")?;
            }
            ScriptStatement::DeclareCursor { name, query }
        } else if self.at("OPEN") && self.is_name_n(1) {
            self.next();
            let name = self.strict_ident()?;
            let using = if self.eat("USING") { self.named_expressions()? } else { vec![] };
            ScriptStatement::OpenCursor { name, using }
        } else if self.at("FETCH") && self.is_name_n(1) {
            self.next();
            let _ = self.eat("NEXT");
            let _ = self.eat("FROM");
            let name = self.strict_ident()?;
            self.expect("INTO")?;
            ScriptStatement::FetchCursor { name, into: self.comma_list(|p| p.multipart())? }
        } else if self.at("CLOSE") && self.is_name_n(1) {
            self.next();
            ScriptStatement::CloseCursor { name: self.strict_ident()? }
        } else {
            return Ok(None);
        };
        if !self.opts.conf.bool("spark.sql.scripting.cursorEnabled") {
            self.defer(self.error(SparkError::new("UNSUPPORTED_FEATURE.SQL_CURSOR"), start));
        }
        Ok(Some(statement))
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.to_lowercase())
}

/// The statement declares a variable or a cursor.
fn declares(s: &ScriptStatement) -> bool {
    matches!(
        s,
        ScriptStatement::DeclareCursor { .. }
            | ScriptStatement::Statement(Statement::Command(Command::DeclareVariable { .. }))
    )
}
