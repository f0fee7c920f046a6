//! Kills after a refusal of consent was stored, and before its discard was.

use super::*;
use callrec::storage::Fragment;

/// What a kill leaves, and the audio. Nothing of it is settled.
fn killed(format: Format, id: Uuid) -> (ScratchDir, Vec<u8>) {
    let fixture = StorageFixture::new().with_format(format);
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    let expected = pattern(5, 6000);
    file.write(expected.clone()).expect("backlog space");
    let mut refused = manifest(id);
    refused.call = Fragment::of(&serde_json::json!({"call_id": "c", "consent": "refused"}));
    refused.format = format.name().to_owned();
    file.update_manifest(fixed(refused), 1);
    fixture.wait_until_idle();
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    (copy, expected)
}

fn open(directory: ScratchDir, discards: bool) -> StorageFixture {
    let mut config = config();
    config.discards_refused = discards;
    StorageFixture::open_with(directory, config)
}

fn expect_discarded(directory: ScratchDir, id: Uuid) {
    let fixture = open(directory, true);
    let (published, _) = fixture.published(id);
    assert!(published.end_reason_is(EndReason::Discarded), "{published:?}");
    assert!(published.state_is(RecordingState::Finished) && published.recovered);
    assert!(published.file.is_empty() && published.ended_at_ms > 0);
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
    assert_eq!(fixture.names(), [".callrec"]);
}

#[test]
fn a_refused_recording_is_discarded_by_recovery() {
    for_each_format(|format| {
        let id = Uuid::new_v4();
        expect_discarded(killed(format, id).0, id);
    });
}

#[test]
fn a_refused_recording_is_recovered_if_a_refusal_stops() {
    for_each_format(|format| {
        let id = Uuid::new_v4();
        let (directory, expected) = killed(format, id);
        let fixture = open(directory, false);
        let (published, _) = fixture.published(id);
        assert!(published.end_reason_is(EndReason::Recovered), "{published:?}");
        assert!(audio(&fixture.path(&published.file)) == expected);
    });
}

/// An end that was stored stays, whatever the configuration says later.
#[test]
fn a_stored_end_of_a_refused_recording_stays() {
    let id = Uuid::new_v4();
    let (directory, expected) = killed(Format::WAV, id);
    let live = directory.join(format!(".callrec/{id}.json"));
    let text = fs::read_to_string(&live).expect("a live manifest");
    let stopped = text
        .replace("\"state\":\"recording\"", "\"state\":\"failed\"")
        .replace("\"end_reason\":\"\"", "\"end_reason\":\"write-error\"");
    assert_ne!(stopped, text);
    fs::write(&live, stopped).expect("write");
    let fixture = open(directory, true);
    let (published, repeated) = fixture.published(id);
    assert!(repeated && published.state_is(RecordingState::Failed));
    assert!(audio(&fixture.path(&published.file)) == expected);
}

#[test]
fn a_kill_at_any_step_of_the_discard_publishes_nothing() {
    for_each_format(|format| {
        let id = Uuid::new_v4();
        let (directory, _) = killed(format, id);
        let (from, kills) = (directory.0.clone(), Arc::new(parking_lot::Mutex::new(Vec::new())));
        let to = Arc::clone(&kills);
        let fault = move |_| {
            let copy = ScratchDir::new();
            copy_tree(&from, &copy);
            to.lock().push(copy);
            Ok(())
        };
        let path = directory.0.clone();
        faults::set(&path, Arc::new(fault));
        expect_discarded(directory, id);
        faults::clear(&path);
        let mut kills = std::mem::take(&mut *kills.lock());
        // After the end is reported and settled, no live manifest is left.
        kills.retain(|kill| kill.join(format!(".callrec/{id}.json")).exists());
        assert!(kills.len() > 3);
        for kill in kills {
            expect_discarded(kill, id);
        }
    });
}

/// Nothing of a held recording is destroyed, also if consent to it was refused.
#[test]
fn a_held_recording_is_not_discarded_by_recovery_when_consent_was_refused() {
    let id = Uuid::new_v4();
    let (directory, expected) = killed(Format::WAV, id);
    fs::create_dir_all(directory.join(".callrec/holds")).expect("created");
    fs::write(directory.join(format!(".callrec/holds/{id}")), "").expect("a hold");
    let fixture = open(directory, true);
    let (published, _) = fixture.published(id);
    assert!(published.held, "{published:?}");
    assert!(audio(&fixture.path(&published.file)) == expected);
}
