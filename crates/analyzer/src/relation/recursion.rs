//! `WITH RECURSIVE`: an anchor, and a part that reads the rows of the round before.
//!
//! The rows carry the number of their round in a hidden column, so that the limit of rounds is
//! checked as they are made.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Projection, RecursiveQuery, lit};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spark_error;
use vonk_plan::RelationKind;
use vonk_plan::relation::{SetKind, SetOperation};
use vonk_plan::types::{DataType, StructField, StructType};

use super::Outer;
use super::with::Visible;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::resolver::Source;
use crate::scope::{ColumnId, Scope, ScopeColumn, column_expr, column_name, same_name};

/// The rows of the round before.
pub struct WorkingTable {
    table: Arc<CteWorkTable>,
    /// The anchor's columns, then the round.
    schema: StructType,
    used: Rc<Cell<bool>>,
}

impl Analyzer {
    /// Only a UNION whose later inputs read the table itself is recursive.
    pub fn recursive(&self, visible: &Rc<Visible>, outer: Outer) -> SparkResult<Node> {
        let cte = &visible.cte;
        let invalid = |e: SparkError| match e.class() {
            "TABLE_OR_VIEW_NOT_FOUND"
                if e.params().iter().any(|(_, v)| same_name(v.trim_matches('`'), &cte.name, false)) =>
            {
                SparkError::new("INVALID_RECURSIVE_CTE").at(e.origin().cloned())
            }
            _ => e,
        };
        let RelationKind::SetOperation(SetOperation { kind: SetKind::Union, inputs, all, by_name: false, .. }) =
            &cte.query.kind
        else {
            return self.relation(&cte.query, outer).map_err(invalid);
        };
        let Some((first, rest)) = inputs.split_first() else { return Err(SparkError::internal("UNION of nothing")) };
        let mut anchor = self.relation(first, outer).map_err(invalid)?;
        let mut names: Vec<Arc<str>> = anchor.scope.columns.iter().map(|c| c.name.clone()).collect();
        if cte.columns.len() == names.len() {
            names = cte.columns.iter().map(|n| n.as_str().into()).collect();
        }
        let table_name = format!("{} {}", cte.name, self.fresh());
        let mut fields: Vec<StructField> = anchor
            .scope
            .columns
            .iter()
            .zip(&names)
            .map(|(c, n)| StructField::new(&**n, c.data_type.clone(), true))
            .collect();
        fields.push(StructField::new("", DataType::Long, false));
        let anchor_plan = anchor.exact(&|| self.fresh())?;
        let slots: Vec<ColumnId> = anchor.scope.columns.iter().map(|c| c.slot).collect();
        let round = self.fresh();
        let arrow = slots.iter().chain([&round]).zip(&fields);
        let arrow: Vec<Field> = arrow.map(|(s, f)| Field::new(column_name(*s), to_arrow(&f.data_type), true)).collect();
        let used = Rc::new(Cell::new(false));
        let working = WorkingTable {
            table: Arc::new(CteWorkTable::new(&table_name, Arc::new(Schema::new(arrow)))),
            schema: StructType::new(fields),
            used: used.clone(),
        };
        self.ctes().borrow_mut().push(Rc::new(Visible {
            cte: cte.clone(),
            before: visible.before,
            recursive: true,
            working: Some(working),
        }));
        let later: SparkResult<Vec<Node>> = rest.iter().map(|r| self.relation(r, outer)).collect();
        self.ctes().borrow_mut().pop();
        let mut later = later.map_err(invalid)?;
        if !used.get() {
            return self.relation(&cte.query, outer);
        }
        // The anchor with round 0.
        let mut exprs: Vec<DfExpr> = slots.iter().map(|s| column_expr(*s)).collect();
        exprs.push(lit(0i64).alias(column_name(round)));
        let anchor_plan = LogicalPlan::Projection(Projection::try_new(exprs, anchor_plan).map_err(spark_error)?);
        let limit =
            cte.max_recursion.or_else(|| self.facts().conf.i64("spark.sql.cteRecursionLevelLimit")).unwrap_or(100);
        let mut columns = anchor.scope.columns.clone();
        let mut parts = vec![];
        for node in &mut later {
            parts.push(Arc::new(self.recursive_part(node, &mut columns, &slots, round, limit)?));
        }
        let recursive = match parts.len() {
            1 => parts.pop().ok_or_else(|| SparkError::internal("recursion"))?,
            _ => Arc::new(LogicalPlan::Union(
                datafusion::logical_expr::Union::try_new_with_loose_types(parts).map_err(spark_error)?,
            )),
        };
        let query =
            RecursiveQuery::try_new(table_name, Arc::new(anchor_plan), recursive, !*all).map_err(spark_error)?;
        for (c, name) in columns.iter_mut().zip(names) {
            c.name = name;
            c.qualifier = Arc::from([]);
        }
        Ok(Node::new(LogicalPlan::RecursiveQuery(query), Scope::new(columns)))
    }

    /// The rows of a recursive input under the anchor's slots, with their round.
    fn recursive_part(
        &self,
        node: &mut Node,
        columns: &mut [ScopeColumn],
        slots: &[ColumnId],
        round: ColumnId,
        limit: i64,
    ) -> SparkResult<LogicalPlan> {
        if node.scope.columns.len() != columns.len() {
            return Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX")
                .param("elem", "'*'")
                .param("prettyName", "UNION"));
        }
        for (c, own) in columns.iter_mut().zip(&node.scope.columns) {
            if !c.data_type.same_type(&own.data_type) {
                return Err(SparkError::new("CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE")
                    .param("left", quote_sql(c.data_type.sql()))
                    .param("right", quote_sql(own.data_type.sql())));
            }
            c.nullable |= own.nullable;
        }
        let before = node.scope.hidden.iter().find(|c| c.name.is_empty()).map(|c| column_expr(c.slot));
        let plan = node.plan()?;
        let mut exprs: Vec<DfExpr> = node
            .scope
            .columns
            .iter()
            .zip(slots)
            .map(|(c, slot)| column_expr(c.slot).alias(column_name(*slot)))
            .collect();
        let next = match before {
            Some(before) => vonk_expr::extract::next_round(self.facts(), before, limit),
            None => datafusion::logical_expr::cast(lit(1i64), Arrow::Int64),
        };
        exprs.push(next.alias(column_name(round)));
        Ok(LogicalPlan::Projection(Projection::try_new(exprs, plan).map_err(spark_error)?))
    }

    /// Reads the rows of the round before.
    pub fn working_rows(&self, visible: &Visible, working: &WorkingTable) -> SparkResult<Node> {
        working.used.set(true);
        self.source(Source {
            provider: working.table.clone(),
            schema: working.schema.clone(),
            qualifier: vec![visible.cte.name.clone()],
            hidden: 1,
        })
    }
}
