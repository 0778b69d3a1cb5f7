//! Relations of `pyspark.ml`: a model or transformer applied to a DataFrame, and attributes of
//! models that are DataFrames.

use vonk_common::SparkResult;
use vonk_expr::TypedExpr;
use vonk_plan::relation::MlRelation;
use vonk_plan::types::DataType;

use super::Outer;
use super::project::Item;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::resolver::MlRows;

impl Analyzer {
    pub fn ml(&self, relation: &MlRelation, outer: Outer) -> SparkResult<Node> {
        match relation {
            MlRelation::Transform { operator, input, params } => {
                let mut node = self.relation(input, outer)?;
                let columns: Vec<TypedExpr> = node.scope.columns.iter().map(|c| c.typed()).collect();
                let schema = node.scope.struct_type();
                let out = self.resolver().ml_transform(operator, params, &schema, &columns)?;
                if let Some(filter) = out.filter {
                    node = self.keep(node, TypedExpr::new(filter, DataType::Boolean, false, ""))?;
                }
                // One at a time: a column may be computed from the one before.
                for (name, mut value) in out.columns {
                    value.name = Some(name.into());
                    node = self.put_columns(node, vec![Item::Value(self.fresh(), value)])?;
                }
                Ok(node)
            }
            MlRelation::Fetch { object, methods, summary_dataset } => {
                match self.resolver().ml_fetch(object, methods, summary_dataset.as_ref())? {
                    MlRows::Rows(schema, batches) => self.rows(schema, batches),
                    MlRows::Relation(r) => self.relation(&r, outer),
                }
            }
        }
    }
}
