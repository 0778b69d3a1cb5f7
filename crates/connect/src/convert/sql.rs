//! SQL text with its arguments: parsed, and the parameters replaced by the arguments.

use std::collections::BTreeMap;

use proto::relation::RelType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Statement;
use vonk_plan::expr::ExprKind;
use vonk_plan::{Expr, Relation, RelationKind};

use super::Converter;

impl Converter {
    /// SQL text where a relation is meant.
    pub(super) fn sql_relation(&self, message: proto::Sql) -> SparkResult<RelationKind> {
        Ok(match self.statement(message)? {
            Statement::Query(relation) => relation.kind,
            Statement::Command(command) => RelationKind::Command(Box::new(command)),
        })
    }

    /// The relation of a SQL command: the text, or the text over DataFrames that it refers to by name.
    pub(crate) fn sql_command(&self, message: proto::Relation) -> SparkResult<Statement> {
        match message.rel_type {
            Some(RelType::Sql(sql)) => self.statement(sql),
            Some(RelType::WithRelations(w)) => {
                let root = w.root.map(|r| *r).unwrap_or_default();
                let query = match &root.rel_type {
                    Some(RelType::Sql(s)) => s.query.clone(),
                    _ => String::new(),
                };
                match self.sql_command(root)? {
                    Statement::Query(root) => {
                        let references = w.references.into_iter().map(|r| self.relation(r));
                        Ok(Statement::Query(Relation::new(RelationKind::WithRelations {
                            root: Box::new(root),
                            references: references.collect::<SparkResult<_>>()?,
                        })))
                    }
                    Statement::Command(_) => {
                        Err(SparkError::new("CONNECT_INVALID_PLAN.INVALID_SQL_WITH_REFERENCES").param("query", query))
                    }
                }
            }
            _ => Err(SparkError::new("CONNECT_INVALID_PLAN.SQL_COMMAND_EXPECTS_SQL_OR_WITH_RELATIONS")
                .param("other", "RELTYPE_NOT_SET")),
        }
    }

    #[allow(deprecated)] // Clients up to 3.5 send arguments as literals.
    fn statement(&self, message: proto::Sql) -> SparkResult<Statement> {
        let literals = |l| Ok(Expr::new(ExprKind::Literal(self.literal(l)?)));
        let mut named: BTreeMap<String, Expr> =
            message.named_arguments.into_iter().map(|(k, e)| Ok((k, self.expr(e)?))).collect::<SparkResult<_>>()?;
        for (name, l) in message.args {
            named.insert(name, literals(l)?);
        }
        let mut positional = self.exprs(message.pos_arguments)?;
        for l in message.pos_args {
            positional.push(literals(l)?);
        }
        self.text.statement(&message.query, named, positional)
    }
}
