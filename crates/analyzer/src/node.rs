//! An analysed relation: DataFusion's plan, and the scope over it.
//!
//! The plan may have more columns than the scope shows: what a projection leaves out stays within
//! reach of ORDER BY and filters above until something forgets it. Computed columns wait in
//! `pending` until an operator needs them, so chains of `withColumn` and `select` that do not build
//! on each other become one projection, and renaming, reordering and dropping columns none at all.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use vonk_common::SparkResult;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spark_error;
use vonk_plan::types::DataType;

use crate::nodes::hinted::Strategy;
use crate::scope::{ColumnId, Scope, column_expr, column_id, column_name};

/// Columns left out by projections that a plan keeps at most.
const MAX_LEFT_OUT: usize = 1000;

#[derive(Clone)]
pub struct Node {
    plan: Arc<LogicalPlan>,
    pending: Vec<Pending>,
    /// Slots computed since the scope was last set: not to be forgotten yet.
    unplaced: HashSet<ColumnId>,
    pub scope: Arc<Scope>,
    /// The scope of the relation below, where its columns may still be within reach.
    pub below: Option<Arc<Below>>,
    /// How a hint wants the relation to be joined.
    pub hint: Option<Strategy>,
}

/// The scopes that a relation was made from by projecting, nearest first.
pub struct Below {
    pub scope: Arc<Scope>,
    pub below: Option<Arc<Below>>,
}

#[derive(Clone)]
struct Pending {
    id: ColumnId,
    expr: Expr,
    data_type: DataType,
}

impl Node {
    /// A relation whose plan has a column `#slot` for each column of the scope.
    pub fn new(plan: LogicalPlan, scope: Scope) -> Self {
        let (plan, scope) = (Arc::new(plan), Arc::new(scope));
        Node { plan, pending: vec![], unplaced: HashSet::new(), scope, below: None, hint: None }
    }

    /// Rows that the query itself holds, and what is computed of them row by row?
    pub fn is_local(&self) -> bool {
        crate::constants::is_local(&self.plan)
    }

    /// The same rows under another scope over the same slots.
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = Arc::new(scope);
        self.unplaced.clear();
        self
    }

    /// The same, with the present scope remembered for names that the new one leaves out.
    pub fn projected(mut self, scope: Scope) -> Self {
        self.below = Some(Arc::new(Below { scope: self.scope, below: self.below }));
        self.unplaced.clear();
        self.scope = Arc::new(scope);
        self
    }

    /// Forgets what projections left out.
    pub fn sealed(mut self) -> Self {
        self.below = None;
        self
    }

    /// Is the slot anywhere in the plan, shown or not?
    pub fn has(&self, id: ColumnId) -> bool {
        self.pending.iter().any(|p| p.id == id)
            || self.plan.schema().index_of_column_by_name(None, &column_name(id)).is_some()
    }

    /// Adds computed columns. Expressions refer to columns by slot.
    pub fn compute(&mut self, exprs: Vec<(ColumnId, Expr, DataType)>) -> SparkResult<()> {
        if !self.pending.is_empty() {
            let waiting: HashSet<ColumnId> = self.pending.iter().map(|p| p.id).collect();
            if exprs.iter().any(|(_, e, _)| refers_to(e, &waiting)) {
                self.flush()?;
            }
        }
        self.unplaced.extend(exprs.iter().map(|(id, ..)| *id));
        self.pending.extend(exprs.into_iter().map(|(id, expr, data_type)| Pending { id, expr, data_type }));
        Ok(())
    }

    /// Puts the pending columns into the plan.
    fn flush(&mut self) -> SparkResult<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let schema = self.plan.schema();
        let shown: HashSet<ColumnId> = self.scope.columns.iter().chain(&self.scope.hidden).map(|c| c.slot).collect();
        let keep_hidden = self.below.is_some();
        let unplaced = &self.unplaced;
        let is_shown = |name: &str| column_id(name).is_some_and(|id| shown.contains(&id) || unplaced.contains(&id));
        let left_out = schema.fields().iter().filter(|f| !is_shown(f.name())).count();
        let mut forget = if keep_hidden { left_out.saturating_sub(MAX_LEFT_OUT) } else { left_out };
        let mut exprs = Vec::with_capacity(schema.fields().len() + self.pending.len());
        let mut fields = Vec::with_capacity(exprs.capacity());
        for field in schema.fields() {
            if column_id(field.name()).is_none() || !is_shown(field.name()) && forget > 0 {
                forget = forget.saturating_sub(1);
                continue;
            }
            exprs.push(Expr::Column(Column::new_unqualified(field.name())));
            fields.push((None, field.clone()));
        }
        for p in std::mem::take(&mut self.pending) {
            let name = column_name(p.id);
            fields.push((None, Arc::new(Field::new(&name, to_arrow(&p.data_type), true))));
            exprs.push(p.expr.alias(name));
        }
        self.plan = Arc::new(projection(exprs, fields, self.plan.clone())?);
        Ok(())
    }

    /// The plan with all columns of the scope (and maybe more) in it.
    pub fn plan(&mut self) -> SparkResult<Arc<LogicalPlan>> {
        self.flush()?;
        Ok(self.plan.clone())
    }

    /// Puts another plan over the present one. It must keep all the columns.
    pub fn over(
        &mut self,
        build: impl FnOnce(Arc<LogicalPlan>) -> datafusion::common::Result<LogicalPlan>,
    ) -> SparkResult<()> {
        self.flush()?;
        self.plan = Arc::new(build(self.plan.clone()).map_err(spark_error)?);
        Ok(())
    }

    /// Puts a plan over the present one that adds columns of its own; what was left out before
    /// stays within reach.
    pub fn keep_all(
        &mut self,
        build: impl FnOnce(Arc<LogicalPlan>) -> datafusion::common::Result<LogicalPlan>,
    ) -> SparkResult<()> {
        self.flush()?;
        let before: HashSet<ColumnId> =
            self.plan.schema().fields().iter().filter_map(|f| column_id(f.name())).collect();
        self.over(build)?;
        let now = self.plan.schema().fields().iter().filter_map(|f| column_id(f.name()));
        self.unplaced.extend(now.filter(|id| !before.contains(id)));
        Ok(())
    }

    /// The plan with exactly the scope's columns under the given slots.
    pub fn exact_as(&mut self, slots: &[ColumnId]) -> SparkResult<Arc<LogicalPlan>> {
        self.flush()?;
        let mut exprs = Vec::with_capacity(slots.len());
        let mut fields = Vec::with_capacity(slots.len());
        for (c, slot) in self.scope.columns.iter().zip(slots) {
            let name = column_name(*slot);
            fields.push((None, Arc::new(Field::new(&name, to_arrow(&c.data_type), true))));
            exprs.push(column_expr(c.slot).alias(name));
        }
        Ok(Arc::new(projection(exprs, fields, self.plan.clone())?))
    }

    /// The plan with exactly the scope's columns, in order: for operators that look at whole rows.
    /// A slot that is shown twice gets a copy; hidden columns are gone.
    pub fn exact(&mut self, fresh: &dyn Fn() -> ColumnId) -> SparkResult<Arc<LogicalPlan>> {
        let mut seen = HashSet::new();
        let repeated = self.scope.columns.iter().any(|c| !seen.insert(c.slot));
        let same = !repeated && self.pending.is_empty() && {
            let fields = self.plan.schema().fields();
            fields.len() == self.scope.columns.len()
                && fields.iter().zip(&self.scope.columns).all(|(f, c)| column_id(f.name()) == Some(c.slot))
        };
        if !same {
            self.flush()?;
            let mut seen = HashSet::new();
            let mut columns = self.scope.columns.clone();
            let mut exprs = Vec::with_capacity(columns.len());
            let mut fields = Vec::with_capacity(columns.len());
            for c in &mut columns {
                let mut expr = column_expr(c.slot);
                if !seen.insert(c.slot) {
                    c.slot = fresh();
                    expr = expr.alias(column_name(c.slot));
                }
                exprs.push(expr);
                fields.push((None, Arc::new(Field::new(column_name(c.slot), to_arrow(&c.data_type), true))));
            }
            self.plan = Arc::new(projection(exprs, fields, self.plan.clone())?);
            self.scope = Arc::new(Scope::new(columns));
            self.unplaced.clear();
        } else if !self.scope.hidden.is_empty() {
            self.scope = Arc::new(Scope::new(self.scope.columns.clone()));
        }
        self.below = None;
        Ok(self.plan.clone())
    }
}

type Fields = Vec<(Option<datafusion::common::TableReference>, Arc<Field>)>;

fn projection(exprs: Vec<Expr>, fields: Fields, input: Arc<LogicalPlan>) -> SparkResult<LogicalPlan> {
    let schema = DFSchema::new_with_metadata(fields, Default::default()).map_err(spark_error)?;
    let projection = Projection::try_new_with_schema(exprs, input, Arc::new(schema)).map_err(spark_error)?;
    Ok(LogicalPlan::Projection(projection))
}

/// The ids of all columns in the expression.
pub fn columns_of(e: &Expr, out: &mut HashSet<ColumnId>) {
    // The visitor never fails.
    let _ = e.apply(|e| {
        if let Expr::Column(c) = e {
            out.extend(column_id(&c.name));
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

fn refers_to(e: &Expr, ids: &HashSet<ColumnId>) -> bool {
    e.exists(|e| Ok(matches!(e, Expr::Column(c) if column_id(&c.name).is_some_and(|id| ids.contains(&id)))))
        .unwrap_or(true)
}
