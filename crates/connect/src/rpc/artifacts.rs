//! `AddArtifacts` and `ArtifactStatus`.

use bytes::Bytes;
use proto::add_artifacts_request::{ArtifactChunk, BeginChunkedArtifact, Payload};
use proto::add_artifacts_response::ArtifactSummary;
use spark_connect_proto as proto;
use std::sync::Arc;
use tonic::{Status, Streaming};
use vonk_common::SparkResult;

use crate::artifacts::Staged;
use crate::error::plain;
use crate::service::{Shared, decode};
use crate::session::Session;

/// An artifact that comes in several messages.
struct Chunked {
    staged: Staged,
    name: String,
    intact: bool,
    chunks_left: i64,
    bytes_left: i64,
}

/// One upload: artifacts are stored as they come.
struct Upload {
    session: Arc<Session>,
    open: Option<Chunked>,
    summaries: Vec<ArtifactSummary>,
}

impl Shared {
    pub async fn add_artifacts(&self, mut stream: Streaming<Bytes>) -> Result<proto::AddArtifactsResponse, Status> {
        let mut upload: Option<Upload> = None;
        while let Some(bytes) = stream.message().await? {
            let r: proto::AddArtifactsRequest = decode(bytes).await?;
            if upload.is_none() {
                let observed = r.client_observed_server_side_session_id;
                let session = self.session(r.user_context, r.session_id, observed).await?;
                upload = Some(Upload { session, open: None, summaries: vec![] });
            }
            if let Some(upload) = &mut upload {
                upload.payload(r.payload).await.map_err(|e| upload.session.status(e))?;
            }
        }
        let upload = upload.ok_or_else(|| Status::unknown("an upload without a message"))?;
        if upload.open.is_some() {
            return Err(upload.session.status(broken()));
        }
        Ok(proto::AddArtifactsResponse {
            session_id: upload.session.key.id.clone(),
            server_side_session_id: upload.session.server_id.clone(),
            artifacts: upload.summaries,
        })
    }

    pub async fn artifact_status(
        &self,
        r: proto::ArtifactStatusesRequest,
    ) -> Result<proto::ArtifactStatusesResponse, Status> {
        let session = self.session(r.user_context, r.session_id, r.client_observed_server_side_session_id).await?;
        let statuses = r.names.into_iter().map(|name| {
            let exists = session.artifacts.is_cached(&name);
            (name, proto::artifact_statuses_response::ArtifactStatus { exists })
        });
        Ok(proto::ArtifactStatusesResponse {
            statuses: statuses.collect(),
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
        })
    }
}

/// What Spark answers where the messages of an upload do not fit together.
fn broken() -> vonk_common::SparkError {
    plain("java.lang.IllegalArgumentException", "requirement failed")
}

impl Upload {
    async fn payload(&mut self, payload: Option<Payload>) -> SparkResult<()> {
        match (payload, self.open.take()) {
            (Some(Payload::Batch(batch)), None) => {
                for artifact in batch.artifacts {
                    let staged = self.session.artifacts.stage(&artifact.name)?;
                    self.finish(artifact.name, staged, artifact.data.unwrap_or_default()).await?;
                }
                Ok(())
            }
            (Some(Payload::BeginChunk(begin)), None) => self.begin(begin).await,
            (Some(Payload::Chunk(chunk)), Some(open)) => self.chunk(open, chunk).await,
            (Some(Payload::Chunk(_)), None) | (_, Some(_)) => Err(broken()),
            (None, None) => Err(plain(
                "java.lang.UnsupportedOperationException",
                "Unsupported data transfer request: PAYLOAD_NOT_SET",
            )),
        }
    }

    async fn begin(&mut self, begin: BeginChunkedArtifact) -> SparkResult<()> {
        let open = Chunked {
            staged: self.session.artifacts.stage(&begin.name)?,
            name: begin.name,
            intact: true,
            chunks_left: begin.num_chunks,
            bytes_left: begin.total_bytes,
        };
        self.chunk(open, begin.initial_chunk.unwrap_or_default()).await
    }

    async fn chunk(&mut self, mut open: Chunked, chunk: ArtifactChunk) -> SparkResult<()> {
        open.chunks_left -= 1;
        open.bytes_left -= i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
        open.intact &= intact(&chunk);
        if open.chunks_left < 0 || open.bytes_left < 0 {
            return Err(plain(
                "java.lang.RuntimeException",
                format!("artifact {} has more data than was announced", open.name),
            ));
        }
        if open.intact {
            self.session.artifacts.append(&mut open.staged, &chunk.data)?;
        }
        if open.chunks_left > 0 {
            self.open = Some(open);
            return Ok(());
        }
        if open.bytes_left > 0 {
            return Err(plain(
                "java.lang.RuntimeException",
                format!("artifact {} has less data than was announced", open.name),
            ));
        }
        self.store(open.name, open.staged, open.intact).await
    }

    async fn finish(&mut self, name: String, mut staged: Staged, chunk: ArtifactChunk) -> SparkResult<()> {
        let intact = intact(&chunk);
        if intact {
            self.session.artifacts.append(&mut staged, &chunk.data)?;
        }
        self.store(name, staged, intact).await
    }

    /// Keeps an artifact whose checksum is right, and tells the client either way.
    async fn store(&mut self, name: String, staged: Staged, intact: bool) -> SparkResult<()> {
        let stored = if intact { self.session.artifacts.commit(staged)? } else { None };
        if let Some(artifact) = stored {
            self.session.backend.add_artifact(artifact).await?;
        }
        self.summaries.push(ArtifactSummary { name, is_crc_successful: intact });
        Ok(())
    }
}

fn intact(chunk: &ArtifactChunk) -> bool {
    i64::from(crc32fast::hash(&chunk.data)) == chunk.crc
}
