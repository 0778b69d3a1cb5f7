//! `repartition`, `coalesce` and DISTRIBUTE BY.

use std::sync::Arc;

use datafusion::logical_expr::{LogicalPlan, Partitioning, Repartition};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Expr;

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;

impl Analyzer {
    pub fn repartition(&self, mut node: Node, partitions: i32, shuffle: bool) -> SparkResult<Node> {
        let n = positive(partitions)?;
        if !shuffle {
            return Ok(node);
        }
        node.over(|input| Ok(round_robin(input, n)))?;
        Ok(node)
    }

    pub fn repartition_by(
        &self,
        mut node: Node,
        exprs: &[Expr],
        partitions: Option<i32>,
        outer: Outer,
    ) -> SparkResult<Node> {
        let n = match partitions {
            Some(n) => Some(positive(n)?),
            None => None,
        };
        let env = Env::of(&node, outer).reaching(&node);
        let mut typed = self.exprs(&env, exprs)?;
        self.take_plain_subqueries(&mut node, &mut typed.iter_mut().collect::<Vec<_>>(), "RepartitionByExpression")?;
        let keys: Vec<_> = typed.into_iter().map(|e| e.expr).collect();
        let default = self.facts().conf.i64("spark.sql.shuffle.partitions").and_then(|n| usize::try_from(n).ok());
        let n = n.or(default).unwrap_or(1).min(1024);
        node.over(|input| {
            Ok(match keys.is_empty() {
                true => round_robin(input, n),
                false => {
                    LogicalPlan::Repartition(Repartition { input, partitioning_scheme: Partitioning::Hash(keys, n) })
                }
            })
        })?;
        Ok(node)
    }
}

fn round_robin(input: Arc<LogicalPlan>, n: usize) -> LogicalPlan {
    LogicalPlan::Repartition(Repartition { input, partitioning_scheme: Partitioning::RoundRobinBatch(n) })
}

fn positive(n: i32) -> SparkResult<usize> {
    usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| {
        SparkError::new("INTERNAL_ERROR").param("message", format!("number of partitions ({n}) must be positive"))
    })
}
