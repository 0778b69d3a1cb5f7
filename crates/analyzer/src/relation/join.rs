//! Joins: ON, USING, NATURAL, semi, anti, cross, and LATERAL.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinConstraint, JoinType, NullEquality, ScalarValue};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Case, Expr as DfExpr, Filter, Join as DfJoin, LogicalPlan, Projection};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::Body;
use vonk_expr::cast::cast;
use vonk_expr::coercion::common_type;
use vonk_expr::order::compared_key;
use vonk_expr::spark_error;
use vonk_plan::relation::{Join, JoinCondition, JoinKind, Relation, RelationKind};
use vonk_plan::types::DataType;

use super::{Outer, checks};
use crate::analyzer::Analyzer;
use crate::conjuncts::{with_fewer_waits, with_not_inside};
use crate::constants::no_failing_constants;
use crate::env::Env;
use crate::expr::call::contains_aggregate;
use crate::keyed::{Keyed, marked};
use crate::node::Node;
use crate::nodes::hinted::{Hinted, Strategy};
use crate::places;
use crate::scope::{Scope, ScopeColumn, column_expr, same_name};
use crate::subqueries::{Taken, contains_subquery};
use crate::unnest::keyed_join;
use crate::window::no_window_in;

impl Analyzer {
    pub fn join(&self, j: &Join, outer: Outer) -> SparkResult<Node> {
        let mut left = self.relation(&j.left, outer)?;
        if j.lateral
            && let Some(node) = self.lateral_udtf(&left, j, outer)?
        {
            return Ok(node);
        }
        let right = if j.lateral {
            let around = Env::of(&left, outer);
            let mut right = self.relation(&j.right, Some(&Rc::new(around)))?;
            if is_random(right.plan()?.as_ref()) && left.plan()?.max_rows().is_none_or(|n| n > 1) {
                let class = "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.NON_DETERMINISTIC_LATERAL_SUBQUERIES";
                return Err(SparkError::new(class).param("treeNode", "a lateral join"));
            }
            right
        } else {
            self.relation(&j.right, outer)?
        };
        if j.lateral && j.kind == JoinKind::Left && j.condition == JoinCondition::None && self.generates(&j.right) {
            // Spark's optimizer hands the rows of the left to the generator, and there forgets those without any.
            let scope = after(&left.scope, &right.scope, JoinKind::Left);
            return Ok(self.join_on(left, right, JoinKind::Inner, None, true, outer)?.with_scope(scope));
        }
        let names = match &j.condition {
            JoinCondition::None => return self.join_on(left, right, j.kind, None, j.lateral, outer),
            JoinCondition::On(e) => return self.join_on(left, right, j.kind, Some(e), j.lateral, outer),
            JoinCondition::Using(names) => names.clone(),
            JoinCondition::Natural if matches!(j.kind, JoinKind::LeftSemi | JoinKind::LeftAnti) => {
                return Err(SparkError::unsupported("natural semi and anti joins"));
            }
            JoinCondition::Natural => self.common_names(&left.scope, &right.scope),
        };
        self.join_using(left, right, j.kind, &names, j.lateral)
    }

    /// Whether the relation is a generator alone.
    fn generates(&self, mut r: &Relation) -> bool {
        while let RelationKind::Alias { input, .. } = &r.kind {
            r = input;
        }
        match &r.kind {
            RelationKind::JsonTable(_) => true,
            RelationKind::TableFunction(call) => {
                self.builtin(&call.name).is_some_and(|spec| matches!(spec.body, Body::Generator(_)))
            }
            _ => false,
        }
    }

    fn common_names(&self, left: &Scope, right: &Scope) -> Vec<String> {
        let case = self.case_sensitive();
        let shared = left.columns.iter().filter(|l| right.named(&l.name, case).any(|(hidden, _)| !hidden));
        shared.map(|c| c.name.to_string()).collect()
    }

    fn join_on(
        &self,
        left: Node,
        right: Node,
        kind: JoinKind,
        condition: Option<&vonk_plan::Expr>,
        lateral: bool,
        outer: Outer,
    ) -> SparkResult<Node> {
        if kind == JoinKind::Inner
            && condition.is_none()
            && !lateral
            && self.facts().conf.get("spark.sql.crossJoin.enabled") == Some("false")
        {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1211")
                .param("joinType", "INNER")
                .param("leftPlan", "the left side")
                .param("rightPlan", "the right side"));
        }
        let (mut left, mut right) = (left, right);
        let both = beside(&left.scope, &right.scope);
        let condition = match condition {
            None => None,
            Some(e) => {
                let env = Env::new(Arc::new(both), outer);
                let mut typed = self.expr(&env, e)?;
                if typed.data_type != DataType::Boolean {
                    return Err(SparkError::new("JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE")
                        .param("joinCondition", typed.quoted_sql())
                        .param("conditionType", vonk_common::error::quote_sql(typed.data_type.sql()))
                        .at(e.origin.clone()));
                }
                let (of_left, of_right) = (left.plan()?, right.plan()?);
                let place = |columns| places::of_join(join_type(kind), &of_left, &of_right, columns);
                typed.expr = with_fewer_waits(with_not_inside(typed.expr)?, place);
                typed.expr = self
                    .take_subqueries_of_join(typed.expr, &mut left, &mut right)
                    .map_err(|err| err.at(e.origin.clone()))?;
                no_window_in("Join", &typed)?;
                if contains_aggregate(&typed.expr) {
                    return Err(checks::not_in("Join", typed.quoted_sql()).at(e.origin.clone()));
                }
                if !typed.deterministic {
                    return Err(SparkError::new("INVALID_NON_DETERMINISTIC_EXPRESSIONS")
                        .param("sqlExprs", typed.quoted_sql())
                        .at(e.origin.clone()));
                }
                no_failing_constants(&typed.expr)?;
                // `ON false` of a semi or anti join asks nothing of the right side.
                let semi = matches!(kind, JoinKind::LeftSemi | JoinKind::LeftAnti);
                match typed.constant() {
                    Ok(Some(value)) if semi && value != ScalarValue::Boolean(Some(true)) => {
                        let none = DfExpr::Literal(ScalarValue::Boolean(Some(kind == JoinKind::LeftAnti)), None);
                        let scope = after(&left.scope, &right.scope, kind);
                        left.over(|plan| Ok(LogicalPlan::Filter(Filter::try_new(none, plan)?)))?;
                        return Ok(left.with_scope(scope));
                    }
                    _ => Some(typed.expr),
                }
            }
        };
        let (left_scope, right_scope) = (left.scope.clone(), right.scope.clone());
        let plan = self.join_plan(left, right, kind, condition, lateral)?;
        Ok(Node::new(plan, after(&left_scope, &right_scope, kind)))
    }

    fn join_using(
        &self,
        left: Node,
        right: Node,
        kind: JoinKind,
        names: &[String],
        lateral: bool,
    ) -> SparkResult<Node> {
        let mut conditions = vec![];
        let mut pairs = vec![];
        for name in names {
            let l = self.using_column(&left.scope, name, "left")?;
            let r = self.using_column(&right.scope, name, "right")?;
            let mut pair = [l.typed(), r.typed()];
            vonk_expr::collation::meet::compared(&mut pair, format!("({} = {})", l.name, r.name))?;
            let to = common_type(&l.data_type, &r.data_type, self.ansi()).ok_or_else(|| {
                SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
                    .param("sqlExpr", vonk_common::error::quote_sql(format!("({} = {})", l.name, r.name)))
                    .param("left", vonk_common::error::quote_sql(l.data_type.sql()))
                    .param("right", vonk_common::error::quote_sql(r.data_type.sql()))
            })?;
            let as_common = |c: &ScopeColumn| -> SparkResult<DfExpr> {
                if c.data_type.same_type(&to) {
                    Ok(column_expr(c.slot))
                } else {
                    Ok(cast(self.facts(), c.typed(), &to)?.expr)
                }
            };
            let (le, re) = (as_common(&l)?, as_common(&r)?);
            conditions.push(compared_key(le.clone(), &to).eq(compared_key(re.clone(), &to)));
            pairs.push((l, r, le, re, to));
        }
        let (left_scope, right_scope) = (left.scope.clone(), right.scope.clone());
        let plan = self.join_plan(left, right, kind, conjunction(conditions), lateral)?;
        let all = after(&left_scope, &right_scope, kind);
        let semi = matches!(kind, JoinKind::LeftSemi | JoinKind::LeftAnti);
        let mut shown = vec![];
        let mut hidden = all.hidden.clone();
        let mut computed = vec![];
        let is_key = |c: &ScopeColumn| pairs.iter().any(|(l, r, ..)| c.id == l.id || c.id == r.id);
        for (l, r, le, re, to) in &pairs {
            let found = |id| all.columns.iter().find(|c| c.id == id).cloned();
            match kind {
                JoinKind::Right => {
                    shown.extend(found(r.id));
                    hidden.extend(found(l.id));
                }
                JoinKind::Full => {
                    let id = self.fresh();
                    let first = Case::new(
                        None,
                        vec![(Box::new(le.clone().is_not_null()), Box::new(le.clone()))],
                        Some(Box::new(re.clone())),
                    );
                    computed.push((id, DfExpr::Case(first), to.clone()));
                    shown.push(ScopeColumn::new(id, l.name.clone(), to.clone(), true));
                    hidden.extend(found(l.id));
                    hidden.extend(found(r.id));
                }
                _ => {
                    shown.extend(found(l.id));
                    if !semi {
                        hidden.extend(found(r.id));
                    }
                }
            }
        }
        shown.extend(all.columns.iter().filter(|c| !is_key(c)).cloned());
        let mut node = Node::new(plan, all);
        node.compute(computed)?;
        Ok(node.with_scope(Scope::with_hidden(shown, hidden)))
    }

    fn using_column(&self, scope: &Scope, name: &str, side: &str) -> SparkResult<ScopeColumn> {
        let case = self.case_sensitive();
        let mut found: Vec<ScopeColumn> = vec![];
        for (_, c) in scope.named(name, case).filter(|(hidden, _)| !hidden) {
            if !found.iter().any(|f| f.id == c.id) {
                found.push(c.clone());
            }
        }
        let all = || {
            let names: Vec<_> = scope.columns.iter().map(|c| quote_id([&*c.name])).collect();
            names.join(", ")
        };
        match found.into_iter().next() {
            Some(c) => Ok(c),
            None => Err(SparkError::new("UNRESOLVED_USING_COLUMN_FOR_JOIN")
                .param("colName", quote_id([name]))
                .param("side", side)
                .param("suggestion", all())),
        }
    }

    pub fn join_plan(
        &self,
        mut left: Node,
        mut right: Node,
        kind: JoinKind,
        condition: Option<DfExpr>,
        lateral: bool,
    ) -> SparkResult<LogicalPlan> {
        let join_type = join_type(kind);
        let right_plan = right.plan()?;
        let own: Vec<_> =
            left.plan()?.schema().fields().iter().filter_map(|f| crate::scope::column_id(f.name())).collect();
        let (of_left, of_right) = (left.hint, right.hint);
        let slots: Vec<_> = if lateral { crate::unnest::outer_slots(&right_plan) } else { vec![] }
            .into_iter()
            .filter(|s| own.contains(s))
            .collect();
        if !slots.is_empty() {
            return self.lateral_plan(left, &right_plan, join_type, condition, slots);
        }
        let join = DfJoin::try_new(
            hinted(left.plan()?, of_left),
            hinted(right_plan, of_right),
            vec![],
            condition,
            join_type,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        );
        Ok(LogicalPlan::Join(join.map_err(spark_error)?))
    }
}

impl Analyzer {
    /// Computes the sub-queries of a join's condition as columns of the side they refer to. Those that
    /// give a value may refer to none.
    fn take_subqueries_of_join(&self, e: DfExpr, left: &mut Node, right: &mut Node) -> SparkResult<DfExpr> {
        if !contains_subquery(&e) {
            return Ok(e);
        }
        let has = |scope: &Scope, slot| scope.columns.iter().chain(&scope.hidden).any(|c| c.slot == slot);
        let mut failure = None;
        let (mut of_lefts, mut of_rights) = (Taken::new(), Taken::new());
        let out = e.transform_down(|e| {
            let (query, value) = match &e {
                DfExpr::ScalarSubquery(q) => (q, None),
                DfExpr::Exists(x) => (&x.subquery, None),
                DfExpr::InSubquery(i) => (&i.subquery, Some(&i.expr)),
                DfExpr::Not(inner) => match &**inner {
                    DfExpr::InSubquery(i) => (&i.subquery, Some(&i.expr)),
                    _ => return Ok(Transformed::no(e)),
                },
                _ => return Ok(Transformed::no(e)),
            };
            let mut slots: HashSet<_> = crate::unnest::outer_slots(&query.subquery).into_iter().collect();
            if let Some(value) = value {
                crate::node::columns_of(value, &mut slots);
            }
            let of_left = slots.iter().any(|s| has(&left.scope, *s));
            let of_right = slots.iter().any(|s| has(&right.scope, *s));
            let taken = match (&e, of_left, of_right) {
                (DfExpr::ScalarSubquery(_), false, false) => Ok(e),
                (DfExpr::ScalarSubquery(_), ..) => Err(not_supported("UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY")),
                (_, true, true) => Err(not_supported("UNSUPPORTED_CORRELATED_EXPRESSION_IN_JOIN_CONDITION")),
                (_, false, true) => self.take_subqueries_of(right, e, &mut of_rights),
                _ => self.take_subqueries_of(left, e, &mut of_lefts),
            };
            Ok(match taken {
                Ok(e) => Transformed::new(e, true, TreeNodeRecursion::Jump),
                Err(err) => {
                    failure = Some(err);
                    Transformed::new(DfExpr::default(), true, TreeNodeRecursion::Stop)
                }
            })
        });
        match failure {
            Some(err) => Err(err),
            None => Ok(out.map_err(spark_error)?.data),
        }
    }

    /// A join whose right side refers to columns of the left.
    fn lateral_plan(
        &self,
        mut left: Node,
        right: &LogicalPlan,
        kind: JoinType,
        condition: Option<DfExpr>,
        slots: Vec<crate::scope::ColumnId>,
    ) -> SparkResult<LogicalPlan> {
        let left = left.plan()?;
        if matches!(kind, JoinType::Inner | JoinType::Left)
            && let Some(keyed) = self.keyed(right, &slots)?
            && (keyed.on_empty.is_none() || kind == JoinType::Inner || condition.is_none())
        {
            return self.lateral_by_keys(Arc::unwrap_or_clone(left), right, keyed, kind, condition);
        }
        let domain = self.domain(left.clone(), slots)?;
        let (right, carried) = self.unnest(right, &domain)?;
        let on = carried.iter().map(|(own, to)| (column_expr(*own), column_expr(*to))).collect();
        crate::unnest::join(Arc::unwrap_or_clone(left), right, on, condition, kind)
    }

    /// The same where the right side has columns equal to those of the left. A right side that always
    /// has a row (an aggregate without keys) gets it back after the join.
    fn lateral_by_keys(
        &self,
        left: LogicalPlan,
        right: &LogicalPlan,
        keyed: Keyed,
        kind: JoinType,
        condition: Option<DfExpr>,
    ) -> SparkResult<LogicalPlan> {
        let nulls = NullEquality::NullEqualsNothing;
        let on = keyed.carried.iter().map(|(own, to)| (column_expr(*own), column_expr(*to))).collect();
        if keyed.on_empty.is_none() {
            return keyed_join(left, keyed.plan, on, nulls, condition, kind);
        }
        let mut exprs: Vec<DfExpr> = left.schema().columns().into_iter().map(DfExpr::Column).collect();
        let found = self.fresh();
        for field in right.schema().fields() {
            let column = DfExpr::Column(datafusion::common::Column::new_unqualified(field.name()));
            let value = keyed.or_empty(field.name(), found)?.map(|e| e.alias(field.name()));
            exprs.push(value.unwrap_or(column));
        }
        let joined = keyed_join(left, marked(keyed.plan, found)?, on, nulls, None, JoinType::Left)?;
        let out = Projection::try_new(exprs, Arc::new(joined)).map_err(spark_error)?;
        let out = LogicalPlan::Projection(out);
        match condition {
            Some(condition) => crate::unnest::filter(condition, out),
            None => Ok(out),
        }
    }
}

/// The side of a join with its hint, if it has one.
fn hinted(side: Arc<LogicalPlan>, hint: Option<Strategy>) -> Arc<LogicalPlan> {
    match hint {
        Some(strategy) => Arc::new(Hinted::over(side, strategy)),
        None => side,
    }
}

fn not_supported(class: &str) -> SparkError {
    SparkError::new(format!("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.{class}"))
        .param("treeNode", "the condition of the join")
        .param("subqueryExpression", "a sub-query")
}

/// The columns of both sides.
pub fn beside(left: &Scope, right: &Scope) -> Scope {
    let columns = left.columns.iter().chain(&right.columns).cloned().collect();
    let hidden = left.hidden.iter().chain(&right.hidden).cloned().collect();
    Scope::with_hidden(columns, hidden)
}

/// What is seen after a join, with the nullability that the kind of join gives.
pub fn after(left: &Scope, right: &Scope, kind: JoinKind) -> Scope {
    let (l, r) = match kind {
        JoinKind::Left => (false, true),
        JoinKind::Right => (true, false),
        JoinKind::Full => (true, true),
        _ => (false, false),
    };
    let with = |columns: &[ScopeColumn], null: bool| -> Vec<ScopeColumn> {
        columns.iter().map(|c| ScopeColumn { nullable: c.nullable || null, ..c.clone() }).collect()
    };
    let mut columns = with(&left.columns, l);
    let mut hidden = with(&left.hidden, l);
    if !matches!(kind, JoinKind::LeftSemi | JoinKind::LeftAnti) {
        columns.extend(with(&right.columns, r));
        hidden.extend(with(&right.hidden, r));
    }
    Scope::with_hidden(columns, hidden)
}

/// Whether a list of names has the name.
pub fn contains_name(names: &[String], name: &str, case: bool) -> bool {
    names.iter().any(|n| same_name(n, name, case))
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner | JoinKind::Cross => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
        JoinKind::LeftSemi => JoinType::LeftSemi,
        JoinKind::LeftAnti => JoinType::LeftAnti,
    }
}

/// Does each run of the plan give other values?
fn is_random(plan: &LogicalPlan) -> bool {
    let mut found = false;
    // The visitors never fail.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|e| {
            found |= e.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}
