//! Finished recordings: the gateway's archive of them, and responses with their audio.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::sync::watch;
use uuid::Uuid;

pub use super::archive_error::ArchiveError;
use super::archive_search::{ArchiveSearch, CancellableArchive};
use super::audio_backend::AudioBackend;
use super::http::{HttpRequest, HttpResponse};
use super::ranges;
use super::request_audit::note_download;
use callrec_core::calls::{Caller, RecordingView};
use callrec_core::engine::Engine;
use callrec_core::events::{Bus, Event, EventKind, LogLevel, Observer};
use callrec_core::storage::archive::{Archive, ArchiveEntry, ArchiveFields};
use callrec_core::storage::{self, mime_type};
use callrec_core::sync::Mutex;
use callrec_core::sync::thread::JoinHandle;

/// Level "Base Access"; the level below it is "Record Only".
const LEVEL_BASE: u32 = 2;
/// At most this many warnings of one scan are logged.
const WARNINGS_MAX: usize = 10;

/// Whether the caller's level permits reading finished recordings.
pub fn may_read(caller: &Caller) -> bool {
    !matches!(caller, Caller::User { level, .. } if *level < LEVEL_BASE)
}

/// The archive and the tasks that keep it current.
pub struct ArchiveService {
    engine: Arc<Engine>,
    archive: Arc<Archive>,
    search: ArchiveSearch,
    /// Becomes true when the gateway stops.
    stopping: watch::Receiver<bool>,
    observer: Arc<dyn Observer>,
    scanner: Mutex<Option<JoinHandle<()>>>,
}

impl ArchiveService {
    /// Subscribes to the engine's events and starts the scan for earlier recordings. At most
    /// `parallel` queries run concurrently.
    pub fn open(
        engine: &Arc<Engine>,
        parallel: u32,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<ArchiveService> {
        let directory = PathBuf::from(&engine.config().storage.directory);
        let archive = Arc::new(engine.archive()?);
        let observer: Arc<dyn Observer> = Arc::new(ArchiveUpdater {
            archive: archive.clone(),
            directory,
        });
        let (scanned_archive, bus) = (archive.clone(), engine.bus().clone());
        let (scan_over, scanned) = watch::channel(false);
        let scanner = storage::spawn("callrec-archive", &engine.config().thread_hooks, move || {
            scan(&scanned_archive, &bus, &scan_over)
        })?;
        engine.bus().observe(observer.clone());
        Ok(ArchiveService {
            engine: engine.clone(),
            search: ArchiveSearch::new(archive.clone(), parallel, scanned),
            stopping,
            archive,
            observer,
            scanner: Mutex::new(Some(scanner)),
        })
    }

    /// Runs `query` on a thread that may wait for the disk. Waits for the first scan unless the
    /// recording `id` is already known.
    pub async fn query<T: Send + 'static>(
        &self,
        id: Option<Uuid>,
        query: impl FnOnce(&CancellableArchive<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        self.search.run(id, self.stopping.clone(), query).await
    }

    /// The response to a GET or HEAD of a finished recording's audio, with ranges and conditional
    /// requests. The audio is read while it is sent, from the disk or from the store of uploads.
    pub async fn audio_response(
        &self,
        request: &HttpRequest,
        id: Uuid,
    ) -> Result<HttpResponse, ArchiveError> {
        let engine = self.engine.clone();
        let opened = self.query(Some(id), move |archive| {
            let Some(entry) = archive.find(id) else {
                return Ok(None);
            };
            let Some(audio) = open_audio(&engine, archive, id)? else {
                return Ok(None);
            };
            let call_id = entry.call_id().to_owned();
            Ok(Some((audio, mime_type(entry.format()), call_id)))
        });
        let (file, kind, call_id) = opened.await?;
        let mut response = ranges::serve(file, request)
            .await
            .map_err(|_| ArchiveError::Failed)?;
        let headers = response.headers_mut();
        if headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        note_download(&self.engine, request, id, &call_id, &response);
        Ok(response)
    }

    /// Makes the scan end soon.
    pub fn stop(&self) {
        self.archive.stop();
    }

    /// Stops everything. The archive does not touch the directory afterwards.
    pub fn close(&self, engine: &Engine) {
        self.stop();
        engine.bus().forget_observer(&self.observer);
        if let Some(scanner) = self.scanner.lock().take() {
            let _ = scanner.join();
        }
    }
}

/// Opens the local audio, or else the uploaded one. Waits for the disk, but for no store.
fn open_audio(engine: &Engine, archive: &Archive, id: Uuid) -> io::Result<Option<AudioBackend>> {
    if let Some(local) = archive.open(id)? {
        return AudioBackend::new(local).map(Some);
    }
    let Some(manifest) = archive.manifest(id)? else {
        return Ok(None);
    };
    let uploaded_at_ms = manifest.uploaded.as_ref().map_or(0, |entry| entry.uploaded_at_ms);
    let remote = engine.remote_audio(&manifest);
    Ok(remote.map(|file| AudioBackend::uploaded(file, uploaded_at_ms)))
}

fn scan(archive: &Archive, bus: &Bus, scan_over: &watch::Sender<bool>) {
    let unread = archive.scan();
    scan_over.send_replace(archive.is_complete());
    for (directory, error) in unread.iter().take(WARNINGS_MAX) {
        let message = format!(
            "HTTP APIs do not find the finished recordings in the directory \"{directory}\": {error}"
        );
        bus.log(LogLevel::Warning, message);
    }
}

/// Adds published recordings to the archive, and removes deleted ones.
struct ArchiveUpdater {
    archive: Arc<Archive>,
    directory: PathBuf,
}

impl Observer for ArchiveUpdater {
    fn published(&self, event: &Arc<Event>) {
        if let (EventKind::Deleted, Some(view)) = (event.kind, event.subject.recording()) {
            self.archive.forget(view.id);
        }
        if !event.kind.is_terminal() {
            return;
        }
        let view = event.subject.recording();
        if let Some(entry) = view.and_then(|view| entry_of(view, &self.directory)) {
            self.archive.note(entry);
        }
    }
}

/// `None` if the recording left no file.
fn entry_of(view: &RecordingView, directory: &Path) -> Option<ArchiveEntry> {
    let file = Path::new(view.path.as_str()).strip_prefix(directory).ok()?;
    let parts: Option<Vec<_>> = file.iter().map(|part| part.to_str()).collect();
    let file = parts?.join("/");
    // An empty path names the directory itself.
    (!file.is_empty()).then(|| {
        ArchiveEntry::new(&ArchiveFields {
            id: view.id,
            file: &file,
            format: view.spec.audio.format.name(),
            state: view.state,
            started_at_ms: view.started_at_ms,
            ended_at_ms: view.ended_at_ms,
            duration_ms: view.readings.duration_ms,
            bytes: view.readings.bytes,
            direction: view.info.direction,
            call_id: view.info.call_id.as_str(),
            device: view.info.device_name.as_str(),
            number: view.info.directory_number.as_str(),
            username: view.info.username.as_str(),
            remote: view.info.remote_phone_number.as_str(),
            ani: view.info.ani.as_str(),
            dnis: view.info.dnis.as_str(),
        })
    })
}
