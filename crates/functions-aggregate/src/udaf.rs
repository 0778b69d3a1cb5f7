//! Aggregates as data: an [`Aggregate`] is a static whose name a serialised plan finds it by, an
//! [`AggregateUdf`] one call of it with its types and constants, wrapped for DataFusion.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use vonk_common::{Origin, SparkError};
use vonk_expr::FnContext;
use vonk_expr::arrow_types::to_arrow;
use vonk_plan::types::DataType;

use crate::sliding::Sliding;

type Make<T> = fn(&AggregateCallData) -> DfResult<Box<T>>;

pub struct Aggregate {
    /// Unique among all aggregates.
    pub name: &'static str,
    /// Types of the intermediate state.
    pub state: fn(&AggregateCallData) -> Vec<Arrow>,
    pub accumulator: Make<dyn Accumulator>,
    /// Accumulates many groups at once, where that is worth it.
    pub groups: Option<Make<dyn GroupsAccumulator>>,
}

/// All that a call knows besides its arguments.
#[derive(Clone)]
pub struct AggregateCallData {
    pub aggregate: &'static Aggregate,
    pub arg_types: Arc<[DataType]>,
    pub return_type: DataType,
    pub ansi: bool,
    pub time_zone: Arc<str>,
    /// Constant parameters, in the aggregate's own order.
    pub params: Arc<[String]>,
    pub distinct: bool,
    /// For each key of `WITHIN GROUP` / ORDER BY that the accumulator sorts by itself:
    /// descending, nulls first.
    pub sort: Arc<[(bool, bool)]>,
    pub origin: Option<Arc<Origin>>,
}

impl AggregateCallData {
    pub fn new(
        ctx: &FnContext,
        aggregate: &'static Aggregate,
        arg_types: Vec<DataType>,
        return_type: DataType,
    ) -> Self {
        AggregateCallData {
            aggregate,
            arg_types: arg_types.into(),
            return_type,
            ansi: ctx.ansi(),
            time_zone: ctx.time_zone().into(),
            params: Arc::new([]),
            distinct: false,
            sort: Arc::new([]),
            origin: ctx.origin.clone(),
        }
    }

    pub fn with_params(mut self, params: Vec<String>) -> Self {
        self.params = params.into();
        self
    }

    pub fn param(&self, i: usize) -> &str {
        self.params.get(i).map(String::as_str).unwrap_or_default()
    }

    pub fn arrow_return_type(&self) -> Arrow {
        to_arrow(&self.return_type)
    }

    /// The Arrow type of an argument.
    pub fn arrow_arg(&self, i: usize) -> Arrow {
        self.arg_types.get(i).map(to_arrow).unwrap_or(Arrow::Null)
    }

    pub fn error(&self, e: SparkError) -> datafusion::common::DataFusionError {
        vonk_expr::exec_err(e.at(self.origin.clone()))
    }

    pub fn into_udaf(self) -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::from(AggregateUdf::new(self)))
    }
}

impl PartialEq for AggregateCallData {
    fn eq(&self, other: &Self) -> bool {
        self.aggregate.name == other.aggregate.name
            && self.arg_types == other.arg_types
            && self.return_type == other.return_type
            && self.ansi == other.ansi
            && self.time_zone == other.time_zone
            && self.params == other.params
            && self.distinct == other.distinct
            && self.sort == other.sort
    }
}

impl Eq for AggregateCallData {}

impl Hash for AggregateCallData {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.aggregate.name.hash(state);
        self.return_type.hash(state);
        self.params.hash(state);
    }
}

impl fmt::Debug for AggregateCallData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.aggregate.name, self.params)
    }
}

/// The DataFusion function of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateUdf {
    pub call: AggregateCallData,
    /// The name with the parameters, so that calls with other parameters are other columns.
    name: String,
    signature: Signature,
}

impl AggregateUdf {
    pub fn new(call: AggregateCallData) -> Self {
        let mut name = call.aggregate.name.to_string();
        let sort: Vec<_> = call.sort.iter().map(|(d, n)| format!("{d}/{n}")).collect();
        let extra: Vec<&str> = call.params.iter().chain(&sort).map(String::as_str).collect();
        if !extra.is_empty() {
            name = format!("{name}[{}]", extra.join(","));
        }
        AggregateUdf { call, name, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for AggregateUdf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(self.call.arrow_return_type())
    }

    fn coerce_types(&self, arg_types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        if args.is_distinct && !self.call.distinct {
            return Ok(Box::new(crate::distinct::Distinct::new(&self.call)?));
        }
        (self.call.aggregate.accumulator)(&self.call)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        let plain = self.accumulator(args)?;
        if plain.supports_retract_batch() {
            return Ok(plain);
        }
        Ok(Box::new(Sliding::new(self.call.clone())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        let types = match args.is_distinct && !self.call.distinct {
            true => crate::distinct::state_types(&self.call),
            false => (self.call.aggregate.state)(&self.call),
        };
        let named = types
            .into_iter()
            .enumerate()
            .map(|(i, t)| Arc::new(Field::new(format_state_name(args.name, &format!("state{i}")), t, true)));
        Ok(named.collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.call.aggregate.groups.is_some() && !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> DfResult<Box<dyn GroupsAccumulator>> {
        match self.call.aggregate.groups {
            Some(make) => make(&self.call),
            None => Err(self.call.error(SparkError::internal("no groups accumulator"))),
        }
    }

    /// What the aggregate of no rows is: windows ask for it where a frame is empty.
    fn default_value(&self, _: &Arrow) -> DfResult<ScalarValue> {
        (self.call.aggregate.accumulator)(&self.call)?.evaluate()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn supports_null_handling_clause(&self) -> bool {
        true
    }

    fn supports_within_group_clause(&self) -> bool {
        false
    }
}
