//! Row functions: what transformers compute, as scalar functions of DataFusion.
//!
//! A [`RowFunction`] is a description with its parameters (labels, coefficients, centres); plans carry
//! its name and bytes. A model with several outputs is one function that gives a struct, of which
//! [`fields`] takes the parts, so that it is computed once.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::{TypedExpr, exec_err};
use vonk_plan::types::DataType;

use crate::wire::{Reader, Writer};

pub trait RowFunction: Debug + Send + Sync + 'static {
    /// Unique among row functions.
    fn name(&self) -> &'static str;
    fn encode(&self) -> Vec<u8>;
    fn result(&self) -> DataType;
    /// One value per row; a failure is an error of the query.
    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef>;
}

type Decode = fn(&[u8]) -> SparkResult<Arc<dyn RowFunction>>;

/// All row functions by name.
const FUNCTIONS: &[(&str, Decode)] = &[
    (FIELD, decode_field),
    (crate::feature::assemble::NAME, crate::feature::assemble::decode),
    (crate::feature::index_strings::NAME, crate::feature::index_strings::decode),
    (crate::feature::one_hot::NAME, crate::feature::one_hot::decode),
    (crate::feature::present::NAME, crate::feature::present::decode),
    (crate::feature::rescale::NAME, crate::feature::rescale::decode),
    (crate::feature::index_to_string::NAME, crate::feature::index_to_string::decode),
    (crate::feature::index_to_string::TEXT, crate::feature::index_to_string::decode_text),
    (crate::feature::normalize::NAME, crate::feature::normalize::decode),
    (crate::feature::binarize::NAME, crate::feature::binarize::decode),
    (crate::feature::bucketize::NAME, crate::feature::bucketize::decode),
    (crate::feature::tokenize::NAME, crate::feature::tokenize::decode),
    (crate::classification::classify::NAME, crate::classification::classify::decode),
    (crate::regression::predict::NAME, crate::regression::predict::decode),
    (crate::clustering::assign::NAME, crate::clustering::assign::decode),
    (crate::sql::metrics::NAME, crate::sql::metrics::decode),
    (crate::sql::unwrap::SEARCH, crate::sql::unwrap::decode_search),
    (crate::sql::vectors::TO_ARRAY, crate::sql::vectors::decode_to_array),
    (crate::sql::vectors::TO_VECTOR, crate::sql::vectors::decode_to_vector),
];

#[derive(Debug)]
pub struct RowUdf {
    function: Arc<dyn RowFunction>,
    encoded: Vec<u8>,
    signature: Signature,
}

impl RowUdf {
    pub fn udf(function: Arc<dyn RowFunction>) -> ScalarUDF {
        let encoded = function.encode();
        RowUdf { function, encoded, signature: Signature::variadic_any(Volatility::Immutable) }.into()
    }
}

/// A call of the function. Only deterministic, never constant: its arguments are columns.
pub fn call(function: impl RowFunction, args: Vec<Expr>, nullable: bool) -> TypedExpr {
    let (name, result) = (function.name(), function.result());
    TypedExpr::new(RowUdf::udf(Arc::new(function)).call(args), result, nullable, name.to_string())
}

/// The parts of a struct-valued call, in order.
pub fn fields(whole: &TypedExpr) -> Vec<TypedExpr> {
    let DataType::Struct(s) = &whole.data_type else { return vec![] };
    let part = |(i, f): (usize, &vonk_plan::StructField)| {
        call(PartOf { index: i, result: f.data_type.clone() }, vec![whole.expr.clone()], f.nullable)
    };
    s.fields.iter().enumerate().map(part).collect()
}

/// Name and bytes of a row function in a plan; none if the function is another.
pub fn encode_udf(function: &ScalarUDF) -> Option<(&'static str, Vec<u8>)> {
    let udf = (function.inner().as_ref() as &dyn Any).downcast_ref::<RowUdf>()?;
    Some((udf.function.name(), udf.encoded.clone()))
}

/// The row function of that name; none if there is no such.
pub fn decode_udf(name: &str, bytes: &[u8]) -> SparkResult<Option<ScalarUDF>> {
    match FUNCTIONS.iter().find(|(n, _)| *n == name) {
        Some((_, decode)) => Ok(Some(RowUdf::udf(decode(bytes)?))),
        None => Ok(None),
    }
}

impl PartialEq for RowUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name() == other.function.name() && self.encoded == other.encoded
    }
}

impl Eq for RowUdf {}

impl Hash for RowUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
        self.encoded.hash(state);
    }
}

impl ScalarUDFImpl for RowUdf {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(to_arrow(&self.function.result()))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), to_arrow(&self.function.result()), true)))
    }

    fn coerce_types(&self, types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let out = self.function.eval(&arrays, rows).map_err(exec_err)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
        }
        Ok(ColumnarValue::Array(out))
    }
}

const FIELD: &str = "ml_part";

/// A part of a struct. Its type is found again in the struct when a plan is decoded.
#[derive(Debug)]
struct PartOf {
    index: usize,
    result: DataType,
}

fn decode_field(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(PartOf { index: r.usize()?, result: vonk_plan::types::json::parse(r.str()?)? }))
}

impl RowFunction for PartOf {
    fn name(&self) -> &'static str {
        FIELD
    }

    fn encode(&self) -> Vec<u8> {
        let t = vonk_plan::types::json::to_json(&self.result).to_string();
        Writer::new().usize(self.index).str(&t).done()
    }

    fn result(&self) -> DataType {
        self.result.clone()
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let whole = args.first().and_then(|a| a.as_struct_opt()).filter(|s| s.num_columns() > self.index);
        let whole = whole.ok_or_else(|| SparkError::internal("a struct was expected"))?;
        Ok(whole.column(self.index).clone())
    }
}

/// A column argument as strings: texts as they are, numbers as Spark casts them.
pub fn as_strings(array: &ArrayRef) -> SparkResult<datafusion::arrow::array::StringArray> {
    use datafusion::arrow::array::StringArray;
    use datafusion::arrow::datatypes::{Float32Type, Float64Type};
    if let Some(s) = array.as_string_opt::<i32>() {
        return Ok(s.clone());
    }
    if let Some(a) = array.as_primitive_opt::<Float64Type>() {
        return Ok(a.iter().map(|v| v.map(crate::linalg::java_double)).collect::<StringArray>());
    }
    if let Some(a) = array.as_primitive_opt::<Float32Type>() {
        let show = |v: f32| if v == v.trunc() && v.abs() < 1e7 { format!("{v:?}") } else { v.to_string() };
        return Ok(a.iter().map(|v| v.map(show)).collect::<StringArray>());
    }
    let text = datafusion::arrow::compute::cast(array, &Arrow::Utf8).map_err(crate::linalg::column::arrow_error)?;
    text.as_string_opt::<i32>().cloned().ok_or_else(|| SparkError::internal("text was expected"))
}

/// Column argument `i`.
pub fn arg(args: &[ArrayRef], i: usize) -> SparkResult<&ArrayRef> {
    args.get(i).ok_or_else(|| SparkError::internal(format!("argument {i} is missing")))
}
