//! Audio files of an earlier process: which recording they belong to, and how much audio is intact.

use super::audio_file::{AudioFile, AudioFileState, AudioFiles};
use super::directory::StorageDirectory;
use super::disk::FileId;
use super::disk_access::DiskAccess;
use super::file_suffixes::PART;
use super::files::{found_or_none, read_front};
use super::measure::measure;
use super::name::RecordingName;
use super::plain_file::PlainFile;
use crate::clock::Clock;
use callrec_codec::container::{self, AudioEnd, HEADER_MAX, Length, MeasuredAudio, ParsedHeader};
use callrec_codec::{Container, Format, Medium, Shape, Tags};
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// A file that begins with this many zeros has no header.
const BLANK_BYTES: usize = 48;
/// The first bytes of the audio show its shape, if a container tells it there.
const AUDIO_START: usize = 16;

/// An audio file of an earlier process.
pub struct OrphanAudio {
    name: RecordingName,
    /// The current name of the file.
    current: String,
    /// The suffix of the published file.
    suffix: String,
    published: bool,
    file: PlainFile,
    length: u64,
    /// `None` if no header was written or the disk lost it.
    header: Option<ParsedHeader>,
    /// What the header says of the audio of a finished file.
    end: Option<AudioEnd>,
}

/// Whether a file belongs to the recording.
enum HeaderMatch {
    Own(Option<ParsedHeader>),
    Other,
}

impl OrphanAudio {
    /// Opens the file, if it exists and belongs to the recording. With `no_header_ok`, a file
    /// without a header also belongs to it; use this only for a name from a manifest.
    pub async fn open(
        directory: &StorageDirectory,
        id: Uuid,
        name: &RecordingName,
        suffix: &str,
        is_part: bool,
        no_header_ok: bool,
    ) -> io::Result<Option<OrphanAudio>> {
        let Some((current, file)) = open_named(directory, name, suffix, is_part).await? else {
            return Ok(None);
        };
        directory.ready().await?;
        let length = file.len()?;
        let start = read_front(directory.access(), &file, HEADER_MAX).await?;
        match match_header(&start, length, id, no_header_ok) {
            HeaderMatch::Own(header) => Ok(Some(OrphanAudio {
                name: name.clone(),
                current,
                suffix: suffix.to_owned(),
                published: !is_part,
                file,
                length,
                header,
                end: header.and_then(|found| found.shape.format.container().stated_end(&start)),
            })),
            HeaderMatch::Other => Ok(None),
        }
    }

    pub fn name(&self) -> &RecordingName {
        &self.name
    }

    /// The current name of the file.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The suffix of the published file.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    pub fn is_published(&self) -> bool {
        self.published
    }

    /// Whether this is another name of the published audio.
    pub fn is_same_as(&self, published: &OrphanAudio) -> bool {
        self.header.is_some() && self.length == published.length
    }

    /// Identifies the file if it has no header by which its names could be compared.
    pub fn id_without_header(&self) -> io::Result<Option<FileId>> {
        match self.header {
            Some(_) => Ok(None),
            None => self.file.file().file_id().map(Some),
        }
    }

    /// Whether there is no audio after the header. `manifest_shape`: the shape for a file without a
    /// header.
    pub fn is_empty(&self, id: Uuid, manifest_shape: &Shape) -> bool {
        self.length <= self.audio_at(id, manifest_shape)
    }

    /// Fails unless the file may be written to.
    pub async fn check_own(&self, directory: &StorageDirectory) -> io::Result<()> {
        directory.check_own(self.file.file(), &self.current).await
    }

    /// The time of the last write; the current time if the system does not provide it.
    pub fn modified_ms(&self, clock: &dyn Clock) -> i64 {
        let since = self
            .file
            .modified()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or_else(|| clock.unix_ms(), |since| since.as_millis() as i64)
    }

    /// Opens the file for writing and measures its intact part. `manifest_shape`: the shape for a
    /// file without a header.
    pub async fn reopen(
        self,
        files: &Arc<AudioFiles>,
        tags: Tags,
        manifest_shape: Shape,
    ) -> io::Result<(AudioFile, MeasuredAudio)> {
        let access = files.directory().access();
        let mut found = match self.header {
            Some(header) => header,
            None => {
                let expected = self.expected(tags.recording, manifest_shape);
                with_shape_of_audio(access, &self.file, expected).await?
            }
        };
        // The header does not hold the parameters of the encoder.
        found.shape.format = found.shape.format.or_parameters_of(manifest_shape.format);
        let measured = measure(access, &self.file, &found, self.length).await?;
        let state = AudioFileState {
            name: self.name,
            current: self.current,
            shape: found.shape,
            tags,
            header_bytes: found.audio_at,
            length: measured.length,
        };
        let mut audio = AudioFile::reopen(files, state, self.length).await?;
        if let Some(end) = self.end.filter(|end| end.output == measured.output) {
            audio.set_end(end);
        }
        Ok((audio, measured))
    }

    /// The header that this file should have. If the manifest's format does not match the file's
    /// suffix, the suffix decides.
    fn expected(&self, id: Uuid, manifest_shape: Shape) -> ParsedHeader {
        let is_own = |container: &&dyn Container| self.suffix == format!(".{}", container.extension());
        let own = Format::containers().find(is_own);
        let known = own.filter(|own| own.extension() != manifest_shape.format.extension());
        let format = known.and_then(|own| own.formats().first()).map(Format::of);
        let format = format.unwrap_or(manifest_shape.format);
        header_of(
            id,
            Shape {
                format,
                ..manifest_shape
            },
        )
    }

    /// The offset of the audio, also if the header was lost.
    fn audio_at(&self, id: Uuid, manifest_shape: &Shape) -> u64 {
        let found = self.header.unwrap_or_else(|| self.expected(id, *manifest_shape));
        found.audio_at
    }
}

/// The lost header, by the file's audio.
async fn with_shape_of_audio(
    access: &DiskAccess,
    file: &PlainFile,
    expected: ParsedHeader,
) -> io::Result<ParsedHeader> {
    let mut start = [0; AUDIO_START];
    access.ready().await?;
    let read = file.read_range(expected.audio_at, &mut start)?;
    let container = expected.shape.format.container();
    Ok(ParsedHeader {
        shape: container.shape_of_audio(expected.shape, &start[..read]),
        ..expected
    })
}

/// The header that a file of this shape should have.
fn header_of(id: Uuid, shape: Shape) -> ParsedHeader {
    let container = shape.format.container();
    let header = container.header(&shape, &Tags::of(id), Length::default(), None);
    ParsedHeader {
        shape,
        recording: Some(id),
        audio_at: header.len() as u64,
        claim: None,
    }
}

/// Reads the recording's id from a file in progress. Returns `None` if the file does not exist or
/// has no id. `suffix`: the suffix of the published file.
pub async fn writer_of(
    directory: &StorageDirectory,
    name: &RecordingName,
    suffix: &str,
) -> io::Result<Option<Uuid>> {
    let Some((_, file)) = open_named(directory, name, suffix, true).await? else {
        return Ok(None);
    };
    let start = read_front(directory.access(), &file, HEADER_MAX).await?;
    Ok(match container::parse(&start) {
        Some(found) => found.recording,
        None => container::recording_id(&start),
    })
}

async fn open_named(
    directory: &StorageDirectory,
    name: &RecordingName,
    suffix: &str,
    is_part: bool,
) -> io::Result<Option<(String, PlainFile)>> {
    let Some(folder) = found_or_none(directory.folder(name).await)? else {
        return Ok(None);
    };
    let part = if is_part { PART } else { "" };
    let current = format!("{}{suffix}{part}", name.stem(1));
    directory.ready().await?;
    let file = found_or_none(folder.open_read(&current))?;
    Ok(file.map(|file| (current, PlainFile::to_read(file))))
}

fn match_header(start: &[u8], length: u64, id: Uuid, no_header_ok: bool) -> HeaderMatch {
    if let Some(found) = container::parse(start) {
        return if found.recording == Some(id) {
            HeaderMatch::Own(Some(found))
        } else {
            HeaderMatch::Other
        };
    }
    // Never written, or zeros after a power cut before the header was on disk.
    let blank = length == 0 || start.iter().take(BLANK_BYTES).all(|byte| *byte == 0);
    match container::recording_id(start) {
        Some(writer) if writer == id => HeaderMatch::Own(None),
        None if no_header_ok && blank => HeaderMatch::Own(None),
        _ => HeaderMatch::Other,
    }
}
