use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::storage::Fragment;
use crate::storage::disk::Disk;
use crate::storage::os::SystemDisk;
use crate::types::RecordingState;

struct Shelf {
    dir: tempfile::TempDir,
    archive: Archive,
}

impl Shelf {
    fn new() -> Shelf {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let archive = Archive::new(SystemDisk.open_root(dir.path(), false).expect("a directory"));
        Shelf { dir, archive }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(path, bytes).expect("written");
    }

    /// A finished recording as `publish` leaves it.
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
fn a_scan_finds_what_was_published_newest_first() {
    let shelf = Shelf::new();
    let old = shelf.publish("2020/01/a.wav", 1, 1000);
    let new = shelf.publish("b.c.wav", 2, 2000);
    assert!(!shelf.archive.is_complete());
    assert!(shelf.archive.scan().is_empty());
    assert!(shelf.archive.is_complete());
    assert_eq!(shelf.all(), [new, old]);
    let entry = shelf.archive.find(old).expect("found");
    assert_eq!((entry.file(), entry.username()), ("2020/01/a.wav", "user1"));
    assert_eq!((entry.direction, entry.duration_ms), (2, 1000));
    let manifest = shelf.archive.manifest(new).expect("read").expect("there");
    assert_eq!(manifest.file, "b.c.wav");
}

#[test]
fn a_kill_between_audio_and_manifest_leaves_nothing_to_find() {
    let shelf = Shelf::new();
    shelf.write("a.wav", "audio");
    shelf.publish("b.wav", 2, 2);
    fs::remove_file(shelf.path("b.wav")).expect("removed");
    shelf.archive.scan();
    assert_eq!(shelf.archive.select(|_| true, 0, Some(0), || true).0, 0);
}

#[test]
fn odd_files_links_and_the_control_directory_are_passed_over() {
    let shelf = Shelf::new();
    let good = shelf.publish("good.wav", 1, 1);
    let elsewhere = Shelf::new();
    elsewhere.publish("sub/far.wav", 2, 2);
    std::os::unix::fs::symlink(elsewhere.path("sub"), shelf.path("sub")).expect("a link");
    for name in ["far.wav", "far.json"] {
        let far = elsewhere.path("sub").join(name);
        std::os::unix::fs::symlink(far, shelf.path(name)).expect("a link");
    }
    shelf.publish(".callrec/x.wav", 3, 3);
    shelf.write("empty.json", "");
    shelf.write("cut.json", "{\"id\":");
    shelf.write("list.json", "[1,2]");
    shelf.write("plain", "text");
    let live = Manifest {
        state: RecordingState::Recording.text().to_owned(),
        ..manifest("live.wav", Uuid::from_u128(4), 4)
    };
    shelf.write("live.json", live.to_bytes().expect("bytes"));
    shelf.write("live.wav", "audio");
    // These name a way out, or themselves.
    for (id, file) in [(5, "../../etc/passwd"), (6, "odd/../../x.wav"), (7, "self.json")] {
        let odd = manifest(file, Uuid::from_u128(id), 5);
        shelf.write("self.json", odd.to_bytes().expect("bytes"));
        shelf.archive.scan();
    }
    fs::create_dir(shelf.path("directory.json")).expect("a directory");
    assert!(shelf.archive.scan().is_empty());
    assert_eq!(shelf.all(), [good]);
}

#[test]
fn what_was_moved_with_its_directory_is_found_where_it_is() {
    let shelf = Shelf::new();
    let id = shelf.publish("a/x.wav", 1, 1);
    fs::rename(shelf.path("a"), shelf.path("b")).expect("moved");
    shelf.archive.scan();
    assert_eq!(shelf.archive.find(id).expect("found").file(), "b/x.wav");
}

#[test]
fn what_is_noted_is_found_and_a_scan_does_not_double_it() {
    let shelf = Shelf::new();
    let id = shelf.publish("a.wav", 1, 1);
    shelf.archive.note(entry_of("a.wav", id, 1));
    shelf.archive.note(entry_of("a.wav", id, 1));
    assert_eq!(shelf.all(), [id]);
    // A copy of it is no other recording.
    shelf.publish("copy/a.wav", 1, 1);
    shelf.archive.scan();
    assert_eq!(shelf.all(), [id]);
    assert_eq!(shelf.archive.find(id).expect("found").file(), "a.wav");
}

#[test]
fn a_page_is_cut_from_what_is_wanted() {
    let shelf = Shelf::new();
    for id in 0..10 {
        shelf.publish(&format!("{id}.wav"), id, id as i64);
    }
    shelf.archive.scan();
    let even = |entry: &ArchiveEntry| entry.started_at_ms % 2 == 0;
    let page = |offset, limit| {
        let (total, page) = shelf.archive.select(even, offset, limit, || true);
        let times: Vec<i64> = page.iter().map(|entry| entry.started_at_ms).collect();
        (total, times)
    };
    assert_eq!(page(1, Some(2)), (5, vec![6, 4]));
    assert_eq!(page(4, Some(9)), (5, vec![0]));
    assert_eq!(page(5, None), (5, vec![]));
    assert_eq!(page(0, Some(0)), (5, vec![]));
}

#[test]
fn what_the_host_removed_is_forgotten_and_the_page_filled_up() {
    let shelf = Shelf::new();
    let ids: Vec<_> = (0..4)
        .map(|id| shelf.publish(&format!("{id}.wav"), id, id as i64))
        .collect();
    shelf.archive.scan();
    fs::remove_file(shelf.path("3.wav")).expect("removed");
    fs::remove_file(shelf.path("2.json")).expect("removed");
    let (total, page) = shelf.archive.select(|_| true, 0, Some(2), || true);
    let found: Vec<_> = page.iter().map(|entry| entry.id).collect();
    assert_eq!((total, found), (2, vec![ids[1], ids[0]]));
    assert!(shelf.archive.find(ids[3]).is_none());
}

#[test]
fn a_name_that_another_recording_got_is_not_taken_for_the_first() {
    let shelf = Shelf::new();
    let id = shelf.publish("a.wav", 1, 1);
    shelf.archive.scan();
    let other = shelf.publish("a.wav", 2, 2);
    assert!(!shelf.archive.remove(id).expect("looked"));
    assert!(shelf.archive.open(id).expect("looked").is_none());
    assert!(shelf.path("a.wav").exists(), "the other's file");
    shelf.archive.note(entry_of("a.wav", other, 2));
    assert_eq!(shelf.all(), [other]);
}

#[test]
fn remove_takes_audio_and_manifest_and_nothing_else() {
    let shelf = Shelf::new();
    let id = shelf.publish("a/x.wav", 1, 1);
    let other = shelf.publish("a/y.wav", 2, 2);
    shelf.archive.scan();
    assert!(shelf.archive.remove(id).expect("removed"));
    assert!(!shelf.path("a/x.wav").exists() && !shelf.path("a/x.json").exists());
    assert!(!shelf.archive.remove(id).expect("looked"));
    assert!(shelf.archive.manifest(id).expect("looked").is_none());
    assert_eq!(shelf.all(), [other]);
}

#[test]
fn nothing_is_removed_or_opened_through_a_link() {
    let shelf = Shelf::new();
    let elsewhere = Shelf::new();
    let id = elsewhere.publish("x.wav", 1, 1);
    shelf.publish("a/x.wav", 1, 1);
    shelf.archive.scan();
    fs::remove_dir_all(shelf.path("a")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.dir.path(), shelf.path("a")).expect("a link");
    assert!(!shelf.archive.remove(id).expect("looked"));
    assert!(elsewhere.path("x.wav").exists());
    // And where only the audio is one.
    let second = shelf.publish("y.wav", 2, 2);
    shelf.archive.note(entry_of("y.wav", second, 2));
    fs::remove_file(shelf.path("y.wav")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path("x.wav"), shelf.path("y.wav")).expect("a link");
    assert!(shelf.archive.open(second).expect("looked").is_none());
    assert!(shelf.archive.remove(second).expect("removed"));
    assert!(
        elsewhere.path("x.wav").exists(),
        "the link is gone, not what it led to"
    );
    // And where an entry says so, though all of it is there.
    let outside = Uuid::from_u128(3);
    shelf.publish(".callrec/x.wav", 3, 3);
    shelf.publish("x.wav", 3, 3);
    let inner = shelf.path("inner");
    fs::create_dir(&inner).expect("a directory");
    let inner = Archive::new(SystemDisk.open_root(&inner, false).expect("a directory"));
    inner.note(entry_of("../x.wav", outside, 3));
    assert!(inner.find(outside).is_none());
    fs::remove_file(shelf.path("x.wav")).expect("removed");
    for file in ["../x.wav", "/etc/passwd", "a//x.wav", ".callrec/x.wav", "x"] {
        shelf.archive.note(entry_of(file, outside, 3));
        assert!(shelf.archive.find(outside).is_none(), "{file}");
    }
}

#[test]
fn what_is_removed_while_a_scan_runs_does_not_come_back() {
    let shelf = Shelf::new();
    let id = shelf.publish("a.wav", 1, 1);
    shelf.archive.note(entry_of("a.wav", id, 1));
    assert!(shelf.archive.remove(id).expect("removed"));
    // As if the scan had read it before.
    shelf.publish("a.wav", 1, 1);
    shelf.archive.scan();
    assert!(shelf.all().is_empty());
}

#[test]
fn nothing_is_looked_for_that_nobody_waits_for() {
    let shelf = Shelf::new();
    for id in 0..10 {
        shelf.publish(&format!("{id}.wav"), id, id as i64);
    }
    shelf.archive.scan();
    let looked = std::cell::Cell::new(0);
    let wanted = |_: &ArchiveEntry| {
        looked.set(looked.get() + 1);
        true
    };
    shelf.archive.select(wanted, 0, None, || looked.get() < 3);
    assert_eq!(looked.get(), 3);
}

#[test]
fn ten_thousand_manifests() {
    let shelf = Shelf::new();
    for id in 0..10_000 {
        shelf.publish(&format!("{}/{id}.wav", id % 100), id, id as i64);
    }
    let begin = Instant::now();
    shelf.archive.scan();
    let scanned = begin.elapsed();
    let (total, page) = shelf.archive.select(|_| true, 5000, Some(10), || true);
    println!("scanned in {scanned:?}, a page {:?}", begin.elapsed() - scanned);
    assert_eq!((total, page.len()), (10_000, 10));
    assert_eq!(page.first().map(|entry| entry.started_at_ms), Some(4999));
}
