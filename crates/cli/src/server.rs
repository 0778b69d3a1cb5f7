//! `vonk server`, and the server embedded in the other commands.

use std::future::Future;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use vonk_common::limits::WORKER_STACK_BYTES;
use vonk_connect::{ServerConfig as Listen, Tls, serve};
use vonk_engine::{Server, ServerConfig};

use crate::args::{EngineArgs, ServerArgs};
use crate::{print, say};

/// Where clients find the token (and where Spark's own server takes it from).
const TOKEN: &str = "SPARK_CONNECT_AUTHENTICATE_TOKEN";
/// Test mode, when set: every physical plan is sent through bytes before it runs.
const RECODE_PLANS: &str = "VONK_RECODE_PLANS";
/// How long queries that were under way may take to end at shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// Starts the engine.
pub fn engine(args: &EngineArgs) -> Result<Arc<Server>, String> {
    let config = ServerConfig {
        warehouse: args.warehouse.clone(),
        memory_bytes: args.memory,
        parallelism: args.threads,
        settings: args.conf.clone(),
        recode_plans: std::env::var_os(RECODE_PLANS).is_some(),
        ..ServerConfig::default()
    };
    Server::start(config).map_err(|e| e.message())
}

/// Threads that talk to clients: they only move bytes.
const SERVICE_THREADS: usize = 2;

/// The runtime that serves clients, apart from [`runtime`] so that no query keeps them waiting.
fn service() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVICE_THREADS)
        .thread_name("vonk-service")
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}"))
}

/// The runtime that computes.
pub fn runtime(args: &EngineArgs) -> Result<Runtime, String> {
    let cores = std::thread::available_parallelism().map_or(4, |n| n.get());
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads.unwrap_or(cores).max(2))
        .thread_name("vonk-compute")
        .thread_stack_size(WORKER_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}"))
}

pub fn main(args: ServerArgs) -> Result<ExitCode, String> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => {
            let read = |p: &std::path::Path| std::fs::read(p).map_err(|e| format!("{}: {e}", p.display()));
            Some(Tls { certificate: read(cert)?, key: read(key)? })
        }
        _ => None,
    };
    let token = std::env::var(TOKEN).ok();
    let listen = Listen { ip: args.ip, port: args.port, token, tls, insecure: args.insecure };
    listen.check().map_err(|e| e.to_string())?;
    let (service, compute) = (service()?, runtime(&args.engine)?);
    let engine = engine(&args.engine)?;
    let queries = compute.handle().clone();
    let until_stdin_closes = args.until_stdin_closes;
    let served = service.block_on(async move {
        let terminated = terminated()?;
        let shutdown = async move {
            match until_stdin_closes {
                true => tokio::select! { () = terminated => {}, () = stdin_closed() => {} },
                false => terminated.await,
            }
        };
        let backend = Arc::new(vonk_server::Backend::new(engine, queries));
        let (address, serving) = serve(&listen, backend, shutdown).map_err(|e| e.to_string())?;
        announce(address, &listen, until_stdin_closes);
        serving.await.map_err(|e| e.to_string())
    });
    compute.shutdown_timeout(GRACE);
    service.shutdown_timeout(GRACE);
    served.map(|()| ExitCode::SUCCESS)
}

fn announce(address: SocketAddr, listen: &Listen, for_program: bool) {
    if for_program {
        // The first line on standard output is the address, for the program that started us.
        print(&format!("sc://{address}"));
        return;
    }
    let scheme = if listen.tls.is_some() { "sc (TLS)" } else { "sc" };
    say(&format!("vonk {}: Spark Connect on {scheme}://{address}, Ctrl-C ends it", env!("CARGO_PKG_VERSION")));
    if !listen.ip.is_loopback() && (listen.token.is_none() || listen.tls.is_none()) {
        say("vonk: warning: others can reach this server without token and TLS (--insecure)");
    }
}

/// Ctrl-C or SIGTERM, caught from this call on: a signal that comes before the first wait is not lost.
fn terminated() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let catch = |kind| signal(kind).map_err(|e| format!("cannot catch signals: {e}"));
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    })
}

async fn stdin_closed() {
    let (done, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0u8; 256];
        while matches!(std::io::stdin().read(&mut buffer), Ok(n) if n > 0) {}
        let _ = done.send(());
    });
    let _ = wait.await;
}

/// A server on a free port of the loopback interface, inside this process.
pub struct Embedded {
    address: SocketAddr,
    service: Runtime,
    compute: Runtime,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Embedded {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server and waits for what it still has to clear away.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.service.block_on(async { tokio::time::timeout(GRACE, self.serving).await });
        self.compute.shutdown_timeout(GRACE);
        self.service.shutdown_timeout(GRACE);
    }
}

pub fn embed(args: &EngineArgs) -> Result<Embedded, String> {
    let (service, compute) = (service()?, runtime(args)?);
    let engine = engine(args)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let listen = Listen { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, token: None, tls: None, insecure: false };
    let guard = service.enter();
    let backend = Arc::new(vonk_server::Backend::new(engine, compute.handle().clone()));
    let shutdown = async move {
        let _ = stopped.await;
    };
    let (address, serving) = serve(&listen, backend, shutdown).map_err(|e| e.to_string())?;
    let serving = service.spawn(log_failure(serving));
    drop(guard);
    Ok(Embedded { address, service, compute, stop, serving })
}

async fn log_failure(serving: impl Future<Output = Result<(), vonk_connect::ServeError>>) {
    if let Err(e) = serving.await {
        log::error!("the embedded server ended: {e}");
    }
}

/// Leaves Ctrl-C to the child process in the foreground.
#[allow(unsafe_code)]
pub fn ignore_interrupts() {
    // SAFETY: setting a signal's disposition to "ignore" touches no memory of ours.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_IGN);
    }
}
