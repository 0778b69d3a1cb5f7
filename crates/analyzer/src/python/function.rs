//! A call of a Python function inside an expression: a marker that `extract` takes out before the
//! plan is optimised. It has a type and cannot be computed.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, WindowFunctionDefinition,
};
use vonk_common::SparkError;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::exec_err;
use vonk_expr::kernel::any_arguments;
use vonk_plan::types::DataType;
use vonk_python::eval_type;

/// What is known of a function besides its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonFunction {
    pub name: Arc<str>,
    pub eval_type: i32,
    pub command: Arc<[u8]>,
    pub python_version: Arc<str>,
    pub output: DataType,
    pub deterministic: bool,
    /// Name, where it was given, Spark's type and nullability of each argument.
    pub args: Vec<(Option<String>, DataType, bool)>,
}

impl PythonFunction {
    pub fn is_aggregate(&self) -> bool {
        is_aggregate(self.eval_type)
    }

    /// The call as an expression.
    pub fn call(self, args: Vec<Expr>) -> Expr {
        let volatility = if self.deterministic { Volatility::Immutable } else { Volatility::Volatile };
        let signature = any_arguments(volatility);
        if self.is_aggregate() {
            let marker = Arc::new(AggregateUDF::from(PythonAggregate { function: Arc::new(self), signature }));
            return Expr::AggregateFunction(AggregateFunction::new_udf(marker, args, false, None, vec![], None));
        }
        ScalarUDF::from(PythonScalar { function: Arc::new(self), signature }).call(args)
    }
}

/// Kinds of functions that give one value for a group.
pub fn is_aggregate(kind: i32) -> bool {
    matches!(
        kind,
        eval_type::GROUPED_AGG_PANDAS
            | eval_type::GROUPED_AGG_ARROW
            | eval_type::GROUPED_AGG_PANDAS_ITER
            | eval_type::GROUPED_AGG_ARROW_ITER
            | eval_type::WINDOW_AGG_PANDAS
            | eval_type::WINDOW_AGG_ARROW
    )
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PythonScalar {
    function: Arc<PythonFunction>,
    signature: Signature,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PythonAggregate {
    function: Arc<PythonFunction>,
    signature: Signature,
}

/// The function and its arguments, if the expression is a call of a scalar one.
pub fn scalar_call(e: &Expr) -> Option<(&Arc<PythonFunction>, &[Expr])> {
    let Expr::ScalarFunction(call) = e else { return None };
    let marker = call.func.inner().downcast_ref::<PythonScalar>()?;
    Some((&marker.function, &call.args))
}

/// The function, if that is what an aggregate is.
pub fn aggregate_function(udf: &AggregateUDF) -> Option<&Arc<PythonFunction>> {
    udf.inner().downcast_ref::<PythonAggregate>().map(|m| &m.function)
}

/// The function and its arguments, if the expression is a call of an aggregate (maybe with an alias).
pub fn aggregate_call(e: &Expr) -> Option<(&Arc<PythonFunction>, &[Expr])> {
    match e {
        Expr::Alias(a) => aggregate_call(&a.expr),
        Expr::AggregateFunction(f) => aggregate_function(&f.func).map(|p| (p, f.params.args.as_slice())),
        _ => None,
    }
}

/// The function and the call, if the expression is a call over a window (maybe with an alias).
pub fn window_call(e: &Expr) -> Option<(&Arc<PythonFunction>, &WindowFunction)> {
    match e {
        Expr::Alias(a) => window_call(&a.expr),
        Expr::WindowFunction(w) => match &w.fun {
            WindowFunctionDefinition::AggregateUDF(udf) => aggregate_function(udf).map(|p| (p, &**w)),
            _ => None,
        },
        _ => None,
    }
}

fn not_taken_out(function: &PythonFunction) -> datafusion::common::DataFusionError {
    exec_err(SparkError::internal(format!("the Python function {} stands where none can", function.name)))
}

impl ScalarUDFImpl for PythonScalar {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> Result<Arrow> {
        Ok(to_arrow(&self.function.output))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), to_arrow(&self.function.output), true)))
    }

    fn coerce_types(&self, arg_types: &[Arrow]) -> Result<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(not_taken_out(&self.function))
    }
}

impl AggregateUDFImpl for PythonAggregate {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> Result<Arrow> {
        Ok(to_arrow(&self.function.output))
    }

    fn coerce_types(&self, arg_types: &[Arrow]) -> Result<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Err(not_taken_out(&self.function))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Err(not_taken_out(&self.function))
    }
}
