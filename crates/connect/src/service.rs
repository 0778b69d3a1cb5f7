//! The gRPC service: from a path to the call behind it, with the token checked first and panics
//! caught last.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use prost::Message;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{ClientStreamingService, Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use vonk_common::SparkError;
use vonk_common::limits::MAX_INBOUND_MESSAGE_BYTES;
use vonk_common::planner::{self, panic_message};

use crate::auth::Authenticator;
use crate::backend::Backend;
use crate::codec::{Answer, Outgoing, RawCodec};
use crate::error;
use crate::operation::{Reply, ResponseStream};
use crate::sessions::Sessions;
use crate::wire;

/// What all calls share.
pub struct Shared {
    pub sessions: Sessions,
    pub spark_version: String,
    authenticator: Authenticator,
}

/// `spark.connect.SparkConnectService`.
#[derive(Clone)]
pub struct ConnectService(Arc<Shared>);

impl ConnectService {
    pub fn new(backend: Arc<dyn Backend>, token: Option<&str>) -> Self {
        let spark_version = backend.spark_version().to_string();
        let authenticator = Authenticator::new(token);
        ConnectService(Arc::new(Shared { sessions: Sessions::new(backend), spark_version, authenticator }))
    }

    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }
}

impl NamedService for ConnectService {
    const NAME: &'static str = "spark.connect.SparkConnectService";
}

type HttpResponse = http::Response<Body>;

impl Service<http::Request<Body>> for ConnectService {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let shared = self.shared();
        Box::pin(async move {
            if let Err(refused) = shared.authenticator.check(request.headers()) {
                return Ok(refused.into_http());
            }
            Ok(dispatch(shared, request).await)
        })
    }
}

async fn dispatch(s: Arc<Shared>, request: http::Request<Body>) -> HttpResponse {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_string();
    match method.as_str() {
        "ExecutePlan" => streaming(request, |bytes| async move { s.execute_plan(bytes).await }).await,
        "ReattachExecute" => {
            streaming(request, |bytes| async move { s.reattach_execute(decode(bytes).await?).await }).await
        }
        "AnalyzePlan" => unary(request, |bytes| async move { s.analyze_plan(bytes).await }).await,
        "Config" => unary(request, |bytes| async move { s.config(decode(bytes).await?).await }).await,
        "AddArtifacts" => uploading(request, |stream| async move { s.add_artifacts(stream).await }).await,
        "ArtifactStatus" => unary(request, |bytes| async move { s.artifact_status(decode(bytes).await?).await }).await,
        "Interrupt" => unary(request, |bytes| async move { s.interrupt(decode(bytes).await?).await }).await,
        "ReleaseExecute" => unary(request, |bytes| async move { s.release_execute(decode(bytes).await?) }).await,
        "ReleaseSession" => unary(request, |bytes| async move { s.release_session(decode(bytes).await?).await }).await,
        "CloneSession" => unary(request, |bytes| async move { s.clone_session(decode(bytes).await?).await }).await,
        "FetchErrorDetails" => unary(request, |bytes| async move { s.fetch_error_details(decode(bytes).await?) }).await,
        "GetStatus" => unary(request, |bytes| async move { s.get_status(decode(bytes).await?) }).await,
        _ => Status::unimplemented(format!("Method not found: {}/{method}", ConnectService::NAME)).into_http(),
    }
}

/// Bytes that cannot nest deeply enough to need a big stack.
const SMALL: usize = 1024;

/// Decodes a message that holds no plan.
pub async fn decode<M: Message + Default + 'static>(bytes: Bytes) -> Result<M, Status> {
    let decoded = if bytes.len() < SMALL {
        wire::decode(bytes)
    } else {
        planner::run(|| wire::decode(bytes)).await.and_then(|d| d)
    };
    decoded.map_err(|e| error::status(&e, None))
}

fn grpc<T: Outgoing>() -> Grpc<RawCodec<T>> {
    Grpc::new(RawCodec::default())
        .max_decoding_message_size(MAX_INBOUND_MESSAGE_BYTES)
        .max_encoding_message_size(usize::MAX)
}

/// A call that panics fails alone.
async fn guarded<T>(work: impl Future<Output = Result<T, Status>>) -> Result<Response<T>, Status> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(answer) => answer.map(Response::new),
        Err(panic) => {
            let ticket = uuid::Uuid::new_v4();
            let message = panic_message(panic.as_ref());
            log::error!("ticket {ticket}: {message}");
            Err(error::status(&SparkError::internal(format!("{message} (ticket {ticket})")), None))
        }
    }
}

type Pinned<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// A handler that is called once, with the request's bytes or its stream of them.
struct Call<A, T>(Option<Box<dyn FnOnce(A) -> Pinned<T> + Send>>);

impl<A, T: Send + 'static> Call<A, T> {
    fn new<R>(handler: impl FnOnce(A) -> R + Send + 'static) -> Self
    where
        R: Future<Output = Result<T, Status>> + Send + 'static,
    {
        Call(Some(Box::new(move |argument| Box::pin(guarded(handler(argument))))))
    }

    fn take(&mut self, argument: A) -> Pinned<T> {
        match self.0.take() {
            Some(handler) => handler(argument),
            None => Box::pin(async { Err(Status::internal("called twice")) }),
        }
    }
}

impl<T: Outgoing> UnaryService<Bytes> for Call<Bytes, T> {
    type Response = T;
    type Future = Pinned<T>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.take(request.into_inner())
    }
}

impl ServerStreamingService<Bytes> for Call<Bytes, ResponseStream> {
    type Response = Reply;
    type ResponseStream = ResponseStream;
    type Future = Pinned<ResponseStream>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.take(request.into_inner())
    }
}

impl<T: Outgoing> ClientStreamingService<Bytes> for Call<Streaming<Bytes>, T> {
    type Response = T;
    type Future = Pinned<T>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        self.take(request.into_inner())
    }
}

async fn unary<R, M>(request: http::Request<Body>, handler: impl FnOnce(Bytes) -> R + Send + 'static) -> HttpResponse
where
    R: Future<Output = Result<M, Status>> + Send + 'static,
    M: Message + 'static,
{
    let call = Call::new(|bytes| handler(bytes).map(|answer| answer.map(Answer)));
    grpc::<Answer<M>>().unary(call, request).await
}

async fn streaming<R>(request: http::Request<Body>, handler: impl FnOnce(Bytes) -> R + Send + 'static) -> HttpResponse
where
    R: Future<Output = Result<ResponseStream, Status>> + Send + 'static,
{
    grpc::<Reply>().server_streaming(Call::new(handler), request).await
}

async fn uploading<R, M>(
    request: http::Request<Body>,
    handler: impl FnOnce(Streaming<Bytes>) -> R + Send + 'static,
) -> HttpResponse
where
    R: Future<Output = Result<M, Status>> + Send + 'static,
    M: Message + 'static,
{
    let call = Call::new(|stream| handler(stream).map(|answer| answer.map(Answer)));
    grpc::<Answer<M>>().client_streaming(call, request).await
}
