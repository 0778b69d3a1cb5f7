//! Physical plans as bytes: our operators and functions for DataFusion's protobuf form of plans.
//!
//! A node is a line of JSON ([`Node`]); its inputs are encoded by DataFusion. [`recode`] sends a plan
//! through the bytes and back: the test mode that keeps every operator serialisable.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::{Deserialize, Serialize};
use vonk_common::SparkResult;
use vonk_expr::spark_error;

use crate::operators::gather::Gather;
use crate::operators::rows::{Choice, ChooseExec};

/// A node of ours, without its inputs.
#[derive(Debug, Serialize, Deserialize)]
enum Node {
    Gather { fetch: Option<usize> },
    Choose(Choice),
}

#[derive(Debug)]
pub struct Codec;

fn bad(what: impl std::fmt::Display) -> DataFusionError {
    DataFusionError::Internal(format!("plan codec: {what}"))
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = inputs.first().cloned().ok_or_else(|| bad("a node without input"))?;
        Ok(match serde_json::from_slice(buf).map_err(bad)? {
            Node::Gather { fetch } => Arc::new(Gather::new(input, fetch)),
            Node::Choose(choice) => Arc::new(ChooseExec::new(input, choice)),
        })
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let any: &dyn Any = node.as_ref();
        let message = if let Some(gather) = any.downcast_ref::<Gather>() {
            Node::Gather { fetch: gather.fetch() }
        } else if let Some(choose) = any.downcast_ref::<ChooseExec>() {
            Node::Choose(choose.choice)
        } else {
            return Err(DataFusionError::NotImplemented(format!("the operator {} cannot be sent", node.name())));
        };
        serde_json::to_writer(buf, &message).map_err(bad)
    }
}

/// The plan through its bytes and back.
pub fn recode(plan: Arc<dyn ExecutionPlan>, context: &TaskContext) -> SparkResult<Arc<dyn ExecutionPlan>> {
    let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec).map_err(spark_error)?;
    physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec).map_err(spark_error)
}
