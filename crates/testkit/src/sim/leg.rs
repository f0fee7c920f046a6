//! One leg of a simulated call: who speaks there, and how it comes to the engine.

use std::sync::{Arc, Mutex, PoisonError};

use callrec_core::engine::{Call, FeedSlot, OpenFeed};
use callrec_core::types::{Codec, FeedFormat, FeedOptions, Leg, Status};

use super::marks::Marks;
use super::model::{Known, Packet};
use super::network::{Coding, L16_TYPE, Line};
use crate::g711::Law;
use crate::random::Dice;

/// Where the host keeps an open feed.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<OpenFeed>>>);

impl Slot {
    fn with<T>(&self, act: impl FnOnce(&mut OpenFeed) -> T) -> Option<T> {
        let mut feed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feed.as_mut().map(act)
    }
}

impl FeedSlot for Slot {
    fn take(&self) -> Option<OpenFeed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How audio comes to a leg.
enum Way {
    /// The host writes it; what it has not handed in yet, by its number.
    Writes(Vec<(usize, Vec<u8>)>),
    /// By RTP.
    Rtp(Box<Line>),
}

pub struct SimLeg {
    leg: usize,
    slot: Slot,
    way: Way,
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
    pub fn open(call: &Call, leg: Leg, dice: &mut Dice) -> Result<SimLeg, String> {
        let options = FeedOptions {
            format: FORMAT,
            ahead_ms: 0,
            channels: 1,
        };
        let slot = Slot::default();
        let placed = call.open_feed(leg, options, |open| {
            *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = open.take();
            Some(slot.clone())
        });
        placed.map_err(|error| format!("a feed cannot be opened: {}", error.message))?;
        let way = match dice.chance(50) {
            true => Way::Writes(Vec::new()),
            false => {
                slot.with(|open| open.set_payload(L16_TYPE, FORMAT));
                Way::Rtp(Box::new(Line::new(dice)))
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
        known: &mut Known,
        call: usize,
        marks: &mut Marks,
        dice: &mut Dice,
        host_stalls: bool,
    ) {
        let tick = known.tick;
        if self.silent == 0 && dice.chance(1) {
            self.silent = dice.between(1, 50);
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
                Way::Rtp(line) => line.be_silent(),
                Way::Writes(_) => {
                    self.early = WRITE_SLACK_TICKS;
                    known.calls[call].disturbed[self.leg] = true;
                }
            }
            return;
        }
        let packet = |mark, stream, late| Packet {
            mark,
            leg: self.leg,
            stream,
            said: tick,
            handed: None,
            late,
            early: self.early,
        };
        match &mut self.way {
            Way::Writes(waiting) => {
                if let Some((mark, payload)) = marks.next(self.leg, Coding::Pcm) {
                    waiting.push((known.say(call, packet(mark, 0, None)), payload));
                }
            }
            Way::Rtp(line) => {
                let mut late = line.path.most_ticks + line.overlap + self.late;
                if line.overlap > 0 && !known.calls[call].steady {
                    late += STALL_TICKS;
                }
                known.calls[call].disturbed[self.leg] |= line.is_disturbed();
                if line.is_forked()
                    && let Some((mark, payload)) = marks.next(self.leg, line.coding)
                {
                    let number = known.say(call, packet(mark, line.stream - 1, Some(late)));
                    line.send_forked(dice, tick, &payload, number);
                }
                if dice.chance(1) {
                    return line.send_unknown(dice, tick);
                }
                let Some((mark, payload)) = marks.next(self.leg, line.coding) else {
                    return line.be_silent();
                };
                let number = known.say(call, packet(mark, line.stream, Some(late)));
                line.send(dice, tick, &payload, number);
            }
        }
    }

    /// The host hands in what has come.
    pub fn hand_in(&mut self, known: &mut Known, call: usize, now_ns: u64) {
        let (slot, arrival_ns) = (&self.slot, CLOCK_BEGINS_NS + now_ns);
        let come: Vec<(Option<usize>, Vec<u8>)> = match &mut self.way {
            Way::Writes(waiting) => {
                let waiting = waiting.drain(..);
                waiting.map(|(number, payload)| (Some(number), payload)).collect()
            }
            Way::Rtp(line) => {
                let come = line.arrived(known.tick).into_iter();
                come.map(|packet| (packet.number, packet.bytes)).collect()
            }
        };
        let is_rtp = matches!(self.way, Way::Rtp(_));
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
    pub fn change(&mut self, dice: &mut Dice) -> Option<String> {
        let Way::Rtp(line) = &mut self.way else {
            return None;
        };
        if dice.chance(50) {
            let ticks = dice.pick(&[0, 0, 3, 10]);
            line.fork(dice, ticks);
            return Some(format!("a new stream, beside the old one for {ticks} ticks"));
        }
        let codings = [Coding::Linear16, Coding::Law(Law::Mu), Coding::Law(Law::A)];
        line.coding = dice.pick(&codings);
        Some(format!("{:?} from here on", line.coding))
    }
}
