//! `rec_adopt`: an engine recovers what a killed process has left in its directory, and performs the
//! jobs there.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::path::Path;

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::live_manifests;
use callrec_testkit::wait::PATIENCE;

use crate::callbacks::{ALLOW, queued_jobs};
use crate::receiver::{Behavior, Receiver};
use crate::server::start_gateway;
use crate::support::feeds::{feed, write_pcm};
use crate::support::*;

const DIRECTORY: &str = "CALLREC_ADOPTED_DIRECTORY";
const URL: &str = "CALLREC_ADOPTED_URL";

/// Records with a callback until the process is killed.
#[test]
#[ignore = "runs in a process of its own, to be killed"]
fn child_records() {
    let given = |name| std::env::var(name).unwrap();
    let directory = given(DIRECTORY);
    let engine = TestEngine::open(Path::new(&directory), &[ALLOW, ("storage.flush_ms", "100")]);
    let call = CallFields {
        call_id: Some("dead"),
        device: Some("SEP1"),
        ..CallFields::default()
    };
    let call = engine.begin(&call).unwrap();
    let feed = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    let url = given(URL);
    let start = StartFields {
        call_id: Some("dead"),
        callback_url: Some(&url),
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    let end = std::time::Instant::now() + PATIENCE;
    let mut is_reported = false;
    while std::time::Instant::now() < end {
        write_pcm(feed, &[1000; 160]);
        if !is_reported && engine.stats().bytes_out > 4000 {
            println!("\n@recording {id}");
            is_reported = true;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A directory with a recording of a process that was killed, and the recording's id.
fn killed_recording(directory: &ScratchDir, url: &str) -> String {
    let mut command = child_test("adoption::child_records");
    command.env(DIRECTORY, &directory.0).env(URL, url);
    let mut child = ChildProcess::spawn(&mut command);
    let reported = child.wait_for_report(|line| line.starts_with("recording "));
    child.kill();
    reported["recording ".len()..].to_owned()
}

fn adopt(engine: &TestEngine, directory: &ScratchDir) -> AbiResult<u32> {
    let path = CText::from(directory.0.to_str().unwrap());
    let mut recordings = 0;
    let timeout = PATIENCE.as_millis() as u32;
    checked(|e| unsafe { rec_adopt(engine.handle, path.ptr(), timeout, &mut recordings, e) })?;
    Ok(recordings)
}

/// The engine has a live call of its own meanwhile.
#[test]
fn a_killed_recording_is_reported_and_its_jobs_are_performed_elsewhere() {
    let receiver = Receiver::new(Behavior::Answers(200));
    let (dead, own) = (ScratchDir::new(), ScratchDir::new());
    let id = killed_recording(&dead, &receiver.url("/hook"));
    let engine = TestEngine::open(&own, &[ALLOW, ("storage.sidecar", "vcon")]);
    start_gateway(&engine);
    let call = CallFields {
        call_id: Some("live"),
        device: Some("SEP2"),
        ..CallFields::default()
    };
    engine.begin(&call).unwrap();
    let start = StartFields {
        call_id: Some("live"),
        ..StartFields::default()
    };
    let live = engine.start(None, &start).unwrap();

    assert_eq!(adopt(&engine, &dead), Ok(1));
    let ended = engine.events.wait_terminal(&id);
    assert_eq!(ended.kind, REC_EVENT_FINISHED);
    assert_eq!(ended.json["recording"]["recovered"], true, "{}", ended.json);
    let recording = ended.recording.unwrap();
    assert!(
        Path::new(&recording.path).starts_with(&dead.0),
        "{}",
        recording.path
    );
    assert!(std::fs::metadata(&recording.path).unwrap().len() > 2000);
    assert!(Path::new(&recording.path).with_extension("vcon").exists());
    let called: Vec<String> = receiver.received().iter().map(|request| request.key()).collect();
    assert_eq!(called, std::slice::from_ref(&id), "one callback");
    assert!(live_manifests(&dead).is_empty());
    assert!(queued_jobs(&dead.0).is_empty());

    assert_eq!(adopt(&engine, &dead), Ok(0), "nothing is left");
    assert_eq!(engine.stats().live_recordings, 1);
    engine.by_id(rec_stop_by_id, None, &live).unwrap();
    let ended = engine.events.wait_terminal(&live).recording.unwrap();
    assert!(Path::new(&ended.path).starts_with(&own.0), "{}", ended.path);
    assert_eq!(engine.close().of(&id).len(), 1, "the end was reported once");
}

#[test]
fn ends_wait_for_the_first_subscriber_and_stay_owed() {
    let (dead, own) = (ScratchDir::new(), ScratchDir::new());
    let id = killed_recording(&dead, "http://127.0.0.1:1/");
    let engine = TestEngine::open_unsubscribed(&own, &[]);
    assert_eq!(adopt(&engine, &dead), Ok(1));
    assert_eq!(live_manifests(&dead).len(), 1, "the end is not delivered");
    engine.close();
    let engine = TestEngine::open(&own, &[]);
    assert_eq!(adopt(&engine, &dead), Ok(1));
    let ended = engine.events.wait_terminal(&id);
    assert_eq!(ended.kind, REC_EVENT_FINISHED);
    assert!(live_manifests(&dead).is_empty());
}

#[cfg(feature = "upload")]
#[test]
fn an_adopted_recording_is_uploaded() {
    let (dead, own, archive) = (ScratchDir::new(), ScratchDir::new(), ScratchDir::new());
    let id = killed_recording(&dead, "http://127.0.0.1:1/");
    let url = format!("file://{}", archive.0.display());
    let engine = TestEngine::open(&own, &[("upload.url", &url), ("upload.key", "{id}")]);
    assert_eq!(adopt(&engine, &dead), Ok(1));
    assert!(archive.0.join(format!("{id}.wav")).exists());
    let uploaded = engine.events.wait_kind(&id, REC_EVENT_UPLOADED);
    let path = uploaded.recording.unwrap().path;
    assert!(Path::new(&path).starts_with(&dead.0), "{path}");
}
