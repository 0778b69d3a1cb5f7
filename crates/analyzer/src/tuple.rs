//! `(a, b) IN (SELECT x, y …)`: what is looked for, as one expression.
//!
//! An IN of DataFusion's has one value and one column. The values of several are the arguments of a call that nobody
//! computes: who takes the sub-query out asks for them again and compares them one by one, so that a NULL in one of
//! them is a NULL of the whole.

use datafusion::logical_expr::Expr;
use vonk_common::SparkError;
use vonk_expr::{Call, Kernel, KernelUdf};
use vonk_plan::types::DataType;

static TUPLE: Kernel =
    Kernel::new("tuple", |call, _, _| Err(call.error(SparkError::internal("the values of IN are no value")))).eager();

/// The values as one expression.
pub fn tuple(values: Vec<Expr>, types: &[DataType]) -> Expr {
    let call = Call {
        kernel: &TUPLE,
        arg_types: types.into(),
        return_type: DataType::Boolean,
        ansi: true,
        time_zone: "UTC".into(),
        params: [].into(),
        origin: None,
    };
    KernelUdf::call(call, values)
}

/// The values of such an expression; any other one is itself the only value.
pub fn values(e: Expr) -> Vec<Expr> {
    match e {
        Expr::ScalarFunction(call) if is_call(&call) => call.args,
        other => vec![other],
    }
}

/// Are there several values?
pub fn is_tuple(e: &Expr) -> bool {
    matches!(e, Expr::ScalarFunction(call) if is_call(call))
}

fn is_call(call: &datafusion::logical_expr::expr::ScalarFunction) -> bool {
    call.func.inner().downcast_ref::<KernelUdf>().is_some_and(|udf| std::ptr::eq(udf.call.kernel, &TUPLE))
}
