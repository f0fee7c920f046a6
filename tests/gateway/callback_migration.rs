//! Pending callbacks of version 0.1.0 are delivered once each.

use std::fs;
use std::path::Path;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::live_manifests;
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, RETRY_MAX_MS, RETRY_MS, queued_jobs};
use crate::receiver::{Behavior, CallbackRequest, Receiver};
use crate::server::{start_gateway, stop_gateway};
use crate::support::{CallFields, StartFields, TestEngine};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const IN_PROGRESS: &str = "046039da-0f25-4c46-bf65-28bad046cb06";
const BY_GET: &str = "2c5f39cb-3fb2-42e3-994f-1127e4ddb538";
/// The host started this recording, so its callback has no signature.
const UNSIGNED: &str = "4e715bed-5fd4-4405-9b6f-334906ffd75a";
const DUE: [&str; 4] = [
    IN_PROGRESS,
    "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
    BY_GET,
    UNSIGNED,
];

/// A directory that a killed process of 0.1.0 left, with callbacks for this receiver.
fn directory_of_0_1_0(receiver: &Receiver) -> ScratchDir {
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
            let destination = directory
                .join(".callrec")
                .join(path.strip_prefix(&fixture).unwrap());
            fs::write(destination, text.replace("http://127.0.0.1:PORT", &address)).unwrap();
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

/// Runs a gateway until `count` callbacks are delivered and no job is left.
fn deliver_all(directory: &ScratchDir, receiver: &Receiver, count: usize) {
    let engine = TestEngine::open(&directory.0, &[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    assert!(
        !directory.join(".callrec/outbox").exists(),
        "rec_open converts the outbox"
    );
    let gateway = start_gateway(&engine);
    receiver.wait(count);
    until("every recording is recovered", || {
        live_manifests(directory).is_empty()
    });
    until("no job is queued", || queued_jobs(&directory.0).is_empty());
    stop_gateway(gateway);
    engine.close();
}

#[test]
fn pending_callbacks_of_0_1_0_are_delivered_once_each() {
    let receiver = Receiver::new(Behavior::Answers(200));
    let directory = directory_of_0_1_0(&receiver);
    deliver_all(&directory, &receiver, DUE.len());
    let requests = receiver.received();
    let mut keys: Vec<String> = requests.iter().map(CallbackRequest::key).collect();
    keys.sort();
    assert_eq!(keys, DUE);
    for request in &requests {
        let fields = request.fields();
        assert_eq!(fields["recording_id"], request.key());
        assert!(fields["api_id"].starts_with("6f0c1a52-"), "{fields:?}");
        let target = request
            .target
            .split_inclusive(['?', '&'])
            .next()
            .unwrap_or_default();
        let is_signed = ["vobiz", "plivo"].map(|vendor| {
            let header = request.header(&format!("x-{vendor}-signature-v3"));
            !header.is_empty()
        });
        let expected = match request.key().as_str() {
            BY_GET => ("GET", "/plivo?", [false, true]),
            UNSIGNED => ("POST", "/host", [false, false]),
            _ => ("POST", "/hook", [true, false]),
        };
        assert_eq!((request.method.as_str(), target, is_signed), expected);
    }
    // The next process delivers only its own callback.
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
