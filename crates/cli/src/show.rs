//! `callrec show`.

use std::fs;

use callrec::storage::{Manifest, SpanEntry};
use serde_json::{Value, json};

use crate::audio::DecodedAudio;
use crate::command_line::ShowOptions;
use crate::library::{self, StoredRecording};
use crate::list::printable;
use crate::output::{CommandResult, ErrorContext, Output, because, clock, size};
use crate::waveform::{Waveform, svg, text};

/// Members of the call in the order of the page, with their titles.
const CALL_MEMBERS: [(&str, &str); 10] = [
    ("call_id", "Call"),
    ("switch_call_id", "Switch call"),
    ("device_name", "Device"),
    ("directory_number", "Number"),
    ("username", "User"),
    ("remote_phone_number", "Remote"),
    ("ani", "ANI"),
    ("dnis", "DNIS"),
    ("direction", "Direction"),
    ("call_type", "Type"),
];
/// How many pauses and losses the page names.
const SPANS_SHOWN: usize = 20;
/// Columns of the waveform in JSON.
const JSON_COLUMNS: usize = 1000;

pub fn show(options: &ShowOptions, output: &Output) -> CommandResult<()> {
    let recording = library::open(&options.recording)?;
    let waveform = match options.no_waveform {
        true => None,
        false => Some(read_waveform(&recording, output)?),
    };
    if let (Some(path), Some(waveform)) = (&options.svg, &waveform) {
        let title = recording.audio.display().to_string();
        if fs::read(path).is_ok_and(|content| !content.starts_with(b"<svg")) {
            return because(format!("{}: the file exists and is no SVG", path.display()));
        }
        fs::write(path, svg::draw(waveform, &title)).about(path.display())?;
    }
    if output.is_json {
        return output.json(&to_json(&recording, waveform.as_ref()));
    }
    for (title, text) in facts(&recording) {
        if !text.is_empty() {
            output.line(format_args!("{title:12} {}", printable(&text)))?;
        }
    }
    for line in legs(&recording.manifest)
        .into_iter()
        .chain(spans(&recording.manifest))
    {
        output.line(line)?;
    }
    if let Some(waveform) = waveform {
        output.line("")?;
        let width = options.width.unwrap_or_else(terminal_width);
        for line in text::draw(&waveform, width.into()) {
            output.line(line)?;
        }
    }
    Ok(())
}

/// The width of the terminal on standard output, or 80.
fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(80, |(width, _)| width.0.clamp(20, 1000))
}

fn read_waveform(recording: &StoredRecording, output: &Output) -> CommandResult<Waveform> {
    let mut audio = DecodedAudio::open(&recording.audio)?;
    let bar = output.progress(audio.frames, "{wide_bar} {percent} %");
    let waveform = Waveform::read(&mut audio, &recording.manifest.spans, |frames| {
        bar.set_position(frames)
    });
    bar.finish_and_clear();
    waveform
}

fn to_json(recording: &StoredRecording, waveform: Option<&Waveform>) -> Value {
    let mut json = recording.to_json();
    if let Some(waveform) = waveform {
        let channels = waveform.columns(JSON_COLUMNS);
        let named = channels.iter().enumerate().map(|(channel, peaks)| {
            let rounded = peaks.iter().map(|peak| (peak * 1000.0).round() / 1000.0);
            json!({"name": waveform.channel_name(channel), "peaks": rounded.map(f64::from).collect::<Value>()})
        });
        json["waveform"] = json!({"seconds": waveform.seconds, "channels": named.collect::<Value>()});
    }
    json
}

/// The lines of the page: titles and texts, which may be empty.
fn facts(recording: &StoredRecording) -> Vec<(&'static str, String)> {
    let manifest = &recording.manifest;
    let state = match recording.is_unfinished {
        true => format!("{} (not finished)", manifest.state),
        false => format!("{} ({})", manifest.state, manifest.end_reason),
    };
    let mut facts = vec![
        ("Recording", manifest.id.clone()),
        ("State", state),
        ("Error", manifest.error.clone()),
        ("File", recording.audio.display().to_string()),
        ("Format", format_text(manifest)),
        ("Size", size(manifest.bytes)),
        ("Digest", manifest.digest.clone()),
        ("Started", manifest.started_at.clone()),
        ("Ended", manifest.ended_at.clone()),
        ("Length", clock(manifest.duration_ms)),
        ("Paused", some_time(manifest.paused_ms)),
        ("Lost", some_time(manifest.lost_ms)),
        ("Look-back", some_time(manifest.lookback_ms.into())),
    ];
    facts.extend(CALL_MEMBERS.map(|(member, title)| (title, recording.call_text(member))));
    let consent = manifest.call.value();
    let consent = consent.get("consent").map(|consent| match consent.as_str() {
        Some(text) => text.to_owned(),
        None => consent.to_string(),
    });
    facts.push(("Consent", consent.unwrap_or_default()));
    facts.push((
        "Packets",
        manifest
            .raw
            .as_ref()
            .map_or(String::new(), |raw| raw.file.clone()),
    ));
    facts
}

fn some_time(ms: u64) -> String {
    if ms == 0 { String::new() } else { clock(ms) }
}

fn format_text(manifest: &Manifest) -> String {
    let parameters = match manifest.format_parameters.is_empty() {
        true => String::new(),
        false => format!(";{}", manifest.format_parameters),
    };
    let channels = match manifest.channels {
        1 => "1 channel".to_owned(),
        channels => format!("{channels} channels"),
    };
    format!(
        "{}{parameters}, {} Hz, {channels}, {}",
        manifest.format, manifest.sample_rate, manifest.layout
    )
}

fn legs(manifest: &Manifest) -> Vec<String> {
    let line = |leg: &callrec::storage::LegEntry| {
        let dropped: u64 = leg.dropped_ms.values().sum();
        let codecs = leg.codecs.join(", ");
        let mut text = format!("Leg {:8} {} packets", leg.leg, leg.packets);
        for (title, ms) in [
            ("audio", leg.audio_ms),
            ("missing", leg.missing_ms),
            ("dropped", dropped),
        ] {
            if ms > 0 {
                text.push_str(&format!(", {title} {}", clock(ms)));
            }
        }
        if !codecs.is_empty() {
            text.push_str(&format!(", {codecs}"));
        }
        printable(&text)
    };
    manifest.legs.iter().map(line).collect()
}

fn spans(manifest: &Manifest) -> Vec<String> {
    let rate = u64::from(manifest.sample_rate.max(1));
    let line = |span: &SpanEntry| {
        let from = clock(span.from_frame.saturating_mul(1000) / rate);
        let mut text = format!("{:12} at {from} for {}", title(&span.kind), clock(span.length_ms));
        for detail in [&span.leg, &span.reason] {
            if !detail.is_empty() {
                text.push_str(&format!(", {detail}"));
            }
        }
        printable(&text)
    };
    let mut lines: Vec<String> = manifest.spans.iter().take(SPANS_SHOWN).map(line).collect();
    let more = manifest.spans.len().saturating_sub(SPANS_SHOWN) as u64 + manifest.spans_dropped;
    if more > 0 {
        lines.push(format!("{:12} and {more} more pauses and losses", ""));
    }
    lines
}

/// A word with a capital letter.
fn title(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
