//! `callrec list`.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::command_line::ListOptions;
use crate::library::{self, StoredRecording};
use crate::output::{CommandResult, Output, because, clock};

/// Titles of the columns. The last one has the rest of the line.
const TITLES: [&str; 7] = ["STARTED", "LENGTH", "STATE", "FORMAT", "CALL", "PARTIES", "FILE"];

pub fn list(options: &ListOptions, output: &Output) -> CommandResult<()> {
    let since = options.since.as_deref().map(unix_ms).transpose()?;
    let until = options.until.as_deref().map(unix_ms).transpose()?;
    let (mut found, unread) = library::find(&options.directory)?;
    found.retain(|recording| {
        let began = recording.manifest.started_at_ms;
        since.is_none_or(|since| began >= since)
            && until.is_none_or(|until| began < until)
            && (recording.is_unfinished || !options.unfinished)
            && is_of_call(recording, options)
    });
    for one in &unread {
        output.remark(format_args!("{}: {}", one.path.display(), one.problem));
    }
    if output.is_json {
        return output.json(&found.iter().map(StoredRecording::to_json).collect::<Value>());
    }
    print_table(&found, output)
}

fn is_of_call(recording: &StoredRecording, options: &ListOptions) -> bool {
    let has =
        |members: &[&str], wanted: &str| members.iter().any(|member| recording.call_text(member) == wanted);
    let parties = [
        "device_name",
        "directory_number",
        "username",
        "remote_phone_number",
    ];
    options.call_id.as_deref().is_none_or(|id| has(&["call_id"], id))
        && options.party.as_deref().is_none_or(|party| has(&parties, party))
}

fn print_table(found: &[StoredRecording], output: &Output) -> CommandResult<()> {
    let rows: Vec<[String; 7]> = found.iter().map(row).collect();
    if rows.is_empty() {
        output.remark("there is no such recording");
        return Ok(());
    }
    let titles = TITLES.map(str::to_owned);
    let mut widths = [0; 7];
    for row in rows.iter().chain([&titles]) {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = text.chars().count().max(*width);
        }
    }
    for row in [&titles].into_iter().chain(&rows) {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(text, width)| format!("{text:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        output.line(line.trim_end())?;
    }
    Ok(())
}

fn row(recording: &StoredRecording) -> [String; 7] {
    let manifest = &recording.manifest;
    let state = match recording.is_unfinished {
        true => "unfinished".to_owned(),
        false => manifest.state.clone(),
    };
    let ours = ["directory_number", "device_name"].map(|member| recording.call_text(member));
    let ours = ours.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let theirs = recording.call_text("remote_phone_number");
    let parties = match (ours.is_empty(), theirs.is_empty()) {
        (false, false) => format!("{ours} - {theirs}"),
        _ => format!("{ours}{theirs}"),
    };
    let cells = [
        manifest.started_at.clone(),
        clock(manifest.duration_ms),
        state,
        manifest.format.clone(),
        recording.call_text("call_id"),
        parties,
        recording.audio.display().to_string(),
    ];
    cells.map(|text| printable(&text))
}

/// A text without control characters, which could command a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A date or a time in UTC, as Unix time in milliseconds.
fn unix_ms(text: &str) -> CommandResult<i64> {
    let date = || Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    let at = OffsetDateTime::parse(text, &Rfc3339).ok();
    match at.or_else(|| Some(date()?.midnight().assume_utc())) {
        Some(at) => Ok((at.unix_timestamp_nanos() / 1_000_000) as i64),
        None => because(format!(
            "time \"{text}\": write it as 2026-11-27 or 2026-11-27T09:30:00Z"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(unix_ms("1970-01-02").ok(), Some(86_400_000));
        assert_eq!(unix_ms("1970-01-01T01:00:00.5+01:00").ok(), Some(500));
        assert!(unix_ms("yesterday").is_err());
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb"), "a\u{fffd}[31mb");
    }
}
