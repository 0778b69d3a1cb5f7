//! An expression with everything Spark knows of it after analysis.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::create_physical_expr;
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::collation::Strength;
use crate::literal::{literal_sql, to_scalar};
use crate::spark_error;
use crate::sql_text::SqlText;

#[derive(Debug, Clone)]
pub struct TypedExpr {
    /// Its Arrow type is `to_arrow(&self.data_type)`.
    pub expr: Expr,
    pub data_type: DataType,
    pub nullable: bool,
    /// Text for the automatic column name and for messages.
    pub sql: SqlText,
    /// Constant: no column, no randomness, can be computed when planning.
    pub foldable: bool,
    /// Same value for the same row every time.
    pub deterministic: bool,
    /// Field metadata (JSON object) that goes with the value: comments, `ml_attr`.
    pub metadata: Option<Arc<str>>,
    /// A name of its own (a column, an alias, a struct field), else the SQL text names it.
    pub name: Option<Arc<str>>,
    /// The name is that of a column under a cast: it names an output column, but no field of `struct`.
    pub below_cast: bool,
    /// How firmly it holds the collation of its type.
    pub strength: Strength,
    pub origin: Option<Arc<Origin>>,
}

impl TypedExpr {
    /// A non-constant expression without a name.
    pub fn new(expr: Expr, data_type: DataType, nullable: bool, sql: impl Into<SqlText>) -> Self {
        TypedExpr {
            expr,
            data_type,
            nullable,
            sql: sql.into(),
            foldable: false,
            deterministic: true,
            metadata: None,
            name: None,
            below_cast: false,
            strength: Strength::Default,
            origin: None,
        }
    }

    pub fn literal(value: &Literal) -> SparkResult<Self> {
        let expr = Expr::Literal(to_scalar(value)?, None);
        let mut out = TypedExpr::new(expr, value.data_type(), value.is_null(), literal_sql(value));
        out.foldable = true;
        Ok(out)
    }

    /// A literal named as the session's time zone shows it: TIMESTAMP literals need this form.
    pub fn literal_in(value: &Literal, time_zone: &str) -> SparkResult<Self> {
        let mut out = TypedExpr::literal(value)?;
        if matches!(
            value,
            Literal::Timestamp(_)
                | Literal::TimestampLtzNanos(..)
                | Literal::Array(..)
                | Literal::Map { .. }
                | Literal::Struct(..)
                | Literal::Udt(..)
        ) {
            let zone = crate::cast::zone::Zone::named(time_zone)?;
            out.sql = crate::cast::text::literal_name_in(value, &zone).into();
        }
        Ok(out)
    }

    pub fn null(data_type: DataType) -> SparkResult<Self> {
        TypedExpr::literal(&Literal::Null(data_type))
    }

    /// Takes constancy and determinism over from the arguments it was made of.
    pub fn derived_from(mut self, args: &[TypedExpr]) -> Self {
        self.foldable = args.iter().all(|a| a.foldable);
        self.deterministic = args.iter().all(|a| a.deterministic);
        let strengths = args.iter().filter(|a| a.data_type.has_string()).map(|a| a.strength);
        self.strength = strengths.fold(self.strength, Strength::max);
        if self.origin.is_none() {
            self.origin = args.iter().find_map(|a| a.origin.clone());
        }
        self
    }

    pub fn at(mut self, origin: Option<Arc<Origin>>) -> Self {
        if origin.is_some() {
            self.origin = origin;
        }
        self
    }

    /// The automatic column name.
    pub fn output_name(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.sql.to_string(),
        }
    }

    /// The name that is the expression's own (Spark's `NamedExpression`), not that of what it casts.
    pub fn own_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| !self.below_cast)
    }

    /// The name of the field that `struct` makes of it, as its argument number `i` (from 0).
    pub fn field_name(&self, i: usize) -> String {
        self.own_name().map_or_else(|| format!("col{}", i + 1), str::to_string)
    }

    /// The text for error messages: in double quotes.
    pub fn quoted_sql(&self) -> String {
        vonk_common::error::quote_sql(&self.sql)
    }

    /// The literal value if the expression is written as one (not merely constant).
    pub fn as_literal(&self) -> Option<&ScalarValue> {
        match &self.expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }

    /// The value of a constant expression; `None` if it is not constant. Run-time errors of the
    /// computation are returned.
    pub fn constant(&self) -> SparkResult<Option<ScalarValue>> {
        if let Some(value) = self.as_literal() {
            return Ok(Some(value.clone()));
        }
        if !self.foldable {
            return Ok(None);
        }
        evaluate(&self.expr).map(Some)
    }

    /// The string of a constant string expression: `None` when it is NULL.
    /// Error when the expression is not constant: `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`.
    pub fn constant_str(&self, function: &str, argument: &str) -> SparkResult<Option<String>> {
        match self.constant()? {
            Some(ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v)) => Ok(v),
            Some(v) if v.is_null() => Ok(None),
            Some(v) => Ok(Some(v.to_string())),
            None => Err(self.non_foldable(function, argument)),
        }
    }

    /// The value of a constant integral expression.
    pub fn constant_i64(&self, function: &str, argument: &str) -> SparkResult<Option<i64>> {
        match self.constant()? {
            Some(v) if v.is_null() => Ok(None),
            Some(v) => match v.cast_to(&datafusion::arrow::datatypes::DataType::Int64) {
                Ok(ScalarValue::Int64(v)) => Ok(v),
                _ => Err(SparkError::internal(format!("{argument} is not a number"))),
            },
            None => Err(self.non_foldable(function, argument)),
        }
    }

    fn non_foldable(&self, function: &str, argument: &str) -> SparkError {
        let _ = function;
        SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
            .param("sqlExpr", self.quoted_sql())
            .param("inputName", vonk_common::error::quote_id([argument]))
            .param("inputType", vonk_common::error::quote_sql(self.data_type.sql()))
            .param("inputExpr", self.quoted_sql())
            .at(self.origin.clone())
    }
}

/// A column or a value, which nothing need compute and which cannot fail.
pub fn is_plain(e: &Expr) -> bool {
    matches!(e, Expr::Column(_) | Expr::Literal(..) | Expr::OuterReferenceColumn(..))
}

/// Computes an expression without columns.
pub fn evaluate(expr: &Expr) -> SparkResult<ScalarValue> {
    let run = || {
        let schema = DFSchema::empty();
        let physical =
            create_physical_expr(expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
        match physical.evaluate(&batch)? {
            ColumnarValue::Scalar(value) => Ok(value),
            ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
        }
    };
    run().map_err(spark_error)
}
