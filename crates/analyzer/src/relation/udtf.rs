//! Python table functions in FROM: `f(1, x => 2)`, `f(TABLE(t) PARTITION BY k ORDER BY o)`, and
//! `t, LATERAL f(t.x)`, which calls the function with each row of `t`.

use std::rc::Rc;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan};
use vonk_common::error::quote_id;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_expr::{TypedExpr, spark_error};
use vonk_plan::expr::{ExprKind, SortOrder, SubqueryKind, SubqueryPlan, UserCode};
use vonk_plan::relation::{Join, JoinCondition, JoinKind, UdtfCall};
use vonk_plan::types::{DataType, StructType};
use vonk_plan::{Expr, Relation, RelationKind};
use vonk_python::{Arg, Function, TableFunction, Task, eval_type};
use vonk_sql::ParseOptions;

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::order::SortKey;
use crate::expr::udf::check_names;
use crate::node::Node;
use crate::nodes::python::{Python, PythonInput, PythonKind, PythonOrder};
use crate::python::extract::extension;
use crate::python::sent::{Sent, next_result};
use crate::relation::join::after;
use crate::resolver::{SessionFunction, UdtfAnalysis, UdtfArgument};
use crate::scope::{Scope, ScopeColumn, column_name};

type At<'a> = Option<&'a Arc<Origin>>;

/// A TABLE argument: its rows, and how they are divided and ordered.
struct Table {
    node: Node,
    partition_by: Vec<TypedExpr>,
    order_by: Vec<SortKey>,
    single: bool,
}

impl Analyzer {
    /// A call in FROM.
    pub fn udtf(&self, call: &UdtfCall, args: &[Expr], at: At, outer: Outer) -> SparkResult<Node> {
        let mut input = self.one_row()?;
        let right =
            self.udtf_over(&mut input, call, args, at, outer, PythonKind::Table { keep: true, outer: false })?;
        Ok(Node::new(Arc::unwrap_or_clone(input.plan()?), Scope::new(right)))
    }

    /// The right side of a LATERAL join, if it is a call of a Python table function with rows of the
    /// left side: the join is then the call itself.
    pub fn lateral_udtf(&self, left: &Node, j: &Join, outer: Outer) -> SparkResult<Option<Node>> {
        let kind = match (j.kind, &j.condition) {
            (JoinKind::Inner | JoinKind::Cross, JoinCondition::None) => false,
            (JoinKind::Left, JoinCondition::None) => true,
            _ => return Ok(None),
        };
        let (relation, alias) = match &j.right.kind {
            RelationKind::Alias { input, alias, qualifier, columns } => (&**input, Some((alias, qualifier, columns))),
            _ => (&j.right, None),
        };
        let (call, args) = match &relation.kind {
            RelationKind::Udtf(call) => (Arc::new((**call).clone()), &call.args),
            RelationKind::TableFunction(f) if self.builtin(&f.name).is_none() => {
                match self.resolver().function(&f.name)? {
                    Some(SessionFunction::Table(call)) => (call, &f.args),
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        if args.iter().any(|a| table_argument(a).is_some()) {
            return Ok(None);
        }
        if matches!(call.code, UserCode::Python { eval_type: eval_type::ARROW_UDTF, .. }) {
            return Err(SparkError::new("LATERAL_JOIN_WITH_ARROW_UDTF_UNSUPPORTED").at(relation.origin.clone()));
        }
        let around = Rc::new(Env::of(left, outer));
        let mut node = left.clone();
        let at = relation.origin.as_ref();
        let kind = PythonKind::Table { keep: true, outer: kind };
        let columns = self.udtf_over(&mut node, &call, args, at, Some(&around), kind)?;
        let mut right = Node::new(LogicalPlan::default(), Scope::new(columns));
        self.note_scope(relation, &right);
        if let Some((alias, qualifier, columns)) = alias {
            right = self.alias(right, alias, qualifier, columns)?;
            self.note_scope(&j.right, &right);
        }
        let scope = after(&left.scope, &right.scope, j.kind);
        Ok(Some(node.with_scope(scope).sealed()))
    }

    fn note_scope(&self, relation: &Relation, node: &Node) {
        if let Some(id) = relation.plan_id {
            self.register(id, &node.scope);
        }
    }

    /// Puts the call over the node, or over its TABLE argument. Gives the function's columns.
    fn udtf_over(
        &self,
        node: &mut Node,
        call: &UdtfCall,
        args: &[Expr],
        at: At,
        outer: Outer,
        kind: PythonKind,
    ) -> SparkResult<Vec<ScopeColumn>> {
        let UserCode::Python { eval_type, command, python_version, .. } = &call.code else {
            return Err(SparkError::unsupported("table functions in Java and Scala"));
        };
        check_names(&call.name, args, at)?;
        let env = Env::new(Default::default(), outer);
        let mut table: Option<(usize, Table)> = None;
        let mut described = vec![];
        let mut values: Vec<(Option<String>, TypedExpr)> = vec![];
        let tables = args.iter().filter(|a| table_argument(a).is_some()).count();
        if tables > 1 {
            return Err(SparkError::new("TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS")
                .param("num", tables)
                .at(at.cloned()));
        }
        for (i, e) in args.iter().enumerate() {
            let (name, e) = match &e.kind {
                ExprKind::NamedArgument { name, value } => (Some(name.clone()), &**value),
                _ => (None, e),
            };
            if table_argument(e).is_some() {
                let found = self.table_of(e, outer)?;
                let row = self.row_of(&found, &[])?;
                described.push(UdtfArgument { name: name.clone(), is_table: true, value: row.clone() });
                values.push((name, row));
                table = Some((i, found));
                continue;
            }
            let mut value = self.expr(&env, e)?;
            self.take_subqueries(node, &mut [&mut value])?;
            value.expr = inner(value.expr, node)?;
            described.push(UdtfArgument { name: name.clone(), is_table: false, value: value.clone() });
            values.push((name, value));
        }
        let (schema, analyzed) = match &call.return_type {
            Some(DataType::Struct(s)) => (s.clone(), None),
            Some(other) => {
                return Err(SparkError::new("UDTF_RETURN_SCHEMA_MISMATCH").param("dataType", other.to_string()));
            }
            None => {
                let analysis = self.resolver().analyze_udtf(call, &described).map_err(|e| e.at(at.cloned()))?;
                (analysis.schema.clone(), Some(analysis))
            }
        };
        if let (Some((_, table)), Some(analysis)) = (&mut table, &analyzed) {
            self.required_partitioning(call, table, analysis, at)?;
            if !analysis.select.is_empty() {
                table.node = self.project(table.node.clone(), &self.selected(analysis)?, None)?;
            }
        }
        let mut partition_columns = vec![];
        if let Some((i, table)) = &table
            && let Some((_, value)) = values.get_mut(*i)
        {
            let own = table.node.scope.columns.len();
            partition_columns = (own..own + table.partition_by.len()).collect();
            *value = self.row_of(table, &table.partition_by)?;
        }
        let mut sent = Sent::default();
        let mut input_args = vec![];
        let mut table_args = vec![];
        for (i, (name, value)) in values.iter().enumerate() {
            let position = sent.push(self, &value.expr, &value.data_type, value.nullable);
            if table.as_ref().is_some_and(|(t, _)| *t == i) {
                table_args.push(position);
            }
            input_args.push(match name {
                Some(name) => Arg::Named(name.clone(), position),
                None => Arg::Positional(position),
            });
        }
        let (mut keys, mut order, mut single) = (vec![], vec![], false);
        let plan = match &mut table {
            Some((_, table)) => {
                for key in &table.partition_by {
                    keys.push(sent.column(self, &key.expr, &key.data_type));
                }
                for key in &table.order_by {
                    let (ascending, nulls_first) = (key.ascending, key.nulls_first);
                    let column = sent.column(self, &key.value.expr, &key.value.data_type);
                    order.push(PythonOrder { column, ascending, nulls_first });
                }
                single = table.single;
                table.node.plan()?
            }
            None => node.plan()?,
        };
        let plan = sent.over(plan)?;
        let function = Function {
            chain: vec![command.clone()],
            args: input_args,
            name: call.name.clone(),
            python_version: python_version.clone(),
            window: None,
            result_id: Some(next_result()),
        };
        let task = Task {
            eval_type: *eval_type,
            functions: vec![function],
            input: sent.schema(),
            output: schema.clone(),
            table: Some(TableFunction { analyze_result: analyzed.map(|a| a.pickled), partition_columns, table_args }),
            ..Task::default()
        };
        let columns = self.table_columns(&schema);
        let results = columns.iter().map(|c| column_name(c.slot)).collect();
        let inputs = vec![PythonInput { plan, sent: sent.columns, keys, order }];
        let kind = if table.is_some() { PythonKind::Table { keep: false, outer: false } } else { kind };
        let mut python = Python::try_new(kind, Arc::new(task), inputs, results).map_err(spark_error)?;
        python.single = single;
        python.deterministic = call.deterministic;
        node.keep_all(|_| Ok(LogicalPlan::clone(&extension(python))))?;
        Ok(columns)
    }

    /// Fresh columns for a function's table.
    pub fn table_columns(&self, schema: &StructType) -> Vec<ScopeColumn> {
        let column = |f: &vonk_plan::types::StructField| ScopeColumn {
            metadata: f.metadata.clone(),
            ..ScopeColumn::new(self.fresh(), f.name.as_str(), f.data_type.clone(), f.nullable)
        };
        schema.fields.iter().map(column).collect()
    }

    fn table_of(&self, e: &Expr, outer: Outer) -> SparkResult<Table> {
        let ExprKind::Subquery(q) = &e.kind else { return Err(SparkError::internal("a TABLE argument")) };
        let SubqueryKind::Table { partition_by, order_by, single_partition } = &q.kind else {
            return Err(SparkError::internal("a TABLE argument"));
        };
        let node = match &q.plan {
            SubqueryPlan::Inline(relation) => self.relation(relation, outer)?,
            SubqueryPlan::PlanId(id) => {
                let relation = self.reference(*id);
                let relation = relation.ok_or_else(|| SparkError::internal(format!("no relation of plan id {id}")))?;
                self.relation(&relation, outer)?
            }
        };
        let mut table = Table { node, partition_by: vec![], order_by: vec![], single: *single_partition };
        self.divide(&mut table, partition_by, order_by)?;
        Ok(table)
    }

    fn divide(&self, table: &mut Table, partition_by: &[Expr], order_by: &[SortOrder]) -> SparkResult<()> {
        table.partition_by = self.exprs(&Env::of(&table.node, None), partition_by)?;
        table.order_by = self.sort_keys(&table.node, order_by)?;
        Ok(())
    }

    /// The rows of the table as one struct; after its columns those that part it, which the worker
    /// looks at and the user does not see.
    fn row_of(&self, table: &Table, partition_by: &[TypedExpr]) -> SparkResult<TypedExpr> {
        let mut args = vec![];
        for c in &table.node.scope.columns {
            args.push(TypedExpr::literal(&vonk_plan::Literal::string(c.name.to_string()))?);
            args.push(c.typed());
        }
        for (i, key) in partition_by.iter().enumerate() {
            args.push(TypedExpr::literal(&vonk_plan::Literal::string(format!("partition_by_{i}")))?);
            args.push(key.clone());
        }
        self.call_builtin(&Env::default(), "named_struct", args, None)
    }

    /// What `analyze` asks for; the call may not ask for something, too.
    fn required_partitioning(
        &self,
        call: &UdtfCall,
        table: &mut Table,
        analysis: &UdtfAnalysis,
        at: At,
    ) -> SparkResult<()> {
        let asked = match (analysis.single_partition, analysis.partition_by.is_empty()) {
            (false, true) => {
                if !analysis.order_by.is_empty() {
                    table.order_by = self.sort_keys(&table.node, &self.order_texts(analysis)?)?;
                }
                return Ok(());
            }
            _ => "specified its own required partitioning of the input table",
        };
        if table.single || !table.partition_by.is_empty() {
            return Err(SparkError::new("TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL")
                .param("functionName", &call.name)
                .param("requestedMetadata", asked)
                .param(
                    "invalidFunctionCallProperty",
                    "specified the WITH SINGLE PARTITION or PARTITION BY clause; please remove these clauses and retry \
                     the query again.",
                )
                .at(at.cloned()));
        }
        let by = analysis.partition_by.iter().map(|t| self.parsed(t)).collect::<SparkResult<Vec<_>>>()?;
        let order = self.order_texts(analysis)?;
        table.single = analysis.single_partition;
        self.divide(table, &by, &order)
    }

    fn sort_keys(&self, node: &Node, order: &[SortOrder]) -> SparkResult<Vec<SortKey>> {
        let env = Env::of(node, None);
        order.iter().map(|o| SortKey::new(self.expr(&env, &o.child)?, o)).collect()
    }

    fn order_texts(&self, analysis: &UdtfAnalysis) -> SparkResult<Vec<SortOrder>> {
        let one = |(text, ascending, nulls_first): &(String, bool, Option<bool>)| {
            let child = self.parsed(text)?;
            Ok(SortOrder { child, ascending: *ascending, nulls_first: nulls_first.unwrap_or(*ascending) })
        };
        analysis.order_by.iter().map(one).collect()
    }

    fn selected(&self, analysis: &UdtfAnalysis) -> SparkResult<Vec<Expr>> {
        let one = |(text, alias): &(String, Option<String>)| {
            let e = self.parsed(text)?;
            Ok(match alias {
                Some(alias) if !alias.is_empty() => e.alias(alias),
                _ => e,
            })
        };
        analysis.select.iter().map(one).collect()
    }

    fn parsed(&self, text: &str) -> SparkResult<Expr> {
        vonk_sql::parse_expression(text, &ParseOptions::new(&self.facts().conf))
    }
}

/// The expression as a TABLE argument, maybe with a name.
pub fn table_argument(e: &Expr) -> Option<&Expr> {
    match &e.kind {
        ExprKind::NamedArgument { value, .. } => table_argument(value),
        ExprKind::Subquery(q) if matches!(q.kind, SubqueryKind::Table { .. }) => Some(e),
        _ => None,
    }
}

/// The expression with references to columns of the node around it as plain columns.
fn inner(e: DfExpr, node: &Node) -> SparkResult<DfExpr> {
    let out = e.transform_up(|e| {
        Ok(match &e {
            DfExpr::OuterReferenceColumn(_, c) if crate::scope::column_id(&c.name).is_some_and(|id| node.has(id)) => {
                Transformed::yes(DfExpr::Column(c.clone()))
            }
            _ => Transformed::no(e),
        })
    });
    Ok(out.map_err(spark_error)?.data)
}

/// Names that a call's alias gives do not fit its columns.
pub fn alias_mismatch(function: &[String], given: usize, columns: usize, at: At) -> SparkError {
    SparkError::new("NUM_TABLE_VALUE_ALIASES_MISMATCH")
        .param("funcName", quote_id(function))
        .param("aliasesNum", given)
        .param("outColsNum", columns)
        .at(at.cloned())
}
