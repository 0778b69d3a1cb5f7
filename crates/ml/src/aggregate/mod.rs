//! Passes: one sweep over a data set that ends in a small state.
//!
//! A [`Pass`] is a description (name and parameters, such as the coefficients to try); its
//! [`PassState`] takes batches and merges with other states. [`PassUdaf`] makes any pass an aggregate
//! function of DataFusion, with partial and final steps, so that the same pass runs on one machine
//! and on a cluster. State and result are bytes ([`crate::wire`]). [`decode_udaf`] finds a pass by
//! name when a plan arrives from elsewhere.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef, Float64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::exec_err;

use crate::linalg::VectorColumn;

pub mod categories;
pub mod confusion;
pub mod curve;
pub mod gram;
pub mod kmeans;
pub mod kmeans_init;
pub mod logistic;
pub mod moments;
pub mod residuals;
pub mod silhouette;
pub mod strings;

pub trait Pass: Debug + Send + Sync + 'static {
    /// Unique among passes.
    fn name(&self) -> &'static str;
    /// The parameters.
    fn encode(&self) -> Vec<u8>;
    fn start(&self) -> Box<dyn PassState>;
}

pub trait PassState: Debug + Send + Sync + Any {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()>;
    fn merge(&mut self, other: &[u8]) -> SparkResult<()>;
    fn encode(&self) -> Vec<u8>;
    fn size(&self) -> usize;
}

type Decode = fn(&[u8]) -> SparkResult<Arc<dyn Pass>>;

/// All passes by name.
const PASSES: &[(&str, Decode)] = &[
    (moments::NAME, moments::decode),
    (logistic::NAME, logistic::decode),
    (gram::NAME, gram::decode),
    (kmeans::NAME, kmeans::decode),
    (kmeans_init::NAME, kmeans_init::decode),
    (categories::NAME, categories::decode),
    (strings::NAME, strings::decode),
    (curve::NAME, curve::decode),
    (confusion::NAME, confusion::decode),
    (residuals::NAME, residuals::decode),
    (silhouette::NAME, silhouette::decode),
];

/// A pass as an aggregate function.
#[derive(Debug)]
pub struct PassUdaf {
    pass: Arc<dyn Pass>,
    encoded: Vec<u8>,
    signature: Signature,
}

impl PassUdaf {
    pub fn udaf(pass: Arc<dyn Pass>) -> AggregateUDF {
        let encoded = pass.encode();
        PassUdaf { pass, encoded, signature: Signature::variadic_any(Volatility::Immutable) }.into()
    }
}

/// Name and bytes of a pass in a plan; none if the function is no pass.
pub fn encode_udaf(function: &AggregateUDF) -> Option<(&'static str, Vec<u8>)> {
    let pass = (function.inner().as_ref() as &dyn Any).downcast_ref::<PassUdaf>()?;
    Some((pass.pass.name(), pass.encoded.clone()))
}

/// The pass of that name; none if there is no such pass.
pub fn decode_udaf(name: &str, bytes: &[u8]) -> SparkResult<Option<AggregateUDF>> {
    match PASSES.iter().find(|(n, _)| *n == name) {
        Some((_, decode)) => Ok(Some(PassUdaf::udaf(decode(bytes)?))),
        None => Ok(None),
    }
}

impl PartialEq for PassUdaf {
    fn eq(&self, other: &Self) -> bool {
        self.pass.name() == other.pass.name() && self.encoded == other.encoded
    }
}

impl Eq for PassUdaf {}

impl Hash for PassUdaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pass.name().hash(state);
        self.encoded.hash(state);
    }
}

impl AggregateUDFImpl for PassUdaf {
    fn name(&self) -> &str {
        self.pass.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(Arrow::Binary)
    }

    fn coerce_types(&self, types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        Ok(Box::new(PassAccumulator(self.pass.start())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[state]", args.name), Arrow::Binary, true))])
    }
}

#[derive(Debug)]
struct PassAccumulator(Box<dyn PassState>);

impl Accumulator for PassAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.0.update(values).map_err(exec_err)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let states = states.first().and_then(|s| s.as_any().downcast_ref::<BinaryArray>());
        for state in states.into_iter().flat_map(|s| s.iter().flatten()) {
            self.0.merge(state).map_err(exec_err)?;
        }
        Ok(())
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.0.encode()))])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.0.encode())))
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// Column `i` of a pass's input.
pub(crate) fn column(columns: &[ArrayRef], i: usize) -> SparkResult<&ArrayRef> {
    columns.get(i).ok_or_else(|| SparkError::internal(format!("column {i} of a pass is missing")))
}

pub(crate) fn vectors(columns: &[ArrayRef], i: usize) -> SparkResult<VectorColumn> {
    VectorColumn::try_new(column(columns, i)?)
}

/// Column `i` as doubles.
pub(crate) fn doubles(columns: &[ArrayRef], i: usize) -> SparkResult<Float64Array> {
    let array = column(columns, i)?;
    match array.as_primitive_opt::<Float64Type>() {
        Some(a) => Ok(a.clone()),
        None => {
            let cast = cast(array, &Arrow::Float64).map_err(crate::linalg::column::arrow_error)?;
            Ok(cast.as_primitive::<Float64Type>().clone())
        }
    }
}
