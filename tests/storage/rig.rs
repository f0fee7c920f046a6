//! A store with its threads, in a directory of its own.

use super::audio::{ByteFile, PAGED};
use callrec::clock::SystemClock;
use callrec::codec::Format;
use callrec::storage::faults::{self, FaultPoint};
use callrec::storage::{
    Durability, Manifest, ManifestSource, NameFields, Platform, RecordingName, StorageConfig,
    StorageListener, Store, Template, spawn,
};
use callrec::words::{EndReason, Error, State};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::PATIENCE;
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

#[derive(Default)]
pub struct Told {
    pub created: HashSet<Uuid>,
    pub create_failed: HashMap<Uuid, Error>,
    pub marked: HashSet<(Uuid, u32)>,
    pub write_failed: HashMap<Uuid, Error>,
    pub published: HashMap<Uuid, (Manifest, bool)>,
    pub left: HashSet<Uuid>,
    pub logged: Vec<String>,
    /// What the engine would say of them.
    pub discarded: HashSet<Uuid>,
    pub queued: HashSet<(String, Uuid)>,
}

/// Keeps all that is told; `aloud` also prints it.
#[derive(Default)]
pub struct Seen {
    told: Mutex<Told>,
    bell: Condvar,
    aloud: bool,
}

impl Seen {
    pub fn seen<T>(&self, ask: impl Fn(&Told) -> T) -> T {
        ask(&self.told.lock())
    }

    pub fn wait_for<T>(&self, ask: impl Fn(&Told) -> Option<T>) -> T {
        let mut told = self.told.lock();
        loop {
            if let Some(answer) = ask(&told) {
                return answer;
            }
            let waited = self.bell.wait_for(&mut told, PATIENCE);
            assert!(!waited.timed_out(), "waited in vain");
        }
    }

    pub fn wait(&self, ask: impl Fn(&Told) -> bool) {
        self.wait_for(|told| ask(told).then_some(()));
    }

    pub fn discard(&self, id: Uuid) {
        self.told.lock().discarded.insert(id);
    }

    fn tell(&self, text: String, change: impl FnOnce(&mut Told)) {
        if self.aloud {
            say(&text);
        }
        change(&mut self.told.lock());
        self.bell.notify_all();
    }
}

impl StorageListener for Seen {
    fn created(&self, id: Uuid) {
        self.tell(format!("created {id}"), |told| assert!(told.created.insert(id)));
    }

    fn create_failed(&self, id: Uuid, error: Error) {
        self.tell(format!("create_failed {id}"), |told| {
            assert!(told.create_failed.insert(id, error).is_none())
        });
    }

    fn manifest_updated(&self, id: Uuid, mark: u32) {
        self.tell(format!("marked {id}"), |told| {
            assert!(told.marked.insert((id, mark)))
        });
    }

    fn write_failed(&self, id: Uuid, error: Error) {
        self.tell(format!("write_failed {id}"), |told| {
            assert!(!told.published.contains_key(&id), "the failure is told first");
            assert!(told.write_failed.insert(id, error).is_none());
        });
    }

    fn is_discarded(&self, id: Uuid) -> bool {
        self.seen(|told| told.discarded.contains(&id))
    }

    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        self.tell(format!("published {id}"), |told| {
            assert!(
                told.published.insert(id, (manifest, repeated)).is_none(),
                "told once"
            );
        });
    }

    fn end_deferred(&self, id: Uuid) {
        self.tell(format!("left {id}"), |told| {
            assert!(!told.published.contains_key(&id), "nobody was told");
            assert!(told.left.insert(id));
        });
    }

    fn job_queued(&self, kind: &str, id: Uuid) {
        self.tell(format!("queued {kind} {id}"), |told| {
            assert!(told.queued.insert((kind.to_owned(), id)))
        });
    }

    fn log(&self, level: i32, message: String) {
        eprintln!("log {level}: {message}");
        self.told.lock().logged.push(message);
        self.bell.notify_all();
    }
}

/// Past the test harness, and at once.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "\n{text}");
    let _ = out.flush();
}

type Body = Box<dyn FnOnce(&Arc<Store>) + Send>;

pub struct Rig {
    /// Of the recordings that it begins.
    pub format: Format,
    pub directory: ScratchDir,
    pub store: Arc<Store>,
    pub report: Arc<Seen>,
    threads: Threads,
}

/// The threads of a store. Nobody may wait for them, because a test may have stopped the disk,
/// but they end when the rig goes.
struct Threads {
    store: Arc<Store>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    fn join(mut self) {
        self.store.shutdown();
        for thread in self.handles.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.store.shutdown();
    }
}

pub fn config() -> StorageConfig {
    let mut config = StorageConfig::new("");
    config.durability = Durability::Process;
    config
}

impl Rig {
    pub fn new() -> Rig {
        Rig::on(ScratchDir::new())
    }

    /// The same rig, for recordings of this format.
    pub fn of(self, format: Format) -> Rig {
        Rig { format, ..self }
    }

    pub fn on(directory: ScratchDir) -> Rig {
        Rig::with(directory, config())
    }

    pub fn talking(directory: ScratchDir) -> Rig {
        Rig::open(directory, config(), true)
    }

    pub fn with(directory: ScratchDir, config: StorageConfig) -> Rig {
        Rig::open(directory, config, false)
    }

    fn open(directory: ScratchDir, mut config: StorageConfig, aloud: bool) -> Rig {
        config.directory = directory.0.to_str().expect("UTF-8").to_owned();
        let report = Arc::new(Seen {
            aloud,
            ..Seen::default()
        });
        let store = Store::open(config, &Platform::system(), Arc::<Seen>::clone(&report)).expect("open");
        let mut handles = Vec::new();
        let mut start = |name: &str, body: Body| {
            let store = Arc::clone(&store);
            handles.push(spawn(name, move || body(&store)).expect("a thread"));
        };
        for index in 0..2 {
            start(
                "callrec-writer",
                Box::new(move |store| store.writer(index).run(&SystemClock)),
            );
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
        Rig {
            format: Format::WAV,
            directory,
            report,
            threads: Threads {
                store: Arc::clone(&store),
                handles,
            },
            store,
        }
    }

    pub fn begin(&self, id: Uuid, path: &str) -> ByteFile {
        let (mut first, name) = (manifest(id), name(path));
        first.format = self.format.name().to_owned();
        ByteFile::new(self.store.begin(id, Box::new(move || (first, name))))
    }

    pub fn published(&self, id: Uuid) -> (Manifest, bool) {
        self.report.wait_for(|told| told.published.get(&id).cloned())
    }

    pub fn settle(&self, id: Uuid) {
        self.store.settle(id);
        self.idle();
    }

    pub fn until(&self, ask: impl Fn(&Store) -> bool) {
        let begun = std::time::Instant::now();
        while !ask(&self.store) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain");
            self.store.wake_writers();
            // Left to the threads that it waits for.
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    pub fn idle(&self) {
        self.until(Store::is_idle);
    }

    pub fn fault(&self, fault: impl Fn(FaultPoint) -> io::Result<()> + Send + Sync + 'static) {
        faults::set(&self.directory.0, Arc::new(fault));
    }

    pub fn clear_faults(&self) {
        faults::clear(&self.directory.0);
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.0.join(file)
    }

    /// The name of an audio file of the rig's format.
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

    /// Whether audio that is in a file can be written over there.
    fn rewrites(&self) -> bool {
        self.format != PAGED
    }

    /// Where new audio is first written.
    pub fn write_step(&self) -> FaultPoint {
        match self.rewrites() {
            true => FaultPoint::WriteAudio,
            false => FaultPoint::WriteTail,
        }
    }

    /// Where late audio is written.
    pub fn patch_step(&self) -> FaultPoint {
        match self.rewrites() {
            true => FaultPoint::PatchAudio,
            false => FaultPoint::PatchTail,
        }
    }

    /// Until all that was given to recordings is on the disk, which is so much.
    pub fn written(&self, bytes: u64) {
        match self.rewrites() {
            true => self.until(|store| store.bytes_written() == bytes),
            false => self.idle(),
        }
    }

    pub fn live_path(&self, id: Uuid) -> PathBuf {
        self.path(&format!(".callrec/{id}.json"))
    }

    pub fn names(&self) -> Vec<String> {
        self.names_below("")
    }

    pub fn control_names(&self) -> Vec<String> {
        self.names_below(".callrec")
    }

    pub fn names_below(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Ends the threads and lets go of the directory.
    pub fn close(self) -> ScratchDir {
        let Rig {
            directory,
            store,
            threads,
            ..
        } = self;
        threads.join();
        assert_eq!(Arc::strong_count(&store), 1, "nobody else holds the store");
        drop(store);
        directory
    }

    /// Closes it; its directory is here by now.
    pub fn close_moved(self, moved: ScratchDir) -> ScratchDir {
        let left = self.close();
        faults::clear(&left.0);
        moved
    }

    /// Closes it, and opens the directory again.
    pub fn reopen(self) -> Rig {
        let format = self.format;
        Rig::on(self.close()).of(format)
    }
}

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

pub fn manifest(id: Uuid) -> Manifest {
    let mut manifest = Manifest {
        id: id.to_string(),
        format: "wav".to_owned(),
        layout: "mono".to_owned(),
        state: State::Recording.text().to_owned(),
        ..Manifest::default()
    };
    manifest.set_started_at(1_700_000_000_000);
    manifest
}

/// A manifest that stays as it is.
struct Fixed(Manifest);

impl ManifestSource for Fixed {
    fn manifest(&self) -> Box<Manifest> {
        Box::new(self.0.clone())
    }
}

pub fn fixed(manifest: Manifest) -> Arc<dyn ManifestSource> {
    Arc::new(Fixed(manifest))
}

pub fn ended(id: Uuid, reason: EndReason) -> Box<Manifest> {
    let mut manifest = manifest(id);
    manifest.end_reason = reason.text().to_owned();
    Box::new(manifest)
}

pub fn live(rig: &Rig, id: Uuid) -> Manifest {
    let bytes = fs::read(rig.live_path(id)).expect("a live manifest");
    serde_json::from_slice(&bytes).expect("whole")
}

/// Runs a task of `in_a_child` in a process, for recordings of this format; what it said, and
/// whether it ended well.
pub fn child(format: Format, task: &str, directory: &Path, number: usize) -> (String, bool) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "in_a_child",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("STORAGE_FORMAT", format.name())
        .env("STORAGE_TASK", task)
        .env("STORAGE_DIRECTORY", directory)
        .env("STORAGE_NUMBER", number.to_string())
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let kept: Vec<&str> = said
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("running ") && !line.starts_with("test "))
        .collect();
    (kept.join("\n"), output.status.success())
}
