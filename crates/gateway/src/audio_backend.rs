//! Reads a finished recording's audio in chunks while it is sent: a local file on threads that may
//! wait for the disk, uploaded audio without a thread.

use std::future::{Future, Ready, ready};
use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use callrec_core::storage::archive::FinishedAudio;
use callrec_core::storage::{Medium, RemoteFile};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};
use tower_http::services::fs::{Backend, File, Metadata};

/// Bytes per read.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes per request to a store.
const REMOTE_BYTES: usize = 256 << 10;

/// One file, opened without following links, in the place of tower-http's file system.
#[derive(Clone)]
pub struct AudioBackend {
    source: BackendSource,
    facts: AudioFacts,
}

#[derive(Clone)]
enum BackendSource {
    Local(Arc<dyn Medium>),
    Uploaded(Arc<dyn RemoteFile>),
}

/// The file's metadata.
#[derive(Clone, Copy)]
pub struct AudioFacts {
    len: u64,
    modified: Option<SystemTime>,
}

/// A reader with its position in the file.
pub struct AudioReader {
    audio: AudioBackend,
    position: u64,
    /// Data that was read but not sent yet; its unsent part begins at `position`.
    chunk: Vec<u8>,
    sent: usize,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl AudioBackend {
    /// Waits for the disk.
    pub fn new(audio: FinishedAudio) -> io::Result<AudioBackend> {
        Ok(AudioBackend {
            facts: AudioFacts {
                len: audio.medium.len()?,
                modified: audio.modified,
            },
            source: BackendSource::Local(audio.medium.into()),
        })
    }

    /// Uploaded audio. Never waits.
    pub fn uploaded(file: Arc<dyn RemoteFile>, uploaded_at_ms: i64) -> AudioBackend {
        let since_1970 = Duration::from_millis(u64::try_from(uploaded_at_ms).unwrap_or_default());
        AudioBackend {
            facts: AudioFacts {
                len: file.bytes(),
                modified: SystemTime::UNIX_EPOCH.checked_add(since_1970),
            },
            source: BackendSource::Uploaded(file),
        }
    }
}

impl Metadata for AudioFacts {
    fn is_dir(&self) -> bool {
        false
    }

    fn modified(&self) -> io::Result<SystemTime> {
        self.modified.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.len
    }
}

impl Backend for AudioBackend {
    type File = AudioReader;
    type Metadata = AudioFacts;
    type OpenFuture = Ready<io::Result<AudioReader>>;
    type MetadataFuture = Ready<io::Result<AudioFacts>>;

    fn open(&self, _: PathBuf) -> Self::OpenFuture {
        ready(Ok(AudioReader {
            audio: self.clone(),
            position: 0,
            chunk: Vec::new(),
            sent: 0,
            reading: None,
        }))
    }

    fn metadata(&self, _: PathBuf) -> Self::MetadataFuture {
        ready(Ok(self.facts))
    }
}

impl File for AudioReader {
    type Metadata = AudioFacts;
    type MetadataFuture<'a> = Ready<io::Result<AudioFacts>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.audio.facts))
    }
}

impl AudioReader {
    fn set_position(&mut self, position: u64) {
        self.position = position;
        self.chunk.clear();
        self.sent = 0;
        self.reading = None;
    }

    fn read_next(&mut self) -> &mut JoinHandle<io::Result<Vec<u8>>> {
        self.reading.get_or_insert_with(|| {
            let at = self.position;
            match self.audio.source.clone() {
                BackendSource::Local(medium) => spawn_blocking(move || {
                    let mut chunk = vec![0; CHUNK_BYTES];
                    let read = medium.read_range(at, &mut chunk)?;
                    chunk.truncate(read);
                    Ok(chunk)
                }),
                BackendSource::Uploaded(file) => tokio::spawn(file.read(at, REMOTE_BYTES)),
            }
        })
    }
}

impl AsyncRead for AudioReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sent == self.chunk.len() {
            let read = ready!(Pin::new(self.read_next()).poll(context));
            self.reading = None;
            self.chunk = read.map_err(io::Error::other)??;
            self.sent = 0;
        }
        let rest = &self.chunk[self.sent..];
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.sent += count;
        self.position += count as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for AudioReader {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let (from, by) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.audio.facts.len, by),
        };
        let position = from.checked_add_signed(by);
        self.set_position(position.ok_or(io::ErrorKind::InvalidInput)?);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}
