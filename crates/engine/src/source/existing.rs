//! What rows have in columns that are younger than their file: `ALTER TABLE … ADD COLUMN … DEFAULT`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory, replace_columns_with_literals,
};

/// Values by column; NULL for those that are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    values: Arc<HashMap<String, ScalarValue>>,
}

impl Existing {
    pub fn new(values: HashMap<String, ScalarValue>) -> Self {
        Existing { values: Arc::new(values) }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn get(&self, column: &str) -> Option<&ScalarValue> {
        self.values.get(column)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &ScalarValue)> {
        self.values.iter()
    }

    /// The column's values, with its default in the rows that say nothing of it.
    pub fn filled(&self, name: &str, column: ArrayRef, missing: &[bool]) -> Result<ArrayRef> {
        let Some(value) = self.get(name).filter(|_| missing.contains(&true)) else { return Ok(column) };
        let value = value.cast_to(column.data_type())?.to_scalar()?;
        Ok(zip(&BooleanArray::from(missing.to_vec()), &value, &column)?)
    }
}

/// For Parquet: what a file lacks is a literal in the scan's expressions.
impl PhysicalExprAdapterFactory for Existing {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let of = |(name, value): (&String, &ScalarValue)| {
            let field = logical.field_with_name(name).ok()?;
            physical.field_with_name(name).is_err().then(|| Ok((name.clone(), value.cast_to(field.data_type())?)))
        };
        let missing = self.iter().filter_map(of).collect::<Result<_>>()?;
        let rest = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&logical), physical)?;
        Ok(Arc::new(Adapter { missing, rest }))
    }
}

#[derive(Debug)]
struct Adapter {
    missing: HashMap<String, ScalarValue>,
    rest: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        self.rest.rewrite(replace_columns_with_literals(expr, &self.missing)?)
    }
}
