//! ORDER BY, SORT BY and ORDER BY ALL.

use vonk_common::SparkResult;
use vonk_plan::expr::SortOrder;
use vonk_plan::{Relation, RelationKind};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::order::SortKey;
use crate::node::Node;

impl Analyzer {
    /// The keys may name what the SELECT below leaves out, and hold aggregates of its groups.
    pub fn sort(&self, input: &Relation, order: &[SortOrder], _global: bool, outer: Outer) -> SparkResult<Node> {
        if self.resolver().cached(input).is_some() {
            return self.sort_node(self.relation(input, outer)?, order, outer);
        }
        let node = match &input.kind {
            RelationKind::Select(s) => self.select(s, order, outer),
            RelationKind::Aggregate(a) if has_call(order) => self.aggregate(a, order, outer),
            _ => return self.sort_node(self.relation(input, outer)?, order, outer),
        };
        let node = node.map_err(|e| e.at(input.origin.clone()))?;
        if let Some(id) = input.plan_id {
            self.register(id, &node.scope);
        }
        Ok(node)
    }

    pub fn sort_node(&self, mut node: Node, order: &[SortOrder], outer: Outer) -> SparkResult<Node> {
        let env = Env::of(&node, outer).reaching(&node).ordering(&node.scope.columns);
        let mut keys = vec![];
        for o in order {
            keys.push(self.sort_key(&env, &node.scope.columns, o)?);
        }
        let mut late: Vec<_> = keys.iter_mut().map(|k| &mut k.value).collect();
        self.take_plain_subqueries(&mut node, &mut late, "Sort")?;
        self.take_row_ids(&mut node, &mut late)?;
        self.put_sort(&mut node, &keys)?;
        Ok(node)
    }

    pub fn sort_all(&self, input: &Relation, ascending: bool, nulls_first: bool, outer: Outer) -> SparkResult<Node> {
        let mut node = self.relation(input, outer)?;
        let keys = node.scope.columns.iter().map(|c| SortKey { value: c.typed(), ascending, nulls_first });
        let keys: Vec<_> = keys.collect();
        self.put_sort(&mut node, &keys)?;
        Ok(node)
    }
}

/// Does the order hold calls (maybe of aggregates)?
fn has_call(order: &[SortOrder]) -> bool {
    order.iter().any(|o| matches!(o.child.kind, vonk_plan::ExprKind::Function(_)))
}
