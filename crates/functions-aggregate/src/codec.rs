//! Aggregate calls as JSON bytes, for plans that travel.

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;
use serde_json::{Value, json};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::codec::{read_type, type_value};

use crate::udaf::{AggregateCallData, AggregateUdf};

/// The call, if the function is one of ours.
pub fn encode(udf: &AggregateUDF) -> Option<Vec<u8>> {
    let any: &dyn std::any::Any = udf.inner().as_ref();
    let call = &any.downcast_ref::<AggregateUdf>()?.call;
    let sort: Vec<Value> = call.sort.iter().map(|(d, n)| json!([d, n])).collect();
    let value = json!({
        "aggregate": call.aggregate.name,
        "args": call.arg_types.iter().map(type_value).collect::<Vec<_>>(),
        "returns": type_value(&call.return_type),
        "ansi": call.ansi,
        "zone": call.time_zone.as_ref(),
        "params": call.params.to_vec(),
        "distinct": call.distinct,
        "sort": sort,
    });
    Some(value.to_string().into_bytes())
}

/// The function that [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> SparkResult<Arc<AggregateUDF>> {
    let value: Value = serde_json::from_slice(bytes).map_err(SparkError::internal)?;
    read(&value).ok_or_else(|| SparkError::internal("an aggregate call cannot be read"))
}

fn read(value: &Value) -> Option<Arc<AggregateUDF>> {
    let list = |key: &str| value.get(key)?.as_array();
    let args: Option<Vec<_>> = list("args")?.iter().map(|t| read_type(t, 0)).collect();
    let params: Option<Vec<_>> = list("params")?.iter().map(|p| p.as_str().map(str::to_string)).collect();
    let sort: Option<Vec<_>> =
        list("sort")?.iter().map(|s| Some((s.get(0)?.as_bool()?, s.get(1)?.as_bool()?))).collect();
    let call = AggregateCallData {
        aggregate: crate::aggregate(value.get("aggregate")?.as_str()?)?,
        arg_types: args?.into(),
        return_type: read_type(value.get("returns")?, 0)?,
        ansi: value.get("ansi")?.as_bool()?,
        time_zone: value.get("zone")?.as_str()?.into(),
        params: params?.into(),
        distinct: value.get("distinct")?.as_bool()?,
        sort: sort?.into(),
        origin: None,
    };
    Some(call.into_udaf())
}
