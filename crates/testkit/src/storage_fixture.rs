//! A storage directory with its store and the store's threads, on the real disk.

mod byte_file;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callrec_codec::{Format, paged};
use callrec_core::clock::SystemClock;
use callrec_core::storage::{
    Confirmation, DeletedRecording, Durability, Manifest, NameFields, Platform, RecordingFile, RecordingName,
    StorageConfig, StorageListener, Store, Template, spawn,
};
use callrec_core::sync::thread::JoinHandle;
use callrec_core::thread_hooks::ThreadHooks;
use callrec_core::types::{Error, RecordingState};
use uuid::Uuid;

pub use byte_file::ByteFile;

use crate::directory::ScratchDir;
use crate::disk_faults::{self, FaultPoint};
use crate::wait::PATIENCE;
use crate::watched::Watched;

/// The format for tests whose packets differ in size, and whose file is written once, from its
/// beginning to its end.
pub const PAGED: Format = Format::of(&paged::FORMATS[0]);

/// What a store has reported so far.
#[derive(Debug, Default)]
pub struct StorageReports {
    pub created: HashSet<Uuid>,
    pub create_failed: HashMap<Uuid, Error>,
    pub updated: HashSet<(Uuid, u64)>,
    pub write_failed: HashMap<Uuid, Error>,
    pub published: HashMap<Uuid, (Manifest, bool)>,
    pub deferred: HashSet<Uuid>,
    pub logged: Vec<String>,
    /// Recordings that the store shall find discarded. Set by the test.
    pub discarded: HashSet<Uuid>,
    pub queued: HashSet<(String, Uuid)>,
    /// Deleted recordings, and whether an earlier process began the deletion.
    pub deleted: HashMap<Uuid, bool>,
}

/// Collects a store's reports.
#[derive(Default)]
pub struct StorageReport {
    reports: Watched<StorageReports>,
    prints: bool,
}

impl StorageReport {
    pub fn read<T>(&self, look: impl FnOnce(&StorageReports) -> T) -> T {
        look(&self.reports.lock())
    }

    #[track_caller]
    pub fn wait_for<T>(&self, find: impl Fn(&StorageReports) -> Option<T>) -> T {
        self.reports.wait_for("a report of the store", find)
    }

    #[track_caller]
    pub fn wait_until(&self, holds: impl Fn(&StorageReports) -> bool) {
        self.reports.wait_until("a report of the store", holds);
    }

    pub fn discard(&self, id: Uuid) {
        self.reports.change(|reports| reports.discarded.insert(id));
    }

    fn note(&self, text: String, change: impl FnOnce(&mut StorageReports)) {
        if self.prints {
            print_line(&text);
        }
        self.reports.change(change);
    }
}

impl StorageListener for StorageReport {
    fn created(&self, id: Uuid) {
        self.note(format!("created {id}"), |reports| {
            assert!(reports.created.insert(id))
        });
    }

    fn create_failed(&self, id: Uuid, error: Error) {
        self.note(format!("create_failed {id}"), |reports| {
            assert!(reports.create_failed.insert(id, error).is_none())
        });
    }

    fn manifest_updated(&self, id: Uuid, number: u64) {
        self.note(format!("updated {id}"), |reports| {
            assert!(reports.updated.insert((id, number)))
        });
    }

    fn write_failed(&self, id: Uuid, error: Error) {
        self.note(format!("write_failed {id}"), |reports| {
            assert!(!reports.published.contains_key(&id), "the failure comes first");
            assert!(reports.write_failed.insert(id, error).is_none());
        });
    }

    fn is_discarded(&self, id: Uuid) -> bool {
        self.read(|reports| reports.discarded.contains(&id))
    }

    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        self.note(format!("published {id}"), |reports| {
            let earlier = reports.published.insert(id, (manifest, repeated));
            assert!(earlier.is_none(), "{id} is published twice");
        });
    }

    fn end_deferred(&self, id: Uuid) {
        self.note(format!("deferred {id}"), |reports| {
            assert!(!reports.published.contains_key(&id), "{id} is published already");
            assert!(reports.deferred.insert(id));
        });
    }

    fn job_queued(&self, kind: &str, id: Uuid) {
        self.note(format!("queued {kind} {id}"), |reports| {
            assert!(reports.queued.insert((kind.to_owned(), id)))
        });
    }

    fn deleted(&self, deleted: DeletedRecording) -> Option<Confirmation> {
        let DeletedRecording { id, is_resumed, .. } = deleted;
        self.note(format!("deleted {id}"), |reports| {
            assert!(reports.deleted.insert(id, is_resumed).is_none())
        });
        Some(deleted.confirm)
    }

    fn log(&self, level: i32, message: String) {
        eprintln!("log {level}: {message}");
        self.reports.change(|reports| reports.logged.push(message));
    }
}

/// Prints a line at once, also where the test harness captures the output.
pub fn print_line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "\n{text}");
    let _ = out.flush();
}

type ThreadBody = Box<dyn FnOnce(&Arc<Store>) + Send>;

/// A store in a scratch directory, with its threads.
pub struct StorageFixture {
    /// The format of the recordings that [`StorageFixture::begin`] begins.
    pub format: Format,
    pub directory: ScratchDir,
    pub store: Arc<Store>,
    pub report: Arc<StorageReport>,
    threads: StoreThreads,
}

/// The threads of a store. A drop tells them to end, and does not wait for them: a test may
/// have blocked the disk.
struct StoreThreads {
    store: Arc<Store>,
    handles: Vec<JoinHandle<()>>,
}

impl StoreThreads {
    fn join(mut self) {
        self.store.shutdown();
        for thread in self.handles.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

impl Drop for StoreThreads {
    fn drop(&mut self) {
        self.store.shutdown();
    }
}

/// The default configuration of a fixture.
pub fn config() -> StorageConfig {
    let mut config = StorageConfig::new("");
    config.durability = Durability::Process;
    config
}

impl StorageFixture {
    #[allow(clippy::new_without_default)]
    pub fn new() -> StorageFixture {
        StorageFixture::open_in(ScratchDir::new())
    }

    /// The same fixture, for recordings of this format.
    pub fn with_format(self, format: Format) -> StorageFixture {
        StorageFixture { format, ..self }
    }

    pub fn open_in(directory: ScratchDir) -> StorageFixture {
        StorageFixture::open_with(directory, config())
    }

    /// A fixture that also prints what the store reports.
    pub fn printing(directory: ScratchDir) -> StorageFixture {
        StorageFixture::printing_with(directory, config())
    }

    pub fn printing_with(directory: ScratchDir, config: StorageConfig) -> StorageFixture {
        StorageFixture::open(directory, config, true)
    }

    pub fn open_with(directory: ScratchDir, config: StorageConfig) -> StorageFixture {
        StorageFixture::open(directory, config, false)
    }

    fn open(directory: ScratchDir, mut config: StorageConfig, prints: bool) -> StorageFixture {
        config.directory = directory.0.to_str().expect("UTF-8").to_owned();
        let report = Arc::new(StorageReport {
            prints,
            ..StorageReport::default()
        });
        let store =
            Store::open(config, &Platform::system(), Arc::<StorageReport>::clone(&report)).expect("open");
        let mut handles = Vec::new();
        let mut start = |name: &str, body: ThreadBody| {
            let store = Arc::clone(&store);
            handles.push(spawn(name, &ThreadHooks::default(), move || body(&store)).expect("a thread"));
        };
        let (writers, encoders) = store.writers();
        for index in 0..writers + encoders {
            start(
                "callrec-writer",
                Box::new(move |store| store.writer(index).run(&SystemClock)),
            );
        }
        for _ in 0..store.finishers() {
            start(
                "callrec-finish",
                Box::new(|store| store.finisher().run(&SystemClock)),
            );
        }
        for _ in 0..store.syncers() {
            start("callrec-sync", Box::new(|store| store.syncer().run(&SystemClock)));
        }
        start(
            "callrec-recover",
            Box::new(|store| store.recovery().run(&SystemClock)),
        );
        StorageFixture {
            format: Format::WAV,
            directory,
            report,
            threads: StoreThreads {
                store: Arc::clone(&store),
                handles,
            },
            store,
        }
    }

    /// Begins a recording with the fixture's format in the file `path`.
    pub fn begin(&self, id: Uuid, path: &str) -> ByteFile {
        ByteFile::new(self.begin_file(id, path, self.format))
    }

    /// Begins a recording with this format in the file `path`.
    pub fn begin_file(&self, id: Uuid, path: &str, format: Format) -> RecordingFile {
        let (mut first, name) = (manifest(id), name(path));
        first.set_format(format);
        self.store.begin(id, format, Box::new(move || (first, name)))
    }

    /// Waits until a recording is published. Returns its manifest, and whether the report is a
    /// repetition.
    #[track_caller]
    pub fn published(&self, id: Uuid) -> (Manifest, bool) {
        self.report
            .wait_for(|reports| reports.published.get(&id).cloned())
    }

    pub fn settle(&self, id: Uuid) {
        self.store.settle(id);
        self.wait_until_idle();
    }

    #[track_caller]
    pub fn wait_until(&self, holds: impl Fn(&Store) -> bool) {
        let begun = std::time::Instant::now();
        while !holds(&self.store) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for the store");
            self.store.wake_writers();
            // The store's threads need the processor.
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    #[track_caller]
    pub fn wait_until_idle(&self) {
        self.wait_until(Store::is_idle);
    }

    /// Calls `fault` at every step of the store's disk.
    pub fn set_fault(&self, fault: impl Fn(FaultPoint) -> io::Result<()> + Send + Sync + 'static) {
        disk_faults::set(&self.directory, fault);
    }

    pub fn clear_faults(&self) {
        disk_faults::clear(&self.directory);
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The name of an audio file of the fixture's format.
    pub fn audio_name(&self, stem: &str) -> String {
        format!("{stem}.{}", self.format.extension())
    }

    pub fn audio_path(&self, stem: &str) -> PathBuf {
        self.path(&self.audio_name(stem))
    }

    pub fn part_path(&self, stem: &str) -> PathBuf {
        self.path(&format!("{}.part", self.audio_name(stem)))
    }

    pub fn tail_path(&self, id: Uuid) -> PathBuf {
        self.path(&format!(".callrec/{id}.tail"))
    }

    /// Whether the format lets written audio be overwritten in its file.
    fn overwrites(&self) -> bool {
        !self.format.is_compressed()
    }

    /// The step that first writes new audio.
    pub fn write_step(&self) -> FaultPoint {
        match self.overwrites() {
            true => FaultPoint::WriteAudio,
            false => FaultPoint::WriteTail,
        }
    }

    /// The step that writes late audio.
    pub fn patch_step(&self) -> FaultPoint {
        match self.overwrites() {
            true => FaultPoint::PatchAudio,
            false => FaultPoint::PatchTail,
        }
    }

    /// Waits until all audio, `bytes` in total, is on the disk.
    #[track_caller]
    pub fn wait_until_written(&self, bytes: u64) {
        match self.overwrites() {
            true => self.wait_until(|store| store.bytes_written() == bytes),
            false => self.wait_until_idle(),
        }
    }

    pub fn live_path(&self, id: Uuid) -> PathBuf {
        self.path(&format!(".callrec/{id}.json"))
    }

    /// The live manifest of a recording.
    #[track_caller]
    pub fn live_manifest(&self, id: Uuid) -> Manifest {
        let bytes = std::fs::read(self.live_path(id)).expect("a live manifest");
        serde_json::from_slice(&bytes).expect("a whole live manifest")
    }

    pub fn names(&self) -> Vec<String> {
        self.names_below("")
    }

    pub fn control_names(&self) -> Vec<String> {
        self.names_below(".callrec")
    }

    /// The sorted names of one directory's entries; none if it does not exist.
    pub fn names_below(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Ends the threads and closes the store.
    pub fn close(self) -> ScratchDir {
        let StorageFixture {
            directory,
            store,
            threads,
            ..
        } = self;
        threads.join();
        assert_eq!(Arc::strong_count(&store), 1, "the store is still in use");
        drop(store);
        directory
    }

    /// Closes a store whose directory has been moved to `moved`.
    pub fn close_moved(self, moved: ScratchDir) -> ScratchDir {
        let old = self.close();
        disk_faults::clear(&old);
        moved
    }

    /// Closes the store and opens its directory again.
    pub fn reopen(self) -> StorageFixture {
        let format = self.format;
        StorageFixture::open_in(self.close()).with_format(format)
    }
}

/// The name that a template without call data gives to a recording.
pub fn name(path: &str) -> RecordingName {
    let template = Template::parse(path).expect("a template");
    template.render(&NameFields {
        id: Uuid::nil(),
        call_id: "",
        device: "",
        number: "",
        user: "",
        remote: "",
        ani: "",
        dnis: "",
        host: "",
        layout: "",
        started_at_ms: 0,
        attribute: &|_| None,
    })
}

/// The manifest of a recording that has just begun.
pub fn manifest(id: Uuid) -> Manifest {
    let mut manifest = Manifest {
        id: id.to_string(),
        format: "wav".to_owned(),
        layout: "mono".to_owned(),
        state: RecordingState::Recording.text().to_owned(),
        ..Manifest::default()
    };
    manifest.set_started_at(1_700_000_000_000);
    manifest
}
