//! The recordings of a directory, as their manifests describe them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use callrec::storage::Manifest;
use serde_json::Value;
use uuid::Uuid;

use crate::output::{CommandResult, ErrorContext, because};

/// The directory of unfinished recordings.
const CONTROL: &str = ".callrec";
/// A longer file is no manifest.
const MANIFEST_BYTES: u64 = 64 << 20;
/// How deep directories are searched.
const DEPTH: usize = 16;

/// A recording on the disk.
pub struct StoredRecording {
    pub manifest: Manifest,
    pub audio: PathBuf,
    /// In progress, or left by a crash.
    pub is_unfinished: bool,
}

impl StoredRecording {
    /// A text of the call; empty if the call has none.
    pub fn call_text(&self, member: &str) -> String {
        let call = self.manifest.call.value();
        let text = call.get(member).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    /// The manifest as JSON, with the path of the audio.
    pub fn to_json(&self) -> Value {
        let mut json = serde_json::to_value(&self.manifest).unwrap_or_default();
        json["path"] = self.audio.display().to_string().into();
        json["unfinished"] = self.is_unfinished.into();
        json
    }
}

/// A file or a directory that could not be read, and why.
pub struct UnreadPath {
    pub path: PathBuf,
    pub problem: String,
}

/// The extensions of audio files.
const AUDIO: [&str; 5] = ["wav", "au", "flac", "opus", "mp3"];

/// All recordings below a directory, the oldest first, and what could not be read. The audio of a
/// recording may be missing.
pub fn find(directory: &Path) -> CommandResult<(Vec<StoredRecording>, Vec<UnreadPath>)> {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    let mut pending = vec![(directory.to_owned(), 0)];
    fs::read_dir(directory).about(directory.display())?;
    while let Some((directory, depth)) = pending.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                unread.push(UnreadPath {
                    problem: error.to_string(),
                    path: directory,
                });
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            // Symbolic links are not followed.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH {
                pending.push((path, depth + 1));
            } else if kind.is_file() && path.extension() == Some(OsStr::new("json")) {
                match read(&path) {
                    Some(recording) => found.push(recording),
                    // Other programs have files of this kind, too, but none beside a recording.
                    None if has_audio(&path) => unread.push(UnreadPath {
                        path,
                        problem: "it is no manifest of a recording".to_owned(),
                    }),
                    None => {}
                }
            }
        }
    }
    found.sort_by_key(|recording| (recording.manifest.started_at_ms, recording.manifest.id.clone()));
    Ok((found, unread))
}

/// Whether an audio file has the name of this manifest.
fn has_audio(manifest: &Path) -> bool {
    AUDIO
        .iter()
        .any(|extension| manifest.with_extension(extension).is_file())
}

/// The recording of an audio file or of a manifest.
pub fn open(path: &Path) -> CommandResult<StoredRecording> {
    let about = fs::metadata(path).about(path.display())?;
    if about.is_dir() {
        return because(format!(
            "{}: this is a directory, not a recording in it",
            path.display()
        ));
    }
    let manifest = path.with_extension("json");
    match read(&manifest) {
        Some(recording) => Ok(recording),
        None => because(format!(
            "{}: there is no manifest {} of a recording",
            path.display(),
            manifest.display()
        )),
    }
}

/// The audio of `path`, and its manifest if there is one. `path`: an audio file, or a manifest.
pub fn open_audio(path: &Path) -> CommandResult<(PathBuf, Option<Manifest>)> {
    if path.extension() == Some(OsStr::new("json")) {
        let recording = open(path)?;
        return Ok((recording.audio, Some(recording.manifest)));
    }
    fs::metadata(path).about(path.display())?;
    let recording = read(&path.with_extension("json")).filter(|recording| recording.audio == path);
    Ok((path.to_owned(), recording.map(|recording| recording.manifest)))
}

/// Reads a manifest, and finds its audio beside it, whatever directory both are in now.
fn read(path: &Path) -> Option<StoredRecording> {
    if fs::metadata(path).ok()?.len() > MANIFEST_BYTES {
        return None;
    }
    let manifest = Manifest::from_bytes(&fs::read(path).ok()?)?;
    Uuid::try_parse(&manifest.id).ok()?;
    let directory = path.parent()?;
    let (audio, is_unfinished) = match directory.file_name() == Some(OsStr::new(CONTROL)) {
        true => (directory.parent()?.join(&manifest.part), true),
        false => {
            let (_, extension) = manifest.file.rsplit_once('.')?;
            (path.with_extension(extension), false)
        }
    };
    Some(StoredRecording {
        manifest,
        audio,
        is_unfinished,
    })
}
