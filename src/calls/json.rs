//! Imagicle's array of active recordings, in the published forms.

use std::fmt::Write;

use time::{Date, OffsetDateTime, UtcOffset};

use super::recording::View;
use crate::words::State;

/// The answer of "Get Active Recordings": `id`, `duration` (ISO 8601, whole
/// seconds), `startedAt` (UTC, seven digits, no zone), the two parties, `isPaused`.
pub fn active_recordings(views: &[View]) -> String {
    let mut out = String::with_capacity(2 + views.len() * 320);
    out.push('[');
    for (index, view) in views.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        active_recording(&mut out, view);
    }
    out.push(']');
    out
}

fn active_recording(out: &mut String, view: &View) {
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push_str("{\"id\":\"");
    out.push_str(view.id.as_hyphenated().encode_lower(&mut id));
    out.push_str("\",\"duration\":\"");
    iso_duration(out, view.readings.duration_ms);
    out.push_str("\",\"startedAt\":\"");
    iso_date(out, view.started_at_ms);
    out.push_str("\",\"localParty\":{\"username\":");
    quoted(out, view.info.username.as_str());
    out.push_str("},\"remoteParty\":{\"firstName\":");
    quoted(out, view.info.remote_first_name.as_str());
    out.push_str(",\"lastName\":");
    quoted(out, view.info.remote_last_name.as_str());
    out.push_str(",\"phoneNumber\":");
    quoted(out, view.info.remote_phone_number.as_str());
    out.push_str("},\"isPaused\":");
    out.push_str(if view.state == State::Paused {
        "true}"
    } else {
        "false}"
    });
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

/// `PT1M13S`; hours only where there are any, minutes likewise.
fn iso_duration(out: &mut String, ms: u64) {
    let seconds = ms / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.push_str("PT");
    // Writing to a String cannot fail.
    if hours > 0 {
        let _ = write!(out, "{hours}H");
    }
    if minutes > 0 {
        let _ = write!(out, "{minutes}M");
    }
    if rest > 0 || seconds == 0 {
        let _ = write!(out, "{rest}S");
    }
}

/// `2018-07-02T15:07:00.0000000`
fn iso_date(out: &mut String, unix_ms: i64) {
    let at = OffsetDateTime::from_unix_timestamp_nanos(unix_ms as i128 * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(UtcOffset::UTC);
    let date: Date = at.date();
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:07}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.nanosecond() / 100,
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
        let mut out = String::new();
        iso_date(&mut out, 1_530_544_020_000);
        assert_eq!(out, "2018-07-02T15:07:00.0000000");
        out.clear();
        iso_date(&mut out, 1_530_544_020_120);
        assert_eq!(out, "2018-07-02T15:07:00.1200000");
    }

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        quoted(&mut out, "a\"b\\c\n");
        assert_eq!(out, "\"a\\\"b\\\\c\\n\"");
    }
}
