//! Completed recordings: `GET Recordings`, `GET Recordings/{id}` and its audio.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::tree;
use callrec_testkit::wav::WavFile;
use serde_json::json;

use super::*;
use crate::support::{end, feed, write_pcm};

/// Records two seconds of the first call; returns the id.
fn record_first(server: &TestServer) -> String {
    describe_first(server, "101");
    let id = start_on_first(server);
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE];
    let feeds = legs.map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    for feed in feeds {
        write_pcm(feed, &[1000; 16_000]);
    }
    stop_and_wait(server, &id);
    id
}

/// Stops a recording and waits until it is published.
fn stop_and_wait(server: &TestServer, id: &str) {
    let path = format!("LiveRecordings/{id}");
    assert_eq!(status(server, "admin", "DELETE", &path), empty(204));
    server.engine.events.wait_terminal(id);
}

/// Makes recordings of the second call; returns their ids, oldest first.
fn record_second(server: &TestServer, count: usize) -> Vec<String> {
    let record = |_| {
        let id = start_recording(server, &json!({ "directoryNumber": "102" }));
        stop_and_wait(server, &id);
        id
    };
    (0..count).map(record).collect()
}

fn list(server: &TestServer, user: &str, query: &str) -> Value {
    let (status, list) = status(server, user, "GET", &format!("Recordings{query}"));
    assert_eq!(status, 200, "{query}: {list}");
    list
}

fn ids(list: &Value) -> Vec<&str> {
    let items = list["recordings"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

fn path_of(server: &TestServer, id: &str) -> String {
    let event = server.engine.events.wait_terminal(id);
    event.recording.unwrap().path
}

#[test]
fn a_completed_recording_is_listed_with_the_published_fields() {
    let server = TestServer::open(&[]);
    assert_eq!(
        list(&server, "admin", ""),
        json!({ "totalCount": 0, "recordings": [] })
    );
    let id = record_first(&server);
    let list = list(&server, "admin", "");
    let item = &list["recordings"][0];
    let manifest = manifest_beside(path_of(&server, &id));
    // The manifest has three decimals of a second, the API seven.
    let start = manifest["started_at"].as_str().unwrap().replace('Z', "0000Z");
    let expected = json!({
        "id": id,
        "referenceNumber": item["referenceNumber"],
        "startTime": start,
        "duration": "PT2S",
        "direction": 2,
        "localPartyNumber": "101",
        "remotePartyNumber": "+1555123456",
        "ownerUsername": "user1",
    });
    assert_eq!(list, json!({ "totalCount": 1, "recordings": [expected] }));
    let reference = item["referenceNumber"].as_str().unwrap();
    assert!(reference.bytes().all(|byte| byte.is_ascii_digit()), "{reference}");
}

#[test]
fn one_recording_has_the_published_details() {
    let server = TestServer::open(&[]);
    let id = record_first(&server);
    let upper = id.to_uppercase();
    let (status, details) = status(&server, "admin", "GET", &format!("Recordings/{upper}"));
    assert_eq!(status, 200);
    let manifest = manifest_beside(path_of(&server, &id));
    let listed = list(&server, "admin", "");
    for field in [
        "id",
        "referenceNumber",
        "startTime",
        "duration",
        "direction",
        "localPartyNumber",
        "remotePartyNumber",
    ] {
        assert_eq!(details[field], listed["recordings"][0][field], "{field}");
    }
    let members: Vec<_> = details.as_object().unwrap().keys().collect();
    let additional = [
        "pbxCallId",
        "pbxInfo",
        "owner",
        "preservingUser",
        "note",
        "size",
        "hash",
    ];
    assert_eq!(
        members[7..],
        additional,
        "the published members, after those of the list"
    );
    assert_eq!(details["pbxCallId"], crate::server::FIRST);
    assert_eq!(details["pbxInfo"], json!({}), "an object without members");
    assert_eq!(details["owner"]["username"], "user1");
    assert_eq!(details["owner"]["phoneNumber"], "101");
    assert_eq!(details["size"], manifest["bytes"]);
    let digest = format!("sha256:{}", details["hash"]["value"].as_str().unwrap());
    assert_eq!(
        (details["hash"]["algorithm"].as_str(), digest),
        (Some("sha256"), manifest["digest"].as_str().unwrap().to_owned())
    );
    assert!(details["preservingUser"].is_null() && details["note"].is_null());
}

#[test]
fn the_newest_recording_is_first_and_pages_count_from_zero() {
    let server = TestServer::open(&[]);
    let mut expected = record_second(&server, 5);
    expected.reverse();
    assert_eq!(
        ids(&list(&server, "admin", "")),
        expected,
        "without pageSize, all recordings are listed"
    );
    for (query, range) in [
        ("?page=0&pageSize=2", 0..2),
        ("/?page=1&pageSize=2", 2..4),
        ("?page=2&pageSize=2", 4..5),
        ("?page=3&pageSize=2", 5..5),
        ("?pageSize=3", 0..3),
        ("?page=0", 0..5),
        // As published, there are no pages without pageSize.
        ("?page=1", 0..5),
    ] {
        let list = list(&server, "admin", query);
        assert_eq!(list["totalCount"], 5, "{query}");
        assert_eq!(ids(&list), expected[range], "{query}");
    }
}

#[test]
fn a_completed_recording_must_match_every_filter() {
    let server = TestServer::open(&[]);
    let first = record_first(&server);
    let others = record_second(&server, 1);
    let all = list(&server, "admin", "");
    let time = |id: &str, field: &str| {
        let path = path_of(&server, id);
        manifest_beside(&path)[field].as_str().unwrap().to_owned()
    };
    let (started_at, ended_at) = (time(&first, "started_at"), time(&first, "ended_at"));
    let matching = |query: String| {
        let list = list(&server, "admin", &query);
        let found: Vec<String> = ids(&list).into_iter().map(str::to_owned).collect();
        assert_eq!(list["totalCount"], found.len(), "{query}");
        found
    };
    for query in [
        "?localPartyNumber=101".to_owned(),
        "?remotePartyNumber=contains:+1555".to_owned(),
        "?remoteParty=%2B1555123456".to_owned(),
        "?ownerUsername=user1".to_owned(),
        "?direction=2".to_owned(),
        format!("?startTime={started_at}"),
        format!("?endTime=between:{ended_at};{}", later(&ended_at)),
        format!("?endTime=between:{ended_at},{}", later(&ended_at)),
        format!(
            "?ownerUsername=user1&startTime=between:{started_at};{}&direction=2",
            later(&started_at)
        ),
    ] {
        assert_eq!(matching(query.clone()), std::slice::from_ref(&first), "{query}");
    }
    assert_eq!(
        matching(format!("?startTime=after:{started_at}&ownerUsername=user2")),
        others
    );
    assert_eq!(
        matching("?startTime=after:2018-11-01T00:00:00Z".to_owned()),
        ids(&all)
    );
    for query in [
        "?startTime=before:2018-11-01T00:00:00Z".to_owned(),
        "?localPartyNumber=101&ownerUsername=user2".to_owned(),
        "?ownerUsername=user1&ownerUsername=user2".to_owned(),
        "?localPartyNumber=10".to_owned(),
        format!("?endTime=before:{started_at}"),
        // The upper limit is excluded.
        format!("?startTime=between:{started_at};{started_at}"),
        format!("?startTime=between:2018-11-01;{started_at}"),
    ] {
        assert!(matching(query.clone()).is_empty(), "{query}");
    }
}

/// A tenth of a millisecond after this time.
fn later(time: &str) -> String {
    let (whole, fraction) = time.strip_suffix('Z').unwrap().split_once('.').unwrap();
    format!("{whole}.{fraction}1Z")
}

#[test]
fn a_semicolon_and_a_backslash_in_a_name_are_escaped_in_filters() {
    let server = TestServer::open(&[]);
    let call = CallFields {
        user: Some(r"DOMAIN\a;b"),
        phone: Some("1;2"),
        ..CallFields::default()
    };
    call.update(server.calls[1]).unwrap();
    let id = record_second(&server, 1).remove(0);
    for query in [
        // A backslash before any other character stands for itself.
        r"?ownerUsername=DOMAIN\a\;b",
        r"?ownerUsername=equals:DOMAIN\\a\;b",
        "?ownerUsername=DOMAIN%5C%5Ca%5C%3Bb",
        r"?remoteParty=equals:1\;2",
        r"?remotePartyNumber=contains:\;",
    ] {
        assert_eq!(ids(&list(&server, "admin", query)), [id.as_str()], "{query}");
    }
    let other = list(&server, "admin", r"?ownerUsername=DOMAIN\\\\a\;b");
    assert_eq!(other["totalCount"], 0);
}

#[test]
fn an_invalid_filter_or_page_is_400_with_reason_and_message() {
    let server = TestServer::open(&[]);
    for (query, reason) in [
        ("?startTime=yesterday", 0),
        ("?endTime=after:", 0),
        ("?direction=in", 0),
        ("?startTime=between:2018-11-01", 0),
        ("?startTime=between:2018-11-01;2018-11-02;2018-11-03", 0),
        ("?ownerUsername=contains:user", 0),
        ("?page=-1", 1),
        ("?page=a&startTime=x", 1),
        ("?pageSize=0", 1),
        ("?pageSize=1.5", 1),
    ] {
        let (status, body) = status(&server, "admin", "GET", &format!("Recordings{query}"));
        assert_eq!((status, &body["reason"]), (400, &json!(reason)), "{query}");
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn completed_recordings_are_403_at_level_1() {
    let server = TestServer::open(&[]);
    let id = record_first(&server);
    for path in [
        "Recordings".to_owned(),
        format!("Recordings/{id}"),
        format!("Recordings/{id}/Media"),
        "Recordings?page=x".to_owned(),
    ] {
        assert_eq!(status(&server, "only", "GET", &path), empty(403), "{path}");
    }
}

#[test]
fn level_2_has_access_only_to_the_users_own_recordings() {
    let server = TestServer::open(&[]);
    let first = record_first(&server);
    let others = record_second(&server, 1);
    assert_eq!(ids(&list(&server, "user1", "")), [first.as_str()]);
    assert_eq!(ids(&list(&server, "user2", "")), others);
    let hidden = list(&server, "user2", "?ownerUsername=user1");
    assert_eq!(hidden, json!({ "totalCount": 0, "recordings": [] }));
    for media in ["", "/Media"] {
        let of = |id: &str| status(&server, "user2", "GET", &format!("Recordings/{id}{media}"));
        assert_eq!(of(&first), empty(403), "another user's recording");
        assert_eq!(of(UNKNOWN_ID), empty(403), "an unknown id");
        assert_eq!(of("x"), empty(403), "not a GUID");
        let own = format!("Recordings/{}{media}", others[0]);
        assert_eq!(request(&server, "user2", "GET", &own, "").status, 200);
    }
}

#[test]
fn an_unknown_id_is_404_and_a_malformed_id_is_400() {
    let server = TestServer::open(&[]);
    let live = start_on_first(&server);
    for media in ["", "/Media"] {
        let of = |id: &str| status(&server, "admin", "GET", &format!("Recordings/{id}{media}"));
        assert_eq!(of(UNKNOWN_ID), empty(404));
        assert_eq!(of(&live), empty(404), "the recording is live");
        let (status, body) = of("5");
        assert_eq!((status, &body["reason"]), (400, &json!(0)));
    }
}

/// Requests the audio of a recording as the administrator.
fn get_media(server: &TestServer, id: &str, headers: &[(&str, &str)]) -> ClientResponse {
    let login = basic("admin", "secret");
    let mut all = vec![("authorization", login.as_str())];
    all.extend(headers);
    server.send("GET", &format!("{BASE}Recordings/{id}/Media"), &all, "")
}

#[test]
fn the_audio_is_served_whole_and_in_ranges() {
    let server = TestServer::open(&[]);
    let id = record_first(&server);
    let file = std::fs::read(path_of(&server, &id)).unwrap();
    let whole = get_media(&server, &id, &[]);
    assert_eq!((whole.status, whole.header("content-type")), (200, "audio/wav"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    assert_eq!(whole.body, file);
    assert_eq!(WavFile::parse(&whole.body).unwrap().frames(), 16_000);
    for (range, expected) in [
        ("bytes=0-43", 0..44),
        ("bytes=1000-", 1000..file.len()),
        ("bytes=-10", file.len() - 10..file.len()),
        ("bytes=100-99999999", 100..file.len()),
    ] {
        let part = get_media(&server, &id, &[("range", range)]);
        assert_eq!(part.status, 206, "{range}");
        let content_range = format!("bytes {}-{}/{}", expected.start, expected.end - 1, file.len());
        assert_eq!(part.header("content-range"), content_range, "{range}");
        assert_eq!(part.body, file[expected], "{range}");
    }
    for range in ["bytes=99999999-", "bytes=5-2", "bytes=x"] {
        let refused = get_media(&server, &id, &[("range", range)]);
        assert_eq!(refused.status, 416, "{range}");
        let content_range = format!("bytes */{}", file.len());
        assert_eq!(refused.header("content-range"), content_range, "{range}");
        assert!(refused.body.is_empty(), "{range}");
    }
    // Several ranges and unknown units are ignored.
    for range in ["bytes=0-1,5-6", "lines=1-2"] {
        let all = get_media(&server, &id, &[("range", range)]);
        assert_eq!((all.status, &all.body), (200, &file), "{range}");
    }
}

#[test]
fn the_audio_supports_conditional_requests() {
    let server = TestServer::open(&[]);
    let id = record_first(&server);
    let first = get_media(&server, &id, &[]);
    let (tag, date) = (first.header("etag"), first.header("last-modified"));
    assert!(!tag.is_empty() && !date.is_empty());
    for header in [("if-none-match", tag), ("if-modified-since", date)] {
        let again = get_media(&server, &id, &[header]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{header:?}");
    }
    assert_eq!(get_media(&server, &id, &[("if-match", "\"other\"")]).status, 412);
    let login = basic("admin", "secret");
    let path = format!("{BASE}Recordings/{id}/Media");
    let head = server.send("HEAD", &path, &[("authorization", &login)], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), first.body.len().to_string());
}

#[test]
fn a_recording_whose_file_was_removed_or_replaced_is_404() {
    let server = TestServer::open(&[]);
    let ids = record_second(&server, 3);
    let paths: Vec<_> = ids.iter().map(|id| path_of(&server, id)).collect();
    std::fs::remove_file(&paths[0]).unwrap();
    assert_eq!(get_media(&server, &ids[0], &[]).status, 404);
    let elsewhere = server.dir.0.join("elsewhere.txt");
    std::fs::write(&elsewhere, "not a recording").unwrap();
    std::fs::remove_file(&paths[1]).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &paths[1]).unwrap();
    assert_eq!(
        get_media(&server, &ids[1], &[]).status,
        404,
        "a symbolic link is not followed"
    );
    let (status, _) = status(&server, "admin", "GET", &format!("Recordings/{}", ids[0]));
    assert_eq!(status, 404);
    assert_eq!(list(&server, "admin", "")["totalCount"], 2);
}

#[test]
fn recordings_of_earlier_engines_are_found() {
    let server = TestServer::open(&[("storage.name", "{user}/{date}/{id}")]);
    let id = record_first(&server);
    end(server.calls[1]).unwrap();
    let copy = ScratchDir::new();
    let from = server.dir.0.clone();
    let TestServer { engine, .. } = &server;
    assert!(engine.stats().live_recordings == 0);
    // The engine still uses `.callrec`.
    for file in tree(&from) {
        if !file.starts_with(".callrec") {
            let to = copy.0.join(&file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from.join(&file), to).unwrap();
        }
    }
    let later = TestServer::open_in(copy, &[]);
    let found = list(&later, "user1", "");
    assert_eq!(ids(&found), [id.as_str()]);
    assert_eq!(found["recordings"][0]["duration"], "PT2S");
    let audio = get_media(&later, &id, &[]);
    assert_eq!(WavFile::parse(&audio.body).unwrap().frames(), 16_000);
}
