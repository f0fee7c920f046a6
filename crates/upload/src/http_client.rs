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
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpResponse, HttpResponseBody, HttpService,
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
    /// Whether a request may go over a connection without TLS.
    allows_http: bool,
}

impl StoreClient {
    /// Reads the system's trusted certificates; waits for the disk.
    pub fn new(bandwidth: Arc<Bandwidth>, limit: Duration) -> Result<StoreClient, String> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| format!("the system's trusted certificates cannot be read: {error}"))?;
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(limit));
        tcp.set_nodelay(true);
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(StoreClient {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .build(connector),
            bandwidth,
            limit,
            allows_http: false,
        })
    }
}

impl fmt::Debug for StoreClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoreClient")
    }
}

impl HttpConnector for StoreClient {
    /// The options differ for each receiver: the metadata service of a machine, which gives the
    /// credentials of its role, has no TLS.
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp);
        Ok(HttpClient::new(StoreClient {
            allows_http: allows_http.as_deref() == Some("true"),
            ..self.clone()
        }))
    }
}

#[async_trait]
impl HttpService for StoreClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !self.allows_http && request.uri().scheme_str() != Some("https") {
            let refused = std::io::Error::other("the request would be sent without TLS");
            return Err(HttpError::new(HttpErrorKind::Unknown, refused));
        }
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

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::RetryConfig;
    use object_store::aws::AmazonS3Builder;
    use object_store::path::Path;

    use super::super::scripted_server::ScriptedServer;
    use super::*;

    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

    fn builder() -> AmazonS3Builder {
        let limit = Duration::from_secs(60);
        let client = StoreClient::new(Arc::new(Bandwidth::new(0)), limit).expect("a client");
        AmazonS3Builder::new()
            .with_bucket_name("bucket")
            .with_region("us-east-1")
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            })
            .with_http_connector(client)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn the_metadata_service_of_a_machine_needs_no_tls() {
        let server = ScriptedServer::start(|method, path| match (method, path) {
            ("PUT", "/latest/api/token") => (200, "token".to_owned()),
            ("GET", ROLES) => (200, "recorder".to_owned()),
            ("GET", path) if path == format!("{ROLES}recorder") => {
                let credentials = serde_json::json!({
                    "AccessKeyId": "AKIDROLE",
                    "SecretAccessKey": "secret",
                    "Token": "session",
                    "Expiration": "2999-01-01T00:00:00Z",
                });
                (200, credentials.to_string())
            }
            _ => (404, String::new()),
        });
        let store = builder().with_metadata_endpoint(server.url()).build();
        let store = store.expect("a store");
        let credential = run(store.credentials().get_credential()).expect("credentials");
        assert_eq!(credential.key_id, "AKIDROLE");
        assert_eq!(credential.token.as_deref(), Some("session"));
    }

    #[test]
    fn a_store_needs_tls_unless_http_is_allowed() {
        let server = ScriptedServer::start(|_, _| (404, String::new()));
        let ask = |allows_http: bool| {
            let options = ClientOptions::new().with_allow_http(allows_http);
            let store = builder()
                .with_client_options(options)
                .with_endpoint(server.url())
                .with_access_key_id("AKIDTEST")
                .with_secret_access_key("secret")
                .build();
            run(store.expect("a store").head(&Path::from("key"))).expect_err("there is no object")
        };
        let refused = ask(false);
        assert!(format!("{refused:?}").contains("without TLS"), "{refused:?}");
        assert_eq!(server.requests(), Vec::<String>::new());
        assert!(matches!(ask(true), object_store::Error::NotFound { .. }));
        assert_eq!(server.requests(), ["HEAD /bucket/key"]);
    }
}
