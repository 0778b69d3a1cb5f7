//! Operators of `Python` nodes.

use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::prelude::SessionConfig;
use vonk_analyzer::nodes::python::{Python, PythonInput, PythonKind};
use vonk_common::SparkError;
use vonk_expr::exec_err;
use vonk_python::Task;

use super::cluster::ClusterExec;
use super::cogroups::{CoGroupsExec, SideColumns};
use super::exec::{PythonExec, Work};
use super::number::NumberExec;
use super::session::PythonSession;

/// So many rows of groups are not worth more than one worker.
const FEW_ROWS: usize = 4096;

pub fn python(
    node: &Python,
    inputs: &[Arc<dyn ExecutionPlan>],
    config: &SessionConfig,
) -> Result<Arc<dyn ExecutionPlan>> {
    let session = PythonSession::of(config)?;
    let task = Arc::new(Task {
        conf: session.conf.clone(),
        environment: Arc::clone(&session.environment),
        ..(*node.task).clone()
    });
    // Few rows are one partition, whose groups come in the order of their keys: so Spark does it, too.
    let single = node.single || (inputs.len() == 1 && inputs.iter().all(has_few_rows));
    let mut sides = vec![];
    for (described, input) in node.inputs.iter().zip(inputs) {
        let grouped = node.single || !described.keys.is_empty() || matches!(node.kind, PythonKind::CoGroups);
        sides.push(side(described, input, grouped, single)?);
    }
    if let PythonKind::CoGroups = node.kind {
        let (inputs, columns): (Vec<_>, Vec<_>) = sides.into_iter().unzip();
        return match (inputs.try_into(), columns.try_into()) {
            (Ok(inputs), Ok(columns)) => Ok(Arc::new(CoGroupsExec::new(inputs, columns, task, node.results.clone()))),
            _ => Err(exec_err(SparkError::internal("cogroups need two inputs"))),
        };
    }
    let Some((input, columns)) = sides.into_iter().next() else {
        return Err(exec_err(SparkError::internal("a Python node without input")));
    };
    let SideColumns { sent, keys, order, number } = columns;
    let (kind, results) = (node.kind.clone(), node.results.clone());
    let single = single && number.is_some();
    Ok(Arc::new(PythonExec::new(input, Work { kind, task, sent, keys, order, number, single, results })))
}

fn has_few_rows(input: &Arc<dyn ExecutionPlan>) -> bool {
    let known = StatisticsContext::new().compute(input.as_ref(), &StatisticsArgs::new());
    known.is_ok_and(|s| s.num_rows.get_value().is_some_and(|n| *n <= FEW_ROWS))
}

/// The input and its columns. Rows of a group keep their order: the input is clustered by its keys, or, where
/// more is sorted by, the rows' number is the last key.
fn side(
    described: &PythonInput,
    input: &Arc<dyn ExecutionPlan>,
    grouped: bool,
    single: bool,
) -> Result<(Arc<dyn ExecutionPlan>, SideColumns)> {
    let schema = input.schema();
    let position = |name: &String| Ok(schema.index_of(name)?);
    let sent = described.sent.iter().map(position).collect::<Result<_>>()?;
    let keys: Vec<usize> = described.keys.iter().map(position).collect::<Result<_>>()?;
    let mut order = vec![];
    for key in &described.order {
        let options = SortOptions { descending: !key.ascending, nulls_first: key.nulls_first };
        order.push((position(&key.column)?, options));
    }
    if !grouped {
        return Ok((Arc::clone(input), SideColumns { sent, keys, order, number: None }));
    }
    if !single && !keys.is_empty() && order.is_empty() {
        let clustered = Arc::new(ClusterExec::new(Arc::clone(input), keys.clone()));
        return Ok((clustered, SideColumns { sent, keys, order, number: None }));
    }
    let numbered = NumberExec::new(Arc::clone(input), if single { vec![] } else { keys.clone() });
    let number = Some(schema.fields().len());
    Ok((Arc::new(numbered), SideColumns { sent, keys, order, number }))
}
