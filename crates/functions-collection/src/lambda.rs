//! Higher-order functions: `transform`, `filter`, `aggregate` and the others that take a lambda.
//!
//! A lambda's body is an expression over the columns that stand for its parameters and over columns
//! of the input that it captures. [`udf::LambdaUdf`] flattens the elements of a whole batch, repeats the
//! captured columns alongside, and evaluates the body once for all elements.

pub mod aggregate;
pub mod array;
pub mod map;
pub mod sort;
pub mod udf;

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::lambda::{BoundLambda, HigherOrderArg, LambdaParameter};
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::DataType;

pub static SPECS: &[&FunctionSpec] = &[
    &array::TRANSFORM,
    &array::FILTER,
    &array::EXISTS,
    &array::FORALL,
    &array::ZIP_WITH,
    &aggregate::AGGREGATE,
    &sort::ARRAY_SORT,
    &map::MAP_FILTER,
    &map::TRANSFORM_KEYS,
    &map::TRANSFORM_VALUES,
    &map::MAP_ZIP_WITH,
];

/// The function of that name in plans: how a serialised plan finds it.
pub fn higher_order(name: &str) -> Option<&'static udf::HigherOrder> {
    let families = [array::FUNCTIONS, aggregate::FUNCTIONS, sort::FUNCTIONS, map::FUNCTIONS];
    families.into_iter().flatten().copied().find(|f| f.name == name)
}

pub(crate) fn parameter(data_type: &DataType, nullable: bool) -> LambdaParameter {
    LambdaParameter { data_type: data_type.clone(), nullable }
}

/// The argument as a value; a lambda in its place is an error.
pub(crate) fn value(ctx: &FnContext, arg: Option<HigherOrderArg>) -> SparkResult<TypedExpr> {
    match arg {
        Some(HigherOrderArg::Value(v)) => Ok(v),
        Some(HigherOrderArg::Lambda { .. }) => {
            Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.PARAMETER_DOES_NOT_ACCEPT_LAMBDA_FUNCTION")
                .at(ctx.origin.clone()))
        }
        None => Err(SparkError::internal("missing argument")),
    }
}

/// Binds the argument as a lambda over the given parameters; of a lambda with fewer parameters the
/// last ones are left out down to `least`.
pub(crate) fn bind(
    ctx: &FnContext,
    arg: Option<HigherOrderArg>,
    parameters: &[LambdaParameter],
    least: usize,
) -> SparkResult<BoundLambda> {
    match arg {
        Some(HigherOrderArg::Lambda { parameters: n, bind }) => {
            if n < least || n > parameters.len() {
                return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
                    .param("expectedNumArgs", n)
                    .param("actualNumArgs", parameters.len())
                    .at(ctx.origin.clone()));
            }
            bind(&parameters[..n])
        }
        // A plain value is a lambda that looks at none of its parameters, which have no names then.
        Some(HigherOrderArg::Value(mut body)) => {
            let hidden = std::iter::repeat_n(SqlText::from("namedlambdavariable()"), least);
            body.sql = SqlText::call("lambdafunction", std::iter::once(body.sql).chain(hidden));
            Ok(BoundLambda { columns: vec![], body })
        }
        None => Err(SparkError::internal("missing lambda")),
    }
}

/// Checks the number of arguments, lambdas included.
pub(crate) fn arity(ctx: &FnContext, n: usize, allowed: &[usize]) -> SparkResult<()> {
    if allowed.contains(&n) {
        return Ok(());
    }
    let expected = match allowed {
        [one] => one.to_string(),
        many => format!("[{}]", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
        .param("docroot", vonk_common::error::DOCROOT)
        .param("functionName", quote_id([&*ctx.name]))
        .param("expectedNum", expected)
        .param("actualNum", n)
        .at(ctx.origin.clone()))
}

/// `name(values, lambdas)` as Spark prints it.
pub(crate) fn sql(ctx: &FnContext, values: &[&TypedExpr], lambdas: &[&BoundLambda]) -> SqlText {
    let parts = values.iter().map(|v| v.sql.clone()).chain(lambdas.iter().map(|l| l.body.sql.clone()));
    SqlText::call(&ctx.name, parts)
}

/// The lambda's body has to be BOOLEAN.
pub(crate) fn boolean(ctx: &FnContext, values: &[&TypedExpr], lambda: &BoundLambda) -> SparkResult<()> {
    if matches!(lambda.body.data_type, DataType::Boolean | DataType::Null) {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
        .param("sqlExpr", quote_sql(sql(ctx, values, &[lambda])))
        .param("paramIndex", "second")
        .param("requiredType", "\"BOOLEAN\"")
        .param("inputSql", lambda.body.quoted_sql())
        .param("inputType", quote_sql(lambda.body.data_type.sql()))
        .at(ctx.origin.clone()))
}
