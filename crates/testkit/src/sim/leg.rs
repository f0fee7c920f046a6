//! One leg of a simulated call: its sender, and how its audio gets into the engine.

use std::sync::{Arc, Mutex, PoisonError};

use callrec_core::engine::{Call, FeedSlot, OpenFeed};
use callrec_core::types::{Codec, FeedFormat, FeedOptions, Leg, Status};

use super::model::{ModelPacket, ModelState};
use super::network::{Coding, L16_TYPE, RtpLine};
use super::patterns::PatternSource;
use crate::g711::Law;
use crate::random::SeededRng;

/// Where the host keeps an open feed.
#[derive(Clone, Default)]
struct SimFeedSlot(Arc<Mutex<Option<OpenFeed>>>);

impl SimFeedSlot {
    fn with<T>(&self, act: impl FnOnce(&mut OpenFeed) -> T) -> Option<T> {
        let mut feed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feed.as_mut().map(act)
    }
}

impl FeedSlot for SimFeedSlot {
    fn take(&self) -> Option<OpenFeed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How audio gets into a leg.
enum AudioPath {
    /// Writes of the host: the pending ones, with their numbers.
    Writes(Vec<(usize, Vec<u8>)>),
    /// By RTP.
    Rtp(Box<RtpLine>),
}

impl AudioPath {
    /// Whether streams have overlapped, so that audio may be dropped.
    fn overlaps(&self) -> bool {
        matches!(self, AudioPath::Rtp(line) if line.overlap > 0)
    }
}

pub struct SimLeg {
    leg: usize,
    slot: SimFeedSlot,
    audio_path: AudioPath,
    /// For how many more ticks the sender is silent.
    silent: u64,
    /// How many ticks earlier a packet may be placed, because of a silence.
    early: u64,
    /// How many ticks later, because of a silence while the host stalled: nothing shows then
    /// whether a packet was delayed.
    late: u64,
}

/// The longest stall of a host, in ticks.
pub const STALL_TICKS: u64 = 30;

/// A write within this time, in ticks, continues where the previous one ended.
const WRITE_SLACK_TICKS: u64 = 6;

const FORMAT: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 8000,
};

/// The reading of the monotonic clock when the simulation begins.
const CLOCK_BEGINS_NS: u64 = 1_000_000_000_000;

impl SimLeg {
    /// Opens the leg's feed. Returns a description of the failure.
    pub fn open(call: &Call, leg: Leg, rng: &mut SeededRng) -> Result<SimLeg, String> {
        let options = FeedOptions {
            format: FORMAT,
            ahead_ms: 0,
            channels: 1,
        };
        let slot = SimFeedSlot::default();
        let placed = call.open_feed(leg, options, |open| {
            *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = open.take();
            Some(slot.clone())
        });
        placed.map_err(|error| format!("a feed cannot be opened: {}", error.message))?;
        let audio_path = match rng.chance(50) {
            true => AudioPath::Writes(Vec::new()),
            false => {
                slot.with(|open| open.set_payload(L16_TYPE, FORMAT));
                AudioPath::Rtp(Box::new(RtpLine::new(rng)))
            }
        };
        let leg = leg as usize;
        Ok(SimLeg {
            leg,
            slot,
            audio_path,
            silent: 0,
            early: 0,
            late: 0,
        })
    }

    /// The sender sends for a tick, or is silent.
    pub fn send(
        &mut self,
        state: &mut ModelState,
        call: usize,
        patterns: &mut PatternSource,
        rng: &mut SeededRng,
        host_stalls: bool,
    ) {
        let tick = state.tick;
        let falls_silent = self.silent == 0 && rng.chance(1);
        if falls_silent {
            self.silent = rng.between(1, 50);
            let silent = self.silent;
            state.note(format!(
                "call number {call}, leg {}: silent for {silent} ticks",
                self.leg
            ));
        }
        self.silent = self.silent.saturating_sub(1);
        if self.silent > 0 {
            if host_stalls {
                self.late = STALL_TICKS;
            }
            match &mut self.audio_path {
                AudioPath::Rtp(line) => {
                    if falls_silent && state.conceals {
                        line.send_noise(tick);
                    }
                    line.be_silent();
                }
                AudioPath::Writes(_) => {
                    self.early = WRITE_SLACK_TICKS;
                    state.calls[call].disturbed[self.leg] = true;
                }
            }
            return;
        }
        let may_lack = state.calls[call].masked_until >= tick || self.audio_path.overlaps();
        let packet = |pattern, stream, late| ModelPacket {
            pattern,
            leg: self.leg,
            stream,
            sent: tick,
            written: None,
            last_written: None,
            late,
            early: self.early,
            may_lack,
        };
        match &mut self.audio_path {
            AudioPath::Writes(waiting) => {
                if let Some((pattern, payload)) = patterns.next(self.leg, Coding::Pcm) {
                    waiting.push((state.note_sent(call, packet(pattern, 0, None)), payload));
                }
            }
            AudioPath::Rtp(line) => {
                let mut late = line.path.most_ticks + line.overlap + self.late;
                if line.overlap > 0 && !state.calls[call].steady {
                    late += STALL_TICKS;
                }
                state.calls[call].disturbed[self.leg] |= line.is_disturbed();
                if line.is_forked()
                    && let Some((pattern, payload)) = patterns.next(self.leg, line.coding)
                {
                    let number = state.note_sent(call, packet(pattern, line.stream - 1, Some(late)));
                    line.send_forked(rng, tick, &payload, number);
                }
                if rng.chance(1) {
                    // It looks like a telephone event, around which audio is masked.
                    if state.masks_dtmf {
                        state.calls[call].disturbed = [true; 2];
                        state.note_event(call, tick);
                    }
                    return line.send_unknown(rng, tick);
                }
                let Some((pattern, payload)) = patterns.next(self.leg, line.coding) else {
                    return line.be_silent();
                };
                let number = state.note_sent(call, packet(pattern, line.stream, Some(late)));
                line.send(rng, tick, &payload, number);
            }
        }
    }

    /// The host writes the packets that have arrived.
    pub fn write_pending(&mut self, state: &mut ModelState, call: usize, now_ns: u64) {
        let (slot, arrival_ns) = (&self.slot, CLOCK_BEGINS_NS + now_ns);
        let arrived: Vec<(Option<usize>, Vec<u8>)> = match &mut self.audio_path {
            AudioPath::Writes(waiting) => {
                let waiting = waiting.drain(..);
                waiting.map(|(number, payload)| (Some(number), payload)).collect()
            }
            AudioPath::Rtp(line) => {
                let arrived = line.arrived(state.tick).into_iter();
                arrived.map(|packet| (packet.number, packet.bytes)).collect()
            }
        };
        let is_rtp = matches!(self.audio_path, AudioPath::Rtp(_));
        for (number, bytes) in arrived {
            let status = slot.with(|open| match is_rtp {
                true => open.feed.rtp(&bytes, arrival_ns),
                false => open.feed.write(&bytes, arrival_ns),
            });
            if status == Some(Status::Ok)
                && let Some(number) = number
            {
                state.note_written(call, number);
            }
        }
    }

    /// Replaces the sender, or changes its codec. Returns a description; `None` if the leg has no
    /// sender.
    pub fn change(&mut self, rng: &mut SeededRng) -> Option<String> {
        let AudioPath::Rtp(line) = &mut self.audio_path else {
            return None;
        };
        if rng.chance(50) {
            let ticks = rng.pick(&[0, 0, 3, 10]);
            line.fork(rng, ticks);
            return Some(format!("a new stream, beside the old one for {ticks} ticks"));
        }
        let codings = [Coding::Linear16, Coding::Law(Law::Mu), Coding::Law(Law::A)];
        line.coding = rng.pick(&codings);
        Some(format!("{:?} from here on", line.coding))
    }
}
