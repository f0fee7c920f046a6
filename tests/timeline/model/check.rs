//! Checks the files of a schedule by the model's own counts.

use std::ops::Range;

use callrec::media::ledger::{OutsideReason, ticks};
use callrec::media::sim::{SimRecording, SinkEnd};
use callrec::media::{Ledger, LegLedger};

use crate::plan::{MsRange, Schedule, ScheduledRecording};
use crate::run::{LEGS, LegInput, SchedulePlayback};
use crate::senders::{BLOCK, SenderItem, SenderKind};

const US_PER_SAMPLE: u64 = 125;
/// Audio within this many ms of a control point may be on either side.
const EDGE_MS: u64 = 60;
/// How long a new stream may take until it is confirmed.
const CONFIRMED_MS: u64 = 400;

/// One channel of a file.
struct FileChannel<'a> {
    bytes: &'a [u8],
    channels: usize,
    channel: usize,
}

impl FileChannel<'_> {
    fn frames(&self) -> usize {
        self.bytes.len() / (2 * self.channels)
    }

    /// The sample's number plus 1; 0 is silence.
    fn at(&self, frame: usize) -> usize {
        let byte = 2 * (frame * self.channels + self.channel);
        usize::from(u16::from_le_bytes([self.bytes[byte], self.bytes[byte + 1]]))
    }

    /// The first sample and the length of the run of one block that begins at this frame.
    fn run(&self, frame: usize) -> (usize, usize) {
        let first = self.at(frame) - 1;
        let most = (BLOCK - first % BLOCK).min(self.frames() - frame);
        let len = (1..most).find(|n| self.at(frame + n) != first + 1 + n);
        (first, len.unwrap_or(most))
    }
}

/// One leg of one recording.
struct LegCheck<'a> {
    kind: SenderKind,
    items: &'a [SenderItem],
    input: &'a LegInput,
    recording: &'a ScheduledRecording,
    /// Pauses and private times, in µs.
    secret: Vec<(u64, u64)>,
    /// When each block was sent, and when its packet began, in µs.
    sent_us: Vec<Option<(u64, u64)>>,
    seen: Vec<bool>,
    repeated: u64,
}

pub fn check(plan: &Schedule, run: &SchedulePlayback) -> Result<(), String> {
    for (n, recording) in plan.recordings.iter().enumerate() {
        let tape = run.tapes[n].as_ref().ok_or("never started")?;
        check_tape(plan, run, n, recording, tape).map_err(|text| format!("recording {n}: {text}"))?;
    }
    Ok(())
}

fn check_tape(
    plan: &Schedule,
    run: &SchedulePlayback,
    n: usize,
    recording: &ScheduledRecording,
    tape: &SimRecording,
) -> Result<(), String> {
    let out = tape.out.lock();
    if !matches!(out.ending, Some(SinkEnd::Finished(..))) {
        return Err(format!("ended with {:?}", out.ending));
    }
    let ledger = tape.progress.ledger();
    for (leg, kind) in plan.senders.iter().enumerate() {
        let channel = FileChannel {
            bytes: &out.bytes,
            channels: plan.senders.len(),
            channel: leg,
        };
        let mut side = LegCheck::new(
            *kind,
            &run.items[leg],
            &run.handed[n][leg],
            recording,
            &plan.private,
        );
        side.check(&channel, ledger.leg(LEGS[leg]))
            .map_err(|text| format!("{:?} leg: {text}", LEGS[leg]))?;
    }
    check_lost(&ledger, tape.progress.lost_ms())?;
    let blur = plan
        .senders
        .iter()
        .map(|kind| kind.blur_ms())
        .max()
        .unwrap_or_default();
    check_length(plan, recording, tape.progress.duration_ms(), EDGE_MS + blur)
}

fn check_lost(ledger: &Ledger, lost_ms: u64) -> Result<(), String> {
    let lost = callrec::media::ledger::ms(ledger.lost());
    match lost.abs_diff(lost_ms) <= 1 {
        true => Ok(()),
        false => Err(format!("{lost} ms lost by the ledger, lost_ms is {lost_ms}")),
    }
}

/// The file is as long as the recording, less the pauses that it skips.
fn check_length(plan: &Schedule, recording: &ScheduledRecording, ms: u64, slack: u64) -> Result<(), String> {
    let all = recording.stop - recording.start;
    let lasting = |of: &[MsRange]| {
        let within = |(from, to): &MsRange| {
            to.min(&recording.stop)
                .saturating_sub(*from.max(&recording.start))
        };
        of.iter().map(within).sum::<u64>()
    };
    let skipped = match recording.skips {
        true => lasting(&recording.pauses),
        false => 0,
    };
    // Where a pause and a private time overlap, it is skipped once.
    let private = if recording.skips {
        lasting(&plan.private)
    } else {
        0
    };
    let least = all.saturating_sub(skipped + private + slack);
    match (least..=all - skipped + slack).contains(&ms) {
        true => Ok(()),
        false => Err(format!("{ms} ms long, not {} ms", all - skipped)),
    }
}

impl<'a> LegCheck<'a> {
    fn new(
        kind: SenderKind,
        items: &'a [SenderItem],
        input: &'a LegInput,
        recording: &'a ScheduledRecording,
        private: &[MsRange],
    ) -> LegCheck<'a> {
        let mut sent_us = vec![None; input.kept.len()];
        for item in items {
            for block in 0..item.samples / BLOCK {
                let after = (block * BLOCK) as u64 * US_PER_SAMPLE;
                sent_us[item.from / BLOCK + block] = Some((item.sent_us + after, item.sent_us));
            }
        }
        let secret = recording.pauses.iter().chain(private);
        LegCheck {
            kind,
            items,
            input,
            recording,
            secret: secret.map(|(from, to)| (from * 1000, to * 1000)).collect(),
            seen: vec![false; sent_us.len() * BLOCK],
            sent_us,
            repeated: 0,
        }
    }

    fn check(&mut self, channel: &FileChannel, leg_ledger: &LegLedger) -> Result<(), String> {
        let mut frame = 0;
        while frame < channel.frames() {
            if channel.at(frame) == 0 {
                frame += 1;
                continue;
            }
            let (first, len) = channel.run(frame);
            self.found(frame, first..first + len)?;
            frame += len;
        }
        self.check_ledger(leg_ledger)?;
        self.check_missing(leg_ledger)
    }

    /// Checks a run of samples of one block that is in the file.
    fn found(&mut self, frame: usize, samples: Range<usize>) -> Result<(), String> {
        let block = samples.start / BLOCK;
        let Some(Some((sent, packet))) = self.sent_us.get(block).copied() else {
            return Err(format!("samples {samples:?} were never sent"));
        };
        let from = sent + (samples.start % BLOCK) as u64 * US_PER_SAMPLE;
        let to = from + samples.len() as u64 * US_PER_SAMPLE;
        if !self.input.kept[block] {
            return Err(format!(
                "samples {samples:?}, sent at {from} us, were not written while unpaused"
            ));
        }
        let blur = self.kind.blur_ms() * 1000;
        // All of a packet that began before the pause may be kept.
        let is_secret = |(begin, end): &(u64, u64)| {
            let (begin, end) = (begin + blur, end.saturating_sub(blur));
            packet >= begin && from < end
        };
        if let Some((begin, end)) = self.secret.iter().find(|secret| is_secret(secret)) {
            return Err(format!(
                "samples {samples:?}, sent from {from} to {to} us, in a pause from {begin} to {end} us"
            ));
        }
        self.check_place(frame, from, &samples)?;
        for seen in &mut self.seen[samples] {
            self.repeated += u64::from(*seen);
            *seen = true;
        }
        Ok(())
    }

    fn check_place(&self, frame: usize, sent_us: u64, samples: &Range<usize>) -> Result<(), String> {
        if self.recording.skips || !self.kind.keeps_place() {
            return Ok(());
        }
        let place = self.recording.start * 1000 + frame as u64 * US_PER_SAMPLE;
        let slack = (EDGE_MS + self.kind.blur_ms()) * 1000;
        match place.abs_diff(sent_us) <= slack {
            true => Ok(()),
            false => Err(format!(
                "samples {samples:?}, sent at {sent_us} us, are placed at {place} us"
            )),
        }
    }

    fn check_ledger(&self, leg_ledger: &LegLedger) -> Result<(), String> {
        if leg_ledger.handed != leg_ledger.accounted() {
            return Err(format!("the ledger does not balance: {leg_ledger:?}"));
        }
        let during = ticks(self.input.during, 8000);
        let most =
            during + ticks(self.input.after, 8000).min(leg_ledger.outside[OutsideReason::AfterStop as usize]);
        if !(during..=most).contains(&leg_ledger.handed) {
            return Err(format!(
                "{} ticks written, the ledger says {}",
                during, leg_ledger.handed
            ));
        }
        let different = self.seen.iter().filter(|seen| **seen).count() as u64;
        let (found, repeated) = (ticks(different, 8000), ticks(self.repeated, 8000));
        if leg_ledger.in_file != found || leg_ledger.repeated != repeated {
            return Err(format!(
                "{found} ticks in the file and {repeated} repeated, the ledger says {} and {}",
                leg_ledger.in_file, leg_ledger.repeated
            ));
        }
        if self.repeated > 0 && !matches!(self.kind, SenderKind::Drift(_) | SenderKind::Writes(_)) {
            return Err(format!("{} samples twice", self.repeated));
        }
        Ok(())
    }

    /// Checks that missing samples are accounted for.
    fn check_missing(&self, leg_ledger: &LegLedger) -> Result<(), String> {
        let missing = ticks(self.missing(EDGE_MS), 8000);
        if missing > leg_ledger.lost() + leg_ledger.slipped {
            return Err(format!(
                "{missing} ticks are missing, lost: {}, slipped: {}: {leg_ledger:?}",
                leg_ledger.lost(),
                leg_ledger.slipped
            ));
        }
        let strict = ticks(self.missing(CONFIRMED_MS), 8000);
        if self.kind.is_lossless() && self.secret.is_empty() && strict > leg_ledger.slipped {
            return Err(format!(
                "{strict} ticks are missing, though nothing was lost or paused: {leg_ledger:?}"
            ));
        }
        Ok(())
    }

    /// The number of missing samples, except within `edge` ms and the blur of a control point.
    fn missing(&self, edge: u64) -> u64 {
        let edge = (edge + self.kind.blur_ms()) * 1000;
        let (start, stop) = (self.recording.start * 1000 + edge, self.recording.stop * 1000);
        let block_us = BLOCK as u64 * US_PER_SAMPLE;
        let is_due = |sent: u64| {
            let open = sent >= start && sent + block_us + edge <= stop;
            let hidden = |(from, to): &(u64, u64)| sent + block_us + edge > *from && sent < to + edge;
            open && !self.secret.iter().any(hidden)
        };
        let due = self
            .items
            .iter()
            .flat_map(|item| item.from / BLOCK..(item.from + item.samples) / BLOCK);
        let mut due: Vec<_> = due
            .filter(|block| {
                self.input.kept[*block] && self.sent_us[*block].is_some_and(|(sent, _)| is_due(sent))
            })
            .collect();
        due.sort_unstable();
        due.dedup();
        let unseen = |block: &usize| {
            let samples = &self.seen[block * BLOCK..(block + 1) * BLOCK];
            samples.iter().filter(|seen| !**seen).count() as u64
        };
        due.iter().map(unseen).sum()
    }
}
