//! Deletions and legal holds, with a power cut in any call of the disk.

use std::sync::{Arc, Mutex};

use callrec_core::storage::planted::StorageFault;
use callrec_core::storage::{
    Confirmation, DeletedRecording, DeletionResult, Fragment, Manifest, Platform, RawEntry, StorageConfig,
    StorageListener, Store,
};
use callrec_core::types::{Error, RecordingState};
use uuid::Uuid;

use super::clock::SimClock;
use super::disk::SimDisk;
use crate::random::SeededRng;

/// Occurs in each file that says something about the call.
const CALLER: &str = "caller-7";
const SEEDS: u64 = 3;

fn id() -> Uuid {
    Uuid::from_u128(7)
}

#[derive(Default)]
struct DeletionReports {
    published: Mutex<Vec<(Manifest, bool)>>,
    deleted: Mutex<Vec<bool>>,
}

impl StorageListener for DeletionReports {
    fn created(&self, _: Uuid) {}
    fn create_failed(&self, _: Uuid, _: Error) {}
    fn manifest_updated(&self, _: Uuid, _: u64) {}
    fn write_failed(&self, _: Uuid, _: Error) {}
    fn is_discarded(&self, _: Uuid) -> bool {
        false
    }
    fn published(&self, _: Uuid, manifest: Manifest, repeated: bool) {
        self.published.lock().expect("a lock").push((manifest, repeated));
    }
    fn end_deferred(&self, _: Uuid) {}
    fn job_queued(&self, _: &str, _: Uuid) {}
    fn deleted(&self, deleted: DeletedRecording) -> Option<Confirmation> {
        self.deleted.lock().expect("a lock").push(deleted.is_resumed);
        Some(deleted.confirm)
    }
    fn log(&self, _: i32, message: String) {
        println!("{message}");
    }
}

/// A disk with one published recording, whose end is owed and whose callback is pending.
struct Round {
    clock: Arc<SimClock>,
    disk: SimDisk,
    planted: Option<StorageFault>,
}

fn manifest() -> Manifest {
    Manifest {
        id: id().to_string(),
        started: true,
        state: RecordingState::Finished.text().to_owned(),
        end_reason: "stopped".to_owned(),
        file: "sub/call.wav".to_owned(),
        format: "wav".to_owned(),
        call: Fragment::of(&serde_json::json!({ "username": CALLER })),
        raw: Some(RawEntry {
            file: "sub/call.pcapng".to_owned(),
            ..RawEntry::default()
        }),
        ..Manifest::default()
    }
}

impl Round {
    fn new(seed: u64, planted: Option<StorageFault>) -> Round {
        let clock = Arc::<SimClock>::default();
        let disk = SimDisk::new(clock.clone(), SeededRng::new(seed), Vec::new());
        let bytes = manifest().to_bytes().expect("bytes");
        disk.put_file(&["sub", "call.json"], &bytes);
        disk.put_file(&["sub", "call.wav"], CALLER.as_bytes());
        disk.put_file(&["sub", "call.pcapng"], CALLER.as_bytes());
        let vcon = format!("{{\"uuid\":\"{}\",\"user\":\"{CALLER}\"}}", id());
        disk.put_file(
            &[".callrec", "jobs", "vcon", &format!("{}.vcon.tmp", id())],
            vcon.as_bytes(),
        );
        let live = format!("{}.json", id());
        disk.put_file(&[".callrec", &live], &bytes);
        disk.put_file(&[".callrec", "jobs", "callback", &live], &bytes);
        Round { clock, disk, planted }
    }

    /// Opens the store of the next process and runs its recovery.
    fn open(&mut self, dies_at: u64) -> Option<(Arc<Store>, Arc<DeletionReports>)> {
        self.disk.next_process(dies_at);
        let platform = Platform {
            clock: self.clock.clone(),
            disk: Arc::new(self.disk.clone()),
            ids: Arc::new(Uuid::new_v4),
        };
        let mut config = StorageConfig::new("/recordings");
        set_planted(&mut config, self.planted);
        let reports = Arc::<DeletionReports>::default();
        let store = Store::open(config, &platform, reports.clone()).ok()?;
        store.recovery().run(&*self.clock);
        Some((store, reports))
    }

    /// The names of the files that say something about the call.
    fn about_the_call(&self) -> Vec<String> {
        let says = |data: &[u8]| {
            data.windows(CALLER.len())
                .any(|window| window == CALLER.as_bytes())
        };
        let files = self.disk.files().into_iter();
        files
            .filter(|(_, data)| says(data))
            .map(|(path, _)| path)
            .collect()
    }

    fn published_manifest(&self) -> Option<Manifest> {
        let files = self.disk.files();
        let found = files.iter().find(|(path, _)| path.ends_with("sub/call.json"))?;
        Manifest::from_bytes(&found.1)
    }
}

#[cfg(feature = "faults")]
fn set_planted(config: &mut StorageConfig, planted: Option<StorageFault>) {
    config.panic_at = planted.map(StorageFault::key).unwrap_or_default();
}

#[cfg(not(feature = "faults"))]
fn set_planted(_: &mut StorageConfig, _: Option<StorageFault>) {}

/// What is wrong after a deletion in which the power failed at this call of the disk. `None`: the deletion was over
/// before.
fn delete_with_power_cut(seed: u64, cut: u64, planted: Option<StorageFault>) -> Option<Vec<String>> {
    let mut round = Round::new(seed, planted);
    let whole = round.about_the_call();
    let first = round.open(cut);
    let done = first.map(|(store, _)| store.delete(id(), None, true, "\"line\":1".to_owned()));
    let is_over = !round.disk.has_died();
    let has_succeeded = matches!(done, Some(Ok(DeletionResult::Deleted)));
    round.disk.cut_power();
    let (_, reports) = round.open(u64::MAX).expect("a store");
    let left = round.about_the_call();
    let mut wrong = Vec::new();
    if !left.is_empty() && (has_succeeded || left != whole) {
        wrong.push(format!("seed {seed}, cut {cut}: these are left: {left:?}"));
    }
    let published = reports.published.lock().expect("a lock");
    for (end, repeated) in &*published {
        let is_right = end.state == "finished" && end.end_reason == "stopped" && *repeated;
        if !is_right || (left.is_empty() != end.file.is_empty()) {
            wrong.push(format!("seed {seed}, cut {cut}: the end is {end:?}, {repeated}"));
        }
    }
    if published.len() != 1 {
        wrong.push(format!("seed {seed}, cut {cut}: {} ends", published.len()));
    }
    // Everything is removed in the end.
    if left.is_empty() {
        let names: Vec<String> = round.disk.files().into_iter().map(|(path, _)| path).collect();
        let known = |path: &String| path.ends_with(&format!("{}.json", id())) || path.ends_with("lock");
        if !names.iter().all(known) || names.iter().any(|path| path.contains("deletions")) {
            wrong.push(format!("seed {seed}, cut {cut}: {names:?}"));
        }
    }
    (!is_over).then_some(wrong)
}

/// Cuts the power in each call of the disk. Returns what went wrong.
fn delete_with_each_power_cut(planted: Option<StorageFault>) -> Vec<String> {
    let mut wrong = Vec::new();
    for seed in 0..SEEDS {
        let mut cuts = 0;
        while let Some(found) = delete_with_power_cut(seed, cuts, planted) {
            wrong.extend(found);
            cuts += 1;
        }
        assert!(cuts > 60, "only {cuts} calls");
    }
    wrong
}

#[test]
fn a_power_cut_at_any_call_leaves_a_whole_recording_or_none() {
    let wrong = delete_with_each_power_cut(None);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The syncs are necessary.
#[cfg(feature = "faults")]
#[test]
fn a_deletion_without_syncs_of_names_is_found() {
    assert!(!delete_with_each_power_cut(Some(StorageFault::NamesUnsynced)).is_empty());
}

/// Holds the recording, or releases it; the power fails at this call of the disk. Returns false if that was over
/// before.
fn hold_with_power_cut(seed: u64, cut: u64, is_held: bool) -> bool {
    let mut round = Round::new(seed, None);
    if !is_held {
        let (store, _) = round.open(u64::MAX).expect("a store");
        assert!(store.hold_published(id(), None, true).expect("no error"));
        round.disk.cut_power();
    }
    let first = round.open(cut);
    let done = first.map(|(store, _)| store.hold_published(id(), None, is_held));
    let has_succeeded = matches!(done, Some(Ok(true)));
    let is_over = !round.disk.has_died();
    round.disk.cut_power();
    let (store, _) = round.open(u64::MAX).expect("a store");
    let shown = round.published_manifest().expect("a whole manifest");
    assert!(!has_succeeded || shown.held == is_held, "seed {seed}, cut {cut}");
    let released = Manifest {
        held: false,
        ..shown.clone()
    };
    assert_eq!(released, manifest(), "seed {seed}, cut {cut}");
    let expected = match shown.held {
        true => DeletionResult::Held,
        false => DeletionResult::Deleted,
    };
    let deleted = store.delete(id(), None, true, String::new());
    assert_eq!(deleted.expect("no error"), expected, "seed {seed}, cut {cut}");
    !is_over
}

#[test]
fn a_power_cut_at_any_call_leaves_a_recording_held_or_not() {
    for (seed, is_held) in (0..SEEDS).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut cuts = 0;
        while hold_with_power_cut(seed, cuts, is_held) {
            cuts += 1;
        }
        assert!(cuts > 30, "only {cuts} calls");
    }
}
