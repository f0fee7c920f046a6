//! Audio that an earlier process left: whose it is, and how much of it there is.

use super::audio_file::{AudioFile, AudioFiles, LeftFile};
use super::container::{self, FileShape, Found, HEADER_MAX};
use super::directory::Directory;
use super::endings::PART;
use super::files::{read_front, there};
use super::name::RecordingName;
use crate::clock;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// A file that begins with so many zeros has no header.
const BLANK_BYTES: usize = 48;

/// Audio that an earlier process left.
pub struct LeftAudio {
    name: RecordingName,
    /// The file's own name now.
    current: String,
    published: bool,
    file: File,
    length: u64,
    /// `None`: no header was written, or the disk lost it.
    header: Option<Found>,
}

/// Whose file it is.
enum Owner {
    Ours(Option<Found>),
    Other,
}

impl LeftAudio {
    /// Opens the file, if it is there and this recording's. `headless`: also one without
    /// any header, which only a name that a manifest gives can vouch for.
    pub fn open(
        directory: &Directory,
        id: Uuid,
        name: &RecordingName,
        ending: &str,
        headless: bool,
    ) -> io::Result<Option<LeftAudio>> {
        let Some((current, file)) = open_named(directory, name, ending)? else {
            return Ok(None);
        };
        let length = file.metadata()?.len();
        let start = read_front(&file, HEADER_MAX)?;
        match owner(&start, length, id, headless) {
            Owner::Ours(header) => Ok(Some(LeftAudio {
                name: name.clone(),
                current,
                published: !ending.ends_with(PART),
                file,
                length,
                header,
            })),
            Owner::Other => Ok(None),
        }
    }

    pub fn name(&self) -> &RecordingName {
        &self.name
    }

    /// The file's own name now.
    pub fn current(&self) -> &str {
        &self.current
    }

    pub fn is_published(&self) -> bool {
        self.published
    }

    /// Whether this is another name of published audio.
    pub fn is_same_as(&self, published: &LeftAudio) -> bool {
        self.header.is_some() && self.length == published.length
    }

    /// Whether there is no audio behind the header. `told`: what the manifest says of a file
    /// that has none.
    pub fn is_empty(&self, id: Uuid, told: &FileShape) -> bool {
        self.length <= self.audio_at(id, told)
    }

    /// Fails unless the file may be written to.
    pub fn check_own(&self, directory: &Directory) -> io::Result<()> {
        directory.check_own(&self.file, &self.current)
    }

    /// When the audio was last written to.
    pub fn modified_ms(&self) -> i64 {
        let modified = self.file.metadata().and_then(|found| found.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or_else(clock::unix_ms, |since| since.as_millis() as i64)
    }

    /// Opens the file to write to it. `told`: what the manifest says of a file without a header.
    pub fn reopen(self, files: &Arc<AudioFiles>, id: Uuid, told: FileShape) -> io::Result<AudioFile> {
        let shape = self.header.map_or(told, |found| found.shape);
        let header_bytes = self.audio_at(id, &shape);
        let left = LeftFile {
            audio_bytes: self.audio_bytes(&shape, header_bytes),
            name: self.name,
            current: self.current,
            shape,
            header_bytes,
        };
        AudioFile::reopen(files, id, left, self.length)
    }

    /// Where the audio begins, also where the header was lost.
    fn audio_at(&self, id: Uuid, shape: &FileShape) -> u64 {
        let found = self.header.map(|found| found.audio_at);
        found.unwrap_or_else(|| container::header(shape, id, 0, false).len() as u64)
    }

    /// How much audio there is, in whole frames: by the file's length, which is the
    /// newer truth, unless the header accounts for the last byte and its padding.
    fn audio_bytes(&self, shape: &FileShape, header_bytes: u64) -> u64 {
        let there = self.length.saturating_sub(header_bytes);
        let claimed = self.header.filter(|found| {
            found.audio_bytes <= there
                && (found.file_bytes == self.length || found.file_bytes == self.length + 1)
        });
        let bytes = claimed.map_or(there, |found| found.audio_bytes);
        bytes / shape.frame_bytes() * shape.frame_bytes()
    }
}

/// The recording that wrote a file, if the file is there and says so.
pub fn writer_of(directory: &Directory, name: &RecordingName, ending: &str) -> io::Result<Option<Uuid>> {
    let Some((_, file)) = open_named(directory, name, ending)? else {
        return Ok(None);
    };
    let start = read_front(&file, HEADER_MAX)?;
    Ok(match container::parse(&start) {
        Some(found) => found.id,
        None => container::writer(&start),
    })
}

fn open_named(
    directory: &Directory,
    name: &RecordingName,
    ending: &str,
) -> io::Result<Option<(String, File)>> {
    let Some(folder) = there(directory.folder(name))? else {
        return Ok(None);
    };
    let current = format!("{}{ending}", name.stem(1));
    let file = there(folder.open_read(&current))?;
    Ok(file.map(|file| (current, file)))
}

fn owner(start: &[u8], length: u64, id: Uuid, headless: bool) -> Owner {
    if let Some(found) = container::parse(start) {
        return if found.id == Some(id) {
            Owner::Ours(Some(found))
        } else {
            Owner::Other
        };
    }
    // Never written, or zeros where the power went before the header came to disk.
    let blank = length == 0 || start.iter().take(BLANK_BYTES).all(|byte| *byte == 0);
    match container::writer(start) {
        Some(writer) if writer == id => Owner::Ours(None),
        None if headless && blank => Owner::Ours(None),
        _ => Owner::Other,
    }
}
