//! A page of another site, in Chromium.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};
use serde_json::{Value, json};

use crate::server::{FIRST, TestServer};
use crate::support::build::{has, root};
use crate::vobiz::make_recording;

/// An HTTP server of another origin. It serves one page and receives that page's reports.
struct OtherSite {
    origin: String,
    reports: Receiver<Value>,
}

impl OtherSite {
    fn new() -> OtherSite {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, reports) = channel();
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || serve_request(stream, &sender));
            }
        });
        OtherSite { origin, reports }
    }

    /// The URL of the page, with its parameters.
    fn page(&self, parameters: &Value) -> String {
        let encoded: String = form_urlencoded::byte_serialize(parameters.to_string().as_bytes()).collect();
        format!("{}/page.html#{}", self.origin, encoded.replace('+', "%20"))
    }
}

/// Serves one request. Returns `None` if none arrives: browsers open connections in advance.
fn serve_request(stream: TcpStream, reports: &Sender<Value>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let page = match first.split(' ').next()? {
        "POST" => {
            reports.send(serde_json::from_slice(&body).ok()?).ok()?;
            ""
        }
        _ => include_str!("../clients/page.html"),
    };
    write!(
        &stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    )
    .ok()
}

/// Chromium, until it is dropped.
struct Browser {
    driver: Child,
    _profile: ScratchDir,
}

impl Browser {
    fn is_installed() -> bool {
        has("node") && has("chromium")
    }

    /// Opens URLs one after the other.
    fn open(urls: &[String]) -> Browser {
        let profile = ScratchDir::new();
        let driver = Command::new("node")
            .arg(root().join("tests/clients/browser.mjs"))
            .arg("chromium")
            .arg(&profile.0)
            .args(urls)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let _profile = profile;
        Browser { driver, _profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.driver.stdin.take());
        let _ = self.driver.wait();
    }
}

const CSRF: (&str, &str) = ("genesys.csrf", "true");

/// The page's report of its requests. The browser is logged in as user1.
fn open_page(server: &TestServer, site: &OtherSite, parameters: &Value) -> (Value, Browser) {
    let login = server.base.replace("://", "://user1:secret@");
    let browser = Browser::open(&[format!("{login}/api/v2/me"), site.page(parameters)]);
    let report = site.reports.recv_timeout(PATIENCE * 2).expect("a report");
    (report, browser)
}

#[test]
fn a_page_of_an_allowed_site_may_use_every_api() {
    if !Browser::is_installed() {
        return;
    }
    let site = OtherSite::new();
    let server = TestServer::open(&[
        CSRF,
        ("imagicle.cors_origins", &site.origin),
        ("genesys.cors_origins", &site.origin),
        ("vobiz.cors_origins", &site.origin),
    ]);
    let (_, url) = make_recording(&server, 1);
    let audio = url.strip_prefix(&server.base).unwrap();
    let parameters = json!({ "gateway": server.base, "call": FIRST, "audio": audio, "all": true });
    let (report, _browser) = open_page(&server, &site, &parameters);
    for (name, status) in [
        ("stored", 200),
        // This start has no token.
        ("plain", 403),
        ("me", 200),
        ("start", 200),
        ("stop", 200),
        ("wrongPassword", 401),
        ("handshake", 200),
        ("connect", 200),
        ("imagicle", 200),
        ("imagicleStop", 409),
        ("vobiz", 200),
        ("audio", 206),
    ] {
        assert_eq!(report[name]["status"], status, "{name}: {report:#}");
    }
    assert_eq!(
        report["me"]["headers"]["x-csrf-header"], "X-CSRF-TOKEN",
        "{report:#}"
    );
    for comet in ["handshake", "connect"] {
        let body: Value = serde_json::from_str(report[comet]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body[0]["successful"], true, "{report:#}");
    }
    assert_eq!(report["audio"]["body"], "RIFF", "{report:#}");
    let range = report["audio"]["headers"]["content-range"].as_str().unwrap();
    assert!(range.starts_with("bytes 0-3/"), "{range}");
}

#[test]
fn a_page_of_any_other_site_may_read_and_start_nothing() {
    if !Browser::is_installed() {
        return;
    }
    let site = OtherSite::new();
    let server = TestServer::open(&[("genesys.cors_origins", "https://crm.example")]);
    let parameters =
        json!({ "gateway": server.base, "call": FIRST, "audio": "/", "all": true, "form": true });
    let (report, _browser) = open_page(&server, &site, &parameters);
    for (name, result) in report.as_object().unwrap() {
        assert!(result["blocked"].is_string(), "{name}: {report:#}");
    }
    assert!(report.as_object().unwrap().len() > 10, "{report:#}");
    assert_eq!(
        server.engine.stats().live_recordings,
        0,
        "the script starts no recording"
    );
    // The requests of the script and of the form have arrived and were refused.
    let refused = r#"callrec_http_requests_total{api="genesys",method="POST",status="403"} 2"#;
    until("both requests are counted", || {
        server.send("GET", "/metrics", &[], "").text().contains(refused)
    });
    assert_eq!(server.engine.stats().live_recordings, 0);
}
