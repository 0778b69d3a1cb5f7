//! Python aggregates over windows.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, Window, WindowFrame, WindowFrameBound};
use indexmap::IndexMap;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::from_arrow;
use vonk_expr::spark_error;
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_python::{Task, eval_type};

use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::ExprSchemable;

use super::extract::{contains_python, extension, restore};
use super::function::window_call;
use super::sent::Sent;
use crate::analyzer::Analyzer;
use crate::nodes::python::{Python, PythonInput, PythonKind, PythonOrder};

impl Analyzer {
    /// Scalar calls below the window operator; then the Python windows in nodes of their own.
    pub(super) fn extract_window(&self, w: Window) -> SparkResult<Transformed<LogicalPlan>> {
        let python = w.window_expr.iter().any(|e| window_call(e).is_some());
        if !python && !w.window_expr.iter().any(contains_python) {
            return Ok(Transformed::no(LogicalPlan::Window(w)));
        }
        let schema = w.schema.clone();
        let (mut input, exprs) = self.take_python(w.input, w.window_expr)?;
        let (own, native): (Vec<_>, Vec<_>) = exprs.into_iter().partition(|e| window_call(e).is_some());
        if !native.is_empty() {
            input = Arc::new(LogicalPlan::Window(Window::try_new(native, input).map_err(spark_error)?));
        }
        let mut kinds: IndexMap<i32, Vec<Expr>> = IndexMap::new();
        for e in own {
            let kind = window_call(&e).map(|(f, _)| f.eval_type).unwrap_or_default();
            kinds.entry(kind).or_default().push(e);
        }
        for (kind, calls) in kinds {
            input = self.python_window(input, kind, &calls)?;
        }
        Ok(Transformed::yes(restore(Arc::unwrap_or_clone(input), &schema)?))
    }

    /// Calls of one kind over the same partitions in the same order.
    fn python_window(&self, input: Arc<LogicalPlan>, kind: i32, calls: &[Expr]) -> SparkResult<Arc<LogicalPlan>> {
        let eval_type = match kind {
            eval_type::GROUPED_AGG_PANDAS => eval_type::WINDOW_AGG_PANDAS,
            eval_type::GROUPED_AGG_ARROW => eval_type::WINDOW_AGG_ARROW,
            _ => return Err(SparkError::unsupported("this kind of Python function over a window")),
        };
        let mut sent = Sent::default();
        let (mut functions, mut output, mut results, mut frames) = (vec![], vec![], vec![], vec![]);
        let (mut keys, mut order) = (vec![], vec![]);
        for e in calls {
            let Some((function, call)) = window_call(e) else { continue };
            functions.push(sent.function(self, &[function], &call.params.args));
            output.push(StructField::new(function.name.to_string(), function.output.clone(), true));
            results.push(e.schema_name().to_string());
            frames.push(bounded(&call.params.window_frame));
            if results.len() > 1 {
                continue;
            }
            let mut column = |e: &Expr| -> SparkResult<String> {
                let data_type = from_arrow(&e.get_type(input.schema()).map_err(spark_error)?)?;
                Ok(sent.column(self, e, &data_type))
            };
            for key in &call.params.partition_by {
                keys.push(column(key)?);
            }
            for key in &call.params.order_by {
                let (ascending, nulls_first) = (key.asc, key.nulls_first);
                order.push(PythonOrder { column: column(&key.expr)?, ascending, nulls_first });
            }
        }
        let plan = sent.over(input)?;
        let mut fields = sent.fields.clone();
        for (function, _) in functions.iter_mut().zip(&frames).filter(|(_, f)| f.is_some()) {
            function.window = Some((fields.len(), fields.len() + 1));
            fields.extend(["begin", "end"].map(|n| StructField::new(n, DataType::Int, false)));
        }
        let task = Task {
            eval_type,
            functions,
            input: StructType::new(fields),
            output: StructType::new(output),
            ..Task::default()
        };
        let single = keys.is_empty();
        let inputs = vec![PythonInput { plan, sent: sent.columns, keys, order }];
        let kind = PythonKind::Window { frames };
        let mut node = Python::try_new(kind, Arc::new(task), inputs, results).map_err(spark_error)?;
        node.single = single;
        Ok(extension(node))
    }
}

/// The frame, unless it is the whole partition.
fn bounded(frame: &WindowFrame) -> Option<WindowFrame> {
    let whole = matches!(&frame.start_bound, WindowFrameBound::Preceding(v) if v.is_null())
        && matches!(&frame.end_bound, WindowFrameBound::Following(v) if v.is_null());
    (!whole).then(|| frame.clone())
}
