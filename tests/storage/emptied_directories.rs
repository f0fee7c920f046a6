//! The directories that deletions empty, and recordings that begin in them meanwhile.

use super::*;
use callrec::storage::DeletionResult;
use std::sync::atomic::AtomicBool;

pub fn publish(fixture: &StorageFixture, id: Uuid, name: &str) {
    let mut file = fixture.begin(id, name);
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture.settle(id);
}

pub fn delete(fixture: &StorageFixture, id: Uuid, name: &str) -> io::Result<DeletionResult> {
    let (file, line) = (format!("{name}.wav"), "\"line\":1".to_owned());
    fixture.store.delete(id, Some(&file), false, line)
}

/// Their names may say who called.
#[test]
fn a_deletion_removes_the_directories_that_it_has_emptied() {
    let fixture = StorageFixture::new();
    let names = ["+4930/today/one", "+4930/today/two", "+4930/three"];
    let ids = [1, 2, 3].map(Uuid::from_u128);
    for (id, name) in ids.into_iter().zip(names) {
        publish(&fixture, id, name);
    }
    let mut left = [
        vec!["three.json", "three.wav", "today"],
        vec!["three.json", "three.wav"],
        vec![],
    ]
    .into_iter();
    for (id, name) in ids.into_iter().zip(names) {
        assert_eq!(
            delete(&fixture, id, name).expect("deleted"),
            DeletionResult::Deleted
        );
        assert_eq!(
            fixture.names_below("+4930"),
            left.next().expect("a state"),
            "{name}"
        );
    }
    assert_eq!(fixture.names(), [".callrec"]);
}

#[test]
fn a_directory_with_a_file_of_others_stays() {
    let fixture = StorageFixture::new();
    let id = Uuid::from_u128(1);
    publish(&fixture, id, "sub/one");
    fs::write(fixture.path("sub/.notes"), "mine").expect("written");
    delete(&fixture, id, "sub/one").expect("deleted");
    assert_eq!(fixture.names_below("sub"), [".notes"]);
}

/// The next open looks for the directory of a deletion that has failed, and removes it then.
#[test]
fn the_directory_of_a_failed_deletion_stays_for_the_next_open() {
    let fixture = StorageFixture::new();
    let (failed, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    publish(&fixture, failed, "sub/one");
    publish(&fixture, other, "sub/two");
    fixture.set_fault(|step| match step == FaultPoint::DeleteManifest {
        true => Err(io::Error::from_raw_os_error(libc::EIO)),
        false => Ok(()),
    });
    assert!(delete(&fixture, failed, "sub/one").is_err());
    fixture.clear_faults();
    // Somebody helps out.
    fs::remove_file(fixture.path("sub/one.json")).expect("removed");
    delete(&fixture, other, "sub/two").expect("deleted");
    assert!(fixture.path("sub").exists());
    let fixture = StorageFixture::open_in(fixture.close());
    fixture
        .report
        .wait_until(|reports| reports.deleted.contains_key(&failed));
    assert_eq!(fixture.names(), [".callrec"]);
}

/// A note that cannot be rewritten names its directory until the deletion is reported, not for as long as the engine
/// is open.
#[test]
fn a_deletion_keeps_its_directory_no_longer_than_its_note() {
    let fixture = StorageFixture::new();
    let (first, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    publish(&fixture, first, "sub/one");
    publish(&fixture, other, "sub/two");
    let notes = AtomicUsize::new(0);
    fixture.set_fault(move |step| {
        match step == FaultPoint::WriteDeletion && notes.fetch_add(1, Ordering::SeqCst) == 1 {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Ok(()),
        }
    });
    delete(&fixture, first, "sub/one").expect("deleted");
    let warnings = fixture.report.read(|reports| reports.logged.len());
    assert_eq!(warnings, 1);
    assert_eq!(fixture.names_below("sub"), ["two.json", "two.wav"]);
    delete(&fixture, other, "sub/two").expect("deleted");
    assert_eq!(fixture.names(), [".callrec"]);
}

#[test]
fn a_recording_begins_in_a_directory_that_is_removed_at_that_moment() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let (root, is_removed) = (fixture.directory.0.clone(), AtomicBool::new(false));
        fixture.set_fault(move |step| {
            if step == FaultPoint::CreateManifest && !is_removed.swap(true, Ordering::SeqCst) {
                fs::remove_dir(root.join("+4930/today")).expect("an empty directory");
                fs::remove_dir(root.join("+4930")).expect("an empty directory");
            }
            Ok(())
        });
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "+4930/today/call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 800)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        assert!(fixture.path(&published.file).exists());
        fixture.settle(id);
        assert_eq!(fixture.control_names(), ["lock"]);
    });
}

/// Deletions empty the directories in which recordings begin.
#[test]
fn recordings_begin_while_their_directories_are_removed() {
    let fixture = StorageFixture::new();
    let mut last = None;
    for number in 0..100 {
        let (id, name) = (Uuid::from_u128(number), format!("+4930/today/{number}"));
        let mut file = fixture.begin(id, &name);
        if let Some((last, name)) = last.replace((id, name)) {
            let deleted = delete(&fixture, last, &name).expect("deleted");
            assert_eq!(deleted, DeletionResult::Deleted);
        }
        file.shape(Format::WAV, 8000, 1);
        file.write(pattern(0, 800)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        fixture.settle(id);
    }
}
