//! `Python`: rows through the user's code.
//!
//! One node for every kind of it. What is sent, what partitions and orders it and what comes back are
//! columns by name, so that other columns may come and go around them. What runs is a
//! [`vonk_python::Task`] without settings and environment, which the engine adds.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::{DFSchema, DFSchemaRef, Result, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore, WindowFrame};
use vonk_common::SparkError;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::exec_err;
use vonk_python::Task;

/// How rows go in and come out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PythonKind {
    /// A result for each row. Output: the input's columns, then the results.
    Scalar,
    /// Any rows for the rows of a partition. Output: the results.
    Map { barrier: bool },
    /// Any rows for the rows of a group. Output: the results.
    Groups,
    /// Any rows for the rows of a group and those of the same key on the other side.
    CoGroups,
    /// A row for each group. Output: the keys, then the results.
    Aggregate,
    /// A result for each row, from rows around it: a frame for each function, where it is not the
    /// whole partition. Output: the input's columns, then the results.
    Window { frames: Vec<Option<WindowFrame>> },
    /// Any rows for a row; `outer`: at least one. Output: the input's columns where they are kept, then
    /// the results.
    Table { keep: bool, outer: bool },
}

impl PythonKind {
    /// Do the input's columns stand before the results?
    pub fn has_input_columns(&self) -> bool {
        matches!(self, PythonKind::Scalar | PythonKind::Window { .. } | PythonKind::Table { keep: true, .. })
    }
}

/// A sort key within a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonOrder {
    pub column: String,
    pub ascending: bool,
    pub nulls_first: bool,
}

/// One input: the columns that are sent, and those that make its groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonInput {
    pub plan: Arc<LogicalPlan>,
    pub sent: Vec<String>,
    pub keys: Vec<String>,
    pub order: Vec<PythonOrder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Python {
    pub kind: PythonKind,
    pub task: Arc<Task>,
    /// One, or two for `CoGroups`.
    pub inputs: Vec<PythonInput>,
    /// Names of the result columns, whose types are those of the task's output.
    pub results: Vec<String>,
    /// All rows in one group, though there are no keys: they are brought together in one partition.
    pub single: bool,
    pub deterministic: bool,
    schema: DFSchemaRef,
}

impl Python {
    pub fn try_new(kind: PythonKind, task: Arc<Task>, inputs: Vec<PythonInput>, results: Vec<String>) -> Result<Self> {
        let schema = schema_of(&kind, &task, &inputs, &results)?;
        Ok(Python { kind, task, inputs, results, single: false, deterministic: true, schema })
    }
}

type Fields = Vec<(Option<TableReference>, FieldRef)>;

fn schema_of(kind: &PythonKind, task: &Task, inputs: &[PythonInput], results: &[String]) -> Result<DFSchemaRef> {
    let first = inputs.first().ok_or_else(|| internal("a Python node without input"))?;
    let own = first.plan.schema();
    let mut fields: Fields = match kind {
        kind if kind.has_input_columns() => own.iter().map(|(q, f)| (q.cloned(), f.clone())).collect(),
        PythonKind::Aggregate => {
            let key = |k: &String| Ok((None, own.field_with_unqualified_name(k)?.clone()));
            first.keys.iter().map(key).collect::<Result<_>>()?
        }
        _ => vec![],
    };
    if results.len() != task.output.len() {
        return Err(internal("a Python node's results do not fit their names"));
    }
    let new = task.output.fields.iter().zip(results);
    fields.extend(new.map(|(f, name)| (None, Arc::new(Field::new(name, to_arrow(&f.data_type), true)))));
    Ok(Arc::new(DFSchema::new_with_metadata(fields, Default::default())?))
}

fn internal(what: &str) -> datafusion::common::DataFusionError {
    exec_err(SparkError::internal(what))
}

impl PartialOrd for Python {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Python {
    fn name(&self) -> &str {
        "Python"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().map(|i| &*i.plan).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    /// Filters on the input's own columns may go below a function of single rows.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let free = match &self.kind {
            PythonKind::Scalar | PythonKind::Table { keep: true, .. } if self.deterministic && !self.single => {
                self.inputs.first()
            }
            _ => None,
        };
        let free: HashSet<&String> = free.iter().flat_map(|i| i.plan.schema().fields()).map(|f| f.name()).collect();
        self.schema.fields().iter().map(|f| f.name()).filter(|n| !free.contains(n)).cloned().collect()
    }

    fn supports_limit_pushdown(&self) -> bool {
        matches!(self.kind, PythonKind::Scalar)
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<_> = self.task.functions.iter().map(|f| f.name.as_str()).collect();
        let kind = match &self.kind {
            PythonKind::Window { .. } => "Window".into(),
            other => format!("{other:?}"),
        };
        let keys: Vec<_> = self.inputs.iter().map(|i| i.keys.join(", ")).collect();
        write!(f, "Python: {kind} {} [{}] type={}", names.join(", "), keys.join("; "), self.task.eval_type)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if inputs.len() != self.inputs.len() {
            return Err(internal("a Python node lost an input"));
        }
        let with = self.inputs.iter().zip(inputs);
        let inputs: Vec<_> = with.map(|(i, plan)| PythonInput { plan: Arc::new(plan), ..i.clone() }).collect();
        let schema = schema_of(&self.kind, &self.task, &inputs, &self.results)?;
        Ok(Python { inputs, schema, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let mut all = vec![];
        for (i, input) in self.inputs.iter().enumerate() {
            let schema = input.plan.schema();
            let mut needed: Vec<usize> = vec![];
            if i == 0 && self.kind.has_input_columns() {
                needed.extend(output_columns.iter().copied().filter(|o| *o < schema.fields().len()));
            }
            let order = input.order.iter().map(|o| &o.column);
            for name in input.sent.iter().chain(&input.keys).chain(order) {
                needed.push(schema.index_of_column_by_name(None, name)?);
            }
            needed.sort_unstable();
            needed.dedup();
            all.push(needed);
        }
        Some(all)
    }
}
