//! `ExecutePlan`, `ReattachExecute` and `ReleaseExecute`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use proto::execute_plan_request::request_option::RequestOption;
use proto::release_execute_request::Release;
use spark_connect_proto as proto;
use tonic::Status;
use uuid::Uuid;
use vonk_common::planner::{self, Deep};
use vonk_common::{SparkError, SparkResult};

use super::outside;
use crate::backend::OperationContext;
use crate::error::plain;
use crate::operation::{self, Chunking, ResponseStream};
use crate::service::Shared;
use crate::sessions::check_uuid;
use crate::wire;

/// A request without its plan, which stays wrapped.
struct Execute {
    request: proto::ExecutePlanRequest,
    plan: Deep<proto::Plan>,
    /// Of the whole request.
    hash: u64,
}

impl Shared {
    pub async fn execute_plan(&self, bytes: Bytes) -> Result<ResponseStream, Status> {
        let decoded = planner::run(move || {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            let mut request: proto::ExecutePlanRequest = wire::decode(bytes)?;
            let plan = Deep::new(request.plan.take().unwrap_or_default());
            Ok::<_, SparkError>(Execute { request, plan, hash: hasher.finish() })
        });
        let Execute { request: r, plan, hash } = decoded.await.and_then(|d| d).map_err(outside)?;
        let session = self.session(r.user_context, r.session_id, r.client_observed_server_side_session_id).await?;
        let mut reattachable = false;
        let mut chunking = Chunking::default();
        for option in r.request_options.into_iter().filter_map(|o| o.request_option) {
            match option {
                RequestOption::ReattachOptions(o) => reattachable = o.reattachable,
                RequestOption::ResultChunkingOptions(o) => chunking = Chunking::new(&o),
                RequestOption::Extension(_) => {}
            }
        }
        let started =
            context(r.operation_id, r.tags).and_then(|context| session.start_operation(context, hash, reattachable));
        let (operation, new) = started.map_err(|e| session.status(e))?;
        let stream = operation::attach(Arc::clone(&session), Arc::clone(&operation), None);
        if new {
            tokio::spawn(operation::run(Arc::clone(&session), operation, plan, chunking));
        }
        stream.map_err(|e| session.status(e))
    }

    pub async fn reattach_execute(&self, r: proto::ReattachExecuteRequest) -> Result<ResponseStream, Status> {
        let session = self.existing_session(r.user_context, r.session_id, r.client_observed_server_side_session_id)?;
        let attached = session
            .operation_to_reattach(&r.operation_id)
            .and_then(|o| operation::attach(Arc::clone(&session), o, r.last_response_id.as_deref()));
        attached.map_err(|e| session.status(e))
    }

    pub fn release_execute(&self, r: proto::ReleaseExecuteRequest) -> Result<proto::ReleaseExecuteResponse, Status> {
        let session = self.existing_session(r.user_context, r.session_id, r.client_observed_server_side_session_id)?;
        let found = session.operation(&r.operation_id);
        let released = match (&found, r.release) {
            (None, _) => Ok(()),
            (Some(o), Some(Release::ReleaseUntil(until))) => o.release_until(&until.response_id),
            (Some(_), Some(Release::ReleaseAll(_))) => {
                session.end_operation(&r.operation_id, false);
                Ok(())
            }
            (Some(_), None) => Err(plain("java.lang.UnsupportedOperationException", "Unknown ReleaseExecute type!")),
        };
        released.map_err(|e| session.status(e))?;
        Ok(proto::ReleaseExecuteResponse {
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
            operation_id: found.map(|_| r.operation_id),
        })
    }
}

fn context(id: Option<String>, tags: Vec<String>) -> SparkResult<OperationContext> {
    let id = match id {
        Some(id) => {
            check_uuid(&id)?;
            id
        }
        None => Uuid::new_v4().to_string(),
    };
    for tag in &tags {
        if tag.is_empty() {
            return Err(plain("java.lang.IllegalArgumentException", "Spark Connect tag cannot be an empty string."));
        }
        if tag.contains(',') {
            return Err(plain("java.lang.IllegalArgumentException", "Spark Connect tag cannot contain ','."));
        }
    }
    Ok(OperationContext::new(id, tags))
}
