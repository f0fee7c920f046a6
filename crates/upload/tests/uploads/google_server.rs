//! Google Cloud Storage: the S3 of moto behind `google_proxy.py`, which speaks Google's XML API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::sync::OnceLock;

use serde_json::Value;

use super::fixture::{FAST, UploadEngine};
use super::s3_server::{S3Bucket, start_python};

const PROXY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/uploads/google_proxy.py");

/// A proxy that is started at most once.
struct GoogleServer {
    address: SocketAddr,
    /// Credentials files by name: that of the store's account, and that of another one.
    accounts: Value,
    _process: Child,
}

/// A bucket of its own, with an empty storage directory.
pub struct GoogleStore {
    /// What moto has.
    pub bucket: S3Bucket,
    pub address: SocketAddr,
    /// Where the engine keeps its recordings.
    pub local: tempfile::TempDir,
    files: tempfile::TempDir,
}

impl GoogleServer {
    /// `None` if a Python module is not installed.
    fn shared(s3: SocketAddr) -> Option<&'static GoogleServer> {
        static SERVER: OnceLock<Option<GoogleServer>> = OnceLock::new();
        let start = || {
            let port = s3.port().to_string();
            let (process, line) = start_python(&[PROXY, &port], &[])?;
            let accounts: Value = serde_json::from_str(&line).expect("JSON");
            let port = accounts["port"].as_u64().expect("a port");
            Some(GoogleServer {
                address: ([127, 0, 0, 1], port as u16).into(),
                accounts,
                _process: process,
            })
        };
        SERVER.get_or_init(start).as_ref()
    }
}

impl GoogleStore {
    /// The proxy treats the buckets with some prefixes differently. `None` if something is not
    /// installed.
    pub fn new(prefix: &str) -> Option<GoogleStore> {
        let bucket = S3Bucket::with_prefix(prefix)?;
        let server = GoogleServer::shared(bucket.server.address)?;
        let files = tempfile::tempdir().expect("a directory");
        for name in ["account", "stranger"] {
            let text = server.accounts[name].to_string();
            std::fs::write(files.path().join(name), text).expect("written");
        }
        Some(GoogleStore {
            bucket,
            address: server.address,
            local: tempfile::tempdir().expect("a directory"),
            files,
        })
    }

    pub fn url(&self) -> String {
        format!("gs://{}/calls", self.bucket.name)
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path of a credentials file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub fn open(&self) -> UploadEngine {
        self.try_open(&[]).unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// `more`: keys that replace those of the others.
    pub fn try_open(&self, more: &[(&str, &str)]) -> Result<UploadEngine, callrec_core::types::Error> {
        let (url, endpoint, account) = (self.url(), self.endpoint(), self.file("account"));
        let account = account.to_string_lossy();
        let keys = [
            ("upload.url", url.as_str()),
            ("upload.key", "{id}"),
            ("upload.endpoint", &endpoint),
            ("upload.google_credentials", &account),
            ("upload.delete_local", "true"),
            FAST[0],
            FAST[1],
        ];
        UploadEngine::try_open(self.local.path(), &[&keys[..], more].concat())
    }
}
