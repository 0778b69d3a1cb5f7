//! Statements: which of them the first words say, and the small ones.

mod alter;
mod alter_column;
mod column;
mod create;
mod create_table;
mod create_view;
mod describe;
mod dml;
mod function;
mod maintenance;
mod merge;
mod partition;
mod properties;
mod script;
mod script_flow;
mod set;
mod show;
mod variable;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Command, ExplainMode, Statement};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn statement(&mut self) -> SparkResult<Statement> {
        self.nested(|p| p.statement_here())
    }

    fn statement_here(&mut self) -> SparkResult<Statement> {
        let start = self.pos;
        if self.kind(0) != Kind::Word {
            return self.query().map(Statement::Query);
        }
        let command = match self.word(0).to_ascii_uppercase().as_str() {
            "SELECT" | "VALUES" | "TABLE" | "MAP" | "REDUCE" => return self.query().map(Statement::Query),
            "WITH" => return self.with_statement(),
            "FROM" => return self.statement_with_from_first(),
            "INSERT" => self.insert(vec![])?,
            "DELETE" => self.delete()?,
            "UPDATE" => self.update()?,
            "MERGE" => self.merge()?,
            "CREATE" | "REPLACE" => self.create()?,
            "ALTER" => self.alter()?,
            "DROP" => self.drop()?,
            "SHOW" => self.show()?,
            "DESC" | "DESCRIBE" => self.describe()?,
            "EXPLAIN" => self.explain()?,
            "USE" => self.use_namespace()?,
            "SET" => self.set()?,
            "RESET" => self.reset()?,
            "DECLARE" => self.declare_variable()?,
            "EXECUTE" => self.execute_immediate()?,
            "BEGIN" => self.script()?,
            "CALL" => self.call_procedure()?,
            "CACHE" | "UNCACHE" | "CLEAR" | "REFRESH" | "TRUNCATE" | "ANALYZE" | "MSCK" | "REPAIR" | "LOAD"
            | "COMMENT" | "ADD" | "LIST" => self.maintenance()?,
            "GRANT" | "REVOKE" | "EXPORT" | "IMPORT" | "LOCK" | "UNLOCK" | "COMMIT" | "ROLLBACK" | "START" | "DFS" => {
                return Err(self.invalid_statement(start));
            }
            _ => return self.fail(),
        };
        Ok(Statement::Command(command))
    }

    /// A statement of Hive that Spark reads only to refuse it.
    pub fn invalid_statement(&mut self, start: usize) -> SparkError {
        let mut words = vec![self.word(0).to_ascii_uppercase()];
        let second = [
            "ROLE",
            "ROLES",
            "GRANT",
            "PRINCIPALS",
            "TABLE",
            "DATABASE",
            "TRANSACTION",
            "TRANSACTIONS",
            "COMPACTIONS",
            "INDEXES",
            "LOCKS",
            "INDEX",
            "MACRO",
            "TEMPORARY",
        ];
        if self.any_n(1, &second) {
            words.push(self.word(1).to_ascii_uppercase());
            if self.any_n(2, &["GRANT", "MACRO"]) {
                words.push(self.word(2).to_ascii_uppercase());
            }
        }
        while !self.at_end() {
            self.next();
        }
        self.error(SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", words.join(" ")), start)
    }

    /// `WITH …` before a query or before INSERT and its kin.
    fn with_statement(&mut self) -> SparkResult<Statement> {
        use vonk_plan::relation::RelationKind;
        let start = self.pos;
        let (ctes, recursive) = self.ctes()?;
        match self.word(0).to_ascii_uppercase().as_str() {
            "INSERT" => self.insert(ctes).map(Statement::Command),
            "FROM" if self.insert_follows_from() => self.multi_insert(ctes).map(Statement::Command),
            "DELETE" => self.delete().map(Statement::Command),
            "UPDATE" => self.update().map(Statement::Command),
            "MERGE" => self.merge().map(Statement::Command),
            _ => {
                let body = Box::new(self.query_without_ctes()?);
                Ok(Statement::Query(self.relation(RelationKind::With { ctes, recursive, body }, start)))
            }
        }
    }

    fn statement_with_from_first(&mut self) -> SparkResult<Statement> {
        if self.insert_follows_from() {
            return self.multi_insert(vec![]).map(Statement::Command);
        }
        self.query().map(Statement::Query)
    }

    fn explain(&mut self) -> SparkResult<Command> {
        let start = self.pos;
        self.next();
        if self.eat("LOGICAL") {
            let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", "EXPLAIN LOGICAL");
            self.defer(self.error(error, start));
        }
        let modes = [
            ("FORMATTED", ExplainMode::Formatted),
            ("EXTENDED", ExplainMode::Extended),
            ("CODEGEN", ExplainMode::Codegen),
            ("COST", ExplainMode::Cost),
        ];
        let mode = modes.iter().find(|(word, _)| self.at(word)).map(|(_, mode)| *mode);
        if mode.is_some() {
            self.next();
        }
        let statement = Box::new(self.statement()?);
        Ok(Command::Explain { mode: mode.unwrap_or(ExplainMode::Simple), statement })
    }

    fn use_namespace(&mut self) -> SparkResult<Command> {
        self.next();
        if self.at_namespace() && !self.ends_n(1) && !self.sym_n(1, ".") {
            self.next();
        }
        Ok(Command::UseNamespace(self.name()?))
    }

    /// DATABASE, SCHEMA or NAMESPACE.
    pub fn at_namespace(&self) -> bool {
        self.at_any(&["DATABASE", "SCHEMA", "NAMESPACE"])
    }

    pub fn if_exists(&mut self) -> bool {
        self.eat_all(&["IF", "EXISTS"])
    }

    pub fn if_not_exists(&mut self) -> bool {
        self.eat_all(&["IF", "NOT", "EXISTS"])
    }

    fn execute_immediate(&mut self) -> SparkResult<Command> {
        self.next();
        self.expect("IMMEDIATE")?;
        let query = self.expression()?;
        let into = if self.eat("INTO") { self.comma_list(|p| p.multipart())? } else { vec![] };
        let using = if !self.eat("USING") {
            vec![]
        } else if self.sym("(")
            && !self.parens.is_query(self.pos)
            && self.parens.close(self.pos).is_some_and(|c| self.ends_n(c + 1 - self.pos))
        {
            self.in_parens(|p| p.named_expressions())?
        } else {
            self.named_expressions()?
        };
        Ok(Command::ExecuteImmediate { query, into, using })
    }

    fn call_procedure(&mut self) -> SparkResult<Command> {
        self.next();
        let name = self.name()?;
        self.expect_sym("(")?;
        if !self.sym(")") {
            self.comma_list(|p| p.argument())?;
        }
        self.expect_sym(")")?;
        // There are no procedures.
        Ok(Command::Call(name))
    }
}
