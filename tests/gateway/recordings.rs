//! Vobiz's Recording resource, and the audio under a recording's url.

use callrec::capi::*;
use serde_json::{Value, json};

use crate::callbacks::ALLOW;
use crate::server::{FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, StartFields};
use crate::vobiz::{ID, RECORDINGS, USER1, expect_resource, finished, live, record, speak, started, stop};

/// What the links of a list begin with, as published.
const LINKS: &str = "/v1/Account/MA_DEMO/Recording/";

#[test]
fn a_recording_has_the_published_types() {
    let server = TestServer::open(&[]);
    let (id, url) = finished(&server, 3);
    let reply = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = reply.json();
    let told = server.engine.get(None, &id).unwrap();
    assert_eq!(
        said["recording_duration_ms"],
        format!("{}.00000", told.duration_ms)
    );
    assert_eq!(
        said["recording_start_ms"],
        format!("{}.00000", told.started_at_ms)
    );
    assert_eq!(said["recording_end_ms"], format!("{}.00000", told.ended_at_ms));
    assert_eq!(said["rounded_recording_duration"], 60);
    assert_eq!(said["recording_id"], id);
    assert_eq!(said["recording_url"], url);
    assert_eq!(said["recording_format"], "wav");
    assert_eq!(said["recording_type"], "call");
    assert_eq!(said["call_uuid"], FIRST);
    assert_eq!(said["conference_name"], Value::Null);
    assert_eq!(said["to_number"], "101");
    assert_eq!(said["recording_storage_duration"], 0);
    assert_eq!(
        said["resource_uri"],
        format!("/v1/Account/MA_DEMO/Recording/{id}/")
    );
    let time = said["add_time"].as_str().unwrap();
    assert!(
        time.len() == 32 && time.ends_with("+00:00") && &time[10..11] == " ",
        "{time}"
    );
    assert_eq!(said["api_id"].as_str().unwrap().len(), 36);
}

/// Published: rounded up to whole minutes, in seconds.
#[test]
fn the_rounded_duration_is_the_next_multiple_of_sixty() {
    let server = TestServer::open(&[]);
    for (seconds, rounded) in [(11, 60), (60, 60), (61, 120), (121, 180)] {
        let wish = json!({ "file_format": "wav", "time_limit": seconds }).to_string();
        let (id, _) = started(&server, &wish);
        speak(&server, seconds + 1);
        let told = server.engine.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(told.duration_ms, seconds as u64 * 1000);
        let said = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
        assert_eq!(said["rounded_recording_duration"], rounded, "{seconds}");
    }
}

#[test]
fn recordings_are_listed_in_pages_and_by_filter() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3).map(|_| finished(&server, 1).0).collect();
    let list = |query: &str| {
        let reply = server.send("GET", &format!("{RECORDINGS}{query}"), &ID, "");
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        reply.json()
    };
    let found = |said: &Value| {
        let objects = said["objects"].as_array().unwrap();
        let ids = objects
            .iter()
            .map(|one| one["recording_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let all = list("");
    let mut sorted = found(&all);
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
        paged.extend(found(&page));
        let Some(next) = page["meta"]["next"].as_str() else {
            let previous = page["meta"]["previous"].as_str().unwrap();
            assert_eq!(previous, format!("{LINKS}?limit=2&offset=0&call_uuid={FIRST}"));
            break;
        };
        assert_eq!(
            next,
            format!("{LINKS}?limit=2&offset=2&call_uuid={FIRST}"),
            "the filter goes on"
        );
        query = next.strip_prefix(LINKS).unwrap().to_owned();
    }
    assert_eq!(paged, found(&all), "newest first, none twice");
    // Taken up by a cursor, it goes on by one.
    let page = list("?limit=2&cursor=1&offset=0");
    assert_eq!(found(&page), paged[1..]);
    assert_eq!(page["meta"]["previous"], format!("{LINKS}?limit=2&cursor=0"));
    let page = list("?limit=1&cursor=1");
    assert_eq!(page["meta"]["next"], format!("{LINKS}?limit=1&cursor=2"));
    let middle = all["objects"][1]["add_time"]
        .as_str()
        .unwrap()
        .replace('+', "%2B")
        .replace(' ', "%20");
    assert_eq!(found(&list(&format!("?add_time__gte={middle}"))).len(), 2);
    assert_eq!(found(&list(&format!("?add_time__gt={middle}"))).len(), 1);
    assert_eq!(found(&list(&format!("?add_time__lte={middle}"))).len(), 2);
    assert_eq!(found(&list(&format!("?add_time__lt={middle}"))).len(), 1);
    assert_eq!(found(&list(&format!("?add_time={middle}"))), [paged[1].clone()]);
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
        assert_eq!(found(&list(query)).len(), count, "{query}");
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
        let reply = server.send("GET", &format!("{RECORDINGS}{query}"), &ID, "");
        expect_resource(&reply, 400);
    }
}

/// Unless Plivo's look-alike is where they lead.
#[test]
fn the_links_of_a_list_can_be_followed() {
    let server = TestServer::open(&[]);
    finished(&server, 1);
    finished(&server, 1);
    let page = server
        .send("GET", &format!("{RECORDINGS}?limit=1"), &ID, "")
        .json();
    let next = page["meta"]["next"].as_str().unwrap();
    let page = server.send("GET", next, &ID, "").json();
    let one = &page["objects"][0];
    let bearer = [("authorization", "Bearer bearer")];
    let reply = server.send("GET", one["resource_uri"].as_str().unwrap(), &bearer, "");
    assert_eq!(reply.json()["recording_id"], one["recording_id"]);
    assert_eq!(server.send("GET", next, &[], "").status, 404);
    let both = TestServer::open(&[("gateway.apis", "vobiz,plivo")]);
    assert_eq!(both.send("GET", next, &ID, "").status, 401);
}

#[test]
fn a_deleted_recording_is_gone() {
    let server = TestServer::open(&[]);
    let (id, url) = finished(&server, 1);
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
        "only .callrec is left"
    );
    for id in ["nonsense", "00000000-0000-0000-0000-000000000000"] {
        expect_resource(
            &server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, ""),
            404,
        );
    }
}

#[test]
fn a_live_recording_is_no_resource_yet() {
    let server = TestServer::open(&[]);
    let (id, _) = started(&server, r#"{"file_format":"wav"}"#);
    expect_resource(&server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, ""), 404);
    expect_resource(
        &server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, ""),
        404,
    );
    assert_eq!(live(&server), [id]);
}

#[test]
fn below_level_10_only_own_recordings_are_seen() {
    let server = TestServer::open(&[]);
    let (own, own_url) = finished(&server, 1);
    let reply = server.send("POST", &record(SECOND), &ID, r#"{"file_format":"wav"}"#);
    let said = reply.json();
    let other = said["recording_id"].as_str().unwrap();
    assert_eq!(server.send("DELETE", &record(SECOND), &ID, "").status, 204);
    server.engine.events.wait_terminal(other);
    let path = RECORDINGS.replace("MA_DEMO", "user1");
    let said = server.send("GET", &path, &USER1, "").json();
    assert_eq!(
        (&said["meta"]["total_count"], &said["objects"][0]["recording_id"]),
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
        "it is still there"
    );
}

/// "Record Only": also of their own, as in Imagicle's API.
#[test]
fn level_1_sees_hears_and_deletes_no_recording() {
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
    let said = server.send("POST", path, &token, r#"{"file_format":"wav"}"#);
    let id = said.json()["recording_id"].as_str().unwrap().to_owned();
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

/// Who does not offer Vobiz has not offered its audio; but a callback names it.
#[test]
fn the_audio_is_there_where_somebody_was_told_its_url() {
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
        let reply = server.send("GET", &format!("/recordings/{id}.wav"), &headers, "");
        assert_eq!(reply.status, status, "{settings:?}");
    }
}

/// Subtlety 39.
#[test]
fn the_url_is_there_before_its_file_and_then_leads_to_it() {
    let server = TestServer::open(&[]);
    let (id, url) = started(&server, r#"{"file_format":"wav"}"#);
    let path = url.strip_prefix(&server.base).unwrap();
    expect_resource(&server.send("GET", path, &ID, ""), 404);
    speak(&server, 2);
    assert_eq!(stop(&server, "").status, 204);
    let file = server.engine.events.wait_terminal(&id).recording.unwrap().path;
    let bytes = std::fs::read(file).unwrap();
    let reply = server.send("GET", path, &ID, "");
    assert_eq!((reply.status, reply.header("content-type")), (200, "audio/wav"));
    assert_eq!(reply.body, bytes);
    let reply = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=4-11")], "");
    assert_eq!((reply.status, reply.body.as_slice()), (206, &bytes[4..12]));
    assert_eq!(
        reply.header("content-range"),
        format!("bytes 4-11/{}", bytes.len())
    );
    let reply = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=99999999-")], "");
    assert_eq!(reply.status, 416);
    let reply = server.send("HEAD", path, &ID, "");
    assert_eq!((reply.status, reply.body.len()), (200, 0));
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
fn the_audio_of_every_format_is_where_its_url_says() {
    let server = TestServer::open(&[]);
    for (format, ending, kind) in [
        ("wav-ulaw", "wav", "audio/wav"),
        ("au", "au", "audio/x-au"),
        ("au-alaw", "au", "audio/x-au"),
        #[cfg(feature = "faults")]
        ("test-paged", "paged", "application/octet-stream"),
    ] {
        let start = StartFields {
            call_id: Some(FIRST),
            format: Some(format),
            ..StartFields::default()
        };
        let id = server.engine.start(None, &start).unwrap();
        speak(&server, 2);
        server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
        let file = server.engine.events.wait_terminal(&id).recording.unwrap().path;
        let said = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
        let url = said["recording_url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/{id}.{ending}")), "{url}");
        assert_eq!(said["recording_format"], ending);
        let path = url.strip_prefix(&server.base).unwrap();
        let reply = server.send("GET", path, &ID, "");
        assert_eq!((reply.status, reply.header("content-type")), (200, kind));
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(reply.body, bytes);
        let reply = server.send("GET", path, &[ID[0], ID[1], ("range", "bytes=40-99")], "");
        assert_eq!((reply.status, reply.body.as_slice()), (206, &bytes[40..100]));
    }
}

#[test]
fn a_base_of_ones_own_is_served_and_stopped_by() {
    let port = crate::receiver::free_port();
    let base = format!("http://pbx.example:{port}/audio/of/");
    let public = format!("http://pbx.example:{port}");
    let server = TestServer::open(&[("gateway.public_url", &public), ("recording.url_base", &base)]);
    let (id, url) = started(&server, r#"{"file_format":"wav"}"#);
    assert_eq!(url, format!("{base}{id}.wav"));
    assert_eq!(stop(&server, &json!({ "URL": url }).to_string()).status, 204);
    assert!(live(&server).is_empty());
    server.engine.events.wait_terminal(&id);
    let reply = server.send("GET", &format!("/audio/of/{id}.wav"), &ID, "");
    assert_eq!((reply.status, reply.header("content-type")), (200, "audio/wav"));
    assert_eq!(server.send("GET", "/audio/of/other", &ID, "").status, 404);
    let said = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "").json();
    assert_eq!(said["recording_url"], url);
}
