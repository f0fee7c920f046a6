//! Compares the final disk of a simulation with the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callrec_core::types::{EndReason, RecordingState};
use serde_json::Value;
use uuid::Uuid;

use super::audio::{
    KeptPackets, PatternRun, is_companded, is_lossy, is_measured, patterns_in, recorded_patterns,
    recorded_samples,
};
use super::concealed::silence_made_up;
use super::known_call::LEGS;
use super::model::{ModelPacket, ModelRecording, ModelState, ReportedEnd};
use super::network::DELAY_TICKS;
use super::past::at_their_ticks;
use super::patterns::{PACKET_SAMPLES, STRETCHED_SAMPLES};
use super::presence::Presence;
use super::raw::{check_raw_files, find_earlier, may_be_captured};
use super::succession::check_pairs;
use super::whole_frames::whole_frames;
use crate::ledger::unaccounted_ms;

/// The audio that a power cut may have lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedLoss {
    Nothing,
    /// Audio that was written shortly before.
    Unsynced,
    /// Recordings without a reported terminal event.
    Unreported,
    Anything,
}

type FileList = [(String, Vec<u8>)];

/// Checks that audio from outside all recordings, or from their pauses, is nowhere on the disk.
pub fn check_secrets(state: &mut ModelState, files: &FileList) {
    state.find_secrets();
    let mut found = Vec::new();
    for (path, data) in files.iter().filter(|(path, _)| !is_lossy(path)) {
        let patterns = patterns_in(data, state.conceals);
        if path.contains(".pcapng")
            && let Some(packet) = find_earlier(state, path, &patterns)
        {
            found.push(format!(
                "{packet:?} was passed in before the start, and is in {path}"
            ));
        }
        for pattern in patterns {
            if state.secret.contains(&pattern) {
                let packet = state.calls.iter().enumerate().find_map(|(number, call)| {
                    let packet = call.packets.iter().find(|packet| packet.pattern == pattern)?;
                    Some((number, packet))
                });
                if path.contains(".pcapng") && packet.is_some_and(|found| may_be_captured(state, found)) {
                    continue;
                }
                found.push(format!(
                    "{packet:?} (call, packet) belongs in no recording, and is in {path}"
                ));
            }
        }
    }
    found.truncate(5);
    state.wrong.append(&mut found);
}

/// The disk after the last process.
pub struct FinalDisk<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
    manifests: BTreeMap<String, Value>,
    lost: AllowedLoss,
    /// The disk never failed.
    disk_is_sound: bool,
    /// For how long before its death the audio of a process may be lost, in ticks.
    death_costs: u64,
}

impl<'a> FinalDisk<'a> {
    /// `sync_ticks`: with `AllowedLoss::Unsynced`, the time within which written audio is synced.
    pub fn new(
        files: &'a FileList,
        lost: AllowedLoss,
        disk_is_sound: bool,
        sync_ticks: u64,
    ) -> FinalDisk<'a> {
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
            disk_is_sound,
            death_costs: match lost {
                AllowedLoss::Unsynced => sync_ticks.max(KILL_COSTS_TICKS) + SYNC_TICKS,
                _ => KILL_COSTS_TICKS,
            },
        }
    }
}

/// Checks, after the last process, that the events of every recording are consistent, and that its
/// file has its audio.
pub fn check(state: &mut ModelState, disk: &FinalDisk<'_>) {
    let mut wrong = Vec::new();
    let mut kept = BTreeMap::new();
    for (id, recording) in &state.recordings {
        let mut fault = |text: String| wrong.push(format!("recording {id}: {text}"));
        check_events(state, recording, disk.lost, &mut fault);
        if let Some(packets) = check_file(state, *id, recording, disk, &mut fault) {
            kept.insert(*id, packets);
        }
    }
    check_pairs(&state.recordings, &kept, &mut wrong);
    if matches!(disk.lost, AllowedLoss::Nothing | AllowedLoss::Unsynced) {
        // Packets without audio are in no manifest, only in the event.
        let has_events = !state.had_no_subscriber;
        check_raw_files(&disk.files, &disk.manifests, has_events, &mut wrong);
    }
    for path in disk.files.keys() {
        if let Some(name) = path.strip_prefix(".callrec/")
            && !["lock", "audit.log"].contains(&name)
            && !name.contains(".bad")
        {
            wrong.push(format!("{path} is disk"));
        }
    }
    state.wrong.append(&mut wrong);
}

/// Whether a power cut may have undone the end of a recording. A discard is reported only after the
/// file is gone.
fn may_be_undone(state: &ModelState, recording: &ModelRecording) -> bool {
    !recording.discarded && recording.ends.iter().any(|end| state.may_be_undone(end))
}

/// Checks that all processes together report one terminal event that is not marked as repeated,
/// and that repeated ones are equal.
fn check_events(
    state: &ModelState,
    recording: &ModelRecording,
    lost: AllowedLoss,
    fault: &mut dyn FnMut(String),
) {
    if lost == AllowedLoss::Anything || may_be_undone(state, recording) {
        return;
    }
    let ends = &recording.ends;
    let first_times = ends.iter().filter(|end| !end.repeated).count();
    if first_times > 1 {
        fault(format!(
            "its end is reported {first_times} times as new: {ends:?}"
        ));
    }
    let must_end = matches!(lost, AllowedLoss::Nothing | AllowedLoss::Unsynced);
    if recording.started && ends.is_empty() && must_end && !state.had_no_subscriber {
        fault("its start is reported, but not its end".to_owned());
    }
    if must_end && recording.start_failed && (recording.started || !ends.is_empty()) {
        fault(format!("its start failed, and it is reported again: {ends:?}"));
    }
    let is_gone =
        |end: &ReportedEnd| end.state == RecordingState::Failed && end.reason == Some(EndReason::Recovered);
    if recording.started && !recording.discarded && must_end && ends.iter().any(is_gone) {
        fault("its start is reported, and its audio is lost".to_owned());
    }
    for pair in ends.windows(2) {
        if (pair[0].state, pair[0].reason) != (pair[1].state, pair[1].reason) {
            fault(format!("its end is reported differently: {ends:?}"));
        }
    }
}

/// The path on the simulated disk. A reported path is absolute, and has the separators of this system.
fn path_on_disk(reported: &str) -> String {
    let directory = std::path::absolute("/simulated").unwrap_or_default();
    let path = Path::new(reported);
    let names = path.strip_prefix(directory).unwrap_or(path).iter();
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

/// Checks the file of a recording. Returns its packets, if they can be found in it.
fn check_file(
    state: &ModelState,
    id: Uuid,
    recording: &ModelRecording,
    disk: &FinalDisk<'_>,
    fault: &mut dyn FnMut(String),
) -> Option<KeptPackets> {
    let end = recording.ends.last()?;
    // A process may die before it has noted the discard.
    let discard_held = recording
        .ends
        .first()
        .is_some_and(|end| end.process == recording.process);
    if disk.lost != AllowedLoss::Anything
        && recording.discarded
        && discard_held
        && !end.path.is_empty()
        && end.state == RecordingState::Finished
    {
        fault(format!("it was discarded, and {} is reported", end.path));
    }
    if end.state != RecordingState::Finished || end.path.is_empty() || may_be_undone(state, recording) {
        return None;
    }
    let path = path_on_disk(&end.path);
    let path = path.as_str();
    let Some(data) = disk.files.get(path) else {
        if disk.lost != AllowedLoss::Anything {
            fault(format!("{path} was reported and is missing"));
        }
        return None;
    };
    let is_own = end.process == recording.process;
    if disk.lost == AllowedLoss::Anything || disk.lost == AllowedLoss::Unreported && !is_own {
        return None;
    }
    let Some(manifest) = disk.manifests.get(&id.as_hyphenated().to_string()) else {
        fault(format!("{path} has no manifest"));
        return None;
    };
    if let Err(why) = unaccounted_ms(manifest) {
        fault(why);
    }
    check_end(recording, end, disk, manifest, fault);
    if is_measured(path, data) {
        let held = whole_frames(data);
        if held.is_none() || held != manifest["samples"].as_u64() {
            fault(format!(
                "{path}: {held:?} frames, and its manifest has {}",
                manifest["samples"]
            ));
        }
    }
    if is_lossy(path) || is_companded(data) {
        return None;
    }
    let mut samples = match recorded_samples(path, data) {
        Ok(samples) => samples,
        Err(why) => {
            fault(format!("{path}: {why}"));
            return None;
        }
    };
    let mut repeated = [Vec::new(), Vec::new()];
    if state.conceals {
        if !is_own {
            // Its ledger does not say what is made up after the settled frontier.
            return None;
        }
        for (leg, name) in LEGS.into_iter().enumerate() {
            let mut fault = |text: String| fault(format!("leg {leg}: {text}"));
            repeated[leg] = silence_made_up(&mut samples[leg], name, manifest, &mut fault);
        }
    }
    check_beginning(state, recording, disk, manifest, &samples, fault);
    let kept = samples.each_ref().map(|samples| recorded_patterns(samples));
    check_audio(state, recording, disk, manifest, (&kept, &repeated), fault);
    Some(kept)
}

/// Checks why a recording has ended, and what its manifest says about its call.
fn check_end(
    recording: &ModelRecording,
    end: &ReportedEnd,
    disk: &FinalDisk<'_>,
    manifest: &Value,
    fault: &mut dyn FnMut(String),
) {
    let is_transferred = end.reason == Some(EndReason::Transferred);
    let is_final = end.process == recording.process && disk.disk_is_sound;
    if is_transferred && !recording.transferred || is_final && is_transferred != recording.transferred {
        fault(format!("it ends by {:?}: {recording:?}", end.reason));
    }
    if let Some(known) = recording.known_at_end.as_ref().filter(|_| is_final) {
        known.check(manifest, fault);
    }
}

/// Checks that a recording begins as much before its start as its caller was told.
fn check_beginning(
    state: &ModelState,
    recording: &ModelRecording,
    disk: &FinalDisk<'_>,
    manifest: &Value,
    samples: &[Vec<i16>; 2],
    fault: &mut dyn FnMut(String),
) {
    let given_ms = recording.earlier.map_or(0, |earlier| earlier.given_ms);
    // Its live manifest may have been unreadable.
    let known_ms = manifest["lookback_ms"].as_u64();
    if known_ms.unwrap_or(0) != given_ms && (known_ms.is_some() || manifest["recovered"] == false) {
        fault(format!(
            "{given_ms} ms were given, and its manifest has {known_ms:?}"
        ));
    }
    let (Some(earlier), Some(call)) = (recording.earlier, recording.call) else {
        return;
    };
    let call = &state.calls[call];
    let is_torn = state.may_be_torn(recording) && {
        let death = state.deaths.get(&recording.process);
        let is_unsynced = death.is_some_and(|death| earlier.start + disk.death_costs > death.tick);
        is_unsynced || !disk.disk_is_sound
    };
    for (leg, samples) in samples.iter().enumerate() {
        let packets = recording.packets_of(call, leg);
        let packets = at_their_ticks(&packets, call.steady);
        earlier.check(recording, &packets, (samples, is_torn), fault);
    }
}

/// Checks each leg.
fn check_audio(
    state: &ModelState,
    recording: &ModelRecording,
    disk: &FinalDisk<'_>,
    manifest: &Value,
    (kept, repeated): (&[Vec<PatternRun>; 2], &[Vec<i16>; 2]),
    fault: &mut dyn FnMut(String),
) {
    let Some(call) = recording.call.map(|call| &state.calls[call]) else {
        return;
    };
    let is_own = recording
        .ends
        .last()
        .is_some_and(|end| end.process == recording.process);
    for (leg, name) in LEGS.into_iter().enumerate() {
        let mut fault = |text: String| fault(format!("leg {leg}: {text}"));
        let entries = manifest["legs"].as_array().into_iter().flatten();
        let entry = entries.clone().find(|entry| entry["leg"] == name);
        let packets = recording.packets_of(call, leg);
        check_kept(&packets, &kept[leg], &mut fault);
        check_repeated(&packets, &repeated[leg], &mut fault);
        match (is_own, state.deaths.get(&recording.process)) {
            (true, _) => {
                let counts = entry.map_or(LedgerCounts::default(), LedgerCounts::of);
                check_ledger(&counts, &kept[leg], &mut fault);
                check_whole(&packets, &kept[leg], &counts, &mut fault);
            }
            (false, Some(death))
                if disk.disk_is_sound
                    && (!death.by_power || disk.lost == AllowedLoss::Unsynced)
                    && call.steady
                    && !call.disturbed[leg] =>
            {
                let until = death.tick.saturating_sub(disk.death_costs);
                // What was kept in memory is written after the start.
                let begun = recording.earlier.map_or(0, |earlier| earlier.start);
                let packets: Vec<_> = packets
                    .into_iter()
                    .filter(|(packet, _)| packet.written.is_some_and(|tick| tick.max(begun) <= until))
                    .collect();
                check_whole(&packets, &kept[leg], &LedgerCounts::default(), &mut fault);
            }
            _ => {}
        }
    }
}

/// A kill may lose audio that was written this long before, in ticks: a block is written to the
/// disk every 700 ms, 60 ms behind the clock.
const KILL_COSTS_TICKS: u64 = 60;

/// The time within which a sound disk has synced, in ticks.
const SYNC_TICKS: u64 = 5;

/// The counts of a leg's ledger, in samples.
#[derive(Clone, Copy, Debug, Default)]
struct LedgerCounts {
    in_file: u64,
    dropped: u64,
    slipped: u64,
    repeated: u64,
    masked: u64,
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
            masked: samples(&entry["outside_ms"]["dtmf"]),
        }
    }
}

/// The largest rounding error of a sum of milliseconds from the manifest, in samples.
const ROUNDED: u64 = 24;

fn check_ledger(counts: &LedgerCounts, kept: &[PatternRun], fault: &mut dyn FnMut(String)) {
    let samples: usize = kept.iter().map(|(_, count)| count).sum();
    if (samples as u64).abs_diff(counts.in_file + counts.repeated) > ROUNDED {
        fault(format!(
            "{samples} samples are in the file, and its ledger has {counts:?}"
        ));
    }
}

/// Checks that the file has only packets that belong in it, once, and each stream in order.
fn check_kept(packets: &[(&ModelPacket, Presence)], kept: &[PatternRun], fault: &mut dyn FnMut(String)) {
    let by_pattern: BTreeMap<i16, &(&ModelPacket, Presence)> =
        packets.iter().map(|packet| (packet.0.pattern, packet)).collect();
    let mut last_said: BTreeMap<u32, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (pattern, count) in kept {
        let Some((packet, presence)) = by_pattern.get(pattern) else {
            return fault(format!("pattern {pattern} was never sent here"));
        };
        if *presence == Presence::Never {
            return fault(format!("{packet:?} does not belong here"));
        }
        if !seen.insert(*pattern) {
            return fault(format!("{packet:?} is in the file twice"));
        }
        if *count > STRETCHED_SAMPLES {
            return fault(format!("{count} samples of {packet:?}"));
        }
        let last = last_said.insert(packet.stream, packet.sent);
        // Unconfirmed packets of forked streams may be placed at their arrival.
        let forked = packet.late.is_some_and(|late| late > DELAY_TICKS);
        if !forked && last.is_some_and(|last| last > packet.sent) {
            return fault(format!("{packet:?} is behind a later packet"));
        }
    }
}

/// Checks that only packets that belong in the file conceal its gaps.
fn check_repeated(packets: &[(&ModelPacket, Presence)], repeated: &[i16], fault: &mut dyn FnMut(String)) {
    for pattern in repeated {
        let found = packets.iter().find(|(packet, _)| packet.pattern == *pattern);
        if found.is_none_or(|(_, presence)| *presence == Presence::Never) {
            fault(format!("a gap is concealed by {pattern}: {found:?}"));
        }
    }
}

/// Checks that all packets that must be in the file are there, except for the losses in the ledger.
fn check_whole(
    packets: &[(&ModelPacket, Presence)],
    kept: &[PatternRun],
    counts: &LedgerCounts,
    fault: &mut dyn FnMut(String),
) {
    let samples: BTreeMap<i16, usize> = kept.iter().copied().collect();
    let must = packets
        .iter()
        .filter(|(packet, presence)| *presence == Presence::Must && packet.written.is_some());
    let (mut missing, mut where_missing) = (0, Vec::new());
    for (packet, _) in must {
        let there = samples.get(&packet.pattern).copied().unwrap_or(0);
        if there < PACKET_SAMPLES {
            missing += (PACKET_SAMPLES - there) as u64;
            where_missing.push((packet.sent, packet.written.unwrap_or(0), there));
        }
    }
    let explained = counts.dropped + counts.slipped + counts.masked;
    let rounded = if explained > 0 { ROUNDED } else { 0 };
    if missing > explained + rounded {
        where_missing.truncate(12);
        fault(format!(
            "{missing} samples are missing, of packets (sent, written, samples in the file): {where_missing:?}; \
             its ledger has {counts:?}"
        ));
    }
}
