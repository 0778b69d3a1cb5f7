//! `df.transpose()`: rows become columns. The rows are read first, as they name the columns.

use datafusion::common::ScalarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::common_type;
use vonk_expr::literal::from_scalar;
use vonk_plan::expr::SortOrder;
use vonk_plan::types::{DataType, StructField};
use vonk_plan::{Expr, Literal, Relation, RelationKind};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, column_expr};

impl Analyzer {
    pub fn transpose(&self, input: &Relation, index: &[Expr], outer: Outer) -> SparkResult<Node> {
        let node = self.relation(input, outer)?;
        if index.len() > 1 {
            return Err(SparkError::new("TRANSPOSE_INVALID_INDEX_COLUMN")
                .param("reason", "Only one index column is supported, but got multiple."));
        }
        let Some(first) = node.scope.columns.first() else { return Ok(node) };
        let own = match index.first() {
            Some(given) => self.expr(&crate::env::Env::of(&node, outer), given)?,
            None => first.typed(),
        };
        if !own.data_type.is_atomic() {
            let reason = format!("Index column must be of atomic type, but found: {}", class_text(&own.data_type));
            return Err(SparkError::new("TRANSPOSE_INVALID_INDEX_COLUMN").param("reason", reason));
        }
        // Columns go by their places: several may have one name.
        let width = node.scope.columns.len();
        let place = node.scope.columns.iter().position(|c| column_expr(c.slot) == own.expr);
        let (input, width, place) = match (place, index.first()) {
            (None, Some(given)) => (input.clone().project(vec![Expr::star(), given.clone()]), width + 1, width),
            _ => (input.clone(), width, place.unwrap_or_default()),
        };
        let names = (0..width).map(|i| format!("c{i}")).collect();
        let input = Relation::new(RelationKind::ToDf { input: Box::new(input), names });
        let others: Vec<(usize, &ScopeColumn)> =
            node.scope.columns.iter().enumerate().filter(|(i, _)| *i != place).collect();
        let places: Vec<Expr> = others.iter().map(|(i, _)| Expr::column(format!("c{i}"))).collect();
        let index = Expr::column(format!("c{place}"));
        let mut common = if others.is_empty() { DataType::STRING } else { DataType::Null };
        for (_, c) in &others {
            let alike = common == DataType::Null || common.is_string() == c.data_type.is_string();
            common = common_type(&common, &c.data_type, self.ansi()).filter(|_| alike).ok_or_else(|| {
                SparkError::new("TRANSPOSE_NO_LEAST_COMMON_TYPE")
                    .param("dt1", vonk_common::error::quote_sql(common.sql()))
                    .param("dt2", vonk_common::error::quote_sql(c.data_type.sql()))
            })?;
        }
        let most = self.facts().conf.get("spark.sql.transposeMaxValues").and_then(|v| v.parse().ok()).unwrap_or(500);
        let rows = self.index_and_values(&input, &index, places, &common, most)?;
        let mut out: Vec<Vec<Expr>> = vec![];
        for (i, (_, c)) in others.iter().enumerate() {
            let values = rows.iter().map(|r| r.get(i + 1).cloned().unwrap_or(Literal::Null(common.clone())));
            let key = Literal::string(&*c.name);
            out.push(std::iter::once(key).chain(values).map(Expr::literal).collect());
        }
        let name = |r: &Vec<Literal>| match r.first() {
            Some(Literal::String(s)) => s.to_string(),
            _ => String::new(),
        };
        let names: Vec<String> = std::iter::once("key".to_string()).chain(rows.iter().map(name)).collect();
        let empty = out.is_empty();
        if empty {
            let nulls = names.iter().skip(1).map(|_| Literal::Null(common.clone()));
            out.push(std::iter::once(Literal::string("")).chain(nulls).map(Expr::literal).collect());
        }
        let mut table = Relation::new(RelationKind::Values(out));
        if empty {
            table = table.filter(Expr::literal(Literal::Boolean(false)));
        }
        let node = self.relation(&Relation::new(RelationKind::ToDf { input: Box::new(table), names }), outer)?;
        let mut columns = node.scope.columns.clone();
        columns.iter_mut().skip(1).for_each(|c| c.nullable = true);
        Ok(node.with_scope(Scope::new(columns)))
    }

    /// For each row by index: the index as text and the other columns in their common type.
    fn index_and_values(
        &self,
        input: &Relation,
        index: &Expr,
        others: Vec<Expr>,
        common: &DataType,
        most: usize,
    ) -> SparkResult<Vec<Vec<Literal>>> {
        let kept = input.clone().filter(Expr::call("isnotnull", vec![index.clone()]));
        let sorted =
            RelationKind::Sort { input: Box::new(kept), order: vec![SortOrder::asc(index.clone())], global: true };
        let columns = others.into_iter().map(|c| c.cast(common.clone()));
        let exprs = std::iter::once(index.clone().cast(DataType::STRING)).chain(columns).collect();
        let (schema, batches) = self.resolver().collect(&Relation::new(sorted).project(exprs))?;
        let mut rows = vec![];
        for batch in &batches {
            for i in 0..batch.num_rows() {
                let cells = schema.fields.iter().zip(batch.columns()).map(|(f, column)| {
                    let value = ScalarValue::try_from_array(column, i).map_err(vonk_expr::spark_error)?;
                    from_scalar(&value, &f.data_type)
                });
                rows.push(cells.collect::<SparkResult<Vec<_>>>()?);
            }
        }
        match rows.len() > most {
            true => Err(SparkError::new("TRANSPOSE_EXCEED_ROW_LIMIT")
                .param("maxValues", most)
                .param("config", "spark.sql.transposeMaxValues")),
            false => Ok(rows),
        }
    }
}

/// The type as Scala prints it.
fn class_text(t: &DataType) -> String {
    match t {
        DataType::Struct(s) => {
            let field =
                |f: &StructField| format!("StructField({},{},{})", f.name, class_text(&f.data_type), f.nullable);
            let fields: Vec<String> = s.fields.iter().map(field).collect();
            format!("StructType({})", fields.join(","))
        }
        DataType::Array(e, null) => format!("ArrayType({},{null})", class_text(e)),
        DataType::Map(k, v, null) => format!("MapType({},{},{null})", class_text(k), class_text(v)),
        other => other.class_name(),
    }
}
