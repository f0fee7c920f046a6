//! The storage layer on real directories.
#![cfg(feature = "faults")]

#[path = "storage/audio.rs"]
mod audio;
#[path = "storage/child_tasks.rs"]
mod child_tasks;
#[path = "storage/compaction.rs"]
mod compaction;
#[path = "storage/consistent_ends.rs"]
mod consistent_ends;
#[path = "storage/deletions.rs"]
mod deletions;
#[path = "storage/disk_errors.rs"]
mod disk_errors;
#[path = "storage/durability.rs"]
mod durability;
#[path = "storage/emptied_directories.rs"]
mod emptied_directories;
#[path = "storage/encoders.rs"]
mod encoders;
#[path = "storage/failures.rs"]
mod failures;
#[path = "storage/fixture.rs"]
mod fixture;
#[path = "storage/flac_files.rs"]
mod flac_files;
#[path = "storage/held_files.rs"]
mod held_files;
#[path = "storage/holds.rs"]
mod holds;
#[path = "storage/huge_files.rs"]
mod huge_files;
#[path = "storage/jobs.rs"]
mod jobs;
#[path = "storage/kills.rs"]
mod kills;
#[path = "storage/left_behind.rs"]
mod left_behind;
#[path = "storage/leg_entries.rs"]
mod leg_entries;
#[path = "storage/limits.rs"]
mod limits;
#[path = "storage/lock.rs"]
mod lock;
#[path = "storage/missing_directories.rs"]
mod missing_directories;
#[path = "storage/moved_directory.rs"]
mod moved_directory;
#[path = "storage/names.rs"]
mod names;
#[path = "storage/ogg_opus.rs"]
mod ogg_opus;
#[path = "storage/outbox_migration.rs"]
mod outbox_migration;
#[path = "storage/patches.rs"]
mod patches;
#[path = "storage/power.rs"]
mod power;
#[path = "storage/power_starts.rs"]
mod power_starts;
#[path = "storage/raw_files.rs"]
mod raw_files;
#[path = "storage/recordings.rs"]
mod recordings;
#[path = "storage/recovery.rs"]
mod recovery;
#[path = "storage/refused.rs"]
mod refused;
#[path = "storage/sealing.rs"]
mod sealing;
#[path = "storage/sidecars.rs"]
mod sidecars;
#[path = "storage/tagged_files.rs"]
mod tagged_files;
#[path = "storage/tail_kills.rs"]
mod tail_kills;
#[path = "storage/tails.rs"]
mod tails;
#[path = "storage/versions.rs"]
mod versions;

use audio::*;
use callrec::storage::faults::{self, FaultPoint};
use callrec::storage::{
    DEFAULT_TEMPLATE, Digest, Durability, LegEntry, Manifest, NameFields, Platform, Reasons, SpanEntry,
    StorageConfig, Store, Template,
};
use callrec::types::{EndReason, Error, Format, RecordingState, Status, parse_format};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::tree::copy_tree;
use child_tasks::*;
use consistent_ends::is_end_reported_or_deferred;
use fixture::*;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

/// The body of the child processes that other tests start.
#[test]
#[ignore = "the body of a process that other tests start"]
fn run_child_task() {
    let (Ok(format), Ok(task), Ok(directory), Ok(number)) = (
        std::env::var("STORAGE_FORMAT"),
        std::env::var("STORAGE_TASK"),
        std::env::var("STORAGE_DIRECTORY"),
        std::env::var("STORAGE_NUMBER"),
    ) else {
        return;
    };
    let number: usize = number.parse().expect("a number");
    let directory = Path::new(&directory);
    callrec::lame::provide();
    let format = parse_format(&format).expect("a format");
    let system = FileSystemKind::of(&task);
    match task.split(" by ").next().expect("a task") {
        "open" => {
            let opened = Store::open(
                StorageConfig::new(directory.to_str().expect("UTF-8")),
                &Platform::system(),
                Arc::new(StorageReport::default()),
            );
            print_line(&format!("{:?}", opened.err().map(|error| error.status)));
        }
        #[cfg(target_os = "linux")]
        "record lock" => child_locks_records(directory),
        "live" => child_aborts_while_live(directory, format, number),
        "recover" => {
            abort_at(directory, number, system);
            let fixture = StorageFixture::open_in(ScratchDir(directory.to_owned()));
            fixture.wait_until_idle();
            std::mem::forget(fixture.close());
        }
        "record" => child_record(directory, format, number, system),
        #[cfg(target_os = "linux")]
        "seal" => sealing::child_seals(directory, format, number),
        "patches" => patches::child_patches(directory, format, number),
        "job" => jobs::child_performs_job(directory, number),
        "delete" => deletions::child_deletes(directory, number, system),
        "delete on full disk" => deletions::child_deletes_on_full_disk(directory, number, true),
        "delete without inodes" => deletions::child_deletes_on_full_disk(directory, number, false),
        "hold" => holds::child_holds(directory),
        "sidecar" => sidecars::child_writes_sidecar(directory, number, system),
        _ => panic!("no such task"),
    }
}
