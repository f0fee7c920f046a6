//! Errors and panics of single steps end one recording, and no other.

use super::*;

#[test]
fn a_write_error_fails_one_recording() {
    for_each_format(write_error_fails_one_recording);
}

fn write_error_fails_one_recording(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let (bad, good) = (Uuid::new_v4(), Uuid::new_v4());
    let mut one = fixture.begin(bad, "bad");
    one.shape(format, 8000, 1);
    one.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until_written(1000);
    let write = fixture.write_step();
    fixture.set_fault(move |step| {
        if step == write {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    });
    one.write(pattern(1, 1000)).expect("backlog space");
    let error = fixture
        .report
        .wait_for(|reports| reports.write_failed.get(&bad).cloned());
    assert_eq!(error.status, Status::NoSpace);
    one.finish(ended(bad, EndReason::Stopped), true);
    let (published, _) = fixture.published(bad);
    assert!(published.state_is(RecordingState::Failed) && published.end_reason_is(EndReason::WriteError));
    assert!(!published.error.is_empty());
    assert_eq!(audio(&fixture.audio_path("bad")), pattern(0, 1000));
    assert_manifest_matches_file(&fixture, &published);
    fixture.clear_faults();
    let mut two = fixture.begin(good, "good");
    two.shape(format, 8000, 1);
    two.write(pattern(2, 1000)).expect("backlog space");
    two.finish(ended(good, EndReason::Stopped), true);
    assert!(fixture.published(good).0.state_is(RecordingState::Finished));
    fixture.wait_until_idle();
    assert_eq!(
        fixture.report.read(|reports| reports.published.len()),
        2,
        "each end is reported once"
    );
}

#[test]
fn a_recording_that_cannot_be_created_leaves_no_file() {
    for_each_format(failed_create_leaves_no_file);
}

fn failed_create_leaves_no_file(format: Format) {
    for step in [
        FaultPoint::CreateManifest,
        FaultPoint::CreateAudio,
        FaultPoint::WriteHeader,
        FaultPoint::NoteStarted,
    ] {
        for panics in [false, true] {
            let fixture = StorageFixture::new().with_format(format);
            fixture.set_fault(move |at| match (at == step, panics) {
                (true, true) => panic!("a forced panic"),
                (true, false) => Err(io::Error::other("forced")),
                _ => Ok(()),
            });
            let id = Uuid::new_v4();
            let file = fixture.begin(id, "call");
            fixture
                .report
                .wait_until(|reports| reports.create_failed.contains_key(&id));
            file.finish(ended(id, EndReason::Stopped), true);
            fixture.wait_until_idle();
            assert_eq!(fixture.names(), [".callrec"], "{step:?}");
            assert_eq!(fixture.control_names(), ["lock"]);
            assert!(
                fixture
                    .report
                    .read(|reports| reports.published.is_empty() && reports.created.is_empty())
            );
        }
    }
}

#[test]
fn a_panic_in_any_thread_fails_one_recording() {
    for_each_format(panic_fails_one_recording);
}

fn panic_fails_one_recording(format: Format) {
    let steps = [
        FaultPoint::WriteAudio,
        FaultPoint::WriteTail,
        FaultPoint::Seal,
        FaultPoint::Digest,
        FaultPoint::RenameAudio,
        FaultPoint::RenameManifest,
    ];
    // Only a file that is never overwritten has a tail.
    for step in steps
        .into_iter()
        .filter(|step| *step != FaultPoint::WriteTail || format.is_compressed())
    {
        let fixture = StorageFixture::new().with_format(format);
        fixture.set_fault(move |at| {
            if at == step {
                panic!("a forced panic")
            } else {
                Ok(())
            }
        });
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 100)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        assert!(
            fixture.published(id).0.state_is(RecordingState::Failed),
            "{step:?}"
        );
        fixture.clear_faults();
        fixture.settle(id);
        let other = Uuid::new_v4();
        fixture
            .begin(other, "other")
            .finish(ended(other, EndReason::Stopped), true);
        assert!(fixture.published(other).0.state_is(RecordingState::Finished));
        fixture.settle(other);
        // A recording that could not be published is published at the next open.
        let fails_in_finisher = step == FaultPoint::WriteAudio && format.is_compressed();
        if fails_in_finisher
            || matches!(
                step,
                FaultPoint::RenameAudio | FaultPoint::RenameManifest | FaultPoint::Seal
            )
        {
            let fixture = fixture.reopen();
            let (published, repeated) = fixture.published(id);
            assert!(published.recovered && repeated, "{step:?}");
            assert!(published.state_is(RecordingState::Failed), "{step:?}");
            assert_eq!(audio(&fixture.path(&published.file)), pattern(0, 100));
        }
    }
}
