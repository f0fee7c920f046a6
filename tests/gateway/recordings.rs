//! Vobiz's Recording resource, and the audio at the URL of a recording.

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::callbacks::ALLOW;
use crate::server::{FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, StartFields, feed, send_rtp};
use crate::vobiz::{
    ID, RECORDINGS, USER1, expect_resource, live_ids, make_recording, record, start_recording, stop,
    write_audio,
};

/// The published base of the links of a list.
const LINKS: &str = "/v1/Account/MA_DEMO/Recording/";

#[test]
fn a_recording_has_members_of_the_published_types() {
    let server = TestServer::open(&[]);
    let (id, url) = make_recording(&server, 3);
    let response = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "");
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    let recording = server.engine.get(None, &id).unwrap();
    assert_eq!(
        body["recording_duration_ms"],
        format!("{}.00000", recording.duration_ms)
    );
    assert_eq!(
        body["recording_start_ms"],
        format!("{}.00000", recording.started_at_ms)
    );
    assert_eq!(
        body["recording_end_ms"],
        format!("{}.00000", recording.ended_at_ms)
    );
    assert_eq!(body["rounded_recording_duration"], 60);
    assert_eq!(body["recording_id"], id);
    assert_eq!(body["recording_url"], url);
    assert_eq!(body["recording_format"], "wav");
    assert_eq!(body["recording_type"], "call");
    assert_eq!(body["call_uuid"], FIRST);
    assert_eq!(body["conference_name"], Value::Null);
    assert_eq!(body["to_number"], "101");
    assert_eq!(body["recording_storage_duration"], 0);
    assert_eq!(
        body["resource_uri"],
        format!("/v1/Account/MA_DEMO/Recording/{id}/")
    );
    let time = body["add_time"].as_str().unwrap();
    assert!(
        time.len() == 32 && time.ends_with("+00:00") && &time[10..11] == " ",
        "{time}"
    );
    assert_eq!(body["api_id"].as_str().unwrap().len(), 36);
}

/// In seconds, rounded up to a whole minute, as published.
#[test]
fn the_rounded_duration_is_a_multiple_of_sixty() {
    let server = TestServer::open(&[]);
    for (seconds, rounded) in [(11, 60), (60, 60), (61, 120), (121, 180)] {
        let body = json!({ "file_format": "wav", "time_limit": seconds }).to_string();
        let (id, _) = start_recording(&server, &body);
        write_audio(&server, seconds + 1);
        let recording = server.engine.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(recording.duration_ms, seconds as u64 * 1000);
        let response = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
        assert_eq!(response["rounded_recording_duration"], rounded, "{seconds}");
    }
}

#[test]
fn the_list_of_recordings_has_pages_and_filters() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3).map(|_| make_recording(&server, 1).0).collect();
    let list = |query: &str| {
        let response = server.send("GET", &format!("{RECORDINGS}{query}"), &ID, "");
        assert_eq!(response.status, 200, "{query}: {}", response.text());
        response.json()
    };
    let ids_of = |page: &Value| {
        let objects = page["objects"].as_array().unwrap();
        let ids = objects
            .iter()
            .map(|recording| recording["recording_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let all = list("");
    let mut sorted = ids_of(&all);
    sorted.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(sorted, expected);
    assert_eq!(
        all["meta"],
        json!({ "limit": 20, "next": null, "offset": 0, "previous": null, "total_count": 3 })
    );
    let mut paged = Vec::new();
    let mut query = format!("?limit=2&call_uuid={FIRST}");
    loop {
        let page = list(&query);
        paged.extend(ids_of(&page));
        let Some(next) = page["meta"]["next"].as_str() else {
            let previous = page["meta"]["previous"].as_str().unwrap();
            assert_eq!(previous, format!("{LINKS}?limit=2&offset=0&call_uuid={FIRST}"));
            break;
        };
        assert_eq!(
            next,
            format!("{LINKS}?limit=2&offset=2&call_uuid={FIRST}"),
            "the link keeps the filter"
        );
        query = next.strip_prefix(LINKS).unwrap().to_owned();
    }
    assert_eq!(paged, ids_of(&all), "newest first, each once");
    // A cursor takes precedence over the offset, and the links then have a cursor as well.
    let page = list("?limit=2&cursor=1&offset=0");
    assert_eq!(ids_of(&page), paged[1..]);
    assert_eq!(page["meta"]["previous"], format!("{LINKS}?limit=2&cursor=0"));
    let page = list("?limit=1&cursor=1");
    assert_eq!(page["meta"]["next"], format!("{LINKS}?limit=1&cursor=2"));
    let middle = all["objects"][1]["add_time"]
        .as_str()
        .unwrap()
        .replace('+', "%2B")
        .replace(' ', "%20");
    assert_eq!(ids_of(&list(&format!("?add_time__gte={middle}"))).len(), 2);
    assert_eq!(ids_of(&list(&format!("?add_time__gt={middle}"))).len(), 1);
    assert_eq!(ids_of(&list(&format!("?add_time__lte={middle}"))).len(), 2);
    assert_eq!(ids_of(&list(&format!("?add_time__lt={middle}"))).len(), 1);
    assert_eq!(ids_of(&list(&format!("?add_time={middle}"))), [paged[1].clone()]);
    for (query, count) in [
        ("?recording_type=call", 3),
        ("?recording_type=conference", 0),
        ("?conference_name=x", 0),
        ("?call_uuid=other", 0),
        ("?to_number=101", 3),
        ("?to_number=%2B101", 3),
        ("?to_number=10", 3),
        ("?to_number=1012", 0),
        ("?from_number=101", 0),
        ("?recording_format=wav", 3),
        ("?recording_format=mp3", 0),
        ("?callback_url=http%3A%2F%2Fx%2F&callback_method=GET&cursor=", 3),
        ("?offset=7", 0),
        ("?offset=99999999999999999999&limit=007", 0),
        ("?cursor=&limit=", 3),
        ("?recording_storage_duration__lt=99999999999999999999", 3),
        ("?unknown=", 3),
        ("?recording_storage_duration=0", 3),
        ("?recording_storage_duration=1", 0),
        ("?recording_storage_duration__gt=0", 0),
        ("?recording_storage_duration__gte=0", 3),
        ("?recording_storage_duration__gte=1", 0),
        ("?recording_storage_duration__lt=1", 3),
        ("?recording_storage_duration__lt=0", 0),
        ("?recording_storage_duration__lte=0", 3),
        (
            "?recording_storage_duration__gte=0&recording_storage_duration__gt=0",
            0,
        ),
    ] {
        assert_eq!(ids_of(&list(query)).len(), count, "{query}");
    }
    for query in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?offset=-1",
        "?offset=%2B1",
        "?limit=%2B1",
        "?cursor=bmV4dA",
        "?to_number=%2B",
        "?add_time__gt=soon",
        "?recording_storage_duration__gt=old",
        "?recording_storage_duration=-1",
        "?recording_storage_duration__ge=1",
        "?unknown=1",
        "?ADD_TIME=2025-11-06",
    ] {
        let response = server.send("GET", &format!("{RECORDINGS}{query}"), &ID, "");
        expect_resource(&response, 400);
    }
}

/// The links have the paths of Plivo's API.
#[test]
fn the_links_of_a_list_can_be_followed_unless_plivo_is_offered() {
    let server = TestServer::open(&[]);
    make_recording(&server, 1);
    make_recording(&server, 1);
    let page = server
        .send("GET", &format!("{RECORDINGS}?limit=1"), &ID, "")
        .json();
    let next = page["meta"]["next"].as_str().unwrap();
    let page = server.send("GET", next, &ID, "").json();
    let recording = &page["objects"][0];
    let bearer = [("authorization", "Bearer bearer")];
    let response = server.send("GET", recording["resource_uri"].as_str().unwrap(), &bearer, "");
    assert_eq!(response.json()["recording_id"], recording["recording_id"]);
    assert_eq!(server.send("GET", next, &[], "").status, 404);
    let both = TestServer::open(&[("gateway.apis", "vobiz,plivo")]);
    assert_eq!(both.send("GET", next, &ID, "").status, 401);
}

#[test]
fn a_deleted_recording_and_its_files_are_removed() {
    let server = TestServer::open(&[]);
    let (id, url) = make_recording(&server, 1);
    let path = format!("{RECORDINGS}{id}/");
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    let message = expect_resource(&server.send("GET", &path, &ID, ""), 404);
    assert_eq!(message, "Recording not found");
    expect_resource(&server.send("DELETE", &path, &ID, ""), 404);
    let audio = url.strip_prefix(&server.base).unwrap();
    assert_eq!(server.send("GET", audio, &ID, "").status, 404);
    assert_eq!(
        std::fs::read_dir(&server.dir.0).unwrap().count(),
        1,
        "only .callrec remains"
    );
    for id in ["nonsense", "00000000-0000-0000-0000-000000000000"] {
        expect_resource(
            &server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, ""),
            404,
        );
    }
}

/// The file of kept packets is no recording, and is deleted with its recording.
#[test]
fn kept_packets_are_not_listed_and_are_deleted_with_the_recording() {
    let server = TestServer::open(&[("recording.keep_raw", "undecodable")]);
    let (id, url) = start_recording(&server, r#"{"file_format":"wav"}"#);
    let remote = feed(server.calls[0], REC_LEG_REMOTE, REC_CODEC_PCMU, 8000).unwrap();
    for n in 0..50u16 {
        let header = RtpHeader {
            payload_type: 18,
            sequence: n,
            timestamp: u32::from(n) * 160,
            ssrc: 7,
        };
        send_rtp(remote, &packet(header, &[0x18; 20]));
    }
    assert_eq!(stop(&server, &json!({ "URL": url }).to_string()).status, 204);
    let event = server.engine.events.wait_terminal(&id);
    let recording = event.recording.unwrap();
    assert_eq!(recording.raw_packets, 50);
    let page = server.send("GET", RECORDINGS, &ID, "").json();
    assert_eq!(page["meta"]["total_count"], 1);
    let path = format!("{RECORDINGS}{id}/");
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    let left = std::fs::read_dir(&server.dir.0).unwrap().count();
    assert_eq!(left, 1, "only .callrec remains");
}

/// A vCon is no recording, and is deleted with its recording. The pending ones are counted.
#[test]
fn a_vcon_is_counted_and_is_deleted_with_the_recording() {
    let server = TestServer::open(&[("storage.sidecar", "vcon")]);
    let (id, _) = make_recording(&server, 1);
    let recording = server.engine.events.wait_terminal(&id).recording.unwrap();
    let vcon = std::path::Path::new(&recording.path).with_extension("vcon");
    until("the vCon", || {
        let metrics = server.send("GET", "/metrics", &[], "").text().to_owned();
        vcon.exists() && metrics.contains("callrec_sidecars_waiting 0\n")
    });
    let page = server.send("GET", RECORDINGS, &ID, "").json();
    assert_eq!(page["meta"]["total_count"], 1);
    let path = format!("{RECORDINGS}{id}/");
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    let left = std::fs::read_dir(&server.dir.0).unwrap().count();
    assert_eq!(left, 1, "only .callrec remains");
}

#[test]
fn a_live_recording_is_404() {
    let server = TestServer::open(&[]);
    let (id, _) = start_recording(&server, r#"{"file_format":"wav"}"#);
    expect_resource(&server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, ""), 404);
    expect_resource(
        &server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, ""),
        404,
    );
    assert_eq!(live_ids(&server), [id]);
}

#[test]
fn below_level_10_a_user_has_access_only_to_their_own_recordings() {
    let server = TestServer::open(&[]);
    let (own, own_url) = make_recording(&server, 1);
    let response = server.send("POST", &record(SECOND), &ID, r#"{"file_format":"wav"}"#);
    let body = response.json();
    let other = body["recording_id"].as_str().unwrap();
    assert_eq!(server.send("DELETE", &record(SECOND), &ID, "").status, 204);
    server.engine.events.wait_terminal(other);
    let path = RECORDINGS.replace("MA_DEMO", "user1");
    let body = server.send("GET", &path, &USER1, "").json();
    assert_eq!(
        (&body["meta"]["total_count"], &body["objects"][0]["recording_id"]),
        (&json!(1), &json!(own))
    );
    expect_resource(&server.send("GET", &format!("{path}{other}/"), &USER1, ""), 404);
    let other_audio = format!("/recordings/{other}.wav");
    assert_eq!(server.send("GET", &other_audio, &USER1, "").status, 404);
    assert_eq!(server.send("GET", &other_audio, &ID, "").status, 200);
    let audio = own_url.strip_prefix(&server.base).unwrap();
    assert_eq!(server.send("GET", audio, &USER1, "").status, 200);
    let basic = basic("user1", "secret");
    assert_eq!(
        server.send("GET", audio, &[("authorization", &basic)], "").status,
        200
    );
    for id in [own.as_str(), other, "none"] {
        expect_resource(&server.send("DELETE", &format!("{path}{id}/"), &USER1, ""), 403);
    }
    assert_eq!(
        server.send("GET", audio, &USER1, "").status,
        200,
        "the recording was not deleted"
    );
}

/// As in Imagicle's API, a user of level 1 has no access even to their own recordings.
#[test]
fn level_1_has_no_access_to_any_recording() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,vobiz,plivo")]);
    let only = CallFields {
        call_id: Some("only-1"),
        device: Some("SEPONLY"),
        user: Some("only"),
        ..CallFields::default()
    };
    server.engine.begin(&only).unwrap();
    let token = [("x-auth-id", "only"), ("x-auth-token", "secret")];
    let basic = basic("only", "secret");
    let basic = [("authorization", basic.as_str())];
    let path = "/api/v1/Account/only/Call/only-1/Record/";
    let response = server.send("POST", path, &token, r#"{"file_format":"wav"}"#);
    let id = response.json()["recording_id"].as_str().unwrap().to_owned();
    assert_eq!(server.send("DELETE", path, &token, "").status, 204);
    server.engine.events.wait_terminal(&id);
    let audio = format!("/recordings/{id}.wav");
    expect_resource(&server.send("GET", &audio, &token, ""), 403);
    expect_resource(&server.send("GET", &audio, &basic, ""), 403);
    for (base, headers) in [("/api/v1", &token[..]), ("/v1", &basic[..])] {
        let all = format!("{base}/Account/only/Recording/");
        expect_resource(&server.send("GET", &all, headers, ""), 403);
        expect_resource(&server.send("GET", &format!("{all}{id}/"), headers, ""), 403);
        expect_resource(&server.send("DELETE", &format!("{all}{id}/"), headers, ""), 403);
    }
    assert_eq!(server.send("GET", &audio, &ID, "").status, 200);
}

/// With these APIs or with callbacks, a client learns the URL.
#[test]
fn the_audio_is_served_for_vobiz_for_plivo_and_for_callbacks() {
    for (settings, status) in [
        (vec![("gateway.apis", "imagicle,genesys")], 404),
        (vec![("gateway.apis", "plivo")], 200),
        (vec![("gateway.apis", "imagicle"), ALLOW], 200),
    ] {
        let server = TestServer::open(&settings);
        let start = StartFields {
            call_id: Some(FIRST),
            ..StartFields::default()
        };
        let id = server.engine.start(None, &start).unwrap();
        server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
        server.engine.events.wait_terminal(&id);
        let basic = basic("user1", "secret");
        let headers = [("authorization", basic.as_str())];
        let response = server.send("GET", &format!("/recordings/{id}.wav"), &headers, "");
        assert_eq!(response.status, status, "{settings:?}");
    }
}

#[test]
fn the_audio_is_404_until_the_recording_ends() {
    let server = TestServer::open(&[]);
    let (id, url) = start_recording(&server, r#"{"file_format":"wav"}"#);
    let path = url.strip_prefix(&server.base).unwrap();
    expect_resource(&server.send("GET", path, &ID, ""), 404);
    write_audio(&server, 2);
    assert_eq!(stop(&server, "").status, 204);
    let file = server.engine.events.wait_terminal(&id).recording.unwrap().path;
    let bytes = std::fs::read(file).unwrap();
    let response = server.send("GET", path, &ID, "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "audio/wav")
    );
    assert_eq!(response.body, bytes);
    let response = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=4-11")], "");
    assert_eq!((response.status, response.body.as_slice()), (206, &bytes[4..12]));
    assert_eq!(
        response.header("content-range"),
        format!("bytes 4-11/{}", bytes.len())
    );
    let response = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=99999999-")], "");
    assert_eq!(response.status, 416);
    let response = server.send("HEAD", path, &ID, "");
    assert_eq!((response.status, response.body.len()), (200, 0));
    let refused = server.send("GET", path, &[], "");
    expect_resource(&refused, 401);
    assert!(refused.header("www-authenticate").starts_with("Basic"));
    assert_eq!(server.send("POST", path, &ID, "").header("allow"), "GET, HEAD");
    for wrong in [
        path.replace(".wav", ".mp3"),
        path.replace(".wav", ""),
        path.to_uppercase().replace("/RECORDINGS", "/recordings"),
        format!("{path}/"),
        "/recordings/../.callrec/lock".to_owned(),
        "/recordings/".to_owned(),
    ] {
        expect_resource(&server.send("GET", &wrong, &ID, ""), 404);
    }
}

#[test]
fn the_audio_of_every_format_is_served_at_its_url() {
    let server = TestServer::open(&[]);
    for (format, ending, kind) in [
        ("wav-ulaw", "wav", "audio/wav"),
        ("au", "au", "audio/x-au"),
        ("au-alaw", "au", "audio/x-au"),
        ("flac", "flac", "audio/flac"),
        ("opus", "opus", "audio/ogg"),
        #[cfg(feature = "faults")]
        ("test-paged", "paged", "application/octet-stream"),
    ] {
        let start = StartFields {
            call_id: Some(FIRST),
            format: Some(format),
            ..StartFields::default()
        };
        let id = server.engine.start(None, &start).unwrap();
        write_audio(&server, 2);
        server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
        let file = server.engine.events.wait_terminal(&id).recording.unwrap().path;
        let recording = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
        let url = recording["recording_url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/{id}.{ending}")), "{url}");
        assert_eq!(recording["recording_format"], ending);
        let path = url.strip_prefix(&server.base).unwrap();
        let response = server.send("GET", path, &ID, "");
        assert_eq!((response.status, response.header("content-type")), (200, kind));
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(response.body, bytes);
        let response = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=40-99")], "");
        assert_eq!(
            (response.status, response.body.as_slice()),
            (206, &bytes[40..100])
        );
    }
}

#[test]
fn a_configured_url_base_is_served_and_stops_recordings() {
    let port = crate::receiver::free_port();
    let base = format!("http://pbx.example:{port}/audio/of/");
    let public = format!("http://pbx.example:{port}");
    let server = TestServer::open(&[("gateway.public_url", &public), ("recording.url_base", &base)]);
    let (id, url) = start_recording(&server, r#"{"file_format":"wav"}"#);
    assert_eq!(url, format!("{base}{id}.wav"));
    assert_eq!(stop(&server, &json!({ "URL": url }).to_string()).status, 204);
    assert!(live_ids(&server).is_empty());
    server.engine.events.wait_terminal(&id);
    let response = server.send("GET", &format!("/audio/of/{id}.wav"), &ID, "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "audio/wav")
    );
    assert_eq!(server.send("GET", "/audio/of/other", &ID, "").status, 404);
    let recording = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
    assert_eq!(recording["recording_url"], url);
}
