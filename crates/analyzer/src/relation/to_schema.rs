//! `DataFrame.to(schema)`: columns by name, in the schema's order, cast to its types.

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_expr::extract::reshape;
use vonk_plan::types::{DataType, StructType};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, same_name};

impl Analyzer {
    pub fn to_schema(&self, mut node: Node, schema: &StructType) -> SparkResult<Node> {
        let case = self.case_sensitive();
        let mut columns = vec![];
        let mut computed = vec![];
        for f in schema.fields.iter() {
            let mut hits = node.scope.named(&f.name, case).filter(|(hidden, _)| !hidden).map(|(_, c)| c);
            let found = match (hits.next(), hits.next()) {
                (Some(c), None) => Some(c.clone()),
                (Some(_), Some(_)) => {
                    return Err(SparkError::new("AMBIGUOUS_COLUMN_OR_FIELD")
                        .param("name", quote_id([&f.name]))
                        .param("n", "2"));
                }
                _ => None,
            };
            let id = self.fresh();
            let field = |nullable: bool, metadata: Option<_>| ScopeColumn {
                metadata: f.metadata.clone().or(metadata),
                ..ScopeColumn::new(id, f.name.as_str(), f.data_type.clone(), nullable)
            };
            let Some(c) = found else {
                if !f.nullable {
                    return Err(self.unresolved_column(&node.scope, std::slice::from_ref(&f.name), None));
                }
                computed.push((id, TypedExpr::null(f.data_type.clone())?.expr, f.data_type.clone()));
                columns.push(field(true, None));
                continue;
            };
            if c.nullable && !f.nullable {
                return Err(SparkError::new("NULLABLE_COLUMN_OR_FIELD").param("name", quote_id([&f.name])));
            }
            reconciles(&mut vec![f.name.clone()], &c.data_type, &f.data_type, case)?;
            if c.data_type.same_type(&f.data_type) {
                let column = ScopeColumn { slot: c.slot, ..field(c.nullable, c.metadata.clone()) };
                columns.push(column);
                continue;
            }
            let shaped = reshape(self.facts(), c.typed(), &f.data_type);
            let value = if shaped.data_type.same_type(&f.data_type) {
                shaped
            } else {
                cast(self.facts(), shaped, &f.data_type)?
            };
            computed.push((id, value.expr, f.data_type.clone()));
            columns.push(field(c.nullable, c.metadata.clone()));
        }
        node.compute(computed)?;
        Ok(node.projected(Scope::new(columns)))
    }
}

/// Error: a value, or a part of it, that does not become one of the type. Fields of structs are found by name.
fn reconciles(path: &mut Vec<String>, from: &DataType, to: &DataType, case: bool) -> SparkResult<()> {
    match (from, to) {
        (DataType::Struct(own), DataType::Struct(wanted)) => {
            for f in wanted.fields.iter() {
                let mut hits = own.fields.iter().filter(|g| same_name(&g.name, &f.name, case));
                let hit = match (hits.next(), hits.count()) {
                    (None, _) if f.nullable => continue,
                    (None, _) => return Err(no_field(path, &f.name, own)),
                    (Some(hit), 0) => hit,
                    (Some(_), more) => {
                        path.push(f.name.clone());
                        return Err(SparkError::new("AMBIGUOUS_COLUMN_OR_FIELD")
                            .param("name", quote_id(path.iter()))
                            .param("n", more + 1));
                    }
                };
                path.push(f.name.clone());
                if hit.nullable && !f.nullable {
                    return Err(SparkError::new("NULLABLE_COLUMN_OR_FIELD").param("name", quote_id(path.iter())));
                }
                reconciles(path, &hit.data_type, &f.data_type, case)?;
                path.pop();
            }
            Ok(())
        }
        (DataType::Array(a, true), DataType::Array(_, false)) if **a != DataType::Null => {
            Err(SparkError::new("NOT_NULL_CONSTRAINT_VIOLATION.ARRAY_ELEMENT")
                .param("columnPath", quote_id(path.iter())))
        }
        (DataType::Array(a, _), DataType::Array(b, _)) => within(path, "element", a, b, case),
        (DataType::Map(.., true), DataType::Map(.., false)) => {
            Err(SparkError::new("NOT_NULL_CONSTRAINT_VIOLATION.MAP_VALUE").param("columnPath", quote_id(path.iter())))
        }
        (DataType::Map(ak, av, _), DataType::Map(bk, bv, _)) => {
            within(path, "key", ak, bk, case)?;
            within(path, "value", av, bv, case)
        }
        _ if from.same_type(to) || can_up_cast(from, to) => Ok(()),
        _ => Err(SparkError::new("INVALID_COLUMN_OR_FIELD_DATA_TYPE")
            .param("name", quote_id(path.iter()))
            .param("type", quote_sql(from.sql()))
            .param("expectedType", quote_sql(to.sql()))),
    }
}

/// [`reconciles`] for a part of that name.
fn within(path: &mut Vec<String>, part: &str, from: &DataType, to: &DataType, case: bool) -> SparkResult<()> {
    path.push(part.to_string());
    reconciles(path, from, to, case)?;
    path.pop();
    Ok(())
}

fn no_field(path: &[String], name: &str, own: &StructType) -> SparkError {
    let names: Vec<String> = own.fields.iter().map(|g| quote_id([&g.name])).collect();
    SparkError::new("UNRESOLVED_FIELD.WITH_SUGGESTION")
        .param("fieldName", quote_id([name]))
        .param("columnPath", quote_id(path))
        .param("proposal", names.join(", "))
}

/// Casts that lose nothing, and those that Spark allows when storing.
fn can_up_cast(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null, _) => true,
        (a, b) if a.is_numeric() && b.is_numeric() => true,
        (a, DataType::String(_)) => a.is_atomic(),
        (a, b) if a.is_datetime() && b.is_datetime() => true,
        // What would be cut off is not.
        (a, b) if a.is_datetime() && b.is_nanos() => true,
        (a, b) if a.nanos().zip(b.nanos()).is_some_and(|((a, _), (b, _))| a <= b) => true,
        _ => false,
    }
}
