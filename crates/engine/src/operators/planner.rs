//! DataFusion's physical planner with our logical nodes added.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, UserDefinedLogicalNode};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use vonk_analyzer::nodes::alone::Alone;
use vonk_analyzer::nodes::choose::{Choose, Rows};
use vonk_analyzer::nodes::generate::Generate;
use vonk_analyzer::nodes::hinted::Hinted;
use vonk_analyzer::nodes::place::{How, Place};
use vonk_analyzer::nodes::python::Python;
use vonk_analyzer::nodes::recursion::Recursion;
use vonk_analyzer::nodes::row_id::RowId;

use super::cuts::{cut, cut_sorted};
use super::failing_constants::no_failing_constants_in;
use super::generate::GenerateExec;
use super::hash_order::{Order, OrderExec};
use super::join_hints::HintedExec;
use super::place::{Key, PlaceExec, Placing, SMALL_ROWS, is_small};
use super::recursion::RecursionExec;
use super::row_id::{RowIdExec, numbered};
use super::rows::{Choice, ChooseExec};
use super::shared::{Shared, SharedExec};
use crate::reuse::reuse;
use crate::state::is_large;

#[derive(Debug)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        no_failing_constants_in(plan)?;
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
        if let (Some(node), [anchor, part]) = (any.downcast_ref::<Recursion>(), inputs) {
            return Ok(Some(Arc::new(RecursionExec::new(node, Arc::clone(anchor), Arc::clone(part)))));
        }
        if let Some(hinted) = any.downcast_ref::<Hinted>() {
            return Ok(Some(Arc::new(HintedExec::new(input, hinted.strategy))));
        }
        if let Some(node) = any.downcast_ref::<RowId>() {
            return numbered(input, node.column.clone()).map(Some);
        }
        if let Some(node) = any.downcast_ref::<Place>() {
            return place(node, input, session.config().target_partitions()).map(Some);
        }
        let Some(choose) = any.downcast_ref::<Choose>() else {
            return Err(DataFusionError::NotImplemented(format!("the node {}", node.name())));
        };
        let input = match choose.rows {
            Rows::Last(_) => input,
            Rows::Sample { sorted: true, .. } => cut_sorted(input)?,
            Rows::Sample { .. } => cut(input)?,
        };
        let choice = match choose.rows {
            Rows::Last(n) => Choice::Tail(n),
            Rows::Sample { lower, upper, with_replacement, seed, sorted } => {
                let (lower, upper) = (f64::from_bits(lower), f64::from_bits(upper));
                Choice::Sample { lower, upper, with_replacement, seed, sorted }
            }
        };
        Ok(Some(Arc::new(ChooseExec::new(input, choice))))
    }
}

fn place(node: &Place, input: Arc<dyn ExecutionPlan>, parallelism: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let key = |k: &SortExpr| match &k.expr {
        Expr::Column(c) => {
            let column = schema.index_of(&c.name)?;
            Ok(Key { column, descending: !k.asc, nulls_first: k.nulls_first })
        }
        other => Err(DataFusionError::Internal(format!("a key that is no column: {other}"))),
    };
    let keys: Vec<Key> = node.keys.iter().map(key).collect::<Result<_>>()?;
    let input = match node.how {
        How::Coalesce => cut(input)?,
        // The rows are numbered by the partitions that they are in, not as one that is at hand.
        How::InTurns => match (input.as_ref() as &dyn Any).downcast_ref::<RowIdExec>() {
            Some(ids) => Arc::new(RowIdExec::new(cut(Arc::clone(&ids.input))?, ids.column.clone())),
            None => input,
        },
        How::ByNumber | How::ByRange => input,
    };
    if let ([key], true, How::ByNumber) = (keys.as_slice(), node.advisory && is_small(&input, SMALL_ROWS), node.how) {
        return Ok(Arc::new(OrderExec::new(cut(input)?, Order::Number { column: key.column })));
    }
    // Spark puts small partitions together where their number is its own choice.
    let shown = match node.advisory {
        true if is_small(&input, SMALL_ROWS) => 1,
        true => node.partitions.min(parallelism),
        false => node.partitions,
    };
    let placing = Placing { how: node.how, keys, partitions: node.partitions, shown };
    Ok(Arc::new(PlaceExec::new(input, placing)?))
}
