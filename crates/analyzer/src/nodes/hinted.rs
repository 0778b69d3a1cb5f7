//! `Hinted`: a side of a join that a hint names, with how it is to be joined.
//!
//! Rows and columns are those of the input, and the optimizer's rules look through it. The physical planner lets
//! it choose the join above it (`engine/src/operators/join_hints.rs`).

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::logical_expr::{Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::one_input::one_input;

/// How a side is to be joined. Of the hints of two sides the first of these wins, as in Spark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strategy {
    /// Held as a whole for all partitions of the other side.
    Broadcast,
    /// Both sides are sorted.
    Merge,
    /// Held in parts, each for one partition of the other side.
    ShuffleHash,
}

impl Strategy {
    /// The strategy of a hint, by Spark's names for it.
    pub fn of(hint: &str) -> Option<Self> {
        Some(match hint.to_uppercase().as_str() {
            "BROADCAST" | "BROADCASTJOIN" | "MAPJOIN" => Strategy::Broadcast,
            "MERGE" | "SHUFFLE_MERGE" | "MERGEJOIN" => Strategy::Merge,
            "SHUFFLE_HASH" => Strategy::ShuffleHash,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hinted {
    input: Arc<LogicalPlan>,
    pub strategy: Strategy,
}

impl Hinted {
    pub fn over(input: Arc<LogicalPlan>, strategy: Strategy) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Hinted { input, strategy }) })
    }
}

impl PartialOrd for Hinted {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Hinted {
    one_input!("Hinted", |this, input| Hinted { input, strategy: this.strategy });

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Hinted: {:?}", self.strategy)
    }
}
