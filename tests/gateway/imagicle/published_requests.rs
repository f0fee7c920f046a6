//! The published requests and responses verbatim, sent by the test's client and by curl.

use std::process::Command;

use callrec::capi::*;
use callrec_testkit::wait::until_some;

use super::*;
use crate::support::build::has;
use crate::support::{feed, write_pcm};

const REQUESTS: &str = include_str!("../../fixtures/imagicle-requests.txt");
const ACTIVE: &str = include_str!("../../fixtures/imagicle-active-recordings.json");
/// The id in the published response.
const PUBLISHED_ID: &str = "6b98303a-b295-473a-adae-19b78aca468d";

/// Makes the state that a case needs; returns the id of its recording.
fn prepare(server: &TestServer, case: &str) -> Option<String> {
    match case {
        "a-recording-of-that-id" | "a-recording-on-the-device" => Some(start_on_first(server)),
        "a-recording-on-123456" => {
            describe_first(server, "123456");
            Some(start_on_first(server))
        }
        "no-recording-of-that-id" | "a-call-not-recorded" => None,
        other => panic!("{other}"),
    }
}

/// Sends each request of the fixture to a new engine.
pub fn replay(send: impl Fn(&TestServer, &str, &str) -> (u16, String)) {
    let lines = REQUESTS.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let [case, request, expected] = line
            .split('|')
            .map(str::trim)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let (method, path) = request.split_once(' ').unwrap();
        let server = TestServer::open(&[]);
        let id = prepare(&server, case);
        let path = match &id {
            // The published request has the id in capitals, the list in small letters.
            Some(id) => path.replace(UNKNOWN_ID, &id.to_uppercase()),
            None => path.to_owned(),
        };
        let (status, body) = send(&server, method, &format!("/{path}"));
        assert_eq!(status, expected.parse::<u16>().unwrap(), "{line}");
        match status {
            200 => assert_eq!(
                with_published_values(&body, &id.unwrap()),
                compact(ACTIVE),
                "{line}"
            ),
            _ => assert_eq!(body, "", "{line}"),
        }
        count += 1;
    }
    assert_eq!(count, 5);
}

fn compact(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    value.to_string()
}

/// The body with the published id, start and duration in place of those of the recording.
fn with_published_values(body: &str, id: &str) -> String {
    let list: Value = serde_json::from_str(body).unwrap();
    let started_at = list[0]["startedAt"].as_str().unwrap();
    assert_eq!(started_at.len(), "2018-07-02T15:07:00.0000000".len());
    body.replace(id, PUBLISHED_ID)
        .replace(started_at, "2018-07-02T15:07:00.0000000")
        .replace("PT0S", "PT1M13S")
}

#[test]
fn the_published_requests_have_the_published_responses() {
    replay(|server, method, path| {
        let response = server.send(method, path, &[("authorization", &basic("admin", "secret"))], "");
        (response.status, response.text().to_owned())
    });
}

#[test]
fn the_published_requests_of_curl_have_the_published_responses() {
    if !has("curl") {
        return;
    }
    replay(|server, method, path| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--user",
            "admin:secret",
        ])
        .args(["--request", method, "--write-out", "\n%{http_code}"])
        .arg(format!("{}{path}", server.base));
        let output = curl.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    });
}

/// curl sends its credentials only after the challenge.
#[test]
fn curl_follows_the_challenge_with_basic_credentials() {
    if !has("curl") {
        return;
    }
    let server = TestServer::open(&[]);
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--noproxy",
        "*",
        "--anyauth",
        "--user",
        "user1:secret",
    ])
    .args(["--request", "POST", "--write-out", "%{http_code}"])
    .args(["--header", "content-type: application/json"])
    .args(["--data", "{\"deviceName\":\"SEP123456789ABC\",\"mode\":0}"])
    .arg(format!("{}{BASE}LiveRecordings", server.base));
    let output = String::from_utf8(curl.output().unwrap().stdout).unwrap();
    let (body, status) = output.split_at(output.len() - 3);
    assert_eq!(status, "201", "{body}");
    let response: Value = serde_json::from_str(body).unwrap();
    assert_eq!(response["id"], live_ids(&server)[0]);
}

#[test]
fn seventy_three_recorded_seconds_are_listed_as_published() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE];
    let feeds = legs.map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    for _ in 0..74 {
        for feed in feeds {
            write_pcm(feed, &[100; 8000]);
        }
    }
    // The recorder may lag behind the writes.
    until_some("the published duration", || {
        let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
        assert_eq!(list[0]["id"], id.as_str());
        let duration = list[0]["duration"].as_str().unwrap();
        assert!(duration < "PT1M14S", "{duration}");
        match duration {
            "PT1M13S" => Ok(()),
            earlier => Err(earlier.to_owned()),
        }
    });
}
