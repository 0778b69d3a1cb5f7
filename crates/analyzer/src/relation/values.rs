//! `VALUES` and the single row of a SELECT without FROM.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{EmptyRelation, Expr as DfExpr, LogicalPlan, Values};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::cast::cast;
use vonk_expr::coercion::wider_type_without_strings;
use vonk_expr::{SqlText, TypedExpr, spark_error};
use vonk_plan::Expr;

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::{contains_aggregate, contains_window};
use crate::node::Node;
use crate::python::extract::contains_python;
use crate::scope::{Scope, ScopeColumn, column_name};

impl Analyzer {
    pub fn one_row(&self) -> SparkResult<Node> {
        let empty = EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) };
        Ok(Node::new(LogicalPlan::EmptyRelation(empty), Scope::default()))
    }

    pub fn values(&self, rows: &[Vec<Expr>], outer: Outer) -> SparkResult<Node> {
        let env = Env::new(Default::default(), outer);
        let width = rows.first().map(|r| flat(r).len()).unwrap_or_default();
        let mut typed: Vec<Vec<TypedExpr>> = Vec::with_capacity(rows.len());
        for (i, row) in rows.iter().enumerate() {
            let row = flat(row);
            if row.len() != width {
                return Err(SparkError::new("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH")
                    .param("expectedNumCols", width)
                    .param("actualNumCols", row.len())
                    .param("rowIndex", i));
            }
            let row: SparkResult<Vec<_>> = row.iter().map(|e| self.inline_value(&env, e)).collect();
            typed.push(row?);
        }
        let mut columns: Vec<ScopeColumn> = vec![];
        for i in 0..width {
            let mut of_column = typed.iter().filter_map(|row| row.get(i));
            let Some(first) = of_column.next() else { continue };
            let (mut data_type, mut nullable) = (first.data_type.clone(), first.nullable);
            for value in of_column {
                nullable |= value.nullable;
                if data_type != value.data_type {
                    data_type =
                        // As without ANSI: integers beside a float are floats here.
                        wider_type_without_strings(&data_type, &value.data_type, false).ok_or_else(|| {
                            SparkError::new("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE")
                                .param("colName", vonk_common::error::quote_id([format!("col{}", i + 1)]))
                        })?;
                }
            }
            columns.push(ScopeColumn::new(self.fresh(), format!("col{}", i + 1), data_type, nullable));
        }
        for (value, e) in typed.iter().flatten().zip(rows.iter().flat_map(|row| flat(row))) {
            if value.as_literal().is_none() && value.foldable && value.constant().is_err() {
                return Err(SparkError::new("INVALID_INLINE_TABLE.FAILED_SQL_EXPRESSION_EVALUATION")
                    .param("sqlExpr", value.quoted_sql())
                    .at(e.origin.clone()));
            }
        }
        let mut values = Vec::with_capacity(typed.len());
        for row in typed {
            let row: SparkResult<Vec<_>> = row
                .into_iter()
                .zip(&columns)
                .map(|(v, c)| {
                    if v.data_type.same_type(&c.data_type) {
                        Ok(v.expr)
                    } else {
                        Ok(cast(self.facts(), v, &c.data_type)?.expr)
                    }
                })
                .collect();
            values.push(row?);
        }
        if values.len() == 1
            && let Some(row) = values.pop()
        {
            let mut node = self.one_row()?;
            let computed = columns.iter().zip(row).map(|(c, e)| (c.slot, e, c.data_type.clone()));
            node.compute(computed.collect())?;
            return Ok(node.with_scope(Scope::new(columns)));
        }
        let plan = LogicalPlan::Values(Values { schema: schema_of(&columns)?, values });
        Ok(Node::new(plan, Scope::new(columns)))
    }

    fn inline_value(&self, env: &Env, e: &Expr) -> SparkResult<TypedExpr> {
        let cannot = |sql: String| {
            SparkError::new("INVALID_INLINE_TABLE.CANNOT_EVALUATE_EXPRESSION_IN_INLINE_TABLE")
                .param("expr", sql)
                .at(e.origin.clone())
        };
        if self.generator(env, e)?.is_some()
            && let vonk_plan::ExprKind::Function(call) = &e.kind
        {
            let name = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
            let args = self.exprs(env, &call.args)?.into_iter().map(|a| a.sql);
            return Err(cannot(vonk_common::error::quote_sql(SqlText::call(&name, args))));
        }
        let value = self.expr(env, e)?;
        if value.expr.exists(|e| Ok(matches!(e, DfExpr::ScalarSubquery(_)))).unwrap_or(false) {
            let class = "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.SCALAR_SUBQUERY_IN_VALUES";
            return Err(SparkError::new(class).at(e.origin.clone()));
        }
        if value.expr.exists(|e| Ok(matches!(e, DfExpr::OuterReferenceColumn(..)))).unwrap_or(false) {
            return Err(cannot(value.quoted_sql()));
        }
        if contains_aggregate(&value.expr)
            || contains_window(&value.expr)
            || value.expr.is_volatile()
            || contains_python(&value.expr)
        {
            return Err(cannot(value.quoted_sql()));
        }
        Ok(value)
    }
}

/// A row of one struct is the row of its values.
pub fn flat(row: &[Expr]) -> &[Expr] {
    match row {
        [Expr { kind: vonk_plan::ExprKind::Function(call), .. }] if matches!(call.name.as_slice(), [n] if n.eq_ignore_ascii_case("struct")) => {
            &call.args
        }
        row => row,
    }
}

/// The columns as an unqualified DataFusion schema.
pub fn schema_of(columns: &[ScopeColumn]) -> SparkResult<DFSchemaRef> {
    let fields =
        columns.iter().map(|c| (None, Arc::new(Field::new(column_name(c.slot), to_arrow(&c.data_type), true))));
    Ok(Arc::new(DFSchema::new_with_metadata(fields.collect(), Default::default()).map_err(spark_error)?))
}

/// An error about a column of VALUES, under the name that the alias gives to the column.
pub fn named(error: SparkError, names: &[String]) -> SparkError {
    const CLASS: &str = "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE";
    let given = error.params().iter().find(|(key, _)| key == "colName").filter(|_| error.class() == CLASS);
    let number = given.and_then(|(_, name)| name.trim_matches('`').strip_prefix("col")?.parse::<usize>().ok());
    match number.and_then(|n| names.get(n.checked_sub(1)?)) {
        Some(name) => {
            SparkError::new(CLASS).param("colName", vonk_common::error::quote_id([name])).at(error.origin().cloned())
        }
        None => error,
    }
}
