//! What HTTP itself asks of a server (RFC 9110, RFC 9112), whichever API is asked.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::imagicle::BASE;
use crate::limits::{APIS, expect_counted, expect_form};
use crate::server::{ClientResponse, FIRST, TestServer, basic, handle, read_to_close};
use crate::support::CallFields;
use crate::vobiz::{ID, finished};

const ALL: [(&str, &str); 2] = [
    ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
    ("gateway.max_body_bytes", "1024"),
];

/// What a socket has answered.
fn parsed(answer: &str) -> ClientResponse {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut headers = ureq::http::HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: ureq::http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    ClientResponse {
        status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
        headers,
        body: body.into(),
    }
}

#[test]
fn a_range_of_a_file_that_has_changed_since_is_the_whole_file() {
    let server = TestServer::open(&[]);
    let (_, url) = finished(&server, 1);
    let path = url.strip_prefix(&server.base).unwrap();
    let whole = server.send("GET", path, &ID, "");
    let (tag, modified) = (whole.header("etag"), whole.header("last-modified"));
    assert!(tag.starts_with('"') && !modified.is_empty(), "{whole:?}");
    let part = |if_range: &str, range: &str| {
        let headers = [ID[0], ID[1], ("if-range", if_range), ("range", range)];
        server.send("GET", path, &headers, "")
    };
    for same in [tag, modified] {
        let reply = part(same, "bytes=4-11");
        assert_eq!((reply.status, reply.body.as_slice()), (206, &whole.body[4..12]));
    }
    let weak = format!("W/{tag}");
    for other in ["\"other\"", &weak, "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"] {
        for range in ["bytes=4-11", "bytes=99999999-"] {
            let reply = part(other, range);
            assert_eq!((reply.status, &reply.body), (200, &whole.body), "{other} {range}");
            assert_eq!(reply.header("content-range"), "");
        }
    }
}

#[test]
fn a_range_of_an_unknown_unit_is_the_whole_file() {
    let server = TestServer::open(&[]);
    let (_, url) = finished(&server, 1);
    let path = url.strip_prefix(&server.base).unwrap();
    let whole = server.send("GET", path, &ID, "");
    for range in ["seconds=0-1", "items=1-2", "bytes", "=0-1"] {
        let reply = server.send("GET", path, &[ID[0], ID[1], ("range", range)], "");
        assert_eq!((reply.status, &reply.body), (200, &whole.body), "{range}");
    }
    let reply = server.send("GET", path, &[ID[0], ID[1], ("range", "BYTES=0-3")], "");
    assert_eq!((reply.status, reply.body.as_slice()), (206, &b"RIFF"[..]));
}

/// The client waits for leave to send a body, and the server does not read a byte of it.
#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = TestServer::open(&ALL);
    for (api, path) in APIS {
        for expect in ["expect: 100-continue\r\n", ""] {
            let mut stream = server.connect();
            write!(
                stream,
                "POST {path} HTTP/1.1\r\nhost: a\r\n{expect}content-length: 1025\r\n\r\n"
            )
            .unwrap();
            let answer = read_to_close(stream);
            assert!(answer.starts_with("HTTP/1.1 413 "), "{api}: {answer}");
            expect_form(api, &parsed(&answer), 413, "INVALID_PARAMETER");
        }
    }
    let mut stream = server.connect();
    write!(
        stream,
        "POST /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 1024\r\n\r\n"
    )
    .unwrap();
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[b'x'; 1024]).unwrap();
    assert!(read_to_close(stream).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_request_without_a_host_or_with_two_is_refused_in_each_apis_own_form() {
    let server = TestServer::open(&ALL);
    for (api, path) in APIS {
        for (count, hosts) in ["", "host: a\r\nhost: a\r\n", "host: a b\r\n"]
            .into_iter()
            .enumerate()
        {
            let mut stream = server.connect();
            write!(stream, "PUT {path} HTTP/1.1\r\n{hosts}\r\n").unwrap();
            let reply = parsed(&read_to_close(stream));
            expect_form(api, &reply, 400, "INVALID_PARAMETER");
            assert_eq!(reply.header("connection"), "close");
            if count == 0 {
                expect_counted(&server, api, "PUT", 400);
            }
        }
    }
    let mut stream = server.connect();
    write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert!(read_to_close(stream).starts_with("HTTP/1.0 200 "));
}

#[test]
fn a_byte_order_mark_before_json_is_ignored() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz")]);
    let user = basic("user1", "secret");
    let user = [("authorization", user.as_str())];
    let body = "\u{feff}{\"operationName\":\"StartCallRecording\"}";
    let reply = server.send("POST", &format!("/api/v2/me/calls/{FIRST}"), &user, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let admin = basic("admin", "secret");
    let admin = [("authorization", admin.as_str())];
    let body = "\u{feff}{\"deviceName\":\"SEP123456789DEF\"}";
    let reply = server.send("POST", &format!("{BASE}LiveRecordings"), &admin, body);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let path = format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = [ID[0], ID[1], ("content-type", kind)];
        let reply = server.send("POST", &path, &headers, "\u{feff}{\"file_format\":\"wav\"}");
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
    }
    let shake = "\u{feff}[{\"channel\":\"/meta/handshake\",\"supportedConnectionTypes\":[\"long-polling\"]}]";
    let reply = server.send("POST", "/genesys/cometd", &user, shake);
    assert_eq!(reply.json()[0]["successful"], true, "{}", reply.text());
}

#[test]
fn basic_credentials_are_taken_in_utf_8_and_in_latin_1() {
    let server = TestServer::open(&[]);
    for plain in ["agent\u{fc}:secret".as_bytes(), b"agent\xfc:secret"] {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(plain));
        let reply = server.send("GET", "/api/v2/me", &[("authorization", &basic)], "");
        assert_eq!(reply.status, 200, "{plain:?}");
        assert_eq!(reply.json()["user"]["userName"], "agent\u{fc}");
    }
}

/// (path, headers) of everything that answers GET.
fn gets<'a>(id: &str, basic: &'a [(&'a str, &'a str)]) -> Vec<(String, &'a [(&'a str, &'a str)])> {
    let imagicle = ["LiveRecordings", "Recordings"].map(|path| format!("{BASE}{path}"));
    let one = format!("{BASE}Recordings/{id}");
    let mut paths = Vec::from(imagicle.map(|path| (path, basic)));
    paths.extend([(format!("{one}/Media"), basic), (one, basic)]);
    for path in ["/api/v2/me", "/api/v2/me/calls", "/api/v2/me/calls/1"] {
        paths.push((path.to_owned(), basic));
    }
    for (base, who) in [("/api/v1", &ID[..]), ("/v1", basic)] {
        let list = format!("{base}/Account/MA_DEMO/Recording/");
        paths.extend([(format!("{list}{id}/"), who), (list, who)]);
    }
    paths.push((format!("/recordings/{id}.wav"), basic));
    for path in [
        "/healthz",
        "/metrics",
        "/openapi.yaml",
        "/openapi.json",
        "/nothing",
    ] {
        paths.push((path.to_owned(), &[]));
    }
    paths
}

#[test]
fn head_is_answered_wherever_get_is() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    let (id, _) = finished(&server, 1);
    let basic = basic("MA_DEMO", "secret");
    let basic = [("authorization", basic.as_str())];
    // A csrf token and a time are others each time; the counters have grown.
    let grows = |path: &str| path == "/metrics";
    for (path, headers) in gets(&id, &basic) {
        for accepts in ["identity", "gzip"] {
            let headers = [headers, &[("accept-encoding", accepts)]].concat();
            let get = server.send("GET", &path, &headers, "");
            let head = server.send("HEAD", &path, &headers, "");
            let handled = handle(server.gateway, "HEAD", &path, &headers, "").unwrap();
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            assert_eq!((handled.status, handled.body.len()), (get.status, 0), "{path}");
            let names = |reply: &ClientResponse| {
                let all = reply.headers.keys().map(ToString::to_string);
                all.filter(|name| !["date", "transfer-encoding"].contains(&name.as_str()))
                    .collect::<Vec<_>>()
            };
            let sorted = |reply: &ClientResponse| {
                let mut names = names(reply);
                names.sort();
                names
            };
            assert_eq!(sorted(&head), sorted(&get), "{path}");
            assert_eq!(sorted(&handled), sorted(&get), "{path}");
            for name in names(&get).iter().filter(|_| !grows(&path)) {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
        let refused = server.send("PATCH", &path, headers, "");
        if refused.status == 405 {
            assert!(refused.header("allow").contains("GET, HEAD"), "{path}");
        }
    }
    let counted = r#"callrec_http_requests_total{api="audio",method="HEAD",status="200"} 4"#;
    let metrics = server.send("GET", "/metrics", &[], "");
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

fn unpacked(reply: &ClientResponse) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(reply.body.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

#[test]
fn lists_are_compressed_for_clients_that_accept_it() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    let user = "MA_DEMO";
    for at in 0..10 {
        let call = CallFields {
            call_id: Some(&format!("call-{at}")),
            device: Some(&format!("SEP{at}")),
            user: Some(user),
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
    }
    let basic = basic(user, "secret");
    let basic = [("authorization", basic.as_str())];
    for (path, headers) in [
        ("/api/v2/me/calls", &basic[..]),
        ("/metrics", &[]),
        ("/openapi.yaml", &[]),
        ("/openapi.json", &[]),
    ] {
        let plain = server.send("GET", path, headers, "");
        assert_eq!(
            (plain.status, plain.header("content-encoding")),
            (200, ""),
            "{path}"
        );
        assert_eq!(plain.header("vary"), "Accept-Encoding", "{path}");
        let asks = |accepts| [headers, &[("accept-encoding", accepts)]].concat();
        let packed = server.send("GET", path, &asks("br;q=1, gzip;q=0.5"), "");
        let handled = handle(server.gateway, "GET", path, &asks("gzip"), "").unwrap();
        for packed in [&packed, &handled] {
            assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
            assert!(packed.body.len() * 2 < plain.body.len(), "{path}");
            let text = String::from_utf8(unpacked(packed)).unwrap();
            // Counters grow and calls get older.
            let first = |text: &str| text[..100].to_owned();
            assert_eq!(first(&text), first(plain.text()), "{path}");
        }
        for refuses in ["gzip;q=0", "identity, gzip;q=0.9", "br"] {
            let plain = server.send("GET", path, &asks(refuses), "");
            assert_eq!(plain.header("content-encoding"), "", "{path} {refuses}");
        }
    }
}

#[test]
fn audio_and_what_is_short_are_sent_as_they_are() {
    let server = TestServer::open(&[]);
    let (_, url) = finished(&server, 1);
    let accepts = ("accept-encoding", "gzip");
    let path = url.strip_prefix(&server.base).unwrap();
    let reply = server.send("GET", path, &[ID[0], ID[1], accepts], "");
    assert_eq!((reply.status, reply.header("content-encoding")), (200, ""));
    assert_eq!(reply.header("vary"), "");
    let reply = server.send("GET", "/healthz", &[accepts], "");
    assert_eq!(
        (reply.json()["status"].as_str(), reply.header("vary")),
        (Some("ok"), "Accept-Encoding")
    );
}

#[test]
fn the_text_is_served_as_json_too() {
    let server = TestServer::open(&[]);
    let reply = server.send("GET", "/openapi.json", &[], "");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json")
    );
    let yaml: Value = serde_yaml_ng::from_str(server.send("GET", "/openapi.yaml", &[], "").text()).unwrap();
    assert_eq!(reply.json(), yaml);
    assert_eq!(yaml["openapi"], json!("3.1.0"));
}
