//! Urls of recordings that lead to the audio without a login.

use serde_json::json;

use crate::callbacks::ALLOW;
use crate::receiver::{Manner, Receiver};
use crate::server::{FIRST, TestServer};
use crate::vobiz::{ID, RECORDINGS, expect_resource, finished, live, speak, started, stop};

const SIGNED: (&str, &str) = ("gateway.url_lifetime_ms", "3600000");
const KEY: &str = ".callrec/url.key";

/// Path and query of a url that the gateway has given.
fn target<'a>(server: &TestServer, url: &'a str) -> &'a str {
    url.strip_prefix(&server.base).unwrap()
}

fn listed_url(server: &TestServer, id: &str) -> String {
    let said = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
    said["recording_url"].as_str().unwrap().to_owned()
}

#[test]
fn a_signed_url_leads_to_the_audio_without_a_login() {
    let server = TestServer::open(&[SIGNED]);
    let (id, url) = finished(&server, 2);
    let file = server.engine.get(None, &id).unwrap().path;
    let bytes = std::fs::read(file).unwrap();
    for url in [&url, &listed_url(&server, &id)] {
        let target = target(&server, url);
        let reply = server.send("GET", target, &[], "");
        assert_eq!((reply.status, reply.header("content-type")), (200, "audio/wav"));
        assert_eq!(reply.body, bytes);
        let reply = server.send("GET", target, &[("range", "bytes=4-11")], "");
        assert_eq!((reply.status, reply.body.as_slice()), (206, &bytes[4..12]));
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
fn a_url_that_was_altered_is_refused() {
    let server = TestServer::open(&[SIGNED]);
    let (_, other) = finished(&server, 1);
    let (id, url) = finished(&server, 1);
    let target = target(&server, &url);
    let (path, query) = target.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let (_, other) = other.split_once('?').unwrap();
    for wrong in [
        format!("{path}?{other}"),
        format!("{path}?{expires}0&{signature}"),
        format!("{path}?{expires}"),
        format!("{path}?{signature}"),
        format!("{path}?expires=&signature="),
        format!("{path}?{query}A"),
        format!("{}?{query}", path.replace(".wav", ".mp3")),
        format!("/recordings/?{query}"),
    ] {
        expect_resource(&server.send("GET", &wrong, &[], ""), 403);
        expect_resource(&server.send("GET", &wrong, &ID, ""), 403);
    }
    assert_eq!(server.send("GET", target, &[], "").status, 200, "{id}");
}

#[test]
fn a_url_that_has_expired_is_refused() {
    let server = TestServer::open(&[("gateway.url_lifetime_ms", "1")]);
    let (id, _) = finished(&server, 1);
    // It lives to the end of the second.
    let target = listed_url(&server, &id);
    let target = target.strip_prefix(&server.base).unwrap();
    callrec_testkit::wait::until("it expires", || server.send("GET", target, &[], "").status == 403);
    assert_eq!(
        server
            .send("GET", &format!("/recordings/{id}.wav"), &ID, "")
            .status,
        200
    );
}

#[test]
fn it_is_valid_after_a_restart_and_only_this_user_may_read_the_key() {
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
    // A key that was cut off is none.
    server.stop_gateway();
    std::fs::write(server.dir.0.join(KEY), b"short").unwrap();
    let server = server.reopened();
    expect_resource(&server.send("GET", target(&server, &url), &[], ""), 403);
    assert_eq!(std::fs::read(server.dir.0.join(KEY)).unwrap().len(), 32);
}

#[test]
fn without_the_key_of_the_configuration_nothing_is_signed() {
    let server = TestServer::open(&[]);
    let (id, url) = finished(&server, 1);
    assert_eq!(url, format!("{}/recordings/{id}.wav", server.base));
    assert!(!server.dir.0.join(KEY).exists());
    let path = format!("/recordings/{id}.wav?expires=99999999999&signature=AAAA");
    expect_resource(&server.send("GET", &path, &[], ""), 401);
}

#[test]
fn a_callback_names_a_signed_url_and_a_signed_url_names_its_recording() {
    let server = TestServer::open(&[SIGNED, ALLOW]);
    let receiver = Receiver::new(Manner::Answers(200));
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

/// Where the gateway does not serve a url, its signature would say nothing.
#[test]
fn a_url_that_leads_elsewhere_is_not_signed() {
    let server = TestServer::open(&[SIGNED, ("recording.url_base", "http://elsewhere.example/a/")]);
    let (id, url) = finished(&server, 1);
    assert_eq!(url, format!("http://elsewhere.example/a/{id}.wav"));
}
