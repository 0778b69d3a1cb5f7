//! What every operator of one input says about itself in the same way.

/// The methods of `ExecutionPlan` that follow from the fields `input` and `properties`. The last argument makes
/// the operator anew over another input: a `Result`.
macro_rules! one_input {
    ($name:literal, |$this:ident, $input:ident| $anew:expr) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &::std::sync::Arc<::datafusion::physical_plan::PlanProperties> {
            &self.properties
        }

        fn children(&self) -> Vec<&::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            vec![&self.input]
        }

        $crate::operators::no_expressions::no_expressions!();

        fn with_new_children(
            self: ::std::sync::Arc<Self>,
            children: Vec<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>>,
        ) -> ::datafusion::common::Result<::std::sync::Arc<dyn ::datafusion::physical_plan::ExecutionPlan>> {
            let $this = self;
            match children.into_iter().next() {
                Some($input) => {
                    let anew: ::datafusion::common::Result<Self> = $anew;
                    Ok(::std::sync::Arc::new(anew?))
                }
                None => Err(::datafusion::common::DataFusionError::Internal(concat!($name, " has one child").into())),
            }
        }
    };
}

pub(crate) use one_input;
