//! Finding a recording's audio again, by the id in its header.

use super::container::{self, FileShape, Found, HEADER_MAX};
use super::faults::Step;
use super::live::{JSON, NUMBERS_MAX, PART, audio_ending};
use super::name::RecordingName;
use super::os::{self, Dir};
use super::recover::closing;
use super::{LOG_WARNING, Store};
use crate::words::Format;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use uuid::Uuid;

/// Directories below the root that a search enters.
const DEPTH_MAX: usize = 16;

/// A file that begins with so many zeros has no header.
const BLANK_BYTES: usize = 48;

/// Audio that an earlier process left.
pub struct LeftAudio {
    pub name: RecordingName,
    /// The file's own name now.
    pub current: String,
    pub published: bool,
    pub file: File,
    pub length: u64,
    /// `None`: no header was written, or the disk lost it.
    pub header: Option<Found>,
}

impl LeftAudio {
    /// How much audio there is, in whole frames: by the file's length, which is the
    /// newer truth, unless the header accounts for the last byte and its padding.
    pub fn audio_bytes(&self, shape: &FileShape, header_bytes: u64) -> u64 {
        let there = self.length.saturating_sub(header_bytes);
        let claimed = self.header.filter(|found| {
            found.audio_bytes <= there
                && (found.file_bytes == self.length || found.file_bytes == self.length + 1)
        });
        let bytes = claimed.map_or(there, |found| found.audio_bytes);
        bytes / shape.frame_bytes() * shape.frame_bytes()
    }
}

/// One walk through the directory serves all recordings that must be searched for.
#[derive(Default)]
pub struct Search {
    found: Option<HashMap<Uuid, RecordingName>>,
    gaps: usize,
}

/// Whose file it is.
enum Owner {
    Ours(Option<Found>),
    Other,
}

impl Store {
    /// The recording's audio by the names that its manifest gives: in progress or
    /// published, under that name or a number of it.
    pub(super) fn find_audio(&self, id: Uuid, part: &str, file: &str) -> io::Result<Option<LeftAudio>> {
        let ending = audio_ending(Format::Wav);
        let part_name = RecordingName::from_path(part, &format!("{ending}{PART}"));
        if let Some(name) = &part_name
            && let Some(left) = self.look(id, name, &format!("{ending}{PART}"), true)?
        {
            return Ok(Some(left));
        }
        for name in [RecordingName::from_path(file, &ending), part_name]
            .into_iter()
            .flatten()
        {
            if let Some(left) = self.find_published(id, &name, &ending)? {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    pub(super) fn find_published(
        &self,
        id: Uuid,
        name: &RecordingName,
        ending: &str,
    ) -> io::Result<Option<LeftAudio>> {
        for number in 1..=NUMBERS_MAX {
            let numbered = name.numbered(number);
            if let Some(left) = self.look(id, &numbered, ending, false)? {
                return Ok(Some(left));
            }
            let Some(dir) = there(self.directory(name, false))? else {
                return Ok(None);
            };
            let stem = name.stem(number);
            if !dir.exists(&format!("{stem}{ending}"))? && !dir.exists(&format!("{stem}{JSON}"))? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The file, if it is there and this recording's. `headless`: also one without
    /// any header, which only a name that a manifest gives can vouch for.
    fn look(
        &self,
        id: Uuid,
        name: &RecordingName,
        ending: &str,
        headless: bool,
    ) -> io::Result<Option<LeftAudio>> {
        let Some(dir) = there(self.directory(name, false))? else {
            return Ok(None);
        };
        let current = format!("{}{ending}", name.stem(1));
        let Some(file) = there(dir.open_read(&current))? else {
            return Ok(None);
        };
        let length = file.metadata()?.len();
        let start = read_start(&file)?;
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

    /// Looks through the whole directory for audio in progress that carries the id.
    pub(super) fn search_part(&self, id: Uuid, search: &mut Search) -> io::Result<Option<LeftAudio>> {
        if search.found.is_none() {
            search.found = Some(self.walk(&mut search.gaps)?);
        }
        let name = search.found.as_ref().and_then(|found| found.get(&id));
        let ending = format!("{}{PART}", audio_ending(Format::Wav));
        let left = name.map_or(Ok(None), |name| self.look(id, name, &ending, false))?;
        if left.is_none() && search.gaps > 0 {
            let why = format!("{} places could not be searched", search.gaps);
            return Err(io::Error::other(why));
        }
        Ok(left)
    }

    /// All audio in progress, by the recording that wrote it. What cannot be looked at
    /// is passed over, and counted in `gaps` if it may be ours.
    fn walk(&self, gaps: &mut usize) -> io::Result<HashMap<Uuid, RecordingName>> {
        let ending = format!("{}{PART}", audio_ending(Format::Wav));
        let mut found = HashMap::new();
        let mut ways: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(way) = ways.pop() {
            if self.is_shutting_down() {
                return Err(closing());
            }
            let listed = self.list_below(&way);
            for entry in self.passed_over(&way, listed, gaps).unwrap_or_default() {
                let mut path = way.clone();
                path.push(entry.name);
                if entry.is_directory {
                    if path.len() <= DEPTH_MAX && !path.last().is_some_and(|name| name.starts_with('.')) {
                        ways.push(path);
                    }
                } else if let Some(name) = RecordingName::from_path(&path.join("/"), &ending) {
                    let writer = self.writer_of(&name, &ending);
                    if let Some(id) = self.passed_over(&path, writer, gaps).flatten() {
                        found.insert(id, name);
                    }
                }
            }
        }
        Ok(found)
    }

    /// `None`, and a line in the log, for what cannot be looked at.
    fn passed_over<T>(&self, way: &[String], looked: io::Result<T>, gaps: &mut usize) -> Option<T> {
        looked
            .map_err(|error| {
                // What we made we may also read.
                *gaps += usize::from(error.kind() != io::ErrorKind::PermissionDenied);
                let message = format!("\"{}\": cannot be searched: {error}", way.join("/"));
                self.report.log(LOG_WARNING, message);
            })
            .ok()
    }

    fn writer_of(&self, name: &RecordingName, ending: &str) -> io::Result<Option<Uuid>> {
        self.hook.at(Step::Search)?;
        let Some(dir) = there(self.directory(name, false))? else {
            return Ok(None);
        };
        let file = there(dir.open_read(&format!("{}{ending}", name.stem(1))))?;
        let start = file.as_ref().map(read_start).transpose()?;
        Ok(start.and_then(|start| match container::parse(&start) {
            Some(found) => found.id,
            None => container::writer(&start),
        }))
    }

    fn list_below(&self, way: &[String]) -> io::Result<Vec<os::Entry>> {
        let mut below: Option<Dir> = None;
        for name in way {
            below = Some(below.as_ref().unwrap_or(&self.root).sub(name)?);
        }
        below.as_ref().unwrap_or(&self.root).list()
    }
}

fn read_start(file: &File) -> io::Result<Vec<u8>> {
    let mut start = vec![0; HEADER_MAX];
    let mut at = 0;
    while at < start.len() {
        match os::read_at(file, &mut start[at..], at as u64) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    start.truncate(at);
    Ok(start)
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

/// What is not there, or is a link or a pipe, is not ours.
pub fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                NotFound | NotADirectory | InvalidInput | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) if os::is_odd(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
