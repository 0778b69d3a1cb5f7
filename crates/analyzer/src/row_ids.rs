//! Takes out of expressions what only a place in the plan knows: `monotonically_increasing_id` (one node
//! under the projection numbers the rows) and `input_file_name` (a hidden column of sources of files).

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::kernel::KernelUdf;
use vonk_expr::{Kernel, TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::nodes::row_id::RowId;
use crate::scope::{ColumnId, column_expr, column_name};

/// The hidden column with the file of each row.
pub const INPUT_FILE: &str = "\0input_file";

/// The hidden column that says of each row which file it is from: a struct (Spark's `FileFormat.METADATA_NAME`).
pub const FILE_METADATA: &str = "_metadata";

/// What the field of such a column says of itself.
pub const FILE_METADATA_FIELD: &str = r#"{"__file_source_metadata_col":true,"__metadata_col":"_metadata"}"#;

impl Analyzer {
    /// Makes the expressions refer to the column with the rows' files, where there is one.
    fn take_input_files(&self, node: &Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        let mut files = node.scope.hidden.iter().filter(|c| &*c.name == INPUT_FILE && node.has(c.slot));
        let Some(file) = files.next() else { return Ok(()) };
        let several = files.next().is_some();
        for e in exprs {
            if several && e.expr.exists(|e| Ok(is_input_file(e))).map_err(spark_error)? {
                return Err(SparkError::new("MULTI_SOURCES_UNSUPPORTED_FOR_EXPRESSION")
                    .param("expr", quote_sql("input_file_name()"))
                    .at(e.origin.clone()));
            }
            let taken = std::mem::take(&mut e.expr).transform_down(|e| {
                Ok(match is_input_file(&e) {
                    true => Transformed::new(column_expr(file.slot), true, TreeNodeRecursion::Jump),
                    false => Transformed::no(e),
                })
            });
            e.expr = taken.map_err(spark_error)?.data;
        }
        Ok(())
    }

    /// Adds the numbers if an expression needs them, and makes the expressions refer to them.
    pub fn take_row_ids(&self, node: &mut Node, exprs: &mut [&mut TypedExpr]) -> SparkResult<()> {
        self.take_input_files(node, exprs)?;
        let mut column: Option<ColumnId> = None;
        for e in exprs {
            if !e.expr.exists(|e| Ok(is_row_id(e))).map_err(spark_error)? {
                continue;
            }
            let id = *column.get_or_insert_with(|| self.fresh());
            let taken = std::mem::take(&mut e.expr).transform_down(|e| {
                Ok(match is_row_id(&e) {
                    true => Transformed::new(column_expr(id), true, TreeNodeRecursion::Jump),
                    false => Transformed::no(e),
                })
            });
            e.expr = taken.map_err(spark_error)?.data;
        }
        match column {
            Some(id) => node.keep_all(|plan| RowId::over(plan, column_name(id))),
            None => Ok(()),
        }
    }
}

fn kernel_of(e: &DfExpr) -> Option<&'static Kernel> {
    let DfExpr::ScalarFunction(f) = e else { return None };
    f.func.inner().downcast_ref::<KernelUdf>().map(|k| k.call.kernel)
}

fn is_input_file(e: &DfExpr) -> bool {
    kernel_of(e).is_some_and(vonk_functions::is_input_file)
}

fn is_row_id(e: &DfExpr) -> bool {
    kernel_of(e).is_some_and(vonk_functions::is_row_id)
}
