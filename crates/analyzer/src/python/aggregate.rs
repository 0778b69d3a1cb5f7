//! Aggregations by Python functions. They cannot stand beside other aggregates.
//!
//! ROLLUP and its like send each row once for every grouping set, as Spark's Expand does.

use std::sync::Arc;

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Projection, Union, cast};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::types::{StructField, StructType};
use vonk_python::Task;

use super::extract::{extension, restore};
use super::function::aggregate_call;
use super::sent::Sent;
use crate::analyzer::Analyzer;
use crate::nodes::python::{Python, PythonInput, PythonKind};
use crate::scope::column_name;

impl Analyzer {
    pub(super) fn is_python_aggregate(&self, a: &Aggregate) -> SparkResult<bool> {
        let python: Vec<_> = a.aggr_expr.iter().filter_map(aggregate_call).collect();
        if python.is_empty() {
            return Ok(false);
        }
        let same = python.windows(2).all(|w| w.first().map(|f| f.0.eval_type) == w.last().map(|f| f.0.eval_type));
        if python.len() < a.aggr_expr.len() || !same {
            let names: Vec<_> = python.iter().map(|(f, _)| quote_id([&*f.name])).collect();
            return Err(SparkError::new("INVALID_PANDAS_UDF_PLACEMENT").param("functionList", names.join(", ")));
        }
        Ok(true)
    }

    /// An aggregation whose aggregates are all Python.
    pub(super) fn python_aggregate(&self, a: Aggregate) -> SparkResult<LogicalPlan> {
        let schema = a.schema.clone();
        let mut sent = Sent::default();
        let (mut functions, mut output, mut results, mut eval_type) = (vec![], vec![], vec![], 0);
        for e in &a.aggr_expr {
            let Some((function, args)) = aggregate_call(e) else { continue };
            eval_type = function.eval_type;
            functions.push(sent.function(self, &[function], args));
            output.push(StructField::new(function.name.to_string(), function.output.clone(), true));
            results.push(e.schema_name().to_string());
        }
        let input = sent.over(a.input.clone())?;
        let (plan, keys) = match a.group_expr.as_slice() {
            [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => self.expanded(&input, sets, &a)?,
            all => (input, all.iter().map(|k| (name_of(k), name_of(k))).collect()),
        };
        let task =
            Task { eval_type, functions, input: sent.schema(), output: StructType::new(output), ..Task::default() };
        let single = keys.is_empty();
        let columns = keys.iter().map(|(own, _)| own.clone()).collect();
        let inputs = vec![PythonInput { plan, sent: sent.columns, keys: columns, order: vec![] }];
        let mut node =
            Python::try_new(PythonKind::Aggregate, Arc::new(task), inputs, results.clone()).map_err(spark_error)?;
        node.single = single;
        let node = Arc::unwrap_or_clone(extension(node));
        if keys.iter().all(|(own, name)| own == name) {
            return restore(node, &schema);
        }
        let mut exprs: Vec<Expr> = keys.iter().map(|(own, name)| column(own).alias(name)).collect();
        exprs.extend(results.iter().map(|r| column(r)));
        let projection = Projection::try_new(exprs, Arc::new(node)).map_err(spark_error)?;
        restore(LogicalPlan::Projection(projection), &schema)
    }

    /// The rows of the input for each set: its keys under new names, NULL where they are left out, and
    /// DataFusion's grouping id. Gives the new names with those that the output has.
    fn expanded(
        &self,
        input: &Arc<LogicalPlan>,
        sets: &[Vec<Expr>],
        a: &Aggregate,
    ) -> SparkResult<(Arc<LogicalPlan>, Vec<(String, String)>)> {
        let fields = a.schema.fields();
        let id_at = fields.iter().position(|f| f.name() == Aggregate::INTERNAL_GROUPING_ID);
        let id_at = id_at.ok_or_else(|| SparkError::internal("grouping sets without an id"))?;
        let grouped: Vec<_> = fields.iter().take(id_at + 1).cloned().collect();
        let names: Vec<(String, String)> =
            grouped.iter().map(|f| (column_name(self.fresh()), f.name().clone())).collect();
        let mut inputs = vec![];
        for set in sets {
            let mut exprs: Vec<Expr> =
                input.schema().iter().map(|(q, f)| Expr::Column(Column::new(q.cloned(), f.name()))).collect();
            let mut id = 0u64;
            for (field, (own, name)) in grouped.iter().zip(&names).take(id_at) {
                let kept = set.iter().any(|k| name_of(k) == *name);
                id = id << 1 | u64::from(!kept);
                let value = match kept {
                    true => column(name),
                    false => Expr::Literal(ScalarValue::try_from(field.data_type()).map_err(spark_error)?, None),
                };
                exprs.push(value.alias(own));
            }
            if let (Some(field), Some((own, _))) = (grouped.get(id_at), names.get(id_at)) {
                let id = Expr::Literal(ScalarValue::UInt64(Some(id)), None);
                exprs.push(cast(id, field.data_type().clone()).alias(own));
            }
            let projection = Projection::try_new(exprs, input.clone()).map_err(spark_error)?;
            inputs.push(Arc::new(LogicalPlan::Projection(projection)));
        }
        let union = Union::try_new_with_loose_types(inputs).map_err(spark_error)?;
        Ok((Arc::new(LogicalPlan::Union(union)), names))
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn name_of(e: &Expr) -> String {
    match e {
        Expr::Column(c) => c.name.clone(),
        other => other.schema_name().to_string(),
    }
}
