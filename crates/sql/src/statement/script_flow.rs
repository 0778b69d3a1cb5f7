//! Control flow of SQL scripts: IF, CASE, WHILE, REPEAT, LOOP, FOR, LEAVE, ITERATE.

use vonk_common::SparkResult;
use vonk_plan::command::ScriptStatement;
use vonk_plan::expr::Expr;

use crate::parser::Parser;

impl Parser<'_> {
    /// The control statement at the current word, if it is one.
    pub fn flow(&mut self, label: Option<String>) -> SparkResult<Option<ScriptStatement>> {
        self.nested(|p| p.flow_here(label))
    }

    fn flow_here(&mut self, label: Option<String>) -> SparkResult<Option<ScriptStatement>> {
        let word = self.word(0).to_ascii_uppercase();
        if !matches!(word.as_str(), "IF" | "CASE" | "WHILE" | "REPEAT" | "LOOP" | "FOR" | "LEAVE" | "ITERATE") {
            return Ok(None);
        }
        self.next();
        let begin = label.clone();
        let statement = match word.as_str() {
            "IF" => self.if_statement()?,
            "CASE" => self.case_statement()?,
            "WHILE" => {
                let condition = self.expression()?;
                self.expect("DO")?;
                let body = self.statements()?;
                self.expect_all(&["END", "WHILE"])?;
                ScriptStatement::While { label, condition, body }
            }
            "REPEAT" => {
                let body = self.statements()?;
                self.expect("UNTIL")?;
                let until = self.expression()?;
                self.expect_all(&["END", "REPEAT"])?;
                ScriptStatement::Repeat { label, body, until }
            }
            "LOOP" => {
                let body = self.statements()?;
                self.expect_all(&["END", "LOOP"])?;
                ScriptStatement::Loop { label, body }
            }
            "FOR" => {
                let variable = if self.is_name_n(0) && self.at_n(1, "AS") {
                    let name = self.strict_ident()?;
                    self.next();
                    Some(name)
                } else {
                    None
                };
                let query = self.query()?;
                self.expect("DO")?;
                let body = self.statements()?;
                self.expect_all(&["END", "FOR"])?;
                ScriptStatement::For { label, variable, query, body }
            }
            "LEAVE" => ScriptStatement::Leave(self.strict_ident()?),
            _ => ScriptStatement::Iterate(self.strict_ident()?),
        };
        if matches!(word.as_str(), "WHILE" | "REPEAT" | "LOOP" | "FOR") {
            self.end_label(begin.as_deref())?;
        }
        Ok(Some(statement))
    }

    /// Statements up to END, ELSE, ELSEIF, WHEN or UNTIL; at least one.
    fn statements(&mut self) -> SparkResult<Vec<ScriptStatement>> {
        let mut out = vec![];
        loop {
            out.push(self.script_statement()?);
            self.statement_end()?;
            if self.at_any(&["END", "ELSE", "ELSEIF", "WHEN", "UNTIL"]) {
                return Ok(out);
            }
        }
    }

    fn if_statement(&mut self) -> SparkResult<ScriptStatement> {
        let mut branches: Vec<(Expr, Vec<ScriptStatement>)> = vec![];
        loop {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.statements()?));
            if !self.eat("ELSEIF") {
                break;
            }
        }
        let otherwise = if self.eat("ELSE") { self.statements()? } else { vec![] };
        self.expect_all(&["END", "IF"])?;
        Ok(ScriptStatement::If { branches, otherwise })
    }

    fn case_statement(&mut self) -> SparkResult<ScriptStatement> {
        let operand = if self.at("WHEN") { None } else { Some(self.expression()?) };
        let mut branches = vec![];
        while self.eat("WHEN") {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.statements()?));
        }
        if branches.is_empty() {
            return self.fail();
        }
        let otherwise = if self.eat("ELSE") { Some(self.statements()?) } else { None };
        self.expect_all(&["END", "CASE"])?;
        Ok(ScriptStatement::Case { operand, branches, otherwise })
    }
}
