//! The DataFusion function of a call with lambdas.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use vonk_common::SparkError;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::inner::InnerExpr;
use vonk_expr::lambda::BoundLambda;
use vonk_expr::{Call, FnContext, Kernel, TypedExpr, exec_err};
use vonk_plan::types::DataType;

/// Computes the function from its value arguments, calling back for the lambdas' bodies.
pub type HigherOrderEval = fn(&Call, &Lambdas, &[ArrayRef], usize) -> DfResult<ArrayRef>;

/// A function that takes lambdas, by name.
pub struct HigherOrder {
    pub name: &'static str,
    pub eval: HigherOrderEval,
    /// The NULL of one of so many first arguments is the whole answer.
    pub until_null_of: usize,
}

/// One lambda, as data: the body and the columns that stand for its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LambdaBody {
    pub parameters: Vec<String>,
    pub body: InnerExpr,
}

impl LambdaBody {
    pub fn new(parameters: Vec<String>, body: Expr) -> Self {
        LambdaBody { parameters, body: InnerExpr::new(body) }
    }
}

#[derive(Clone)]
pub struct LambdaUdf {
    pub function: &'static HigherOrder,
    pub call: Call,
    pub lambdas: Vec<LambdaBody>,
    /// Columns of the input that the bodies use: the last arguments, in this order.
    pub captured: Vec<String>,
    signature: Signature,
}

/// The lambdas of one invocation with the captured columns' values.
pub struct Lambdas<'a> {
    udf: &'a LambdaUdf,
    captured: &'a [ArrayRef],
}

impl LambdaUdf {
    pub fn new(function: &'static HigherOrder, call: Call, lambdas: Vec<LambdaBody>, captured: Vec<String>) -> Self {
        LambdaUdf {
            function,
            call,
            lambdas,
            captured,
            signature: vonk_expr::kernel::any_arguments(Volatility::Immutable),
        }
    }
}

/// Stands in the [`Call`] of a function whose work is done by its [`HigherOrder`].
pub static NO_KERNEL: Kernel = Kernel::new("lambda", |_, _, _| Err(exec_err(SparkError::internal("lambda")))).eager();

/// Builds the typed call of a higher-order function.
pub(crate) fn build(
    ctx: &FnContext,
    function: &'static HigherOrder,
    values: Vec<TypedExpr>,
    lambdas: Vec<BoundLambda>,
    ty: DataType,
    nullable: bool,
    params: Vec<String>,
) -> TypedExpr {
    let mut sources = values.clone();
    sources.extend(lambdas.iter().map(|l| l.body.clone()));
    let sql = super::sql(ctx, &values.iter().collect::<Vec<_>>(), &lambdas.iter().collect::<Vec<_>>());
    let mut captured: Vec<datafusion::common::Column> = vec![];
    for l in &lambdas {
        let mut used: Vec<_> = l.body.expr.column_refs().into_iter().cloned().collect();
        used.sort();
        captured.extend(used.into_iter().filter(|c| !l.columns.contains(&c.name)));
    }
    captured.sort();
    captured.dedup();
    let call = Call {
        kernel: &NO_KERNEL,
        arg_types: values.iter().map(|v| v.data_type.clone()).collect(),
        return_type: ty.clone(),
        ansi: ctx.ansi(),
        time_zone: ctx.time_zone().into(),
        params: params.into(),
        origin: ctx.origin.clone(),
    };
    // Under names of their own, two calls that are written alike are alike.
    let labels: Vec<String> = (0..captured.len()).map(|i| format!("c{i}")).collect();
    let mut bodies = Vec::with_capacity(lambdas.len());
    for l in lambdas {
        let parameters: Vec<String> = (0..l.columns.len()).map(|i| format!("l{i}")).collect();
        let known = captured.iter().map(|c| c.name.as_str()).zip(&labels);
        let known = l.columns.iter().map(String::as_str).zip(&parameters).chain(known).collect();
        let body = relabelled(l.body.expr, &known);
        bodies.push(LambdaBody::new(parameters, body));
    }
    let mut args: Vec<Expr> = values.iter().map(|v| v.expr.clone()).collect();
    args.extend(captured.iter().cloned().map(Expr::Column));
    let foldable = captured.is_empty() && values.iter().all(|v| v.foldable);
    let udf = LambdaUdf::new(function, call, bodies, labels);
    let expr = ScalarUDF::from(udf).call(args);
    let mut out = TypedExpr::new(expr, ty, nullable, sql).derived_from(&sources);
    out.foldable = foldable;
    out.at(ctx.origin.clone())
}

fn relabelled(body: Expr, names: &HashMap<&str, &String>) -> Expr {
    let rename = |e: Expr| match &e {
        Expr::Column(c) => Ok(match names.get(c.name.as_str()) {
            Some(name) => Transformed::yes(Expr::Column(Column::new_unqualified(name.as_str()))),
            None => Transformed::no(e),
        }),
        _ => Ok(Transformed::no(e)),
    };
    body.transform_up(rename).map(|done| done.data).unwrap_or_default()
}

impl Lambdas<'_> {
    /// How many lambdas the call has.
    pub fn count(&self) -> usize {
        self.udf.lambdas.len()
    }

    /// How many parameters the user's lambda has.
    pub fn parameters(&self, lambda: usize) -> usize {
        self.udf.lambdas.get(lambda).map_or(0, |l| l.parameters.len())
    }

    /// Evaluates a body: `values` are the parameters' columns, `rows` says for each of their elements
    /// from which input row it comes.
    pub fn evaluate(&self, lambda: usize, values: &[ArrayRef], rows: &UInt32Array) -> DfResult<ArrayRef> {
        let Some(body) = self.udf.lambdas.get(lambda) else {
            return Err(exec_err(SparkError::internal("no such lambda")));
        };
        let parameters = body.parameters.iter().zip(values).map(|(name, v)| (name.as_str(), v.clone()));
        let mut columns: Vec<(&str, ArrayRef)> = parameters.collect();
        for (name, value) in self.udf.captured.iter().zip(self.captured) {
            columns.push((name, take(value, rows, None)?));
        }
        body.body.evaluate(columns, rows.len())?.into_array(rows.len())
    }
}

impl PartialEq for LambdaUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
            && self.call == other.call
            && self.lambdas == other.lambdas
            && self.captured == other.captured
    }
}

impl Eq for LambdaUdf {}

impl Hash for LambdaUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.lambdas.hash(state);
    }
}

impl std::fmt::Debug for LambdaUdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.function.name)
    }
}

impl ScalarUDFImpl for LambdaUdf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(to_arrow(&self.call.return_type))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), to_arrow(&self.call.return_type), true)))
    }

    fn coerce_types(&self, arg_types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<ArrayRef> = args.args.iter().map(|a| a.to_array(rows)).collect::<DfResult<_>>()?;
        let (values, captured) = arrays.split_at(arrays.len().saturating_sub(self.captured.len()));
        let lambdas = Lambdas { udf: self, captured };
        let out = (self.function.eval)(&self.call, &lambdas, values, rows)?;
        Ok(ColumnarValue::Array(crate::lists::retype(out, &to_arrow(&self.call.return_type))))
    }
}
