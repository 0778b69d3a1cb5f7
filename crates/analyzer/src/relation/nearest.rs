//! AS-OF joins and nearest-by joins: for each row on the left the nearest rows on the right.
//!
//! Left rows get a number; the join's rows are ranked by distance within each number, and those
//! that are near enough stay. Ties are broken at will, as in Spark.

use std::sync::Arc;

use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr as DfExpr, Filter, LogicalPlan, SortExpr, Window, WindowFunctionDefinition, lit};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::Expr;
use vonk_plan::relation::{AsOfJoin, JoinCondition, JoinKind, NearestByJoin};

use super::Outer;
use super::join::{after, beside};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::scope::{ColumnId, Scope, column_expr, column_name};

impl Analyzer {
    pub fn as_of_join(&self, j: &AsOfJoin, outer: Outer) -> SparkResult<Node> {
        let (left, right) = (self.relation(&j.left, outer)?, self.relation(&j.right, outer)?);
        let (left_env, right_env) = (Env::of(&left, outer), Env::of(&right, outer));
        let both = Env::new(Arc::new(beside(&left.scope, &right.scope)), outer);
        let side = |own: &Env, e: &Expr| self.expr(own, e).or_else(|_| self.expr(&both, e));
        let (l, r) = (side(&left_env, &j.left_as_of)?, side(&right_env, &j.right_as_of)?);
        let call = |name: &str, args: Vec<&TypedExpr>| {
            self.call_builtin(&both, name, args.into_iter().cloned().collect(), None)
        };
        let exact = j.allow_exact_matches;
        let (order, distance) = match j.direction.to_lowercase().as_str() {
            "backward" => (Some(if exact { ">=" } else { ">" }), call("-", vec![&l, &r])?),
            "forward" => (Some(if exact { "<=" } else { "<" }), call("-", vec![&r, &l])?),
            "nearest" => {
                let (ahead, behind) = (call("-", vec![&l, &r])?, call("-", vec![&r, &l])?);
                let distance = call("if", vec![&call(">", vec![&l, &r])?, &ahead, &behind])?;
                (if exact { None } else { Some("!=") }, distance)
            }
            other => {
                return Err(SparkError::new("AS_OF_JOIN.UNSUPPORTED_DIRECTION")
                    .param("direction", quote_sql(other))
                    .param("supported", "'backward', 'forward', 'nearest'"));
            }
        };
        let mut conditions = vec![];
        match order {
            Some("!=") => conditions.push(call("not", vec![&call("==", vec![&l, &r])?])?),
            Some(order) => conditions.push(call(order, vec![&l, &r])?),
            None => {}
        }
        if let Some(t) = &j.tolerance {
            let within = if exact { "<=" } else { "<" };
            conditions.push(call(within, vec![&distance, &self.expr(&both, t)?])?);
        }
        match &j.condition {
            JoinCondition::On(e) => conditions.push(self.boolean(self.expr(&both, e)?)?),
            JoinCondition::Using(names) => {
                for name in names {
                    let name = std::slice::from_ref(name);
                    let l = self.name(&left_env, name, None, None)?.typed();
                    let r = self.name(&right_env, name, None, None)?.typed();
                    conditions.push(call("==", vec![&l, &r])?);
                }
            }
            JoinCondition::None | JoinCondition::Natural => {}
        }
        let condition = conditions.into_iter().map(|c| c.expr).reduce(DfExpr::and);
        self.nearest(left, right, j.kind, condition, distance.expr, true, 1)
    }

    pub fn nearest_by_join(&self, j: &NearestByJoin, outer: Outer) -> SparkResult<Node> {
        let (left, right) = (self.relation(&j.left, outer)?, self.relation(&j.right, outer)?);
        let both = Env::new(Arc::new(beside(&left.scope, &right.scope)), outer);
        let ranking = self.expr(&both, &j.ranking)?;
        let near_first = !j.direction.eq_ignore_ascii_case("similarity");
        let count = i64::from(j.num_results);
        let node = self.nearest(left, right, j.kind, None, ranking.expr, near_first, count)?;
        let mut columns = node.scope.columns.clone();
        columns.iter_mut().for_each(|c| c.nullable = true);
        Ok(node.with_scope(Scope::new(columns)))
    }

    /// The first `count` rows of the right by `rank` for each row of the left.
    #[allow(clippy::too_many_arguments)]
    fn nearest(
        &self,
        mut left: Node,
        right: Node,
        kind: JoinKind,
        condition: Option<DfExpr>,
        rank: DfExpr,
        ascending: bool,
        count: i64,
    ) -> SparkResult<Node> {
        let number = self.number_rows(&mut left, vec![], vec![])?;
        let scope = after(&left.scope, &right.scope, kind);
        let plan = self.join_plan(left, right, kind, Some(condition.unwrap_or_else(|| lit(true))), false)?;
        let mut node = Node::new(plan, scope);
        let place = self.number_rows(&mut node, vec![column_expr(number)], vec![rank.sort(ascending, false)])?;
        node.over(|plan| {
            let few = column_expr(place).lt_eq(lit(u64::try_from(count).unwrap_or_default()));
            Ok(LogicalPlan::Filter(Filter::try_new(few, plan)?))
        })?;
        Ok(node)
    }

    /// Numbers rows from 1 in a column of their own.
    fn number_rows(
        &self,
        node: &mut Node,
        partition_by: Vec<DfExpr>,
        order_by: Vec<SortExpr>,
    ) -> SparkResult<ColumnId> {
        let function = WindowFunctionDefinition::WindowUDF(datafusion::functions_window::row_number::row_number_udwf());
        let mut call = WindowFunction::new(function, vec![]);
        call.params.partition_by = partition_by;
        call.params.order_by = order_by;
        let id = self.fresh();
        let expr = DfExpr::WindowFunction(Box::new(call)).alias(column_name(id));
        node.keep_all(|plan| Ok(LogicalPlan::Window(Window::try_new(vec![expr], plan)?)))?;
        Ok(id)
    }
}
