//! MP3 on a system without LAME: a program that looks for a library that does not exist. The engines of
//! child processes have the LAME of this build, loaded or compiled in.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[allow(unused_imports)]
#[path = "gateway/server.rs"]
mod server;
#[path = "support/support.rs"]
mod support;

use std::path::Path;

use callrec::capi::*;
use callrec::codec::mp3::set_mp3_loader;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::storage_fixture::StorageFixture;
use callrec_testkit::wait::until;
use server::{FIRST, TestServer};
use support::*;

const DIRECTORY: &str = "CALLREC_MP3_DIRECTORY";
const REMEDY: &str =
    "libmp3lame-missing.so.0 cannot be loaded; install LAME (Debian: the package libmp3lame0)";

/// Must precede the first engine of the process.
fn without_lame() {
    set_mp3_loader(|| Ok(callrec::lame::load(&["libmp3lame-missing.so.0"])?));
}

#[test]
fn a_start_is_unsupported_and_names_the_package() {
    without_lame();
    let directory = ScratchDir::new();
    let engine = TestEngine::open(&directory.0, &[]);
    engine
        .begin(&CallFields {
            call_id: Some("c"),
            ..CallFields::default()
        })
        .unwrap();
    for format in ["mp3", "mp3;bitrate=24000"] {
        let start = StartFields {
            call_id: Some("c"),
            format: Some(format),
            ..StartFields::default()
        };
        let error = engine.start(None, &start).unwrap_err();
        assert_eq!(
            (error.status, error.message),
            (REC_ERR_UNSUPPORTED, format!("format \"mp3\": {REMEDY}"))
        );
    }
}

#[test]
fn the_default_of_the_published_api_names_the_package_and_wav() {
    without_lame();
    let server = TestServer::open(&[]);
    let path = format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    let login = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    for (body, default) in [("", ", the default"), (r#"{"file_format":"mp3"}"#, "")] {
        let response = server.send("POST", &path, &login, body);
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(
            response.json()["error"]["message"],
            format!("file_format mp3{default}: format \"mp3\": {REMEDY}; or ask for file_format=wav")
        );
    }
}

/// The library was removed while a recording was in progress: nothing is lost, and an open with the
/// library finishes the recording.
#[test]
fn an_interrupted_recording_waits_for_the_library() {
    if !has_lame() {
        return;
    }
    without_lame();
    let directory = ScratchDir::new();
    let mut child = ChildProcess::spawn(child_test("child_records").env(DIRECTORY, &directory.0));
    let id = child.wait_for_report(|line| line.len() == 36);
    let tail = directory.0.join(format!(".callrec/{id}.tail"));
    // Three seconds, less what may be written later.
    until("audio is in the tail", || {
        std::fs::metadata(&tail).is_ok_and(|tail| tail.len() > 2 * 2 * 8000)
    });
    child.kill();
    let audio = std::fs::read(&tail).unwrap();
    let fixture = StorageFixture::open_in(directory);
    let why = format!("recording {id} cannot be recovered, and the next open tries again: {REMEDY}");
    fixture
        .report
        .wait_for(|reports| reports.logged.contains(&why).then_some(()));
    let directory = fixture.close();
    assert!(std::fs::read(&tail).unwrap() == audio);
    let mut child = ChildProcess::spawn(child_test("child_recovers").env(DIRECTORY, &directory.0));
    let report = child.wait_for_report(|line| line.starts_with("ms "));
    let ms: u64 = report[3..].parse().unwrap();
    assert!(ms >= 2000, "{ms} ms");
}

fn child_directory() -> Option<std::ffi::OsString> {
    let directory = std::env::var_os(DIRECTORY)?;
    println!();
    Some(directory)
}

#[test]
#[ignore = "runs in a child process"]
fn child_records() {
    let Some(directory) = child_directory() else {
        return;
    };
    let engine = TestEngine::open(Path::new(&directory), &[]);
    let call = CallFields {
        call_id: Some("c"),
        ..CallFields::default()
    };
    let call = engine.begin(&call).unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    let start = StartFields {
        call_id: Some("c"),
        format: Some("mp3"),
        layout: REC_LAYOUT_MONO,
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    for _ in 0..150 {
        for leg in legs {
            write_pcm(leg, &[1000; 160]);
        }
    }
    println!("@{id}");
    std::thread::sleep(callrec_testkit::wait::PATIENCE);
}

#[test]
#[ignore = "runs in a child process"]
fn child_recovers() {
    let Some(directory) = child_directory() else {
        return;
    };
    let engine = TestEngine::open(Path::new(&directory), &[]);
    let event = engine.events.wait(|event| event.kind == REC_EVENT_FINISHED);
    println!("@ms {}", event.recording.unwrap().duration_ms);
}
