//! Whether what a simulation has left is what the model says.

use std::collections::BTreeMap;

use callrec_core::words::State;

use super::model::{Known, KnownRecording, PACKET_SAMPLES, Said};

/// What may be gone, because the power was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Nothing,
    /// What no terminal event has told.
    WhatWasNotTold,
    Anything,
}

type Files = [(String, Vec<u8>)];

/// Samples in a row that give a mark away.
const GIVES_AWAY: usize = 8;

/// Nothing that was said while nothing was recorded, or while it was paused, is anywhere on
/// the disk.
pub fn check_secrets(known: &mut Known, files: &Files) {
    let mut found = Vec::new();
    for (path, data) in files {
        for mark in marks_of(data) {
            if known.secret.contains(&mark) {
                found.push(format!("mark {mark}, which nobody may keep, is in {path}"));
            }
        }
    }
    found.truncate(5);
    known.wrong.append(&mut found);
}

/// Marks that stand in a file, in either order of bytes, in each of two channels or in one.
fn marks_of(data: &[u8]) -> Vec<i16> {
    let mut marks = Vec::new();
    for skip in 0..2 {
        let words: Vec<[u8; 2]> = data[skip.min(data.len())..]
            .chunks_exact(2)
            .map(|word| [word[0], word[1]])
            .collect();
        for step in [1, 2] {
            for channel in 0..step {
                runs(words.iter().skip(channel).step_by(step), &mut marks);
            }
        }
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn runs<'a>(words: impl Iterator<Item = &'a [u8; 2]>, marks: &mut Vec<i16>) {
    let (mut last, mut length) = ([0, 0], 0);
    for word in words {
        length = if *word == last { length + 1 } else { 1 };
        last = *word;
        if length == GIVES_AWAY && last != [0, 0] {
            marks.push(i16::from_le_bytes(last));
            marks.push(i16::from_be_bytes(last));
        }
    }
}

/// After the last process: every recording has one story, and its file holds what was said.
pub fn check(known: &mut Known, files: &Files, lost: Lost) {
    let files: BTreeMap<&str, &[u8]> = files
        .iter()
        .map(|(path, data)| (path.as_str(), &data[..]))
        .collect();
    let mut wrong = Vec::new();
    for (id, recording) in &known.recordings {
        let mut fault = |words: String| wrong.push(format!("recording {id}: {words}"));
        check_story(recording, lost, &mut fault);
        check_audio(recording, &files, lost, &mut fault);
    }
    for path in files.keys() {
        if let Some(name) = path.strip_prefix(".callrec/")
            && name != "lock"
            && !name.contains(".bad")
        {
            wrong.push(format!("{path} is left"));
        }
    }
    known.wrong.append(&mut wrong);
}

/// One terminal event over all processes, unless it is marked as repeated, and the same story
/// each time.
fn check_story(recording: &KnownRecording, lost: Lost, fault: &mut dyn FnMut(String)) {
    if lost == Lost::Anything {
        return;
    }
    let ends = &recording.ends;
    let first_times = ends.iter().filter(|end| !end.repeated).count();
    if first_times > 1 {
        fault(format!("its end is told {first_times} times as new: {ends:?}"));
    }
    if recording.started && ends.is_empty() && lost == Lost::Nothing {
        fault("its start was told, and its end never is".to_owned());
    }
    for pair in ends.windows(2) {
        if (pair[0].state, pair[0].reason) != (pair[1].state, pair[1].reason) {
            fault(format!("its end is told in two ways: {ends:?}"));
        }
    }
}

fn check_audio(
    recording: &KnownRecording,
    files: &BTreeMap<&str, &[u8]>,
    lost: Lost,
    fault: &mut dyn FnMut(String),
) {
    let Some(end) = recording.ends.last() else {
        return;
    };
    // A process that dies before the discard was noted has told nobody of it.
    let discard_held = recording
        .ends
        .first()
        .is_some_and(|end| end.process == recording.process);
    if lost != Lost::Anything
        && recording.discarded
        && discard_held
        && !end.path.is_empty()
        && end.state == State::Finished
    {
        fault(format!("it was discarded, and {} is told", end.path));
    }
    if end.state != State::Finished || end.path.is_empty() {
        return;
    }
    let path = end.path.strip_prefix("/simulated/").unwrap_or(&end.path);
    let Some(data) = files.get(path) else {
        if lost != Lost::Anything {
            fault(format!("{path} was told and is not there"));
        }
        return;
    };
    let was_told = end.process == recording.process;
    if lost == Lost::Anything || lost == Lost::WhatWasNotTold && !was_told {
        return;
    }
    let kept = kept_marks(path, data);
    let is_whole = end.process == recording.process && end.lost_ms == 0;
    for (leg, said) in recording.said.iter().enumerate() {
        compare(leg, said, &kept[leg], is_whole, fault);
    }
}

/// The marks in each channel, and how many samples each has.
fn kept_marks(path: &str, data: &[u8]) -> [Vec<(i16, usize)>; 2] {
    let (audio, big_endian) = match path.ends_with(".au") {
        true => (audio_of_au(data), true),
        false => (audio_of_wav(data), false),
    };
    let mut kept = [Vec::new(), Vec::new()];
    for frame in audio.chunks_exact(4) {
        for (channel, kept) in kept.iter_mut().enumerate() {
            let word = [frame[2 * channel], frame[2 * channel + 1]];
            let mark = match big_endian {
                true => i16::from_be_bytes(word),
                false => i16::from_le_bytes(word),
            };
            if mark == 0 {
                continue;
            }
            match kept.last_mut() {
                Some((last, count)) if *last == mark => *count += 1,
                _ => kept.push((mark, 1)),
            }
        }
    }
    kept
}

fn audio_of_wav(data: &[u8]) -> &[u8] {
    let at = data.windows(4).position(|four| four == b"data");
    let Some(at) = at else { return &[] };
    let length = data[at + 4..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    let audio = &data[at + 8..];
    &audio[..length.min(audio.len())]
}

fn audio_of_au(data: &[u8]) -> &[u8] {
    let at = data
        .get(4..8)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    data.get(at..).unwrap_or_default()
}

/// What was said is there in order, once, and whole where nothing was lost.
fn compare(leg: usize, said: &[Said], kept: &[(i16, usize)], is_whole: bool, fault: &mut dyn FnMut(String)) {
    let mut said = said.iter();
    for (mark, count) in kept {
        let before = said.by_ref().take_while(|next| next.mark != *mark);
        let missing: Vec<i16> = before
            .filter(|next| !next.may_miss)
            .map(|next| next.mark)
            .collect();
        if is_whole && !missing.is_empty() {
            fault(format!(
                "leg {leg}: {missing:?} was said before {mark}, and is not there, though nothing is lost"
            ));
            return;
        }
        if *count > PACKET_SAMPLES {
            fault(format!("leg {leg}: {count} samples of {mark}"));
            return;
        }
    }
    let rest: Vec<i16> = said.filter(|next| !next.may_miss).map(|next| next.mark).collect();
    if is_whole && !rest.is_empty() {
        fault(format!(
            "leg {leg}: the last {} packets, from {:?} on, are not there, though nothing is lost",
            rest.len(),
            rest.first()
        ));
    }
}
