//! Checks that a published recording is consistent.

use std::path::Path;

use serde_json::Value;

use crate::g711::Law;
use crate::ledger::unaccounted_ms;
use crate::manifest::{digest, try_beside, try_spans};
use crate::wav::WavFile;

/// A published recording that is consistent.
#[derive(Debug)]
pub struct Published {
    pub wav: WavFile,
    pub manifest: Value,
    /// For a recovered recording: how much audio of a leg the ledger does not have, in ms.
    pub unaccounted_ms: u64,
}

/// Reads a published audio file and its manifest. Checks that players can play the file, that the
/// manifest has its length, size and digest, that the ledger balances, that every span is within
/// the file, and that pauses are silent, or empty if the recording skips them.
pub fn check_published(path: impl AsRef<Path>) -> Result<Published, String> {
    check_published_as(path, WavFile::parse_playable)
}

/// The same for a file of another format. `read` returns the WAV file that the same recording would
/// have.
pub fn check_published_as(
    path: impl AsRef<Path>,
    read: impl FnOnce(&[u8]) -> Result<WavFile, String>,
) -> Result<Published, String> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let wav = read(&bytes)?;
    let manifest = try_beside(path)?;
    let (frames, length) = (wav.frames() as u64, bytes.len() as u64);
    if manifest["samples"] != frames || manifest["bytes"] != length || manifest["digest"] != digest(&bytes) {
        return Err(format!("{frames} frames, {length} bytes: {manifest}"));
    }
    let unaccounted_ms = unaccounted_ms(&manifest)?;
    check_spans(&wav, &manifest)?;
    Ok(Published {
        wav,
        manifest,
        unaccounted_ms,
    })
}

fn check_spans(wav: &WavFile, manifest: &Value) -> Result<(), String> {
    let silence = match wav.tag {
        7 => Law::Mu.silence(),
        6 => Law::A.silence(),
        _ => 0,
    };
    let skips = manifest["pause_mode"] == "skip";
    let frame = wav.frame_bytes();
    for span in try_spans(manifest)? {
        let (from, to) = (span.from_frame as usize, span.to_frame as usize);
        let inside = from <= to && to <= wav.frames();
        let silent =
            |from: usize, to: usize| wav.data[from * frame..to * frame].iter().all(|b| *b == silence);
        let pause = span.kind == "pause";
        if !inside || (pause && skips && from != to) || (pause && !silent(from, to)) {
            return Err(format!("a span that the file does not have: {span:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ScratchDir;
    use crate::wav::tests::file;
    use serde_json::json;

    /// 100 frames of one channel; the second half is silent, and a pause.
    fn audio(tag: u16) -> Vec<u8> {
        let silence = match tag {
            7 => Law::Mu.silence(),
            6 => Law::A.silence(),
            _ => 0,
        };
        let half = if tag == 1 { 100 } else { 50 };
        [vec![0x21; half], vec![silence; half]].concat()
    }

    fn manifest(bytes: &[u8]) -> Value {
        json!({
            "samples": 100, "settled_frames": 100, "bytes": bytes.len(), "digest": digest(bytes),
            "recovered": false, "pause_mode": "silence",
            "legs": [{
                "handed_ms": 6, "audio_ms": 6, "duplicate_ms": 0, "slipped_ms": 0,
                "dropped_ms": {}, "outside_ms": {},
            }],
            "spans": [
                { "kind": "pause", "from_frame": 50, "to_frame": 100, "length_ms": 6 },
                { "kind": "loss", "leg": "local", "from_frame": 10, "to_frame": 20, "length_ms": 1 },
            ],
        })
    }

    fn checked(bytes: &[u8], manifest: &Value) -> Result<Published, String> {
        let dir = ScratchDir::new();
        std::fs::write(dir.join("a.wav"), bytes).unwrap();
        std::fs::write(dir.join("a.json"), manifest.to_string()).unwrap();
        check_published(dir.join("a.wav"))
    }

    #[test]
    fn a_consistent_recording_is_read() {
        for tag in [1, 6, 7] {
            let bytes = file(tag, 1, &audio(tag));
            let published = checked(&bytes, &manifest(&bytes)).unwrap();
            assert_eq!((published.wav.frames(), published.unaccounted_ms), (100, 0));
            assert_eq!(published.manifest["bytes"], bytes.len());
        }
    }

    #[test]
    fn a_manifest_of_another_file_is_noticed() {
        let bytes = file(1, 1, &audio(1));
        for (pointer, value) in [
            ("/samples", json!(99)),
            ("/bytes", json!(bytes.len() + 1)),
            ("/digest", json!(digest(b"another"))),
            ("/legs/0/audio_ms", json!(5)),
            ("/spans/0/to_frame", json!(101)),
            ("/spans/0/from_frame", json!(101)),
            ("/spans/0/from_frame", json!(49)),
            ("/spans/0/to_frame", Value::Null),
            ("/spans/1/to_frame", json!(9)),
            ("/pause_mode", json!("skip")),
        ] {
            let mut wrong = manifest(&bytes);
            *wrong.pointer_mut(pointer).unwrap() = value.clone();
            assert!(checked(&bytes, &wrong).is_err(), "{pointer}: {value}");
        }
    }

    #[test]
    fn audio_in_a_pause_is_noticed() {
        for at in [100, 150, 199] {
            let mut audio = audio(1);
            audio[at] = 1;
            let bytes = file(1, 1, &audio);
            let found = checked(&bytes, &manifest(&bytes));
            assert!(found.is_err_and(|why| why.contains("pause")), "byte {at}");
        }
    }

    #[test]
    fn a_file_without_a_manifest_is_noticed() {
        let dir = ScratchDir::new();
        std::fs::write(dir.join("a.wav"), file(1, 1, &audio(1))).unwrap();
        assert!(check_published(dir.join("a.wav")).is_err());
        assert!(check_published(dir.join("b.wav")).is_err());
    }
}
