//! What HTTP itself requires of a server (RFC 9110, RFC 9112), in every API.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::imagicle::BASE;
use crate::limits::{APIS, expect_counted, expect_form};
use crate::server::{ClientResponse, FIRST, TestServer, basic, handle, read_to_close};
use crate::support::CallFields;
use crate::vobiz::{ID, make_recording};

const ALL_APIS: [(&str, &str); 2] = [
    ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
    ("gateway.max_body_bytes", "1024"),
];

/// Parses a response that was read from a socket.
fn parse_response(text: &str) -> ClientResponse {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
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
fn if_range_of_a_changed_file_returns_the_whole_file() {
    let server = TestServer::open(&[]);
    let (_, url) = make_recording(&server, 1);
    let path = url.strip_prefix(&server.base).unwrap();
    let whole = server.send("GET", path, &ID, "");
    let (tag, modified) = (whole.header("etag"), whole.header("last-modified"));
    assert!(tag.starts_with('"') && !modified.is_empty(), "{whole:?}");
    let part = |if_range: &str, range: &str| {
        let headers = [ID[0], ID[1], ("if-range", if_range), ("range", range)];
        server.send("GET", path, &headers, "")
    };
    for same in [tag, modified] {
        let response = part(same, "bytes=4-11");
        assert_eq!(
            (response.status, response.body.as_slice()),
            (206, &whole.body[4..12])
        );
    }
    let weak = format!("W/{tag}");
    for other in ["\"other\"", &weak, "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"] {
        for range in ["bytes=4-11", "bytes=99999999-"] {
            let response = part(other, range);
            assert_eq!(
                (response.status, &response.body),
                (200, &whole.body),
                "{other} {range}"
            );
            assert_eq!(response.header("content-range"), "");
        }
    }
}

#[test]
fn a_range_in_an_unknown_unit_returns_the_whole_file() {
    let server = TestServer::open(&[]);
    let (_, url) = make_recording(&server, 1);
    let path = url.strip_prefix(&server.base).unwrap();
    let whole = server.send("GET", path, &ID, "");
    for range in ["seconds=0-1", "items=1-2", "bytes", "=0-1"] {
        let response = server.send("GET", path, &[ID[0], ID[1], ("range", range)], "");
        assert_eq!((response.status, &response.body), (200, &whole.body), "{range}");
    }
    let response = server.send("GET", path, &[ID[0], ID[1], ("range", "BYTES=0-3")], "");
    assert_eq!((response.status, response.body.as_slice()), (206, &b"RIFF"[..]));
}

/// The server reads none of the body, whether or not the client waits for 100.
#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = TestServer::open(&ALL_APIS);
    for (api, path) in APIS {
        for expect in ["expect: 100-continue\r\n", ""] {
            let mut stream = server.connect();
            write!(
                stream,
                "POST {path} HTTP/1.1\r\nhost: a\r\n{expect}content-length: 1025\r\n\r\n"
            )
            .unwrap();
            let text = read_to_close(stream);
            assert!(text.starts_with("HTTP/1.1 413 "), "{api}: {text}");
            expect_form(api, &parse_response(&text), 413, "INVALID_PARAMETER");
        }
    }
    let mut stream = server.connect();
    write!(
        stream,
        "POST /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 1024\r\n\r\n"
    )
    .unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[b'x'; 1024]).unwrap();
    assert!(read_to_close(stream).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_missing_repeated_or_malformed_host_is_400_in_the_form_of_each_api() {
    let server = TestServer::open(&ALL_APIS);
    for (api, path) in APIS {
        for (count, hosts) in ["", "host: a\r\nhost: a\r\n", "host: a b\r\n"]
            .into_iter()
            .enumerate()
        {
            let mut stream = server.connect();
            write!(stream, "PUT {path} HTTP/1.1\r\n{hosts}\r\n").unwrap();
            let response = parse_response(&read_to_close(stream));
            expect_form(api, &response, 400, "INVALID_PARAMETER");
            assert_eq!(response.header("connection"), "close");
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
    let response = server.send("POST", &format!("/api/v2/me/calls/{FIRST}"), &user, body);
    assert_eq!(response.status, 200, "{}", response.text());
    let admin = basic("admin", "secret");
    let admin = [("authorization", admin.as_str())];
    let body = "\u{feff}{\"deviceName\":\"SEP123456789DEF\"}";
    let response = server.send("POST", &format!("{BASE}LiveRecordings"), &admin, body);
    assert_eq!(response.status, 201, "{}", response.text());
    let path = format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = [ID[0], ID[1], ("content-type", kind)];
        let response = server.send("POST", &path, &headers, "\u{feff}{\"file_format\":\"wav\"}");
        assert_eq!(response.status, 200, "{kind}: {}", response.text());
    }
    let handshake =
        "\u{feff}[{\"channel\":\"/meta/handshake\",\"supportedConnectionTypes\":[\"long-polling\"]}]";
    let response = server.send("POST", "/genesys/cometd", &user, handshake);
    assert_eq!(response.json()[0]["successful"], true, "{}", response.text());
}

#[test]
fn basic_credentials_are_accepted_in_utf_8_and_in_latin_1() {
    let server = TestServer::open(&[]);
    for plain in ["agent\u{fc}:secret".as_bytes(), b"agent\xfc:secret"] {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(plain));
        let response = server.send("GET", "/api/v2/me", &[("authorization", &basic)], "");
        assert_eq!(response.status, 200, "{plain:?}");
        assert_eq!(response.json()["user"]["userName"], "agent\u{fc}");
    }
}

/// (path, headers) of everything that supports GET.
fn get_requests<'a>(id: &str, basic: &'a [(&'a str, &'a str)]) -> Vec<(String, &'a [(&'a str, &'a str)])> {
    let imagicle = ["LiveRecordings", "Recordings"].map(|path| format!("{BASE}{path}"));
    let recording = format!("{BASE}Recordings/{id}");
    let mut paths = Vec::from(imagicle.map(|path| (path, basic)));
    paths.extend([(format!("{recording}/Media"), basic), (recording, basic)]);
    for path in ["/api/v2/me", "/api/v2/me/calls", "/api/v2/me/calls/1"] {
        paths.push((path.to_owned(), basic));
    }
    for (base, headers) in [("/api/v1", &ID[..]), ("/v1", basic)] {
        let list = format!("{base}/Account/MA_DEMO/Recording/");
        paths.extend([(format!("{list}{id}/"), headers), (list, headers)]);
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
fn head_is_supported_wherever_get_is() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    let (id, _) = make_recording(&server, 1);
    let basic = basic("MA_DEMO", "secret");
    let basic = [("authorization", basic.as_str())];
    // The counters grow from request to request.
    let is_changing = |path: &str| path == "/metrics";
    for (path, headers) in get_requests(&id, &basic) {
        for accepts in ["identity", "gzip"] {
            let headers = [headers, &[("accept-encoding", accepts)]].concat();
            let get = server.send("GET", &path, &headers, "");
            let head = server.send("HEAD", &path, &headers, "");
            let handled = handle(server.gateway, "HEAD", &path, &headers, "").unwrap();
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            assert_eq!((handled.status, handled.body.len()), (get.status, 0), "{path}");
            let names = |response: &ClientResponse| {
                let all = response.headers.keys().map(ToString::to_string);
                all.filter(|name| !["date", "transfer-encoding"].contains(&name.as_str()))
                    .collect::<Vec<_>>()
            };
            let sorted = |response: &ClientResponse| {
                let mut names = names(response);
                names.sort();
                names
            };
            assert_eq!(sorted(&head), sorted(&get), "{path}");
            assert_eq!(sorted(&handled), sorted(&get), "{path}");
            for name in names(&get).iter().filter(|_| !is_changing(&path)) {
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

fn decompressed(response: &ClientResponse) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(response.body.as_slice())
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
        let with_encodings = |accepts| [headers, &[("accept-encoding", accepts)]].concat();
        let compressed = server.send("GET", path, &with_encodings("br;q=1, gzip;q=0.5"), "");
        let handled = handle(server.gateway, "GET", path, &with_encodings("gzip"), "").unwrap();
        for compressed in [&compressed, &handled] {
            assert_eq!(compressed.header("content-encoding"), "gzip", "{path}");
            assert!(compressed.body.len() * 2 < plain.body.len(), "{path}");
            let text = String::from_utf8(decompressed(compressed)).unwrap();
            // Later bytes differ, because counters grow and calls age.
            let start = |text: &str| text[..100].to_owned();
            assert_eq!(start(&text), start(plain.text()), "{path}");
        }
        for refuses in ["gzip;q=0", "identity, gzip;q=0.9", "br"] {
            let plain = server.send("GET", path, &with_encodings(refuses), "");
            assert_eq!(plain.header("content-encoding"), "", "{path} {refuses}");
        }
    }
}

#[test]
fn audio_and_short_responses_are_not_compressed() {
    let server = TestServer::open(&[]);
    let (_, url) = make_recording(&server, 1);
    let accepts = ("accept-encoding", "gzip");
    let path = url.strip_prefix(&server.base).unwrap();
    let response = server.send("GET", path, &[ID[0], ID[1], accepts], "");
    assert_eq!((response.status, response.header("content-encoding")), (200, ""));
    assert_eq!(response.header("vary"), "");
    let response = server.send("GET", "/healthz", &[accepts], "");
    assert_eq!(
        (response.json()["status"].as_str(), response.header("vary")),
        (Some("ok"), "Accept-Encoding")
    );
}

#[test]
fn the_openapi_document_is_served_as_json_as_well() {
    let server = TestServer::open(&[]);
    let response = server.send("GET", "/openapi.json", &[], "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "application/json")
    );
    let yaml: Value = serde_yaml_ng::from_str(server.send("GET", "/openapi.yaml", &[], "").text()).unwrap();
    assert_eq!(response.json(), yaml);
    assert_eq!(yaml["openapi"], json!("3.1.0"));
}
