//! The manifest: a JSON document with everything that is known of a recording, written before its
//! audio file.

use std::borrow::Cow;

mod leg;
mod raw;
mod shape;
mod status;
mod tags;
mod unwritten;
mod uploaded;

use super::fragment::Fragment;
use super::job_spec::{CALLBACK, JobSpec, JobSpecs};
use crate::types::{EndReason, Error, RecordingState, Status};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use leg::is_false;
pub use leg::{LegEntry, Reasons};
pub use raw::RawEntry;
pub use uploaded::{UploadEntry, UploadedObject};

/// Version of the schema, in the field `callrec`.
pub const SCHEMA: u32 = 1;

/// The maximum number of loss spans in a manifest. As many further spans are reserved for pauses.
pub const SPANS_MAX: usize = 10_000;

const NOT_STARTED: &[u8] = b"\"started\":false";
const STARTED: &[u8] = b"\"started\":true ";

/// Missing fields have their defaults; unknown fields are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Path of the audio in progress, relative to the storage directory; empty when published. The
    /// first field, so that a truncated manifest still has it.
    pub part: String,
    /// The audio file exists: from now on a terminal event is owed.
    pub started: bool,
    pub callrec: u32,
    pub id: String,
    pub state: String,
    pub end_reason: String,
    pub error: String,
    /// The status that belongs to `error`.
    #[serde(with = "status", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Path of the audio, relative to the storage directory, with `/` on every system.
    pub file: String,
    pub format: String,
    /// The parameters of the format's encoder, as in `rec_start_options.format`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format_parameters: String,
    pub layout: String,
    pub channels: u16,
    pub sample_rate: u32,
    pub pause_mode: String,
    pub flags: u32,
    /// The line's policy started the recording, not a caller.
    pub automatic: bool,
    pub url: String,
    pub started_at: String,
    pub started_at_ms: i64,
    pub ended_at: String,
    pub ended_at_ms: i64,
    /// Frames in the file.
    pub samples: u64,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    /// Size of the whole file.
    pub bytes: u64,
    /// `sha256:` and the digest as sha256sum prints it.
    pub digest: String,
    pub recovered: bool,
    pub call: Fragment,
    pub lines: Vec<Fragment>,
    /// The entries of `legs` cover the file up to this frame.
    pub settled_frames: u64,
    /// The legs that had a feed.
    pub legs: Vec<LegEntry>,
    /// The file has no audio of any leg.
    #[serde(skip_serializing_if = "is_false")]
    pub no_audio: bool,
    /// The legs that had packets, none of which could be decoded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecoded: Vec<Cow<'static, str>>,
    pub spans: Vec<SpanEntry>,
    #[serde(skip_serializing_if = "is_zero")]
    pub spans_dropped: u64,
    /// The payload of the job of the kind [`CALLBACK`]. It is a member of its own since 0.1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<Fragment>,
    /// The other jobs for the time after the recording has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobSpec>,
    /// Which packets are kept as they arrived; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub keep_raw: String,
    /// The file of these packets. `None` until the recording has ended, and if no packet was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawEntry>,
    /// How much audio from before the start the file begins with.
    #[serde(skip_serializing_if = "is_zero_ms")]
    pub lookback_ms: u32,
    /// A legal hold: the recording must not be deleted.
    #[serde(skip_serializing_if = "is_false")]
    pub held: bool,
    /// Only in a live manifest: the recording was deleted, and this is its end, which may be owed.
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// How the consent of the call stood when the recording began. Empty if nobody had asked for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consent_at_start: String,
    /// The recording's uploaded copy. `None` until it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<UploadEntry>,
}

/// A range of the file without the audio of that time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanEntry {
    /// `pause` or `loss`
    pub kind: Cow<'static, str>,
    /// The leg of a loss; empty for a pause.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub leg: Cow<'static, str>,
    pub from_frame: u64,
    /// `None` while the span is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_frame: Option<u64>,
    /// Its real length, even if a pause has no frames in the file.
    pub length_ms: u64,
    /// Of a loss: `network` if the audio never arrived, otherwise the reason why it was dropped.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: Cow<'static, str>,
}

/// The spans of a recording so far.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    entries: Vec<SpanEntry>,
    dropped: u64,
}

impl Spans {
    /// Adds a span, or only counts it if there are too many.
    pub fn push(&mut self, span: SpanEntry) {
        let many = self.entries.len();
        if many < SPANS_MAX || (span.kind == "pause" && many < 2 * SPANS_MAX) {
            self.entries.push(span);
        } else {
            self.dropped += 1;
        }
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The pause that has not ended yet.
    pub fn open_pause(&mut self) -> Option<&mut SpanEntry> {
        let open = |entry: &&mut SpanEntry| entry.kind == "pause" && entry.to_frame.is_none();
        self.entries.iter_mut().rev().find(open)
    }
}

fn is_zero_ms(value: &u32) -> bool {
    *value == 0
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Default for Manifest {
    fn default() -> Manifest {
        Manifest {
            part: String::new(),
            started: false,
            callrec: SCHEMA,
            id: String::new(),
            state: RecordingState::Recording.text().to_owned(),
            end_reason: String::new(),
            error: String::new(),
            status: None,
            file: String::new(),
            format: String::new(),
            format_parameters: String::new(),
            layout: String::new(),
            channels: 0,
            sample_rate: 0,
            pause_mode: String::new(),
            flags: 0,
            automatic: false,
            url: String::new(),
            started_at: String::new(),
            started_at_ms: 0,
            ended_at: String::new(),
            ended_at_ms: 0,
            samples: 0,
            duration_ms: 0,
            paused_ms: 0,
            lost_ms: 0,
            bytes: 0,
            digest: String::new(),
            recovered: false,
            call: Fragment::default(),
            lines: Vec::new(),
            settled_frames: 0,
            legs: Vec::new(),
            no_audio: false,
            undecoded: Vec::new(),
            spans: Vec::new(),
            spans_dropped: 0,
            callback: None,
            jobs: Vec::new(),
            keep_raw: String::new(),
            raw: None,
            lookback_ms: 0,
            held: false,
            deleted: false,
            consent_at_start: String::new(),
            uploaded: None,
        }
    }
}

impl Manifest {
    pub fn state_is(&self, state: RecordingState) -> bool {
        self.state == state.text()
    }

    /// Whether the manifest says how the recording has ended.
    pub fn has_ended(&self) -> bool {
        self.state_is(RecordingState::Finished) || self.state_is(RecordingState::Failed)
    }

    /// Whether only its uploaded copy has the audio.
    pub fn is_only_uploaded(&self) -> bool {
        self.uploaded.as_ref().is_some_and(|entry| entry.local_removed)
    }

    /// Whether both manifests say the same end.
    pub fn ends_like(&self, other: &Manifest) -> bool {
        self.state == other.state && self.end_reason == other.end_reason
    }

    pub fn end_reason_is(&self, reason: EndReason) -> bool {
        self.end_reason == reason.text()
    }

    /// The reason of the end; `None` if this version does not know it.
    pub fn end_reason(&self) -> Option<EndReason> {
        EndReason::ALL
            .into_iter()
            .find(|reason| self.end_reason_is(*reason))
    }

    pub fn set_started_at(&mut self, unix_ms: i64) {
        self.started_at_ms = unix_ms;
        self.started_at = rfc3339(unix_ms);
    }

    pub fn set_ended_at(&mut self, unix_ms: i64) {
        self.ended_at_ms = unix_ms;
        self.ended_at = rfc3339(unix_ms);
    }

    pub fn set_spans(&mut self, spans: &Spans) {
        self.spans.clone_from(&spans.entries);
        self.spans_dropped = spans.dropped;
    }

    pub fn set_jobs(&mut self, jobs: &JobSpecs) {
        let of_others = |job: &&JobSpec| job.kind != CALLBACK;
        self.jobs = jobs.all().iter().filter(of_others).cloned().collect();
        let callback = jobs.all().iter().find(|job| job.kind == CALLBACK);
        self.callback = callback.map(|job| job.payload.clone());
    }

    /// The jobs for the time after the recording has ended.
    pub fn job_specs(&self) -> JobSpecs {
        let callback = self.callback.iter().map(|payload| JobSpec {
            kind: CALLBACK.to_owned(),
            payload: payload.clone(),
        });
        JobSpecs::usable(callback.chain(self.jobs.iter().cloned()).collect())
    }

    /// Marks the recording as failed. The first error and status stay.
    pub fn fail(&mut self, error: &Error) {
        self.state = RecordingState::Failed.text().to_owned();
        if self.error.is_empty() {
            self.error = error.message.clone();
        }
        self.status.get_or_insert(error.status);
        self.end_reason = EndReason::WriteError.text().to_owned();
    }

    /// Records that the recording is discarded.
    pub fn discard(&mut self) {
        self.state = RecordingState::Finished.text().to_owned();
        self.end_reason = EndReason::Discarded.text().to_owned();
        self.file = String::new();
        self.digest = String::new();
        self.bytes = 0;
        self.raw = None;
        self.no_audio = false;
        self.undecoded = Vec::new();
    }

    /// The status of the failure.
    pub fn failure(&self) -> Status {
        self.status.unwrap_or(Status::Io)
    }

    /// Closes the spans that were open when the process died.
    pub fn close_spans(&mut self) {
        for span in &mut self.spans {
            span.from_frame = span.from_frame.min(self.samples);
            span.to_frame = Some(span.to_frame.unwrap_or(self.samples).min(self.samples));
        }
    }

    pub fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Manifest> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The offset and the bytes that change `started` to true in place: one small write of the same
/// length instead of a new manifest.
pub fn started_patch(bytes: &[u8]) -> Option<(u64, &'static [u8])> {
    // Quotes inside JSON strings are escaped, so the first match is the field.
    let at = bytes
        .windows(NOT_STARTED.len())
        .position(|window| window == NOT_STARTED)?;
    Some((at as u64, STARTED))
}

/// What can be read of a damaged manifest.
#[derive(Debug, Default)]
pub struct PartialManifest {
    pub part: Option<String>,
    /// The manifest was cut off at a point where it says that no audio file exists yet.
    pub not_started: bool,
}

pub fn parse_partial(bytes: &[u8]) -> PartialManifest {
    let says = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    // The field `callrec` follows `started`.
    let before_started = !says(b"\"callrec\"") || says(NOT_STARTED);
    PartialManifest {
        part: find_part(bytes),
        not_started: bytes.is_empty() || bytes.starts_with(b"{\"part\"") && before_started && !says(STARTED),
    }
}

/// Finds the value of `part`.
fn find_part(bytes: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"part\":";
    let at = bytes.windows(KEY.len()).position(|window| window == KEY)?;
    let rest = bytes.get(at + KEY.len()..)?;
    serde_json::Deserializer::from_slice(rest)
        .into_iter::<String>()
        .next()?
        .ok()
        .filter(|part| !part.is_empty())
}

/// RFC 3339 in UTC with milliseconds; empty for a time outside the calendar.
pub fn rfc3339(unix_ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_first_and_readable_after_any_truncation() {
        let manifest = Manifest {
            part: "a/\"b\"\\ü.wav.part".to_owned(),
            ..Manifest::default()
        };
        let bytes = manifest.to_bytes().expect("bytes");
        assert!(bytes.starts_with(b"{\"part\":"));
        let whole = bytes.iter().position(|byte| *byte == b',').expect("a comma");
        for cut in 0..bytes.len() {
            let found = find_part(&bytes[..cut]);
            assert_eq!(found.is_some(), cut >= whole, "cut at {cut}");
            assert!(found.is_none_or(|part| part == manifest.part));
        }
    }

    #[test]
    fn started_is_patched_in_place() {
        let mut manifest = Manifest {
            part: "\"started\":false.part".to_owned(),
            ..Manifest::default()
        };
        let mut bytes = manifest.to_bytes().expect("bytes");
        let (at, patch) = started_patch(&bytes).expect("the field");
        let at = at as usize;
        bytes[at..at + patch.len()].copy_from_slice(patch);
        manifest.started = true;
        assert_eq!(Manifest::from_bytes(&bytes), Some(manifest));
    }

    #[test]
    fn tolerates_unknown_and_missing_fields() {
        let read = Manifest::from_bytes(br#"{"id":"x","later":{"a":1}}"#).expect("read");
        assert_eq!(read.id, "x");
        assert_eq!(read.callrec, SCHEMA);
        assert_eq!(Manifest::from_bytes(br#"{"id":"x""#), None);
        assert_eq!(Manifest::from_bytes(br#"{"id":7}"#), None);
    }

    #[test]
    fn time_is_rfc3339_with_milliseconds() {
        assert_eq!(rfc3339(1_445_005_991_007), "2015-10-16T14:33:11.007Z");
        assert_eq!(rfc3339(i64::MAX), "");
    }

    #[test]
    fn spans_are_bounded() {
        let mut spans = Spans::default();
        for _ in 0..SPANS_MAX + 5 {
            spans.push(SpanEntry::default());
        }
        let mut manifest = Manifest::default();
        manifest.set_spans(&spans);
        assert_eq!((manifest.spans.len(), manifest.spans_dropped), (SPANS_MAX, 5));
    }

    #[test]
    fn jobs_read_back_and_a_callback_has_its_own_member() {
        let callback = br#"{"callback":{"url":"http://x/","method":"POST"},"jobs":[{"kind":"upload"}]}"#;
        let mut read = Manifest::from_bytes(callback).expect("read");
        let jobs = read.job_specs();
        let kinds: Vec<&str> = jobs.all().iter().map(|job| job.kind.as_str()).collect();
        assert_eq!(kinds, ["callback", "upload"]);
        assert_eq!(
            jobs.all()[0].payload.text(),
            r#"{"url":"http://x/","method":"POST"}"#
        );
        read.set_jobs(&JobSpecs::default());
        assert_eq!(read, Manifest::default());
        let text = String::from_utf8(read.to_bytes().expect("bytes")).expect("text");
        assert!(
            !text.contains("\"callback\"") && !text.contains("\"jobs\""),
            "{text}"
        );
        read.set_jobs(&jobs);
        let text = String::from_utf8(read.to_bytes().expect("bytes")).expect("text");
        let end =
            r#","callback":{"url":"http://x/","method":"POST"},"jobs":[{"kind":"upload","payload":null}]}"#;
        assert!(text.trim_end().ends_with(end), "{text}");
    }

    #[test]
    fn fragments_are_written_unchanged() {
        let text = br#"{"call":{"tag":18446744073709551615,"a": [1.50]},"lines":[{"b":null}]}"#;
        let read = Manifest::from_bytes(text).expect("read");
        assert_eq!(read.call.text(), r#"{"tag":18446744073709551615,"a": [1.50]}"#);
        let bytes = read.to_bytes().expect("bytes");
        let again = String::from_utf8(bytes.clone()).expect("text");
        assert!(again.contains(r#""call":{"tag":18446744073709551615,"a": [1.50]},"lines":[{"b":null}]"#));
        assert_eq!(Manifest::from_bytes(&bytes), Some(read));
        let none = Manifest::from_bytes(br#"{"call":null}"#).expect("read");
        assert_eq!(none.call, Fragment::default());
        assert_eq!(Manifest::default().to_bytes().ok(), none.to_bytes().ok());
    }
}
