//! Legal holds of recordings that are not published yet.

use super::durability::{allow_all, expect_order, note_steps};
use super::*;
use callrec::storage::DeletionResult;

fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    fixture.wait_until_idle();
    file
}

fn hold(fixture: &StorageFixture, id: Uuid, is_held: bool) {
    let _turn = fixture.store.turn(id);
    fixture.store.hold_unpublished(id, is_held).expect("stored");
}

fn is_deleted(fixture: &StorageFixture, id: Uuid) -> bool {
    let done = fixture.store.delete(id, None, true, String::new());
    done.expect("no error") == DeletionResult::Deleted
}

#[test]
fn a_hold_of_a_live_recording_is_in_its_published_manifest() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let [held, released] = [2, 4].map(Uuid::from_u128);
        for (id, stays) in [(held, true), (released, false)] {
            let file = begin(&fixture, id);
            hold(&fixture, id, true);
            assert_eq!(fixture.names_below(".callrec/holds"), [id.to_string()]);
            hold(&fixture, id, stays);
            file.finish(ended(id, EndReason::Stopped), true);
            assert_eq!(fixture.published(id).0.held, stays);
            fixture.wait_until_idle();
            assert!(fixture.names_below(".callrec/holds").is_empty());
            assert_eq!(is_deleted(&fixture, id), !stays);
        }
    });
}

#[test]
fn a_hold_survives_a_kill_and_is_in_the_manifest_that_recovery_publishes() {
    let directory = ScratchDir::new();
    let id = Uuid::from_u128(1);
    let (_, _) = child(Format::WAV, "hold", &directory.0, 0);
    let fixture = StorageFixture::open_in(directory);
    let (published, _) = fixture.published(id);
    assert!(published.held && published.end_reason_is(EndReason::Recovered));
    fixture.settle(id);
    assert!(!is_deleted(&fixture, id));
    let fixture = fixture.reopen();
    assert!(fixture.names_below(".callrec/holds").is_empty());
    assert!(!is_deleted(&fixture, id));
    assert!(fixture.store.hold_published(id, None, false).expect("stored"));
    assert!(is_deleted(&fixture, id));
}

/// Holds a live recording and is killed.
pub fn child_holds(directory: &Path) {
    let fixture = StorageFixture::open_in(ScratchDir(directory.to_owned()));
    let id = Uuid::from_u128(1);
    let _file = begin(&fixture, id);
    hold(&fixture, id, true);
    std::process::abort();
}

#[test]
fn a_hold_is_synced_before_it_is_reported() {
    let mut config = config();
    config.durability = Durability::Finish;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let id = Uuid::from_u128(1);
    let file = begin(&fixture, id);
    let steps = note_steps(&fixture.directory.0, allow_all);
    hold(&fixture, id, true);
    expect_order(&steps, &[FaultPoint::WriteHold, FaultPoint::SyncFolder]);
    let steps = note_steps(&fixture.directory.0, allow_all);
    hold(&fixture, id, false);
    expect_order(&steps, &[FaultPoint::RemoveHold, FaultPoint::SyncFolder]);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture.wait_until_idle();
    let steps = note_steps(&fixture.directory.0, allow_all);
    assert!(fixture.store.hold_published(id, None, true).expect("stored"));
    let order = [
        FaultPoint::WriteHeldManifest,
        FaultPoint::SyncFile,
        FaultPoint::RenameHeldManifest,
        FaultPoint::SyncFolder,
    ];
    expect_order(&steps, &order);
}

#[test]
fn a_hold_that_the_disk_refuses_leaves_nothing() {
    for refused in [FaultPoint::WriteHold, FaultPoint::SyncFolder] {
        let mut config = config();
        config.durability = Durability::Finish;
        let fixture = StorageFixture::open_with(ScratchDir::new(), config);
        let id = Uuid::from_u128(1);
        let file = begin(&fixture, id);
        fixture.set_fault(move |step| match step == refused {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Ok(()),
        });
        assert!(fixture.store.hold_unpublished(id, true).is_err(), "{refused:?}");
        fixture.clear_faults();
        assert!(fixture.names_below(".callrec/holds").is_empty());
        file.finish(ended(id, EndReason::Stopped), true);
        assert!(!fixture.published(id).0.held);
    }
}

/// No recording is published while its hold is being changed.
#[test]
fn publishing_waits_for_a_hold() {
    let fixture = StorageFixture::new();
    let id = Uuid::from_u128(1);
    let file = begin(&fixture, id);
    let turn = fixture.store.turn(id);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.store.hold_unpublished(id, true).expect("stored");
    assert!(!fixture.report.read(|reports| reports.published.contains_key(&id)));
    drop(turn);
    assert!(fixture.published(id).0.held);
}
