//! The S3 of moto (PyPI), as a process of this test program's own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use callrec_testkit::http::HttpClient;
use uuid::Uuid;

/// Prints its port, and ends with the program that has started it, because that closes the pipe.
const SERVER: &str = "
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

/// Moto shows private objects to whoever signs, and does not check how.
const SIGNED: (&str, &str) = ("authorization", "AWS reader:signature");

/// A server that is started at most once.
pub struct S3Server {
    pub address: SocketAddr,
    _process: Child,
}

/// A bucket of its own on the server of this program.
pub struct S3Bucket {
    pub server: &'static S3Server,
    pub name: String,
}

/// The Python that `.ci/clients` has installed moto for, or another one that has it.
fn pythons() -> [PathBuf; 2] {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")));
    [target.join("clients/venv/bin/python"), PathBuf::from("python3")]
}

/// Starts a program in the first Python that has its modules. Returns it with the line that it
/// prints. `settings`: in its environment. `None` if no Python has the modules.
pub fn start_python(arguments: &[&str], settings: &[(&str, &str)]) -> Option<(Child, String)> {
    for python in pythons() {
        let spawned = Command::new(python)
            .args(arguments)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut process) = spawned else { continue };
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("readable");
        if !line.is_empty() {
            return Some((process, line));
        }
    }
    assert!(
        std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
        "moto or a module that it is used with is not installed: .ci/clients installs them"
    );
    None
}

impl S3Server {
    /// `settings`: of moto. `None` if moto is not installed.
    fn start(settings: &[(&str, &str)]) -> Option<S3Server> {
        let (process, line) = start_python(&["-c", SERVER], settings)?;
        let port: u16 = line.trim().parse().expect("a port");
        Some(S3Server {
            address: ([127, 0, 0, 1], port).into(),
            _process: process,
        })
    }

    /// The server that accepts any credentials.
    fn shared() -> Option<&'static S3Server> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        SERVER.get_or_init(|| S3Server::start(&[])).as_ref()
    }

    /// A server that checks credentials, and knows none. Its first request is not checked.
    fn strict() -> Option<&'static S3Server> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        let settings = [("INITIAL_NO_AUTH_ACTION_COUNT", "1")];
        SERVER.get_or_init(|| S3Server::start(&settings)).as_ref()
    }
}

impl S3Bucket {
    /// `None` if moto is not installed.
    pub fn new() -> Option<S3Bucket> {
        S3Bucket::with_prefix("bucket-")
    }

    /// A bucket whose name begins like this.
    pub fn with_prefix(prefix: &str) -> Option<S3Bucket> {
        S3Server::shared().map(|server| S3Bucket::on(server, prefix))
    }

    /// A bucket that refuses all credentials.
    pub fn refusing() -> Option<S3Bucket> {
        S3Server::strict().map(|server| S3Bucket::on(server, "bucket-"))
    }

    fn on(server: &'static S3Server, prefix: &str) -> S3Bucket {
        let bucket = S3Bucket {
            server,
            name: format!("{prefix}{}", Uuid::new_v4()),
        };
        let created = HttpClient::new().send("PUT", &bucket.url_of(""), &[], "");
        assert_eq!(created.status, 200, "{}", created.text());
        bucket
    }

    /// A bucket whose objects can be locked and held.
    pub fn with_object_lock() -> Option<S3Bucket> {
        let bucket = S3Bucket {
            server: S3Server::shared()?,
            name: format!("locked-{}", Uuid::new_v4()),
        };
        let lock = [("x-amz-bucket-object-lock-enabled", "true")];
        let created = HttpClient::new().send("PUT", &bucket.url_of(""), &lock, "");
        assert_eq!(created.status, 200, "{}", created.text());
        Some(bucket)
    }

    /// The legal hold of an object: `ON`, `OFF`, or nothing. `key` may have a query.
    pub fn legal_hold(&self, key: &str) -> String {
        let mark = if key.contains('?') { '&' } else { '?' };
        let url = self.url_of(&format!("{key}{mark}legal-hold"));
        let found = HttpClient::new().send("GET", &url, &[SIGNED], "");
        between(found.text(), "<Status>", "</Status>").unwrap_or_default()
    }

    /// The key and the version of each object that was not overwritten, but perhaps removed.
    pub fn versions(&self) -> Vec<(String, String)> {
        let listed = HttpClient::new().send("GET", &self.url_of("?versions"), &[SIGNED], "");
        let text = listed.text();
        let versions = text.split("<Version>").skip(1);
        let facts = |version: &str| {
            let key = between(version, "<Key>", "</Key>")?;
            Some((key, between(version, "<VersionId>", "</VersionId>")?))
        };
        versions.filter_map(facts).collect()
    }

    pub fn url(&self) -> String {
        format!("s3://{}/calls", self.name)
    }

    fn url_of(&self, key: &str) -> String {
        format!("http://{}/{}/{key}", self.server.address, self.name)
    }

    /// The content and the digest in the metadata of an object. `None` if there is no object.
    pub fn get(&self, key: &str) -> Option<(Vec<u8>, String)> {
        let found = HttpClient::new().send("GET", &self.url_of(key), &[SIGNED], "");
        match found.status {
            200 => Some((found.body.clone(), found.header("x-amz-meta-sha256").to_owned())),
            404 => None,
            other => panic!("{other}"),
        }
    }

    /// Another client's object.
    pub fn put(&self, key: &str, content: &str) {
        let put = HttpClient::new().send("PUT", &self.url_of(key), &[SIGNED], content);
        assert_eq!(put.status, 200, "{}", put.text());
    }

    pub fn head(&self, key: &str, header: &str) -> String {
        let found = HttpClient::new().send("HEAD", &self.url_of(key), &[SIGNED], "");
        found.header(header).to_owned()
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        let listed = HttpClient::new().send("GET", &self.url_of("?list-type=2"), &[SIGNED], "");
        let text = listed.text();
        let keys = text
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// The number of uploads in parts that are not complete.
    pub fn unfinished(&self) -> usize {
        let listed = HttpClient::new().send("GET", &self.url_of("?uploads"), &[SIGNED], "");
        listed.text().matches("<UploadId>").count()
    }
}

fn between(text: &str, first: &str, last: &str) -> Option<String> {
    let (_, rest) = text.split_once(first)?;
    rest.split_once(last).map(|(found, _)| found.to_owned())
}

/// Keys for a bucket that is reached by this URL.
pub fn keys<'a>(url: &'a str, endpoint: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("upload.url", url),
        ("upload.key", "{id}"),
        ("upload.endpoint", endpoint),
        ("upload.region", "us-east-1"),
        ("upload.access_key_id", "AKIDTEST"),
        ("upload.secret_access_key", "kept-secret"),
        ("upload.delete_local", "true"),
        super::fixture::FAST[0],
        super::fixture::FAST[1],
    ]
}
