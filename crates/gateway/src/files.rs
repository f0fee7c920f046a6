//! Finished recordings: the archive that the gateway keeps of them, and how their audio
//! is sent.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::sync::watch;
use uuid::Uuid;

use super::audited::note_download;
use super::http::{Answer, Asked};
pub use super::missing::Missing;
use super::ranges;
use super::search::{Open, Search};
use super::sent_audio::SentAudio;
use callrec_core::calls::{Caller, View};
use callrec_core::engine::Engine;
use callrec_core::events::{Bus, Event, LogLevel, Observer};
use callrec_core::storage::archive::{Archive, ArchiveEntry, ArchiveFields};
use callrec_core::storage::{self, mime_type};
use callrec_core::sync::Mutex;
use callrec_core::sync::thread::JoinHandle;

/// "Base Access"; below it is "Record Only".
const LEVEL_BASE: u32 = 2;
/// So many of a scan's complaints are logged.
const COMPLAINTS: usize = 10;

/// Whether finished recordings are for this caller at all.
pub fn may_read(caller: &Caller) -> bool {
    !matches!(caller, Caller::User { level, .. } if *level < LEVEL_BASE)
}

/// The archive, and what keeps it current.
pub struct Shelf {
    engine: Arc<Engine>,
    archive: Arc<Archive>,
    search: Search,
    /// Turns true when the gateway is to stop.
    stopping: watch::Receiver<bool>,
    observer: Arc<dyn Observer>,
    scanner: Mutex<Option<JoinHandle<()>>>,
}

impl Shelf {
    /// Hears of every recording from here on; those of before are being looked for.
    /// So many requests search at the same time.
    pub fn open(engine: &Arc<Engine>, parallel: u32, stopping: watch::Receiver<bool>) -> io::Result<Shelf> {
        let directory = PathBuf::from(&engine.config().storage.directory);
        let archive = Arc::new(engine.archive()?);
        let observer: Arc<dyn Observer> = Arc::new(Librarian {
            archive: archive.clone(),
            directory,
        });
        let (unread, bus) = (archive.clone(), engine.bus().clone());
        let (over, scanned) = watch::channel(false);
        let scanner = storage::spawn("callrec-archive", move || scan(&unread, &bus, &over))?;
        engine.bus().observe(observer.clone());
        Ok(Shelf {
            engine: engine.clone(),
            search: Search::new(archive.clone(), parallel, scanned),
            stopping,
            archive,
            observer,
            scanner: Mutex::new(Some(scanner)),
        })
    }

    /// Asks the archive, on a thread that may wait for the disk. Before the first scan is
    /// over it waits for that, unless what it asks `about` is known already.
    pub async fn archived<T: Send + 'static>(
        &self,
        about: Option<Uuid>,
        ask: impl FnOnce(&Open<'_>) -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<T, Missing> {
        self.search.ask(about, self.stopping.clone(), ask).await
    }

    /// The audio of a finished recording, for a GET or a HEAD: whole or in part, if it has
    /// changed or at all, as it is asked for. It is read while it is sent.
    pub async fn audio(&self, asked: &Asked, id: Uuid) -> Result<Answer, Missing> {
        let opened = self.archived(Some(id), move |archive| {
            let Some(entry) = archive.find(id) else {
                return Ok(None);
            };
            let Some(audio) = archive.open(id)? else {
                return Ok(None);
            };
            let call_id = entry.call_id().to_owned();
            Ok(Some((SentAudio::new(audio)?, mime_type(entry.format()), call_id)))
        });
        let (file, kind, call_id) = opened.await?;
        let mut answer = ranges::serve(file, asked).await.map_err(|_| Missing::Broken)?;
        let headers = answer.headers_mut();
        if headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        note_download(&self.engine, asked, id, &call_id, &answer);
        Ok(answer)
    }

    /// The scan ends soon.
    pub fn stop(&self) {
        self.archive.stop();
    }

    /// After this nothing here touches the directory.
    pub fn close(&self, engine: &Engine) {
        self.stop();
        engine.bus().forget_observer(&self.observer);
        if let Some(scanner) = self.scanner.lock().take() {
            let _ = scanner.join();
        }
    }
}

fn scan(archive: &Archive, bus: &Bus, over: &watch::Sender<bool>) {
    let unread = archive.scan();
    over.send_replace(archive.is_complete());
    for (directory, error) in unread.iter().take(COMPLAINTS) {
        let message = format!("\"{directory}\": its recordings are not listed: {error}");
        bus.log(LogLevel::Warning, message);
    }
}

/// Notes in the archive what has been published.
struct Librarian {
    archive: Arc<Archive>,
    directory: PathBuf,
}

impl Observer for Librarian {
    fn published(&self, event: &Arc<Event>) {
        if !event.kind.is_terminal() {
            return;
        }
        let view = event.subject.recording();
        if let Some(entry) = view.and_then(|view| entry_of(view, &self.directory)) {
            self.archive.note(entry);
        }
    }
}

/// `None`: it left no file.
fn entry_of(view: &View, directory: &Path) -> Option<ArchiveEntry> {
    let file = Path::new(view.path.as_str()).strip_prefix(directory).ok()?;
    let parts: Option<Vec<_>> = file.iter().map(|part| part.to_str()).collect();
    let file = parts?.join("/");
    // An empty one names the directory itself.
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
