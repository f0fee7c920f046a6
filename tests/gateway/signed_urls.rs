//! Signed URLs, which give access to the audio without a login.

use callrec_testkit::wait::until;
use serde_json::json;

use crate::callbacks::ALLOW;
use crate::receiver::{Behavior, Receiver};
use crate::server::{FIRST, TestServer};
use crate::vobiz::{ID, RECORDINGS, expect_resource, finished, live, speak, started, stop};

const SIGNED: (&str, &str) = ("gateway.url_lifetime_ms", "3600000");
const KEY: &str = ".callrec/url.key";

/// The path and query of a URL of the gateway.
fn target<'a>(server: &TestServer, url: &'a str) -> &'a str {
    url.strip_prefix(&server.base).unwrap()
}

/// The URL in the details of a recording.
fn listed_url(server: &TestServer, id: &str) -> String {
    let recording = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
    recording["recording_url"].as_str().unwrap().to_owned()
}

#[test]
fn a_signed_url_gives_access_without_a_login() {
    let server = TestServer::open(&[SIGNED]);
    let (id, url) = finished(&server, 2);
    let file = server.engine.get(None, &id).unwrap().path;
    let bytes = std::fs::read(file).unwrap();
    for url in [&url, &listed_url(&server, &id)] {
        let target = target(&server, url);
        let response = server.send("GET", target, &[], "");
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, "audio/wav")
        );
        assert_eq!(response.body, bytes);
        let response = server.send("GET", target, &[("range", "bytes=4-11")], "");
        assert_eq!((response.status, response.body.as_slice()), (206, &bytes[4..12]));
        assert_eq!(server.send("HEAD", target, &[], "").status, 200);
        assert_eq!(server.send("POST", target, &[], "").status, 405);
    }
    let plain = format!("/recordings/{id}.wav");
    expect_resource(&server.send("GET", &plain, &[], ""), 401);
    assert_eq!(server.send("GET", &plain, &ID, "").status, 200);
    assert_eq!(
        server
            .send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, "")
            .status,
        204
    );
    expect_resource(&server.send("GET", target(&server, &url), &[], ""), 404);
}

#[test]
fn an_altered_url_is_refused() {
    let server = TestServer::open(&[SIGNED]);
    let (_, other) = finished(&server, 1);
    let (id, url) = finished(&server, 1);
    let target = target(&server, &url);
    let (path, query) = target.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let (_, other) = other.split_once('?').unwrap();
    for altered in [
        format!("{path}?{other}"),
        format!("{path}?{expires}0&{signature}"),
        format!("{path}?{expires}"),
        format!("{path}?{signature}"),
        format!("{path}?expires=&signature="),
        format!("{path}?{query}A"),
        format!("{}?{query}", path.replace(".wav", ".mp3")),
        format!("/recordings/?{query}"),
    ] {
        expect_resource(&server.send("GET", &altered, &[], ""), 403);
        expect_resource(&server.send("GET", &altered, &ID, ""), 403);
    }
    assert_eq!(server.send("GET", target, &[], "").status, 200, "{id}");
}

#[test]
fn an_expired_url_is_refused() {
    let server = TestServer::open(&[("gateway.url_lifetime_ms", "1")]);
    let (id, _) = finished(&server, 1);
    // The URL is valid until the end of the second.
    let target = listed_url(&server, &id);
    let target = target.strip_prefix(&server.base).unwrap();
    until("the URL expires", || {
        server.send("GET", target, &[], "").status == 403
    });
    assert_eq!(
        server
            .send("GET", &format!("/recordings/{id}.wav"), &ID, "")
            .status,
        200
    );
}

#[test]
fn a_url_stays_valid_after_a_restart_and_the_key_is_private() {
    let server = TestServer::open(&[SIGNED]);
    let (_, url) = finished(&server, 1);
    let key = std::fs::read(server.dir.0.join(KEY)).unwrap();
    assert_eq!(key.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(server.dir.0.join(KEY))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    server.stop_gateway();
    let server = server.reopened();
    assert_eq!(server.send("GET", target(&server, &url), &[], "").status, 200);
    // A truncated key is replaced.
    server.stop_gateway();
    std::fs::write(server.dir.0.join(KEY), b"short").unwrap();
    let server = server.reopened();
    expect_resource(&server.send("GET", target(&server, &url), &[], ""), 403);
    assert_eq!(std::fs::read(server.dir.0.join(KEY)).unwrap().len(), 32);
}

#[test]
fn urls_are_not_signed_without_a_lifetime() {
    let server = TestServer::open(&[]);
    let (id, url) = finished(&server, 1);
    assert_eq!(url, format!("{}/recordings/{id}.wav", server.base));
    assert!(!server.dir.0.join(KEY).exists());
    let path = format!("/recordings/{id}.wav?expires=99999999999&signature=AAAA");
    expect_resource(&server.send("GET", &path, &[], ""), 401);
}

#[test]
fn a_callback_has_a_signed_url_and_a_signed_url_stops_its_recording() {
    let server = TestServer::open(&[SIGNED, ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let body = json!({ "file_format": "wav", "callback_url": receiver.url("/hook") }).to_string();
    let (_, url) = started(&server, &body);
    let (other, _) = started(&server, r#"{"file_format":"wav"}"#);
    speak(&server, 1);
    assert_eq!(stop(&server, &json!({ "URL": url }).to_string()).status, 204);
    assert_eq!(live(&server), [other]);
    let fields = receiver.wait(1).remove(0).fields();
    assert_eq!(fields["call_uuid"], FIRST);
    let target = target(&server, &fields["record_url"]).to_owned();
    assert_eq!(server.send("GET", &target, &[], "").status, 200);
}

/// Only the gateway can verify its signatures.
#[test]
fn a_url_outside_the_gateway_is_not_signed() {
    let server = TestServer::open(&[SIGNED, ("recording.url_base", "http://elsewhere.example/a/")]);
    let (id, url) = finished(&server, 1);
    assert_eq!(url, format!("http://elsewhere.example/a/{id}.wav"));
}
