//! What the archive keeps in memory of one finished recording.

use uuid::Uuid;

use super::super::manifest::Manifest;
use crate::types::RecordingState;

/// The texts of an entry, in the order in which they are kept.
#[derive(Clone, Copy)]
enum Word {
    File,
    Format,
    CallId,
    Device,
    Number,
    Username,
    Remote,
    Ani,
    Dnis,
}

const WORDS: usize = Word::Dnis as usize + 1;

/// What is known of a finished recording, to make an [`ArchiveEntry`] of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub id: Uuid,
    /// The audio, relative to the directory, with `/` on every system.
    pub file: &'a str,
    pub format: &'a str,
    /// `Finished` or `Failed`.
    pub state: RecordingState,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub duration_ms: u64,
    pub bytes: u64,
    /// 0 unknown, 1 incoming, 2 outgoing.
    pub direction: i32,
    pub call_id: &'a str,
    pub device: &'a str,
    pub number: &'a str,
    pub username: &'a str,
    pub remote: &'a str,
    pub ani: &'a str,
    pub dnis: &'a str,
}

/// A finished recording. Small: there may be a million, so all its texts are one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    pub id: Uuid,
    pub state: RecordingState,
    pub direction: i32,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub duration_ms: u64,
    pub bytes: u64,
    texts: Box<str>,
    ends: [u32; WORDS],
}

impl ArchiveEntry {
    pub fn new(facts: &Facts<'_>) -> ArchiveEntry {
        let words: [&str; WORDS] = [
            facts.file,
            facts.format,
            facts.call_id,
            facts.device,
            facts.number,
            facts.username,
            facts.remote,
            facts.ani,
            facts.dnis,
        ];
        let mut texts = String::with_capacity(words.iter().map(|word| word.len()).sum());
        let ends = words.map(|word| {
            texts.push_str(word);
            texts.len() as u32
        });
        ArchiveEntry {
            id: facts.id,
            state: facts.state,
            direction: facts.direction,
            started_at_ms: facts.started_at_ms,
            ended_at_ms: facts.ended_at_ms,
            duration_ms: facts.duration_ms,
            bytes: facts.bytes,
            texts: texts.into(),
            ends,
        }
    }

    /// `None`: the manifest is of none that has ended, or has no id.
    pub fn of_manifest(manifest: &Manifest, file: &str) -> Option<ArchiveEntry> {
        let state = [RecordingState::Finished, RecordingState::Failed];
        let state = state.into_iter().find(|state| manifest.state_is(*state))?;
        let told = manifest.call.value();
        let call = |name: &str| told[name].as_str().unwrap_or_default();
        Some(ArchiveEntry::new(&Facts {
            id: Uuid::try_parse(&manifest.id).ok()?,
            file,
            format: &manifest.format,
            state,
            started_at_ms: manifest.started_at_ms,
            ended_at_ms: manifest.ended_at_ms,
            duration_ms: manifest.duration_ms,
            bytes: manifest.bytes,
            direction: match call("direction") {
                "incoming" => 1,
                "outgoing" => 2,
                _ => 0,
            },
            call_id: call("call_id"),
            device: call("device_name"),
            number: call("directory_number"),
            username: call("username"),
            remote: call("remote_phone_number"),
            ani: call("ani"),
            dnis: call("dnis"),
        }))
    }

    fn word(&self, word: Word) -> &str {
        let index = word as usize;
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let to = self.ends.get(index).copied().unwrap_or_default();
        self.texts
            .get(from.copied().unwrap_or_default() as usize..to as usize)
            .unwrap_or_default()
    }

    /// The audio, relative to the directory, with `/` on every system.
    pub fn file(&self) -> &str {
        self.word(Word::File)
    }

    /// In the manifest's words: `wav`, `wav-ulaw`, …
    pub fn format(&self) -> &str {
        self.word(Word::Format)
    }

    pub fn call_id(&self) -> &str {
        self.word(Word::CallId)
    }

    pub fn device(&self) -> &str {
        self.word(Word::Device)
    }

    /// The directory number of the line.
    pub fn number(&self) -> &str {
        self.word(Word::Number)
    }

    pub fn username(&self) -> &str {
        self.word(Word::Username)
    }

    /// The remote party's number.
    pub fn remote(&self) -> &str {
        self.word(Word::Remote)
    }

    pub fn ani(&self) -> &str {
        self.word(Word::Ani)
    }

    pub fn dnis(&self) -> &str {
        self.word(Word::Dnis)
    }

    /// Where the archive sorts it: by its beginning, and its id where that is the same.
    pub(super) fn place(&self) -> (i64, Uuid) {
        (self.started_at_ms, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_found_again() {
        let entry = ArchiveEntry::new(&Facts {
            id: Uuid::from_u128(1),
            file: "a/b.wav",
            format: "wav",
            state: RecordingState::Finished,
            started_at_ms: 1,
            ended_at_ms: 2,
            duration_ms: 1,
            bytes: 44,
            direction: 2,
            call_id: "call",
            device: "",
            number: "101",
            username: "Jürgen",
            remote: "+1555",
            ani: "",
            dnis: "dnis",
        });
        let texts = [
            entry.file(),
            entry.format(),
            entry.call_id(),
            entry.device(),
            entry.number(),
            entry.username(),
            entry.remote(),
            entry.ani(),
            entry.dnis(),
        ];
        let expected = ["a/b.wav", "wav", "call", "", "101", "Jürgen", "+1555", "", "dnis"];
        assert_eq!(texts, expected);
    }
}
