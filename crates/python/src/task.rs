//! What a worker runs: plain data, so that it can travel inside a physical plan.
//!
//! The meaning of columns and results by kind of function:
//!
//! | kind | input columns | what comes back |
//! |---|---|---|
//! | scalar (row, pandas, Arrow) | the arguments; [`Arg`]s point at them | one column a function, a row for each row sent |
//! | grouped aggregate | the arguments | one column a function, one row a group |
//! | window aggregate | the arguments and the frames' bounds ([`Function::window`]); a group is a window partition | one column a function, a row for each row sent |
//! | map in pandas / Arrow | the frame the user sees | the table's columns, any rows |
//! | grouped map | `keys`, and the values the user sees (`args` of the only function) | the table's columns, any rows |
//! | cogrouped map | the same on both sides ([`Task::right`]) | the table's columns, any rows |
//! | table function | the arguments; a TABLE argument is one struct column | an INT64 column first: the number of the input row that a result belongs to (−1: before any), then the table's columns |
//! | data source read | one column `partition`: a pickled partition a row | the table's columns |
//! | data source write | the rows | one BINARY column, one row: the pickled commit message |

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_plan::types::{DataType, StructType};

use crate::Environment;

/// The numbers of `pyspark.util.PythonEvalType`, and ours for data sources.
pub mod eval_type {
    pub const BATCHED: i32 = 100;
    pub const ARROW_BATCHED: i32 = 101;
    pub const SCALAR_PANDAS: i32 = 200;
    pub const GROUPED_MAP_PANDAS: i32 = 201;
    pub const GROUPED_AGG_PANDAS: i32 = 202;
    pub const WINDOW_AGG_PANDAS: i32 = 203;
    pub const SCALAR_PANDAS_ITER: i32 = 204;
    pub const MAP_PANDAS_ITER: i32 = 205;
    pub const COGROUPED_MAP_PANDAS: i32 = 206;
    pub const MAP_ARROW_ITER: i32 = 207;
    pub const GROUPED_MAP_ARROW: i32 = 209;
    pub const COGROUPED_MAP_ARROW: i32 = 210;
    pub const GROUPED_MAP_ARROW_ITER: i32 = 215;
    pub const GROUPED_MAP_PANDAS_ITER: i32 = 216;
    pub const GROUPED_AGG_PANDAS_ITER: i32 = 217;
    pub const SCALAR_ARROW: i32 = 250;
    pub const SCALAR_ARROW_ITER: i32 = 251;
    pub const GROUPED_AGG_ARROW: i32 = 252;
    pub const WINDOW_AGG_ARROW: i32 = 253;
    pub const GROUPED_AGG_ARROW_ITER: i32 = 254;
    pub const TABLE: i32 = 300;
    pub const ARROW_TABLE: i32 = 301;
    pub const ARROW_UDTF: i32 = 302;
    /// Reads partitions of a Python data source. The function's command is the pickled reader.
    pub const SOURCE_READ: i32 = 900;
    /// Writes one partition of a Python data source. The function's command is the pickled writer.
    pub const SOURCE_WRITE: i32 = 901;

    /// Kinds whose input comes in groups: [`crate::Frame::ends`] says where they end.
    pub fn is_grouped(kind: i32) -> bool {
        is_cogrouped(kind)
            || matches!(
                kind,
                GROUPED_MAP_PANDAS
                    | GROUPED_AGG_PANDAS
                    | WINDOW_AGG_PANDAS
                    | GROUPED_MAP_ARROW
                    | GROUPED_MAP_ARROW_ITER
                    | GROUPED_MAP_PANDAS_ITER
                    | GROUPED_AGG_PANDAS_ITER
                    | GROUPED_AGG_ARROW
                    | WINDOW_AGG_ARROW
                    | GROUPED_AGG_ARROW_ITER
            )
    }

    /// Kinds with two inputs.
    pub fn is_cogrouped(kind: i32) -> bool {
        matches!(kind, COGROUPED_MAP_PANDAS | COGROUPED_MAP_ARROW)
    }

    /// Kinds that give one row for every row sent, in order.
    pub fn is_scalar(kind: i32) -> bool {
        matches!(kind, BATCHED | ARROW_BATCHED | SCALAR_PANDAS | SCALAR_PANDAS_ITER | SCALAR_ARROW | SCALAR_ARROW_ITER)
    }

    /// Table functions: their results name the input row they belong to.
    pub fn is_table(kind: i32) -> bool {
        matches!(kind, TABLE | ARROW_TABLE | ARROW_UDTF)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Task {
    /// The kind of the functions: see [`eval_type`].
    pub eval_type: i32,
    /// One an output column (scalar and aggregate kinds), else exactly one.
    pub functions: Vec<Function>,
    /// Spark's types of the columns that are sent.
    pub input: StructType,
    /// What comes back: one field a function, or the table's columns.
    pub output: StructType,
    /// Grouping columns among the inputs (map kinds only; the user may ask for the key).
    pub keys: Vec<usize>,
    /// The second input of cogrouped kinds.
    pub right: Option<Side>,
    /// What a table function needs besides.
    pub table: Option<TableFunction>,
    /// The session's settings that workers look at.
    pub conf: BTreeMap<String, String>,
    pub environment: Arc<Environment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Function {
    /// Pickled commands, innermost first: each takes the result of the one before. What PySpark
    /// pickles for a function is the pair (function, return type), for a table function the class.
    pub chain: Vec<Arc<[u8]>>,
    /// The arguments of the innermost. Grouped map kinds: the columns of the user's frame.
    pub args: Vec<Arg>,
    pub name: String,
    /// The client's Python, e.g. `3.12`; empty: not checked.
    pub python_version: String,
    /// Window aggregates: the two input columns (INT) with the first row and the row after the last
    /// of each row's frame, counted in the partition. `None`: the whole partition.
    pub window: Option<(usize, usize)>,
    /// Names the function in profiles.
    pub result_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Arg {
    Positional(usize),
    Named(String, usize),
}

/// The second input of cogrouped kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Side {
    pub input: StructType,
    pub keys: Vec<usize>,
    /// The columns of the user's second frame.
    pub values: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TableFunction {
    /// What `analyze` gave, pickled.
    pub analyze_result: Option<Arc<[u8]>>,
    /// Columns of the TABLE argument's struct that are there for partitioning alone.
    pub partition_columns: Vec<usize>,
    /// Input columns that are TABLE arguments.
    pub table_args: Vec<usize>,
}

impl Arg {
    /// The input column.
    pub fn column(&self) -> usize {
        match self {
            Arg::Positional(i) | Arg::Named(_, i) => *i,
        }
    }
}

impl Function {
    /// The type that this function's result has, by the task's output.
    pub fn output_type<'a>(&self, task: &'a Task, index: usize) -> Option<&'a DataType> {
        task.output.fields.get(index).map(|f| &f.data_type)
    }
}
