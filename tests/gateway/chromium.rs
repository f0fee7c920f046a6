//! A real page of another site, in Chromium.

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

/// A server of another origin: it has one page, and hears what that page tells.
struct Site {
    origin: String,
    told: Receiver<Value>,
}

impl Site {
    fn new() -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, told) = channel();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || answer(stream, &sender));
            }
        });
        Site { origin, told }
    }

    /// The page, which will ask this gateway.
    fn page(&self, given: &Value) -> String {
        let given: String = form_urlencoded::byte_serialize(given.to_string().as_bytes()).collect();
        format!("{}/page.html#{}", self.origin, given.replace('+', "%20"))
    }
}

/// One request, or none: browsers open connections ahead.
fn answer(stream: TcpStream, told: &Sender<Value>) -> Option<()> {
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
            told.send(serde_json::from_slice(&body).ok()?).ok()?;
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

/// Chromium, as long as it is wanted.
struct Browser {
    driver: Child,
    _profile: ScratchDir,
}

impl Browser {
    fn is_there() -> bool {
        has("node") && has("chromium")
    }

    /// Opens these one after the other.
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

/// What the page could read while the browser is logged in as user1.
fn told(server: &TestServer, site: &Site, given: &Value) -> (Value, Browser) {
    let login = server.base.replace("://", "://user1:secret@");
    let browser = Browser::open(&[format!("{login}/api/v2/me"), site.page(given)]);
    let told = site.told.recv_timeout(PATIENCE * 2).expect("what the page tells");
    (told, browser)
}

#[test]
fn a_page_of_an_allowed_site_uses_every_api() {
    if !Browser::is_there() {
        return;
    }
    let site = Site::new();
    let server = TestServer::open(&[
        CSRF,
        ("imagicle.cors_origins", &site.origin),
        ("genesys.cors_origins", &site.origin),
        ("vobiz.cors_origins", &site.origin),
    ]);
    let (_, url) = make_recording(&server, 1);
    let audio = url.strip_prefix(&server.base).unwrap();
    let given = json!({ "gateway": server.base, "call": FIRST, "audio": audio, "all": true });
    let (told, _browser) = told(&server, &site, &given);
    for (what, status) in [
        ("stored", 200),
        // Without the token.
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
        assert_eq!(told[what]["status"], status, "{what}: {told:#}");
    }
    assert_eq!(told["me"]["headers"]["x-csrf-header"], "X-CSRF-TOKEN", "{told:#}");
    for comet in ["handshake", "connect"] {
        let body: Value = serde_json::from_str(told[comet]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body[0]["successful"], true, "{told:#}");
    }
    assert_eq!(told["audio"]["body"], "RIFF", "{told:#}");
    let range = told["audio"]["headers"]["content-range"].as_str().unwrap();
    assert!(range.starts_with("bytes 0-3/"), "{range}");
}

#[test]
fn a_page_of_any_other_site_reads_nothing_and_starts_nothing() {
    if !Browser::is_there() {
        return;
    }
    let site = Site::new();
    let server = TestServer::open(&[("genesys.cors_origins", "https://crm.example")]);
    let given = json!({ "gateway": server.base, "call": FIRST, "audio": "/", "all": true, "form": true });
    let (told, _browser) = told(&server, &site, &given);
    for (what, answer) in told.as_object().unwrap() {
        assert!(answer["blocked"].is_string(), "{what}: {told:#}");
    }
    assert!(told.as_object().unwrap().len() > 10, "{told:#}");
    assert_eq!(server.engine.stats().live_recordings, 0, "the script's request");
    // The script's request and the form's have come, and were refused.
    let refused = r#"callrec_http_requests_total{api="genesys",method="POST",status="403"} 2"#;
    until("the form was sent", || {
        server.send("GET", "/metrics", &[], "").text().contains(refused)
    });
    assert_eq!(server.engine.stats().live_recordings, 0);
}
