//! `DataFrame.to(schema)`: columns by name, in the schema's order, cast to its types.

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_plan::types::{DataType, StructType};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn};

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
            if c.data_type.same_type(&f.data_type) {
                let column = ScopeColumn { slot: c.slot, ..field(c.nullable, c.metadata.clone()) };
                columns.push(column);
                continue;
            }
            if !can_up_cast(&c.data_type, &f.data_type) {
                return Err(SparkError::new("INVALID_COLUMN_OR_FIELD_DATA_TYPE")
                    .param("name", quote_id([&f.name]))
                    .param("type", quote_sql(c.data_type.sql()))
                    .param("expectedType", quote_sql(f.data_type.sql())));
            }
            computed.push((id, cast(self.facts(), c.typed(), &f.data_type)?.expr, f.data_type.clone()));
            columns.push(field(c.nullable, c.metadata.clone()));
        }
        node.compute(computed)?;
        Ok(node.projected(Scope::new(columns)))
    }
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
        (DataType::Array(a, _), DataType::Array(b, _)) => a.same_type(b) || can_up_cast(a, b),
        (DataType::Map(ak, av, _), DataType::Map(bk, bv, _)) => {
            (ak.same_type(bk) || can_up_cast(ak, bk)) && (av.same_type(bv) || can_up_cast(av, bv))
        }
        (DataType::Struct(a), DataType::Struct(b)) => a.len() == b.len(),
        _ => false,
    }
}
