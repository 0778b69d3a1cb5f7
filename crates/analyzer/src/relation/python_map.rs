//! `mapInPandas`, `applyInPandas` and their likes: tables from whole partitions, groups and pairs of
//! groups. What the user's function sees are the input's columns under their names.

use std::sync::Arc;

use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::expr::{UdfCall, UserCode};
use vonk_plan::relation::{CoGroupMap, GroupMap};
use vonk_plan::types::{DataType, StructType};
use vonk_plan::{Expr, Relation};
use vonk_python::{Arg, Function, Side, Task};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::node::Node;
use crate::nodes::python::{Python, PythonInput, PythonKind};
use crate::python::extract::extension;
use crate::python::sent::Sent;
use crate::scope::{Scope, ScopeColumn, column_expr, column_name};

/// One input of a function over groups.
struct Grouped {
    input: PythonInput,
    schema: StructType,
    keys: Vec<usize>,
    values: Vec<usize>,
}

impl Analyzer {
    pub fn map_partitions(&self, mut node: Node, udf: &UdfCall, barrier: bool) -> SparkResult<Node> {
        let plan = node.exact(&|| self.fresh())?;
        let sent = node.scope.columns.iter().map(|c| column_name(c.slot)).collect();
        let schema = node.scope.struct_type();
        let args = (0..schema.len()).map(Arg::Positional).collect();
        let task = task(udf, schema, args)?;
        let input = PythonInput { plan, sent, keys: vec![], order: vec![] };
        self.python_node(PythonKind::Map { barrier }, task, vec![input], false)
    }

    pub fn group_map(&self, g: &GroupMap, outer: Outer) -> SparkResult<Node> {
        if g.stateful.is_some() {
            return Err(SparkError::unsupported("functions with state over groups"));
        }
        let side = self.grouped_input(&g.input, &g.grouping, Some(&g.function.args), outer)?;
        let mut task = task(&g.function, side.schema, side.values.into_iter().map(Arg::Positional).collect())?;
        task.keys = side.keys;
        let single = g.grouping.is_empty();
        self.python_node(PythonKind::Groups, task, vec![side.input], single)
    }

    pub fn cogroup_map(&self, g: &CoGroupMap, outer: Outer) -> SparkResult<Node> {
        let left = self.grouped_input(&g.left, &g.left_grouping, None, outer)?;
        let right = self.grouped_input(&g.right, &g.right_grouping, None, outer)?;
        if left.keys.len() != right.keys.len() {
            return Err(SparkError::new("COGROUP_KEYS_OF_DIFFERENT_SIZE")
                .param("left", left.keys.len())
                .param("right", right.keys.len()));
        }
        let mut task = task(&g.function, left.schema, left.values.into_iter().map(Arg::Positional).collect())?;
        task.keys = left.keys;
        task.right = Some(Side { input: right.schema, keys: right.keys, values: right.values });
        self.python_node(PythonKind::CoGroups, task, vec![left.input, right.input], false)
    }

    /// The keys, and the columns that the function sees: those it names, or all.
    fn grouped_input(
        &self,
        input: &Relation,
        keys: &[Expr],
        values: Option<&[Expr]>,
        outer: Outer,
    ) -> SparkResult<Grouped> {
        let mut node = self.relation(input, outer)?;
        let env = Env::of(&node, outer);
        let mut keys = self.exprs(&env, keys)?;
        let mut borrowed: Vec<_> = keys.iter_mut().collect();
        self.take_subqueries(&mut node, &mut borrowed)?;
        let all: Vec<ScopeColumn> = node.scope.columns.clone();
        let named = match values {
            Some(values) if !values.is_empty() && values.len() != all.len() => Some(self.exprs(&env, values)?),
            _ => None,
        };
        let plan = node.plan()?;
        let mut sent = Sent::default();
        let (mut columns, mut positions, mut seen) = (vec![], vec![], vec![]);
        for key in &keys {
            positions.push(sent.add(self, &key.expr, &key.output_name(), &key.data_type, key.nullable));
            columns.push(sent.column(self, &key.expr, &key.data_type));
        }
        match named {
            Some(values) => {
                for v in &values {
                    seen.push(sent.add(self, &v.expr, &v.output_name(), &v.data_type, v.nullable));
                }
            }
            None => {
                for c in &all {
                    seen.push(sent.add(self, &column_expr(c.slot), &c.name, &c.data_type, c.nullable));
                }
            }
        }
        let plan = sent.over(plan)?;
        let schema = sent.schema();
        let input = PythonInput { plan, sent: sent.columns, keys: columns, order: vec![] };
        Ok(Grouped { input, schema, keys: positions, values: seen })
    }

    /// A node whose output is the table that the function gives.
    pub fn python_node(
        &self,
        kind: PythonKind,
        task: Task,
        inputs: Vec<PythonInput>,
        single: bool,
    ) -> SparkResult<Node> {
        let columns = self.table_columns(&task.output);
        let results = columns.iter().map(|c| column_name(c.slot)).collect();
        let mut node = Python::try_new(kind, Arc::new(task), inputs, results).map_err(spark_error)?;
        node.single = single;
        Ok(Node::new(Arc::unwrap_or_clone(extension(node)), Scope::new(columns)))
    }
}

/// The task of a function that gives a table.
fn task(udf: &UdfCall, input: StructType, args: Vec<Arg>) -> SparkResult<Task> {
    let UserCode::Python { output_type, eval_type, command, python_version } = &udf.code else {
        return Err(SparkError::unsupported("functions in Java and Scala"));
    };
    let output = match output_type {
        DataType::Struct(s) => s.clone(),
        other => {
            return Err(SparkError::new("INVALID_PANDAS_UDF_PLACEMENT").param("functionList", other.to_string()));
        }
    };
    let function = Function {
        chain: vec![command.clone()],
        args,
        name: udf.name.clone(),
        python_version: python_version.clone(),
        window: None,
        result_id: Some(crate::python::sent::next_result()),
    };
    Ok(Task { eval_type: *eval_type, functions: vec![function], input, output, ..Task::default() })
}
