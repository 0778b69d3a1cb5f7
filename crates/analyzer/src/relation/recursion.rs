//! `WITH RECURSIVE`: an anchor, and a part that reads the rows of the round before.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spark_error;
use vonk_plan::relation::{JoinKind, SetKind, SetOperation};
use vonk_plan::types::{StructField, StructType};
use vonk_plan::{Relation, RelationKind};

use super::with::{Itself, Visible};
use super::{Outer, checks};
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::nodes::recursion::{Recursion, Working, WorkingRows};
use crate::resolver::Source;
use crate::scope::{ColumnId, Scope, ScopeColumn, column_name};

/// The rows of the round before.
pub struct WorkingTable {
    table: Working,
    /// The anchor's columns.
    schema: StructType,
    used: Rc<Cell<bool>>,
    /// They are read where they may not be.
    misplaced: Rc<Cell<bool>>,
}

impl Analyzer {
    /// Only a UNION whose last input reads the table itself is recursive; what is before it is the anchor.
    pub fn recursive(&self, visible: &Rc<Visible>, outer: Outer) -> SparkResult<Node> {
        let cte = &visible.cte;
        let Some(union) = union_of(&cte.query) else {
            return self.knowing_itself(visible, Itself::Refused, &cte.query, outer);
        };
        let (SetKind::Union, false, Some((last, before))) = (union.kind, union.by_name, union.inputs.split_last())
        else {
            return self.knowing_itself(visible, Itself::Refused, &cte.query, outer);
        };
        let first = match before {
            [one] => one.clone(),
            several => {
                let union = SetOperation { inputs: several.to_vec(), ..union.clone() };
                Relation { kind: RelationKind::SetOperation(union), ..cte.query.clone() }
            }
        };
        let mut anchor = self.knowing_itself(visible, Itself::Refused, &first, outer)?;
        let names: Vec<Arc<str>> = match cte.columns.as_slice() {
            [] => anchor.scope.columns.iter().map(|c| c.name.clone()).collect(),
            names => self.renamed(&anchor.scope, names)?.columns.iter().map(|c| c.name.clone()).collect(),
        };
        self.recursion(visible, &mut anchor, names, (last, union.all), outer)
    }

    /// `last`: the input that may read the table, and whether equal rows stay.
    fn recursion(
        &self,
        visible: &Rc<Visible>,
        anchor: &mut Node,
        names: Vec<Arc<str>>,
        last: (&Relation, bool),
        outer: Outer,
    ) -> SparkResult<Node> {
        let anchor_plan = anchor.exact(&|| self.fresh())?;
        let mut columns = anchor.scope.columns.clone();
        let fields = columns.iter().zip(&names);
        let fields = fields.map(|(c, n)| StructField::new(&**n, c.data_type.clone(), true)).collect::<Vec<_>>();
        let arrow = columns.iter().map(|c| Field::new(column_name(c.slot), to_arrow(&c.data_type), true));
        let arrow = arrow.collect::<Vec<_>>();
        let (used, misplaced) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let table = Working(Arc::new(WorkingRows::new(Arc::new(Schema::new(arrow.clone())))));
        let (used_here, misplaced_here) = (used.clone(), misplaced.clone());
        let schema = StructType::new(fields);
        let working = WorkingTable { table: table.clone(), schema, used: used_here, misplaced: misplaced_here };
        let mut part = self.knowing_itself(visible, Itself::Working(working), last.0, outer)?;
        if !used.get() {
            return self.relation(&visible.cte.query, outer);
        }
        if !last.1 {
            return Err(SparkError::new("UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE"));
        }
        fits(&part, &mut columns)?;
        if misplaced.get() {
            return Err(SparkError::new("INVALID_RECURSIVE_REFERENCE.PLACE"));
        }
        let slots: Vec<ColumnId> = columns.iter().map(|c| c.slot).collect();
        let fields = arrow.into_iter().map(|f| (None, Arc::new(f))).collect();
        let conf = &self.facts().conf;
        let recursion = Recursion {
            anchor: anchor_plan,
            part: part.exact_as(&slots)?,
            working: table,
            schema: Arc::new(DFSchema::new_with_metadata(fields, Default::default()).map_err(spark_error)?),
            level_limit: visible
                .cte
                .max_recursion
                .or_else(|| conf.i64("spark.sql.cteRecursionLevelLimit"))
                .unwrap_or(100),
            row_limit: conf.i64("spark.sql.cteRecursionRowLimit").unwrap_or(1_000_000),
        };
        for (c, name) in columns.iter_mut().zip(names) {
            c.name = name;
            c.qualifier = Arc::from([]);
        }
        Ok(Node::new(recursion.plan(), Scope::new(columns)))
    }

    /// Analyses a part of the query of a table that is what is said of it there.
    fn knowing_itself(&self, visible: &Visible, itself: Itself, part: &Relation, outer: Outer) -> SparkResult<Node> {
        let depth = self.ctes().borrow().len();
        let (cte, before) = (visible.cte.clone(), visible.before);
        let used = Cell::new(true);
        self.ctes().borrow_mut().push(Rc::new(Visible { cte, before, recursive: true, itself, used }));
        let node = self.relation(part, outer);
        self.ctes().borrow_mut().truncate(depth);
        node
    }

    /// Reads the rows of the round before.
    pub fn working_rows(&self, visible: &Visible, working: &WorkingTable) -> SparkResult<Node> {
        working.used.set(true);
        self.source(Source {
            provider: Arc::new(working.table.clone()),
            schema: working.schema.clone(),
            qualifier: vec![visible.cte.name.clone()],
            hidden: 0,
        })
    }

    /// Error: a value is computed of the rows of the round before. The engine computes values of sub-queries once for
    /// all rounds.
    pub fn no_working_rows(&self, value: &LogicalPlan) -> SparkResult<()> {
        let ctes = self.ctes().borrow();
        let working: Vec<&WorkingTable> = ctes.iter().filter_map(|v| v.itself.working()).collect();
        let told_otherwise = working.iter().any(|w| w.misplaced.get());
        match !told_otherwise && working.iter().any(|w| reads(value, &w.table)) {
            true => Err(SparkError::unsupported("a scalar sub-query over the recursion that it is in")),
            false => Ok(()),
        }
    }

    /// Notes where the rows of the round before are grouped, ordered or numbered, or may be missing in a join: an
    /// error, but types that do not fit come first.
    pub fn check_recursion(&self, r: &Relation, node: &mut Node) -> SparkResult<()> {
        let kind = match &r.kind {
            RelationKind::Join(j) => Some(j.kind),
            RelationKind::Select(_) | RelationKind::Aggregate(_) | RelationKind::Sort { .. } => None,
            _ => return Ok(()),
        };
        for working in self.ctes().borrow().iter().filter_map(|v| v.itself.working()) {
            if misplaced(node.plan()?.as_ref(), kind, &working.table) {
                working.misplaced.set(true);
            }
        }
        Ok(())
    }
}

/// The set operation that a query is. Where a WITH is around it, each input gets that WITH.
fn union_of(query: &Relation) -> Option<SetOperation> {
    match &query.kind {
        RelationKind::SetOperation(union) => Some(union.clone()),
        RelationKind::With { ctes, recursive, body } => {
            let RelationKind::SetOperation(union) = &body.kind else { return None };
            let input = |r: &Relation| {
                let kind = RelationKind::With { ctes: ctes.clone(), recursive: *recursive, body: Box::new(r.clone()) };
                Relation { kind, ..r.clone() }
            };
            Some(SetOperation { inputs: union.inputs.iter().map(input).collect(), ..union.clone() })
        }
        _ => None,
    }
}

/// The columns of the part are those of the anchor.
fn fits(part: &Node, columns: &mut [ScopeColumn]) -> SparkResult<()> {
    if part.scope.columns.len() != columns.len() {
        return Err(checks::star_in("Project"));
    }
    for (c, own) in columns.iter_mut().zip(&part.scope.columns) {
        if !c.data_type.same_type(&own.data_type) {
            return Err(SparkError::new("CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE")
                .param("left", quote_sql(c.data_type.sql()))
                .param("right", quote_sql(own.data_type.sql())));
        }
        c.nullable |= own.nullable;
    }
    Ok(())
}

/// Follows the plan to its first operator of several inputs: those below are relations of their own.
fn misplaced(plan: &LogicalPlan, kind: Option<JoinKind>, table: &Working) -> bool {
    let mut plan = plan;
    loop {
        match (plan, kind) {
            (LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Sort(_), None) => {
                return plan.inputs().into_iter().any(|input| reads(input, table));
            }
            (LogicalPlan::Join(join), Some(kind)) => {
                return match kind {
                    JoinKind::Inner | JoinKind::Cross => false,
                    JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti => reads(&join.right, table),
                    JoinKind::Right => reads(&join.left, table),
                    JoinKind::Full => reads(&join.left, table) || reads(&join.right, table),
                };
            }
            _ => {}
        }
        match plan.inputs().as_slice() {
            [input] => plan = *input,
            _ => return false,
        }
    }
}

fn reads(plan: &LogicalPlan, table: &Working) -> bool {
    let mut found = false;
    // The visitor never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
        {
            let any: &dyn std::any::Any = provider.as_ref();
            found |= any.downcast_ref::<Working>().is_some_and(|w| w == table);
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}
