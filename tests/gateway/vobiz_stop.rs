//! Stops by Vobiz's API: a stop ends exactly the recordings that it names.

use std::process::Command;

use serde_json::json;

use crate::server::{FIRST, SECOND, TestServer};
use crate::support::build;
use crate::vobiz::{ID, expect_general, live, record, started, stop};

const FORM: [(&str, &str); 3] = [
    ID[0],
    ID[1],
    ("content-type", "application/x-www-form-urlencoded"),
];

/// curl declares every body a form by default.
#[test]
fn json_with_the_content_type_of_a_form_is_read_as_json() {
    let server = TestServer::open(&[]);
    let all: Vec<_> = (0..2)
        .map(|_| started(&server, r#"{"file_format":"wav"}"#))
        .collect();
    let url = json!({ "URL": all[0].1 }).to_string();
    let body = format!(" \r\n{url}");
    assert_eq!(server.send("DELETE", &record(FIRST), &FORM, &body).status, 204);
    assert_eq!(live(&server), [all[1].0.as_str()]);
    let start = r#"{"file_format":"wav","record_channel_type":"stereo"}"#;
    assert_eq!(server.send("POST", &record(FIRST), &FORM, start).status, 200);
    assert_eq!(live(&server).len(), 2);
    if !build::has("curl") {
        return;
    }
    let curl = |method: &str, body: &str| {
        let url = format!("{}{}", server.base, record(FIRST));
        let output = build::run(Command::new("curl").args([
            "-s",
            "-o",
            "-",
            "-w",
            "%{http_code}",
            "-X",
            method,
            "-H",
            "X-Auth-ID: MA_DEMO",
            "-H",
            "X-Auth-Token: secret",
            "-d",
            body,
            &url,
        ]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let response = curl("POST", start);
    assert!(response.ends_with("200"), "{response}");
    let before = live(&server);
    let refused = curl("DELETE", &all[1].1);
    assert!(refused.ends_with("400"), "a URL alone: {refused}");
    assert_eq!(live(&server), before);
    assert_eq!(curl("DELETE", &json!({ "URL": all[1].1 }).to_string()), "204");
    assert_eq!(live(&server), before[1..]);
}

#[test]
fn a_body_without_a_url_is_400_and_stops_nothing() {
    let server = TestServer::open(&[]);
    let (id, url) = started(&server, r#"{"file_format":"wav"}"#);
    let url_alone = url.as_str();
    let with_query = format!("{url}?a=b");
    for body in [
        url_alone,
        &with_query,
        "recording_url=x",
        "{",
        "[]",
        r#"{"URI":"http://127.0.0.1/x.wav"}"#,
        r#"{"recording_id":7}"#,
        "=x",
        "URL=",
        r#"{"URL":"x","url":null}"#,
        "x",
    ] {
        let response = server.send("DELETE", &record(FIRST), &FORM, body);
        expect_general(&response, 400, "INVALID_PARAMETER");
        assert_eq!(live(&server), [id.as_str()], "{body}");
    }
    // This body is JSON with another URL, not a form.
    server.send("DELETE", &record(FIRST), &FORM, "\u{feff}{\"URL\":\"x=\"}");
    assert_eq!(live(&server), [id.as_str()]);
    let start = server.send("POST", &record(FIRST), &FORM, "wav");
    expect_general(&start, 400, "INVALID_PARAMETER");
    // Plivo's clients send these members, none of which selects a recording.
    let without_url = json!({
        "call_uuid": FIRST,
        "callback_url": "http://127.0.0.1/",
        "callback_method": "GET",
    });
    assert_eq!(stop(&server, &without_url.to_string()).status, 204);
    assert!(live(&server).is_empty());
}

#[test]
fn a_nul_does_not_end_a_url_or_a_path() {
    let server = TestServer::open(&[]);
    let wav = r#"{"file_format":"wav"}"#;
    let (id, url) = started(&server, wav);
    for text in [
        format!("{}/recordings/\0x", server.base),
        format!("{}/recordings/\0", server.base),
        format!("{url}\0x"),
        "\0".to_owned(),
    ] {
        let body = json!({ "URL": text }).to_string();
        assert_eq!(stop(&server, &body).status, 204);
        assert_eq!(live(&server), [id.as_str()], "{text:?}");
    }
    for path in [
        record(&format!("{FIRST}%00")),
        record(&format!("{FIRST}%00x")),
        record(FIRST).replace("MA_DEMO", "MA_DEMO%00x"),
    ] {
        expect_general(&server.send("DELETE", &path, &ID, ""), 404, "NOT_FOUND");
        expect_general(&server.send("POST", &path, &ID, wav), 404, "NOT_FOUND");
        assert_eq!(live(&server), [id.as_str()], "{path}");
    }
}

#[test]
fn a_stop_is_204_without_a_live_recording() {
    let server = TestServer::open(&[]);
    let response = stop(&server, "");
    assert_eq!((response.status, response.body.len()), (204, 0));
}

#[test]
fn a_stop_with_a_url_ends_one_recording_and_without_ends_all() {
    let server = TestServer::open(&[]);
    let all: Vec<_> = (0..5)
        .map(|_| started(&server, r#"{"file_format":"wav"}"#))
        .collect();
    let ids = |from: usize| all[from..].iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let (id, url) = (&all[0].0, &all[0].1);
    let other = url.replace(id.as_str(), "48dfaf60-3b2a-11e3-a8f0-0123456789ab");
    for foreign in [
        id.clone(),
        other,
        url.replace(".wav", ".mp3"),
        url.replace(".wav", ""),
        url.to_uppercase(),
        format!("{url}/"),
        format!("{url}?x=1"),
        server.base.clone(),
        format!("{}/recordings/", server.base),
    ] {
        let response = stop(&server, &json!({ "URL": foreign }).to_string());
        assert_eq!(response.status, 204, "{foreign}");
        assert_eq!(
            live(&server),
            ids(0),
            "{foreign}: only the URL selects a recording"
        );
    }
    assert_eq!(stop(&server, &json!({ "URL": all[0].1 }).to_string()).status, 204);
    assert_eq!(live(&server), ids(1));
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("URL", &all[1].1)
        .finish();
    assert_eq!(server.send("DELETE", &record(FIRST), &FORM, &body).status, 204);
    assert_eq!(live(&server), ids(2));
    assert_eq!(stop(&server, &json!({ "url": all[2].1 }).to_string()).status, 204);
    assert_eq!(live(&server), ids(3), "the member is not ignored in another case");
    let path = format!("{}?URL={}", record(FIRST), all[3].1);
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    assert_eq!(live(&server), ids(4));
    for body in ["{", "[]", r#"{"URL":7}"#, r#"{"URL":""}"#] {
        expect_general(&stop(&server, body), 400, "INVALID_PARAMETER");
    }
    assert_eq!(live(&server), ids(4), "an invalid body stops nothing");
    assert_eq!(stop(&server, "{}").status, 204);
    assert!(live(&server).is_empty());
}

/// Clients may reach the gateway by several addresses.
#[test]
fn a_url_selects_its_recording_under_every_address() {
    let server = TestServer::open(&[]);
    let wav = r#"{"file_format":"wav"}"#;
    for _ in 0..2 {
        started(&server, wav);
    }
    let file_name = |id: &str| format!("{id}.wav");
    for (at, url) in [
        |id: &str| format!("http://localhost/recordings/{id}.wav"),
        |id: &str| format!("https://pbx.example/behind/a/proxy/recordings/{id}.wav"),
        |id: &str| format!("{id}.wav"),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, started_url) = started(&server, wav);
        assert!(started_url.ends_with(&file_name(&id)));
        let body = json!({ "URL": url(&id) }).to_string();
        let elsewhere = server.send("DELETE", &record(SECOND), &ID, &body);
        assert_eq!(
            (elsewhere.status, live(&server).len()),
            (204, 3),
            "{at}: another call"
        );
        assert_eq!(stop(&server, &body).status, 204);
        assert_eq!(live(&server).len(), 2, "{at}");
        assert!(!live(&server).contains(&id), "{at}");
    }
}

#[test]
fn a_gateway_stops_the_recordings_of_its_predecessor() {
    let server = TestServer::open(&[]);
    let (first, url) = started(&server, r#"{"file_format":"wav"}"#);
    let (second, _) = started(&server, r#"{"file_format":"wav"}"#);
    server.stop_gateway();
    let server = server.moved();
    assert!(!url.starts_with(&server.base), "{url}");
    assert_eq!(live(&server), [first, second.clone()]);
    assert_eq!(stop(&server, &json!({ "URL": url }).to_string()).status, 204);
    assert_eq!(live(&server), [second]);
}

fn fixture(name: &str) -> String {
    let path = build::root().join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The requests are verbatim except for the names in braces.
#[test]
fn the_published_requests_have_the_published_responses() {
    let server = TestServer::open(&[]);
    started(&server, r#"{"file_format":"wav"}"#);
    assert_eq!(stop(&server, &fixture("vobiz-stop-one.json")).status, 204);
    assert_eq!(live(&server).len(), 1, "no recording has the published URL");
    if !build::has("curl") {
        return;
    }
    let command = fixture("vobiz-stop-all.txt")
        .replace("https://api.vobiz.ai", &server.base)
        .replace("{auth_id}", "MA_DEMO")
        .replace("{call_uuid}", FIRST)
        .replace("YOUR_AUTH_ID", "MA_DEMO")
        .replace("YOUR_AUTH_TOKEN", "secret")
        .replacen("curl", "curl -s -w '%{http_code}'", 1);
    let output = build::run(Command::new("sh").args(["-c", &command]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "204");
    assert!(live(&server).is_empty());
}
