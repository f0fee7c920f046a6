//! What a page of another site may read and change through a browser.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use callrec::capi::*;

use crate::imagicle::BASE;
use crate::limits::{APIS, expect_counted};
use crate::server::{ClientResponse, FIRST, TestServer, basic, handle, read_to_close, send_raw};
use crate::support::{CText, checked};
use crate::vobiz::{ID, make_recording, record};

const CRM: &str = "https://crm.example";
const EVIL: &str = "https://evil.example";

/// A server whose APIs allow the pages of [`CRM`].
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

/// Whether the comma-separated list in a header contains `value`.
fn header_lists(response: &ClientResponse, name: &str, value: &str) -> bool {
    let lists = response.headers.get_all(name).iter();
    let mut items = lists.flat_map(|list| list.to_str().unwrap().split(','));
    items.any(|item| item.trim().eq_ignore_ascii_case(value))
}

/// Checks that a page of [`CRM`] may read the response.
fn assert_readable(response: &ClientResponse, what: &str) {
    assert_eq!(response.header("access-control-allow-origin"), CRM, "{what}");
    assert_eq!(
        response.header("access-control-allow-credentials"),
        "true",
        "{what}"
    );
    assert!(header_lists(response, "vary", "origin"), "{what}");
}

/// Checks that no page may read the response.
fn assert_not_readable(response: &ClientResponse, what: &str) {
    let names = response.headers.keys().map(|name| name.as_str());
    let found: Vec<_> = names.filter(|name| name.starts_with("access-control-")).collect();
    assert!(found.is_empty(), "{what}: {found:?}");
}

#[test]
fn a_preflight_of_an_allowed_site_is_answered_without_credentials() {
    let server = open(&[]);
    for (api, path) in APIS {
        let response = preflight(&server, path, CRM, "PUT");
        assert_eq!((response.status, response.body.len()), (204, 0), "{api}");
        assert_readable(&response, api);
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            assert!(
                header_lists(&response, "access-control-allow-methods", method),
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
                header_lists(&response, "access-control-allow-headers", header),
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
                header_lists(&response, "access-control-allow-headers", header),
                "{api} {header}"
            );
        }
        let age: u32 = response.header("access-control-max-age").parse().unwrap();
        assert!(age > 0);
        assert_eq!(response.header("access-control-allow-private-network"), "true");
        expect_counted(&server, api, "OPTIONS", 204);
    }
}

/// Vobiz's lists link to paths below `/v1`, where its credentials distinguish them from Plivo's.
#[test]
fn a_page_may_follow_the_links_of_a_list() {
    let server = open(&[("gateway.apis", "vobiz")]);
    let path = "/v1/Account/MA_DEMO/Recording/?limit=1&offset=1";
    let response = preflight(&server, path, CRM, "GET");
    assert_eq!(response.status, 204);
    assert_readable(&response, path);
    let response = server.send("GET", path, &[ID[0], ID[1], ("origin", CRM)], "");
    assert_eq!(response.status, 200);
    assert_readable(&response, path);
    let response = preflight(&server, path, EVIL, "GET");
    assert!(response.status >= 400);
    assert_not_readable(&response, path);
}

/// Another program on the gateway's machine may serve pages at the same address.
#[test]
fn the_gateways_address_is_another_site_if_the_request_names_another_host() {
    let server = open(&[]);
    let headers = [("host", "pbx.example"), ("origin", server.base.as_str())];
    assert_eq!(send_start(&server, &starts()[0], &headers).status, 403);
}

#[test]
fn a_preflight_of_any_other_site_is_refused() {
    let server = open(&[]);
    let closed = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    for (api, path) in APIS {
        for origin in [EVIL, "http://crm.example", "https://crm.example:8443", "null"] {
            let response = preflight(&server, path, origin, "POST");
            assert!(response.status >= 400, "{api} {origin}: {}", response.status);
            assert_not_readable(&response, api);
            assert!(header_lists(&response, "vary", "origin"), "{api}");
        }
        let response = preflight(&closed, path, CRM, "POST");
        assert!(response.status >= 400, "{api}: {}", response.status);
        assert_not_readable(&response, api);
        assert!(
            !header_lists(&response, "vary", "origin"),
            "{api}: no site is allowed"
        );
    }
    for path in ["/healthz", "/metrics", "/openapi.yaml"] {
        assert_not_readable(&server.send("GET", path, &[("origin", CRM)], ""), path);
    }
}

#[test]
fn a_page_of_an_allowed_site_may_read_every_response() {
    let server = open(&[]);
    let (id, url) = make_recording(&server, 1);
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
        let response = server.send(method, path, &headers, body);
        assert_eq!(response.status, *status, "{method} {path}");
        assert_readable(&response, path);
        for exposed in [
            "content-range",
            "accept-ranges",
            "etag",
            "content-disposition",
            "retry-after",
        ] {
            assert!(
                header_lists(&response, "access-control-expose-headers", exposed),
                "{exposed}"
            );
        }
        if path.starts_with("/api/v2/") {
            for exposed in ["x-csrf-header", "x-csrf-token"] {
                assert!(
                    header_lists(&response, "access-control-expose-headers", exposed),
                    "{exposed}"
                );
            }
        }
        if body.len() <= 1024 {
            let handled = handle(server.gateway, method, path, &headers, body).unwrap();
            assert_readable(&handled, path);
        }
        let others = server.send("GET", path, &[("authorization", who), ("origin", EVIL)], "");
        assert_not_readable(&others, path);
        let plain = server.send("GET", path, &[("authorization", who)], "");
        assert_not_readable(&plain, path);
        assert!(
            header_lists(&plain, "vary", "origin"),
            "a cache must keep the sites apart: {path}"
        );
    }
}

#[cfg(feature = "faults")]
#[test]
fn a_page_of_an_allowed_site_may_read_an_internal_error() {
    for (api, path) in APIS {
        let server = open(&[("faults.panic", *api)]);
        let response = server.send("POST", path, &[("origin", CRM)], "");
        assert_eq!(response.status, 500, "{api}");
        assert_readable(&response, api);
    }
}

fn live(server: &TestServer) -> u64 {
    server.engine.stats().live_recordings
}

/// (API, path, headers, body) of a start.
type StartRequest = (&'static str, String, Vec<(&'static str, String)>, &'static str);

/// One start for each API.
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
    // A content type that a form may send without a preflight.
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
            let response = send_start(&server, &start, browser);
            assert_refused(api, &response);
            assert_not_readable(&response, api);
        }
        assert_eq!(live(&server), 0, "{api}");
        let row = format!(r#"callrec_http_requests_total{{api="{api}",method="POST",status="403"}} 5"#);
        let metrics = server.send("GET", "/metrics", &[], "");
        assert!(metrics.text().contains(&row), "{}", metrics.text());
    }
    // The refusal precedes the login: these requests have no credentials.
    let response = server.send("POST", "/genesys/cometd", &[("origin", EVIL)], "[]");
    assert_eq!(response.status, 403);
    assert!(response.json()[0]["error"].as_str().unwrap().starts_with("403::"));
    let response = server.send(
        "DELETE",
        &format!("{BASE}LiveRecordings/Mine"),
        &[("origin", EVIL)],
        "",
    );
    assert_eq!((response.status, response.body.len()), (403, 0));
}

/// Checks for a refusal in the API's own form.
fn assert_refused(api: &str, response: &ClientResponse) {
    assert_eq!(response.status, 403, "{api}: {}", response.text());
    match api {
        "imagicle" => assert!(response.body.is_empty()),
        "genesys" => assert_eq!(response.json()["statusCode"], 3),
        "vobiz" => assert_eq!(response.json()["error"]["code"], "FORBIDDEN"),
        _ => assert!(response.json()["error"].is_string()),
    }
}

#[test]
fn requests_that_do_not_come_from_another_site_are_served() {
    let server = open(&[("gateway.public_url", "https://pbx.example/rec")]);
    let host = server.base.clone();
    let accepted: [&[(&str, &str)]; 7] = [
        &[],
        // Genesys requires this header: "Origin: server-url".
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
        for browser in accepted {
            let before = live(&server);
            let response = send_start(&server, &start, browser);
            assert!(
                response.status < 300 || response.status == 429 || response.status == 409,
                "{browser:?}: {response:?}"
            );
            assert!(
                live(&server) > 0 && live(&server) >= before,
                "{} {browser:?}",
                start.0
            );
        }
    }
}

/// Such a request changes nothing, and the browser hides its response from the page.
#[test]
fn requests_that_only_read_are_not_refused() {
    let server = open(&[]);
    let who = basic("user1", "secret");
    for path in ["/api/v2/me", "/fw/Apps/Recorder/WebAPI/LiveRecordings/"] {
        for method in ["GET", "HEAD"] {
            let headers = [("authorization", who.as_str()), ("origin", EVIL)];
            let response = server.send(method, path, &headers, "");
            let same = server.send(method, path, &headers[..1], "");
            assert_eq!(response.status, same.status, "{method} {path}");
            assert_not_readable(&response, path);
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

/// `X-Forwarded-Host` is ignored unless a trusted proxy sends it.
#[test]
fn a_trusted_proxy_names_the_requested_host() {
    for (trusted, status) in [("127.0.0.1", 200), ("192.0.2.1", 403)] {
        let server = open(&[("gateway.trusted_proxies", trusted)]);
        let headers = [
            ("x-forwarded-host", "front.example"),
            ("origin", "https://front.example"),
        ];
        let response = send_start(&server, &starts()[0], &headers);
        assert_eq!(response.status, status, "{trusted}");
    }
}

#[test]
fn a_refusal_of_a_body_that_is_too_large_is_readable() {
    let server = open(&[]);
    let path = APIS[0].1;
    let request = format!("POST {path} HTTP/1.1\r\nhost: a\r\norigin: {CRM}\r\ncontent-length: 9999\r\n\r\n");
    let response = read_to_close(send_raw(server.address(), &request)).to_ascii_lowercase();
    assert!(response.starts_with("http/1.1 413 "), "{response}");
    let allows = format!("access-control-allow-origin: {CRM}\r\n");
    assert!(response.contains(&allows), "{response}");
}

/// A browser adds a cookie to the requests of another site's page only if it is `SameSite=None`.
#[test]
fn cookies_may_be_sent_by_pages_of_allowed_sites() {
    let who = basic("user1", "secret");
    let headers = [("authorization", who.as_str())];
    let handshake = r#"[{"channel":"/meta/handshake","supportedConnectionTypes":["long-polling"]}]"#;
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
        let handshaken = server.send("POST", "/genesys/cometd", &headers, handshake);
        for response in [me, handshaken] {
            let cookie = response.header("set-cookie");
            assert!(cookie.ends_with(ending), "{cookie}");
        }
    }
}

/// With a wildcard any site could use the credentials that a browser has stored.
#[test]
fn wildcards_and_values_that_are_not_origins_are_refused() {
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
