//! One delivery attempt: name lookup, connection, request, status.

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
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::callback_url::CallbackUrl;
use crate::config::callbacks::AddressScope;

/// Maximum bytes of the response's status line and headers.
const RESPONSE_HEAD_MAX: usize = 65_536;

/// Sends requests to receivers, each on a connection of its own.
#[derive(Clone)]
pub struct CallbackClient {
    tls: Option<TlsConnector>,
}

impl CallbackClient {
    /// Reads the system's trusted certificates; waits for the disk.
    pub fn new() -> CallbackClient {
        CallbackClient::with_roots(rustls_native_certs::load_native_certs().certs)
    }

    fn with_roots(trusted: Vec<CertificateDer<'static>>) -> CallbackClient {
        CallbackClient {
            tls: tls(trusted).map(|config| TlsConnector::from(Arc::new(config))),
        }
    }

    /// Returns the response's status. Redirects are not followed.
    pub async fn send(
        &self,
        address: &CallbackUrl,
        scope: AddressScope,
        request: Request<Full<Bytes>>,
    ) -> Result<StatusCode, String> {
        let stream = connect(address, scope).await?;
        let _ = stream.set_nodelay(true);
        if !address.secure {
            return exchange(stream, request).await;
        }
        let tls = self
            .tls
            .as_ref()
            .ok_or("https is impossible, because the system has no trusted certificates")?;
        let name = ServerName::try_from(address.host.clone()).map_err(|error| error.to_string())?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("the TLS handshake failed: {error}"))?;
        exchange(stream, request).await
    }
}

fn tls(trusted: Vec<CertificateDer<'static>>) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    if roots.is_empty() {
        return None;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Connects to an address of the host that the scope permits. The name is resolved once, so a
/// different answer later has no effect.
async fn connect(address: &CallbackUrl, scope: AddressScope) -> Result<TcpStream, String> {
    let found: Vec<IpAddr> = match address.host.parse() {
        Ok(literal) => vec![literal],
        Err(_) => {
            let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
            let found = found.map_err(|error| format!("the host name cannot be resolved: {error}"))?;
            found.map(|found| found.ip()).collect()
        }
    };
    let mut last_error = "callbacks.allow permits none of the host's addresses".to_owned();
    for ip in found.into_iter().filter(|ip| scope.permits(*ip)) {
        match TcpStream::connect(SocketAddr::new(ip, address.port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = format!("no connection to {ip}: {error}"),
        }
    }
    Err(last_error)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, String> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(RESPONSE_HEAD_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let mut response = std::pin::pin!(sender.send_request(request));
    let mut connection = std::pin::pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            // The connection is not reused, and the response body is ignored.
            response = response.as_mut() => {
                let status = response.map(|response| response.status());
                return status.map_err(|error| format!("the receiver sent no response: {error}"));
            }
            // The connection may end after it has delivered the response.
            _ = connection.as_mut(), if open => open = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test)
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        (listener, port)
    }

    fn request() -> Request<Full<Bytes>> {
        let request = Request::post("/hook").header("host", "x");
        request.body(Full::new(Bytes::from("a=b"))).expect("a request")
    }

    #[test]
    fn a_name_that_resolves_to_a_private_address_is_not_connected() {
        run(async {
            let (listener, port) = listen().await;
            let address = CallbackUrl::parse(&format!("http://localhost:{port}/")).expect("a URL");
            let refused = connect(&address, AddressScope::Public).await.map(drop);
            assert!(refused.is_err_and(|reason| reason.contains("callbacks.allow")));
            let other = AddressScope::Literal(IpAddr::from([127, 0, 0, 2]));
            assert!(connect(&address, other).await.is_err());
            assert!(connect(&address, AddressScope::Loopback).await.is_ok());
            // It is the only connection that was made.
            drop(listener.accept().await);
            let more = listener.accept();
            let none = tokio::time::timeout(std::time::Duration::from_millis(50), more);
            assert!(none.await.is_err());
        });
    }

    /// A TLS receiver that answers each connection with 202. Returns its self-signed certificate.
    fn receiver(listener: TcpListener) -> CertificateDer<'static> {
        let generated = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let key = PrivateKeyDer::try_from(generated.signing_key.serialize_der()).expect("a key");
        let certificate = generated.cert.der().clone();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                    .await;
                let _ = stream.shutdown().await;
            }
        });
        certificate
    }

    #[test]
    fn a_tls_receiver_needs_a_trusted_certificate_for_its_name() {
        run(async {
            let (listener, port) = listen().await;
            let client = CallbackClient::with_roots(vec![receiver(listener)]);
            let by_name = CallbackUrl::parse(&format!("https://localhost:{port}/hook")).expect("a URL");
            let by_number = CallbackUrl::parse(&format!("https://127.0.0.1:{port}/hook")).expect("a URL");
            let scope = AddressScope::Loopback;
            let result = client.send(&by_name, scope, request()).await;
            assert_eq!(result, Ok(StatusCode::ACCEPTED));
            let refused = client.send(&by_number, scope, request()).await;
            assert!(
                refused.is_err_and(|reason| reason.starts_with("the TLS handshake failed")),
                "another name"
            );
            let system_client = CallbackClient::new();
            let refused = system_client.send(&by_name, scope, request()).await;
            assert!(refused.is_err(), "a self-signed certificate");
            let without_roots = CallbackClient::with_roots(Vec::new());
            let refused = without_roots.send(&by_name, scope, request()).await;
            assert!(refused.is_err_and(|reason| reason.contains("no trusted")));
        });
    }
}
