//! What a client may not do, and that nobody else is harmed by it.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use callrec_testkit::wait::{PATIENCE, until};
use serde_json::Value;

use crate::server::{FIRST, HttpResponse, TestServer, read_to_close};
use crate::vobiz::{ID, record};

#[test]
fn healthz_and_metrics_answer_without_credentials() {
    let server = TestServer::open(&[]);
    let reply = server.send("GET", "/healthz", &[], "");
    assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("ok")));
    let metrics = server.send("GET", "/metrics", &[], "");
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = metrics.text();
    assert!(text.contains("callrec_live_calls 2\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let counted = r#"callrec_http_requests_total{api="healthz",method="GET",status="200"} 1"#;
    assert!(text.contains(counted), "{text}");
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let server = TestServer::open(&[("gateway.max_body_bytes", "1024")]);
    let body = "x".repeat(1025);
    assert_eq!(server.send("POST", "/healthz", &[], &body).status, 413);
    assert_eq!(server.send("POST", "/healthz", &[], &body[..1024]).status, 200);
}

/// (api as it is counted, one of its paths)
pub const APIS: &[(&str, &str)] = &[
    ("imagicle", "/fw/Apps/Recorder/WebAPI/LiveRecordings"),
    ("genesys", "/api/v2/me/calls/1"),
    ("cometd", "/genesys/cometd"),
    ("vobiz", "/api/v1/Account/MA_DEMO/Call/1/Record/"),
    ("plivo", "/v1/Account/MA_DEMO/Call/1/Record/"),
    ("audio", "/recordings/1.wav"),
];

/// That it is this refusal as that API writes one; Vobiz's code is `code`.
pub fn expect_form(api: &str, reply: &HttpResponse, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{api}");
    if api == "imagicle" {
        return assert!(reply.body.is_empty(), "{}", reply.text());
    }
    let said = reply.json();
    let members = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    match api {
        "genesys" => {
            assert_eq!(said["statusCode"], if status < 500 { 10 } else { 4 });
            assert_eq!(members(&said), ["statusCode", "statusMessage"]);
        }
        "cometd" => {
            assert_eq!(said[0]["successful"], false);
            let error = said[0]["error"].as_str().unwrap();
            assert!(error.starts_with(&format!("{status}::")), "{error}");
        }
        "vobiz" => {
            assert_eq!(said["error"]["code"], code);
            assert_eq!(members(&said), ["status", "error", "timestamp", "requestId"]);
        }
        _ => assert_eq!(members(&said), ["api_id", "error"]),
    }
}

pub fn expect_counted(server: &TestServer, api: &str, method: &str, status: u16) {
    let row = format!(r#"callrec_http_requests_total{{api="{api}",method="{method}",status="{status}"}} 1"#);
    let metrics = server.send("GET", "/metrics", &[], "");
    assert!(metrics.text().contains(&row), "{row}: {}", metrics.text());
}

#[test]
fn what_cannot_be_taken_in_is_refused_in_each_apis_own_form_and_counted() {
    let settings = [
        ("gateway.max_body_bytes", "1024"),
        ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
        ("gateway.request_ms", "1500"),
    ];
    let server = TestServer::open(&settings);
    let large = "x".repeat(1025);
    for (api, path) in APIS {
        let reply = server.send("POST", path, &[], &large);
        expect_form(api, &reply, 413, "INVALID_PARAMETER");
        assert_eq!(reply.header("connection"), "close");
        expect_counted(&server, api, "POST", 413);
        for (rest, status) in [
            ("content-length: 10\r\n\r\nhalf", 408),
            ("transfer-encoding: chunked\r\n\r\nno chunk\r\n", 400),
        ] {
            let mut stream = server.connect();
            write!(stream, "PUT {path} HTTP/1.1\r\nhost: a\r\n{rest}").unwrap();
            let answer = read_to_close(stream);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{api}: {head}");
            let reply = HttpResponse {
                status,
                headers: Default::default(),
                body: body.into(),
            };
            expect_form(api, &reply, status, "INVALID_PARAMETER");
            expect_counted(&server, api, "PUT", status);
        }
    }
}

#[cfg(feature = "faults")]
#[test]
fn what_breaks_while_it_is_answered_is_500_in_each_apis_own_form_and_counted() {
    for (api, path) in APIS {
        let settings = [
            ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
            ("faults.panic", *api),
        ];
        let server = TestServer::open(&settings);
        let reply = server.send("POST", path, &[], "");
        expect_form(api, &reply, 500, "INTERNAL_ERROR");
        expect_counted(&server, api, "POST", 500);
    }
}

#[test]
fn headers_beyond_the_limit_are_431() {
    let server = TestServer::open(&[("gateway.max_header_bytes", "8192")]);
    let long = "x".repeat(9000);
    let mut stream = server.connect();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: {long}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let answer = answer_while_sending(stream, b"\r\n");
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

/// What a client reads that goes on sending `rest` after the answer's first byte: all of
/// the answer and its end, and no reset that could have overtaken it.
fn answer_while_sending(mut stream: TcpStream, rest: &[u8]) -> String {
    stream.peek(&mut [0]).unwrap();
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn who_is_refused_while_sending_reads_the_whole_answer() {
    let server = TestServer::open(&[("gateway.max_body_bytes", "1024")]);
    let mut stream = server.connect();
    let head = "POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[b'x'; 20_000]).unwrap();
    let answer = answer_while_sending(stream, &[b'x'; 280_000]);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn who_sends_nothing_or_half_a_request_is_let_go_and_others_are_served() {
    let server = TestServer::open(&[("gateway.request_ms", "1500")]);
    let silent = server.connect();
    let mut half = server.connect();
    half.write_all(b"GET /healthz HT").unwrap();
    let mut headless = server.connect();
    headless
        .write_all(b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
        .unwrap();
    assert_eq!(server.send("GET", "/healthz", &[], "").status, 200);
    // Each of these returns only because the server has closed the connection.
    assert!(!read_to_close(silent).contains(" 200 "));
    assert!(!read_to_close(half).contains(" 200 "));
    assert!(read_to_close(headless).starts_with("HTTP/1.1 408 "));
}

#[test]
fn garbage_is_400_and_closes() {
    let server = TestServer::open(&[]);
    let mut stream = server.connect();
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
        .unwrap();
    let answer = read_to_close(stream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(server.send("GET", "/healthz", &[], "").status, 200);
}

#[test]
fn one_connection_too_many_is_503() {
    let server = TestServer::open(&[("gateway.max_connections", "1")]);
    let mut first = server.connect();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();
    let answer = read_to_close(server.connect());
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
#[ignore = "run by the test below, where 400 files may be open"]
fn child_takes_connections() {
    // One source alone may not have all.
    let server = TestServer::open(&[("gateway.trusted_proxies", "127.0.0.1")]);
    let log = server.log();
    let answers: Vec<_> = (0..110)
        .map(|_| {
            let mut stream = server.connect();
            let mut line = [0; 12];
            // One that is refused may be closed before it is heard.
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
            let _ = stream.read_exact(&mut line);
            (stream, line)
        })
        .collect();
    let served = answers.iter().filter(|(_, line)| line.ends_with(b" 200"));
    assert_eq!(served.count(), 100);
    until("it is logged", || log.has("limited to 100"));
}

#[cfg(unix)]
#[test]
fn connections_take_a_quarter_of_the_open_files_at_most() {
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 400 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "limits::child_takes_connections", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

/// A connection of its own from that address, open and answered, or what came instead.
fn answered_from(server: &TestServer, from: &str) -> (TcpStream, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let to: SocketAddr = server.base.strip_prefix("http://").unwrap().parse().unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    connected.set_nonblocking(false).unwrap();
    let mut stream = connected;
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut line = [0; 12];
    let _ = stream.read_exact(&mut line);
    (stream, String::from_utf8_lossy(&line[9..]).into_owned())
}

#[test]
fn one_source_cannot_have_every_connection() {
    let server = TestServer::open(&[("gateway.max_connections_per_source", "2")]);
    let first = answered_from(&server, "127.0.0.1");
    let second = answered_from(&server, "127.0.0.1");
    assert_eq!((first.1.as_str(), second.1.as_str()), ("200", "200"));
    assert_eq!(answered_from(&server, "127.0.0.1").1, "503");
    assert_eq!(answered_from(&server, "127.0.0.2").1, "200");
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while answered_from(&server, "127.0.0.1").1 != "200" {
        assert!(Instant::now() < deadline, "its place is never free again");
    }
}

#[test]
fn the_last_eighth_of_the_connections_is_never_one_sources() {
    let server = TestServer::open(&[("gateway.max_connections", "8")]);
    let open: Vec<_> = (0..7).map(|_| answered_from(&server, "127.0.0.1")).collect();
    assert!(open.iter().all(|(_, status)| status == "200"));
    assert_eq!(answered_from(&server, "127.0.0.1").1, "503");
    assert_eq!(answered_from(&server, "127.0.0.2").1, "200");
}

#[test]
fn a_trusted_proxy_may_have_every_connection() {
    let server = TestServer::open(&[
        ("gateway.max_connections_per_source", "1"),
        ("gateway.trusted_proxies", "127.0.0.1"),
    ]);
    let open: Vec<_> = (0..3).map(|_| answered_from(&server, "127.0.0.1")).collect();
    assert!(open.iter().all(|(_, status)| status == "200"));
    let _other = answered_from(&server, "127.0.0.2");
    assert_eq!(answered_from(&server, "127.0.0.2").1, "503");
}

#[test]
fn json_beyond_the_depth_is_refused() {
    let server = TestServer::open(&[("gateway.json_depth", "4")]);
    let headers = [&ID[..], &[("content-type", "application/json")]].concat();
    let start = |body: &str| server.send("POST", &record(FIRST), &headers, body).status;
    assert_eq!(start(r#"{"file_format":"wav","x":[[[[]]]]}"#), 400);
    assert_eq!(start(r#"{"file_format":"wav","x":[[[]]]}"#), 200);
}

#[test]
fn a_stopped_gateway_has_closed_its_port() {
    let server = TestServer::open(&[]);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    server.stop_gateway();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn closing_the_engine_stops_the_gateway() {
    let server = TestServer::open(&[]);
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    server.engine.close();
    assert!(TcpStream::connect(address).is_err());
}
