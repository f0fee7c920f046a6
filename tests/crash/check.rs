//! Compares the files on the disk with the packets that were written.

use crate::expected::Expected;
use crate::formats::{self, FileKind};
use crate::history::{ChildHistory, ReportedRecording, WrittenPacket};
use crate::plan::{self, CallKind, LEGS, PACKET, value};
use crate::sound;
use crate::support::{CText, ReceivedEvent, TestEngine, checked};
use callrec::capi::*;
use callrec_testkit::ledger::unsettled_ms;
use callrec_testkit::manifest::{live_manifests, manifest_beside};
use callrec_testkit::published::Published;
use callrec_testkit::tree::{assert_settled, tree};
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// After a start or a resume, this many samples may be missing: a packet is placed after the
/// previous one, and audio placed before the start or the resume is not recorded. Delays that the
/// child does not make up for are added.
const TRIM: u64 = 100 * plan::RATE / 1000;
/// No more than this is added.
const HIDDEN_DELAY_MS: u64 = 5000;
/// A packet with a gap of more than this before it may have come after its place was written.
const LATE_MS: u64 = 40;
/// This many equal samples in a row are a match and not a coincidence.
const MATCH: usize = 24;

/// How many samples may be missing at the beginning of a range that begins with this packet.
fn trimmed_samples(packets: &[WrittenPacket], first: u64) -> u64 {
    let packet = packets.get(first as usize).or(packets.last());
    let slipped_ms = packet.map_or(0, |packet| packet.slipped_ms);
    TRIM + slipped_ms.min(HIDDEN_DELAY_MS) * plan::RATE / 1000
}

fn expected_samples(
    call: usize,
    leg: usize,
    recording: &ReportedRecording,
    packets: &[WrittenPacket],
) -> Vec<Expected> {
    let is_accepted = |number: u64| {
        packets
            .get(number as usize)
            .is_none_or(|packet| packet.accepted[leg])
    };
    let is_late = |number: u64| {
        let neighbours = number.saturating_sub(1)..=number + 3;
        neighbours
            .into_iter()
            .filter_map(|number| packets.get(number as usize))
            .any(|packet| packet.gap_ms > LATE_MS || !packet.accepted[leg])
    };
    let mut all = Vec::new();
    let last = recording.ranges.len().saturating_sub(1);
    for (n, (from, to)) in recording.ranges.iter().enumerate() {
        let reported = to * PACKET;
        let open = u64::from(recording.open && n == last);
        let trimmed = trimmed_samples(packets, *from);
        for number in (*from..to + open).filter(|number| is_accepted(*number)) {
            let is_late = is_late(number);
            for index in number * PACKET..(number + 1) * PACKET {
                all.push(Expected {
                    value: value(call, leg, index),
                    is_optional: is_late || index < from * PACKET + trimmed,
                    is_unreported: index >= reported,
                    allowed_in_a_row: trimmed,
                });
            }
        }
    }
    all
}

/// Compares a leg of a file with the written samples: each sample of the file that is not silence
/// must be the next expected one. Returns the number of reported samples that are missing.
fn compare(found: &[Option<i32>], expected: &[Expected]) -> Result<u64, String> {
    let found: Vec<(usize, i32)> = found
        .iter()
        .enumerate()
        .filter_map(|(at, sample)| sample.map(|sample| (at, sample)))
        .collect();
    let mut next = 0;
    for (n, (at, sample)) in found.iter().enumerate() {
        if expected
            .get(next)
            .is_some_and(|expected| expected.value == *sample)
        {
            next += 1;
            continue;
        }
        let run = &found[n..found.len().min(n + MATCH)];
        let fits = |from: &usize| {
            let here = expected.get(*from..).unwrap_or_default();
            !here.is_empty()
                && run
                    .iter()
                    .zip(here)
                    .all(|((_, sample), expected)| *sample == expected.value)
        };
        let optional = expected[next.min(expected.len())..]
            .iter()
            .take_while(|expected| expected.is_optional)
            .count();
        let Some(matching) = (next..=next + optional).find(fits) else {
            let elsewhere = (0..expected.len()).find(fits);
            return Err(format!(
                "position {at}: {sample} is not sample {next} of {} ({optional} may be missing; it would be sample {elsewhere:?})",
                expected.len()
            ));
        };
        next = matching + 1;
    }
    let missing = &expected[next..];
    match missing.iter().all(|expected| expected.is_optional) {
        true if missing
            .first()
            .is_none_or(|first| missing.len() as u64 <= first.allowed_in_a_row) =>
        {
            Ok(0)
        }
        _ => Ok(missing.iter().filter(|expected| !expected.is_unreported).count() as u64),
    }
}

/// Compares the audio of a recording with the reports of its child. Returns the larger loss of
/// the two legs, in milliseconds.
pub fn audio(history: &ChildHistory, recording: &ReportedRecording, wav: &WavFile) -> Result<u64, String> {
    let kind: CallKind = plan::kind(recording.call);
    kind.check_shape(wav)?;
    let packets = history.calls.get(&recording.call).map_or(&[][..], Vec::as_slice);
    let mut worst = 0;
    for leg in (0..LEGS.len()).filter(|leg| kind.has_leg(*leg)) {
        let expected = expected_samples(recording.call, leg, recording, packets);
        if kind.is_lossy() {
            worst = worst.max(missing_ms(wav.frames(), &expected));
            continue;
        }
        let lost = compare(&kind.leg_values(wav, leg), &expected)
            .map_err(|why| format!("{kind:?}, leg {leg}: {why}"))?;
        worst = worst.max(lost * 1000 / plan::RATE);
    }
    Ok(worst)
}

/// By how much a file is shorter than the samples that must be in it.
fn missing_ms(frames: usize, expected: &[Expected]) -> u64 {
    let due = expected.iter().filter(|expected| expected.is_due()).count();
    due.saturating_sub(frames) as u64 * 1000 / plan::RATE
}

/// The same of a published file, whose tones are recognized if it is lossy.
fn published_audio(
    history: &ChildHistory,
    recording: &ReportedRecording,
    wav: &WavFile,
    path: &Path,
) -> Result<u64, String> {
    let lost = audio(history, recording, wav)?;
    let kind = plan::kind(recording.call);
    if !kind.is_lossy() || (wav.frames() as u64) < formats::PROBED {
        return Ok(lost);
    }
    let packets = history.calls.get(&recording.call).map_or(&[][..], Vec::as_slice);
    let expected = |leg| expected_samples(recording.call, leg, recording, packets);
    let by_tones = sound::lost_ms(path, &kind, expected).map_err(|why| format!("{kind:?}, {why}"))?;
    Ok(lost.max(by_tones.unwrap_or(0)))
}

/// Checks the file in progress of every recording whose start was reported: it must be playable
/// and hold the written audio. Its length goes into the history: recovery must not lose any of it.
/// A recording without a reported end must have a live manifest.
pub fn before_recovery(directory: &Path, history: &mut ChildHistory) {
    let parts: Vec<PathBuf> = tree(directory)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "part"))
        .collect();
    for part in &parts {
        let name = part.to_str().unwrap();
        let id = history.recordings.keys().find(|id| name.contains(id.as_str()));
        let bytes = std::fs::read(directory.join(part)).unwrap();
        let Some(id) = id.filter(|id| history.was_started(id)) else {
            continue;
        };
        let check = |wav: &WavFile| audio(history, &history.recordings[id], wav).map(|_| wav.frames());
        let checked = formats::in_progress(directory, id, part, &bytes, check);
        let held = checked.unwrap_or_else(|why| panic!("{name} before recovery: {why}"));
        let id = id.clone();
        history.durable_frames.insert(id, held);
        if bytes.starts_with(b"RIFF") {
            open_with_reader(&directory.join(part));
        }
    }
    for id in history.recordings.keys().filter(|id| history.was_started(id)) {
        let live = directory.join(format!(".callrec/{id}.json"));
        assert!(
            history.was_ended(id) || live.exists(),
            "{id} was started and not ended, but has no live manifest"
        );
    }
}

/// Opens the file with another program, if one is given: CALLREC_READER="ffprobe -v error".
fn open_with_reader(file: &Path) {
    let Ok(reader) = std::env::var("CALLREC_READER") else {
        return;
    };
    let mut words = reader.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap());
    let output = command.args(words).arg(file).output().unwrap();
    let clean = output.status.success() && output.stderr.is_empty();
    assert!(clean, "{}: {output:?}", file.display());
}

/// Checks that the header, manifest, digest, ledger and pauses of a published file agree, and that
/// `rec_verify` accepts the file.
fn check_file(path: &Path) -> Result<Published, String> {
    let published = formats::finished(path)?;
    let path = CText::from(path.to_str().unwrap());
    let verified = checked(|e| unsafe { rec_verify(path.ptr(), e) });
    verified.map_err(|error| error.message)?;
    Ok(published)
}

/// Opens the directory until every pending end is reported and settled, and returns the events.
/// Another open must report nothing.
pub fn recover(directory: &Path, history: &ChildHistory) -> Vec<ReceivedEvent> {
    let pending = live_manifests(directory);
    let engine = TestEngine::open(directory, &[]);
    for (id, manifest) in &pending {
        // If the manifest is unreadable, the child's reports show whether the recording was started.
        let started = manifest.as_ref().map(|manifest| manifest["started"] == true);
        if started.unwrap_or_else(|| history.was_started(id)) {
            engine.events.wait_terminal(id);
        }
    }
    // A recording that was never begun is removed without an event.
    until_some("no live manifest is left", || {
        let live = live_manifests(directory);
        if live.is_empty() { Ok(()) } else { Err(live) }
    });
    let events = engine.close().all();
    assert_settled(directory);
    let again = TestEngine::open(directory, &[]).close().all();
    assert!(again.is_empty(), "events of the next open: {again:#?}");
    assert_settled(directory);
    events
}

/// The results of one round of kills.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrashCounts {
    pub recordings: usize,
    pub recovered: usize,
    pub repeated: usize,
    pub own_end: usize,
    pub worst_ms: u64,
}

/// Checks that every recording with a reported start has a reported end, and that its file holds
/// the written audio. `events` come from the last open.
pub fn after_recovery(directory: &Path, history: &ChildHistory, events: &[ReceivedEvent]) -> CrashCounts {
    let mut result = CrashCounts::default();
    let mut reported = BTreeSet::new();
    for event in events {
        assert!(event.is_terminal(), "{event:?}");
        assert!(
            reported.insert(event.id()),
            "reported twice in one process: {event:?}"
        );
        assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
        let recording = event.recording.as_ref().unwrap();
        let repeated = event.flags & REC_EVENT_FLAG_REPEATED != 0;
        assert!(
            repeated || !history.was_ended(event.id()),
            "reported again without REPEATED: {event:#?}"
        );
        assert!(
            repeated || recording.end_reason == REC_END_RECOVERED,
            "{event:#?}"
        );
        result.repeated += usize::from(repeated);
        let path = Path::new(&recording.path);
        assert!(path.starts_with(directory) && path.exists(), "{event:#?}");
        assert_eq!(manifest_beside(&recording.path)["digest"], recording.digest);
    }
    for id in history.recordings.keys().filter(|id| history.was_started(id)) {
        assert!(
            history.was_ended(id) || reported.contains(id.as_str()),
            "{id} was started, and its end was never reported"
        );
    }
    for (id, events) in &history.events {
        let mut ends = events.iter().filter(|event| event.is_terminal()).skip(1);
        assert!(
            ends.all(|event| event.flags & REC_EVENT_FLAG_REPEATED != 0),
            "{id}: reported by two processes without REPEATED: {events:?}"
        );
    }
    let mut files = BTreeSet::new();
    for id in reported
        .iter()
        .filter(|id| !history.recordings.contains_key(**id))
    {
        // The kill came after the start and before the child reported it.
        files.extend(audio_of(directory, id));
    }
    for (id, recording) in &history.recordings {
        let Some(path) = audio_of(directory, id) else {
            assert!(!history.was_started(id), "{id}: no file");
            continue;
        };
        files.insert(path.clone());
        let Published {
            wav,
            manifest,
            unaccounted_ms,
        } = check_file(&path).unwrap_or_else(|why| panic!("{id}: {why}"));
        let lost = published_audio(history, recording, &wav, &path)
            .unwrap_or_else(|why| panic!("{} {recording:?}: {why}", path.display()));
        let held = history.durable_frames.get(id).copied().unwrap_or(0);
        assert!(
            wav.frames() >= held,
            "{} of {held} frames: {manifest}",
            wav.frames()
        );
        result.recordings += 1;
        let recovered = manifest["end_reason"] == "recovered";
        assert_eq!(manifest["recovered"], recovered, "{manifest}");
        assert_eq!(manifest["id"], *id);
        if recovered {
            result.recovered += 1;
            result.worst_ms = result.worst_ms.max(lost);
            let bound = 1000 + history.delayed_ms(recording.call);
            assert!(
                lost <= bound,
                "{lost} ms lost (bound {bound}): {} {recording:?} {manifest}",
                path.display()
            );
            assert!(
                unaccounted_ms <= unsettled_ms(&manifest) + bound,
                "{unaccounted_ms} ms are missing in the ledger: {manifest}"
            );
        } else {
            result.own_end += 1;
            assert!(recording.stop_begun, "ended without a stop: {manifest}");
            assert_eq!(
                lost, 0,
                "finished, but audio is missing: {recording:?} {manifest}"
            );
        }
    }
    // The audit log is complete although processes were killed while they wrote it.
    crate::support::verify_audit(directory, None).unwrap();
    // There are no other files.
    for file in tree(directory) {
        let file = directory.join(file);
        let is_of = |audio: &PathBuf| file == *audio || file == audio.with_extension("json");
        let ours = [".callrec/lock", ".callrec/audit.log"];
        let known = files.iter().any(is_of) || ours.iter().any(|name| file.ends_with(name));
        assert!(known, "{} is unexpected", file.display());
    }
    result
}

/// Whether the name is that of a published audio file.
pub fn is_audio(file: &Path) -> bool {
    FileKind::of(file).is_some()
}

/// The published audio file with this id in its name.
pub fn audio_of(directory: &Path, id: &str) -> Option<PathBuf> {
    let carries_id = |file: &PathBuf| {
        file.file_name()
            .is_some_and(|name| name.to_string_lossy().contains(id))
    };
    let files = tree(directory).into_iter();
    let mut audio = files.filter(|file| is_audio(file) && carries_id(file));
    audio.next().map(|file| directory.join(file))
}

#[test]
fn the_comparison_finds_every_error() {
    let recording = ReportedRecording {
        call: 0,
        ranges: vec![(2, 60), (70, 140)],
        open: true,
        ..ReportedRecording::default()
    };
    let packet = WrittenPacket {
        accepted: [true; 2],
        gap_ms: 20,
        slipped_ms: 0,
    };
    let expected = expected_samples(0, 0, &recording, &[packet; 140]);
    let written = |from: u64, to: u64| (from * PACKET..to * PACKET).map(|at| Some(value(0, 0, at)));
    let quiet = |frames: u64| (0..frames * PACKET).map(|_| None);
    let good: Vec<_> = quiet(3)
        .chain(written(2, 60))
        .chain(quiet(10))
        .chain(written(70, 140))
        .collect();
    assert_eq!(compare(&good, &expected), Ok(0));
    // Audio may be missing after a resume, and at the kill.
    let trimmed: Vec<_> = written(2, 60)
        .chain(quiet(1))
        .chain(written(70, 130).skip(700))
        .collect();
    assert_eq!(compare(&trimmed, &expected), Ok(10 * PACKET));
    let unreported: Vec<_> = written(2, 60).chain(written(70, 141)).collect();
    assert_eq!(compare(&unreported, &expected), Ok(0));
    for (why, bad) in [
        (
            "paused",
            written(2, 61).chain(written(70, 140)).collect::<Vec<_>>(),
        ),
        ("paused", written(2, 60).chain(written(69, 140)).collect()),
        (
            "lost before the pause",
            written(2, 59).chain(written(70, 140)).collect(),
        ),
        (
            "trimmed too much",
            written(2, 60).chain(written(76, 140)).collect(),
        ),
        (
            "a hole",
            written(2, 30).chain(quiet(1)).chain(written(31, 60)).collect(),
        ),
        ("beyond", written(2, 60).chain(written(70, 142)).collect()),
        ("another leg", (0..8000).map(|at| Some(value(0, 1, at))).collect()),
        ("twice", written(2, 60).chain(written(50, 60)).collect()),
    ] {
        assert!(compare(&bad, &expected).is_err(), "{why}");
    }
}

/// What a delay hides may be missing after a resume, and not more.
#[test]
fn the_comparison_allows_for_delays_that_were_not_made_up_for() {
    let recording = ReportedRecording {
        call: 0,
        ranges: vec![(2, 60), (70, 140)],
        ..ReportedRecording::default()
    };
    let delayed = |number: u64| WrittenPacket {
        accepted: [true; 2],
        gap_ms: 20,
        slipped_ms: if number < 65 { 0 } else { 120 },
    };
    let packets: Vec<WrittenPacket> = (0..140).map(delayed).collect();
    let expected = expected_samples(0, 0, &recording, &packets);
    let written = |from: u64, to: u64| (from * PACKET..to * PACKET).map(|at| Some(value(0, 0, at)));
    let resumed_at = |from: u64| written(2, 60).chain(written(from, 140)).collect::<Vec<_>>();
    assert_eq!(compare(&resumed_at(81), &expected), Ok(0));
    assert!(compare(&resumed_at(82), &expected).is_err());
    let late_start: Vec<_> = written(8, 60).chain(written(70, 140)).collect();
    assert!(compare(&late_start, &expected).is_err(), "the delay came later");
}
