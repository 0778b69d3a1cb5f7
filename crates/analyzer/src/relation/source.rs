//! Tables, views, files and other sources of rows.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Field;
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, LogicalPlanBuilder, Projection};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::{TypedExpr, spark_error};
use vonk_plan::Command;
use vonk_plan::relation::{Options, TimeTravel};
use vonk_plan::types::StructType;
use vonk_plan::types::limited::char_length;

use super::Outer;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::resolver::{ResolvedTable, Source, View};
use crate::scope::{Scope, ScopeColumn, column_name};

impl Analyzer {
    /// A table, view or CTE by name.
    pub fn table(
        &self,
        name: &[String],
        options: &Options,
        time_travel: Option<&TimeTravel>,
        outer: Outer,
    ) -> SparkResult<Node> {
        if let [single] = name
            && time_travel.is_none()
            && let Some(node) = self.cte(single, outer)?
        {
            return Ok(node);
        }
        match self.resolver().table(name, options, time_travel)? {
            ResolvedTable::Source(source) => self.source(source),
            ResolvedTable::View(view) => self.view(view),
        }
    }

    fn view(&self, view: View) -> SparkResult<Node> {
        let mut node = self.as_seen_by(view.resolver.clone(), || self.relation(&view.relation, None))?.sealed();
        if let Some(names) = &view.query_columns
            && node.scope.columns.len() > names.len()
        {
            let kept = names.iter().filter_map(|n| {
                node.scope.columns.iter().find(|c| crate::scope::same_name(&c.name, n, self.case_sensitive())).cloned()
            });
            let scope = Scope::new(kept.collect());
            node = node.with_scope(scope);
        }
        if let Some(schema) = &view.schema {
            let schema = StructType::new(schema.fields.iter().map(|f| f.without_limits()).collect::<Vec<_>>());
            if schema.len() != node.scope.columns.len() {
                return Err(SparkError::new("INCOMPATIBLE_VIEW_SCHEMA_CHANGE")
                    .param("viewName", vonk_common::error::quote_id(&view.qualifier))
                    .param("colName", "")
                    .param("expectedNum", schema.len())
                    .param("actualCols", node.scope.columns.len())
                    .param("suggestion", ""));
            }
            let types: Vec<_> = schema.fields.iter().map(|f| f.data_type.clone()).collect();
            self.cast_columns(&mut node, &types)?;
            let columns = node.scope.columns.iter().zip(schema.fields.iter()).map(|(c, f)| ScopeColumn {
                name: f.name.as_str().into(),
                metadata: f.metadata.clone(),
                ..c.clone()
            });
            let scope = Scope::new(columns.collect());
            node = node.with_scope(scope);
        }
        let scope = node.scope.without_file_metadata().qualified(view.qualifier);
        Ok(node.with_scope(scope))
    }

    /// Reads a source: its columns under fresh slots, in the engine's Arrow types.
    pub fn source(&self, source: Source) -> SparkResult<Node> {
        let columns: Vec<ScopeColumn> = self.source_columns(&source);
        let plan = self.scan(&source, &columns)?;
        let shown = columns.len().saturating_sub(source.hidden);
        let mut columns = columns;
        let hidden = columns.split_off(shown);
        Ok(Node::new(plan, Scope::with_hidden(columns, hidden)))
    }

    fn source_columns(&self, source: &Source) -> Vec<ScopeColumn> {
        let qualifier: Arc<[String]> = source.qualifier.clone().into();
        let columns = source.schema.fields.iter().map(|f| ScopeColumn {
            qualifier: qualifier.clone(),
            metadata: f.metadata.clone(),
            ..ScopeColumn::new(self.fresh(), f.name.as_str(), f.data_type.clone(), f.nullable)
        });
        columns.collect()
    }

    fn scan(&self, source: &Source, columns: &[ScopeColumn]) -> SparkResult<LogicalPlan> {
        let name = TableReference::bare(match source.qualifier.last() {
            Some(table) => table.as_str(),
            None => "source",
        });
        let scan = LogicalPlanBuilder::scan(name.clone(), provider_as_source(source.provider.clone()), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(spark_error)?;
        let given = scan.schema().fields().clone();
        if given.len() != columns.len() {
            return Err(SparkError::internal("a source's columns do not fit its schema"));
        }
        let pads = self.facts().conf.bool("spark.sql.readSideCharPadding");
        let mut exprs = Vec::with_capacity(columns.len());
        let mut fields = Vec::with_capacity(columns.len());
        for (c, field) in columns.iter().zip(given.iter()) {
            let to = to_arrow(&c.data_type);
            let mut e = DfExpr::Column(Column::new(Some(name.clone()), field.name()));
            if *field.data_type() != to {
                e = datafusion::logical_expr::cast(e, to.clone());
            }
            // Files of others hold CHAR columns as they like.
            if let Some(length) = char_length(c.metadata.as_deref()).filter(|_| pads) {
                e = self.padded(TypedExpr::new(e, c.data_type.clone(), c.nullable, ""), length)?.expr;
            }
            let slot = column_name(c.slot);
            fields.push((None, Arc::new(Field::new(&slot, to, true))));
            exprs.push(e.alias(slot));
        }
        let schema = DFSchema::new_with_metadata(fields, Default::default()).map_err(spark_error)?;
        let projection =
            Projection::try_new_with_schema(exprs, Arc::new(scan), Arc::new(schema)).map_err(spark_error)?;
        Ok(LogicalPlan::Projection(projection))
    }

    /// Reads what was persisted in place of computing the node, under the node's own slots.
    pub fn substitute(&self, mut node: Node, source: Source) -> SparkResult<Node> {
        node.exact(&|| self.fresh())?;
        if source.schema.len() != node.scope.columns.len() {
            return Ok(node);
        }
        let plan = self.scan(&source, &node.scope.columns)?;
        Ok(Node::new(plan, Scope::new(node.scope.columns.clone())))
    }

    /// The rows of a statement.
    pub fn command_rows(&self, command: &Command) -> SparkResult<Node> {
        let (schema, batches) = self.resolver().command_output(command)?;
        self.rows(schema, batches)
    }

    /// Rows that are at hand.
    pub fn rows(&self, schema: StructType, batches: Vec<RecordBatch>) -> SparkResult<Node> {
        let arrow = match batches.first() {
            Some(batch) => batch.schema(),
            None => Arc::new(vonk_expr::arrow_types::to_arrow_schema(&schema)),
        };
        let table = MemTable::try_new(arrow, vec![batches]).map_err(spark_error)?;
        self.source(Source { provider: Arc::new(table), schema, qualifier: vec![], hidden: 0 })
    }
}
