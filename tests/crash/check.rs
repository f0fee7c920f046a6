//! Whether what is on disk is what was handed in.

use crate::history::{ChildHistory, ReportedRecording, WrittenPacket};
use crate::plan::{self, CallKind, FRAME, LEGS, value};
#[cfg(feature = "faults")]
use crate::support::paged;
use crate::support::{CText, ReceivedEvent, TestEngine, checked};
use callrec::capi::*;
use callrec_testkit::ledger::unsettled_ms;
use callrec_testkit::manifest::{live_manifests, manifest_beside};
#[cfg(feature = "faults")]
use callrec_testkit::published::check_published_as;
use callrec_testkit::published::{Published, check_published};
use callrec_testkit::tree::{assert_settled, tree};
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// After a start or a resume, what lies before it by its own time is not recorded: a
/// written frame continues the one before it, which may lie this far back.
const TRIM: u64 = 100 * plan::RATE / 1000;
/// A frame that came so much later than it should may have met time already written.
const LATE_MS: u64 = 40;
/// So many samples in a row are no chance.
const SURE: usize = 24;

/// One sample that may be in the file.
#[derive(Clone, Copy)]
struct Expected {
    value: i32,
    /// May be missing with what stands before it.
    soft: bool,
    /// Handed in, but killed before that was told.
    beyond: bool,
}

fn expected(
    call: usize,
    leg: usize,
    recording: &ReportedRecording,
    frames: &[WrittenPacket],
) -> Vec<Expected> {
    let taken = |number: u64| frames.get(number as usize).is_none_or(|frame| frame.taken[leg]);
    let late = |number: u64| {
        let near = number.saturating_sub(1)..=number + 3;
        near.into_iter()
            .filter_map(|number| frames.get(number as usize))
            .any(|frame| frame.gap_ms > LATE_MS || !frame.taken[leg])
    };
    let mut all = Vec::new();
    let last = recording.ranges.len().saturating_sub(1);
    for (n, (from, to)) in recording.ranges.iter().enumerate() {
        let told = to * FRAME;
        let open = u64::from(recording.open && n == last);
        for number in (*from..to + open).filter(|number| taken(*number)) {
            let late = late(number);
            for index in number * FRAME..(number + 1) * FRAME {
                all.push(Expected {
                    value: value(call, leg, index),
                    soft: late || index < from * FRAME + TRIM,
                    beyond: index >= told,
                });
            }
        }
    }
    all
}

/// Follows a leg of a file through what was handed in: every sample that is not
/// silence must be the next one. Gives how many that were told are not there.
fn follow(heard: &[Option<i32>], wanted: &[Expected]) -> Result<u64, String> {
    let said: Vec<(usize, i32)> = heard
        .iter()
        .enumerate()
        .filter_map(|(at, sample)| sample.map(|sample| (at, sample)))
        .collect();
    let mut next = 0;
    for (n, (at, sample)) in said.iter().enumerate() {
        if wanted.get(next).is_some_and(|wanted| wanted.value == *sample) {
            next += 1;
            continue;
        }
        let run = &said[n..said.len().min(n + SURE)];
        let fits = |from: &usize| {
            let here = wanted.get(*from..).unwrap_or_default();
            !here.is_empty()
                && run
                    .iter()
                    .zip(here)
                    .all(|((_, sample), wanted)| *sample == wanted.value)
        };
        let softs = wanted[next.min(wanted.len())..]
            .iter()
            .take_while(|wanted| wanted.soft)
            .count();
        let Some(found) = (next..=next + softs).find(fits) else {
            let elsewhere = (0..wanted.len()).find(fits);
            return Err(format!(
                "position {at}: {sample} is not sample {next} of {} ({softs} may be left out; it would be sample {elsewhere:?})",
                wanted.len()
            ));
        };
        next = found + 1;
    }
    let missing = &wanted[next..];
    match missing.iter().all(|wanted| wanted.soft) {
        true if missing.len() as u64 <= TRIM => Ok(0),
        _ => Ok(missing.iter().filter(|wanted| !wanted.beyond).count() as u64),
    }
}

/// Compares the audio of a recording with what its child told; gives the loss in
/// milliseconds of the leg that lost most.
pub fn audio(history: &ChildHistory, recording: &ReportedRecording, wav: &WavFile) -> Result<u64, String> {
    let kind: CallKind = plan::kind(recording.call);
    kind.check_shape(wav)?;
    let frames = history.calls.get(&recording.call).map_or(&[][..], Vec::as_slice);
    let mut worst = 0;
    for leg in (0..LEGS.len()).filter(|leg| kind.hears(*leg)) {
        let wanted = expected(recording.call, leg, recording, frames);
        let lost =
            follow(&kind.heard(wav, leg), &wanted).map_err(|why| format!("{kind:?}, leg {leg}: {why}"))?;
        worst = worst.max(lost * 1000 / plan::RATE);
    }
    Ok(worst)
}

/// The file in progress of every recording that was told as started, and of those
/// whose end was not told; each must be playable and hold what was handed in. How much each
/// holds is noted in the history: recovery must not lose it.
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
        let done = match is_paged(Path::new(name.trim_end_matches(".part"))) {
            true => paged_in_progress(directory, id, &bytes, check),
            false => WavFile::parse_playable(&bytes).and_then(|wav| check(&wav)),
        };
        let held = done.unwrap_or_else(|why| panic!("{name} before recovery: {why}"));
        let id = id.clone();
        history.durable_frames.insert(id, held);
        if bytes.starts_with(b"RIFF") {
            opened_by_another(&directory.join(part));
        }
    }
    for id in history.recordings.keys().filter(|id| history.was_started(id)) {
        let live = directory.join(format!(".callrec/{id}.json"));
        assert!(
            history.was_ended(id) || live.exists(),
            "{id} was started and not ended, but nothing is owed"
        );
    }
}

fn is_paged(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "paged")
}

/// The file holds a part of what was handed in; with its tail it holds as much as another
/// format's file would.
#[cfg(feature = "faults")]
fn paged_in_progress(
    directory: &Path,
    id: &str,
    bytes: &[u8],
    check: impl Fn(&WavFile) -> Result<usize, String>,
) -> Result<usize, String> {
    let part = paged::read_part(bytes)?;
    check(&part)?;
    let tail = directory.join(format!(".callrec/{id}.tail"));
    check(&paged::with_tail(&part, &tail)?)
}

#[cfg(not(feature = "faults"))]
fn paged_in_progress(
    _: &Path,
    _: &str,
    _: &[u8],
    _: impl Fn(&WavFile) -> Result<usize, String>,
) -> Result<usize, String> {
    Err("a format that this build does not have".to_owned())
}

/// A reader that is not ours, where one is named: CALLREC_READER="ffprobe -v error".
fn opened_by_another(file: &Path) {
    let Ok(reader) = std::env::var("CALLREC_READER") else {
        return;
    };
    let mut words = reader.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap());
    let output = command.args(words).arg(file).output().unwrap();
    let clean = output.status.success() && output.stderr.is_empty();
    assert!(clean, "{}: {output:?}", file.display());
}

/// A published file is whole: header, manifest, digest, ledger and pauses agree with each
/// other, and the library's own check agrees with them.
fn whole(path: &Path) -> Result<Published, String> {
    let published = match is_paged(path) {
        #[cfg(feature = "faults")]
        true => check_published_as(path, paged::read_finished)?,
        _ => check_published(path)?,
    };
    let path = CText::from(path.to_str().unwrap());
    let verified = checked(|e| unsafe { rec_verify(path.ptr(), e) });
    verified.map_err(|refusal| refusal.message)?;
    Ok(published)
}

/// Opens, waits for all that is owed, and until nothing is owed any more; then opens
/// once more, which must tell nothing. Gives what was told.
pub fn recover(directory: &Path, history: &ChildHistory) -> Vec<ReceivedEvent> {
    let owed = live_manifests(directory);
    let engine = TestEngine::open(directory, &[]);
    for (id, manifest) in &owed {
        // What cannot be read was started if its child said so.
        let started = manifest.as_ref().map(|manifest| manifest["started"] == true);
        if started.unwrap_or_else(|| history.was_started(id)) {
            engine.events.wait_terminal(id);
        }
    }
    // What was never begun is removed without a word: only the directory can tell.
    until_some("no live manifest is left", || {
        let live = live_manifests(directory);
        if live.is_empty() { Ok(()) } else { Err(live) }
    });
    let told = engine.close().all();
    assert_settled(directory);
    let again = TestEngine::open(directory, &[]).close().all();
    assert!(again.is_empty(), "told at the open after: {again:#?}");
    assert_settled(directory);
    told
}

/// What a round of kills has shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrashCounts {
    pub recordings: usize,
    pub recovered: usize,
    pub repeated: usize,
    pub own_end: usize,
    pub worst_ms: u64,
}

/// Every recording that was told as started has been told as ended, and its file is
/// what was handed in. `told`: by the last open.
pub fn after_recovery(directory: &Path, history: &ChildHistory, told: &[ReceivedEvent]) -> CrashCounts {
    let mut result = CrashCounts::default();
    let mut seen = BTreeSet::new();
    for event in told {
        assert!(event.is_terminal(), "{event:?}");
        assert!(seen.insert(event.id()), "told twice in one process: {event:?}");
        assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
        let recording = event.recording.as_ref().unwrap();
        let repeated = event.flags & REC_EVENT_FLAG_REPEATED != 0;
        assert!(
            repeated || !history.was_ended(event.id()),
            "told before, and again without REPEATED: {event:#?}"
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
            history.was_ended(id) || seen.contains(id.as_str()),
            "{id} was started, and its end was never told"
        );
    }
    for (id, events) in &history.events {
        let mut ends = events.iter().filter(|event| event.is_terminal()).skip(1);
        assert!(
            ends.all(|event| event.flags & REC_EVENT_FLAG_REPEATED != 0),
            "{id}: told by two processes, and not as REPEATED: {events:?}"
        );
    }
    let mut files = BTreeSet::new();
    for id in seen.iter().filter(|id| !history.recordings.contains_key(**id)) {
        // Begun on disk, and killed before the child could say so.
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
        } = whole(&path).unwrap_or_else(|why| panic!("{id}: {why}"));
        let lost = audio(history, recording, &wav)
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
                "{unaccounted_ms} ms are nowhere in the ledger: {manifest}"
            );
        } else {
            result.own_end += 1;
            assert!(recording.stop_begun, "ended by itself: {manifest}");
            assert_eq!(lost, 0, "finished, but not whole: {recording:?} {manifest}");
        }
    }
    // However often a process died while it wrote it.
    crate::support::verify_audit(directory, None).unwrap();
    // Nothing stands beside them that nobody can account for.
    for file in tree(directory) {
        let file = directory.join(file);
        let is_of = |audio: &PathBuf| file == *audio || file == audio.with_extension("json");
        let ours = [".callrec/lock", ".callrec/audit.log"];
        let known = files.iter().any(is_of) || ours.iter().any(|name| file.ends_with(name));
        assert!(known, "{} came from somewhere", file.display());
    }
    result
}

/// Whether it is a published audio file, by its name.
pub fn is_audio(file: &Path) -> bool {
    is_paged(file) || file.extension().is_some_and(|ending| ending == "wav")
}

/// The published audio that carries an id in its name.
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
fn the_comparison_sees_what_is_wrong() {
    let recording = ReportedRecording {
        call: 0,
        ranges: vec![(2, 60), (70, 140)],
        open: true,
        ..ReportedRecording::default()
    };
    let frame = WrittenPacket {
        taken: [true; 2],
        gap_ms: 20,
    };
    let wanted = expected(0, 0, &recording, &[frame; 140]);
    let said = |from: u64, to: u64| (from * FRAME..to * FRAME).map(|at| Some(value(0, 0, at)));
    let quiet = |frames: u64| (0..frames * FRAME).map(|_| None);
    let good: Vec<_> = quiet(3)
        .chain(said(2, 60))
        .chain(quiet(10))
        .chain(said(70, 140))
        .collect();
    assert_eq!(follow(&good, &wanted), Ok(0));
    // The end of what is handed in may be trimmed after a resume, and be lost at the kill.
    let trimmed: Vec<_> = said(2, 60)
        .chain(quiet(1))
        .chain(said(70, 130).skip(700))
        .collect();
    assert_eq!(follow(&trimmed, &wanted), Ok(10 * FRAME));
    let untold: Vec<_> = said(2, 60).chain(said(70, 141)).collect();
    assert_eq!(follow(&untold, &wanted), Ok(0));
    for (why, bad) in [
        ("paused", said(2, 61).chain(said(70, 140)).collect::<Vec<_>>()),
        ("paused", said(2, 60).chain(said(69, 140)).collect()),
        (
            "lost before the pause",
            said(2, 59).chain(said(70, 140)).collect(),
        ),
        ("trimmed too much", said(2, 60).chain(said(76, 140)).collect()),
        (
            "a hole",
            said(2, 30).chain(quiet(1)).chain(said(31, 60)).collect(),
        ),
        ("beyond", said(2, 60).chain(said(70, 142)).collect()),
        ("another leg", (0..8000).map(|at| Some(value(0, 1, at))).collect()),
        ("twice", said(2, 60).chain(said(50, 60)).collect()),
    ] {
        assert!(follow(&bad, &wanted).is_err(), "{why}");
    }
}
