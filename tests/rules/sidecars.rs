//! Sidecars of recordings: `storage.sidecar`. The vCons are compared with the rules of
//! draft-ietf-vcon-vcon-core-04.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::until;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::scratch_engine::*;
use crate::support::*;

const VCON: (&str, &str) = ("storage.sidecar", "json, vcon");
const URL_BASE: (&str, &str) = ("recording.url_base", "https://pbx.example/r/");
const INCOMING: i32 = 1;

fn vcons(directory: &Path) -> Vec<PathBuf> {
    files_with_extension(directory, "vcon")
}

#[track_caller]
fn wait_for_vcon(audio: &str) -> Value {
    let path = Path::new(audio).with_extension("vcon");
    until("the sidecar", || path.exists());
    // It is renamed when it is complete.
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    let value = object[member].as_str();
    value.unwrap_or_else(|| panic!("{member} of {object}"))
}

/// Section 1.4 of RFC 8620.
fn assert_date(text: &str) -> OffsetDateTime {
    let date = OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert!(text.ends_with('Z') && text.contains('T'), "{text}");
    let zero_fraction = text
        .split_once('.')
        .is_some_and(|(_, fraction)| fraction.trim_matches(['0', 'Z']).is_empty());
    assert!(!zero_fraction, "{text}: a fraction of zero is omitted");
    date
}

/// The indexes of parties below a value of `parties`.
fn indexes(parties: &Value) -> Vec<u64> {
    match parties {
        Value::Array(several) => several.iter().flat_map(indexes).collect(),
        one => vec![one.as_u64().expect("an index")],
    }
}

/// Parameters that the draft does not define need an extension.
fn assert_known(object: &Value, parameters: &[&str]) {
    for name in object.as_object().expect("an object").keys() {
        assert!(parameters.contains(&name.as_str()), "{name}: {object}");
    }
}

/// Asserts the rules of the draft for the unsigned form with one recording that is not included.
fn assert_follows_the_draft(vcon: &Value, audio: &str) {
    assert_eq!(vcon["vcon"], "0.4.0", "the syntax of the draft");
    let uuid = Uuid::try_parse(text(vcon, "uuid")).unwrap();
    assert_eq!(uuid.get_version_num(), 8);
    assert_date(text(vcon, "created_at"));
    for name in [
        "signatures",
        "payload",
        "ciphertext",
        "critical",
        "extensions",
        "redacted",
        "amended",
    ] {
        assert!(vcon.get(name).is_none(), "{name}");
    }
    assert_known(
        vcon,
        &[
            "vcon",
            "uuid",
            "created_at",
            "parties",
            "dialog",
            "analysis",
            "attachments",
        ],
    );
    let parties = vcon["parties"].as_array().expect("parties");
    for party in parties {
        for (name, value) in party.as_object().expect("a Party Object") {
            assert!(["tel", "name", "validation"].contains(&name.as_str()), "{name}");
            assert!(value.is_string());
        }
        assert_eq!(party.get("name").is_some(), party.get("validation").is_some());
        if let Some(tel) = party.get("tel") {
            let number = tel
                .as_str()
                .unwrap()
                .strip_prefix("tel:+")
                .expect("a global number");
            assert!(
                number.bytes().all(|byte| byte.is_ascii_digit()),
                "RFC 3966: {number}"
            );
        }
    }
    let [dialog] = &vcon["dialog"].as_array().expect("dialogs")[..] else {
        panic!("one recording");
    };
    assert_eq!(dialog["type"], "recording");
    assert_date(text(dialog, "start"));
    assert!(dialog["duration"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    let in_dialog = indexes(&dialog["parties"]);
    assert!(in_dialog.iter().all(|party| (*party as usize) < parties.len()));
    let manifest = manifest_beside(audio);
    if manifest["channels"] == 2 {
        let channels = dialog["parties"].as_array().map(Vec::len);
        assert_eq!(channels, Some(2), "as many entries as channels");
    }
    if let Some(originator) = dialog.get("originator") {
        assert_ne!(
            originator.as_u64(),
            in_dialog.first().copied(),
            "only if it is not the first"
        );
    }
    let name = Path::new(audio).file_name().unwrap().to_str().unwrap();
    assert_eq!(dialog["filename"], name);
    let (kind, subtype) = text(dialog, "mediatype").split_once('/').expect("a media type");
    assert!(kind == "audio" && !subtype.contains([';', '/']));
    assert!(
        dialog.get("body").is_none() && dialog.get("encoding").is_none(),
        "the audio is outside"
    );
    if let Some(url) = dialog.get("url") {
        assert!(url.as_str().unwrap().starts_with("https://"));
    }
    let digest = Sha512::digest(std::fs::read(audio).unwrap());
    assert_eq!(
        text(dialog, "content_hash"),
        format!("sha512-{}", URL_SAFE_NO_PAD.encode(digest))
    );
    for name in [
        "disposition",
        "recordings",
        "recording_set",
        "transferee",
        "transferor",
        "transfer_target",
        "original",
        "consultation",
        "target_dialog",
    ] {
        assert!(dialog.get(name).is_none(), "{name} is for other types of dialogs");
    }
    const DIALOG: [&str; 10] = [
        "type",
        "start",
        "duration",
        "parties",
        "originator",
        "mediatype",
        "filename",
        "url",
        "content_hash",
        "party_history",
    ];
    assert_known(dialog, &DIALOG);
    for event in dialog["party_history"].as_array().unwrap_or(&Vec::new()) {
        assert_known(event, &["party", "time", "event"]);
        assert_date(text(event, "time"));
        assert!(
            event["party"]
                .as_u64()
                .is_some_and(|party| (party as usize) < parties.len())
        );
        assert!(["join", "drop"].contains(&text(event, "event")));
    }
    for analysis in vcon["analysis"].as_array().expect("analyses") {
        const ANALYSIS: [&str; 8] = [
            "type",
            "dialog",
            "mediatype",
            "vendor",
            "product",
            "schema",
            "body",
            "encoding",
        ];
        assert_known(analysis, &ANALYSIS);
        assert_eq!(
            (text(analysis, "type"), text(analysis, "vendor")),
            ("report", "callrec")
        );
        assert_eq!(
            (&analysis["dialog"], text(analysis, "encoding")),
            (&json!(0), "json")
        );
        assert!(analysis.get("body").is_some() && analysis.get("schema").is_some());
    }
    assert_eq!(vcon["attachments"], json!([]));
}

fn incoming_call() -> CallFields<'static> {
    CallFields {
        call_id: Some("c"),
        direction: INCOMING,
        first: Some("John"),
        last: Some("Doe"),
        phone: Some("+1555123456"),
        ..by_user("SEP1", "101", "agent7")
    }
}

fn one_second(call: rec_call) {
    let feeds = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    for _ in 0..50 {
        for feed in feeds {
            write_pcm(feed, &[900; 160]);
        }
    }
}

#[test]
fn a_finished_recording_has_a_vcon_that_follows_the_draft() {
    let scratch = scratch_engine_with(&[VCON, URL_BASE]);
    let (call, id) = scratch.recorded(&incoming_call());
    one_second(call);
    by_user("SEP2", "102", "agent8").update(call).unwrap();
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    let vcon = wait_for_vcon(&recording.path);
    assert_follows_the_draft(&vcon, &recording.path);
    assert_eq!(
        vcon["parties"],
        json!([
            { "name": "agent7", "validation": "none" },
            { "name": "agent8", "validation": "none" },
            { "tel": "tel:+1555123456", "name": "John Doe", "validation": "none" },
        ])
    );
    let dialog = &vcon["dialog"][0];
    assert_eq!(
        dialog["parties"],
        json!([[0, 1], 2]),
        "the left channel is the local one"
    );
    assert_eq!(dialog["originator"], 2, "the caller");
    assert_eq!(dialog["mediatype"], "audio/x-wav");
    assert_eq!(dialog["url"], recording.url);
    assert_eq!(dialog["party_history"].as_array().map(Vec::len), Some(2));
    let started = assert_date(text(dialog, "start")).unix_timestamp_nanos() / 1_000_000;
    assert_eq!(started, i128::from(recording.started_at_ms));
    let seconds = dialog["duration"].as_f64().unwrap();
    assert_eq!((seconds * 1000.0).round() as u64, recording.duration_ms);
    let manifest = manifest_beside(&recording.path);
    let body = &vcon["analysis"][0]["body"];
    assert_eq!((&body["recording"], &body["call_id"]), (&json!(id), &json!("c")));
    assert_eq!(body["spans"], manifest["spans"]);
    assert!(
        body["spans"]
            .as_array()
            .is_some_and(|spans| spans.iter().any(|span| span["kind"] == "pause"))
    );
    let (_, dir) = scratch.finish();
    assert_eq!(vcons(&dir.0).len(), 1);
    assert_eq!(
        std::fs::read_dir(dir.0.join(".callrec/jobs/vcon"))
            .unwrap()
            .count(),
        0
    );
}

/// Sets a key of a configuration.
fn set_key(key: &str, value: &str) -> AbiResult<()> {
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let (key, value) = (CText::from(key), CText::from(value));
    let set = checked(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) });
    unsafe { rec_config_free(config) };
    set
}

#[test]
fn a_list_of_unknown_sidecars_is_refused_and_the_default_is_none() {
    let error = refused(set_key("storage.sidecar", "vcon,xml"), REC_ERR_CONFIG);
    assert!(error.message.contains("json and vcon"), "{error:?}");
    for setting in ["", " json "] {
        let scratch = scratch_engine_with(&[("storage.sidecar", setting)]);
        let (call, id) = scratch.recorded(&incoming_call());
        one_second(call);
        scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
        let recording = scratch.events.wait_terminal(&id).recording.unwrap();
        let (_, dir) = scratch.finish();
        assert!(Path::new(&recording.path).with_extension("json").exists());
        assert!(vcons(&dir.0).is_empty() && !dir.0.join(".callrec/jobs").exists());
    }
}

#[cfg(feature = "faults")]
mod faults {
    use super::*;
    use callrec_testkit::child::{ChildProcess, child_test};
    use callrec_testkit::directory::ScratchDir;
    use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint};
    use std::process::Command;

    const DIRECTORY: &str = "CALLREC_SIDECAR_DIRECTORY";

    fn record(scratch: &TestEngine, call_id: &str) -> String {
        let call = scratch
            .begin(&CallFields {
                call_id: Some(call_id),
                ..incoming_call()
            })
            .unwrap();
        let id = scratch.start(HOST, &on_call(call_id)).unwrap();
        one_second(call);
        id
    }

    #[test]
    fn a_sidecar_that_cannot_be_written_delays_nothing_and_is_tried_again() {
        let scratch = scratch_engine_with(&[VCON]);
        let gate = DiskGate::failing_at(&scratch.dir.0, FaultPoint::WriteSidecar, disk_faults::disk_full);
        let ids = ["a", "b"].map(|call_id| {
            let id = record(&scratch, call_id);
            scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
            scratch.events.wait_terminal(&id);
            id
        });
        gate.wait_for_blocked(1);
        assert!(vcons(&scratch.dir.0).is_empty());
        drop(gate);
        disk_faults::clear(&scratch.dir.0);
        for id in ids {
            let recording = scratch.events.wait_terminal(&id).recording.unwrap();
            assert_follows_the_draft(&wait_for_vcon(&recording.path), &recording.path);
        }
    }

    #[test]
    #[ignore = "runs in a child process"]
    fn child_records() {
        let Some(directory) = std::env::var_os(DIRECTORY) else {
            return;
        };
        println!();
        let directory = PathBuf::from(directory);
        let engine = TestEngine::open(&directory, &[VCON]);
        let _gate = DiskGate::shut_at(&directory, FaultPoint::WriteSidecar);
        let _live = record(&engine, "live");
        let ended = record(&engine, "ended");
        engine.by_id(rec_stop_by_id, HOST, &ended).unwrap();
        engine.events.wait_terminal(&ended);
        println!("@ended");
        loop {
            std::thread::park();
        }
    }

    /// A finished recording and one that the kill interrupts.
    #[test]
    fn a_kill_before_the_sidecar_is_written_costs_none() {
        let dir = ScratchDir::new();
        let mut command: Command = child_test("sidecars::faults::child_records");
        let mut child = ChildProcess::spawn(command.env(DIRECTORY, &dir.0));
        child.wait_for_report(|report| report == "ended");
        child.kill();
        assert!(vcons(&dir.0).is_empty());
        // The finished recording has its job, which any later process performs.
        drop(TestEngine::open(&dir.0, &[VCON]));
        let engine = TestEngine::open(&dir.0, &[]);
        until("two sidecars", || vcons(&dir.0).len() == 2);
        drop(engine);
        let mut recovered = Vec::new();
        for path in vcons(&dir.0) {
            let vcon: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let audio = path.with_extension("wav");
            assert_follows_the_draft(&vcon, audio.to_str().unwrap());
            recovered.push(vcon["analysis"][0]["body"]["recovered"].as_bool().unwrap());
        }
        recovered.sort_unstable();
        assert_eq!(recovered, [false, true]);
    }
}
