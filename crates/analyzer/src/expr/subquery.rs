//! Sub-queries in expressions: scalar, EXISTS and IN, correlated or not.
//!
//! References to the query around become DataFusion's outer references, which its decorrelation
//! takes out.

use std::rc::Rc;
use std::sync::Arc;

use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Subquery};
use vonk_common::error::quote_sql;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::coercion::common_type;
use vonk_expr::collation::Strength;
use vonk_expr::{SqlText, TypedExpr, collation};
use vonk_plan::expr::{SubqueryExpr, SubqueryKind, SubqueryPlan};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Relation};

use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::scope::{Scope, ScopeColumn};
use crate::subqueries;
use crate::tuple::tuple;

impl Analyzer {
    pub fn subquery(&self, env: &Env, q: &SubqueryExpr, at: Option<&Arc<Origin>>) -> SparkResult<TypedExpr> {
        let referenced;
        let relation = match &q.plan {
            SubqueryPlan::Inline(relation) => relation,
            SubqueryPlan::PlanId(id) => {
                referenced = self
                    .reference(*id)
                    .ok_or_else(|| SparkError::internal(format!("no relation of plan id {id} came with the query")))?;
                &*referenced
            }
        };
        if !env.lambdas.is_empty() {
            return Err(
                SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION").at(at.cloned())
            );
        }
        let out = match &q.kind {
            SubqueryKind::Scalar => self.scalar_subquery(env, relation),
            SubqueryKind::Exists => self.exists(env, relation),
            SubqueryKind::In(values) => self.in_subquery(env, values, relation),
            SubqueryKind::Table { .. } => {
                Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_TABLE_ARGUMENT")
                    .param("treeNode", "table argument"))
            }
        };
        out.map_err(|e| e.at(at.cloned()))
    }

    /// Analyses the relation with this place around it.
    fn inner(&self, env: &Env, relation: &Relation) -> SparkResult<Node> {
        self.relation(relation, Some(&Rc::new(env.clone())))
    }

    /// The same for EXISTS and IN.
    fn inner_of_condition(&self, env: &Env, relation: &Relation) -> SparkResult<Node> {
        self.inner(&Env { without_stars: true, ..env.clone() }, relation)
    }

    pub fn scalar_subquery(&self, env: &Env, relation: &Relation) -> SparkResult<TypedExpr> {
        let mut node = self.inner(env, relation)?;
        let query = self.as_subquery(&mut node)?;
        self.no_working_rows(&query.subquery)?;
        let outer = self.outer_names(env, &query.subquery)?;
        let [column] = node.scope.columns.as_slice() else {
            return Err(SparkError::new(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
            )
            .param("number", node.scope.columns.len()));
        };
        let mut out = TypedExpr::new(
            DfExpr::ScalarSubquery(query),
            column.data_type.clone(),
            true,
            format!("scalarsubquery({outer})"),
        );
        out.metadata = column.metadata.clone();
        out.strength = Strength::Implicit;
        Ok(out)
    }

    /// The outer columns that the sub-query refers to, as often as it does: what Spark shows of it.
    fn outer_names(&self, env: &Env, query: &LogicalPlan) -> SparkResult<String> {
        let all = || env.scope.columns.iter().chain(&env.scope.hidden);
        let slots = crate::unnest::outer_references(query)?;
        let names = slots.iter().filter_map(|s| all().find(|c| c.slot == *s)).map(|c| c.name.to_string());
        Ok(names.collect::<Vec<_>>().join(", "))
    }

    fn exists(&self, env: &Env, relation: &Relation) -> SparkResult<TypedExpr> {
        let mut node = self.inner_of_condition(env, relation)?;
        let subquery = self.as_subquery(&mut node)?;
        let text = format!("exists({})", self.outer_names(env, &subquery.subquery)?);
        let e = DfExpr::Exists(Exists { subquery, negated: false });
        Ok(TypedExpr::new(e, DataType::Boolean, false, text))
    }

    fn in_subquery(&self, env: &Env, values: &[Expr], relation: &Relation) -> SparkResult<TypedExpr> {
        let mut values = self.exprs(env, values)?;
        let mut node = self.inner_of_condition(env, relation)?;
        let columns = node.scope.columns.clone();
        let plan = node.plan()?;
        let outer = self.outer_names(env, &plan)?;
        let value = match values.as_slice() {
            [one] => one.sql.clone(),
            several => {
                let fields = several.iter().map(|v| format!("'{}', {}", v.output_name(), v.sql));
                format!("named_struct({})", fields.collect::<Vec<_>>().join(", ")).into()
            }
        };
        let text = SqlText::concat(["(".into(), value, format!(" IN (listquery({outer})))").into()]);
        if columns.len() != values.len() {
            let list = |all: Vec<String>| all.iter().map(quote_sql).collect::<Vec<_>>().join(", ");
            return Err(SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH")
                .param("sqlExpr", quote_sql(text))
                .param("leftLength", values.len())
                .param("rightLength", columns.len())
                .param("leftColumns", list(values.iter().map(|v| v.sql.to_string()).collect()))
                .param("rightColumns", list(columns.iter().map(|c| c.name.to_string()).collect())));
        }
        let nullable = values.iter().any(|v| v.nullable) || columns.iter().any(|c| c.nullable);
        // Both sides in their common types.
        let mut targets = vec![];
        for (v, c) in values.iter_mut().zip(&columns) {
            let mut pair = [v.clone(), c.typed()];
            collation::meet::compared(&mut pair, text.clone())?;
            let [met, c] = pair;
            *v = met;
            let to = common_type(&v.data_type, &c.data_type, self.ansi()).ok_or_else(|| {
                SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH")
                    .param("sqlExpr", quote_sql("IN"))
                    .param("mismatchedColumns", format!("{}:{}", v.sql, c.sql))
                    .param("leftType", quote_sql(v.data_type.sql()))
                    .param("rightType", quote_sql(c.data_type.sql()))
            })?;
            if !v.data_type.same_type(&to) {
                *v = cast(self.facts(), v.clone(), &to)?;
            }
            targets.push(to);
        }
        self.cast_columns(&mut node, &targets)?;
        self.key_columns(&mut node)?;
        let subquery = self.as_subquery(&mut node)?;
        let mut keys: Vec<DfExpr> = values.into_iter().map(|v| collation::key(v.expr, &v.data_type)).collect();
        let value = match keys.len() {
            1 => keys.remove(0),
            _ => tuple(keys, &targets),
        };
        let expr = DfExpr::InSubquery(InSubquery::new(Box::new(value), subquery, false));
        Ok(TypedExpr::new(expr, DataType::Boolean, nullable, text))
    }

    /// Puts what stands for collated columns in their place.
    fn key_columns(&self, node: &mut Node) -> SparkResult<()> {
        if !node.scope.columns.iter().any(|c| c.data_type.is_collated()) {
            return Ok(());
        }
        let (mut columns, mut computed) = (vec![], vec![]);
        for c in &node.scope.columns {
            let id = self.fresh();
            computed.push((id, c.key(), c.data_type.clone()));
            columns.push(ScopeColumn { id, slot: id, ..c.clone() });
        }
        node.compute(computed)?;
        *node = node.clone().with_scope(Scope::new(columns));
        Ok(())
    }

    /// The node's plan as DataFusion's sub-query.
    pub fn as_subquery(&self, node: &mut Node) -> SparkResult<Subquery> {
        Ok(subqueries::as_subquery(self.alone_if_deep(node.exact(&|| self.fresh())?)?))
    }
}
