//! Lambda arguments of higher-order functions.
//!
//! The builder of a higher-order function learns the element type from its first arguments, then
//! binds its lambdas: the analyzer resolves the body with the parameters as columns of unique names.
//! The bound lambda goes into a [`LambdaUdf`](https://docs.rs/datafusion) of the collection
//! functions: its captured columns are ordinary arguments.

use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::typed::TypedExpr;

/// Resolves one lambda body against given parameter types.
pub type Bind = Box<dyn FnOnce(&[LambdaParameter]) -> SparkResult<BoundLambda>>;

/// The type of a parameter, before binding.
#[derive(Debug, Clone)]
pub struct LambdaParameter {
    pub data_type: DataType,
    pub nullable: bool,
}

pub enum HigherOrderArg {
    Value(TypedExpr),
    /// Number of parameters the user wrote, and the binder.
    Lambda {
        parameters: usize,
        bind: Bind,
    },
}

/// A lambda after binding.
#[derive(Debug, Clone)]
pub struct BoundLambda {
    /// Unique column names under which the body refers to the parameters.
    pub columns: Vec<String>,
    /// Its `expr` refers to `columns`, to columns of the input, and to nothing else. Its `sql` is
    /// Spark's `lambdafunction(body, params…)` text.
    pub body: TypedExpr,
}
