//! Session variables: DECLARE, SET VAR, DROP TEMPORARY VARIABLE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Name, VariableValue};
use vonk_plan::expr::{Expr, ExprKind};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `DECLARE [OR REPLACE] [VARIABLE] name, … [type] [DEFAULT expr]`.
    pub fn declare_variable(&mut self) -> SparkResult<Command> {
        self.expect("DECLARE")?;
        let replace = self.eat_all(&["OR", "REPLACE"]);
        if self.at_any(&["VAR", "VARIABLE"]) && !self.ends_n(1) && !self.sym_n(1, "=") {
            self.next();
        }
        let names = self.comma_list(|p| p.name())?;
        let default_next = |p: &Self| p.at("DEFAULT") || p.sym("=");
        let data_type = if self.ends_n(0) || default_next(self) { None } else { Some(self.data_type()?) };
        let default = if default_next(self) {
            self.next();
            Some(self.expression()?)
        } else {
            None
        };
        if data_type.is_none() && default.is_none() {
            let error = SparkError::new("INVALID_SQL_SYNTAX.VARIABLE_TYPE_OR_DEFAULT_REQUIRED");
            return if self.kind(0) == Kind::End && names.is_empty() {
                self.fail()
            } else {
                Err(self.error(error, self.pos))
            };
        }
        Ok(Command::DeclareVariable { names, data_type, default, replace })
    }

    /// Behind SET VAR outside of scripts: what cannot be read is a wrong SET, whose key is VAR.
    pub fn set_variable_or_key(&mut self, start: usize) -> SparkResult<Command> {
        match self.set_variable() {
            Err(e) if e.class() == "PARSE_SYNTAX_ERROR" => {
                self.skip_to_end();
                Err(self.error(SparkError::new("INVALID_SET_SYNTAX"), start))
            }
            Ok(command) if !self.at_end() && !self.sym(";") => {
                self.skip_to_end();
                self.defer(self.error(SparkError::new("INVALID_SET_SYNTAX"), start));
                Ok(command)
            }
            other => other,
        }
    }

    /// Behind SET VAR: `a = 1, b = DEFAULT` or `(a, b) = (query)`.
    pub fn set_variable(&mut self) -> SparkResult<Command> {
        if self.sym("(") {
            let names = self.in_parens(|p| p.comma_list(|p| p.multipart()))?;
            self.expect_sym("=")?;
            let query = self.in_parens(|p| p.query())?;
            return Ok(Command::SetVariable { names, value: VariableValue::Query(query) });
        }
        let pairs = self.comma_list(|p| p.assignment())?;
        let (names, values) = pairs.into_iter().unzip();
        Ok(Command::SetVariable { names, value: VariableValue::Exprs(values) })
    }

    /// `name = expr` or `name = DEFAULT`.
    pub fn assignment(&mut self) -> SparkResult<(Name, Expr)> {
        let name = self.multipart()?;
        if !self.eat_sym("==") {
            self.expect_sym("=")?;
        }
        Ok((name, self.expression_or_default()?))
    }

    pub fn expression_or_default(&mut self) -> SparkResult<Expr> {
        if self.at("DEFAULT") && !self.sym_n(1, ".") && !self.sym_n(1, "(") {
            let start = self.pos;
            self.next();
            return Ok(self.make(ExprKind::Default, start));
        }
        self.expression()
    }
}
