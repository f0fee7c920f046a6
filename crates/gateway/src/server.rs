//! The HTTP server around [`Router::respond`]: sockets, limits and timeouts.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::client_address::{client_address_of, client_network, drop_forwarded_host};
use super::gateway::Gateway;
use super::host_header::check_host;
use super::http::{HttpRequest, HttpResponse};
use super::permit_pool::{PermitPool, PoolPermit};
use super::router::Router;
use callrec_core::events::LogLevel;
use callrec_core::storage::os;

/// Maximum number of headers in a request.
const HEADERS_MAX: usize = 100;
/// How long, and for how many bytes, the server keeps reading after a refusal.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;
const LIMIT_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n";

pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stopped`. Requests in flight then have until the gateway's deadline.
pub async fn run(router: &Arc<Router>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let gateway = router.gateway();
    let config = gateway.config();
    let all = connection_limit(gateway);
    // One client never gets the last eighth.
    let per_client = (config.max_connections_per_source as usize).min(all - all / 8);
    let pool = PermitPool::new(all, per_client);
    let mut connections = JoinSet::new();
    let until = stopped.clone();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, client_address)) => {
                    let router = router.clone();
                    let peer = client_address.ip().to_canonical();
                    let is_proxy = config.trusted_proxies.contains(&peer);
                    let permit = pool.try_acquire((!is_proxy).then(|| client_network(peer)));
                    connections.spawn(serve_connection(router, stream, peer, permit, until.clone()));
                }
                // No descriptor is free, or the peer has gone. Other connections continue.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        // Aborted at the deadline even if a peer reads slowly.
        () = gateway.lifecycle.wait_abort() => connections.shutdown().await,
    }
}

/// The configured limit, but at most a quarter of the process's open files. Otherwise recordings
/// could not open files, nor the host sockets for its calls.
fn connection_limit(gateway: &Gateway) -> usize {
    let limit = os::open_files_limit();
    let (configured, quarter) = (gateway.config().max_connections, (limit / 4).max(1));
    if u64::from(configured) > quarter {
        let message = format!(
            "gateway.max_connections {configured}: limited to {quarter}, a quarter of the {limit} files that this process may have open"
        );
        gateway.engine().bus().log(LogLevel::Info, message);
    }
    u64::from(configured).min(quarter) as usize
}

async fn serve_connection(
    router: Arc<Router>,
    mut stream: TcpStream,
    peer: IpAddr,
    permit: Option<PoolPermit>,
    mut stopped: watch::Receiver<bool>,
) {
    let config = router.gateway().config();
    let timeout = Duration::from_millis(config.request_ms.into());
    let Some(_permit) = permit else {
        let _ = tokio::time::timeout(timeout, stream.write_all(LIMIT_RESPONSE)).await;
        return;
    };
    let _ = stream.set_nodelay(true);
    // Disconnects a client that does not read its response.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeout));
    let service = service_fn(|request| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(serve_request(&router, request, peer).await) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(config.max_header_bytes as usize)
        .max_headers(HEADERS_MAX);
    let mut stream = Box::pin(stream);
    {
        let connection = server.serve_connection(TokioIo::new(&mut stream), service);
        let mut connection = std::pin::pin!(connection);
        // Errors affect only this client.
        let is_stopped = tokio::select! {
            _ = connection.as_mut() => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        if is_stopped {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
            return;
        }
    }
    tokio::select! {
        () = linger(stream) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Keeps reading after the last response. Closing a socket with unread data resets the connection,
/// and the reset may overtake the response (RFC 9112, 9.6).
async fn linger(mut stream: Pin<Box<TimeoutStream<TcpStream>>>) {
    if stream.shutdown().await.is_ok() {
        let mut rest = stream.take(LINGER_BYTES);
        let mut sink = tokio::io::sink();
        let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut sink)).await;
    }
}

/// Reads the body within its limits and handles the request.
async fn serve_request(router: &Router, request: Request<Incoming>, peer: IpAddr) -> HttpResponse {
    let config = router.gateway().config();
    let timeout = Duration::from_millis(config.request_ms.into());
    let (mut head, body) = request.into_parts();
    let body = match check_host(head.version, &head.headers) {
        Ok(()) => read_body(body, config.max_body_bytes.into(), timeout).await,
        Err(reason) => Err((StatusCode::BAD_REQUEST, reason)),
    };
    drop_forwarded_host(&mut head.headers, peer, &config.trusted_proxies);
    let client_address = client_address_of(&head.headers, peer, &config.trusted_proxies);
    let request = |body: Bytes| HttpRequest {
        inner: Request::from_parts(head, body),
        client_address,
    };
    match body {
        Ok(body) => router.respond(request(body)).await,
        Err((status, reason)) => refuse(router, request(Bytes::new()), status, reason),
    }
}

/// Reads the body. A `Content-Length` over the limit is refused without reading, so a client that
/// waits for `100 Continue` sends no body.
async fn read_body(
    body: Incoming,
    max_bytes: u64,
    timeout: Duration,
) -> Result<Bytes, (StatusCode, &'static str)> {
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
    if body.size_hint().lower() > max_bytes {
        return Err(too_large);
    }
    let body = Limited::new(body, max_bytes as usize).collect();
    match tokio::time::timeout(timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "The body cannot be read")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "The body did not come in time")),
    }
}

fn refuse(router: &Router, request: HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
    let mut response = router.reject(request, status, reason);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
