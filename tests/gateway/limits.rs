//! What a client may not do, and that nobody else is harmed by it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::kit::House;

fn connect(house: &House) -> TcpStream {
    let address = house.base.strip_prefix("http://").unwrap();
    TcpStream::connect(address).unwrap()
}

/// All that comes until the server closes.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn healthz_and_metrics_answer_without_credentials() {
    let house = House::open(&[]);
    let reply = house.send("GET", "/healthz", &[], "");
    assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("ok")));
    let metrics = house.send("GET", "/metrics", &[], "");
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
    let house = House::open(&[("gateway.max_body_bytes", "1024")]);
    let body = "x".repeat(1025);
    assert_eq!(house.send("POST", "/healthz", &[], &body).status, 413);
    assert_eq!(house.send("POST", "/healthz", &[], &body[..1024]).status, 200);
}

#[test]
fn headers_beyond_the_limit_are_431() {
    let house = House::open(&[("gateway.max_header_bytes", "8192")]);
    let long = "x".repeat(9000);
    let mut stream = connect(&house);
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: {long}\r\n\r\n"
    )
    .unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn who_sends_nothing_or_half_a_request_is_let_go_and_others_are_served() {
    let house = House::open(&[("gateway.request_ms", "300")]);
    let silent = connect(&house);
    let mut half = connect(&house);
    half.write_all(b"GET /healthz HT").unwrap();
    let mut headless = connect(&house);
    headless
        .write_all(b"POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
        .unwrap();
    assert_eq!(house.send("GET", "/healthz", &[], "").status, 200);
    // Each of these returns only because the server has closed the connection.
    assert!(!rest(silent).contains(" 200 "));
    assert!(!rest(half).contains(" 200 "));
    assert!(rest(headless).starts_with("HTTP/1.1 408 "));
}

#[test]
fn garbage_is_400_and_closes() {
    let house = House::open(&[]);
    let mut stream = connect(&house);
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
        .unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(house.send("GET", "/healthz", &[], "").status, 200);
}

#[test]
fn one_connection_too_many_is_503() {
    let house = House::open(&[("gateway.max_connections", "1")]);
    let mut first = connect(&house);
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();
    let answer = rest(connect(&house));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn a_stopped_gateway_has_closed_its_port() {
    let house = House::open(&[]);
    let address = house.base.strip_prefix("http://").unwrap().to_owned();
    house.stop_gateway();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn closing_the_engine_stops_the_gateway() {
    let house = House::open(&[]);
    let address = house.base.strip_prefix("http://").unwrap().to_owned();
    house.engine.close();
    assert!(TcpStream::connect(address).is_err());
}
