//! Operators of Python user code as messages.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::compute::SortOptions;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::common::Result;
use datafusion::logical_expr::WindowFrame;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::protobuf;
use prost::Message;
use serde::{Deserialize, Serialize};
use vonk_analyzer::nodes::python::PythonKind;
use vonk_expr::exec_err;
use vonk_plan::types::{StructType, json};
use vonk_python::{Arg, Environment, Function, Side, TableFunction, Task};

use super::bad;
use crate::operators::python::cogroups::{CoGroupsExec, SideColumns};
use crate::operators::python::exec::{PythonExec, Work};
use crate::operators::python::scan::PythonScan;

/// Bytes in base64.
type Text = String;

#[derive(Debug, Serialize, Deserialize)]
pub struct PythonMessage {
    kind: Kind,
    task: TaskMessage,
    columns: Columns,
    single: bool,
    results: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CoGroupsMessage {
    task: TaskMessage,
    left: Columns,
    right: Columns,
    results: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PythonScanMessage {
    task: TaskMessage,
    runs: Vec<Vec<Text>>,
    projection: Vec<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Scalar,
    Map {
        barrier: bool,
    },
    Groups,
    CoGroups,
    Aggregate,
    /// DataFusion's message of each frame.
    Window {
        frames: Vec<Option<Text>>,
    },
    Table {
        keep: bool,
        outer: bool,
    },
}

/// Positions of columns; sort keys with descending and nulls first.
#[derive(Debug, Serialize, Deserialize)]
struct Columns {
    sent: Vec<usize>,
    keys: Vec<usize>,
    order: Vec<(usize, bool, bool)>,
    number: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TaskMessage {
    eval_type: i32,
    functions: Vec<FunctionMessage>,
    input: String,
    output: String,
    keys: Vec<usize>,
    right: Option<(String, Vec<usize>, Vec<usize>)>,
    table: Option<TableMessage>,
    conf: BTreeMap<String, String>,
    environment: EnvironmentMessage,
}

#[derive(Debug, Serialize, Deserialize)]
struct FunctionMessage {
    chain: Vec<Text>,
    args: Vec<(Option<String>, usize)>,
    name: String,
    python_version: String,
    window: Option<(usize, usize)>,
    result_id: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableMessage {
    analyze_result: Option<Text>,
    partition_columns: Vec<usize>,
    table_args: Vec<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EnvironmentMessage {
    python: Option<String>,
    session: String,
    files: Option<PathBuf>,
    python_path: Vec<PathBuf>,
    variables: BTreeMap<String, String>,
    memory_limit: Option<u64>,
}

impl PythonMessage {
    pub fn of(exec: &PythonExec) -> Result<Self> {
        let w = &exec.work;
        Ok(PythonMessage {
            kind: kind_to(&w.kind)?,
            task: task_to(&w.task),
            columns: columns_to(&w.sent, &w.keys, &w.order, w.number),
            single: w.single,
            results: w.results.clone(),
        })
    }

    pub fn decode(self, input: Arc<dyn ExecutionPlan>) -> Result<PythonExec> {
        let SideColumns { sent, keys, order, number } = columns_from(self.columns);
        let (kind, task) = (kind_from(self.kind)?, Arc::new(task_from(self.task)?));
        let work = Work { kind, task, sent, keys, order, number, single: self.single, results: self.results };
        Ok(PythonExec::new(input, work))
    }
}

impl CoGroupsMessage {
    pub fn of(exec: &CoGroupsExec) -> Self {
        let [left, right] = &exec.sides;
        let columns = |s: &SideColumns| columns_to(&s.sent, &s.keys, &s.order, s.number);
        CoGroupsMessage {
            task: task_to(&exec.task),
            left: columns(left),
            right: columns(right),
            results: exec.results.clone(),
        }
    }

    pub fn decode(self, inputs: &[Arc<dyn ExecutionPlan>]) -> Result<CoGroupsExec> {
        let inputs = inputs.to_vec().try_into().map_err(|_| bad("cogroups without two inputs"))?;
        let sides = [columns_from(self.left), columns_from(self.right)];
        Ok(CoGroupsExec::new(inputs, sides, Arc::new(task_from(self.task)?), self.results))
    }
}

impl PythonScanMessage {
    pub fn of(scan: &PythonScan) -> Self {
        let runs = scan.runs.iter().map(|run| run.iter().map(|p| text(p)).collect());
        PythonScanMessage { task: task_to(&scan.task), runs: runs.collect(), projection: scan.projection.clone() }
    }

    pub fn decode(self) -> Result<PythonScan> {
        let runs = self.runs.iter().map(|run| run.iter().map(|p| bytes(p)).collect::<Result<Vec<_>>>());
        PythonScan::new(Arc::new(task_from(self.task)?), runs.collect::<Result<_>>()?, self.projection)
    }
}

fn text(bytes: &[u8]) -> Text {
    STANDARD.encode(bytes)
}

fn bytes(text: &str) -> Result<Arc<[u8]>> {
    STANDARD.decode(text).map(Arc::from).map_err(bad)
}

fn schema(text: &str) -> Result<StructType> {
    json::parse_struct(text).map_err(exec_err)
}

fn kind_to(kind: &PythonKind) -> Result<Kind> {
    Ok(match kind {
        PythonKind::Scalar => Kind::Scalar,
        PythonKind::Map { barrier } => Kind::Map { barrier: *barrier },
        PythonKind::Groups => Kind::Groups,
        PythonKind::CoGroups => Kind::CoGroups,
        PythonKind::Aggregate => Kind::Aggregate,
        PythonKind::Table { keep, outer } => Kind::Table { keep: *keep, outer: *outer },
        PythonKind::Window { frames } => {
            let encode = |f: &WindowFrame| -> Result<Text> {
                let message = protobuf::WindowFrame::try_from(f).map_err(bad)?;
                Ok(text(&message.encode_to_vec()))
            };
            Kind::Window { frames: frames.iter().map(|f| f.as_ref().map(encode).transpose()).collect::<Result<_>>()? }
        }
    })
}

fn kind_from(kind: Kind) -> Result<PythonKind> {
    Ok(match kind {
        Kind::Scalar => PythonKind::Scalar,
        Kind::Map { barrier } => PythonKind::Map { barrier },
        Kind::Groups => PythonKind::Groups,
        Kind::CoGroups => PythonKind::CoGroups,
        Kind::Aggregate => PythonKind::Aggregate,
        Kind::Table { keep, outer } => PythonKind::Table { keep, outer },
        Kind::Window { frames } => {
            let decode = |f: Text| -> Result<WindowFrame> {
                let message = protobuf::WindowFrame::decode(&*bytes(&f)?).map_err(bad)?;
                WindowFrame::try_from(message).map_err(bad)
            };
            let frames = frames.into_iter().map(|f| f.map(decode).transpose());
            PythonKind::Window { frames: frames.collect::<Result<_>>()? }
        }
    })
}

fn columns_to(sent: &[usize], keys: &[usize], order: &[(usize, SortOptions)], number: Option<usize>) -> Columns {
    let order = order.iter().map(|(i, o)| (*i, o.descending, o.nulls_first)).collect();
    Columns { sent: sent.to_vec(), keys: keys.to_vec(), order, number }
}

fn columns_from(c: Columns) -> SideColumns {
    let order = c.order.into_iter().map(|(i, descending, nulls_first)| (i, SortOptions { descending, nulls_first }));
    SideColumns { sent: c.sent, keys: c.keys, order: order.collect(), number: c.number }
}

fn task_to(task: &Task) -> TaskMessage {
    let json = |s: &StructType| json::struct_to_json(s).to_string();
    let functions = task.functions.iter().map(|f| FunctionMessage {
        chain: f.chain.iter().map(|c| text(c)).collect(),
        args: f
            .args
            .iter()
            .map(|a| match a {
                Arg::Positional(i) => (None, *i),
                Arg::Named(name, i) => (Some(name.clone()), *i),
            })
            .collect(),
        name: f.name.clone(),
        python_version: f.python_version.clone(),
        window: f.window,
        result_id: f.result_id,
    });
    let e = &task.environment;
    TaskMessage {
        eval_type: task.eval_type,
        functions: functions.collect(),
        input: json(&task.input),
        output: json(&task.output),
        keys: task.keys.clone(),
        right: task.right.as_ref().map(|r| (json(&r.input), r.keys.clone(), r.values.clone())),
        table: task.table.as_ref().map(|t| TableMessage {
            analyze_result: t.analyze_result.as_deref().map(text),
            partition_columns: t.partition_columns.clone(),
            table_args: t.table_args.clone(),
        }),
        conf: task.conf.clone(),
        environment: EnvironmentMessage {
            python: e.python.clone(),
            session: e.session.clone(),
            files: e.files.clone(),
            python_path: e.python_path.clone(),
            variables: e.variables.clone(),
            memory_limit: e.memory_limit,
        },
    }
}

fn task_from(message: TaskMessage) -> Result<Task> {
    let function = |f: FunctionMessage| -> Result<Function> {
        let args = f.args.into_iter().map(|(name, i)| match name {
            Some(name) => Arg::Named(name, i),
            None => Arg::Positional(i),
        });
        Ok(Function {
            chain: f.chain.iter().map(|c| bytes(c)).collect::<Result<_>>()?,
            args: args.collect(),
            name: f.name,
            python_version: f.python_version,
            window: f.window,
            result_id: f.result_id,
        })
    };
    let table = |t: TableMessage| -> Result<TableFunction> {
        Ok(TableFunction {
            analyze_result: t.analyze_result.as_deref().map(bytes).transpose()?,
            partition_columns: t.partition_columns,
            table_args: t.table_args,
        })
    };
    let right = |(input, keys, values): (String, Vec<usize>, Vec<usize>)| -> Result<Side> {
        Ok(Side { input: schema(&input)?, keys, values })
    };
    let e = message.environment;
    Ok(Task {
        eval_type: message.eval_type,
        functions: message.functions.into_iter().map(function).collect::<Result<_>>()?,
        input: schema(&message.input)?,
        output: schema(&message.output)?,
        keys: message.keys,
        right: message.right.map(right).transpose()?,
        table: message.table.map(table).transpose()?,
        conf: message.conf,
        environment: Arc::new(Environment {
            python: e.python,
            session: e.session,
            files: e.files,
            python_path: e.python_path,
            variables: e.variables,
            memory_limit: e.memory_limit,
        }),
    })
}
