//! What a node says of itself in the same way that gives on rows of its one input, with all their columns.

/// The methods of `UserDefinedLogicalNodeCore` that follow from the field `input`, where the node has no expressions.
/// The last argument makes the node anew over another input.
macro_rules! one_input {
    ($name:literal, |$this:ident, $input:ident| $anew:expr) => {
        fn name(&self) -> &str {
            $name
        }

        fn inputs(&self) -> Vec<&::datafusion::logical_expr::LogicalPlan> {
            vec![&self.input]
        }

        fn schema(&self) -> &::datafusion::common::DFSchemaRef {
            self.input.schema()
        }

        fn expressions(&self) -> Vec<::datafusion::logical_expr::Expr> {
            vec![]
        }

        fn with_exprs_and_inputs(
            &self,
            _exprs: Vec<::datafusion::logical_expr::Expr>,
            inputs: Vec<::datafusion::logical_expr::LogicalPlan>,
        ) -> ::datafusion::common::Result<Self> {
            let $this = self;
            match inputs.into_iter().next().map(::std::sync::Arc::new) {
                Some($input) => Ok($anew),
                None => {
                    let message = concat!($name, " needs an input");
                    Err(::vonk_expr::exec_err(::vonk_common::SparkError::internal(message)))
                }
            }
        }

        fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
            Some(vec![output_columns.to_vec()])
        }
    };
}

pub(crate) use one_input;
