use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::storage::Fragment;
use crate::storage::disk::Disk;
use crate::storage::os::SystemDisk;
use crate::types::RecordingState;

struct ArchiveFixture {
    dir: tempfile::TempDir,
    archive: Archive,
}

impl ArchiveFixture {
    fn new() -> ArchiveFixture {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let archive = Archive::new(SystemDisk.open_root(dir.path(), false).expect("a directory"));
        ArchiveFixture { dir, archive }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(path, bytes).expect("written");
    }

    /// Writes a finished recording as the publisher does.
    fn publish(&self, file: &str, id: u128, started_at_ms: i64) -> Uuid {
        let id = Uuid::from_u128(id);
        self.write(file, "audio");
        let manifest = manifest(file, id, started_at_ms).to_bytes().expect("bytes");
        self.write(&file.replace(".wav", ".json"), manifest);
        id
    }

    fn all(&self) -> Vec<Uuid> {
        let (total, page) = self.archive.select(|_| true, 0, None, || true);
        assert_eq!(total, page.len());
        page.iter().map(|entry| entry.id).collect()
    }
}

fn manifest(file: &str, id: Uuid, started_at_ms: i64) -> Manifest {
    let mut manifest = Manifest {
        id: id.to_string(),
        state: RecordingState::Finished.text().to_owned(),
        file: file.to_owned(),
        format: "wav".to_owned(),
        duration_ms: 1000,
        bytes: 5,
        call: Fragment::of(&serde_json::json!({ "username": "user1", "direction": "outgoing" })),
        ..Manifest::default()
    };
    manifest.set_started_at(started_at_ms);
    manifest
}

fn entry_of(file: &str, id: Uuid, started_at_ms: i64) -> ArchiveEntry {
    ArchiveEntry::of_manifest(&manifest(file, id, started_at_ms), file).expect("an entry")
}

#[test]
fn a_scan_finds_published_recordings_newest_first() {
    let fixture = ArchiveFixture::new();
    let old = fixture.publish("2020/01/a.wav", 1, 1000);
    let new = fixture.publish("b.c.wav", 2, 2000);
    assert!(!fixture.archive.is_complete());
    assert!(fixture.archive.scan().is_empty());
    assert!(fixture.archive.is_complete());
    assert_eq!(fixture.all(), [new, old]);
    let entry = fixture.archive.find(old).expect("found");
    assert_eq!((entry.file(), entry.username()), ("2020/01/a.wav", "user1"));
    assert_eq!((entry.direction, entry.duration_ms), (2, 1000));
    let manifest = fixture.archive.manifest(new).expect("read").expect("there");
    assert_eq!(manifest.file, "b.c.wav");
}

#[test]
fn audio_or_a_manifest_alone_is_not_found() {
    let fixture = ArchiveFixture::new();
    fixture.write("a.wav", "audio");
    fixture.publish("b.wav", 2, 2);
    fs::remove_file(fixture.path("b.wav")).expect("removed");
    fixture.archive.scan();
    assert_eq!(fixture.archive.select(|_| true, 0, Some(0), || true).0, 0);
}

#[test]
fn foreign_files_links_and_the_control_directory_are_skipped() {
    let fixture = ArchiveFixture::new();
    let good = fixture.publish("good.wav", 1, 1);
    let elsewhere = ArchiveFixture::new();
    elsewhere.publish("sub/far.wav", 2, 2);
    std::os::unix::fs::symlink(elsewhere.path("sub"), fixture.path("sub")).expect("a link");
    for name in ["far.wav", "far.json"] {
        let far = elsewhere.path("sub").join(name);
        std::os::unix::fs::symlink(far, fixture.path(name)).expect("a link");
    }
    fixture.publish(".callrec/x.wav", 3, 3);
    fixture.write("empty.json", "");
    fixture.write("cut.json", "{\"id\":");
    fixture.write("list.json", "[1,2]");
    fixture.write("plain", "text");
    let live = Manifest {
        state: RecordingState::Recording.text().to_owned(),
        ..manifest("live.wav", Uuid::from_u128(4), 4)
    };
    fixture.write("live.json", live.to_bytes().expect("bytes"));
    fixture.write("live.wav", "audio");
    // These lead out of the directory, or name themselves.
    for (id, file) in [(5, "../../etc/passwd"), (6, "odd/../../x.wav"), (7, "self.json")] {
        let odd = manifest(file, Uuid::from_u128(id), 5);
        fixture.write("self.json", odd.to_bytes().expect("bytes"));
        fixture.archive.scan();
    }
    fs::create_dir(fixture.path("directory.json")).expect("a directory");
    assert!(fixture.archive.scan().is_empty());
    assert_eq!(fixture.all(), [good]);
}

#[test]
fn a_recording_in_a_moved_directory_is_found_there() {
    let fixture = ArchiveFixture::new();
    let id = fixture.publish("a/x.wav", 1, 1);
    fs::rename(fixture.path("a"), fixture.path("b")).expect("moved");
    fixture.archive.scan();
    assert_eq!(fixture.archive.find(id).expect("found").file(), "b/x.wav");
}

#[test]
fn a_noted_recording_is_found_once_after_a_scan() {
    let fixture = ArchiveFixture::new();
    let id = fixture.publish("a.wav", 1, 1);
    fixture.archive.note(entry_of("a.wav", id, 1));
    fixture.archive.note(entry_of("a.wav", id, 1));
    assert_eq!(fixture.all(), [id]);
    // A copy is not another recording.
    fixture.publish("copy/a.wav", 1, 1);
    fixture.archive.scan();
    assert_eq!(fixture.all(), [id]);
    assert_eq!(fixture.archive.find(id).expect("found").file(), "a.wav");
}

#[test]
fn a_page_is_cut_from_the_selected_entries() {
    let fixture = ArchiveFixture::new();
    for id in 0..10 {
        fixture.publish(&format!("{id}.wav"), id, id as i64);
    }
    fixture.archive.scan();
    let even = |entry: &ArchiveEntry| entry.started_at_ms % 2 == 0;
    let page = |offset, limit| {
        let (total, page) = fixture.archive.select(even, offset, limit, || true);
        let times: Vec<i64> = page.iter().map(|entry| entry.started_at_ms).collect();
        (total, times)
    };
    assert_eq!(page(1, Some(2)), (5, vec![6, 4]));
    assert_eq!(page(4, Some(9)), (5, vec![0]));
    assert_eq!(page(5, None), (5, vec![]));
    assert_eq!(page(0, Some(0)), (5, vec![]));
}

#[test]
fn removed_files_are_forgotten_and_the_page_is_filled() {
    let fixture = ArchiveFixture::new();
    let ids: Vec<_> = (0..4)
        .map(|id| fixture.publish(&format!("{id}.wav"), id, id as i64))
        .collect();
    fixture.archive.scan();
    fs::remove_file(fixture.path("3.wav")).expect("removed");
    fs::remove_file(fixture.path("2.json")).expect("removed");
    let (total, page) = fixture.archive.select(|_| true, 0, Some(2), || true);
    let found: Vec<_> = page.iter().map(|entry| entry.id).collect();
    assert_eq!((total, found), (2, vec![ids[1], ids[0]]));
    assert!(fixture.archive.find(ids[3]).is_none());
}

#[test]
fn a_reused_name_does_not_match_the_first_recording() {
    let fixture = ArchiveFixture::new();
    let id = fixture.publish("a.wav", 1, 1);
    fixture.archive.scan();
    let other = fixture.publish("a.wav", 2, 2);
    assert!(fixture.archive.open(id).expect("looked").is_none());
    fixture.archive.note(entry_of("a.wav", other, 2));
    assert_eq!(fixture.all(), [other]);
}

#[test]
fn links_are_not_followed_to_open() {
    let fixture = ArchiveFixture::new();
    let elsewhere = ArchiveFixture::new();
    let id = elsewhere.publish("x.wav", 1, 1);
    fixture.publish("a/x.wav", 1, 1);
    fixture.archive.scan();
    fs::remove_dir_all(fixture.path("a")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.dir.path(), fixture.path("a")).expect("a link");
    assert!(fixture.archive.open(id).expect("looked").is_none());
    // The same if only the audio is a link.
    let second = fixture.publish("y.wav", 2, 2);
    fixture.archive.note(entry_of("y.wav", second, 2));
    fs::remove_file(fixture.path("y.wav")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path("x.wav"), fixture.path("y.wav")).expect("a link");
    assert!(fixture.archive.open(second).expect("looked").is_none());
    // The same if the entry's path leads outside and its files exist.
    let outside = Uuid::from_u128(3);
    fixture.publish(".callrec/x.wav", 3, 3);
    fixture.publish("x.wav", 3, 3);
    let inner = fixture.path("inner");
    fs::create_dir(&inner).expect("a directory");
    let inner = Archive::new(SystemDisk.open_root(&inner, false).expect("a directory"));
    inner.note(entry_of("../x.wav", outside, 3));
    assert!(inner.find(outside).is_none());
    fs::remove_file(fixture.path("x.wav")).expect("removed");
    for file in ["../x.wav", "/etc/passwd", "a//x.wav", ".callrec/x.wav", "x"] {
        fixture.archive.note(entry_of(file, outside, 3));
        assert!(fixture.archive.find(outside).is_none(), "{file}");
    }
}

#[test]
fn a_recording_removed_during_a_scan_stays_removed() {
    let fixture = ArchiveFixture::new();
    let id = fixture.publish("a.wav", 1, 1);
    fixture.archive.note(entry_of("a.wav", id, 1));
    fixture.archive.forget(id);
    // As if the scan had read it before.
    fixture.publish("a.wav", 1, 1);
    fixture.archive.scan();
    assert!(fixture.all().is_empty());
}

#[test]
fn a_select_without_a_waiter_stops() {
    let fixture = ArchiveFixture::new();
    for id in 0..10 {
        fixture.publish(&format!("{id}.wav"), id, id as i64);
    }
    fixture.archive.scan();
    let calls = std::cell::Cell::new(0);
    let is_selected = |_: &ArchiveEntry| {
        calls.set(calls.get() + 1);
        true
    };
    fixture.archive.select(is_selected, 0, None, || calls.get() < 3);
    assert_eq!(calls.get(), 3);
}

#[test]
fn ten_thousand_manifests_are_scanned() {
    let fixture = ArchiveFixture::new();
    for id in 0..10_000 {
        fixture.publish(&format!("{}/{id}.wav", id % 100), id, id as i64);
    }
    let begin = Instant::now();
    fixture.archive.scan();
    let scanned = begin.elapsed();
    let (total, page) = fixture.archive.select(|_| true, 5000, Some(10), || true);
    println!("scanned in {scanned:?}, a page {:?}", begin.elapsed() - scanned);
    assert_eq!((total, page.len()), (10_000, 10));
    assert_eq!(page.first().map(|entry| entry.started_at_ms), Some(4999));
}
