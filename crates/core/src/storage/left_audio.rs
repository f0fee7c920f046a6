//! Audio that an earlier process left: whose it is, and how much of it there is.

use super::audio_file::{AudioFile, AudioFiles, LeftFile};
use super::directory::Directory;
use super::disk::Identity;
use super::endings::PART;
use super::files::{read_front, there};
use super::measure::measure;
use super::medium::PlainFile;
use super::name::RecordingName;
use crate::clock::Clock;
use callrec_codec::container::{self, HEADER_MAX, Length, MeasuredAudio, ParsedHeader, Tags};
use callrec_codec::{Container, Format, Medium, Shape};
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
    /// Of the published file.
    ending: String,
    published: bool,
    file: PlainFile,
    length: u64,
    /// `None`: no header was written, or the disk lost it.
    header: Option<ParsedHeader>,
}

/// Whose file it is.
enum Owner {
    Ours(Option<ParsedHeader>),
    Other,
}

impl LeftAudio {
    /// Opens the file, if it is there and this recording's. `headless`: also one without
    /// any header, which only a name that a manifest gives can vouch for.
    pub async fn open(
        directory: &Directory,
        id: Uuid,
        name: &RecordingName,
        ending: &str,
        is_part: bool,
        headless: bool,
    ) -> io::Result<Option<LeftAudio>> {
        let Some((current, file)) = open_named(directory, name, ending, is_part).await? else {
            return Ok(None);
        };
        directory.turn().await?;
        let length = file.len()?;
        let start = read_front(directory.steps(), &file, HEADER_MAX).await?;
        match owner(&start, length, id, headless) {
            Owner::Ours(header) => Ok(Some(LeftAudio {
                name: name.clone(),
                current,
                ending: ending.to_owned(),
                published: !is_part,
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

    /// The ending of the published file.
    pub fn ending(&self) -> &str {
        &self.ending
    }

    pub fn is_published(&self) -> bool {
        self.published
    }

    /// Whether this is another name of published audio.
    pub fn is_same_as(&self, published: &LeftAudio) -> bool {
        self.header.is_some() && self.length == published.length
    }

    /// Which file it is, if it has no header: then its names cannot be told apart by that.
    pub fn headless_identity(&self) -> io::Result<Option<Identity>> {
        match self.header {
            Some(_) => Ok(None),
            None => self.file.file().identity().map(Some),
        }
    }

    /// Whether there is no audio behind the header. `told`: what the manifest says of a file
    /// that has none.
    pub fn is_empty(&self, id: Uuid, told: &Shape) -> bool {
        self.length <= self.audio_at(id, told)
    }

    /// Fails unless the file may be written to.
    pub async fn check_own(&self, directory: &Directory) -> io::Result<()> {
        directory.check_own(self.file.file(), &self.current).await
    }

    /// When the audio was last written to, if the system says; otherwise now.
    pub fn modified_ms(&self, clock: &dyn Clock) -> i64 {
        let since = self
            .file
            .modified()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map_or_else(|| clock.unix_ms(), |since| since.as_millis() as i64)
    }

    /// Opens the file to write to it, and says how much of it is whole. `told`: what the
    /// manifest says of a file without a header.
    pub async fn reopen(
        self,
        files: &Arc<AudioFiles>,
        id: Uuid,
        told: Shape,
    ) -> io::Result<(AudioFile, MeasuredAudio)> {
        let found = self.header.unwrap_or_else(|| self.expected(id, told));
        let steps = files.directory().steps();
        let measured = measure(steps, &self.file, &found, self.length).await?;
        let left = LeftFile {
            name: self.name,
            current: self.current,
            shape: found.shape,
            header_bytes: found.audio_at,
            length: measured.length,
        };
        let audio = AudioFile::reopen(files, id, left, self.length).await?;
        Ok((audio, measured))
    }

    /// The header that this file should have. Where the manifest tells a format of another kind
    /// of file, or none, the file's name is believed.
    fn expected(&self, id: Uuid, told: Shape) -> ParsedHeader {
        let is_own = |container: &&dyn Container| self.ending == format!(".{}", container.extension());
        let own = Format::containers().find(is_own);
        let known = own.filter(|own| own.extension() != told.format.extension());
        let format = known.and_then(|own| own.formats().first()).map(Format::of);
        let format = format.unwrap_or(told.format);
        header_of(id, Shape { format, ..told })
    }

    /// Where the audio begins, also where the header was lost.
    fn audio_at(&self, id: Uuid, told: &Shape) -> u64 {
        let found = self.header.unwrap_or_else(|| self.expected(id, *told));
        found.audio_at
    }
}

/// The header that a file of this shape should have.
fn header_of(id: Uuid, shape: Shape) -> ParsedHeader {
    let tags = Tags { recording: id };
    let header = shape
        .format
        .container()
        .header(&shape, &tags, Length::default(), false);
    ParsedHeader {
        shape,
        recording: Some(id),
        audio_at: header.len() as u64,
        claim: None,
    }
}

/// The recording that wrote a file in progress, if the file is there and says so. `ending`: of
/// the published file.
pub async fn writer_of(
    directory: &Directory,
    name: &RecordingName,
    ending: &str,
) -> io::Result<Option<Uuid>> {
    let Some((_, file)) = open_named(directory, name, ending, true).await? else {
        return Ok(None);
    };
    let start = read_front(directory.steps(), &file, HEADER_MAX).await?;
    Ok(match container::parse(&start) {
        Some(found) => found.recording,
        None => container::recording_id(&start),
    })
}

async fn open_named(
    directory: &Directory,
    name: &RecordingName,
    ending: &str,
    is_part: bool,
) -> io::Result<Option<(String, PlainFile)>> {
    let Some(folder) = there(directory.folder(name).await)? else {
        return Ok(None);
    };
    let part = if is_part { PART } else { "" };
    let current = format!("{}{ending}{part}", name.stem(1));
    directory.turn().await?;
    let file = there(folder.open_read(&current))?;
    Ok(file.map(|file| (current, PlainFile::to_read(file))))
}

fn owner(start: &[u8], length: u64, id: Uuid, headless: bool) -> Owner {
    if let Some(found) = container::parse(start) {
        return if found.recording == Some(id) {
            Owner::Ours(Some(found))
        } else {
            Owner::Other
        };
    }
    // Never written, or zeros where the power went before the header came to disk.
    let blank = length == 0 || start.iter().take(BLANK_BYTES).all(|byte| *byte == 0);
    match container::recording_id(start) {
        Some(writer) if writer == id => Owner::Ours(None),
        None if headless && blank => Owner::Ours(None),
        _ => Owner::Other,
    }
}
