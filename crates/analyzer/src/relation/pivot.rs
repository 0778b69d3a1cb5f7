//! PIVOT, as a clause of SQL and as `groupBy(…).pivot(…)`: first the aggregates per group and pivot
//! value, then each value's row of a group becomes columns.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr as DfExpr, Operator, binary_expr};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::{Mode, can_cast, can_null, cast, explicit_cast};
use vonk_expr::{AggregateCall, Body, TypedExpr};
use vonk_plan::expr::{CastMode, ExprKind};
use vonk_plan::relation::Pivot;
use vonk_plan::types::{DataType, StructField};
use vonk_plan::{Expr, Literal};

use super::Outer;
use super::project::Item;
use super::select::has_aggregate;
use crate::aggregate::Keys;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::relation::select::Clauses;
use crate::scope::column_expr;

/// A value of the pivot column(s) with the name it gives.
struct PivotValue {
    values: Vec<TypedExpr>,
    name: String,
}

/// Types whose values Spark's own aggregate for pivots collects.
fn is_simple(t: &DataType) -> bool {
    t.is_numeric() || *t == DataType::Boolean
}

/// The aggregate, if it is the first or last value, of the values that are not NULL.
fn first_present(e: &Expr) -> Expr {
    let mut out = e.clone();
    match &mut out.kind {
        ExprKind::Alias { child, .. } => **child = first_present(child),
        ExprKind::Function(call) => {
            let first = ["first", "first_value", "last", "last_value"];
            if matches!((call.name.as_slice(), call.args.len()), ([n], 1 | 2) if first.contains(&&*n.to_lowercase())) {
                call.args.truncate(1);
                call.ignore_nulls = Some(true);
            }
        }
        _ => {}
    }
    out
}

/// The expression with its aggregates over the rows that meet the condition.
fn only_where(e: DfExpr, condition: &DfExpr) -> SparkResult<DfExpr> {
    let changed = e.transform_down(|e| {
        Ok(match e {
            DfExpr::AggregateFunction(mut f) => {
                f.params.filter = Some(Box::new(match f.params.filter.take() {
                    Some(own) => (*own).and(condition.clone()),
                    None => condition.clone(),
                }));
                Transformed::new(DfExpr::AggregateFunction(f), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    });
    changed.map(|t| t.data).map_err(vonk_expr::spark_error)
}

/// Do the parts of a value have casts to the columns?
fn fits(parts: &[TypedExpr], columns: &[TypedExpr]) -> bool {
    let alone = columns.len() == 1;
    let fit = |(part, column): (&TypedExpr, &TypedExpr)| {
        let (from, to) = (&part.data_type, &column.data_type);
        can_cast(from, to, Mode::Legacy) && (alone || column.nullable || !can_null(from, to))
    };
    parts.len() == columns.len() && parts.iter().zip(columns).all(fit)
}

/// The type of the column, or of several as a struct.
fn pivot_type(columns: &[TypedExpr]) -> DataType {
    match columns {
        [one] => one.data_type.clone(),
        several => DataType::structure(
            several.iter().map(|c| StructField::new(c.output_name(), c.data_type.clone(), c.nullable)),
        ),
    }
}

impl Analyzer {
    pub fn pivot_dataframe(
        &self,
        node: Node,
        by: &[Expr],
        column: &Expr,
        values: &[Literal],
        aggregates: &[Expr],
        outer: Outer,
    ) -> SparkResult<Node> {
        let env = Env::of(&node, outer);
        let by = self.items(env.clone(), by)?;
        let column = self.expr(&env, column)?;
        let mut all = vec![];
        for v in values {
            let typed = TypedExpr::literal(v)?;
            all.push(PivotValue { name: self.pivot_name(&typed)?, values: vec![typed] });
        }
        self.pivot_over(node, &env, by, vec![column], all, aggregates)
    }

    pub fn pivot(&self, p: &Pivot, outer: Outer) -> SparkResult<Node> {
        let node = self.relation(&p.input, outer)?;
        let env = Env::of(&node, outer);
        let columns = self.exprs(&env, &p.columns)?;
        if let Some(bad) = columns.iter().find(|c| !c.data_type.is_orderable()) {
            let column = node.scope.columns.iter().find(|c| column_expr(c.slot) == bad.expr);
            let name = column.map_or_else(|| bad.sql.to_string(), |c| quote_id(c.full_name()));
            return Err(SparkError::new("INCOMPARABLE_PIVOT_COLUMN").param("columnName", name));
        }
        let mut values = vec![];
        for v in &p.values {
            let (inner, alias) = match &v.kind {
                ExprKind::Alias { child, names, .. } => (&**child, names.first().cloned()),
                _ => (v, None),
            };
            let parts: Vec<TypedExpr> = match &inner.kind {
                ExprKind::Function(call)
                    if columns.len() > 1
                        && matches!(call.name.as_slice(), [n] if n == "struct" || n == "named_struct") =>
                {
                    self.exprs(&env, &call.args)?
                }
                _ => vec![self.expr(&env, inner)?],
            };
            if let Some(bad) = parts.iter().find(|p| !p.foldable) {
                return Err(SparkError::new("NON_LITERAL_PIVOT_VALUES").param("expression", bad.quoted_sql()));
            }
            if !fits(&parts, &columns) {
                let whole = self.expr(&env, inner)?;
                return Err(SparkError::new("PIVOT_VALUE_DATA_TYPE_MISMATCH")
                    .param("value", whole.sql.to_string())
                    .param("valueType", whole.data_type.to_string())
                    .param("pivotType", pivot_type(&columns).to_string()));
            }
            let name = match alias {
                Some(name) => name,
                None => {
                    let names: SparkResult<Vec<_>> = parts.iter().map(|p| self.pivot_name(p)).collect();
                    let names = names?;
                    match names.as_slice() {
                        [one] => one.clone(),
                        several => format!("{{{}}}", several.join(", ")),
                    }
                }
            };
            values.push(PivotValue { values: parts, name });
        }
        // The group is every column that neither the pivot nor an aggregate names.
        let aggregates = self.items(env.clone(), &p.aggregates)?;
        let mut used = std::collections::HashSet::new();
        for item in &aggregates {
            if !has_aggregate(item) {
                let sql = item.typed().map(|t| t.sql.to_string()).unwrap_or_default();
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1006").param("sql", sql));
            }
            if let Some(t) = item.typed() {
                crate::node::columns_of(&t.expr, &mut used);
            }
        }
        for c in &columns {
            crate::node::columns_of(&c.expr, &mut used);
        }
        let by = node.scope.columns.iter().filter(|c| !used.contains(&c.slot)).cloned().map(Item::Column).collect();
        self.pivot_over(node, &env, by, columns, values, &p.aggregates)
    }

    fn pivot_over(
        &self,
        node: Node,
        env: &Env,
        by: Vec<Item>,
        columns: Vec<TypedExpr>,
        values: Vec<PivotValue>,
        aggregates: &[Expr],
    ) -> SparkResult<Node> {
        let results = self.items(env.clone(), aggregates)?;
        if !results.iter().filter_map(Item::typed).all(|t| is_simple(&t.data_type)) {
            let names = results.iter().filter_map(Item::typed).map(|t| t.output_name()).collect();
            return self.pivot_by_conditions(node, env, by, columns, values, (names, aggregates));
        }
        let group = by.len();
        let mut keys = Keys::default();
        keys.exprs.extend(by.iter().filter_map(Item::typed));
        let mut items = by;
        for c in &columns {
            let id = self.fresh();
            items.push(Item::Value(id, c.clone()));
            keys.add(c.clone());
        }
        items.extend(results);
        let first = self.finish(node, env, Some(keys), items, Clauses::default())?;
        // The second grouping: the first aggregate of each pivot value, if there is one.
        let scope = first.scope.clone();
        let (by, rest) = scope.columns.split_at(group.min(scope.columns.len()));
        let (pivots, results) = rest.split_at(columns.len().min(rest.len()));
        let pivots: Vec<TypedExpr> = pivots.iter().map(|c| c.typed()).collect();
        let mut items: Vec<Item> = by.iter().cloned().map(Item::Column).collect();
        let keys = Keys { exprs: by.iter().map(|c| c.typed()).collect(), sets: None };
        for value in &values {
            let Some(condition) = self.has_value(&pivots, value)? else { continue };
            let condition = TypedExpr::new(condition, DataType::Boolean, false, "");
            for r in results {
                let call = AggregateCall {
                    args: vec![r.typed()],
                    distinct: false,
                    filter: Some(condition.clone()),
                    within_group: vec![],
                    ignore_nulls: false,
                };
                let Some(Body::Aggregate(build)) = vonk_functions::lookup("first").map(|s| s.body) else {
                    return Err(self.unresolved_routine(&["first".to_string()], None));
                };
                let mut out = build(&self.fn_context("first", None), call)?;
                let name = match results.len() {
                    1 => value.name.clone(),
                    _ => format!("{}_{}", value.name, r.name),
                };
                out.name = Some(name.into());
                out.nullable = true;
                out.metadata = None;
                items.push(Item::Value(self.fresh(), out));
            }
        }
        let env = Env::of(&first, None);
        self.finish(first, &env, Some(keys), items, Clauses::default())
    }

    /// The aggregates of each pivot value are those of its rows, and of no rows where a group has none: so Spark does
    /// it where one of them is no number. They come with their names.
    fn pivot_by_conditions(
        &self,
        node: Node,
        env: &Env,
        by: Vec<Item>,
        columns: Vec<TypedExpr>,
        values: Vec<PivotValue>,
        (names, aggregates): (Vec<String>, &[Expr]),
    ) -> SparkResult<Node> {
        let keys = Keys { exprs: by.iter().filter_map(Item::typed).collect(), sets: None };
        let without_nulls: Vec<Expr> = aggregates.iter().map(first_present).collect();
        let results: Vec<TypedExpr> = self.items(env.clone(), &without_nulls)?.iter().filter_map(Item::typed).collect();
        let mut items = by;
        for value in &values {
            let Some(condition) = self.has_value(&columns, value)? else { continue };
            for (result, name) in results.iter().zip(&names) {
                let mut out = result.clone();
                out.expr = only_where(out.expr, &condition)?;
                out.name = Some(match results.len() {
                    1 => value.name.as_str().into(),
                    _ => format!("{}_{name}", value.name).into(),
                });
                out.metadata = None;
                items.push(Item::Value(self.fresh(), out));
            }
        }
        self.finish(node, env, Some(keys), items, Clauses::default())
    }

    /// The condition that rows are of the pivot value; none where there are no columns.
    fn has_value(&self, columns: &[TypedExpr], value: &PivotValue) -> SparkResult<Option<DfExpr>> {
        let mut all = vec![];
        for (column, v) in columns.iter().zip(&value.values) {
            let v = self.pivot_value(v, &column.data_type)?;
            let own = vonk_expr::collation::key(column.expr.clone(), &column.data_type);
            let wanted = vonk_expr::collation::key(v.expr, &column.data_type);
            all.push(binary_expr(own, Operator::IsNotDistinctFrom, wanted));
        }
        Ok(conjunction(all))
    }

    /// The value in the type of the column; where no cast of ANSI's leads to it, by the older ones.
    fn pivot_value(&self, value: &TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
        if value.data_type.same_type(to) {
            return Ok(value.clone());
        }
        let reaches = can_cast(&value.data_type, to, Mode::Ansi);
        let mode = if reaches { CastMode::Session } else { CastMode::Legacy };
        explicit_cast(self.facts(), value.clone(), to, mode)
    }

    /// The value as a column name: what `CAST(value AS STRING)` gives, `null` for NULL.
    fn pivot_name(&self, value: &TypedExpr) -> SparkResult<String> {
        let text = cast(self.facts(), value.clone(), &DataType::STRING)?;
        Ok(match text.constant()? {
            Some(v) if v.is_null() => "null".into(),
            Some(v) => v.to_string(),
            None => value.output_name(),
        })
    }
}
