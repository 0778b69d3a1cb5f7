//! DataFusion's physical planner with our logical nodes added.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use vonk_analyzer::nodes::alone::Alone;
use vonk_analyzer::nodes::choose::{Choose, Rows};
use vonk_analyzer::nodes::generate::Generate;
use vonk_analyzer::nodes::python::Python;
use vonk_analyzer::nodes::row_id::RowId;

use super::generate::GenerateExec;
use super::row_id::RowIdExec;
use super::rows::{Choice, ChooseExec};
use super::shared::{Shared, SharedExec};
use crate::reuse::reuse;
use crate::state::is_large;

#[derive(Debug)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Nodes)]);
        if is_large(plan) {
            return planner.create_physical_plan(plan, session).await;
        }
        planner.create_physical_plan(&reuse(plan.clone())?, session).await
    }
}

/// Our logical nodes.
struct Nodes;

#[async_trait]
impl ExtensionPlanner for Nodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let any = node.as_any();
        if let Some(alone) = any.downcast_ref::<Alone>() {
            return session.create_physical_plan(&alone.plan).await.map(Some);
        }
        if let Some(Shared { share }) = any.downcast_ref::<Shared>() {
            let exec = share.planned.get_or_try_init(|| async {
                let input = planner.create_physical_plan(&share.plan, session).await?;
                Ok::<_, DataFusionError>(Arc::new(SharedExec::new(input, share.readers)))
            });
            return Ok(Some(Arc::clone(exec.await?) as Arc<dyn ExecutionPlan>));
        }
        let (Some(input), Some(logical)) = (inputs.first().cloned(), logical_inputs.first()) else { return Ok(None) };
        if let Some(generate) = any.downcast_ref::<Generate>() {
            let properties = session.execution_props();
            let rows = create_physical_expr(&generate.rows, logical.schema(), properties, context)?;
            let schema = Arc::new(generate.schema.as_arrow().clone());
            return Ok(Some(Arc::new(GenerateExec::new(input, rows, generate.outer, schema))));
        }
        if let Some(node) = any.downcast_ref::<Python>() {
            return super::python::plan::python(node, inputs, session.config()).map(Some);
        }
        if let Some(node) = any.downcast_ref::<RowId>() {
            return Ok(Some(Arc::new(RowIdExec::new(input, node.column.clone()))));
        }
        let Some(choose) = any.downcast_ref::<Choose>() else {
            return Err(DataFusionError::NotImplemented(format!("the node {}", node.name())));
        };
        let choice = match choose.rows {
            Rows::Last(n) => Choice::Tail(n),
            Rows::Sample { lower, upper, with_replacement, seed } => {
                let (lower, upper) = (f64::from_bits(lower), f64::from_bits(upper));
                Choice::Sample { lower, upper, with_replacement, seed }
            }
        };
        Ok(Some(Arc::new(ChooseExec::new(input, choice))))
    }
}
