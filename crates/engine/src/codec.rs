//! Physical plans as bytes: our operators and functions for DataFusion's protobuf form of plans.
//!
//! A node is JSON ([`Node`]); its inputs are encoded by DataFusion, rows at hand as Arrow IPC. [`recode`]
//! sends a plan through the bytes and back: the test mode that keeps every operator serialisable. The
//! operators of recursive queries and of rows kept on disk have no bytes; a plan with them runs as it is.

mod functions;
mod python;

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::PhysicalExprNode;
use prost::Message;
use serde::{Deserialize, Serialize};
use vonk_analyzer::relation::range::{self, Numbers};
use vonk_common::{SessionConf, SparkResult};
use vonk_expr::{exec_err, spark_error};
use vonk_plan::relation::Options;
use vonk_plan::types::json;

use self::python::{CoGroupsMessage, PythonMessage, PythonScanMessage};
use crate::fs::Place;
use crate::operators::existing::ExistingExec;
use crate::operators::gather::Gather;
use crate::operators::generate::GenerateExec;
use crate::operators::hash_order::{Order, OrderExec};
use crate::operators::opaque::Opaque;
use crate::operators::pieces::Pieces;
use crate::operators::place::{PlaceExec, Placing};
use crate::operators::python::cluster::ClusterExec;
use crate::operators::python::cogroups::CoGroupsExec;
use crate::operators::python::exec::PythonExec;
use crate::operators::python::number::NumberExec;
use crate::operators::python::scan::PythonScan;
use crate::operators::row_id::RowIdExec;
use crate::operators::row_index::RowIndexExec;
use crate::operators::rows::{Choice, ChooseExec};
use crate::operators::shared::SharedExec;
use crate::operators::window::WindowByPartition;
use crate::source::Format;
use crate::source::existing::Existing;
use crate::source::scan::{ScanSettings, Split, TextScan};

/// A node of ours, without its inputs.
#[derive(Debug, Serialize, Deserialize)]
enum Node {
    /// Start and step of a range, the numbers of rows that its partitions begin and end with, and whether
    /// the values are shown.
    Range {
        start: i64,
        step: i64,
        rows: Vec<(String, String)>,
        batch: usize,
        shown: bool,
    },
    Gather {
        fetch: Option<usize>,
    },
    Choose(Choice),
    Place(Placing),
    Order(Order),
    Generate {
        rows: Vec<u8>,
        outer: bool,
        columns: Vec<String>,
    },
    Scan(Box<Scan>),
    Python(Box<PythonMessage>),
    CoGroups(Box<CoGroupsMessage>),
    Number {
        keys: Vec<usize>,
    },
    Cluster {
        keys: Vec<usize>,
    },
    /// A scan, and what its missing columns are.
    /// A scan of whole files, and where it says which row of a file each is.
    RowIndex {
        scan: Vec<u8>,
        column: usize,
    },
    Existing {
        scan: Vec<u8>,
        values: Vec<ExistingMessage>,
    },
    RowId {
        column: String,
    },
    PythonScan(Box<PythonScanMessage>),
    WindowByPartition,
    Pieces,
    Opaque {
        placed: bool,
    },
    /// Rows that several places read: each place computes them where the plan has been sent to.
    Shared {
        plan: Vec<u8>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Scan {
    format: Format,
    data_schema: String,
    partition_schema: String,
    options: Options,
    conf: Vec<(String, String)>,
    splits: Vec<Vec<SplitMessage>>,
    projection: Vec<usize>,
    limit: Option<usize>,
    existing: Vec<ExistingMessage>,
}

/// A column and DataFusion's bytes of its value.
type ExistingMessage = (String, Vec<u8>);

#[derive(Debug, Serialize, Deserialize)]
struct SplitMessage {
    place: String,
    start: u64,
    end: u64,
    size: u64,
    modified: i64,
    partition: Vec<Vec<u8>>,
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
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = || inputs.first().cloned().ok_or_else(|| bad("a node without input"));
        Ok(match serde_json::from_slice(buf).map_err(bad)? {
            Node::Range { start, step, rows, batch, shown } => {
                let part = |(first, end): &(String, String)| {
                    let row = |text: &str| text.parse::<i128>().map_err(bad);
                    Ok(Numbers::new(start, step, row(first)?..row(end)?, batch, shown))
                };
                range::exec(rows.iter().map(part).collect::<Result<_>>()?, shown)?
            }
            Node::Gather { fetch } => Arc::new(Gather::new(input()?, fetch)),
            Node::Order(order) => Arc::new(OrderExec::new(input()?, order)),
            Node::Place(placing) => Arc::new(PlaceExec::new(input()?, placing)?),
            Node::Choose(choice) => Arc::new(ChooseExec::new(input()?, choice)),
            Node::Generate { rows, outer, columns } => {
                let input = input()?;
                let message = PhysicalExprNode::decode(rows.as_slice()).map_err(bad)?;
                let context = PhysicalPlanDecodeContext::new(context, self);
                let rows = converter.proto_to_physical_expr(&message, &input.schema(), &context)?;
                let mut fields: Vec<Field> = input.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
                if let Arrow::List(element) = rows.data_type(&input.schema())?
                    && let Arrow::Struct(parts) = element.data_type()
                {
                    let named = parts.iter().zip(&columns);
                    fields.extend(named.map(|(p, name)| Field::new(name, p.data_type().clone(), true)));
                }
                Arc::new(GenerateExec::new(input, rows, outer, Arc::new(Schema::new(fields))))
            }
            Node::Scan(scan) => Arc::new(scan.decode()?),
            Node::Python(message) => Arc::new(message.decode(input()?)?),
            Node::CoGroups(message) => Arc::new(message.decode(inputs)?),
            Node::PythonScan(message) => Arc::new(message.decode()?),
            Node::Number { keys } => Arc::new(NumberExec::new(input()?, keys)),
            Node::Cluster { keys } => Arc::new(ClusterExec::new(input()?, keys)),
            Node::Existing { scan, values } => {
                let scan = physical_plan_from_bytes_with_extension_codec(&scan, context, self)?;
                Arc::new(ExistingExec::new(scan, existing_of(values)?)?)
            }
            Node::RowIndex { scan, column } => {
                let scan = physical_plan_from_bytes_with_extension_codec(&scan, context, self)?;
                Arc::new(RowIndexExec::new(scan, column))
            }
            Node::RowId { column } => Arc::new(RowIdExec::new(input()?, column)),
            Node::Pieces => Arc::new(Pieces::new(input()?)),
            Node::Opaque { placed } => Arc::new(Opaque::new(input()?, placed)),
            Node::Shared { plan } => {
                let input = physical_plan_from_bytes_with_extension_codec(&plan, context, self)?;
                Arc::new(SharedExec::new(input, 1))
            }
            Node::WindowByPartition => Arc::new(WindowByPartition::new(input()?)?),
        })
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let any: &dyn Any = node.as_ref();
        let message = if let Some(parts) = range::parts(any) {
            let rows = parts.iter().map(|p| (p.rows.start.to_string(), p.rows.end.to_string())).collect();
            let (start, step, batch, shown) =
                parts.first().map_or((0, 1, 1, true), |p| (p.start, p.step, p.batch, p.shown));
            Node::Range { start, step, rows, batch, shown }
        } else if let Some(gather) = any.downcast_ref::<Gather>() {
            Node::Gather { fetch: gather.fetch() }
        } else if let Some(choose) = any.downcast_ref::<ChooseExec>() {
            Node::Choose(choose.choice)
        } else if let Some(place) = any.downcast_ref::<PlaceExec>() {
            Node::Place(place.placing.clone())
        } else if let Some(order) = any.downcast_ref::<OrderExec>() {
            Node::Order(order.order)
        } else if let Some(generate) = any.downcast_ref::<GenerateExec>() {
            let known = generate.input.schema().fields().len();
            Node::Generate {
                rows: converter.physical_expr_to_proto(&generate.rows, self)?.encode_to_vec(),
                outer: generate.outer,
                columns: generate.schema().fields().iter().skip(known).map(|f| f.name().clone()).collect(),
            }
        } else if let Some(scan) = any.downcast_ref::<TextScan>() {
            Node::Scan(Box::new(Scan::of(scan)?))
        } else if let Some(python) = any.downcast_ref::<PythonExec>() {
            Node::Python(Box::new(PythonMessage::of(python)?))
        } else if let Some(cogroups) = any.downcast_ref::<CoGroupsExec>() {
            Node::CoGroups(Box::new(CoGroupsMessage::of(cogroups)))
        } else if let Some(scan) = any.downcast_ref::<PythonScan>() {
            Node::PythonScan(Box::new(PythonScanMessage::of(scan)))
        } else if let Some(number) = any.downcast_ref::<NumberExec>() {
            Node::Number { keys: number.keys.clone() }
        } else if let Some(cluster) = any.downcast_ref::<ClusterExec>() {
            Node::Cluster { keys: cluster.keys.clone() }
        } else if let Some(scan) = any.downcast_ref::<ExistingExec>() {
            let values = existing_messages(&scan.existing)?;
            let scan = physical_plan_to_bytes_with_extension_codec(Arc::clone(&scan.scan), self)?;
            Node::Existing { scan: scan.to_vec(), values }
        } else if let Some(rows) = any.downcast_ref::<RowIndexExec>() {
            let scan = physical_plan_to_bytes_with_extension_codec(Arc::clone(&rows.scan), self)?;
            Node::RowIndex { scan: scan.to_vec(), column: rows.column }
        } else if let Some(ids) = any.downcast_ref::<RowIdExec>() {
            Node::RowId { column: ids.column.clone() }
        } else if any.is::<WindowByPartition>() {
            Node::WindowByPartition
        } else if let Some(shared) = any.downcast_ref::<SharedExec>() {
            let plan = physical_plan_to_bytes_with_extension_codec(Arc::clone(&shared.input), self)?;
            Node::Shared { plan: plan.to_vec() }
        } else if any.is::<Pieces>() {
            Node::Pieces
        } else if let Some(opaque) = any.downcast_ref::<Opaque>() {
            Node::Opaque { placed: opaque.placed() }
        } else {
            return Err(DataFusionError::NotImplemented(format!("the operator {} cannot be sent", node.name())));
        };
        serde_json::to_writer(buf, &message).map_err(bad)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        functions::encode_scalar(node, buf)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        functions::decode_scalar(name, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        functions::encode_aggregate(node, buf);
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        functions::decode_aggregate(name, buf)
    }
}

impl Scan {
    fn of(scan: &TextScan) -> Result<Self> {
        let settings = &scan.settings;
        let split = |s: &Split| -> Result<SplitMessage> {
            Ok(SplitMessage {
                place: s.place.to_string(),
                start: s.start,
                end: s.end,
                size: s.size,
                modified: s.modified,
                partition: s.partition.iter().map(value_bytes).collect::<Result<_>>()?,
            })
        };
        Ok(Scan {
            format: settings.format,
            data_schema: json::struct_to_json(&settings.data_schema).to_string(),
            partition_schema: json::struct_to_json(&settings.partition_schema).to_string(),
            options: settings.options.clone(),
            conf: settings.conf.explicit().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            splits: scan.splits.iter().map(|run| run.iter().map(split).collect()).collect::<Result<_>>()?,
            projection: scan.projection.clone(),
            limit: scan.limit,
            existing: existing_messages(&settings.existing)?,
        })
    }

    fn decode(self) -> Result<TextScan> {
        let mut conf = SessionConf::new();
        for (key, value) in self.conf {
            conf.force(key, value);
        }
        let partition_schema = json::parse_struct(&self.partition_schema).map_err(exec_err)?;
        let split = |s: SplitMessage| -> SparkResult<Split> {
            let values = s.partition.iter().map(|v| value_of_bytes(v).map_err(spark_error));
            Ok(Split {
                place: Place::parse(&s.place)?,
                start: s.start,
                end: s.end,
                size: s.size,
                modified: s.modified,
                partition: values.collect::<SparkResult<_>>()?,
            })
        };
        let runs = self.splits.into_iter().map(|run| run.into_iter().map(split).collect::<SparkResult<Vec<_>>>());
        let splits = runs.collect::<SparkResult<Vec<_>>>().map_err(exec_err)?;
        let settings = ScanSettings {
            format: self.format,
            data_schema: json::parse_struct(&self.data_schema).map_err(exec_err)?,
            partition_schema: partition_schema.clone(),
            options: self.options,
            conf: Arc::new(conf),
            existing: existing_of(self.existing)?,
        };
        TextScan::new(settings, splits, self.projection, self.limit)
    }
}

fn existing_messages(existing: &Existing) -> Result<Vec<ExistingMessage>> {
    existing.iter().map(|(name, value)| Ok((name.clone(), value_bytes(value)?))).collect()
}

fn existing_of(messages: Vec<ExistingMessage>) -> Result<Existing> {
    let value = |(name, bytes): ExistingMessage| Ok((name, value_of_bytes(&bytes)?));
    messages.into_iter().map(value).collect::<Result<_>>().map(Existing::new)
}

fn value_bytes(value: &ScalarValue) -> Result<Vec<u8>> {
    Ok(datafusion_proto::protobuf::ScalarValue::try_from(value).map_err(bad)?.encode_to_vec())
}

fn value_of_bytes(bytes: &[u8]) -> Result<ScalarValue> {
    let message = datafusion_proto::protobuf::ScalarValue::decode(bytes).map_err(bad)?;
    ScalarValue::try_from(&message).map_err(bad)
}

/// The plan through its bytes and back; as it is, where an operator of it has no bytes.
pub fn recode(plan: Arc<dyn ExecutionPlan>, context: &TaskContext) -> SparkResult<Arc<dyn ExecutionPlan>> {
    if let Some(operator) = without_bytes(&plan) {
        log::warn!("a plan stays here: {operator}");
        return Ok(plan);
    }
    let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec).map_err(spark_error)?;
    physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec).map_err(spark_error)
}

/// An operator of the plan that DataFusion has no bytes for.
fn without_bytes(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    const HERE_ONLY: &[&str] = &["RecursionExec", "StreamingTableExec"];
    if HERE_ONLY.contains(&plan.name()) {
        return Some(plan.name().to_string());
    }
    let any: &dyn Any = plan.as_ref();
    // Only DataFusion's own operators are given the results of sub-queries when they are read back.
    if any.downcast_ref::<GenerateExec>().is_some_and(|g| reads_subquery(&g.rows)) {
        return Some(format!("{} of a sub-query", plan.name()));
    }
    let shared = any.downcast_ref::<SharedExec>().map(|s| &s.input);
    plan.children().into_iter().chain(shared).find_map(without_bytes)
}

fn reads_subquery(e: &Arc<dyn PhysicalExpr>) -> bool {
    e.exists(|e| Ok(e.downcast_ref::<ScalarSubqueryExpr>().is_some())).unwrap_or(false)
}
