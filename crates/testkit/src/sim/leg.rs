//! One leg of a simulated call: who speaks there, and how it comes to the engine.

use std::sync::{Arc, Mutex, PoisonError};

use callrec_core::engine::{Call, FeedSlot, OpenFeed};
use callrec_core::words::{Codec, FeedFormat, FeedOptions, Leg, Status};

use super::marks::MarkSource;
use super::model::{ModelPacket, ModelState};
use super::network::{Coding, L16_TYPE, RtpLine};
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

/// How audio comes to a leg.
enum AudioWay {
    /// The host writes it; what it has not handed in yet, by its number.
    Writes(Vec<(usize, Vec<u8>)>),
    /// By RTP.
    Rtp(Box<RtpLine>),
}

pub struct SimLeg {
    leg: usize,
    slot: SimFeedSlot,
    way: AudioWay,
    /// Nobody speaks for so many ticks more.
    silent: u64,
    /// How much earlier a packet may stand, since somebody was silent.
    early: u64,
    /// How much later, since somebody was silent while the host stalled: of what comes then,
    /// nobody can say whether it was held up.
    late: u64,
}

/// A host stalls for no longer.
pub const STALL_TICKS: u64 = 30;

/// A write that comes no later than this, in ticks, goes on where the one before it ended.
const WRITE_SLACK_TICKS: u64 = 6;

const FORMAT: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 8000,
};

/// What the clock of the simulation shows is not where the monotonic clock begins.
const CLOCK_BEGINS_NS: u64 = 1_000_000_000_000;

impl SimLeg {
    /// Opens the leg's feed. In words what is wrong, if it cannot be opened.
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
        let way = match rng.chance(50) {
            true => AudioWay::Writes(Vec::new()),
            false => {
                slot.with(|open| open.set_payload(L16_TYPE, FORMAT));
                AudioWay::Rtp(Box::new(RtpLine::new(rng)))
            }
        };
        let leg = leg as usize;
        Ok(SimLeg {
            leg,
            slot,
            way,
            silent: 0,
            early: 0,
            late: 0,
        })
    }

    /// Whoever is at that end speaks for a tick, or is silent.
    pub fn speak(
        &mut self,
        known: &mut ModelState,
        call: usize,
        marks: &mut MarkSource,
        rng: &mut SeededRng,
        host_stalls: bool,
    ) {
        let tick = known.tick;
        if self.silent == 0 && rng.chance(1) {
            self.silent = rng.between(1, 50);
            let silent = self.silent;
            known.note(format!(
                "call number {call}, leg {}: silent for {silent} ticks",
                self.leg
            ));
        }
        self.silent = self.silent.saturating_sub(1);
        if self.silent > 0 {
            if host_stalls {
                self.late = STALL_TICKS;
            }
            match &mut self.way {
                AudioWay::Rtp(line) => line.be_silent(),
                AudioWay::Writes(_) => {
                    self.early = WRITE_SLACK_TICKS;
                    known.calls[call].disturbed[self.leg] = true;
                }
            }
            return;
        }
        let packet = |mark, stream, late| ModelPacket {
            mark,
            leg: self.leg,
            stream,
            said: tick,
            handed: None,
            late,
            early: self.early,
        };
        match &mut self.way {
            AudioWay::Writes(waiting) => {
                if let Some((mark, payload)) = marks.next(self.leg, Coding::Pcm) {
                    waiting.push((known.say(call, packet(mark, 0, None)), payload));
                }
            }
            AudioWay::Rtp(line) => {
                let mut late = line.path.most_ticks + line.overlap + self.late;
                if line.overlap > 0 && !known.calls[call].steady {
                    late += STALL_TICKS;
                }
                known.calls[call].disturbed[self.leg] |= line.is_disturbed();
                if line.is_forked()
                    && let Some((mark, payload)) = marks.next(self.leg, line.coding)
                {
                    let number = known.say(call, packet(mark, line.stream - 1, Some(late)));
                    line.send_forked(rng, tick, &payload, number);
                }
                if rng.chance(1) {
                    return line.send_unknown(rng, tick);
                }
                let Some((mark, payload)) = marks.next(self.leg, line.coding) else {
                    return line.be_silent();
                };
                let number = known.say(call, packet(mark, line.stream, Some(late)));
                line.send(rng, tick, &payload, number);
            }
        }
    }

    /// The host hands in what has come.
    pub fn hand_in(&mut self, known: &mut ModelState, call: usize, now_ns: u64) {
        let (slot, arrival_ns) = (&self.slot, CLOCK_BEGINS_NS + now_ns);
        let come: Vec<(Option<usize>, Vec<u8>)> = match &mut self.way {
            AudioWay::Writes(waiting) => {
                let waiting = waiting.drain(..);
                waiting.map(|(number, payload)| (Some(number), payload)).collect()
            }
            AudioWay::Rtp(line) => {
                let come = line.arrived(known.tick).into_iter();
                come.map(|packet| (packet.number, packet.bytes)).collect()
            }
        };
        let is_rtp = matches!(self.way, AudioWay::Rtp(_));
        for (number, bytes) in come {
            let status = slot.with(|open| match is_rtp {
                true => open.feed.rtp(&bytes, arrival_ns),
                false => open.feed.write(&bytes, arrival_ns),
            });
            if status == Some(Status::Ok)
                && let Some(number) = number
            {
                known.hand_in(call, number);
            }
        }
    }

    /// The sender at that end becomes another one, or codes otherwise from here on; answers
    /// what has happened. `None`: there is none.
    pub fn change(&mut self, rng: &mut SeededRng) -> Option<String> {
        let AudioWay::Rtp(line) = &mut self.way else {
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
