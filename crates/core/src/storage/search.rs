//! Finding a recording's audio again, by the names that its manifest gives and by the id
//! in its header.

use super::activity::Activity;
use super::directory::Directory;
use super::endings::{JSON, NUMBERS_MAX, split_audio, split_part};
use super::faults::Step;
use super::files::{self, there};
use super::left_audio::{LeftAudio, writer_of};
use super::manifest::Manifest;
use super::name::RecordingName;
use super::report::{LOG_WARNING, Report};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Directories below the root that a search enters.
const DEPTH_MAX: usize = 16;

/// Looks for the audio that an earlier process left.
pub struct AudioSearch {
    pub directory: Arc<Directory>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
}

/// One walk through the directory serves all recordings that must be searched for.
#[derive(Default)]
pub struct Walked {
    /// The name and the ending of the published file.
    found: Option<HashMap<Uuid, (RecordingName, String)>>,
    gaps: usize,
}

impl AudioSearch {
    /// The recording's audio by the names that its manifest gives: in progress or
    /// published, under that name or a number of it.
    pub async fn find(&self, id: Uuid, part: &str, file: &str) -> io::Result<Option<LeftAudio>> {
        let part_name = split_part(part);
        if let Some((name, ending)) = &part_name {
            let left = LeftAudio::open(&self.directory, id, name, ending, true, true).await?;
            if left.is_some() {
                return Ok(left);
            }
        }
        for (name, ending) in [split_audio(file), part_name].into_iter().flatten() {
            if let Some(left) = self.find_published(id, &name, &ending).await? {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    /// The recording's published audio, under that name or a number of it.
    pub async fn find_published(
        &self,
        id: Uuid,
        name: &RecordingName,
        ending: &str,
    ) -> io::Result<Option<LeftAudio>> {
        for number in 1..=NUMBERS_MAX {
            let numbered = name.numbered(number);
            let left = LeftAudio::open(&self.directory, id, &numbered, ending, false, false).await?;
            if left.is_some() {
                return Ok(left);
            }
            let Some(folder) = there(self.directory.folder(name).await)? else {
                return Ok(None);
            };
            let stem = name.stem(number);
            self.directory.turn().await?;
            if folder.exists(&format!("{stem}{ending}"))? {
                continue;
            }
            self.directory.turn().await?;
            if !folder.exists(&format!("{stem}{JSON}"))? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The manifest that was published for the recording, under that name or a number of it.
    pub async fn find_manifest(&self, id: Uuid, part: &str, file: &str) -> io::Result<Option<Manifest>> {
        for (name, _) in [split_audio(file), split_part(part)].into_iter().flatten() {
            let Some(folder) = there(self.directory.folder(&name).await)? else {
                continue;
            };
            let steps = self.directory.steps();
            for number in 1..=NUMBERS_MAX {
                let json = format!("{}{JSON}", name.stem(number));
                let Some(found) = there(files::open(steps, &*folder, &json).await)?.flatten() else {
                    break;
                };
                let manifest = Manifest::from_bytes(&files::read_all(steps, found).await?);
                if let Some(manifest) = manifest.filter(|found| found.id == id.as_hyphenated().to_string()) {
                    return Ok(Some(manifest));
                }
            }
        }
        Ok(None)
    }

    /// Looks through the whole directory for audio in progress that carries the id.
    pub async fn find_anywhere(&self, id: Uuid, walked: &mut Walked) -> io::Result<Option<LeftAudio>> {
        if walked.found.is_none() {
            walked.found = Some(self.walk(&mut walked.gaps).await?);
        }
        let found = walked.found.as_ref().and_then(|found| found.get(&id));
        let left = match found {
            Some((name, ending)) => LeftAudio::open(&self.directory, id, name, ending, true, false).await?,
            None => None,
        };
        if left.is_none() && walked.gaps > 0 {
            let why = format!("{} places could not be searched", walked.gaps);
            return Err(io::Error::other(why));
        }
        Ok(left)
    }

    /// All audio in progress, by the recording that wrote it. What cannot be looked at
    /// is passed over, and counted in `gaps` if it may be ours.
    async fn walk(&self, gaps: &mut usize) -> io::Result<HashMap<Uuid, (RecordingName, String)>> {
        let mut found = HashMap::new();
        let mut ways: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(way) = ways.pop() {
            if self.activity.is_shutting_down() {
                return Err(closing());
            }
            let listed = self.directory.list(&way).await;
            for entry in self.passed_over(&way, listed, gaps).unwrap_or_default() {
                let mut path = way.clone();
                path.push(entry.name);
                if entry.is_directory {
                    if path.len() <= DEPTH_MAX && !path.last().is_some_and(|name| name.starts_with('.')) {
                        ways.push(path);
                    }
                } else if let Some((name, ending)) = split_part(&path.join("/")) {
                    let writer = match self.directory.step(Step::Search).await {
                        Ok(()) => writer_of(&self.directory, &name, &ending).await,
                        Err(error) => Err(error),
                    };
                    if let Some(id) = self.passed_over(&path, writer, gaps).flatten() {
                        found.insert(id, (name, ending));
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
}

/// What is left to the next open, because this one ends.
pub fn closing() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "closing")
}
