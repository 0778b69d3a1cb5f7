//! The listening server: addresses, TLS, limits of HTTP/2, and the housekeeping beside it.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use crate::backend::Backend;
use crate::service::ConnectService;

/// How often the server looks for what nobody has come back to.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How often a silent client is asked whether it is there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Bytes that may be under way to or from a client before it confirms them.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Calls that one connection may have open.
const MAX_STREAMS: u32 = 1024;
/// Largest headers of a request.
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub ip: IpAddr,
    /// 0 takes any free port.
    pub port: u16,
    /// The token that clients have to show (`SPARK_CONNECT_AUTHENTICATE_TOKEN`).
    pub token: Option<String>,
    pub tls: Option<Tls>,
    /// Allows an address that others can reach without token and TLS.
    pub insecure: bool,
}

/// Certificate chain and private key, both PEM.
#[derive(Clone)]
pub struct Tls {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig { ip: Ipv4Addr::LOCALHOST.into(), port: 15002, token: None, tls: None, insecure: false }
    }
}

#[derive(Debug)]
pub enum ServeError {
    /// The configuration would open the server to everybody.
    Insecure(&'static str),
    Io(std::io::Error),
    Transport(tonic::transport::Error),
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ServeError::Insecure(reason) => f.write_str(reason),
            ServeError::Io(e) => write!(f, "cannot listen: {e}"),
            ServeError::Transport(e) => match std::error::Error::source(e) {
                Some(cause) => write!(f, "{e}: {cause}"),
                None => write!(f, "{e}"),
            },
        }
    }
}

impl std::error::Error for ServeError {}

impl ServerConfig {
    /// Refuses to listen beyond this machine without token and TLS.
    pub fn check(&self) -> Result<(), ServeError> {
        if self.token.as_deref() == Some("") {
            return Err(ServeError::Insecure("the authentication token is empty"));
        }
        if self.ip.is_loopback() || self.insecure {
            return Ok(());
        }
        match (&self.token, &self.tls) {
            (None, _) => Err(ServeError::Insecure(
                "listening beyond this machine needs an authentication token (or an explicit --insecure)",
            )),
            (_, None) => Err(ServeError::Insecure(
                "listening beyond this machine needs a TLS certificate (or an explicit --insecure)",
            )),
            _ => Ok(()),
        }
    }
}

/// The server at work: done when it has stopped.
pub type Serving = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// Starts to listen. Gives the address, and the future that serves until `shutdown` is done; then
/// running operations are cancelled and all sessions closed.
pub fn serve(
    config: &ServerConfig,
    backend: Arc<dyn Backend>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(SocketAddr, Serving), ServeError> {
    config.check()?;
    let incoming = TcpIncoming::bind(SocketAddr::new(config.ip, config.port)).map_err(ServeError::Io)?;
    let address = incoming.local_addr().map_err(ServeError::Io)?;
    let incoming = incoming.with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
    let service = ConnectService::new(backend, config.token.as_deref());
    let shared = service.shared();
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_header_list_size(MAX_HEADER_BYTES);
    if let Some(tls) = &config.tls {
        let identity = Identity::from_pem(&tls.certificate, &tls.key);
        server = server.tls_config(ServerTlsConfig::new().identity(identity)).map_err(ServeError::Transport)?;
    }
    let router = server.add_service(service);
    let serving = async move {
        let housekeeper = {
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    tokio::time::sleep(HOUSEKEEPING).await;
                    shared.sessions.reap().await;
                }
            }
        };
        let stopping = {
            let shared = Arc::clone(&shared);
            async move {
                shutdown.await;
                // Streams of cancelled operations end, so that the connections can.
                shared.sessions.close_all().await;
            }
        };
        tokio::select! {
            served = router.serve_with_incoming_shutdown(incoming, stopping) => served.map_err(ServeError::Transport),
            () = housekeeper => Ok(()),
        }
    };
    Ok((address, Box::pin(serving)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_let_in_only_with_token_and_tls() {
        let tls = Tls { certificate: vec![], key: vec![] };
        let local = ServerConfig::default();
        assert!(local.check().is_ok());
        let open = ServerConfig { ip: Ipv4Addr::UNSPECIFIED.into(), ..local };
        assert!(open.check().is_err());
        assert!(ServerConfig { token: Some("t".into()), ..open.clone() }.check().is_err());
        assert!(ServerConfig { tls: Some(tls.clone()), ..open.clone() }.check().is_err());
        assert!(ServerConfig { token: Some("t".into()), tls: Some(tls), ..open.clone() }.check().is_ok());
        assert!(ServerConfig { insecure: true, ..open.clone() }.check().is_ok());
        assert!(ServerConfig { token: Some(String::new()), insecure: true, ..open }.check().is_err());
    }
}
