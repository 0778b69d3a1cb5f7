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
        let literals = |l| self.literal(l).map(|value| value.written());
        let mut named: BTreeMap<String, Expr> = BTreeMap::new();
        for (name, e) in message.named_arguments {
            let value = argument(self.expr(e)?).ok_or_else(|| invalid(&name))?;
            named.insert(name, value);
        }
        for (name, l) in message.args {
            named.insert(name, literals(l)?);
        }
        let mut positional = vec![];
        for (i, e) in self.exprs(message.pos_arguments)?.into_iter().enumerate() {
            positional.push(argument(e).ok_or_else(|| invalid(&format!("_pos_{i}")))?);
        }
        for l in message.pos_args {
            positional.push(literals(l)?);
        }
        self.text.statement(&message.query, named, positional)
    }
}

fn invalid(name: &str) -> SparkError {
    SparkError::new("INVALID_SQL_ARG").param("name", name)
}

/// An argument as SQL text spells it: a constant, or one of the functions that make a value of constants.
fn argument(e: Expr) -> Option<Expr> {
    match e.kind {
        ExprKind::Literal(value) => Some(value.written()),
        ExprKind::Alias { child, .. } => argument(*child),
        ExprKind::Function(call) => {
            let name = call.name.last()?.to_lowercase();
            let args = match name.as_str() {
                "struct" => fields(call.args)?,
                _ => call.args.into_iter().map(argument).collect::<Option<Vec<_>>>()?,
            };
            match name.as_str() {
                "array" | "map" | "named_struct" | "map_from_arrays" => Some(Expr::call(&name, args)),
                "struct" => Some(Expr::call("named_struct", args)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The arguments of `struct` as those of `named_struct`.
fn fields(args: Vec<Expr>) -> Option<Vec<Expr>> {
    let mut out = vec![];
    for (i, arg) in args.into_iter().enumerate() {
        let name = match &arg.kind {
            ExprKind::Alias { names, .. } => names.first()?.clone(),
            _ => format!("col{}", i + 1),
        };
        out.push(Expr::string(name));
        out.push(argument(arg)?);
    }
    Some(out)
}
