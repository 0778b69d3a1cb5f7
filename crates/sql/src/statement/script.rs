//! SQL scripts: BEGIN … END blocks with their declarations.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Block, Command, Handler, Script, ScriptStatement, Statement};
use vonk_plan::relation::Relation;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn script(&mut self) -> SparkResult<Command> {
        let body = self.nested(|p| p.unlabelled_block())?;
        Ok(Command::Script(Box::new(Script { body })))
    }

    /// `BEGIN … END [label]`.
    pub fn block(&mut self, label: Option<String>) -> SparkResult<Block> {
        self.nested(|p| p.block_here(label))
    }

    fn block_here(&mut self, label: Option<String>) -> SparkResult<Block> {
        self.expect("BEGIN")?;
        let block = self.block_body(label.clone())?;
        self.end_label(label.as_deref())?;
        Ok(block)
    }

    /// The outermost block takes no label.
    fn unlabelled_block(&mut self) -> SparkResult<Block> {
        self.expect("BEGIN")?;
        self.block_body(None)
    }

    /// From behind BEGIN to END.
    fn block_body(&mut self, label: Option<String>) -> SparkResult<Block> {
        let mut block = Block { label, conditions: vec![], handlers: vec![], statements: vec![] };
        while !self.at_block_end() {
            if self.at("DECLARE") && self.at_n(2, "CONDITION") {
                self.condition(&mut block)?;
            } else if self.at("DECLARE") && self.any_n(1, &["EXIT", "CONTINUE"]) && self.at_n(2, "HANDLER") {
                let handler = self.handler()?;
                block.handlers.push(handler);
            } else {
                let statement = self.script_statement()?;
                block.statements.push(statement);
            }
            self.statement_end()?;
        }
        self.expect("END")?;
        Ok(block)
    }

    fn at_block_end(&self) -> bool {
        self.at("END") && (self.ends_n(1) || self.is_name_n(1))
    }

    /// One or more semicolons.
    pub fn statement_end(&mut self) -> SparkResult<()> {
        self.expect_sym(";")?;
        while self.eat_sym(";") {}
        Ok(())
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
        self.next();
        let name = self.strict_ident()?;
        self.expect("CONDITION")?;
        let mut state = None;
        if self.eat("FOR") {
            self.expect("SQLSTATE")?;
            self.eat("VALUE");
            state = Some(self.string_constant()?);
        }
        block.conditions.push((name, state));
        Ok(())
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
            return Ok(format!("SQLSTATE:{}", self.string_constant()?));
        }
        if self.eat_all(&["NOT", "FOUND"]) {
            return Ok("NOT FOUND".into());
        }
        Ok(self.multipart()?.join("."))
    }

    /// A statement in a block, possibly with a label.
    pub fn script_statement(&mut self) -> SparkResult<ScriptStatement> {
        if self.is_name_n(0) && self.sym_n(1, ":") {
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
        if self.at("SET") && !self.any_n(1, &["VAR", "VARIABLE", "TIME", "CATALOG"]) && self.set_assigns() {
            self.next();
            return Ok(ScriptStatement::Statement(Statement::Command(self.set_variable()?)));
        }
        if self.at("SET") && !self.any_n(1, &["VAR", "VARIABLE"]) {
            return self.script_configuration();
        }
        Ok(ScriptStatement::Statement(self.statement()?))
    }

    /// `SET name = …` of a variable: a plain name, or names in parentheses.
    fn set_assigns(&self) -> bool {
        let mut i = 1;
        if self.sym_n(1, "(") {
            return true;
        }
        while self.is_name_n(i) && self.sym_n(i + 1, ".") {
            i += 2;
        }
        self.is_name_n(i) && self.sym_n(i + 1, "=")
    }

    /// Another SET in a block, up to its semicolon.
    fn script_configuration(&mut self) -> SparkResult<ScriptStatement> {
        let start = self.pos;
        while !self.at_end() && !self.sym(";") {
            self.next();
        }
        let statement = crate::parse_statement(self.text_since(start), self.opts)?;
        Ok(ScriptStatement::Statement(statement))
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
