//! Pieces of a result as response messages.

use bytes::Bytes;
use prost::Message;
use proto::execute_plan_response as p;
use proto::execute_plan_response::ResponseType;
use spark_connect_proto as proto;
use vonk_common::limits::ARROW_BATCH_BYTES;
use vonk_plan::types::{DataType, DayTimeField, YearMonthField};

use crate::backend::{MetricValue, MlOperatorInfo, MlResult, NodeMetrics, ObservedMetrics, Progress, ResultItem};
use crate::convert::{literal, types};
use crate::error;

/// Whether batches may be sent in pieces, and how large a piece is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chunking(Option<usize>);

impl Chunking {
    pub fn new(options: &proto::ResultChunkingOptions) -> Self {
        let size = options.preferred_arrow_chunk_size.and_then(|n| usize::try_from(n).ok());
        let size = size.filter(|n| *n > 0).unwrap_or(ARROW_BATCH_BYTES).clamp(1024, 2 * ARROW_BATCH_BYTES);
        Chunking(options.allow_arrow_batch_chunking.then_some(size))
    }
}

/// Makes the responses of one operation. A client pays for each of them (it releases every one by a
/// call of its own), so what has a field beside the others' waits and travels with the next: the
/// schema with the first rows, metrics with the end.
pub struct Responder {
    blank: proto::ExecutePlanResponse,
    chunking: Chunking,
    rows: i64,
    /// What SQL text that is a query is answered with: the text itself, encoded.
    sql: Option<Bytes>,
    /// Schema and metrics for the next response.
    waiting: proto::ExecutePlanResponse,
}

/// A response, and more fields of it that are encoded already.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    pub message: proto::ExecutePlanResponse,
    pub tail: Bytes,
}

impl Reply {
    pub fn encoded_len(&self) -> usize {
        self.message.encoded_len() + self.tail.len()
    }
}

impl From<proto::ExecutePlanResponse> for Reply {
    fn from(message: proto::ExecutePlanResponse) -> Self {
        Reply { message, tail: Bytes::new() }
    }
}

/// The answer to SQL text that is a query: the client builds upon the relation.
pub fn sql_query(relation: proto::Relation) -> proto::ExecutePlanResponse {
    let result = p::SqlCommandResult { relation: Some(relation) };
    proto::ExecutePlanResponse { response_type: Some(ResponseType::SqlCommandResult(result)), ..Default::default() }
}

impl Responder {
    pub fn new(blank: proto::ExecutePlanResponse, chunking: Chunking, sql: Option<Bytes>) -> Self {
        let waiting = blank.clone();
        Responder { blank, chunking, rows: 0, sql, waiting }
    }

    fn typed(&self, kind: ResponseType) -> Reply {
        proto::ExecutePlanResponse { response_type: Some(kind), ..self.blank.clone() }.into()
    }

    /// A response of this kind with all that waits.
    fn with_waiting(&mut self, kind: Option<ResponseType>) -> Reply {
        let waiting = std::mem::replace(&mut self.waiting, self.blank.clone());
        proto::ExecutePlanResponse { response_type: kind, ..waiting }.into()
    }

    /// The end, for clients that wait for it.
    pub fn complete(&mut self) -> Reply {
        self.with_waiting(Some(ResponseType::ResultComplete(p::ResultComplete {})))
    }

    /// What still waits, for clients that are not told of the end.
    pub fn rest(&mut self) -> Option<Reply> {
        (self.waiting != self.blank).then(|| self.with_waiting(None))
    }

    pub fn progress(&self, progress: &Progress) -> Reply {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let stages = progress.stages.iter().map(|s| p::execution_progress::StageInfo {
            stage_id: s.id,
            num_tasks: number(s.tasks),
            num_completed_tasks: number(s.completed_tasks),
            input_bytes_read: number(s.input_bytes),
            done: s.done,
        });
        self.typed(ResponseType::ExecutionProgress(p::ExecutionProgress {
            stages: stages.collect(),
            num_inflight_tasks: number(progress.running_tasks),
        }))
    }

    /// The responses that carry an item.
    pub fn item(&mut self, item: ResultItem) -> Vec<Reply> {
        let response = match item {
            ResultItem::Schema(s) => {
                self.waiting.schema = Some(types::schema_to_proto(&s));
                return vec![];
            }
            ResultItem::Batch { rows, data } => return self.batch(i64::try_from(rows).unwrap_or(i64::MAX), data),
            ResultItem::SqlQuery => Reply { message: self.blank.clone(), tail: self.sql.take().unwrap_or_default() },
            ResultItem::SqlRows { data, schema } => {
                // Arrow does not carry the metadata of fields, nor all of some types: the schema does.
                let told = schema.fields.iter().any(|f| f.metadata.is_some() || !carried(&f.data_type));
                let schema = told.then(|| vonk_plan::types::json::struct_to_json(&schema).to_string());
                let local = proto::LocalRelation { data: Some(data), schema };
                let rel_type = Some(proto::relation::RelType::LocalRelation(local));
                let relation = Some(proto::Relation { common: None, rel_type });
                self.typed(ResponseType::SqlCommandResult(p::SqlCommandResult { relation }))
            }
            ResultItem::Checkpoint { id } => {
                let relation = Some(proto::CachedRemoteRelation { relation_id: id });
                self.typed(ResponseType::CheckpointCommandResult(proto::CheckpointCommandResult { relation }))
            }
            ResultItem::Resources(resources) => {
                let resources = resources
                    .into_iter()
                    .map(|(name, addresses)| (name.clone(), proto::ResourceInformation { name, addresses }));
                let result = proto::GetResourcesCommandResult { resources: resources.collect() };
                self.typed(ResponseType::GetResourcesCommandResult(result))
            }
            ResultItem::Ml(result) => self.typed(ResponseType::MlCommandResult(ml(result))),
            ResultItem::Metrics(nodes) => {
                self.waiting.metrics = Some(p::Metrics { metrics: nodes.into_iter().map(node).collect() });
                return vec![];
            }
            ResultItem::Observed(m) => {
                self.waiting.observed_metrics.push(observed(m));
                return vec![];
            }
        };
        vec![response]
    }

    /// A batch, whole or in pieces.
    fn batch(&mut self, rows: i64, data: Bytes) -> Vec<Reply> {
        let whole = p::ArrowBatch { row_count: rows, start_offset: Some(self.rows), ..Default::default() };
        self.rows += rows;
        let Chunking(Some(size)) = self.chunking else {
            return vec![self.with_waiting(Some(ResponseType::ArrowBatch(p::ArrowBatch { data, ..whole })))];
        };
        let chunks = data.len().div_ceil(size).max(1);
        let piece = |i: usize| {
            let end = data.len().min((i + 1) * size);
            self.with_waiting(Some(ResponseType::ArrowBatch(p::ArrowBatch {
                data: data.slice(i * size..end),
                chunk_index: Some(i as i64),
                num_chunks_in_batch: Some(chunks as i64),
                ..whole.clone()
            })))
        };
        (0..chunks).map(piece).collect()
    }
}

fn ml(result: MlResult) -> proto::MlCommandResult {
    use proto::ml_command_result::{MlOperatorInfo as Info, ResultType, ml_operator_info::Type};
    let result = match result {
        MlResult::Value(value) => ResultType::Param(literal::to_proto(&value)),
        MlResult::Summary(text) => ResultType::Summary(text),
        MlResult::Operator(MlOperatorInfo { object, name, uid, params, warning }) => {
            let params = params.iter().map(|(k, v)| (k.clone(), literal::to_proto(v))).collect();
            let object = object.map(|id| Type::ObjRef(proto::ObjectRef { id }));
            ResultType::OperatorInfo(Info {
                uid,
                params: Some(proto::MlParams { params }),
                warning_message: warning,
                r#type: object.or_else(|| name.map(Type::Name)),
            })
        }
    };
    proto::MlCommandResult { result_type: Some(result) }
}

fn node(node: NodeMetrics) -> p::metrics::MetricObject {
    let value = |v: MetricValue| {
        (v.name.clone(), p::metrics::MetricValue { name: v.name, value: v.value, metric_type: v.kind })
    };
    p::metrics::MetricObject {
        name: node.name,
        plan_id: node.plan_id,
        parent: node.parent,
        execution_metrics: node.values.into_iter().map(value).collect(),
    }
}

fn observed(m: ObservedMetrics) -> p::ObservedMetrics {
    let mut message = p::ObservedMetrics { name: m.name, plan_id: m.plan_id, ..Default::default() };
    match m.values {
        Ok(values) => {
            message.values = values.iter().map(|(_, v)| literal::to_proto(v)).collect();
            message.keys = values.into_iter().map(|(k, _)| k).collect();
        }
        Err(e) => {
            message.root_error_idx = Some(0);
            message.errors = vec![error::details(&e)];
        }
    }
    message
}

/// Does Arrow tell which type it is, with all of its fields and digits?
fn carried(t: &DataType) -> bool {
    match t {
        DataType::DayTimeInterval(from, to) => (*from, *to) == (DayTimeField::Day, DayTimeField::Second),
        DataType::YearMonthInterval(from, to) => (*from, *to) == (YearMonthField::Year, YearMonthField::Month),
        DataType::Array(element, _) => carried(element),
        DataType::Map(key, value, _) => carried(key) && carried(value),
        DataType::Struct(s) => s.fields.iter().all(|f| carried(&f.data_type)),
        _ => true,
    }
}
