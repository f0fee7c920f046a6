//! Imagicle's array of active recordings in the published format.

use std::fmt::Write;

use time::OffsetDateTime;

use callrec_core::calls::RecordingView;
use callrec_core::text::Text;
use callrec_core::types::RecordingState;

/// Where the duration begins in the text of a recording.
#[cfg(feature = "server")]
pub(super) const DURATION_OFFSET: usize =
    "{\"id\":\"".len() + uuid::fmt::Hyphenated::LENGTH + "\",\"duration\":\"".len();

/// Number of recordings whose texts are prefetched together.
const BATCH: usize = 32;

/// Members in addition to the published ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraMembers {
    None,
    /// `"automatic":true` if the line's policy started the recording, `"private":true` if its call
    /// is private, `"held":true` under a legal hold, and its `"consent"` if that is known or required.
    Callrec,
}

/// The response to "Get Active Recordings": `id`, `duration` (ISO 8601, whole seconds), `startedAt`
/// (UTC, seven digits, no zone), the two parties, `isPaused`.
pub fn active_recordings(views: &[RecordingView], extra: ExtraMembers) -> String {
    let mut out = String::with_capacity(2 + views.len() * 320);
    let mut dates = DateFormatter::default();
    out.push('[');
    for batch in views.chunks(BATCH) {
        // The reads are independent, so that the processor overlaps their cache misses.
        std::hint::black_box(batch.iter().map(prefetch).sum::<usize>());
        for view in batch {
            active_recording(&mut out, view, extra, &mut dates);
            out.push(',');
        }
    }
    if !views.is_empty() {
        out.pop();
    }
    out.push(']');
    out
}

/// Reads one byte of each text to prefetch it.
fn prefetch(view: &RecordingView) -> usize {
    let info = &view.info;
    let texts = [
        &info.username,
        &info.remote_first_name,
        &info.remote_last_name,
        &info.remote_phone_number,
    ];
    let first = |text: &Text| usize::from(text.as_str().as_bytes().first().copied().unwrap_or_default());
    texts.into_iter().map(first).sum()
}

/// Writes one recording. Returns where its duration ends in `out`.
pub(super) fn active_recording(
    out: &mut String,
    view: &RecordingView,
    extra: ExtraMembers,
    dates: &mut DateFormatter,
) -> usize {
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push_str("{\"id\":\"");
    out.push_str(view.id.as_hyphenated().encode_lower(&mut id));
    out.push_str("\",\"duration\":\"");
    iso_duration(out, view.readings.duration_ms);
    let duration_end = out.len();
    out.push_str("\",\"startedAt\":\"");
    dates.push(out, view.started_at_ms);
    out.push_str("\",\"localParty\":{\"username\":");
    quoted(out, view.info.username.as_str());
    out.push_str("},\"remoteParty\":{\"firstName\":");
    quoted(out, view.info.remote_first_name.as_str());
    out.push_str(",\"lastName\":");
    quoted(out, view.info.remote_last_name.as_str());
    out.push_str(",\"phoneNumber\":");
    quoted(out, view.info.remote_phone_number.as_str());
    out.push_str("},\"isPaused\":");
    out.push_str(if view.state == RecordingState::Paused {
        "true"
    } else {
        "false"
    });
    if extra == ExtraMembers::Callrec {
        let members = [
            (view.spec.is_automatic(), ",\"automatic\":true"),
            (view.held, ",\"held\":true"),
            (view.info.private, ",\"private\":true"),
        ];
        members
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .for_each(|(_, member)| out.push_str(member));
        if !view.info.consent.member().is_empty() {
            let _ = write!(out, ",\"consent\":\"{}\"", view.info.consent.member());
        }
    }
    out.push('}');
    duration_end
}

fn quoted(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// `PT1M13S`; hours and minutes only if they are not zero.
pub fn iso_duration(out: &mut String, ms: u64) {
    iso_seconds(out, ms / 1000);
}

/// The same of whole seconds.
pub(super) fn iso_seconds(out: &mut String, seconds: u64) {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.push_str("PT");
    if hours > 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, "{hours}H");
    }
    if minutes > 0 {
        push_two_digits(out, minutes as u8);
        out.push('M');
    }
    if rest > 0 || seconds == 0 {
        push_two_digits(out, rest as u8);
        out.push('S');
    }
}

/// A number below 100, without a leading zero.
fn push_two_digits(out: &mut String, number: u8) {
    if number >= 10 {
        out.push(char::from(b'0' + number / 10));
    }
    out.push(char::from(b'0' + number % 10));
}

/// `2018-07-02T15:07:00.0000000`
pub fn iso_date(out: &mut String, unix_ms: i64) {
    DateFormatter::default().push(out, unix_ms);
}

/// Formats dates, reusing the previous one if the second is the same.
#[derive(Default)]
pub(super) struct DateFormatter {
    second: i64,
    /// `2018-07-02T15:07:00.`; empty before the first date.
    text: String,
}

impl DateFormatter {
    /// `2018-07-02T15:07:00.0000000`
    fn push(&mut self, out: &mut String, unix_ms: i64) {
        let second = unix_ms.div_euclid(1000);
        if self.text.is_empty() || second != self.second {
            self.second = second;
            self.text.clear();
            write_second(&mut self.text, second);
        }
        out.push_str(&self.text);
        let ms = unix_ms.rem_euclid(1000) as u32;
        for digit in [ms / 100, ms / 10 % 10, ms % 10] {
            out.push(char::from(b'0' + digit as u8));
        }
        out.push_str("0000");
    }
}

fn write_second(out: &mut String, unix_s: i64) {
    let at = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(ms: u64) -> String {
        let mut out = String::new();
        iso_duration(&mut out, ms);
        out
    }

    #[test]
    fn durations_as_published() {
        assert_eq!(duration(73_999), "PT1M13S");
        assert_eq!(duration(0), "PT0S");
        assert_eq!(duration(60_000), "PT1M");
        assert_eq!(duration(3_600_000), "PT1H");
        assert_eq!(duration(3_605_000), "PT1H5S");
    }

    #[test]
    fn dates_as_published() {
        let mut dates = DateFormatter::default();
        for (ms, expected) in [
            (1_530_544_020_000, "2018-07-02T15:07:00.0000000"),
            (1_530_544_020_120, "2018-07-02T15:07:00.1200000"),
            (1_530_544_021_007, "2018-07-02T15:07:01.0070000"),
            (0, "1970-01-01T00:00:00.0000000"),
            (-1, "1969-12-31T23:59:59.9990000"),
            (999, "1970-01-01T00:00:00.9990000"),
        ] {
            let mut out = String::new();
            dates.push(&mut out, ms);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        quoted(&mut out, "a\"b\\c\n");
        assert_eq!(out, "\"a\\\"b\\\\c\\n\"");
    }
}
