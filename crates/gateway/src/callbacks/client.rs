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
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::address::Address;
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
        Client::trusting(rustls_native_certs::load_native_certs().certs)
    }

    fn trusting(trusted: Vec<CertificateDer<'static>>) -> Client {
        Client {
            tls: tls(trusted).map(|config| TlsConnector::from(Arc::new(config))),
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
    fn a_name_that_leads_inside_is_not_connected_to() {
        run(async {
            let (listener, port) = listen().await;
            let address = Address::parse(&format!("http://localhost:{port}/")).expect("a URL");
            let refused = connect(&address, Reach::Public).await.map(drop);
            assert!(refused.is_err_and(|why| why.contains("callbacks.allow")));
            let other = Reach::Literal(IpAddr::from([127, 0, 0, 2]));
            assert!(connect(&address, other).await.is_err());
            assert!(connect(&address, Reach::Loopback).await.is_ok());
            // It is the only one that came.
            drop(listener.accept().await);
            let more = listener.accept();
            let none = tokio::time::timeout(std::time::Duration::from_millis(50), more);
            assert!(none.await.is_err());
        });
    }

    /// A receiver by TLS that answers 202, once for each call, and the certificate of its own making.
    fn receiver(listener: TcpListener) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let certificate = made.cert.der().clone();
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
    fn by_tls_only_whom_the_system_trusts_under_its_own_name() {
        run(async {
            let (listener, port) = listen().await;
            let client = Client::trusting(vec![receiver(listener)]);
            let by_name = Address::parse(&format!("https://localhost:{port}/hook")).expect("a URL");
            let by_number = Address::parse(&format!("https://127.0.0.1:{port}/hook")).expect("a URL");
            let reach = Reach::Loopback;
            let answered = client.send(&by_name, reach, request()).await;
            assert_eq!(answered, Ok(StatusCode::ACCEPTED));
            let refused = client.send(&by_number, reach, request()).await;
            assert!(refused.is_err_and(|why| why.starts_with("TLS")), "another name");
            let stranger = Client::new();
            let refused = stranger.send(&by_name, reach, request()).await;
            assert!(refused.is_err(), "of its own making");
            let trusting_none = Client::trusting(Vec::new());
            let refused = trusting_none.send(&by_name, reach, request()).await;
            assert!(refused.is_err_and(|why| why.contains("no trusted")));
        });
    }
}
