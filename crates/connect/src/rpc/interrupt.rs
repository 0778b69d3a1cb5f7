//! `Interrupt`, and `GetStatus` of operations.

use proto::get_status_response::operation_status::OperationState;
use proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto as proto;
use tonic::Status;
use vonk_common::{SparkError, SparkResult};

use crate::operation::Outcome;
use crate::service::Shared;
use crate::session::{Session, Standing};

impl Shared {
    pub async fn interrupt(&self, r: proto::InterruptRequest) -> Result<proto::InterruptResponse, Status> {
        let session = self.session(r.user_context, r.session_id, r.client_observed_server_side_session_id).await?;
        let interrupted_ids = interrupt(&session, r.interrupt_type, r.interrupt).map_err(|e| session.status(e))?;
        Ok(proto::InterruptResponse {
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
            interrupted_ids,
        })
    }

    pub fn get_status(&self, r: proto::GetStatusRequest) -> Result<proto::GetStatusResponse, Status> {
        let session = self.existing_session(r.user_context, r.session_id, r.client_observed_server_side_session_id)?;
        let standings = r.operation_status.map(|o| session.standings(&o.operation_ids)).unwrap_or_default();
        let statuses =
            standings.into_iter().map(|(operation_id, standing)| proto::get_status_response::OperationStatus {
                operation_id,
                state: state(standing) as i32,
                extensions: vec![],
            });
        Ok(proto::GetStatusResponse {
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
            operation_statuses: statuses.collect(),
            extensions: vec![],
        })
    }
}

fn interrupt(session: &Session, kind: i32, which: Option<Interrupt>) -> SparkResult<Vec<String>> {
    let missing = |class: &str, parameter: &str| {
        Err(SparkError::new(format!("INVALID_PARAMETER_VALUE.{class}"))
            .param("parameter", parameter)
            .param("functionName", "interrupt"))
    };
    match (InterruptType::try_from(kind), which) {
        (Ok(InterruptType::All), _) => Ok(session.interrupt(|_| true)),
        (Ok(InterruptType::Tag), Some(Interrupt::OperationTag(tag))) => {
            Ok(session.interrupt(|o| o.context.tags.contains(&tag)))
        }
        (Ok(InterruptType::Tag), _) => missing("INTERRUPT_TYPE_TAG_REQUIRES_TAG", "operation_tag"),
        (Ok(InterruptType::OperationId), Some(Interrupt::OperationId(id))) => Ok(session.interrupt(|o| o.id() == id)),
        (Ok(InterruptType::OperationId), _) => missing("INTERRUPT_TYPE_OPERATION_ID_REQUIRES_ID", "operation_id"),
        (Ok(InterruptType::Unspecified), _) | (Err(_), _) => {
            let name = InterruptType::try_from(kind).map_or("UNRECOGNIZED", |t| t.as_str_name());
            Err(SparkError::new("UNSUPPORTED_FEATURE.INTERRUPT_TYPE").param("interruptType", name))
        }
    }
}

fn state(standing: Standing) -> OperationState {
    match standing {
        Standing::Running => OperationState::Running,
        Standing::Ending => OperationState::Terminating,
        Standing::Over(Outcome::Succeeded) => OperationState::Succeeded,
        Standing::Over(Outcome::Failed) => OperationState::Failed,
        Standing::Over(Outcome::Cancelled) => OperationState::Cancelled,
        Standing::Over(Outcome::Running) | Standing::Unknown => OperationState::Unknown,
    }
}
