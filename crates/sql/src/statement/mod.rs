//! Statements.

mod properties;

use vonk_common::SparkResult;
use vonk_plan::command::Statement;

use crate::parser::Parser;

impl Parser<'_> {
    pub fn statement(&mut self) -> SparkResult<Statement> {
        self.query().map(Statement::Query)
    }
}
