//! Big arguments are put on a shelf while a builder works, with a column in their place: builders
//! may clone their arguments, which for each level of a deep expression would be quadratic. What is
//! too deep even for the optimizer is sealed.

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr as DfExpr;
use vonk_common::SparkResult;
use vonk_expr::sealed::seal;
use vonk_expr::{TypedExpr, spark_error};

use crate::analyzer::Analyzer;
use crate::python::extract::contains_python;
use crate::scope::{column_expr, column_name};

/// Nodes that an argument may have and still be passed as it is.
const SMALL: usize = 48;

pub type Shelf = HashMap<String, DfExpr>;

impl Analyzer {
    /// Takes big arguments away. Constant ones stay, as builders may want their value, except for
    /// operators.
    pub fn shelve(&self, args: &mut [TypedExpr], operator: bool) -> Shelf {
        let mut shelf = Shelf::new();
        for arg in args {
            if (operator || !arg.foldable) && is_big(&arg.expr) {
                // Python calls are taken out of the finished plan.
                if !self.calls_python() || !contains_python(&arg.expr) {
                    seal(arg);
                }
                let id = self.fresh();
                let big = std::mem::replace(&mut arg.expr, column_expr(id));
                shelf.insert(column_name(id), big);
            }
        }
        shelf
    }
}

/// Puts the arguments back where their columns ended up.
pub fn put_back(out: &mut TypedExpr, mut shelf: Shelf) -> SparkResult<()> {
    if shelf.is_empty() {
        return Ok(());
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    out.expr
        .apply(|e| {
            if let DfExpr::Column(c) = e
                && shelf.contains_key(&c.name)
            {
                *uses.entry(c.name.clone()).or_default() += 1;
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(spark_error)?;
    let filled = std::mem::take(&mut out.expr).transform_down(|e| {
        let DfExpr::Column(c) = &e else { return Ok(Transformed::no(e)) };
        let Some(left) = uses.get_mut(&c.name) else { return Ok(Transformed::no(e)) };
        *left -= 1;
        let big = if *left == 0 { shelf.remove(&c.name) } else { shelf.get(&c.name).cloned() };
        Ok(match big {
            Some(big) => Transformed::new(big, true, TreeNodeRecursion::Jump),
            None => Transformed::no(e),
        })
    });
    out.expr = filled.map_err(spark_error)?.data;
    Ok(())
}

fn is_big(e: &DfExpr) -> bool {
    let mut nodes = 0;
    let counted = e.apply(|_| {
        nodes += 1;
        Ok(if nodes > SMALL { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    counted.is_ok() && nodes > SMALL
}
