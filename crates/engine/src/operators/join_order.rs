//! The order of inner joins.
//!
//! DataFusion joins tables in the order of the query's text, and chooses only which side of a join is held
//! in memory. Here a tree of inner joins is taken apart into its inputs, equalities and other conditions.
//! Where all inputs are known well enough, and another order makes clearly fewer rows on the way, it is put
//! together anew. Queries over little data stay as they are: the order of rows that nobody asked an order
//! of is then that of the text, as in Spark.

pub mod order;

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ColumnStatistics, DataFusionError, JoinSide, JoinType, NullEquality, Result, ScalarValue};
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::{self, BinaryExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use self::order::{Input, Problem, Tree};

/// Trees of more inputs stay as they are.
const MOST_INPUTS: usize = 48;
/// Trees that make fewer rows on the way stay as they are.
const FEWEST_ROWS: f64 = 100_000.0;
/// Another order is taken where it makes at most this part of the rows.
const CLEARLY_LESS: f64 = 0.7;

/// A column of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Column {
    pub input: usize,
    pub at: usize,
}

/// Two columns that are equal in all rows of the result.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub left: Column,
    pub right: Column,
    /// The group of columns that are all equal to each other; `None` where two of them are of one input,
    /// so that no equality of the group can do for another.
    pub group: Option<usize>,
}

/// The pairs of columns, one of each set of inputs, that make the rows of the two sets match.
pub fn keys(edges: &[Edge], first: &[usize], second: &[usize]) -> Vec<(Column, Column)> {
    let (mut out, mut groups) = (vec![], vec![]);
    for edge in edges {
        let (l, r) = (edge.left, edge.right);
        let pair = if first.contains(&l.input) && second.contains(&r.input) {
            (l, r)
        } else if first.contains(&r.input) && second.contains(&l.input) {
            (r, l)
        } else {
            continue;
        };
        if edge.group.is_none_or(|g| !groups.contains(&g)) {
            groups.extend(edge.group);
            out.push(pair);
        }
    }
    out
}

/// A condition over columns of several inputs: its expression, which counts them by their place here.
#[derive(Debug, Clone)]
struct Condition {
    expr: PhysicalExprRef,
    columns: Vec<Column>,
}

/// A tree of inner joins, taken apart.
#[derive(Default)]
struct Joins {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    edges: Vec<Edge>,
    conditions: Vec<Condition>,
    mode: Option<PartitionMode>,
}

/// The rule.
#[derive(Debug)]
pub struct JoinOrder;

impl PhysicalOptimizerRule for JoinOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        reordered(plan)
    }

    fn name(&self) -> &str {
        "join_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn reordered(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = match is_inner_join(&plan) {
        true => match rebuilt(&plan)? {
            Some(plan) => return Ok(plan),
            None => plan,
        },
        false => plan,
    };
    Ok(plan.map_children(|child| Ok(Transformed::yes(reordered(child)?)))?.data)
}

/// The joins in a better order over inputs that are done. `None` where they stay.
fn rebuilt(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut joins = Joins::default();
    let (written, output) = joins.take_apart(plan)?;
    if joins.inputs.len() < 3 || joins.inputs.len() > MOST_INPUTS {
        return Ok(None);
    }
    let mut inputs = vec![];
    for input in &joins.inputs {
        let Some(known) = known(input.as_ref()) else { return Ok(None) };
        inputs.push(known);
    }
    joins.imply();
    let about: Vec<Vec<usize>> = joins.conditions.iter().map(|c| c.columns.iter().map(|c| c.input).collect()).collect();
    let problem = Problem { inputs: &inputs, edges: &joins.edges, conditions: &about };
    let before = problem.cost(&written);
    if before < FEWEST_ROWS {
        return Ok(None);
    }
    let Some((tree, cost)) = problem.solve().filter(|(_, cost)| *cost < before * CLEARLY_LESS) else {
        return Ok(None);
    };
    log::debug!("joins of {} inputs: {before:.0} rows in the order of the text, {cost:.0} in another", inputs.len());
    joins.inputs = joins.inputs.into_iter().map(reordered).collect::<Result<_>>()?;
    let rows: Vec<f64> = inputs.iter().map(|i| i.rows).collect();
    let mut building = Building { joins: &joins, rows, output: &output, done: vec![false; joins.conditions.len()] };
    let part = building.build(&tree)?;
    let schema = plan.schema();
    let mut exprs: Vec<(PhysicalExprRef, String)> = vec![];
    for (column, field) in output.iter().zip(schema.fields()) {
        exprs.push((part.column(*column)?, field.name().clone()));
    }
    Ok(Some(Arc::new(ProjectionExec::try_new(exprs, part.plan)?)))
}

fn is_inner_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = plan.as_ref();
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        return *join.join_type() == JoinType::Inner
            && !join.null_aware
            && join.null_equality() == NullEquality::NullEqualsNothing
            && join.on().iter().all(|(l, r)| place(l).is_some() && place(r).is_some());
    }
    any.is::<CrossJoinExec>()
}

/// Is it a join, perhaps with its columns chosen and its rows filtered?
fn is_part(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any: &dyn Any = plan.as_ref();
    if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
        return projection.expr().iter().all(|e| place(&e.expr).is_some()) && is_part(projection.input());
    }
    if let Some(filter) = any.downcast_ref::<FilterExec>() {
        return filter.fetch().is_none() && is_part(filter.input());
    }
    is_inner_join(plan)
}

/// The number of a plain column.
fn place(e: &PhysicalExprRef) -> Option<usize> {
    let any: &dyn Any = e.as_ref();
    any.downcast_ref::<expressions::Column>().map(expressions::Column::index)
}

fn lost() -> DataFusionError {
    DataFusionError::Internal("a column of a join is lost".into())
}

fn chosen(columns: Vec<Column>, projection: Option<&[usize]>) -> Result<Vec<Column>> {
    match projection {
        Some(places) => places.iter().map(|i| columns.get(*i).copied().ok_or_else(lost)).collect(),
        None => Ok(columns),
    }
}

impl Joins {
    /// The order as it is, and the columns of the result.
    fn take_apart(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<(Tree, Vec<Column>)> {
        let any: &dyn Any = plan.as_ref();
        if !is_part(plan) {
            let input = self.inputs.len();
            self.inputs.push(Arc::clone(plan));
            let columns = (0..plan.schema().fields().len()).map(|at| Column { input, at });
            return Ok((Tree::Input(input), columns.collect()));
        }
        if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
            let (tree, columns) = self.take_apart(projection.input())?;
            let places: Vec<usize> = projection.expr().iter().filter_map(|e| place(&e.expr)).collect();
            return Ok((tree, chosen(columns, Some(&places))?));
        }
        if let Some(filter) = any.downcast_ref::<FilterExec>() {
            let (tree, columns) = self.take_apart(filter.input())?;
            self.condition(filter.predicate(), &columns)?;
            return Ok((tree, chosen(columns, filter.projection().as_deref())?));
        }
        if let Some(cross) = any.downcast_ref::<CrossJoinExec>() {
            let (left, mut columns) = self.take_apart(cross.left())?;
            let (right, others) = self.take_apart(cross.right())?;
            columns.extend(others);
            return Ok((Tree::Join(Box::new(left), Box::new(right)), columns));
        }
        let join = any.downcast_ref::<HashJoinExec>().ok_or_else(lost)?;
        self.mode.get_or_insert(*join.partition_mode());
        let (left, mut columns) = self.take_apart(join.left())?;
        let (right, others) = self.take_apart(join.right())?;
        for (l, r) in join.on() {
            let find = |e, all: &[Column]| place(e).and_then(|i| all.get(i)).copied().ok_or_else(lost);
            self.edges.push(Edge { left: find(l, &columns)?, right: find(r, &others)?, group: None });
        }
        if let Some(filter) = join.filter() {
            let sides = filter.column_indices().iter().map(|c| match c.side {
                JoinSide::Left => columns.get(c.index).copied(),
                JoinSide::Right => others.get(c.index).copied(),
                JoinSide::None => None,
            });
            let sides: Vec<Column> = sides.collect::<Option<_>>().ok_or_else(lost)?;
            self.condition(filter.expression(), &sides)?;
        }
        columns.extend(others);
        Ok((Tree::Join(Box::new(left), Box::new(right)), chosen(columns, join.projection.as_deref())?))
    }

    /// Adds each part of a conjunction by itself.
    fn condition(&mut self, expr: &PhysicalExprRef, columns: &[Column]) -> Result<()> {
        for part in datafusion::physical_expr::split_conjunction(expr) {
            let mut used: Vec<Column> = vec![];
            let expr = renumbered(part, |i| {
                let column = columns.get(i).copied().ok_or_else(lost)?;
                Ok(used.iter().position(|c| *c == column).unwrap_or_else(|| {
                    used.push(column);
                    used.len() - 1
                }))
            })?;
            self.conditions.push(Condition { expr, columns: used });
        }
        Ok(())
    }

    /// Adds equalities that follow: of two columns that are equal to a third.
    fn imply(&mut self) {
        let mut groups: Vec<Vec<Column>> = vec![];
        for edge in &self.edges {
            let (with, mut rest): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|g| g.contains(&edge.left) || g.contains(&edge.right));
            let mut group: Vec<Column> = with.into_iter().flatten().collect();
            for column in [edge.left, edge.right] {
                if !group.contains(&column) {
                    group.push(column);
                }
            }
            rest.push(group);
            groups = rest;
        }
        for (number, group) in groups.iter().enumerate() {
            let alone = |c: &Column| group.iter().filter(|o| o.input == c.input).count() == 1;
            if !group.iter().all(alone) {
                continue;
            }
            let inside = |e: &&mut Edge| group.contains(&e.left);
            self.edges.iter_mut().filter(inside).for_each(|e| e.group = Some(number));
            for (i, left) in group.iter().enumerate() {
                for right in group.iter().skip(i + 1) {
                    let known = |e: &Edge| [(e.left, e.right), (e.right, e.left)].contains(&(*left, *right));
                    if !self.edges.iter().any(known) {
                        self.edges.push(Edge { left: *left, right: *right, group: Some(number) });
                    }
                }
            }
        }
    }
}

/// The expression with other numbers for its columns.
fn renumbered(expr: &PhysicalExprRef, mut number: impl FnMut(usize) -> Result<usize>) -> Result<PhysicalExprRef> {
    let out = Arc::clone(expr).transform_up(|e| {
        let any: &dyn Any = e.as_ref();
        Ok(match any.downcast_ref::<expressions::Column>() {
            Some(c) => {
                let column = expressions::Column::new(c.name(), number(c.index())?);
                Transformed::yes(Arc::new(column) as PhysicalExprRef)
            }
            None => Transformed::no(e),
        })
    });
    Ok(out?.data)
}

/// Rows and distinct values of an input, if they are known.
fn known(plan: &dyn ExecutionPlan) -> Option<Input> {
    let statistics = StatisticsContext::new().compute(plan, &StatisticsArgs::new()).ok()?;
    let rows = (*statistics.num_rows.get_value()? as f64).max(1.0);
    let distinct = statistics.column_statistics.iter().map(|c| distinct(c).unwrap_or(rows).min(rows).max(1.0));
    Some(Input { rows, distinct: distinct.collect() })
}

fn distinct(column: &ColumnStatistics) -> Option<f64> {
    if let Some(count) = column.distinct_count.get_value() {
        return Some(*count as f64);
    }
    let number = |p: &Precision<ScalarValue>| match p.get_value()? {
        ScalarValue::Int8(v) => v.map(f64::from),
        ScalarValue::Int16(v) => v.map(f64::from),
        ScalarValue::Int32(v) | ScalarValue::Date32(v) => v.map(f64::from),
        ScalarValue::Int64(v) => v.map(|v| v as f64),
        _ => None,
    };
    Some(number(&column.max_value)? - number(&column.min_value)? + 1.0)
}

/// Puts the joins together.
struct Building<'a> {
    joins: &'a Joins,
    rows: Vec<f64>,
    output: &'a [Column],
    /// Conditions that were applied.
    done: Vec<bool>,
}

/// A plan, and what its columns are.
struct Part {
    plan: Arc<dyn ExecutionPlan>,
    columns: Vec<Column>,
    members: Vec<usize>,
    /// The largest input in it: the larger side of a join is streamed.
    largest: f64,
}

impl Part {
    fn column(&self, column: Column) -> Result<PhysicalExprRef> {
        let at = self.columns.iter().position(|c| *c == column).ok_or_else(lost)?;
        Ok(Arc::new(expressions::Column::new(self.plan.schema().field(at).name(), at)))
    }
}

impl Building<'_> {
    fn build(&mut self, tree: &Tree) -> Result<Part> {
        let part = match tree {
            Tree::Input(i) => {
                let plan = self.joins.inputs.get(*i).cloned().ok_or_else(lost)?;
                let columns = (0..plan.schema().fields().len()).map(|at| Column { input: *i, at }).collect();
                let largest = self.rows.get(*i).copied().unwrap_or_default();
                Part { plan, columns, members: vec![*i], largest }
            }
            Tree::Join(left, right) => {
                let (left, right) = (self.build(left)?, self.build(right)?);
                match left.largest <= right.largest {
                    true => self.join(left, right)?,
                    false => self.join(right, left)?,
                }
            }
        };
        self.filtered(part)
    }

    fn join(&self, left: Part, right: Part) -> Result<Part> {
        let mut on: Vec<(PhysicalExprRef, PhysicalExprRef)> = vec![];
        for (l, r) in keys(&self.joins.edges, &left.members, &right.members) {
            on.push((left.column(l)?, right.column(r)?));
        }
        let members: Vec<usize> = left.members.iter().chain(&right.members).copied().collect();
        let columns: Vec<Column> = left.columns.iter().chain(&right.columns).copied().collect();
        let largest = left.largest.max(right.largest);
        if on.is_empty() {
            let plan = Arc::new(CrossJoinExec::new(left.plan, right.plan));
            return Ok(Part { plan, columns, members, largest });
        }
        let mut kept: Vec<usize> =
            (0..columns.len()).filter(|i| columns.get(*i).is_some_and(|c| self.needed(*c, &members))).collect();
        if kept.is_empty() {
            kept.push(0);
        }
        let mode = self.joins.mode.unwrap_or(PartitionMode::Auto);
        let nulls = NullEquality::NullEqualsNothing;
        let columns = chosen(columns, Some(&kept))?;
        let join =
            HashJoinExec::try_new(left.plan, right.plan, on, None, &JoinType::Inner, Some(kept), mode, nulls, false)?;
        Ok(Part { plan: Arc::new(join), columns, members, largest })
    }

    /// Is the column asked for above the join of these inputs?
    fn needed(&self, column: Column, members: &[usize]) -> bool {
        let by_edge = |e: &Edge| {
            e.left == column && !members.contains(&e.right.input)
                || e.right == column && !members.contains(&e.left.input)
        };
        let by_condition = |(c, done): (&Condition, &bool)| !done && c.columns.contains(&column);
        self.output.contains(&column)
            || self.joins.edges.iter().any(by_edge)
            || self.joins.conditions.iter().zip(&self.done).any(by_condition)
    }

    /// The part with the conditions that have become possible.
    fn filtered(&mut self, part: Part) -> Result<Part> {
        let mut all: Option<PhysicalExprRef> = None;
        for (condition, done) in self.joins.conditions.iter().zip(&mut self.done) {
            let inside = condition.columns.iter().all(|c| part.members.contains(&c.input));
            if *done || !inside {
                continue;
            }
            *done = true;
            let expr = renumbered(&condition.expr, |i| {
                let column = condition.columns.get(i).ok_or_else(lost)?;
                part.columns.iter().position(|c| c == column).ok_or_else(lost)
            })?;
            all = Some(match all {
                Some(before) => Arc::new(BinaryExpr::new(before, datafusion::logical_expr::Operator::And, expr)),
                None => expr,
            });
        }
        Ok(match all {
            Some(predicate) => Part { plan: Arc::new(FilterExec::try_new(predicate, part.plan)?), ..part },
            None => part,
        })
    }
}
