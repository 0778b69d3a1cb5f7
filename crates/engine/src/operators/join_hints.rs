//! Joins as the hints BROADCAST, MERGE and SHUFFLE_HASH ask for them.
//!
//! A side that a hint names arrives as a [`HintedExec`], which hands its rows on. Once DataFusion has chosen a join
//! by sizes, the hint chooses the way of the join and the side that is held, where Spark would hold that side of a
//! join of this kind; then the operator has done its work and goes. Joins without equal keys stay as they are.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use vonk_analyzer::nodes::hinted::Strategy;

use super::one_input::one_input;

type Plan = Arc<dyn ExecutionPlan>;

/// The rows as they come, of a side that a hint names.
#[derive(Debug)]
pub struct HintedExec {
    input: Plan,
    strategy: Strategy,
    properties: Arc<PlanProperties>,
}

impl HintedExec {
    pub fn new(input: Plan, strategy: Strategy) -> Self {
        let properties = Arc::clone(input.properties());
        HintedExec { input, strategy, properties }
    }
}

impl DisplayAs for HintedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HintedExec: {:?}", self.strategy)
    }
}

impl ExecutionPlan for HintedExec {
    one_input!("HintedExec", |this, input| Ok(HintedExec::new(input, this.strategy)));

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }
}

/// The hint for this side of a join, if there is one.
pub fn hint(side: &Plan) -> Option<Strategy> {
    let any: &dyn Any = side.as_ref();
    if let Some(hinted) = any.downcast_ref::<HintedExec>() {
        return Some(hinted.strategy);
    }
    match (any.is::<ProjectionExec>() || any.is::<FilterExec>(), side.children().as_slice()) {
        (true, [input]) => hint(input),
        _ => None,
    }
}

/// The plan with its joins as the hints want them. The hints are still there.
pub fn chosen(plan: Plan) -> Result<Plan> {
    plan.transform_up(|node| {
        let any: &dyn Any = node.as_ref();
        Ok(match any.downcast_ref::<HashJoinExec>().map(as_hinted).transpose()?.flatten() {
            Some(join) => Transformed::yes(join),
            None => Transformed::no(node),
        })
    })
    .data()
}

/// The plan without hints.
pub fn forgotten(plan: Plan) -> Result<Plan> {
    plan.transform_up(|node| {
        let any: &dyn Any = node.as_ref();
        Ok(match any.downcast_ref::<HintedExec>() {
            Some(hinted) => Transformed::yes(Arc::clone(&hinted.input)),
            None => Transformed::no(node),
        })
    })
    .data()
}

fn as_hinted(join: &HashJoinExec) -> Result<Option<Plan>> {
    let (left, right) = (hint(join.left()), hint(join.right()));
    // DataFusion has one way only for NOT IN; and joins show some of their columns only once this is over.
    let free = !join.null_aware && join.projection.is_none();
    let (true, Some(strategy)) = (free, left.into_iter().chain(right).min()) else { return Ok(None) };
    let mode = match strategy {
        Strategy::Merge => return merge_join(join).map(Some),
        Strategy::Broadcast => PartitionMode::CollectLeft,
        Strategy::ShuffleHash => PartitionMode::Partitioned,
    };
    let (holds_left, holds_right) = holds(*join.join_type(), strategy);
    if left == Some(strategy) && holds_left {
        return Ok(Some(Arc::new(join.builder().with_partition_mode(mode).build()?)));
    }
    match right == Some(strategy) && holds_right {
        true => join.swap_inputs(mode).map(Some),
        false => Ok(None),
    }
}

/// Which sides Spark holds in a join of this type: `canBuildBroadcastLeft` and its kin.
fn holds(join_type: JoinType, strategy: Strategy) -> (bool, bool) {
    use JoinType as J;
    match (join_type, strategy) {
        (J::Inner, _) => (true, true),
        (J::Left | J::Right | J::Full, Strategy::ShuffleHash) => (true, true),
        (J::Left | J::LeftSemi | J::LeftAnti | J::LeftMark, _) => (false, true),
        (J::Right | J::RightSemi | J::RightAnti | J::RightMark, _) => (true, false),
        (J::Full, _) => (false, false),
    }
}

fn merge_join(join: &HashJoinExec) -> Result<Plan> {
    let on = join.on().to_vec();
    let order = vec![SortOptions::default(); on.len()];
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    let (filter, kind) = (join.filter().cloned(), *join.join_type());
    Ok(Arc::new(SortMergeJoinExec::try_new(left, right, on, filter, kind, order, join.null_equality())?))
}
