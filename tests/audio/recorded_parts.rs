//! Short parts of what was sent, looked for in a recording that another program's timing has moved.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Samples of a part: 5 ms of telephone audio.
pub const PART: usize = 40;

/// Where `recorded` has each part of `sent`.
pub fn places(sent: &[i16], recorded: &[i16]) -> Vec<Option<usize>> {
    let windows = recorded.windows(PART).enumerate();
    let recorded: HashMap<&[i16], usize> = windows.map(|(at, part)| (part, at)).collect();
    let parts = sent.chunks_exact(PART);
    parts.map(|part| recorded.get(part).copied()).collect()
}

/// The share of the parts of `sent` that `recorded` contains.
pub fn share(sent: &[i16], recorded: &[i16]) -> f64 {
    let places = places(sent, recorded);
    places.iter().flatten().count() as f64 / places.len() as f64
}

/// The only WAV file in a directory.
pub fn recording_in(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|found| found == "wav"))
        .collect();
    let [path] = &paths[..] else {
        panic!("not one recording: {paths:?}")
    };
    path.clone()
}
