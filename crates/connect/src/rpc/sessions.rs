//! `ReleaseSession`, `CloneSession` and `FetchErrorDetails`.

use spark_connect_proto as proto;
use tonic::Status;
use uuid::Uuid;

use super::{key, outside};
use crate::backend::SessionKey;
use crate::error;
use crate::service::Shared;
use crate::sessions::check_uuid;

impl Shared {
    pub async fn release_session(
        &self,
        r: proto::ReleaseSessionRequest,
    ) -> Result<proto::ReleaseSessionResponse, Status> {
        let key = key(r.user_context, r.session_id);
        check_uuid(&key.id).map_err(outside)?;
        let closed = self.sessions.close(&key, r.allow_reconnect).await;
        Ok(proto::ReleaseSessionResponse {
            session_id: key.id,
            server_side_session_id: closed.map(|s| s.server_id.clone()).unwrap_or_default(),
        })
    }

    pub async fn clone_session(&self, r: proto::CloneSessionRequest) -> Result<proto::CloneSessionResponse, Status> {
        let source = self.existing_session(r.user_context, r.session_id, r.client_observed_server_side_session_id)?;
        let id = r.new_session_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        let target = SessionKey { user: source.key.user.clone(), id };
        let copy = self.sessions.duplicate(&source, target).await.map_err(|e| source.status(e))?;
        Ok(proto::CloneSessionResponse {
            session_id: source.key.id.clone(),
            server_side_session_id: source.server_id.clone(),
            new_session_id: copy.key.id.clone(),
            new_server_side_session_id: copy.server_id.clone(),
        })
    }

    pub fn fetch_error_details(
        &self,
        r: proto::FetchErrorDetailsRequest,
    ) -> Result<proto::FetchErrorDetailsResponse, Status> {
        // Whoever asks about a session that is gone simply learns nothing.
        let session = self.sessions.find(&key(r.user_context, r.session_id.clone()), None).ok();
        let error = session.as_ref().and_then(|s| s.kept_error(&r.error_id));
        Ok(proto::FetchErrorDetailsResponse {
            server_side_session_id: session.map(|s| s.server_id.clone()).unwrap_or_default(),
            session_id: r.session_id,
            root_error_idx: error.as_ref().map(|_| 0),
            errors: error.as_ref().map(error::chain).unwrap_or_default(),
        })
    }
}
