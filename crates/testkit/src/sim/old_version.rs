//! A directory of a killed process of version 0.1.0.

use uuid::{Uuid, uuid};

use super::disk::SimDisk;
use super::model::{ModelRecording, SharedModel};

const ID: Uuid = uuid!("046039da-0f25-4c46-bf65-28bad046cb06");
const MANIFEST: &[u8] = include_bytes!("../../../../tests/fixtures/left-by-0.1.0/live-manifest.json");
const AUDIO: &[u8] = include_bytes!("../../../../tests/fixtures/left-by-0.1.0/audio.wav.part");

/// The number of the process that has recorded it, which is not simulated.
const EARLIER: usize = usize::MAX;

pub fn leave(disk: &SimDisk, model: &SharedModel) {
    disk.put_file(&[".callrec", &format!("{ID}.json")], MANIFEST);
    disk.put_file(&[&format!("2026-11-22_07-40-44_{ID}.wav.part")], AUDIO);
    let recording = ModelRecording {
        process: EARLIER,
        started: true,
        ..ModelRecording::default()
    };
    let mut state = model.lock();
    state.recordings.insert(ID, recording);
    state.trace.push(format!("version 0.1.0 has left {ID}"));
}
