//! An entry of the archive for one finished recording.

use uuid::Uuid;

use super::super::manifest::Manifest;
use crate::types::RecordingState;

/// The texts of an entry, in the order in which they are stored.
#[derive(Clone, Copy)]
enum TextField {
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

const TEXT_FIELDS: usize = TextField::Dnis as usize + 1;

/// The fields of an [`ArchiveEntry`].
#[derive(Clone, Copy, Debug)]
pub struct ArchiveFields<'a> {
    pub id: Uuid,
    /// Path of the audio, relative to the storage directory, with `/` on every system.
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

/// A finished recording. There may be a million entries, so all texts of one are in a single
/// allocation.
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
    ends: [u32; TEXT_FIELDS],
}

impl ArchiveEntry {
    pub fn new(facts: &ArchiveFields<'_>) -> ArchiveEntry {
        let values: [&str; TEXT_FIELDS] = [
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
        let mut texts = String::with_capacity(values.iter().map(|value| value.len()).sum());
        let ends = values.map(|value| {
            texts.push_str(value);
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

    /// Returns `None` if the recording has not ended, or if the manifest has no valid id.
    pub fn of_manifest(manifest: &Manifest, file: &str) -> Option<ArchiveEntry> {
        let state = [RecordingState::Finished, RecordingState::Failed];
        let state = state.into_iter().find(|state| manifest.state_is(*state))?;
        let call = manifest.call.value();
        let text = |name: &str| call[name].as_str().unwrap_or_default();
        Some(ArchiveEntry::new(&ArchiveFields {
            id: Uuid::try_parse(&manifest.id).ok()?,
            file,
            format: &manifest.format,
            state,
            started_at_ms: manifest.started_at_ms,
            ended_at_ms: manifest.ended_at_ms,
            duration_ms: manifest.duration_ms,
            bytes: manifest.bytes,
            direction: match text("direction") {
                "incoming" => 1,
                "outgoing" => 2,
                _ => 0,
            },
            call_id: text("call_id"),
            device: text("device_name"),
            number: text("directory_number"),
            username: text("username"),
            remote: text("remote_phone_number"),
            ani: text("ani"),
            dnis: text("dnis"),
        }))
    }

    fn text(&self, field: TextField) -> &str {
        let index = field as usize;
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let to = self.ends.get(index).copied().unwrap_or_default();
        self.texts
            .get(from.copied().unwrap_or_default() as usize..to as usize)
            .unwrap_or_default()
    }

    /// Path of the audio, relative to the storage directory, with `/` on every system.
    pub fn file(&self) -> &str {
        self.text(TextField::File)
    }

    /// The format as in the manifest: `wav`, `wav-ulaw`, …
    pub fn format(&self) -> &str {
        self.text(TextField::Format)
    }

    pub fn call_id(&self) -> &str {
        self.text(TextField::CallId)
    }

    pub fn device(&self) -> &str {
        self.text(TextField::Device)
    }

    /// The directory number of the line.
    pub fn number(&self) -> &str {
        self.text(TextField::Number)
    }

    pub fn username(&self) -> &str {
        self.text(TextField::Username)
    }

    /// The remote party's number.
    pub fn remote(&self) -> &str {
        self.text(TextField::Remote)
    }

    pub fn ani(&self) -> &str {
        self.text(TextField::Ani)
    }

    pub fn dnis(&self) -> &str {
        self.text(TextField::Dnis)
    }

    /// The archive's sort key: the start time, then the id.
    pub(super) fn sort_key(&self) -> (i64, Uuid) {
        (self.started_at_ms, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_reads_back() {
        let entry = ArchiveEntry::new(&ArchiveFields {
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
