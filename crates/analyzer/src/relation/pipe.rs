//! `|>` operators that no other node says: EXTEND, SET, DROP, AGGREGATE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::PipeOperator;
use vonk_plan::{Expr, ExprKind, Literal, Relation};

use super::Outer;
use super::checks::{is_star, star_in};
use super::project::Item;
use super::select::{Clauses, has_aggregate};
use crate::aggregate::{Keys, calls_grouping};
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::call::contains_window;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, same_name};

const UNSUPPORTED: &str = "UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE";

impl Analyzer {
    pub fn pipe(&self, input: &Relation, operator: &PipeOperator, outer: Outer) -> SparkResult<Node> {
        let node = self.relation(input, outer)?.sealed();
        match operator {
            PipeOperator::Output => Ok(node),
            PipeOperator::Extend(exprs) => {
                no_star(exprs, "expression `pipeexpression`")?;
                let all: Vec<Expr> = std::iter::once(Expr::star()).chain(exprs.iter().cloned()).collect();
                let items = self.items(Env::of(&node, outer), &all)?;
                no_aggregate(&items, "EXTEND")?;
                self.place(node, items)
            }
            PipeOperator::Set(pairs) => pairs.iter().try_fold(node, |node, (name, e)| self.set(node, name, e, outer)),
            PipeOperator::Drop(names) => {
                let star = ExprKind::Star { target: None, plan_id: None, except: names.clone() };
                self.project(node, &[Expr::new(star)], outer)
            }
            PipeOperator::Aggregate { aggregates, grouping } => self.pipe_aggregate(node, aggregates, grouping, outer),
        }
    }

    fn set(&self, node: Node, name: &str, e: &Expr, outer: Outer) -> SparkResult<Node> {
        let (env, name) = (Env::of(&node, outer), [name.to_string()]);
        let case = self.case_sensitive();
        if !node.scope.columns.iter().any(|c| name.iter().any(|name| same_name(&c.name, name, case))) {
            return Err(self.unresolved_column(&node.scope, &name, e.origin.as_ref()));
        }
        self.name(&env, &name, None, e.origin.as_ref())?;
        no_aggregate(&self.items(env, std::slice::from_ref(e))?, "SET")?;
        self.with_columns(node, &[e.clone().alias(name.concat())], outer)
    }

    fn pipe_aggregate(&self, node: Node, aggregates: &[Expr], grouping: &[Expr], outer: Outer) -> SparkResult<Node> {
        no_star(aggregates, "expression `pipeexpression`")?;
        no_star(grouping, "Aggregate")?;
        let env = Env::of(&node, outer);
        let mut items = vec![];
        for key in grouping {
            match self.positioned(&node.scope, key)? {
                Some(column) => items.push(Item::Column(column)),
                None => items.extend(self.items(env.clone(), std::slice::from_ref(key))?),
            }
        }
        let mut keys = Keys::default();
        for key in items.iter().filter_map(Item::typed) {
            keys.add(key);
        }
        let own = self.items(env.clone(), aggregates)?;
        for value in own.iter().filter_map(Item::typed) {
            if contains_window(&value.expr) {
                let case = "window functions; please update the query to move the window functions to a subsequent \
                            |> SELECT operator instead";
                return Err(SparkError::new(UNSUPPORTED).param("case", case));
            }
            if calls_grouping(&value) {
                return Err(SparkError::new(UNSUPPORTED).param("case", "GROUPING"));
            }
        }
        if let Some(bad) = own.iter().find(|i| !has_aggregate(i)).and_then(Item::typed) {
            return Err(SparkError::new("PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION")
                .param("expr", bad.sql.to_string()));
        }
        items.extend(own);
        self.finish(node, &env, Some(keys), items, Clauses::default())
    }

    /// The column of the input that a key names by its position, under the key's name.
    fn positioned(&self, scope: &Scope, key: &Expr) -> SparkResult<Option<ScopeColumn>> {
        let (value, name) = match &key.kind {
            ExprKind::Alias { child, names, .. } => (&**child, names.first()),
            _ => (key, None),
        };
        let ExprKind::Literal(Literal::Int(position)) = &value.kind else { return Ok(None) };
        if !self.facts().conf.bool("spark.sql.groupByOrdinal") {
            return Ok(None);
        }
        let column = usize::try_from(*position).ok().and_then(|p| scope.columns.get(p.checked_sub(1)?));
        let Some(column) = column else {
            return Err(SparkError::new("GROUP_BY_POS_OUT_OF_RANGE")
                .param("index", position)
                .param("size", scope.columns.len())
                .at(value.origin.clone()));
        };
        let mut column = column.clone();
        if let Some(name) = name {
            column.name = name.as_str().into();
        }
        Ok(Some(column))
    }
}

fn no_star(exprs: &[Expr], place: &str) -> SparkResult<()> {
    match exprs.iter().find(|e| is_star(e)) {
        Some(star) => Err(star_in(place).at(star.origin.clone())),
        None => Ok(()),
    }
}

fn no_aggregate(items: &[Item], clause: &str) -> SparkResult<()> {
    match items.iter().find(|i| has_aggregate(i)).and_then(Item::typed) {
        Some(bad) => Err(SparkError::new("PIPE_OPERATOR_CONTAINS_AGGREGATE_FUNCTION")
            .param("expr", bad.sql.to_string())
            .param("clause", clause)),
        None => Ok(()),
    }
}
