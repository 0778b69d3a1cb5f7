//! `repartition`, `coalesce` and DISTRIBUTE BY.

use datafusion::logical_expr::SortExpr;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::expr::{ExprKind, SortOrder};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Literal};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::order::SortKey;
use crate::node::Node;
use crate::nodes::place::{How, Place};
use crate::nodes::row_id::RowId;
use crate::scope::{column_expr, column_name};
use crate::window::no_window_in;

/// Spark's number of partitions is a user's; ours is bounded.
const MOST_PARTITIONS: usize = 1024;
/// What Spark calls the operator in errors.
const OPERATOR: &str = "RepartitionByExpression";

impl Analyzer {
    pub fn repartition(&self, mut node: Node, partitions: i32, shuffle: bool) -> SparkResult<Node> {
        let n = positive(partitions)?;
        if shuffle {
            return self.in_turns(node, n, false);
        }
        self.partitioned(&mut node, How::Coalesce, vec![], n, false)?;
        Ok(node)
    }

    pub fn repartition_by(
        &self,
        mut node: Node,
        exprs: &[Expr],
        partitions: Option<i32>,
        outer: Outer,
    ) -> SparkResult<Node> {
        let default = self.facts().conf.i64("spark.sql.shuffle.partitions").and_then(|n| usize::try_from(n).ok());
        let advisory = partitions.is_none();
        let n = match partitions {
            Some(n) => positive(n)?,
            None => default.unwrap_or(1).max(1),
        };
        if exprs.is_empty() {
            return self.in_turns(node, n, advisory);
        }
        let env = Env::of(&node, outer).reaching(&node).without_functions(OPERATOR);
        if exprs.iter().any(|e| matches!(e.kind, ExprKind::Sort(_))) {
            let mut keys = vec![];
            for e in exprs {
                let order = match &e.kind {
                    ExprKind::Sort(order) => order.as_ref().clone(),
                    _ => SortOrder::asc(e.clone()),
                };
                let value = self.expr(&env, &order.child)?;
                no_window_in(OPERATOR, &value)?;
                keys.push(SortKey::new(value, &order)?);
            }
            let mut values: Vec<_> = keys.iter_mut().map(|k| &mut k.value).collect();
            self.take_plain_subqueries(&mut node, &mut values, OPERATOR)?;
            let mut sorts = vec![];
            for key in keys {
                let sort = key.sort();
                let column = self.computed(&mut node, sort.expr, key.value.data_type)?;
                sorts.push(SortExpr::new(column, sort.asc, sort.nulls_first));
            }
            self.partitioned(&mut node, How::ByRange, sorts, n, advisory)?;
            return Ok(node);
        }
        let mut keys = self.exprs(&env, exprs)?;
        keys.iter().try_for_each(|key| no_window_in(OPERATOR, key))?;
        self.take_plain_subqueries(&mut node, &mut keys.iter_mut().collect::<Vec<_>>(), OPERATOR)?;
        let number = match exprs {
            [Expr { kind: ExprKind::PartitionId(_), .. }] => keys,
            _ => vec![self.call_builtin(&env, "hash", keys, None)?],
        };
        let count = TypedExpr::literal(&Literal::Int(i32::try_from(n).unwrap_or(i32::MAX)))?;
        let number = self.call_builtin(&env, "pmod", number.into_iter().chain([count]).collect(), None)?;
        let column = self.computed(&mut node, number.expr, number.data_type)?;
        self.partitioned(&mut node, How::ByNumber, vec![SortExpr::new(column, true, true)], n, advisory)?;
        Ok(node)
    }

    fn in_turns(&self, mut node: Node, n: usize, advisory: bool) -> SparkResult<Node> {
        let id = self.fresh();
        node.keep_all(|plan| RowId::over(plan, column_name(id)))?;
        self.partitioned(&mut node, How::InTurns, vec![SortExpr::new(column_expr(id), true, true)], n, advisory)?;
        Ok(node)
    }

    /// A column of the plan with the value of the expression.
    fn computed(
        &self,
        node: &mut Node,
        value: datafusion::logical_expr::Expr,
        data_type: DataType,
    ) -> SparkResult<datafusion::logical_expr::Expr> {
        let id = self.fresh();
        node.compute(vec![(id, value, data_type)])?;
        Ok(column_expr(id))
    }

    fn partitioned(&self, node: &mut Node, how: How, keys: Vec<SortExpr>, n: usize, advisory: bool) -> SparkResult<()> {
        let partitions = n.min(MOST_PARTITIONS);
        self.keep_order(node)?;
        node.over(|input| Ok(Place { input, how, keys, partitions, advisory }.plan()))
    }
}

pub fn positive(n: i32) -> SparkResult<usize> {
    usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| {
        SparkError::new("INTERNAL_ERROR").param("message", format!("number of partitions ({n}) must be positive"))
    })
}
