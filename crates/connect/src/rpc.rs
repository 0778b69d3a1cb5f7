//! The calls of the service, one module for each group.

mod analyze;
mod artifacts;
mod config;
mod execute;
mod interrupt;
mod sessions;

use std::sync::Arc;

use spark_connect_proto::UserContext;
use tonic::Status;
use vonk_common::SparkError;

use crate::backend::SessionKey;
use crate::error;
use crate::service::Shared;
use crate::session::Session;

fn key(user: Option<UserContext>, session_id: String) -> SessionKey {
    SessionKey { user: user.unwrap_or_default().user_id, id: session_id }
}

/// The status for an error outside of any session.
fn outside(error: SparkError) -> Status {
    error::status(&error, None)
}

impl Shared {
    /// The session of a request, opened if need be.
    async fn session(
        &self,
        user: Option<UserContext>,
        session_id: String,
        observed: Option<String>,
    ) -> Result<Arc<Session>, Status> {
        self.sessions.open(&key(user, session_id), observed.as_deref()).await.map_err(outside)
    }

    /// The session of a request that makes sense only if there is one.
    fn existing_session(
        &self,
        user: Option<UserContext>,
        session_id: String,
        observed: Option<String>,
    ) -> Result<Arc<Session>, Status> {
        self.sessions.find(&key(user, session_id), observed.as_deref()).map_err(outside)
    }
}
