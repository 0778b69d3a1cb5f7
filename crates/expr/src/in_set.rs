//! `value IN (…)` of a long list of constants: a function that holds the list as one array, which
//! DataFusion neither copies nor looks into.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, InListExpr};

use crate::kernel::any_arguments;

/// The function's name in plans.
pub const NAME: &str = "in_set";

#[derive(Debug, Clone)]
pub struct InSet {
    pub values: ArrayRef,
    signature: Signature,
    /// The test over a batch of one column, its hash table made.
    compiled: Arc<OnceLock<InListExpr>>,
}

impl InSet {
    pub fn new(values: ArrayRef) -> Self {
        InSet { values, signature: any_arguments(Volatility::Immutable), compiled: Arc::default() }
    }
}

impl PartialEq for InSet {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values) || *self.values == *other.values
    }
}

impl Eq for InSet {}

impl Hash for InSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.len().hash(state);
    }
}

impl ScalarUDFImpl for InSet {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(Arrow::Boolean)
    }

    fn coerce_types(&self, types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let value = crate::kernel::array_arg(&args.args, 0, if constant { 1 } else { args.number_rows })?;
        let schema = Arc::new(Schema::new(vec![Field::new("value", value.data_type().clone(), true)]));
        let test = match self.compiled.get() {
            Some(done) => done,
            None => {
                let column = Arc::new(Column::new("value", 0));
                let new = InListExpr::try_new_from_array(column, Arc::clone(&self.values), false, &schema)?;
                self.compiled.get_or_init(|| new)
            }
        };
        let rows = value.len();
        match test.evaluate(&RecordBatch::try_new(schema, vec![value])?)? {
            ColumnarValue::Array(a) if constant => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&a, 0)?)),
            found => Ok(ColumnarValue::Array(found.into_array(rows)?)),
        }
    }
}
