//! What pages of other sites may read and change in a browser.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::io::Write;

use callrec::capi::*;

use crate::imagicle::BASE;
use crate::limits::{APIS, expect_counted};
use crate::server::{ClientResponse, FIRST, TestServer, basic, handle, read_to_close};
use crate::support::{CText, checked};
use crate::vobiz::{ID, finished, record};

const CRM: &str = "https://crm.example";
const EVIL: &str = "https://evil.example";

/// With all APIs, which one site's pages may use.
fn open(more: &[(&str, &str)]) -> TestServer {
    let all = [
        ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
        ("imagicle.cors_origins", CRM),
        (
            "genesys.cors_origins",
            "https://other.example, https://crm.example",
        ),
        ("vobiz.cors_origins", CRM),
        ("plivo.cors_origins", CRM),
        ("gateway.max_body_bytes", "1024"),
        ("gateway.auth_delay_ms", "0"),
    ];
    TestServer::open(&[&all, more].concat())
}

fn preflight(server: &TestServer, path: &str, origin: &str, method: &str) -> ClientResponse {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization, content-type"),
        ("access-control-request-private-network", "true"),
    ];
    server.send("OPTIONS", path, &headers, "")
}

fn lists(reply: &ClientResponse, name: &str, value: &str) -> bool {
    let all = reply.headers.get_all(name).iter();
    let mut all = all.flat_map(|list| list.to_str().unwrap().split(','));
    all.any(|one| one.trim().eq_ignore_ascii_case(value))
}

/// That a page of that site may read the answer.
fn expect_readable(reply: &ClientResponse, what: &str) {
    assert_eq!(reply.header("access-control-allow-origin"), CRM, "{what}");
    assert_eq!(reply.header("access-control-allow-credentials"), "true", "{what}");
    assert!(lists(reply, "vary", "origin"), "{what}");
}

fn expect_closed(reply: &ClientResponse, what: &str) {
    let names = reply.headers.keys().map(|name| name.as_str());
    let told: Vec<_> = names.filter(|name| name.starts_with("access-control-")).collect();
    assert!(told.is_empty(), "{what}: {told:?}");
}

#[test]
fn a_preflight_of_an_allowed_site_is_answered_without_credentials() {
    let server = open(&[]);
    for (api, path) in APIS {
        let reply = preflight(&server, path, CRM, "PUT");
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{api}");
        expect_readable(&reply, api);
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            assert!(
                lists(&reply, "access-control-allow-methods", method),
                "{api} {method}"
            );
        }
        for header in [
            "authorization",
            "content-type",
            "range",
            "if-range",
            "if-none-match",
        ] {
            assert!(
                lists(&reply, "access-control-allow-headers", header),
                "{api} {header}"
            );
        }
        let own: &[&str] = match *api {
            "genesys" | "cometd" => &["x-csrf-token"],
            "vobiz" | "plivo" | "audio" => &["x-auth-id", "x-auth-token"],
            _ => &[],
        };
        for header in own {
            assert!(
                lists(&reply, "access-control-allow-headers", header),
                "{api} {header}"
            );
        }
        let age: u32 = reply.header("access-control-max-age").parse().unwrap();
        assert!(age > 0);
        assert_eq!(reply.header("access-control-allow-private-network"), "true");
        expect_counted(&server, api, "OPTIONS", 204);
    }
}

/// Vobiz's lists link to pages below `/v1`, where its credentials tell that they are its own.
#[test]
fn the_links_of_a_list_can_be_followed_by_a_page() {
    let server = open(&[("gateway.apis", "vobiz")]);
    let path = "/v1/Account/MA_DEMO/Recording/?limit=1&offset=1";
    let reply = preflight(&server, path, CRM, "GET");
    assert_eq!(reply.status, 204);
    expect_readable(&reply, path);
    let reply = server.send("GET", path, &[ID[0], ID[1], ("origin", CRM)], "");
    assert_eq!(reply.status, 200);
    expect_readable(&reply, path);
    let reply = preflight(&server, path, EVIL, "GET");
    assert!(reply.status >= 400);
    expect_closed(&reply, path);
}

/// What runs beside the gateway on its own machine may have a page at its address, too.
#[test]
fn a_page_from_the_gateways_own_address_is_of_another_site_where_that_is_not_asked_for() {
    let server = open(&[]);
    let headers = [("host", "pbx.example"), ("origin", server.base.as_str())];
    assert_eq!(send_start(&server, &starts()[0], &headers).status, 403);
}

#[test]
fn a_preflight_of_any_other_site_is_not() {
    let server = open(&[]);
    let closed = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    for (api, path) in APIS {
        for origin in [EVIL, "http://crm.example", "https://crm.example:8443", "null"] {
            let reply = preflight(&server, path, origin, "POST");
            assert!(reply.status >= 400, "{api} {origin}: {}", reply.status);
            expect_closed(&reply, api);
            assert!(lists(&reply, "vary", "origin"), "{api}");
        }
        let reply = preflight(&closed, path, CRM, "POST");
        assert!(reply.status >= 400, "{api}: {}", reply.status);
        expect_closed(&reply, api);
        assert!(!lists(&reply, "vary", "origin"), "{api}: nobody is allowed");
    }
    for path in ["/healthz", "/metrics", "/openapi.yaml"] {
        expect_closed(&server.send("GET", path, &[("origin", CRM)], ""), path);
    }
}

#[test]
fn pages_of_an_allowed_site_may_read_every_answer() {
    let server = open(&[]);
    let (id, url) = finished(&server, 1);
    let who = basic("MA_DEMO", "secret");
    let wrong = basic("MA_DEMO", "wrong");
    let large = "x".repeat(1025);
    let audio = url.strip_prefix(&server.base).unwrap().to_owned();
    let media = format!("{BASE}Recordings/{id}/Media");
    let cases: &[(&str, String, &str, &str, u16)] = &[
        ("GET", format!("{BASE}LiveRecordings"), &who, "", 200),
        ("GET", format!("{BASE}LiveRecordings"), &wrong, "", 401),
        ("POST", format!("{BASE}LiveRecordings"), &who, &large, 413),
        ("POST", format!("{BASE}LiveRecordings"), &who, "{}", 400),
        ("GET", media, &who, "", 200),
        ("GET", "/api/v2/me".into(), &who, "", 200),
        ("POST", "/api/v2/me/calls/1".into(), &wrong, "", 401),
        ("POST", "/genesys/cometd".into(), &wrong, "[]", 401),
        ("GET", "/v1/Account/MA_DEMO/Recording/".into(), &who, "", 200),
        ("GET", audio.clone(), &who, "", 200),
        ("HEAD", audio, &who, "", 200),
    ];
    for (method, path, who, body, status) in cases {
        let headers = [("authorization", *who), ("origin", CRM)];
        let reply = server.send(method, path, &headers, body);
        assert_eq!(reply.status, *status, "{method} {path}");
        expect_readable(&reply, path);
        for exposed in [
            "content-range",
            "accept-ranges",
            "etag",
            "content-disposition",
            "retry-after",
        ] {
            assert!(
                lists(&reply, "access-control-expose-headers", exposed),
                "{exposed}"
            );
        }
        if path.starts_with("/api/v2/") {
            for exposed in ["x-csrf-header", "x-csrf-token"] {
                assert!(
                    lists(&reply, "access-control-expose-headers", exposed),
                    "{exposed}"
                );
            }
        }
        if body.len() <= 1024 {
            let handled = handle(server.gateway, method, path, &headers, body).unwrap();
            expect_readable(&handled, path);
        }
        let others = server.send("GET", path, &[("authorization", who), ("origin", EVIL)], "");
        expect_closed(&others, path);
        let plain = server.send("GET", path, &[("authorization", who)], "");
        expect_closed(&plain, path);
        assert!(
            lists(&plain, "vary", "origin"),
            "a cache keeps them apart: {path}"
        );
    }
}

#[cfg(feature = "faults")]
#[test]
fn pages_of_an_allowed_site_may_read_that_something_broke() {
    for (api, path) in APIS {
        let server = open(&[("faults.panic", *api)]);
        let reply = server.send("POST", path, &[("origin", CRM)], "");
        assert_eq!(reply.status, 500, "{api}");
        expect_readable(&reply, api);
    }
}

fn live(server: &TestServer) -> u64 {
    server.engine.stats().live_recordings
}

/// (path, name, headers, body) of a start that each API takes from its user.
type StartRequest = (&'static str, String, Vec<(&'static str, String)>, &'static str);

fn starts() -> Vec<StartRequest> {
    let user = |name: &str| vec![("authorization", basic(name, "secret"))];
    let token = ID.map(|(name, value)| (name, value.to_owned()));
    vec![
        (
            "genesys",
            format!("/api/v2/me/calls/{FIRST}"),
            user("user1"),
            r#"{"operationName":"StartCallRecording"}"#,
        ),
        (
            "imagicle",
            format!("{BASE}LiveRecordings"),
            user("admin"),
            r#"{"deviceName":"SEP123456789DEF"}"#,
        ),
        ("vobiz", record(FIRST), token.to_vec(), r#"{"file_format":"wav"}"#),
        (
            "plivo",
            record(FIRST).replace("/api/v1", "/v1"),
            user("MA_DEMO"),
            r#"{"file_format":"wav"}"#,
        ),
    ]
}

fn send_start(server: &TestServer, start: &StartRequest, browser: &[(&str, &str)]) -> ClientResponse {
    let (_, path, who, body) = start;
    let mut headers: Vec<(&str, &str)> = browser.to_vec();
    headers.extend(who.iter().map(|(name, value)| (*name, value.as_str())));
    // What a form may send without a preflight.
    headers.push(("content-type", "text/plain"));
    server.send("POST", path, &headers, body)
}

#[test]
fn a_form_of_another_site_starts_no_recording() {
    let server = open(&[]);
    let foreign: [&[(&str, &str)]; 5] = [
        &[("origin", EVIL)],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", EVIL), ("sec-fetch-site", "cross-site")],
    ];
    for start in starts() {
        let api = start.0;
        for browser in foreign {
            let reply = send_start(&server, &start, browser);
            expect_refused(api, &reply);
            expect_closed(&reply, api);
        }
        assert_eq!(live(&server), 0, "{api}");
        let row = format!(r#"callrec_http_requests_total{{api="{api}",method="POST",status="403"}} 5"#);
        let metrics = server.send("GET", "/metrics", &[], "");
        assert!(metrics.text().contains(&row), "{}", metrics.text());
    }
    // Nobody asked the host who it is.
    let reply = server.send("POST", "/genesys/cometd", &[("origin", EVIL)], "[]");
    assert_eq!(reply.status, 403);
    assert!(reply.json()[0]["error"].as_str().unwrap().starts_with("403::"));
    let reply = server.send(
        "DELETE",
        &format!("{BASE}LiveRecordings/Mine"),
        &[("origin", EVIL)],
        "",
    );
    assert_eq!((reply.status, reply.body.len()), (403, 0));
}

/// In the API's own form.
fn expect_refused(api: &str, reply: &ClientResponse) {
    assert_eq!(reply.status, 403, "{api}: {}", reply.text());
    match api {
        "imagicle" => assert!(reply.body.is_empty()),
        "genesys" => assert_eq!(reply.json()["statusCode"], 3),
        "vobiz" => assert_eq!(reply.json()["error"]["code"], "FORBIDDEN"),
        _ => assert!(reply.json()["error"].is_string()),
    }
}

#[test]
fn whoever_is_no_page_of_another_site_is_served_as_before() {
    let server = open(&[("gateway.public_url", "https://pbx.example/rec")]);
    let host = server.base.clone();
    let ways: [&[(&str, &str)]; 7] = [
        &[],
        // Genesys calls it mandatory: "Origin: server-url".
        &[("origin", &host)],
        &[("origin", "https://pbx.example")],
        &[
            ("origin", "https://pbx.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", CRM), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ];
    for start in starts() {
        for browser in ways {
            let before = live(&server);
            let reply = send_start(&server, &start, browser);
            assert!(
                reply.status < 300 || reply.status == 429 || reply.status == 409,
                "{browser:?}: {reply:?}"
            );
            assert!(
                live(&server) > 0 && live(&server) >= before,
                "{} {browser:?}",
                start.0
            );
        }
    }
}

/// A page of any site may read what it can without a login; and reading changes nothing.
#[test]
fn reading_is_refused_to_no_page() {
    let server = open(&[]);
    let who = basic("user1", "secret");
    for path in ["/api/v2/me", "/fw/Apps/Recorder/WebAPI/LiveRecordings/"] {
        for method in ["GET", "HEAD"] {
            let headers = [("authorization", who.as_str()), ("origin", EVIL)];
            let reply = server.send(method, path, &headers, "");
            let same = server.send(method, path, &headers[..1], "");
            assert_eq!(reply.status, same.status, "{method} {path}");
            expect_closed(&reply, path);
        }
    }
    for path in ["/healthz", "/metrics", "/nothing"] {
        assert_ne!(
            server.send("POST", path, &[("origin", EVIL)], "").status,
            403,
            "{path}"
        );
    }
}

/// `X-Forwarded-Host` of anybody else says nothing.
#[test]
fn a_trusted_proxy_says_which_host_was_asked_for() {
    for (trusted, status) in [("127.0.0.1", 200), ("192.0.2.1", 403)] {
        let server = open(&[("gateway.trusted_proxies", trusted)]);
        let headers = [
            ("x-forwarded-host", "front.example"),
            ("origin", "https://front.example"),
        ];
        let reply = send_start(&server, &starts()[0], &headers);
        assert_eq!(reply.status, status, "{trusted}");
    }
}

#[test]
fn what_cannot_be_taken_in_is_readable_too() {
    let server = open(&[]);
    let mut stream = server.connect();
    let path = APIS[0].1;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: a\r\norigin: {CRM}\r\ncontent-length: 9999\r\n\r\n"
    )
    .unwrap();
    let answer = read_to_close(stream).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
    let allows = format!("access-control-allow-origin: {CRM}\r\n");
    assert!(answer.contains(&allows), "{answer}");
}

/// Browsers keep other cookies from the requests that a page of another site makes.
#[test]
fn cookies_go_with_the_requests_of_allowed_sites() {
    let who = basic("user1", "secret");
    let headers = [("authorization", who.as_str())];
    let shake = r#"[{"channel":"/meta/handshake","supportedConnectionTypes":["long-polling"]}]"#;
    for (public_url, allowed, ending) in [
        ("https://pbx.example", CRM, "; HttpOnly; Secure; SameSite=None"),
        ("https://pbx.example", "", "; HttpOnly; Secure"),
        ("http://pbx.example", CRM, "; HttpOnly"),
    ] {
        let server = TestServer::open(&[
            ("gateway.public_url", public_url),
            ("genesys.cors_origins", allowed),
            ("genesys.csrf", "true"),
        ]);
        let me = server.send("GET", "/api/v2/me", &headers, "");
        let shaken = server.send("POST", "/genesys/cometd", &headers, shake);
        for reply in [me, shaken] {
            let cookie = reply.header("set-cookie");
            assert!(cookie.ends_with(ending), "{cookie}");
        }
    }
}

/// With a star any site could use the credentials that a browser has stored.
#[test]
fn sites_are_named_one_by_one() {
    let keys = ["imagicle", "genesys", "vobiz", "plivo"].map(|api| format!("{api}.cors_origins"));
    for key in &keys {
        for wrong in [
            "*",
            "null",
            "https://*.example",
            "crm.example",
            "https://crm.example/path",
        ] {
            let mut config = std::ptr::null_mut();
            assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
            let (name, value) = (CText::from(key.as_str()), CText::from(wrong));
            let refused = checked(|e| unsafe { rec_config_set(config, name.ptr(), value.ptr(), e) });
            unsafe { rec_config_free(config) };
            assert!(refused.is_err(), "{key} {wrong}");
        }
    }
}
