//! Spark SQL text to plan: a lexer and a grammar of our own.
//!
//! [`parse_statement`] gives a query or a command of `vonk-plan`; the smaller entry points read
//! expressions, names, types, schemas and intervals. The grammar is written by hand, by recursive
//! descent, on tokens that know their place: `docs/design/sql-parser.md` says why. Nothing here
//! resolves a name or decides a type other than that of a literal.

mod depth;
mod expr;
mod fault;
mod keywords;
mod literal;
mod names;
mod options;
mod parens;
mod parser;
mod query;
mod schema;
mod statement;
mod substitution;
mod tokens;
mod types;
mod words;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, Statement};
use vonk_plan::expr::Expr;
use vonk_plan::relation::Relation;
use vonk_plan::types::DataType;

pub use literal::interval_text::{CalendarInterval, parse_interval_text};
pub use options::ParseOptions;
pub use schema::parse_table_schema;

use parser::Parser;

/// Runs `rule` over the whole text.
fn parse<T>(
    text: &str,
    opts: &ParseOptions<'_>,
    rule: impl FnOnce(&mut Parser<'_>) -> SparkResult<T>,
) -> SparkResult<T> {
    let mut parser = Parser::new(text, opts)?;
    let out = rule(&mut parser)?;
    parser.expect_end()?;
    parser.take_deferred()?;
    Ok(out)
}

/// One statement, with any number of semicolons behind it; a script takes one.
pub fn parse_statement(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Statement> {
    let text = substitution::substitute(text, opts.conf);
    parse(&text, opts, |p| {
        if p.at_end() {
            return Err(SparkError::new("PARSE_EMPTY_STATEMENT"));
        }
        let statement = p.statement()?;
        let one = matches!(&statement, Statement::Command(Command::Script(_)));
        while p.eat_sym(";") && !one {}
        Ok(statement)
    })
}

/// Which kinds of parameters the statement has: named ones, nameless ones.
pub fn parameters_of(text: &str, opts: &ParseOptions<'_>) -> SparkResult<(bool, bool)> {
    let text = substitution::substitute(text, opts.conf);
    let mut parser = Parser::new(&text, opts)?;
    parser.statement()?;
    Ok((parser.named_parameters, parser.positional > 0))
}

/// Statements with semicolons between them, as in a file.
pub fn parse_statements(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Vec<Statement>> {
    let text = substitution::substitute(text, opts.conf);
    parse(&text, opts, |p| {
        let mut out = vec![];
        loop {
            while p.eat_sym(";") {}
            if p.at_end() {
                return Ok(out);
            }
            out.push(p.beside(|p| p.statement())?);
            if !p.at_end() {
                p.expect_sym(";")?;
            }
        }
    })
}

/// A query and nothing else.
pub fn parse_query(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Relation> {
    parse(text, opts, |p| p.query())
}

/// An expression, possibly with an alias.
pub fn parse_expression(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Expr> {
    parse(text, opts, |p| if p.at_end() { Err(SparkError::new("PARSE_EMPTY_STATEMENT")) } else { p.named_expression() })
}

/// Expressions with commas between them, possibly with aliases.
pub fn parse_expression_list(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Vec<Expr>> {
    parse(text, opts, |p| p.named_expressions())
}

/// A name in parts: ``a.`b c`.d``.
pub fn parse_identifier(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Vec<String>> {
    parse_identifier_with(text, opts)
}

pub(crate) fn parse_identifier_with(text: &str, opts: &ParseOptions<'_>) -> SparkResult<Vec<String>> {
    parse(text, opts, |p| if p.at_end() { Err(SparkError::new("PARSE_EMPTY_STATEMENT")) } else { p.multipart() })
}

/// A data type: `struct<a: int, b: string not null>`.
pub fn parse_data_type(text: &str, opts: &ParseOptions<'_>) -> SparkResult<DataType> {
    parse(text, opts, |p| p.data_type())
}
