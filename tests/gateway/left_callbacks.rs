//! Callbacks that version 0.1.0 has left reach their receivers, once each.

use std::fs;
use std::path::Path;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::live_manifests;
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, RETRY_MAX_MS, RETRY_MS, queued_jobs};
use crate::receiver::{Manner, Receiver};
use crate::server::{start_gateway, stop_gateway};
use crate::support::{CallFields, StartFields, TestEngine};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const IN_PROGRESS: &str = "046039da-0f25-4c46-bf65-28bad046cb06";
const BY_GET: &str = "2c5f39cb-3fb2-42e3-994f-1127e4ddb538";
/// The host itself has started it, so nobody signs.
const UNSIGNED: &str = "4e715bed-5fd4-4405-9b6f-334906ffd75a";
const DUE: [&str; 4] = [
    IN_PROGRESS,
    "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
    BY_GET,
    UNSIGNED,
];

/// What a killed process of 0.1.0 left for this receiver.
fn left(receiver: &Receiver) -> ScratchDir {
    let directory = ScratchDir::new();
    let address = receiver.url("");
    let fixture = Path::new(FIXTURES).join("callbacks-of-0.1.0");
    fs::create_dir_all(directory.join(".callrec/outbox")).unwrap();
    for folder in ["", "outbox"] {
        for entry in fs::read_dir(fixture.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() || path.ends_with("README.md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let to = directory
                .join(".callrec")
                .join(path.strip_prefix(&fixture).unwrap());
            fs::write(to, text.replace("http://127.0.0.1:PORT", &address)).unwrap();
        }
    }
    let part = format!("2026-11-22_07-40-44_{IN_PROGRESS}.wav.part");
    fs::copy(
        Path::new(FIXTURES).join("left-by-0.1.0/audio.wav.part"),
        directory.join(part),
    )
    .unwrap();
    directory
}

/// A gateway, and what it has nothing more to do with.
fn deliver_all(directory: &ScratchDir, receiver: &Receiver, count: usize) {
    let engine = TestEngine::open(&directory.0, &[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    assert!(!directory.join(".callrec/outbox").exists(), "gone at the open");
    let gateway = start_gateway(&engine);
    receiver.wait(count);
    until("not all is told", || live_manifests(directory).is_empty());
    until("jobs are left", || queued_jobs(&directory.0).is_empty());
    stop_gateway(gateway);
    engine.close();
}

#[test]
fn callbacks_that_0_1_0_has_left_come_once_each() {
    let receiver = Receiver::new(Manner::Answers(200));
    let directory = left(&receiver);
    deliver_all(&directory, &receiver, DUE.len());
    let heard = receiver.received();
    let mut keys: Vec<String> = heard.iter().map(|heard| heard.key()).collect();
    keys.sort();
    assert_eq!(keys, DUE);
    for one in &heard {
        let fields = one.fields();
        assert_eq!(fields["recording_id"], one.key());
        assert!(fields["api_id"].starts_with("6f0c1a52-"), "{fields:?}");
        let target = one.target.split_inclusive(['?', '&']).next().unwrap_or_default();
        let signature = ["vobiz", "plivo"].map(|vendor| {
            let header = one.header(&format!("x-{vendor}-signature-v3"));
            !header.is_empty()
        });
        let expected = match one.key().as_str() {
            BY_GET => ("GET", "/plivo?", [false, true]),
            UNSIGNED => ("POST", "/host", [false, false]),
            _ => ("POST", "/hook", [true, false]),
        };
        assert_eq!((one.method.as_str(), target, signature), expected);
    }
    // The next process has nothing but its own to deliver.
    let engine = TestEngine::open(&directory.0, &[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let gateway = start_gateway(&engine);
    let call = CallFields {
        call_id: Some("own"),
        device: Some("SEP1"),
        ..CallFields::default()
    };
    engine.begin(&call).unwrap();
    let url = receiver.url("/own");
    let start = StartFields {
        call_id: Some("own"),
        callback_url: Some(&url),
        ..StartFields::default()
    };
    let id = engine.start(None, &start).unwrap();
    engine.by_id(rec_stop_by_id, None, &id).unwrap();
    assert_eq!(receiver.wait(DUE.len() + 1)[DUE.len()].key(), id);
    stop_gateway(gateway);
    engine.close();
    assert_eq!(receiver.received().len(), DUE.len() + 1);
}
