//! Deletions that were interrupted, and whose directory is gone when the next process opens: moved away, or on a disk
//! that is not mounted.

use super::deletions::{delete, files_of, open, publish};
use super::*;
use std::sync::atomic::AtomicBool;

/// What the next process finds where the directory was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectoryState {
    Nothing,
    /// As the mount point of a disk that is not mounted.
    EmptyDirectory,
    /// The directory was renamed within the storage directory.
    Moved,
}

/// Where a deletion is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    At(FaultPoint),
    /// The manifest is gone, so nothing but the directory shows that the files are.
    AfterManifest,
}

const INTERRUPTIONS: [Interruption; 4] = [
    Interruption::At(FaultPoint::DeleteJobs),
    Interruption::At(FaultPoint::DeleteAudio),
    Interruption::At(FaultPoint::DeleteManifest),
    Interruption::AfterManifest,
];

/// A recording whose deletion is interrupted. `full`: the disk has no space for the note of the deletion.
fn interrupted_deletion(interruption: Interruption, full: bool) -> (ScratchDir, Uuid) {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    fixture.settle(id);
    let without_manifest = AtomicBool::new(false);
    fixture.set_fault(move |step| {
        let fails = match step {
            FaultPoint::WriteDeletion if full => return Err(io::ErrorKind::StorageFull.into()),
            FaultPoint::SyncFolder => without_manifest.load(Ordering::SeqCst),
            step => interruption == Interruption::At(step),
        };
        without_manifest.fetch_or(step == FaultPoint::DeleteManifest, Ordering::SeqCst);
        match fails {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Ok(()),
        }
    });
    assert!(delete(&fixture, id).is_err());
    fixture.clear_faults();
    (fixture.close(), id)
}

fn move_away(directory: &ScratchDir, place: DirectoryState) -> ScratchDir {
    let elsewhere = ScratchDir::new();
    let from = directory.0.join("sub");
    match place {
        DirectoryState::Moved => fs::rename(&from, directory.0.join("moved")).expect("moved"),
        _ => fs::rename(&from, &elsewhere.0).expect("moved"),
    }
    if place == DirectoryState::EmptyDirectory {
        fs::create_dir(&from).expect("made");
    }
    elsewhere
}

fn cases() -> impl Iterator<Item = (Interruption, bool, DirectoryState)> {
    let places = [
        DirectoryState::Nothing,
        DirectoryState::EmptyDirectory,
        DirectoryState::Moved,
    ];
    let of = move |interruption| [false, true].map(|full| places.map(|place| (interruption, full, place)));
    INTERRUPTIONS
        .into_iter()
        .flat_map(move |interruption| of(interruption).concat())
}

#[test]
fn a_deletion_is_not_complete_while_its_directory_is_missing() {
    for (interruption, full, place) in cases() {
        let case = format!("{interruption:?}, full: {full}, {place:?}");
        let (directory, id) = interrupted_deletion(interruption, full);
        let elsewhere = move_away(&directory, place);
        let fixture = open(directory);
        fixture.wait_until_idle();
        let reported =
            |fixture: &StorageFixture| fixture.report.read(|reports| reports.deleted.contains_key(&id));
        if place == DirectoryState::Moved {
            assert!(reported(&fixture), "{case}: its directory is within reach");
            assert!(fixture.names_below("moved").is_empty(), "{case}");
            continue;
        }
        assert!(!reported(&fixture), "{case}: nobody could look");
        let explained = fixture.report.read(|reports| {
            let missing = |line: &&String| line.contains("is not there: mount it, or move it back");
            reports.logged.iter().filter(missing).count()
        });
        assert_eq!(explained, 1, "{case}");
        let directory = fixture.close();
        let _ = fs::remove_dir(directory.0.join("sub"));
        fs::rename(&elsewhere.0, directory.0.join("sub")).expect("moved back");
        let fixture = open(directory);
        fixture.wait_until_idle();
        assert!(reported(&fixture), "{case}");
        assert!(
            files_of(&fixture, id).is_empty(),
            "{case}: {:?}",
            files_of(&fixture, id)
        );
    }
}
