//! Errors on the wire: a gRPC status whose details name Spark's error class, its parameters and the
//! Java classes by which clients choose their exception. The full error is kept in the session, where
//! `FetchErrorDetails` finds it by its id.

use std::collections::BTreeMap;

use prost::Message;
use spark_connect_proto::fetch_error_details_response as p;
use tonic::{Code, Status};
use vonk_common::limits::MAX_ERROR_METADATA_BYTES;
use vonk_common::{Origin, SparkError};

mod classes;
mod rpc;

pub use classes::java_classes;

/// Longest message put into the status itself: gRPC libraries limit the size of headers.
const MAX_STATUS_MESSAGE_CHARS: usize = 2048;

/// The status for an error; `id` is the key under which its details are kept.
pub fn status(error: &SparkError, id: Option<&str>) -> Status {
    let message = shorten(&text(error));
    let classes = java_classes(error);
    let mut metadata = BTreeMap::from([("classes".to_string(), json(&classes))]);
    if let Some(class) = spark_class(error) {
        if let Some(state) = error.sqlstate() {
            metadata.insert("sqlState".into(), state.into());
        }
        let params: serde_json::Map<_, _> =
            error.params().iter().map(|(k, v)| (k.to_string(), v.as_str().into())).collect();
        let params = json(&params);
        if params.len() <= MAX_ERROR_METADATA_BYTES {
            metadata.insert("errorClass".into(), class.into());
            metadata.insert("messageParameters".into(), params);
        }
    }
    if let Some(id) = id {
        metadata.insert("errorId".into(), id.into());
    }
    let info = rpc::ErrorInfo {
        reason: classes.first().copied().unwrap_or_default().into(),
        domain: "org.apache.spark".into(),
        metadata,
    };
    let details =
        rpc::RpcStatus { code: Code::Internal as i32, message: message.clone(), details: vec![info.to_any()] };
    Status::with_details(Code::Internal, message, details.encode_to_vec().into())
}

/// The error and its causes, each naming the next by its place, as `FetchErrorDetails` gives them.
pub fn chain(error: &SparkError) -> Vec<p::Error> {
    let mut out: Vec<p::Error> = std::iter::successors(Some(error), |e| e.cause()).map(details).collect();
    let last = out.len().saturating_sub(1);
    for (i, error) in out.iter_mut().enumerate().take(last) {
        error.cause_idx = i32::try_from(i + 1).ok();
    }
    out
}

/// The whole error, as `FetchErrorDetails` and observed metrics carry it; its cause left out.
pub fn details(error: &SparkError) -> p::Error {
    let spark_throwable = spark_class(error).map(|class| p::SparkThrowable {
        error_class: Some(class.into()),
        message_parameters: error.params().iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
        query_contexts: error.origin().map(|o| context(o)).into_iter().collect(),
        sql_state: error.sqlstate().map(Into::into),
        breaking_change_info: None,
    });
    p::Error {
        error_type_hierarchy: java_classes(error).iter().map(|c| c.to_string()).collect(),
        message: text(error),
        stack_trace: vec![],
        cause_idx: None,
        spark_throwable,
    }
}

fn context(origin: &Origin) -> p::QueryContext {
    let mut context = p::QueryContext { fragment: origin.fragment(), summary: origin.summary(), ..Default::default() };
    match origin {
        Origin::Sql { start, stop, object_type, object_name, .. } => {
            let index = |i: usize| i32::try_from(i).unwrap_or(i32::MAX);
            context.set_context_type(p::query_context::ContextType::Sql);
            context.object_type = object_type.clone();
            context.object_name = object_name.clone();
            context.start_index = index(*start);
            context.stop_index = index(*stop) - 1;
        }
        Origin::DataFrame { call_site, .. } => {
            context.set_context_type(p::query_context::ContextType::Dataframe);
            context.call_site = call_site.clone();
        }
    }
    context
}

/// Errors of Spark that have no error class are named by their Java class.
fn is_plain_java(error: &SparkError) -> bool {
    error.class().starts_with("java.")
}

fn spark_class(error: &SparkError) -> Option<&str> {
    (!is_plain_java(error)).then(|| error.class())
}

fn text(error: &SparkError) -> String {
    if is_plain_java(error) {
        return error.params().first().map(|(_, message)| message.clone()).unwrap_or_default();
    }
    error.message()
}

/// An error of Spark that has a Java class and a message but no error class.
pub fn plain(java_class: &'static str, message: impl std::fmt::Display) -> SparkError {
    SparkError::new(java_class).param("message", message)
}

fn shorten(message: &str) -> String {
    match message.char_indices().nth(MAX_STATUS_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", message.get(..end).unwrap_or_default()),
        None => message.to_string(),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
