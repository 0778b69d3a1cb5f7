//! CREATE FUNCTION: of a class, or with a body in SQL.

use std::collections::HashSet;

use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{ColumnDef, Command, CreateFunction, FunctionBody};

use crate::parser::Parser;

impl Parser<'_> {
    /// What follows `CREATE … FUNCTION`.
    pub fn create_function(&mut self, replace: bool, temporary: bool) -> SparkResult<Command> {
        let start = self.pos;
        let if_not_exists = self.if_not_exists();
        let name = self.name()?;
        let mut function = CreateFunction {
            name,
            parameters: vec![],
            returns: None,
            returns_table: None,
            body: FunctionBody::Class(String::new()),
            temporary,
            replace,
            if_not_exists,
            comment: None,
            deterministic: None,
        };
        if self.sym("(") {
            self.sql_function(&mut function)?;
        } else {
            self.expect("AS")?;
            function.body = FunctionBody::Class(self.string_constant()?);
            if self.eat("USING") {
                self.comma_list(|p| {
                    p.ident()?;
                    p.string_constant()
                })?;
            }
        }
        self.check_function(&function, start);
        Ok(Command::CreateFunction(Box::new(function)))
    }

    /// `(parameters) RETURNS type characteristics RETURN body`.
    fn sql_function(&mut self, function: &mut CreateFunction) -> SparkResult<()> {
        self.expect_sym("(")?;
        if !self.sym(")") {
            function.parameters = self.comma_list(|p| p.function_column())?;
        }
        self.expect_sym(")")?;
        if self.eat("RETURNS") {
            if self.eat("TABLE") {
                let columns =
                    if self.sym("(") { self.in_parens(|p| p.comma_list(|p| p.function_column()))? } else { vec![] };
                function.returns_table = Some(columns);
            } else {
                function.returns = Some(self.data_type()?);
            }
        }
        loop {
            if self.eat("COMMENT") {
                function.comment = Some(self.string_constant()?);
            } else if self.eat("DETERMINISTIC") {
                function.deterministic = Some(true);
            } else if self.eat_all(&["NOT", "DETERMINISTIC"]) {
                function.deterministic = Some(false);
            } else if self.eat("LANGUAGE") {
                self.ident()?;
            } else if !(self.eat_all(&["CONTAINS", "SQL"])
                || self.eat_all(&["READS", "SQL", "DATA"])
                || self.eat_all(&["SQL", "SECURITY", "INVOKER"])
                || self.eat_all(&["SQL", "SECURITY", "DEFINER"]))
            {
                break;
            }
        }
        if self.at("AS") {
            self.next();
            function.body = FunctionBody::Class(self.string_constant()?);
            return Ok(());
        }
        self.expect("RETURN")?;
        let at = self.pos;
        function.body = if self.query_starts() && !(self.sym("(") && function.returns_table.is_none()) {
            let query = self.query()?;
            FunctionBody::Query(query, self.text_since(at).to_string())
        } else {
            let value = self.expression()?;
            FunctionBody::Expr(value, self.text_since(at).to_string())
        };
        Ok(())
    }

    /// A parameter, or a column of what a table function gives.
    fn function_column(&mut self) -> SparkResult<ColumnDef> {
        let start = self.pos;
        let column = self.column_def()?;
        let error = if column.generated.is_some() {
            SparkError::new("INVALID_SQL_SYNTAX.CREATE_FUNC_WITH_GENERATED_COLUMNS_AS_PARAMETERS")
        } else if !column.nullable {
            let text = self.text_since(start).to_string();
            SparkError::new("USER_DEFINED_FUNCTIONS.NOT_NULL_ON_FUNCTION_PARAMETERS").param("input", text)
        } else {
            return Ok(column);
        };
        let error = self.error(error, start);
        self.defer(error);
        Ok(column)
    }

    fn check_function(&mut self, function: &CreateFunction, start: usize) {
        let mut seen = HashSet::new();
        let twice = |c: &&ColumnDef| !seen.insert(c.name.to_lowercase());
        let duplicates: Vec<_> = function.parameters.iter().filter(twice).map(|c| quote_id([&c.name])).collect();
        let invalid = |reason: &'static str| SparkError::new(format!("INVALID_SQL_SYNTAX.{reason}"));
        let error = if function.replace && function.if_not_exists {
            invalid("CREATE_ROUTINE_WITH_IF_NOT_EXISTS_AND_REPLACE")
        } else if function.temporary && function.if_not_exists {
            invalid("CREATE_TEMP_FUNC_WITH_IF_NOT_EXISTS")
        } else if function.temporary && function.name.len() > 2 {
            invalid("UNSUPPORTED_FUNC_NAME").param("funcName", quote_id(&function.name))
        } else if function.temporary && function.name.len() == 2 {
            let database = function.name.first().map(String::as_str).unwrap_or_default();
            let name = function.name.last().map(String::as_str).unwrap_or_default();
            SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                .param("objectType", "FUNCTION")
                .param("objectName", quote_id([name]))
                .param("qualifier", quote_id([database]))
        } else if !duplicates.is_empty() {
            SparkError::new("DUPLICATE_ROUTINE_PARAMETER_NAMES")
                .param("routineName", function.name.join("."))
                .param("names", duplicates.join(", "))
        } else {
            return;
        };
        self.defer(self.error(error, start));
    }
}
