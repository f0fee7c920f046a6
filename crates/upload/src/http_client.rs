//! The HTTP client of all cloud stores: hyper with rustls and ring.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};

use super::bandwidth::Bandwidth;
use super::request_body::{PacedBody, RequestActivity, WatchedBody, stalled};

/// How long a connection that is not in use stays open.
const IDLE: Duration = Duration::from_secs(30);

/// Sends requests, at most as fast as the bandwidth allows.
#[derive(Clone)]
pub struct StoreClient {
    client: Client<HttpsConnector<TcpConnector>, PacedBody>,
    bandwidth: Arc<Bandwidth>,
    /// The longest time without progress.
    limit: Duration,
}

impl StoreClient {
    /// Reads the system's trusted certificates; waits for the disk. `allows_http`: whether a request
    /// may go over a connection without TLS.
    pub fn new(bandwidth: Arc<Bandwidth>, limit: Duration, allows_http: bool) -> Result<StoreClient, String> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| format!("the system's trusted certificates cannot be read: {error}"))?;
        let builder = match allows_http {
            true => builder.https_or_http(),
            false => builder.https_only(),
        };
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(limit));
        tcp.set_nodelay(true);
        let connector = builder.enable_http1().wrap_connector(tcp);
        Ok(StoreClient {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .build(connector),
            bandwidth,
            limit,
        })
    }
}

impl fmt::Debug for StoreClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoreClient")
    }
}

impl HttpConnector for StoreClient {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for StoreClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let activity = RequestActivity::new();
        let request = request.map(|body| PacedBody::new(body, self.bandwidth.clone(), activity.clone()));
        let response = tokio::select! {
            response = self.client.request(request) => response.map_err(failed)?,
            () = activity.stalled(self.limit) => return Err(stalled()),
        };
        Ok(response.map(|body| HttpResponseBody::new(WatchedBody::new(body, self.limit))))
    }
}

fn failed(error: ClientError) -> HttpError {
    let kind = match error.is_connect() {
        true => HttpErrorKind::Connect,
        false => HttpErrorKind::Interrupted,
    };
    // The client's own text does not contain the causes.
    let cause = error.source().map(|cause| {
        let deeper = cause.source().map(|deeper| format!(": {deeper}"));
        format!("{error}: {cause}{}", deeper.unwrap_or_default())
    });
    let text = cause.unwrap_or_else(|| error.to_string());
    HttpError::new(kind, std::io::Error::other(text))
}
