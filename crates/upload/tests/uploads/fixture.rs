//! An engine that uploads, and what it made.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callrec_core::calls::{CallInfo, Caller, ControlOperation, Filter};
use callrec_core::config::Config;
use callrec_core::engine::{Engine, FeedSlot, OpenFeed};
use callrec_core::events::{Event, EventKind, Listener, LogLevel, LogListener, SubscriptionOptions};
use callrec_core::recorder::{Recorder, UploadCounts};
use callrec_core::storage::Manifest;
use callrec_core::text::Text;
use callrec_core::types::{Codec, FeedFormat, FeedOptions, Format, Leg, RecordingState, Status};
use callrec_testkit::wait;
use callrec_upload::{UploadSettings, Uploader};
use uuid::Uuid;

pub const CLOSE: Duration = Duration::from_secs(60);

/// Keys with which a test need not wait for retries.
pub const FAST: [(&str, &str); 2] = [("upload.retry_ms", "20"), ("upload.retry_max_ms", "40")];

/// The event of an upload.
#[derive(Clone, Debug)]
pub struct UploadEvent {
    pub id: Uuid,
    pub kind: EventKind,
    pub object_url: String,
    pub json: serde_json::Value,
}

/// The events and log lines of an engine.
#[derive(Default)]
pub struct UploadReports {
    events: Mutex<Vec<UploadEvent>>,
    lines: Mutex<Vec<String>>,
}

impl Listener for UploadReports {
    fn event(&self, event: &Event, sequence: u64) {
        if let (EventKind::Uploaded | EventKind::UploadFailed, Some(view)) =
            (event.kind, event.subject.recording())
        {
            let json = serde_json::from_str(&event.json(sequence)).expect("JSON");
            locked(&self.events).push(UploadEvent {
                id: view.id,
                kind: event.kind,
                object_url: event.object_url.clone(),
                json,
            });
        }
    }
}

impl LogListener for UploadReports {
    fn log(&self, _: LogLevel, message: &str) {
        // Shown if the test fails.
        println!("{message}");
        locked(&self.lines).push(message.to_owned());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open engine with an uploader.
pub struct UploadEngine {
    pub directory: PathBuf,
    pub engine: Arc<Engine>,
    pub reports: Arc<UploadReports>,
}

/// A finished recording.
#[derive(Clone, Debug)]
pub struct MadeRecording {
    pub id: Uuid,
    /// The path of its audio below the storage directory.
    pub file: String,
}

#[derive(Clone, Default)]
struct TestFeed(Arc<Mutex<Option<OpenFeed>>>);

impl FeedSlot for TestFeed {
    fn take(&self) -> Option<OpenFeed> {
        locked(&self.0).take()
    }
}

impl UploadEngine {
    pub fn open(directory: &Path, keys: &[(&str, &str)]) -> UploadEngine {
        UploadEngine::try_open(directory, keys).unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub fn try_open(
        directory: &Path,
        keys: &[(&str, &str)],
    ) -> Result<UploadEngine, callrec_core::types::Error> {
        let (mut config, mut upload) = (Config::default(), UploadSettings::default());
        config.set("storage.directory", &directory.to_string_lossy())?;
        config.set("media.clock", "stream")?;
        config.set("storage.min_free_bytes", "0")?;
        for (key, value) in keys {
            match upload.set_known(key, value) {
                Some(set) => set?,
                None => config.set(key, value)?,
            }
        }
        Uploader::check(&upload)?;
        config.storage.jobs = Uploader::jobs(&upload);
        let engine = Engine::open(config)?;
        let reports = Arc::new(UploadReports::default());
        engine.bus().set_log(Some(reports.clone()));
        let subscribed = engine.subscribe(SubscriptionOptions::default(), reports.clone());
        assert!(subscribed.is_ok());
        Uploader::start(&engine, upload)?;
        Ok(UploadEngine {
            directory: directory.to_owned(),
            engine,
            reports,
        })
    }

    /// Makes a recording with this many seconds of audio, 192,000 bytes each.
    pub fn record(&self, seconds: usize) -> MadeRecording {
        let name = Text::from(Uuid::new_v4().to_string());
        let info = CallInfo {
            call_id: name.clone(),
            ..CallInfo::default()
        };
        let call = self.engine.begin_call(info).expect("a call");
        let spec = self.engine.default_spec(Format::WAV);
        let target = Filter::call(&name);
        let id = self.engine.start(&Caller::Host, &target, Ok(spec));
        let id = id.expect("started");
        let slot = TestFeed::default();
        let options = FeedOptions {
            format: FeedFormat {
                codec: Codec::Pcm16,
                rate: 48_000,
            },
            ahead_ms: 0,
            channels: 2,
        };
        let place = |open: &mut Option<OpenFeed>| {
            *locked(&slot.0) = open.take();
            Some(slot.clone())
        };
        call.open_feed(Leg::Local, options, place).expect("a feed");
        for number in 0..seconds * 50 {
            write(&slot, number);
        }
        let id_text = id.to_string();
        let stop = ControlOperation::Stop;
        self.engine
            .control_by_id(&Caller::Host, stop, &id_text)
            .expect("stopped");
        call.end().expect("ended");
        let mut file = String::new();
        wait::until("the recording ends", || {
            let view = self.engine.get(&Caller::Host, &id_text).expect("known");
            let path = Path::new(view.path.as_str()).strip_prefix(&self.directory);
            file = path.map_or(String::new(), |path| path.to_string_lossy().into_owned());
            view.state == RecordingState::Finished
        });
        MadeRecording { id, file }
    }

    pub fn counts(&self) -> UploadCounts {
        self.engine.upload_counts().expect("it uploads")
    }

    pub fn events(&self) -> Vec<UploadEvent> {
        locked(&self.reports.events).clone()
    }

    /// Waits for the event of this recording's upload.
    #[track_caller]
    pub fn wait_for(&self, id: Uuid) -> UploadEvent {
        let mut found = None;
        wait::until("the event of an upload", || {
            found = self.events().into_iter().find(|event| event.id == id);
            found.is_some()
        });
        found.expect("found")
    }

    #[track_caller]
    pub fn wait_until_uploaded(&self, id: Uuid) -> UploadEvent {
        let event = self.wait_for(id);
        assert_eq!(event.kind, EventKind::Uploaded, "{}", event.json);
        event
    }

    /// Waits for a log line that contains all of these.
    #[track_caller]
    pub fn wait_for_line(&self, parts: &[&str]) -> String {
        let mut found = None;
        wait::until(&format!("a log line with {parts:?}"), || {
            let lines = locked(&self.reports.lines);
            found = lines
                .iter()
                .find(|line| parts.iter().all(|part| line.contains(part)))
                .cloned();
            found.is_some()
        });
        found.expect("found")
    }

    /// Waits until the first part of the recording's audio is uploaded and noted. Returns the path
    /// of the note below the storage directory.
    #[track_caller]
    pub fn wait_for_part(&self, made: &MadeRecording) -> String {
        let path = format!(".callrec/jobs/upload/{}.progress", made.id);
        wait::until("the first part is noted", || {
            let noted = std::fs::read(self.path(&path)).unwrap_or_default();
            let noted: serde_json::Value = serde_json::from_slice(&noted).unwrap_or_default();
            noted["objects"][0]["parts"]["parts"][0].is_string()
        });
        path
    }

    /// Whether an attempt has failed that will be repeated.
    pub fn has_retried(&self) -> bool {
        let lines = locked(&self.reports.lines);
        lines.iter().any(|line| line.contains("will be tried again"))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    pub fn manifest(&self, made: &MadeRecording) -> Manifest {
        let path = self.path(&made.file).with_extension("json");
        Manifest::from_bytes(&std::fs::read(path).expect("a manifest")).expect("valid")
    }

    pub fn delete(&self, id: Uuid) -> Result<(), Status> {
        let deleted = self.engine.delete(&Caller::Host, &id.to_string());
        deleted.map_err(|error| error.status)
    }

    pub fn close(self) {
        self.engine.close(CLOSE).expect("closed");
    }
}

impl Drop for UploadEngine {
    /// Also of a test that fails.
    fn drop(&mut self) {
        let _ = self.engine.close(CLOSE);
    }
}

/// Writes 20 ms of audio that no other 20 ms have.
fn write(slot: &TestFeed, number: usize) {
    let mut samples = vec![0; 960 * 4];
    samples[..8].copy_from_slice(&(number as u64).to_le_bytes());
    loop {
        let now_ns = callrec_core::clock::coarse_ns();
        let waiter = {
            let mut open = locked(&slot.0);
            let feed = &mut open.as_mut().expect("open").feed;
            match feed.write(&samples, now_ns) {
                Status::Overrun => feed.waiter(),
                status => {
                    assert_eq!(status, Status::Ok);
                    return;
                }
            }
        };
        assert!(waiter.wait(CLOSE), "the feed stays full");
    }
}

/// Changes a file without changing its size.
pub fn change_last_byte(path: &Path) {
    let mut bytes = std::fs::read(path).expect("readable");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(path, bytes).expect("written");
}

/// All files below a directory, by their path.
pub fn files_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => pending.push(path),
                false => {
                    let name = path.strip_prefix(directory).expect("below");
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}
