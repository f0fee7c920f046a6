//! The audio of recordings whose local copy was removed after their upload.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use crate::server::TestServer;
use crate::vobiz::{ID, RECORDINGS, make_recording, start_recording, stop, write_audio};

#[test]
fn uploaded_audio_is_served_with_ranges_and_deleted_with_its_recording() {
    let archive = ScratchDir::new();
    let url = format!("file://{}", archive.0.display());
    let settings = [
        ("upload.url", url.as_str()),
        ("upload.key", "{id}"),
        ("upload.delete_local", "true"),
        ("upload.retry_ms", "20"),
    ];
    let server = TestServer::open(&settings);
    let (id, _) = start_recording(&server, r#"{"file_format":"wav"}"#);
    // More than one request to the store.
    write_audio(&server, 40);
    assert_eq!(stop(&server, "").status, 204);
    let recording = server.engine.events.wait_terminal(&id).recording.unwrap();
    server.engine.events.wait_kind(&id, REC_EVENT_UPLOADED);
    assert!(!std::path::Path::new(&recording.path).exists());
    let object = archive.0.join(format!("{id}.wav"));
    let bytes = std::fs::read(&object).unwrap();
    assert!(bytes.len() > 600_000, "{} bytes", bytes.len());

    let audio = format!("/recordings/{id}.wav");
    let response = server.send("GET", &audio, &ID, "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "audio/wav")
    );
    assert_eq!(response.body, bytes);
    let ranged = [ID[0], ID[1], ("range", "bytes=300000-600001")];
    let response = server.send("GET", &audio, &ranged, "");
    assert_eq!(
        (response.status, &response.body[..]),
        (206, &bytes[300_000..=600_001])
    );
    let last = [ID[0], ID[1], ("range", "bytes=-10")];
    let response = server.send("GET", &audio, &last, "");
    assert_eq!(
        (response.status, &response.body[..]),
        (206, &bytes[bytes.len() - 10..])
    );
    let head = server.send("HEAD", &audio, &ID, "");
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    let listed = server.send("GET", RECORDINGS, &ID, "").json();
    assert_eq!(listed["meta"]["total_count"], 1);

    let metrics = server.send("GET", "/metrics", &[], "").text().to_owned();
    assert!(metrics.contains("callrec_uploads_total 1\n"), "{metrics}");
    let path = format!("{RECORDINGS}{id}/");
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    assert_eq!(server.send("GET", &audio, &ID, "").status, 404);
    until("the objects are removed", || {
        std::fs::read_dir(&archive.0).unwrap().count() == 0
    });
}

/// A store that is away fails the response, and nothing else.
#[test]
fn a_store_that_is_away_fails_only_the_response() {
    let archive = ScratchDir::new();
    let store = archive.0.join("store");
    std::fs::create_dir(&store).unwrap();
    let url = format!("file://{}", store.display());
    let settings = [("upload.url", url.as_str()), ("upload.delete_local", "true")];
    let server = TestServer::open(&settings);
    let (id, _) = make_recording(&server, 1);
    server.engine.events.wait_kind(&id, REC_EVENT_UPLOADED);
    std::fs::rename(&store, archive.0.join("away")).unwrap();
    let address = server.base.strip_prefix("http://").unwrap();
    let request = format!(
        "GET /recordings/{id}.wav HTTP/1.1\r\nhost: x\r\nx-auth-id: {}\r\nx-auth-token: {}\r\nconnection: close\r\n\r\n",
        ID[0].1, ID[1].1
    );
    let received = crate::server::read_to_close(crate::server::send_raw(address, &request));
    let body = received.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert!(!body.starts_with("RIFF"), "{received}");
    assert_eq!(server.send("GET", "/healthz", &[], "").status, 200);
    std::fs::rename(archive.0.join("away"), &store).unwrap();
    let response = server.send("GET", &format!("/recordings/{id}.wav"), &ID, "");
    assert_eq!((response.status, &response.body[..4]), (200, &b"RIFF"[..]));
}
