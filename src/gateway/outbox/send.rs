//! One try to deliver: name, connection, request, status.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::target::Address;
use crate::config::callbacks::Reach;

/// An answer's line and headers at most.
const ANSWER_MAX: usize = 65_536;

/// Connections to receivers; each carries one request.
#[derive(Clone)]
pub struct Client {
    tls: Option<TlsConnector>,
}

impl Client {
    /// Reads the certificates that the system trusts; waits for the disk.
    pub fn new() -> Client {
        Client {
            tls: tls().map(|config| TlsConnector::from(Arc::new(config))),
        }
    }

    /// The answer's status. Redirects are not followed.
    pub async fn send(
        &self,
        address: &Address,
        reach: Reach,
        request: Request<Full<Bytes>>,
    ) -> Result<StatusCode, String> {
        let stream = connect(address, reach).await?;
        let _ = stream.set_nodelay(true);
        if !address.secure {
            return exchange(stream, request).await;
        }
        let tls = self.tls.as_ref().ok_or("no trusted certificates were found")?;
        let name = ServerName::try_from(address.host.clone()).map_err(|error| error.to_string())?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        exchange(stream, request).await
    }
}

fn tls() -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return None;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Connects to one of the host's addresses, and only to one that was looked at: what
/// the name answers the next time counts for nothing.
async fn connect(address: &Address, reach: Reach) -> Result<TcpStream, String> {
    let found: Vec<IpAddr> = match address.host.parse() {
        Ok(literal) => vec![literal],
        Err(_) => {
            let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
            let found = found.map_err(|error| format!("the host's name: {error}"))?;
            found.map(|found| found.ip()).collect()
        }
    };
    let mut trouble = "the host has no address that callbacks.allow lets it have".to_owned();
    for ip in found.into_iter().filter(|ip| reach.permits(*ip)) {
        match TcpStream::connect(SocketAddr::new(ip, address.port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => trouble = format!("no connection: {error}"),
        }
    }
    Err(trouble)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, String> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut connection = std::pin::pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            // The connection is not kept, and the answer's body is nobody's concern.
            answer = answer.as_mut() => {
                let status = answer.map(|answer| answer.status());
                return status.map_err(|error| format!("no answer: {error}"));
            }
            // Its last deed may be the answer.
            _ = connection.as_mut(), if open => open = false,
        }
    }
}
