//! `schema_of_variant_agg`: the type that holds all variants of a group.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::Variants;
use vonk_expr::codec::{read_type, type_value};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_functions_collection::variant::schema::{merged, text as type_text, type_of};
use vonk_plan::types::DataType;

use crate::build::{text, typed, unexpected};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("schema_of_variant_agg", "agg_funcs", Body::Aggregate(build))
    .usage("schema_of_variant_agg(v) - The type that holds all the variants.")
    .literal_nulls()];

/// The state is the type so far, as JSON.
pub static SCHEMA_OF_VARIANT_AGG: Aggregate = Aggregate {
    name: "spark_schema_of_variant_agg",
    state: |_| vec![Arrow::Utf8],
    accumulator: |c| Ok(Box::new(Schema { call: c.clone(), found: DataType::Null })),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("schema of one")) };
    let arg = match arg.data_type {
        DataType::Variant => arg,
        DataType::Null => vonk_expr::cast::cast(&ctx.facts, arg, &DataType::Variant)?,
        _ => return Err(unexpected(ctx, &sql, 0, "\"VARIANT\"", &arg)),
    };
    let data = AggregateCallData::new(ctx, &SCHEMA_OF_VARIANT_AGG, vec![DataType::Variant], DataType::STRING);
    Ok(typed(&call, data, &[arg], false, sql))
}

#[derive(Debug)]
struct Schema {
    call: AggregateCallData,
    found: DataType,
}

impl Schema {
    fn add(&mut self, other: DataType) {
        let before = std::mem::replace(&mut self.found, DataType::Null);
        self.found = merged(before, other);
    }
}

impl Accumulator for Schema {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(array) = values.first() else { return Ok(()) };
        let variants = Variants::new(array)?;
        for variant in (0..variants.len()).filter_map(|i| variants.get(i)) {
            self.add(type_of(&variant, 0));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Utf8(Some(type_text(&self.found))))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Utf8(Some(type_value(&self.found).to_string()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let wrong = |call: &AggregateCallData| call.error(SparkError::internal("a type is due"));
        let texts = states.first().and_then(|s| s.as_string_opt::<i32>()).ok_or_else(|| wrong(&self.call))?;
        for text in texts.iter().flatten() {
            let value = serde_json::from_str(text).map_err(|_| wrong(&self.call))?;
            let other = read_type(&value, 0).ok_or_else(|| wrong(&self.call))?;
            self.add(other);
        }
        Ok(())
    }
}
