//! UNION, INTERSECT and EXCEPT, by position or by name, and the casts they need.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, JoinConstraint, JoinType, NullEquality};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr as DfExpr, Join, LogicalPlan, Union, Values, Window, WindowFunctionDefinition};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::cast;
use vonk_expr::coercion::common_type;
use vonk_expr::extract::reshape;
use vonk_expr::signature::ordinal;
use vonk_expr::spark_error;
use vonk_plan::relation::{SetKind, SetOperation};
use vonk_plan::types::{DataType, StructField};

use super::Outer;
use super::deduplicate::{distinct_rows, not_among_fields};
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn, column_expr, column_name, fold};

impl Analyzer {
    pub fn set_operation(&self, s: &SetOperation, outer: Outer) -> SparkResult<Node> {
        let mut inputs = vec![];
        for r in &s.inputs {
            inputs.push(self.relation(r, outer)?.sealed());
        }
        if s.by_name {
            self.align_by_name(&mut inputs, s.allow_missing_columns)?;
        }
        let operator = match (s.kind, s.all) {
            (SetKind::Union, _) => "UNION",
            (SetKind::Intersect, false) => "INTERSECT",
            (SetKind::Intersect, true) => "INTERSECT ALL",
            (SetKind::Except, false) => "EXCEPT",
            (SetKind::Except, true) => "EXCEPT ALL",
        };
        self.common_columns(&mut inputs, operator, s.kind != SetKind::Union)?;
        if (s.kind != SetKind::Union || !s.all)
            && let Some(first) = inputs.first()
        {
            self.check_comparable(&first.scope.columns)?;
        }
        match s.kind {
            SetKind::Union => {
                let node = self.union(inputs)?;
                if s.all { Ok(node) } else { self.distinct(node) }
            }
            SetKind::Intersect | SetKind::Except => {
                let join = if s.kind == SetKind::Intersect { JoinType::LeftSemi } else { JoinType::LeftAnti };
                let mut inputs = inputs.into_iter();
                let first = inputs.next().ok_or_else(|| SparkError::internal("a set operation of nothing"))?;
                inputs.try_fold(first, |left, right| self.match_rows(left, right, join, s.all))
            }
        }
    }

    /// Sets cannot tell equal maps and variants from different ones.
    pub fn check_comparable(&self, columns: &[ScopeColumn]) -> SparkResult<()> {
        for c in columns {
            let class = if has_type(&c.data_type, &|t| matches!(t, DataType::Map(..))) {
                "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE"
            } else if has_type(&c.data_type, &|t| matches!(t, DataType::Variant)) {
                "UNSUPPORTED_FEATURE.SET_OPERATION_ON_VARIANT_TYPE"
            } else {
                continue;
            };
            return Err(SparkError::new(class)
                .param("colName", quote_id([&*c.name]))
                .param("dataType", quote_sql(c.data_type.sql())));
        }
        Ok(())
    }

    /// All rows of all inputs, which have the same types.
    pub fn union(&self, mut inputs: Vec<Node>) -> SparkResult<Node> {
        let mut plans = vec![];
        // All inputs use the first one's slots: DataFusion takes a union's names from it.
        let mut slots = vec![];
        for (i, node) in inputs.iter_mut().enumerate() {
            self.keep_order(node)?;
            if i == 0 {
                plans.push(node.exact(&|| self.fresh())?);
                slots = node.scope.columns.iter().map(|c| c.slot).collect();
            } else {
                plans.push(node.exact_as(&slots)?);
            }
        }
        let Some(first) = inputs.first() else { return Err(SparkError::internal("a union of nothing")) };
        let mut columns = first.scope.columns.clone();
        for other in inputs.iter().skip(1) {
            for (c, o) in columns.iter_mut().zip(&other.scope.columns) {
                c.nullable |= o.nullable;
                if c.data_type != o.data_type
                    && let Some(t) = common_type(&c.data_type, &o.data_type, self.ansi())
                {
                    c.data_type = t;
                }
            }
        }
        for c in &mut columns {
            c.qualifier = Arc::from([]);
        }
        if plans.len() == 1
            && let Some(node) = inputs.pop()
        {
            return Ok(node.with_scope(Scope::new(columns)));
        }
        let mut plans = together(plans)?;
        let plan = match plans.pop() {
            Some(only) if plans.is_empty() => Arc::unwrap_or_clone(only),
            last => {
                plans.extend(last);
                LogicalPlan::Union(Union::try_new_with_loose_types(plans).map_err(spark_error)?)
            }
        };
        Ok(Node::new(plan, Scope::new(columns)))
    }

    /// Casts the columns of all inputs to their common types.
    fn common_columns(&self, inputs: &mut [Node], operator: &str, orderable: bool) -> SparkResult<()> {
        let _ = orderable;
        let Some(first) = inputs.first() else { return Ok(()) };
        let width = first.scope.columns.len();
        let mut targets: Vec<DataType> = first.scope.columns.iter().map(|c| c.data_type.clone()).collect();
        for (i, node) in inputs.iter().enumerate().skip(1) {
            if node.scope.columns.len() != width {
                return Err(SparkError::new("NUM_COLUMNS_MISMATCH")
                    .param("operator", operator)
                    .param("firstNumColumns", width)
                    .param("invalidOrdinalNum", ordinal(i + 1))
                    .param("invalidNumColumns", node.scope.columns.len()));
            }
            for (n, (target, c)) in targets.iter_mut().zip(&node.scope.columns).enumerate() {
                if target.same_type(&c.data_type) && *target == c.data_type {
                    continue;
                }
                *target = common_type(target, &c.data_type, self.ansi()).ok_or_else(|| {
                    SparkError::new("INCOMPATIBLE_COLUMN_TYPE")
                        .param("operator", operator)
                        .param("columnOrdinalNumber", ordinal(n + 1))
                        .param("tableOrdinalNumber", ordinal(i + 1))
                        .param("dataType1", quote_sql(c.data_type.sql()))
                        .param("dataType2", quote_sql(target.sql()))
                        .param("hint", "")
                })?;
            }
        }
        inputs.iter_mut().try_for_each(|node| self.cast_columns(node, &targets))
    }

    /// Casts columns to the given types where they differ.
    pub fn cast_columns(&self, node: &mut Node, targets: &[DataType]) -> SparkResult<()> {
        if node.scope.columns.iter().zip(targets).all(|(c, t)| c.data_type.same_type(t)) {
            return Ok(());
        }
        let mut columns = vec![];
        let mut computed = vec![];
        for (c, to) in node.scope.columns.iter().zip(targets) {
            if c.data_type.same_type(to) {
                columns.push(c.clone());
                continue;
            }
            let value = cast(self.facts(), c.typed(), to)?;
            let id = self.fresh();
            columns.push(ScopeColumn { id, slot: id, data_type: to.clone(), nullable: value.nullable, ..c.clone() });
            computed.push((id, value.expr, to.clone()));
        }
        node.compute(computed)?;
        *node = node.clone().with_scope(Scope::new(columns));
        Ok(())
    }

    /// Puts the columns of the other inputs into the first one's order, by name.
    fn align_by_name(&self, inputs: &mut [Node], allow_missing: bool) -> SparkResult<()> {
        let case = self.case_sensitive();
        let key = |name: &str| if case { name.to_string() } else { fold(name) };
        // All names, in the order in which they first come.
        let mut names: Vec<ScopeColumn> = vec![];
        let mut known: HashMap<String, usize> = HashMap::new();
        for node in inputs.iter() {
            let mut own = std::collections::HashSet::new();
            for c in &node.scope.columns {
                if !own.insert(key(&c.name)) {
                    return Err(SparkError::new("COLUMN_ALREADY_EXISTS").param("columnName", quote_id([key(&c.name)])));
                }
                known.entry(key(&c.name)).or_insert_with(|| {
                    names.push(c.clone());
                    names.len() - 1
                });
            }
        }
        if !allow_missing {
            no_column_missing(inputs, &|a, b| key(a) == key(b))?;
        }
        for c in inputs.iter().flat_map(|node| &node.scope.columns) {
            if let Some(wanted) = known.get(&key(&c.name)).and_then(|i| names.get_mut(*i)) {
                let same = |a: &str, b: &str| key(a) == key(b);
                wanted.data_type = all_fields(&wanted.data_type, &c.data_type, allow_missing, &same)?;
            }
        }
        let width = inputs.first().map(|n| n.scope.columns.len()).unwrap_or_default();
        let wider = inputs.iter().position(|node| node.scope.columns.len() != width);
        if let (false, Some(i)) = (allow_missing, wider) {
            return Err(SparkError::new("NUM_COLUMNS_MISMATCH")
                .param("operator", "UNION")
                .param("firstNumColumns", width)
                .param("invalidOrdinalNum", ordinal(i + 1))
                .param("invalidNumColumns", inputs.get(i).map_or(0, |node| node.scope.columns.len())));
        }
        for (i, node) in inputs.iter_mut().enumerate() {
            let mut columns = vec![];
            let mut computed = vec![];
            for wanted in &names {
                let own = node.scope.columns.iter().find(|c| key(&c.name) == key(&wanted.name));
                match own {
                    Some(c) if i == 0 && !allow_missing => columns.push(c.clone()),
                    Some(c) => {
                        let value = reshape(self.facts(), c.typed(), &wanted.data_type);
                        if value.data_type == c.data_type {
                            columns.push(c.clone());
                            continue;
                        }
                        let id = self.fresh();
                        columns.push(ScopeColumn { id, slot: id, data_type: value.data_type.clone(), ..c.clone() });
                        computed.push((id, value.expr, value.data_type));
                    }
                    None if allow_missing => {
                        let null = TypedExpr::null(wanted.data_type.clone())?;
                        let id = self.fresh();
                        computed.push((id, null.expr, wanted.data_type.clone()));
                        columns.push(ScopeColumn::new(id, wanted.name.clone(), wanted.data_type.clone(), true));
                    }
                    None => return Err(self.unresolved_column(&node.scope, &[wanted.name.to_string()], None)),
                }
            }
            node.compute(computed)?;
            *node = node.clone().with_scope(Scope::new(columns));
        }
        Ok(())
    }

    /// INTERSECT and EXCEPT as a join on all columns; with ALL, equal rows are numbered and the
    /// number is part of the row.
    fn match_rows(&self, mut left: Node, mut right: Node, join: JoinType, all: bool) -> SparkResult<Node> {
        let mut left_plan = left.exact(&|| self.fresh())?;
        let mut right_plan = right.exact(&|| self.fresh())?;
        let mut scope: Vec<ScopeColumn> = left.scope.columns.clone();
        let mut on: Vec<(DfExpr, DfExpr)> =
            scope.iter().zip(&right.scope.columns).map(|(l, r)| (l.key(), r.key())).collect();
        if all {
            let (l, ln) = self.numbered(left_plan, &scope)?;
            let (r, rn) = self.numbered(right_plan, &right.scope.columns)?;
            on.push((DfExpr::Column(ln), DfExpr::Column(rn)));
            (left_plan, right_plan) = (l, r);
            left_plan = self.with_first_values(left_plan, &mut scope)?;
        } else {
            left_plan = Arc::new(distinct_rows(left_plan, &scope)?);
        }
        let joined = Join::try_new(
            left_plan,
            right_plan,
            on,
            None,
            join,
            JoinConstraint::On,
            NullEquality::NullEqualsNull,
            false,
        );
        if join == JoinType::LeftSemi {
            for (c, r) in scope.iter_mut().zip(&right.scope.columns) {
                c.nullable &= r.nullable;
            }
        }
        for c in &mut scope {
            c.qualifier = Arc::from([]);
        }
        Ok(Node::new(LogicalPlan::Join(joined.map_err(spark_error)?), Scope::new(scope)))
    }

    /// Of rows that a collation holds equal the first stands for all.
    fn with_first_values(&self, plan: Arc<LogicalPlan>, scope: &mut [ScopeColumn]) -> SparkResult<Arc<LogicalPlan>> {
        let keys: Vec<DfExpr> = scope.iter().map(ScopeColumn::key).collect();
        let mut calls = vec![];
        for c in scope.iter_mut().filter(|c| c.data_type.is_collated()) {
            let first = datafusion::functions_window::nth_value::first_value_udwf();
            let first = WindowFunctionDefinition::WindowUDF(first);
            let mut call = WindowFunction::new(first, vec![column_expr(c.slot)]);
            call.params.partition_by = keys.clone();
            c.slot = self.fresh();
            calls.push(DfExpr::WindowFunction(Box::new(call)).alias(column_name(c.slot)));
        }
        if calls.is_empty() {
            return Ok(plan);
        }
        Ok(Arc::new(LogicalPlan::Window(Window::try_new(calls, plan).map_err(spark_error)?)))
    }

    fn numbered(&self, plan: Arc<LogicalPlan>, columns: &[ScopeColumn]) -> SparkResult<(Arc<LogicalPlan>, Column)> {
        let function = WindowFunctionDefinition::WindowUDF(datafusion::functions_window::row_number::row_number_udwf());
        let mut call = WindowFunction::new(function, vec![]);
        call.params.partition_by = columns.iter().map(ScopeColumn::key).collect();
        let name = column_name(self.fresh());
        let expr = DfExpr::WindowFunction(Box::new(call)).alias(&name);
        let window = Window::try_new(vec![expr], plan).map_err(spark_error)?;
        Ok((Arc::new(LogicalPlan::Window(window)), Column::new_unqualified(name)))
    }
}

/// Error: a column of the first input that another has not.
fn no_column_missing(inputs: &[Node], same: &dyn Fn(&str, &str) -> bool) -> SparkResult<()> {
    let Some((first, others)) = inputs.split_first() else { return Ok(()) };
    for other in others {
        let missing = |c: &&ScopeColumn| !other.scope.columns.iter().any(|o| same(&o.name, &c.name));
        if let Some(c) = first.scope.columns.iter().find(missing) {
            return Err(not_among_fields(&c.name, &other.scope));
        }
    }
    Ok(())
}

/// The first type, its structs with the fields that only the second has after their own. Error: the second lacks a
/// field, where that is not allowed.
fn all_fields(
    a: &DataType,
    b: &DataType,
    allow_missing: bool,
    same: &dyn Fn(&str, &str) -> bool,
) -> SparkResult<DataType> {
    match (a, b) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            let mut fields: Vec<StructField> = vec![];
            for f in a.fields.iter() {
                fields.push(match b.fields.iter().find(|g| same(&f.name, &g.name)) {
                    Some(g) => StructField {
                        data_type: all_fields(&f.data_type, &g.data_type, allow_missing, same)?,
                        ..f.clone()
                    },
                    None if allow_missing => StructField { nullable: true, ..f.clone() },
                    None => {
                        let names: Vec<String> = b.fields.iter().map(|g| quote_id([&g.name])).collect();
                        return Err(SparkError::new("FIELD_NOT_FOUND")
                            .param("fieldName", quote_id([&f.name]))
                            .param("fields", names.join(", ")));
                    }
                });
            }
            let new = b.fields.iter().filter(|g| !a.fields.iter().any(|f| same(&f.name, &g.name)));
            fields.extend(new.map(|g| StructField { nullable: true, ..g.clone() }));
            Ok(DataType::structure(fields))
        }
        (DataType::Array(a, null), DataType::Array(b, _)) => {
            Ok(DataType::array(all_fields(a, b, allow_missing, same)?, *null))
        }
        _ => Ok(a.clone()),
    }
}

/// Rows of literals that follow each other, as in `SELECT 1 UNION ALL SELECT 2`, become one relation:
/// tens of thousands of inputs are more than the planner can take, as many rows are nothing.
fn together(inputs: Vec<Arc<LogicalPlan>>) -> SparkResult<Vec<Arc<LogicalPlan>>> {
    let mut out: Vec<Arc<LogicalPlan>> = vec![];
    let mut run: Vec<(Arc<LogicalPlan>, Vec<DfExpr>)> = vec![];
    for input in inputs {
        let row = literals(&input);
        if let Some((first, _)) = run.first()
            && (row.is_none() || first.schema().as_arrow() != input.schema().as_arrow())
        {
            out.push(rows(std::mem::take(&mut run))?);
        }
        match row {
            Some(row) => run.push((input, row)),
            None => out.push(input),
        }
    }
    if !run.is_empty() {
        out.push(rows(run)?);
    }
    Ok(out)
}

/// The values of a relation that is one row of literals, perhaps with its columns chosen and renamed.
fn literals(plan: &LogicalPlan) -> Option<Vec<DfExpr>> {
    match plan {
        LogicalPlan::EmptyRelation(e) if e.produce_one_row => Some(vec![]),
        LogicalPlan::Projection(row) => {
            let below = literals(&row.input)?;
            let value = |e: &DfExpr| match e.clone().unalias() {
                e @ DfExpr::Literal(..) => Some(e),
                DfExpr::Column(c) => below.get(row.input.schema().maybe_index_of_column(&c)?).cloned(),
                _ => None,
            };
            row.expr.iter().map(value).collect()
        }
        _ => None,
    }
}

/// One relation of the rows, which have the same schema.
fn rows(mut run: Vec<(Arc<LogicalPlan>, Vec<DfExpr>)>) -> SparkResult<Arc<LogicalPlan>> {
    if let [_] = run.as_slice()
        && let Some((only, _)) = run.pop()
    {
        return Ok(only);
    }
    let Some((first, _)) = run.first() else { return Err(SparkError::internal("a relation of no rows")) };
    let schema = Arc::clone(first.schema());
    let values = run.into_iter().map(|(_, row)| row).collect();
    Ok(Arc::new(LogicalPlan::Values(Values { schema, values })))
}

/// Is the type, or any type in it, such?
fn has_type(t: &DataType, such: &dyn Fn(&DataType) -> bool) -> bool {
    such(t)
        || match t {
            DataType::Array(e, _) => has_type(e, such),
            DataType::Map(k, v, _) => has_type(k, such) || has_type(v, such),
            DataType::Struct(s) => s.fields.iter().any(|f| has_type(&f.data_type, such)),
            _ => false,
        }
}
