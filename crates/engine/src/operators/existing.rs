//! A scan of Parquet files whose missing columns have values: [`Existing`] told to DataFusion's scan.
//!
//! DataFusion's bytes of a scan do not hold what its missing columns are. This operator does, and tells the
//! scan again wherever the plan has been sent to.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::leaf::leaf;
use crate::source::existing::Existing;

/// The operator: a leaf, so that nothing comes between it and the scan.
#[derive(Debug)]
pub struct ExistingExec {
    pub scan: Arc<dyn ExecutionPlan>,
    pub existing: Existing,
}

impl ExistingExec {
    /// Error: the input is no scan of files.
    pub fn new(scan: Arc<dyn ExecutionPlan>, existing: Existing) -> Result<Self> {
        let any: &dyn Any = scan.as_ref();
        let config = any.downcast_ref::<DataSourceExec>().and_then(|scan| {
            let source: &dyn Any = scan.data_source().as_ref();
            source.downcast_ref::<FileScanConfig>()
        });
        let Some(config) = config else {
            return Err(DataFusionError::Internal("missing columns are those of a scan".into()));
        };
        let config = FileScanConfigBuilder::from(config.clone()).with_expr_adapter(Some(Arc::new(existing.clone())));
        Ok(ExistingExec { scan: DataSourceExec::from_data_source(config.build()), existing })
    }
}

impl DisplayAs for ExistingExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt_as(t, f)
    }
}

impl ExecutionPlan for ExistingExec {
    fn name(&self) -> &str {
        "ExistingExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.scan.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.scan.metrics()
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.scan.statistics_from_inputs(inputs, args)
    }
}
