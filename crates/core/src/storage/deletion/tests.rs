use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;

use super::*;
use crate::storage::vcon::VconSource;
use crate::storage::{Durability, Fragment, Platform, RawEntry, StorageConfig, Store};
use crate::types::{Error, RecordingState};

struct Nobody;

impl StorageListener for Nobody {
    fn created(&self, _: Uuid) {}
    fn create_failed(&self, _: Uuid, _: Error) {}
    fn manifest_updated(&self, _: Uuid, _: u64) {}
    fn write_failed(&self, _: Uuid, _: Error) {}
    fn is_discarded(&self, _: Uuid) -> bool {
        false
    }
    fn published(&self, _: Uuid, _: Manifest, _: bool) {}
    fn end_deferred(&self, _: Uuid) {}
    fn job_queued(&self, _: &str, _: Uuid) {}
    fn deleted(&self, deleted: DeletedRecording) -> Option<crate::storage::Confirmation> {
        Some(deleted.confirm)
    }
    fn log(&self, _: i32, message: String) {
        println!("{message}");
    }
}

/// A store without threads, in a directory with files of published recordings.
struct DeletionFixture {
    dir: tempfile::TempDir,
    store: Arc<Store>,
}

impl DeletionFixture {
    fn new() -> DeletionFixture {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = StorageConfig {
            durability: Durability::Process,
            ..StorageConfig::new(dir.path().to_str().expect("UTF-8"))
        };
        let store = Store::open(config, &Platform::system(), Arc::new(Nobody)).expect("a store");
        DeletionFixture { dir, store }
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
    fn publish(&self, file: &str, id: u128) -> Uuid {
        let id = Uuid::from_u128(id);
        self.write(file, "audio");
        let manifest = manifest(file, id).to_bytes().expect("bytes");
        self.write(&file.replace(".wav", ".json"), manifest);
        id
    }

    fn write_vcon(&self, file: &str, id: Uuid) {
        let source = VconSource {
            id,
            manifest: &manifest("x.wav", id),
            created_at_ms: 1,
            sha512: &[1; 64],
        };
        self.write(file, source.to_bytes().expect("bytes"));
    }

    fn delete(&self, id: Uuid, file: Option<&str>, search: bool) -> DeletionResult {
        let deleted = self.store.delete(id, file, search, "\"line\":1".to_owned());
        deleted.expect("no error")
    }

    fn delete_at(&self, id: Uuid, file: &str) -> bool {
        self.delete(id, Some(file), false) == DeletionResult::Deleted
    }

    fn search_and_delete(&self, id: Uuid) -> bool {
        self.delete(id, None, true) == DeletionResult::Deleted
    }
}

fn manifest(file: &str, id: Uuid) -> Manifest {
    Manifest {
        id: id.to_string(),
        state: RecordingState::Finished.text().to_owned(),
        file: file.to_owned(),
        format: "wav".to_owned(),
        call: Fragment::of(&serde_json::json!({ "username": "user1" })),
        ..Manifest::default()
    }
}

#[test]
fn only_the_files_of_the_recording_are_removed() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("a/x.wav", 1);
    fixture.publish("a/y.wav", 2);
    fixture.write("a/x.pcapng", "of somebody else");
    assert!(fixture.delete_at(id, "a/x.wav"));
    assert!(!fixture.path("a/x.wav").exists() && !fixture.path("a/x.json").exists());
    assert!(
        fixture.path("a/x.pcapng").exists(),
        "the manifest names no packets"
    );
    assert!(fixture.path("a/y.wav").exists() && fixture.path("a/y.json").exists());
    assert!(!fixture.delete_at(id, "a/x.wav"), "a second time");
    let notes = fs::read_dir(fixture.path(".callrec/deletions")).expect("the directory");
    assert_eq!(notes.count(), 0, "no note is left");
}

#[test]
fn kept_packets_are_removed() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("x.wav", 1);
    let with_raw = Manifest {
        raw: Some(RawEntry {
            file: "x.pcapng".to_owned(),
            ..RawEntry::default()
        }),
        ..manifest("x.wav", id)
    };
    fixture.write("x.json", with_raw.to_bytes().expect("bytes"));
    fixture.write("x.pcapng", "packets");
    assert!(fixture.delete_at(id, "x.wav"));
    assert!(!fixture.path("x.pcapng").exists());
}

#[test]
fn a_file_beside_a_recording_without_packets_stays() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("x.wav", 1);
    let without_packets = Manifest {
        raw: Some(RawEntry::default()),
        ..manifest("x.wav", id)
    };
    fixture.write("x.json", without_packets.to_bytes().expect("bytes"));
    fixture.write("x.pcapng", "of somebody else");
    assert!(fixture.delete_at(id, "x.wav"));
    assert!(!fixture.path("x.wav").exists());
    assert!(fixture.path("x.pcapng").exists());
}

#[test]
fn the_sidecar_of_the_recording_is_removed_but_no_other_file() {
    let fixture = DeletionFixture::new();
    let ids = [1, 2, 3].map(|id| fixture.publish(&format!("{id}.wav"), id));
    fixture.write_vcon("1.vcon", ids[0]);
    fixture.write_vcon("2.vcon", ids[0]);
    fixture.write("3.vcon", "a file of the host");
    for (id, file) in ids.into_iter().zip(["1.wav", "2.wav", "3.wav"]) {
        assert!(fixture.delete_at(id, file));
    }
    let exists = ["1.vcon", "2.vcon", "3.vcon"].map(|name| fixture.path(name).exists());
    assert_eq!(exists, [false, true, true]);
}

/// A job may write the sidecar while a deletion is in progress.
#[test]
fn a_sidecar_that_outlives_its_recording_is_removed_when_the_deletion_is_completed() {
    let fixture = DeletionFixture::new();
    let id = Uuid::from_u128(1);
    fixture.write_vcon("x.vcon", id);
    let note = DeletionNote {
        file: "x.wav".to_owned(),
        ..DeletionNote::default()
    };
    fixture.write(
        &format!(".callrec/deletions/{id}.json"),
        serde_json::to_vec(&note).expect("bytes"),
    );
    let DeletionFixture { dir, store } = fixture;
    drop(store);
    let config = StorageConfig::new(dir.path().to_str().expect("UTF-8"));
    let _store = Store::open(config, &Platform::system(), Arc::new(Nobody)).expect("a store");
    assert!(!dir.path().join("x.vcon").exists());
}

/// Clients that have found the same recording.
#[test]
fn of_concurrent_deletions_one_succeeds() {
    let fixture = DeletionFixture::new();
    for round in 1..20 {
        let id = fixture.publish("x.wav", round);
        let barrier = Barrier::new(3);
        let delete = || {
            barrier.wait();
            fixture.delete_at(id, "x.wav")
        };
        let succeeded = std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(delete));
            threads.map(|thread| thread.join().expect("no panic"))
        });
        assert_eq!(succeeded.iter().filter(|succeeded| **succeeded).count(), 1);
    }
}

#[test]
fn the_files_of_another_recording_with_the_name_stay() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("a.wav", 1);
    fixture.publish("a.wav", 2);
    assert!(!fixture.delete_at(id, "a.wav"));
    assert!(fixture.path("a.wav").exists(), "the other's file");
    // A note that a power cut has brought back.
    let note = DeletionNote {
        file: "a.wav".to_owned(),
        ..DeletionNote::default()
    };
    let note = serde_json::to_vec(&note).expect("bytes");
    fixture.write(&format!(".callrec/deletions/{id}.json"), &note);
    let DeletionFixture { dir, store } = fixture;
    drop(store);
    let config = StorageConfig::new(dir.path().to_str().expect("UTF-8"));
    let _store = Store::open(config, &Platform::system(), Arc::new(Nobody)).expect("a store");
    assert!(dir.path().join("a.wav").exists() && dir.path().join("a.json").exists());
}

#[test]
fn links_are_not_followed() {
    let fixture = DeletionFixture::new();
    let elsewhere = DeletionFixture::new();
    let id = elsewhere.publish("x.wav", 1);
    std::os::unix::fs::symlink(elsewhere.dir.path(), fixture.path("a")).expect("a link");
    assert!(!fixture.delete_at(id, "a/x.wav") && !fixture.search_and_delete(id));
    assert!(elsewhere.path("x.wav").exists());
    // The same if only the audio is a link.
    let second = fixture.publish("y.wav", 2);
    fs::remove_file(fixture.path("y.wav")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path("x.wav"), fixture.path("y.wav")).expect("a link");
    assert!(fixture.delete_at(second, "y.wav"));
    assert!(elsewhere.path("x.wav").exists(), "only the link was removed");
    // The same for paths that callrec does not use.
    let third = fixture.publish(".hidden/x.wav", 3);
    for file in ["../x.wav", "/etc/passwd", "a//x.wav", ".hidden/x.wav", "x"] {
        assert!(!fixture.delete_at(third, file), "{file}");
    }
    assert!(!fixture.search_and_delete(third));
}

#[test]
fn a_recording_is_found_by_its_name_or_by_its_manifest() {
    let fixture = DeletionFixture::new();
    let named = Uuid::from_u128(1);
    fixture.publish(&format!("a/b/2026_{named}.wav"), 1);
    let moved = fixture.publish("a/x.wav", 2);
    fs::rename(fixture.path("a/x.wav"), fixture.path("x.wav")).expect("moved");
    fs::rename(fixture.path("a/x.json"), fixture.path("x.json")).expect("moved");
    let alone = fixture.publish("alone.wav", 3);
    fs::remove_file(fixture.path("alone.wav")).expect("removed");
    for id in [named, moved, alone] {
        assert!(fixture.search_and_delete(id), "{id}");
        assert!(!fixture.search_and_delete(id), "{id} again");
    }
    assert!(!fixture.path("x.wav").exists() && !fixture.path("alone.json").exists());
    assert!(
        !fixture.path("a").exists(),
        "empty directories are removed as well"
    );
}

#[test]
fn a_held_recording_is_not_deleted_until_it_is_released() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("x.wav", 1);
    let before = fs::read(fixture.path("x.json")).expect("a manifest");
    let hold = |is_held| fixture.store.hold_published(id, None, is_held).expect("no error");
    assert!(hold(true) && hold(true));
    assert_eq!(fixture.delete(id, Some("x.wav"), false), DeletionResult::Held);
    assert_eq!(fixture.delete(id, None, true), DeletionResult::Held);
    let held = Manifest::from_bytes(&fs::read(fixture.path("x.json")).expect("there"));
    assert!(held.expect("a manifest").held && fixture.path("x.wav").exists());
    assert!(hold(false) && hold(false));
    assert_eq!(fs::read(fixture.path("x.json")).expect("there"), before);
    assert!(fixture.delete_at(id, "x.wav"));
    assert!(!hold(true), "there is no such recording");
}

#[test]
fn only_the_end_for_a_cluster_stays_and_nothing_of_the_call_is_left_in_it() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("a/x.wav", 1);
    let job = serde_json::json!({
        "kind": "cluster-end",
        "key": id.to_string(),
        "queued_at_ms": 7,
        "recording": manifest("a/x.wav", id),
        "payload": null,
    });
    let folder = |kind: &str| format!(".callrec/jobs/{kind}/{id}");
    fixture.write(&(folder("cluster-end") + ".json"), job.to_string());
    fixture.write(&(folder("cluster-end") + ".progress"), "user1");
    fixture.write(&(folder("callback") + ".json"), job.to_string());
    assert!(fixture.delete_at(id, "a/x.wav"));
    assert!(!fixture.path(&(folder("callback") + ".json")).exists());
    assert!(!fixture.path(&(folder("cluster-end") + ".progress")).exists());
    let left = fs::read_to_string(fixture.path(&(folder("cluster-end") + ".json"))).expect("the job");
    assert!(!left.contains("user1") && !left.contains("x.wav"), "{left}");
    let left: crate::storage::Job = serde_json::from_str(&left).expect("a job");
    assert_eq!((left.key, left.queued_at_ms), (id.to_string(), 7));
    assert!(left.recording.deleted);
    assert_eq!(left.recording.state, RecordingState::Finished.text());
}

#[test]
fn a_damaged_end_for_a_cluster_is_removed() {
    let fixture = DeletionFixture::new();
    let id = fixture.publish("a/x.wav", 1);
    let job = format!(".callrec/jobs/cluster-end/{id}.json");
    fixture.write(&job, "{\"recording\":{\"call\":{\"username\":\"user1\"");
    assert!(fixture.delete_at(id, "a/x.wav"));
    assert!(!fixture.path(&job).exists());
}
