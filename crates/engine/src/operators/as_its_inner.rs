//! What an expression says that evaluates another one in its own way.

/// The traits of an expression that is, but for how it is evaluated, the expression in its field `inner`. The other
/// fields are handed on when it is made anew.
macro_rules! as_its_inner {
    ($wrapper:ident { $($field:ident),* }, |$this:ident, $batch:ident| $evaluate:expr) => {
        impl ::std::fmt::Display for $wrapper {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.inner, f)
            }
        }

        impl PartialEq for $wrapper {
            fn eq(&self, other: &Self) -> bool {
                self.inner.eq(&other.inner)
            }
        }

        impl Eq for $wrapper {}

        impl ::std::hash::Hash for $wrapper {
            fn hash<H: ::std::hash::Hasher>(&self, state: &mut H) {
                self.inner.hash(state);
            }
        }

        impl ::datafusion::physical_expr::PhysicalExpr for $wrapper {
            fn data_type(
                &self,
                schema: &::arrow::datatypes::Schema,
            ) -> ::datafusion::common::Result<::arrow::datatypes::DataType> {
                self.inner.data_type(schema)
            }

            fn nullable(&self, schema: &::arrow::datatypes::Schema) -> ::datafusion::common::Result<bool> {
                self.inner.nullable(schema)
            }

            fn return_field(
                &self,
                schema: &::arrow::datatypes::Schema,
            ) -> ::datafusion::common::Result<::arrow::datatypes::FieldRef> {
                self.inner.return_field(schema)
            }

            fn evaluate(
                &self,
                $batch: &::arrow::record_batch::RecordBatch,
            ) -> ::datafusion::common::Result<::datafusion::logical_expr::ColumnarValue> {
                let $this = self;
                $evaluate
            }

            fn children(&self) -> Vec<&::std::sync::Arc<dyn ::datafusion::physical_expr::PhysicalExpr>> {
                vec![&self.inner]
            }

            fn with_new_children(
                self: ::std::sync::Arc<Self>,
                mut children: Vec<::std::sync::Arc<dyn ::datafusion::physical_expr::PhysicalExpr>>,
            ) -> ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_expr::PhysicalExpr>> {
                Ok(match children.pop() {
                    Some(inner) => ::std::sync::Arc::new($wrapper {
                        inner
                        $(, $field: ::std::clone::Clone::clone(&self.$field))*
                    }),
                    None => self,
                })
            }

            fn get_properties(
                &self,
                children: &[::datafusion::logical_expr::sort_properties::ExprProperties],
            ) -> ::datafusion::common::Result<::datafusion::logical_expr::sort_properties::ExprProperties> {
                let new = ::datafusion::logical_expr::sort_properties::ExprProperties::new_unknown;
                Ok(children.first().cloned().unwrap_or_else(new))
            }

            fn fmt_sql(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.inner.fmt_sql(f)
            }
        }
    };
}

pub(crate) use as_its_inner;
