//! Limits on clients. A client that exceeds one does not affect the others.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use callrec_testkit::wait::until;
use serde_json::Value;

use crate::server::{ClientResponse, FIRST, TestServer, read_to_close};
use crate::vobiz::{ID, record};

#[test]
fn healthz_and_metrics_answer_without_credentials() {
    let server = TestServer::open(&[]);
    let response = server.send("GET", "/healthz", &[], "");
    assert_eq!(
        (response.status, response.json()["status"].as_str()),
        (200, Some("ok"))
    );
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

/// (name of the API in the metrics, one of its paths)
pub const APIS: &[(&str, &str)] = &[
    ("imagicle", "/fw/Apps/Recorder/WebAPI/LiveRecordings"),
    ("genesys", "/api/v2/me/calls/1"),
    ("cometd", "/genesys/cometd"),
    ("vobiz", "/api/v1/Account/MA_DEMO/Call/1/Record/"),
    ("plivo", "/v1/Account/MA_DEMO/Call/1/Record/"),
    ("audio", "/recordings/1.wav"),
];

/// Asserts that `response` is an error in the form of the API. `code` is the error code of Vobiz.
pub fn expect_form(api: &str, response: &ClientResponse, status: u16, code: &str) {
    assert_eq!(response.status, status, "{api}");
    if api == "imagicle" {
        return assert!(response.body.is_empty(), "{}", response.text());
    }
    let error = response.json();
    let members = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    match api {
        "genesys" => {
            assert_eq!(error["statusCode"], if status < 500 { 10 } else { 4 });
            assert_eq!(members(&error), ["statusCode", "statusMessage"]);
        }
        "cometd" => {
            assert_eq!(error[0]["successful"], false);
            let reason = error[0]["error"].as_str().unwrap();
            assert!(reason.starts_with(&format!("{status}::")), "{reason}");
        }
        "vobiz" => {
            assert_eq!(error["error"]["code"], code);
            assert_eq!(members(&error), ["status", "error", "timestamp", "requestId"]);
        }
        _ => assert_eq!(members(&error), ["api_id", "error"]),
    }
}

pub fn expect_counted(server: &TestServer, api: &str, method: &str, status: u16) {
    let line = format!(r#"callrec_http_requests_total{{api="{api}",method="{method}",status="{status}"}} 1"#);
    let metrics = server.send("GET", "/metrics", &[], "");
    assert!(metrics.text().contains(&line), "{line}: {}", metrics.text());
}

#[test]
fn an_unreadable_request_is_refused_in_the_form_of_each_api_and_counted() {
    let settings = [
        ("gateway.max_body_bytes", "1024"),
        ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
        ("gateway.request_ms", "1500"),
    ];
    let server = TestServer::open(&settings);
    let large = "x".repeat(1025);
    for (api, path) in APIS {
        let response = server.send("POST", path, &[], &large);
        expect_form(api, &response, 413, "INVALID_PARAMETER");
        assert_eq!(response.header("connection"), "close");
        expect_counted(&server, api, "POST", 413);
        for (rest, status) in [
            ("content-length: 10\r\n\r\nhalf", 408),
            ("transfer-encoding: chunked\r\n\r\nno chunk\r\n", 400),
        ] {
            let mut stream = server.connect();
            write!(stream, "PUT {path} HTTP/1.1\r\nhost: a\r\n{rest}").unwrap();
            let text = read_to_close(stream);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{api}: {head}");
            let response = ClientResponse {
                status,
                headers: Default::default(),
                body: body.into(),
            };
            expect_form(api, &response, status, "INVALID_PARAMETER");
            expect_counted(&server, api, "PUT", status);
        }
    }
}

#[cfg(feature = "faults")]
#[test]
fn a_panic_is_500_in_the_form_of_each_api_and_counted() {
    for (api, path) in APIS {
        let settings = [
            ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
            ("faults.panic", *api),
        ];
        let server = TestServer::open(&settings);
        let response = server.send("POST", path, &[], "");
        expect_form(api, &response, 500, "INTERNAL_ERROR");
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
    let text = response_while_sending(stream, b"\r\n");
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
}

/// The whole response that a client reads although it sends `rest` after its first byte. A reset
/// would cut the response off.
fn response_while_sending(mut stream: TcpStream, rest: &[u8]) -> String {
    stream.peek(&mut [0]).unwrap();
    stream.write_all(rest).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_client_that_is_refused_while_sending_reads_the_whole_response() {
    let server = TestServer::open(&[("gateway.max_body_bytes", "1024")]);
    let mut stream = server.connect();
    let head = "POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[b'x'; 20_000]).unwrap();
    let text = response_while_sending(stream, &[b'x'; 280_000]);
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[test]
fn idle_and_incomplete_requests_time_out_while_others_are_served() {
    let server = TestServer::open(&[("gateway.request_ms", "1500")]);
    let silent = server.connect();
    let mut incomplete_head = server.connect();
    incomplete_head.write_all(b"GET /healthz HT").unwrap();
    let mut incomplete_body = server.connect();
    incomplete_body
        .write_all(b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
        .unwrap();
    assert_eq!(server.send("GET", "/healthz", &[], "").status, 200);
    // Each of these calls returns because the server closes the connection.
    assert!(!read_to_close(silent).contains(" 200 "));
    assert!(!read_to_close(incomplete_head).contains(" 200 "));
    assert!(read_to_close(incomplete_body).starts_with("HTTP/1.1 408 "));
}

#[test]
fn bytes_that_are_not_http_are_400_and_close_the_connection() {
    let server = TestServer::open(&[]);
    let mut stream = server.connect();
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
        .unwrap();
    let text = read_to_close(stream);
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    assert_eq!(server.send("GET", "/healthz", &[], "").status, 200);
}

#[test]
fn a_connection_beyond_the_limit_is_503() {
    let server = TestServer::open(&[("gateway.max_connections", "1")]);
    let mut first = server.connect();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();
    let text = read_to_close(server.connect());
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
}

#[test]
#[ignore = "run by the next test, with a limit of 400 open files"]
fn child_opens_connections() {
    // The limit per source does not apply to a trusted proxy.
    let server = TestServer::open(&[("gateway.trusted_proxies", "127.0.0.1")]);
    let log = server.log();
    let connections: Vec<_> = (0..110)
        .map(|_| {
            let mut stream = server.connect();
            let mut line = [0; 12];
            // A refused connection may be closed before it is read.
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
            let _ = stream.read_exact(&mut line);
            (stream, line)
        })
        .collect();
    let served = connections.iter().filter(|(_, line)| line.ends_with(b" 200"));
    assert_eq!(served.count(), 100);
    until("the limit is logged", || log.has("limited to 100,"));
}

#[cfg(unix)]
#[test]
fn connections_use_at_most_a_quarter_of_the_open_files() {
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 400 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "limits::child_opens_connections", "--ignored"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

/// Opens a connection from this address and sends a request; returns the connection and the status.
fn request_from(server: &TestServer, source: &str) -> (TcpStream, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let address: SocketAddr = server.base.strip_prefix("http://").unwrap().parse().unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    connected.set_nonblocking(false).unwrap();
    let mut stream = connected;
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut line = [0; 12];
    let _ = stream.read_exact(&mut line);
    (stream, String::from_utf8_lossy(&line[9..]).into_owned())
}

#[test]
fn the_connections_of_one_source_are_limited() {
    let server = TestServer::open(&[("gateway.max_connections_per_source", "2")]);
    let first = request_from(&server, "127.0.0.1");
    let second = request_from(&server, "127.0.0.1");
    assert_eq!((first.1.as_str(), second.1.as_str()), ("200", "200"));
    assert_eq!(request_from(&server, "127.0.0.1").1, "503");
    assert_eq!(request_from(&server, "127.0.0.2").1, "200");
    drop(first);
    until("the closed connection is no longer counted", || {
        request_from(&server, "127.0.0.1").1 == "200"
    });
}

#[test]
fn one_source_cannot_use_the_last_eighth_of_the_connections() {
    let server = TestServer::open(&[("gateway.max_connections", "8")]);
    let open: Vec<_> = (0..7).map(|_| request_from(&server, "127.0.0.1")).collect();
    assert!(open.iter().all(|(_, status)| status == "200"));
    assert_eq!(request_from(&server, "127.0.0.1").1, "503");
    assert_eq!(request_from(&server, "127.0.0.2").1, "200");
}

#[test]
fn a_trusted_proxy_may_use_every_connection() {
    let server = TestServer::open(&[
        ("gateway.max_connections_per_source", "1"),
        ("gateway.trusted_proxies", "127.0.0.1"),
    ]);
    let open: Vec<_> = (0..3).map(|_| request_from(&server, "127.0.0.1")).collect();
    assert!(open.iter().all(|(_, status)| status == "200"));
    let _other = request_from(&server, "127.0.0.2");
    assert_eq!(request_from(&server, "127.0.0.2").1, "503");
}

#[test]
fn json_beyond_the_depth_limit_is_refused() {
    let server = TestServer::open(&[("gateway.json_depth", "4")]);
    let headers = [&ID[..], &[("content-type", "application/json")]].concat();
    let start = |body: &str| server.send("POST", &record(FIRST), &headers, body).status;
    assert_eq!(start(r#"{"file_format":"wav","x":[[[[]]]]}"#), 400);
    assert_eq!(start(r#"{"file_format":"wav","x":[[[]]]}"#), 200);
}

#[test]
fn a_stopped_gateway_closes_its_port() {
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
