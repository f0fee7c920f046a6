//! Whether what a simulation has left is what the model says.

use std::collections::{BTreeMap, BTreeSet};

use callrec_core::words::{EndReason, State};
use serde_json::Value;
use uuid::Uuid;

use super::audio::{MarkRun, kept_marks, marks_of};
use super::marks::PACKET_SAMPLES;
use super::model::{ModelPacket, ModelRecording, ModelState, ReportedEnd};
use super::network::DELAY_TICKS;
use super::presence::Presence;
use crate::ledger::unaccounted_ms;

/// What may be gone, because the power was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedLoss {
    Nothing,
    /// What was handed in shortly before.
    WhatWasNotSynced,
    /// What no terminal event has told.
    WhatWasNotTold,
    Anything,
}

type FileList = [(String, Vec<u8>)];

/// Nothing that was said while nothing was recorded, or while it was paused, is anywhere on
/// the disk.
pub fn check_secrets(known: &mut ModelState, files: &FileList) {
    known.find_secrets();
    let mut found = Vec::new();
    for (path, data) in files {
        for mark in marks_of(data) {
            if known.secret.contains(&mark) {
                let packet = known.calls.iter().enumerate().find_map(|(number, call)| {
                    let packet = call.packets.iter().find(|packet| packet.mark == mark)?;
                    Some((number, packet))
                });
                found.push(format!(
                    "{packet:?} (call, packet) may be kept by nobody, and is in {path}"
                ));
            }
        }
    }
    found.truncate(5);
    known.wrong.append(&mut found);
}

/// What is left after the last process.
pub struct FinalDisk<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
    manifests: BTreeMap<String, Value>,
    lost: AllowedLoss,
    /// The disk was never in trouble.
    calm: bool,
    /// What was handed in for so long before the death of a process may be gone, in ticks.
    death_costs: u64,
}

impl<'a> FinalDisk<'a> {
    /// `sync_ticks`: with `AllowedLoss::WhatWasNotSynced`, what is handed in is synced in so many ticks.
    pub fn new(files: &'a FileList, lost: AllowedLoss, calm: bool, sync_ticks: u64) -> FinalDisk<'a> {
        let published = files.iter().filter(|(path, _)| {
            let path = path.as_str();
            path.ends_with(".json") && !path.starts_with(".callrec/")
        });
        let manifests = published.filter_map(|(_, data)| {
            let manifest: Value = serde_json::from_slice(data).ok()?;
            Some((manifest["id"].as_str()?.to_owned(), manifest))
        });
        FinalDisk {
            manifests: manifests.collect(),
            files: files
                .iter()
                .map(|(path, data)| (path.as_str(), &data[..]))
                .collect(),
            lost,
            calm,
            death_costs: match lost {
                AllowedLoss::WhatWasNotSynced => sync_ticks.max(KILL_COSTS_TICKS) + SYNC_TICKS,
                _ => KILL_COSTS_TICKS,
            },
        }
    }
}

/// After the last process: every recording has one story, and its file holds what was said.
pub fn check(known: &mut ModelState, left: &FinalDisk<'_>) {
    let mut wrong = Vec::new();
    for (id, recording) in &known.recordings {
        let mut fault = |words: String| wrong.push(format!("recording {id}: {words}"));
        check_story(known, recording, left.lost, &mut fault);
        check_file(known, *id, recording, left, &mut fault);
    }
    for path in left.files.keys() {
        if let Some(name) = path.strip_prefix(".callrec/")
            && !["lock", "audit.log"].contains(&name)
            && !name.contains(".bad")
        {
            wrong.push(format!("{path} is left"));
        }
    }
    known.wrong.append(&mut wrong);
}

/// Whether a power cut may have brought a recording back to what it was before its end. What
/// was discarded is told only once it is gone.
fn may_be_undone(known: &ModelState, recording: &ModelRecording) -> bool {
    !recording.discarded && recording.ends.iter().any(|end| known.may_be_undone(end))
}

/// One terminal event over all processes, unless it is marked as repeated, and the same story
/// each time.
fn check_story(
    known: &ModelState,
    recording: &ModelRecording,
    lost: AllowedLoss,
    fault: &mut dyn FnMut(String),
) {
    if lost == AllowedLoss::Anything || may_be_undone(known, recording) {
        return;
    }
    let ends = &recording.ends;
    let first_times = ends.iter().filter(|end| !end.repeated).count();
    if first_times > 1 {
        fault(format!("its end is told {first_times} times as new: {ends:?}"));
    }
    let must_end = matches!(lost, AllowedLoss::Nothing | AllowedLoss::WhatWasNotSynced);
    if recording.started && ends.is_empty() && must_end && !known.somebody_was_deaf {
        fault("its start was told, and its end never is".to_owned());
    }
    if must_end && recording.start_failed && (recording.started || !ends.is_empty()) {
        fault(format!("its start failed, and it is told once more: {ends:?}"));
    }
    let is_gone = |end: &ReportedEnd| end.state == State::Failed && end.reason == Some(EndReason::Recovered);
    if recording.started && !recording.discarded && must_end && ends.iter().any(is_gone) {
        fault("its start was told, and its audio is gone".to_owned());
    }
    for pair in ends.windows(2) {
        if (pair[0].state, pair[0].reason) != (pair[1].state, pair[1].reason) {
            fault(format!("its end is told in two ways: {ends:?}"));
        }
    }
}

fn check_file(
    known: &ModelState,
    id: Uuid,
    recording: &ModelRecording,
    left: &FinalDisk<'_>,
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
    if left.lost != AllowedLoss::Anything
        && recording.discarded
        && discard_held
        && !end.path.is_empty()
        && end.state == State::Finished
    {
        fault(format!("it was discarded, and {} is told", end.path));
    }
    if end.state != State::Finished || end.path.is_empty() || may_be_undone(known, recording) {
        return;
    }
    let path = end.path.strip_prefix("/simulated/").unwrap_or(&end.path);
    let Some(data) = left.files.get(path) else {
        if left.lost != AllowedLoss::Anything {
            fault(format!("{path} was told and is not there"));
        }
        return;
    };
    let is_own = end.process == recording.process;
    if left.lost == AllowedLoss::Anything || left.lost == AllowedLoss::WhatWasNotTold && !is_own {
        return;
    }
    let Some(manifest) = left.manifests.get(&id.as_hyphenated().to_string()) else {
        return fault(format!("{path} has no manifest"));
    };
    if let Err(why) = unaccounted_ms(manifest) {
        fault(why);
    }
    let kept = match kept_marks(path, data) {
        Ok(kept) => kept,
        Err(why) => return fault(format!("{path}: {why}")),
    };
    check_audio(known, recording, left, manifest, &kept, fault);
}

/// Each of its legs.
fn check_audio(
    known: &ModelState,
    recording: &ModelRecording,
    left: &FinalDisk<'_>,
    manifest: &Value,
    kept: &[Vec<MarkRun>; 2],
    fault: &mut dyn FnMut(String),
) {
    let Some(call) = recording.call.map(|call| &known.calls[call]) else {
        return;
    };
    let is_own = recording
        .ends
        .last()
        .is_some_and(|end| end.process == recording.process);
    for (leg, name) in ["local", "remote"].into_iter().enumerate() {
        let mut fault = |words: String| fault(format!("leg {leg}: {words}"));
        let entries = manifest["legs"].as_array().into_iter().flatten();
        let entry = entries.clone().find(|entry| entry["leg"] == name);
        let packets: Vec<(&ModelPacket, Presence)> = call
            .packets
            .iter()
            .filter(|packet| packet.leg == leg)
            .map(|packet| (packet, recording.presence(packet, call.steady)))
            .collect();
        check_kept(&packets, &kept[leg], &mut fault);
        match (is_own, known.deaths.get(&recording.process)) {
            (true, _) => {
                let tells = entry.map_or(LedgerCounts::default(), LedgerCounts::of);
                check_ledger(&tells, &kept[leg], &mut fault);
                check_whole(&packets, &kept[leg], u64::MAX, &tells, &mut fault);
            }
            (false, Some(death))
                if left.calm
                    && (!death.by_power || left.lost == AllowedLoss::WhatWasNotSynced)
                    && call.steady
                    && !call.disturbed[leg] =>
            {
                let until = death.tick.saturating_sub(left.death_costs);
                check_whole(&packets, &kept[leg], until, &LedgerCounts::default(), &mut fault);
            }
            _ => {}
        }
    }
}

/// What was handed in for so long before a kill may be gone, in ticks: a block of audio is
/// written every 700 ms, 60 ms behind the clock.
const KILL_COSTS_TICKS: u64 = 60;

/// A disk that is not in trouble has synced within this what it is to sync, in ticks.
const SYNC_TICKS: u64 = 5;

/// What a leg's ledger tells, in samples.
#[derive(Clone, Copy, Debug, Default)]
struct LedgerCounts {
    in_file: u64,
    dropped: u64,
    slipped: u64,
    repeated: u64,
}

impl LedgerCounts {
    fn of(entry: &Value) -> LedgerCounts {
        let samples = |value: &Value| value.as_u64().unwrap_or(0) * 8;
        let reasons = entry["dropped_ms"].as_object().into_iter().flatten();
        LedgerCounts {
            in_file: samples(&entry["audio_ms"]),
            dropped: reasons.map(|(_, ms)| samples(ms)).sum(),
            slipped: samples(&entry["slipped_ms"]),
            repeated: samples(&entry["repeated_ms"]),
        }
    }
}

/// Milliseconds in the manifest are rounded, by so many samples at most in a sum of some.
const ROUNDED: u64 = 24;

fn check_ledger(tells: &LedgerCounts, kept: &[MarkRun], fault: &mut dyn FnMut(String)) {
    let samples: usize = kept.iter().map(|(_, count)| count).sum();
    if (samples as u64).abs_diff(tells.in_file + tells.repeated) > ROUNDED {
        fault(format!(
            "{samples} samples are in the file, and its ledger tells {tells:?}"
        ));
    }
}

/// Only what belongs into it is there, once, and each stream in order.
fn check_kept(packets: &[(&ModelPacket, Presence)], kept: &[MarkRun], fault: &mut dyn FnMut(String)) {
    let by_mark: BTreeMap<i16, &(&ModelPacket, Presence)> =
        packets.iter().map(|packet| (packet.0.mark, packet)).collect();
    let mut last_said: BTreeMap<u32, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (mark, count) in kept {
        let Some((packet, presence)) = by_mark.get(mark) else {
            return fault(format!("mark {mark} was never said here"));
        };
        if *presence == Presence::Never {
            return fault(format!("{packet:?} does not belong here"));
        }
        if !seen.insert(*mark) {
            return fault(format!("{packet:?} is there twice"));
        }
        if *count > PACKET_SAMPLES + PACKET_SAMPLES / 50 + 1 {
            return fault(format!("{count} samples of {packet:?}"));
        }
        let last = last_said.insert(packet.stream, packet.said);
        // Of a fork's streams, what is not confirmed yet may lie where it came.
        let forked = packet.late.is_some_and(|late| late > DELAY_TICKS);
        if !forked && last.is_some_and(|last| last > packet.said) {
            return fault(format!("{packet:?} stands behind what was said later"));
        }
    }
}

/// All that must be there, handed in until this tick, is there, but for what the ledger tells.
fn check_whole(
    packets: &[(&ModelPacket, Presence)],
    kept: &[MarkRun],
    until: u64,
    tells: &LedgerCounts,
    fault: &mut dyn FnMut(String),
) {
    let counts: BTreeMap<i16, usize> = kept.iter().copied().collect();
    let must = packets.iter().filter(|(packet, presence)| {
        *presence == Presence::Must && packet.handed.is_some_and(|tick| tick <= until)
    });
    let (mut missing, mut where_missing) = (0, Vec::new());
    for (packet, _) in must {
        let there = counts.get(&packet.mark).copied().unwrap_or(0);
        if there < PACKET_SAMPLES {
            missing += (PACKET_SAMPLES - there) as u64;
            where_missing.push((packet.said, packet.handed.unwrap_or(0), there));
        }
    }
    let explained = tells.dropped + tells.slipped;
    let rounded = if explained > 0 { ROUNDED } else { 0 };
    if missing > explained + rounded {
        where_missing.truncate(12);
        fault(format!(
            "{missing} samples are missing, of packets (said, handed in, samples there): {where_missing:?}; \
             its ledger tells {tells:?}"
        ));
    }
}
