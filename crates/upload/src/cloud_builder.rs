//! Opens the stores of the cloud providers, with the credentials of the keys or of the environment.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{ClientOptions, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{Result, RetryConfig};

use super::http_client::StoreClient;
use super::location::{StoreLocation, StoreScheme};
use super::s3_hold::S3Holds;
use super::settings::{Encryption, LockMode, UploadSettings};
use callrec_core::storage::rfc3339;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// One open store, by all of its interfaces.
#[derive(Clone)]
pub struct OpenStore {
    pub objects: Arc<dyn ObjectStore>,
    pub parts: Arc<dyn MultipartStore>,
    /// S3 only.
    pub holds: Option<S3Holds>,
}

impl OpenStore {
    fn of<T: ObjectStore + MultipartStore>(store: T) -> OpenStore {
        let store = Arc::new(store);
        OpenStore {
            objects: store.clone(),
            parts: store,
            holds: None,
        }
    }
}

/// Opens a store. Sends no request.
pub fn open(settings: &UploadSettings, location: &StoreLocation, client: &StoreClient) -> Result<OpenStore> {
    match location.scheme {
        StoreScheme::S3 => open_s3(settings, location, client, ClientOptions::new()),
        StoreScheme::Google => open_google(settings, location, client),
        StoreScheme::Azure | StoreScheme::Directory => open_azure(settings, location, client),
    }
}

/// Opens a store whose new objects are locked, counted from `now_ms`. Its requests all carry the
/// lock's headers, so it is only used for creating objects.
pub fn open_locked(
    settings: &UploadSettings,
    location: &StoreLocation,
    client: &StoreClient,
    now_ms: i64,
) -> Result<OpenStore> {
    let mode = match settings.lock_mode {
        LockMode::None => return open(settings, location, client),
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    };
    let until = rfc3339(now_ms + i64::from(settings.lock_days) * DAY_MS);
    let mut headers = hyper::HeaderMap::new();
    headers.insert(
        "x-amz-object-lock-mode",
        hyper::header::HeaderValue::from_static(mode),
    );
    // Some compatible stores recognize the checksum that a lock needs only by this header.
    headers.insert(
        "x-amz-sdk-checksum-algorithm",
        hyper::header::HeaderValue::from_static("SHA256"),
    );
    if let Ok(until) = hyper::header::HeaderValue::from_str(&until) {
        headers.insert("x-amz-object-lock-retain-until-date", until);
    }
    let options = ClientOptions::new().with_default_headers(headers);
    open_s3(settings, location, client, options)
}

/// Jobs are retried as a whole, so a request is not.
fn no_retry() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

fn allows_http(settings: &UploadSettings) -> bool {
    settings.endpoint.starts_with("http://")
}

fn open_s3(
    settings: &UploadSettings,
    location: &StoreLocation,
    client: &StoreClient,
    options: ClientOptions,
) -> Result<OpenStore> {
    let options = options.with_allow_http(allows_http(settings));
    let holds_client = client.connect(&options)?;
    let mut builder = AmazonS3Builder::from_env()
        .with_client_options(options)
        .with_bucket_name(&location.bucket)
        .with_retry(no_retry())
        .with_disable_bulk_delete(true)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_http_connector(client.clone());
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(&settings.endpoint);
    }
    if !settings.region.is_empty() {
        builder = builder.with_region(&settings.region);
    }
    if !settings.access_key_id.is_empty() {
        builder = builder
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.reveal());
    }
    if !settings.session_token.is_empty() {
        builder = builder.with_token(settings.session_token.reveal());
    }
    builder = match settings.encryption {
        Encryption::Default => builder,
        Encryption::Aes256 => {
            let key: AmazonS3ConfigKey = "aws_server_side_encryption".parse()?;
            builder.with_config(key, "AES256")
        }
        Encryption::Kms => builder.with_sse_kms_encryption(&settings.kms_key),
    };
    let store = Arc::new(builder.build()?);
    Ok(OpenStore {
        objects: store.clone(),
        parts: store.clone(),
        holds: Some(S3Holds {
            store,
            client: holds_client,
        }),
    })
}

fn open_google(
    settings: &UploadSettings,
    location: &StoreLocation,
    client: &StoreClient,
) -> Result<OpenStore> {
    let options = ClientOptions::new().with_allow_http(allows_http(settings));
    let file = &settings.google_credentials;
    let credentials = match file.is_empty() {
        true => GoogleCloudStorageBuilder::from_env(),
        // Some credentials of the environment precede a file, and some may not be beside one.
        false => GoogleCloudStorageBuilder::new().with_service_account_path(file),
    };
    let mut builder = credentials
        .with_client_options(options)
        .with_bucket_name(&location.bucket)
        .with_retry(no_retry())
        .with_http_connector(client.clone());
    if !settings.endpoint.is_empty() {
        builder = builder.with_base_url(&settings.endpoint);
    }
    builder.build().map(OpenStore::of)
}

fn open_azure(
    settings: &UploadSettings,
    location: &StoreLocation,
    client: &StoreClient,
) -> Result<OpenStore> {
    let options = ClientOptions::new().with_allow_http(allows_http(settings));
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_client_options(options)
        .with_container_name(&location.bucket)
        .with_retry(no_retry())
        .with_http_connector(client.clone());
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(settings.endpoint.clone());
    }
    if !settings.azure_account.is_empty() {
        builder = builder.with_account(&settings.azure_account);
    }
    if !settings.azure_access_key.is_empty() {
        builder = builder.with_access_key(settings.azure_access_key.reveal());
    }
    builder.build().map(OpenStore::of)
}
