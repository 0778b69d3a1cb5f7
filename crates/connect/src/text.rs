//! Text that the client sends inside of its messages: statements, expressions, names, types and
//! schemas, read as the session's settings say.

use std::collections::BTreeMap;

use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::command::Statement;
use vonk_plan::{DataType, Expr, StructType};
use vonk_sql::ParseOptions;

/// Reads text with the settings of one session.
pub struct TextReader {
    conf: SessionConf,
}

impl TextReader {
    pub fn new(conf: SessionConf) -> Self {
        TextReader { conf }
    }

    fn options(&self) -> ParseOptions<'_> {
        ParseOptions::new(&self.conf)
    }

    /// A statement, its parameters replaced by the arguments.
    pub fn statement(
        &self,
        text: &str,
        named: BTreeMap<String, Expr>,
        positional: Vec<Expr>,
    ) -> SparkResult<Statement> {
        vonk_sql::parse_statement(text, &ParseOptions { named, positional, ..self.options() })
    }

    pub fn expression(&self, text: &str) -> SparkResult<Expr> {
        vonk_sql::parse_expression(text, &self.options())
    }

    /// The parts of the name of a table or function, as SQL writes it.
    pub fn name(&self, text: &str) -> SparkResult<Vec<String>> {
        vonk_sql::parse_identifier(text, &self.options())
    }

    pub fn data_type(&self, text: &str) -> SparkResult<DataType> {
        vonk_sql::parse_data_type(text, &self.options())
    }

    /// A schema as DDL (`a int, b string`) or as JSON.
    pub fn schema(&self, text: &str) -> SparkResult<StructType> {
        vonk_sql::parse_table_schema(text, &self.options())
    }

    /// What a client asks to be parsed as DDL: a single type, else the columns of a table.
    pub fn type_or_schema(&self, text: &str) -> SparkResult<DataType> {
        self.data_type(text).or_else(|_| self.schema(text).map(DataType::Struct))
    }
}

/// The parts of the name of a column: dots separate, back quotes hold together, all else is free.
pub fn column_name(text: &str) -> SparkResult<Vec<String>> {
    let invalid = || SparkError::new("INVALID_ATTRIBUTE_NAME_SYNTAX").param("name", text);
    let mut parts = vec![];
    let mut part = String::new();
    let mut quoted = false;
    let mut before = '.';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '`' if quoted && chars.peek() == Some(&'`') => {
                chars.next();
                part.push('`');
            }
            '`' if quoted => {
                quoted = false;
                if chars.peek().is_some_and(|next| *next != '.') {
                    return Err(invalid());
                }
            }
            '`' if !part.is_empty() => return Err(invalid()),
            '`' => quoted = true,
            '.' if !quoted => {
                if before == '.' || chars.peek().is_none() {
                    return Err(invalid());
                }
                parts.push(std::mem::take(&mut part));
            }
            other => part.push(other),
        }
        before = c;
    }
    if quoted {
        return Err(invalid());
    }
    parts.push(part);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_split_at_dots_outside_of_quotes() {
        let parts = |text| column_name(text).map(|p| p.join("|"));
        assert_eq!(parts("a.b c.count(1)"), Ok("a|b c|count(1)".into()));
        assert_eq!(parts("`a.b`.`c``d`"), Ok("a.b|c`d".into()));
        for wrong in ["a`b.c", ".a", "a..b", "a.", "`a", "`a`b"] {
            assert!(parts(wrong).is_err_and(|e| e.class() == "INVALID_ATTRIBUTE_NAME_SYNTAX"), "{wrong}");
        }
    }
}
